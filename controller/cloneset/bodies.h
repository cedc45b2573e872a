/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of every request the controller sends, as pure functions (spec Appendix A). Patches carry uid and either
 * resourceVersion or JSON Patch tests, so that a stale view cannot overwrite anything.
 */
#ifndef CS_CONTROLLER_BODIES_H
#define CS_CONTROLLER_BODIES_H

#include "common/api/cloneset.h"
#include "common/api/objects.h"
#include "common/api/pod.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "controller/plan/plan.h"

struct cs_new_pod {
    const struct cs_cloneset *set;
    const char *name, *id;
    const char *revision; /* full revision name */
    bool short_hash; /* gate CloneSetShortHash: its label holds the hash alone */
    const char *tmpl; /* the template's JSON */
    struct cs_vcts vcts;
    int64_t now_ms;
};
/* Spec §4.5, A.1. The template is spliced, never re-printed. False: the template is no object. */
bool cs_body_pod(const struct cs_new_pod *n, struct cs_strbuf *out, struct cs_error *err);
/* Spec §4.5, A.2. a: CREATE_CLAIM, with the claim template's name, the claim's name and its id. */
bool cs_body_claim(
    const struct cs_cloneset *set, const struct cs_action *a, struct cs_strbuf *out, struct cs_error *err);
/* Spec §4.2, with the claim templates of now in an annotation (U-09). ret_name: its name (254 bytes). */
bool cs_body_revision(const struct cs_cloneset *set, int64_t number, int32_t collision_count,
    char ret_name[CS_NAME_SIZE], struct cs_strbuf *out, struct cs_error *err);
/* Merge patch: the number, and the claim templates with their hash when the stored hash differs (spec §4.3). */
void cs_body_renumber(
    const struct cs_revision *r, const struct cs_cloneset *set, int64_t number, struct cs_strbuf *out);

/* DeleteOptions with uid and resourceVersion. */
void cs_body_delete(const struct cs_meta *m, struct cs_strbuf *out);
/* D3, merge patch of ownerReferences: the set's becomes the Pod's, or back. */
void cs_body_hand_over(const struct cs_claim *c, const struct cs_pod *to, struct cs_strbuf *out);
void cs_body_hand_back(
    const struct cs_claim *c, const struct cs_pod *from, const struct cs_cloneset *set, struct cs_strbuf *out);
/* Merge patch: names the version that it replaces, so that it always makes a new one (D12). */
void cs_body_fence(const struct cs_claim *c, struct cs_strbuf *out);
/* Merge patch: a larger request (U-13). */
void cs_body_expand(const struct cs_claim *c, const char *request, struct cs_strbuf *out);
void cs_body_release(const struct cs_pod *p, const char *set_uid, struct cs_strbuf *out);
void cs_body_mark(const struct cs_pod *p, const char *revision, struct cs_strbuf *out); /* D8, merge patch */
void cs_body_unmark(const struct cs_pod *p, struct cs_strbuf *out);
/* podsToDelete without the names that are in `gone`. */
void cs_body_strike(
    const struct cs_cloneset *set, bool (*keep)(void *ctx, const char *name), void *ctx, struct cs_strbuf *out);

/* Strategic merge patches of pods/status. */
void cs_body_gate_off(const struct cs_pod *p, int64_t now_ms, struct cs_strbuf *out);
/* REFRESH, LIFECYCLE and REARM alike: whatever of labels, annotations, finalizers and conditions the action names. */
void cs_body_refresh(const struct cs_pod *p, const struct cs_action *a, int64_t now_ms, struct cs_strbuf *out);

/* JSON Patches of pods (spec §6.6 B, C; §6.7). from, to: revision data. False: they cannot be read, or nothing fits the Pod. */
struct cs_inplace_body {
    const struct cs_pod *pod;
    const struct cs_revision *from, *to;
    int64_t grace_s; /* START only */
    int64_t now_ms;
    bool short_hash; /* gate CloneSetShortHash */
    bool serving; /* the Pod was not taken out of service: nothing restarts */
    const struct cs_jtree *from_norm, *to_norm; /* both when cpu or memory change, else NULL */
};
bool cs_body_inplace_start(const struct cs_inplace_body *b, struct cs_strbuf *out, struct cs_error *err);
bool cs_body_inplace_apply(const struct cs_inplace_body *b, struct cs_strbuf *out, struct cs_error *err);
bool cs_body_grace_apply(const struct cs_pod *p, int64_t now_ms, struct cs_strbuf *out, struct cs_error *err);
void cs_body_grace_drop(const struct cs_pod *p, struct cs_strbuf *out);
/*
 * Strategic merge patch of pods/resize: the values of the Pod's state annotation, guarded by the version that they were read
 * from, so that whatever has overtaken the update meanwhile keeps it from being sent.
 */
void cs_body_resize(const struct cs_pod *p, struct cs_strbuf *out);

#endif
