/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Observations for the planner's tests, written as short rows. The set is "web" (uid u1) with the revisions web-old (1) and
 * web-new (2), which is the live template unless a test says otherwise; a Pod's row is its id and words:
 *
 *   "bbbbb old ready"   "ccccc new unready state:Updating"   "ddddd old ready terminating claims"   "fffff old label:a=b"
 *
 *   "eeeee new pending waiting:ErrImagePull"   "fffff new pending nodeless unschedulable"   "ggggg old ready hold" (label hold=yes)
 *
 *   "hhhhh new fresh unreported age:1" (no word of its kubelet, created a second ago)   "iiiii old bound:3" (three seconds ago)
 *
 * Unsaid: running on node n1, state Normal, readiness gate True, Ready since an hour. "label:a=b,c=d" and "finalizer:x,y" are
 * on the Pod besides. Gate KruisePodReady: "kruise" (True), "kruise-new" (no condition), "keys:du" (False, with the keys
 * preDeleteHook and preUpdateHook; x: one of somebody else). A Pod that is "kept" leaves its claims behind. A claim's row:
 * "bbbbb", "bbbbb pod" (handed over to its Pod), "bbbbb foreign", "bbbbb busy", and "made" (for a Pod to come), "late" (for 5 s a lost request may take it away), "asked" (the
 * server has just said that no Pod has the id), "template:logs" (instead of data), "request:2Gi" (instead of 1Gi), "pending",
 * "resizing", "refused:2Gi". Include after cmocka.h.
 */
#ifndef CS_TEST_UNIT_PLAN_FIXTURE_H
#define CS_TEST_UNIT_PLAN_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/api/gvr.h"
#include "common/api/intern.h"
#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/strbuf.h"
#include "common/cloneset/defaults.h"
#include "controller/plan/parts.h"

#define FX_NOW INT64_C(1760000000000)
#define FX_MAX 64

struct fx {
    struct cs_intern *pool;
    struct cs_cloneset *set;
    struct cs_pod *pods[FX_MAX];
    struct cs_claim *claims[FX_MAX];
    struct cs_revision *revs[FX_MAX];
    struct cs_view_pod vpods[FX_MAX];
    struct cs_view_claim vclaims[FX_MAX];
    struct cs_view_revision vrevs[FX_MAX];
    char *texts[4 * FX_MAX];
    size_t n_texts;
    const char *absent[FX_MAX];
    struct cs_norm *norm;
    uint64_t norms; /* made so far: their ids */
    struct cs_gates gates;
    struct cs_observation o;
    struct cs_plan plan;
    char text[8192]; /* the plan, see fx_plan */
};

#define FX_TEMPLATE(members) "{'metadata':{'labels':{'app':'web'}},'spec':{'containers':[{'name':'c'," members "}]}}"
#define FX_OLD FX_TEMPLATE("'image':'nginx:1'")
#define FX_NEW FX_TEMPLATE("'image':'nginx:2'")
#define FX_ENV                                                                                                         \
    FX_TEMPLATE("'image':'nginx:1','env':[{'name':'A','value':'b'}]") /* not reachable in place from FX_OLD */

void fx_revision(struct fx *f, const char *name, int64_t number, const char *tmpl);
/* One that records claim templates; in recorded, \\' stands for a quote. NULL: none. */
void fx_revision_with(struct fx *f, const char *name, int64_t number, const char *tmpl, const char *recorded);
/* spec: members of the spec besides selector and template. tmpl: the live template. */
void fx_set(struct fx *f, const char *spec, const char *tmpl, const char *status);
void fx_empty(struct fx *f);
/* The usual world: web-old and web-new, status.currentRevision web-old. */
void fx_init(struct fx *f, const char *spec);

struct cs_view_pod *fx_pod(struct fx *f, const char *row);
void fx_claim(struct fx *f, const char *row);
/* Rows separated by "; ", for Pods or claims. */
void fx_rows(struct fx *f, const char *rows, bool claims);
/* The first n of f->absent were confirmed to be without Pod (D6). */
void fx_absent(struct fx *f, uint32_t n);
/*
 * Plans, and prints it: "delete-pod bbbbb, create-pod * new". Objects by id; "*" is a new id; creations tell the revision,
 * a refresh what it writes ("kruise": KruisePodReady True; "+preUpdateHook": a key of it added).
 */
const char *fx_plan(struct fx *f);
void fx_done(struct fx *f);

/* One situation and the plan it must give. */
struct fx_row {
    const char *when; /* a sentence */
    const char *spec, *pods, *claims;
    const char *then; /* fx_plan's text */
};
void fx_run_rows(const struct fx_row *rows, size_t n);
#define FX_RUN(rows) fx_run_rows(rows, CS_ARRAY_LEN(rows))

#define FX_VCT "'volumeClaimTemplates':[{'metadata':{'name':'data'},'spec':{'accessModes':['ReadWriteOnce']}}]"
#define FX_INPLACE "'updateStrategy':{'type':'InPlaceIfPossible'}"
/* Hooks; a Pod that they hold (or, for preNormal, let go) has "label:hook/delete=on", "finalizer:hook/update", "label:hook/normal=on". */
#define FX_HOOKS(hooks) "'lifecycle':{" hooks "}"
#define FX_PRE_DELETE "'preDelete':{'labelsHandler':{'hook/delete':'on'}}"
#define FX_PRE_DELETE_MARKING "'preDelete':{'labelsHandler':{'hook/delete':'on'},'markPodNotReady':true}"
#define FX_PRE_UPDATE "'inPlaceUpdate':{'finalizersHandler':['hook/update']}"
#define FX_PRE_UPDATE_MARKING "'inPlaceUpdate':{'finalizersHandler':['hook/update'],'markPodNotReady':true}"
#define FX_PRE_NORMAL "'preNormal':{'labelsHandler':{'hook/normal':'on'}}"

#endif
