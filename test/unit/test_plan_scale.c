/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Creating and deleting: spec §5.1, §5.4, §5.5, §4.6 with D1 to D4, D6, D7; podsToDelete (D16); and what must hold of any
 * plan whatever is observed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/rand.h"
#include "test/unit/plan_fixture.h"

static void spec_5_4_creation(void **state)
{
    static const struct fx_row rows[] = {
        {"one Pod is missing", "'replicas':2", "bbbbb new ready", "", "create-pod * new"},
        {"creations under way count", "'replicas':2", "bbbbb new ready; ccccc new busy:create", "", ""},
        {"the partition keeps the first at the current revision", "'replicas':2,'updateStrategy':{'partition':1}", "",
            "", "create-pod * old, create-pod * new"},
        {"an old one under way fills the partition", "'replicas':2,'updateStrategy':{'partition':1}",
            "ccccc old busy:create", "", "create-pod * new"},
        {"Terminating and finished Pods do not count", "'replicas':1",
            "bbbbb new ready terminating; ccccc new failed; ddddd new succeeded", "", "create-pod * new"},
        {"a Pod of another owner does not count", "'replicas':1", "bbbbb new ready stranger", "", "create-pod * new"},
        {"surge comes before the update", "'replicas':1,'updateStrategy':{'maxSurge':1}", "bbbbb old ready", "",
            "create-pod * new"},
        {"claims come before their Pod", "'replicas':1," FX_VCT, "", "", "create-claim *"},
    };

    (void)state;
    FX_RUN(rows);
}

static void spec_4_4_a_pod_that_left_the_selector_is_released(void **state)
{
    static const struct fx_row rows[] = {
        {"its labels do not match", "'replicas':1", "bbbbb new ready unmatched", "", "release bbbbb, create-pod * new"},
        {"the release is under way", "'replicas':1", "bbbbb new ready unmatched busy:patch", "", "create-pod * new"},
        {"it is on its way out anyway", "'replicas':0", "bbbbb new ready unmatched terminating", "", ""},
    };

    (void)state;
    FX_RUN(rows);
}

static void spec_5_1_deletion(void **state)
{
    static const struct fx_row rows[] = {
        {"two too many, old first", "'replicas':1", "bbbbb new ready; ccccc old ready; ddddd old ready", "",
            "delete-pod ccccc, delete-pod ddddd"},
        {"young Pods are not ready enough: those not Ready go at once", "'replicas':1,'minReadySeconds':60",
            "bbbbb new ready since:5; ccccc new ready since:5; ddddd new unready", "", "delete-pod ddddd"},
        {"a DELETE under way is not repeated and counts", "'replicas':1",
            "bbbbb new ready; ccccc new ready busy:delete", "", ""},
        {"specified Pods within maxUnavailable", "'replicas':3",
            "bbbbb new ready specified; ccccc new ready specified;"
            " ddddd new ready",
            "", "delete-pod bbbbb"},
        {"a ready DELETE under way uses the limit", "'replicas':3",
            "bbbbb new ready specified;"
            " ccccc new ready specified busy:delete; ddddd new ready",
            "", ""},
        {"a specified Pod that is not ready uses the limit as well", "'replicas':3",
            "bbbbb new unready specified;"
            " ccccc new ready specified; ddddd new ready",
            "", "delete-pod bbbbb"},
        {"a young one asked to go goes on its own account", "'replicas':3,'minReadySeconds':60",
            "bbbbb new ready since:5 specified; ccccc new ready; ddddd new ready", "", "delete-pod bbbbb"},
        {"podsToDelete names it", "'replicas':2,'scaleStrategy':{'podsToDelete':['web-ccccc']}",
            "bbbbb new ready; ccccc new ready", "", "delete-pod ccccc"},
        {"scale-in waits for the specified", "'replicas':1",
            "bbbbb new ready; ccccc new ready specified; ddddd new ready", "", "delete-pod ccccc"},
        {"nothing is deleted while something is created", "'replicas':2", "bbbbb new ready specified", "",
            "create-pod * new"},
    };

    (void)state;
    FX_RUN(rows);
}

static void d5e_no_pod_goes_for_one_that_is_being_created(void **state)
{
    static const struct fx_row rows[] = {
        {"an old one would be the first to go", "'replicas':1", "bbbbb old ready; ddddd new busy:create", "", ""},
        {"another one goes", "'replicas':1", "bbbbb old ready; ccccc new ready; ddddd new busy:create", "",
            "delete-pod bbbbb"},
    };

    (void)state;
    FX_RUN(rows);
}

static void d1_terminating_pod_with_claims_holds_its_id(void **state)
{
    static const struct fx_row rows[] = {
        {"somebody deleted it: its vacancy waits", "'replicas':1," FX_VCT, "bbbbb new ready terminating claims",
            "bbbbb", ""},
        {"without claims a new id comes at once", "'replicas':1", "bbbbb new ready terminating", "",
            "create-pod * new"},
        {"claims that are the Pod's hold nothing", "'replicas':1," FX_VCT, "bbbbb new ready terminating claims",
            "bbbbb pod", "create-claim *"},
        {"its node is lost but the 30 s have not passed", "'replicas':1," FX_VCT,
            "bbbbb new unready terminating:29 lost claims", "bbbbb", ""},
        {"lost for 31 s: a fresh id", "'replicas':1," FX_VCT, "bbbbb new unready terminating:31 lost claims", "bbbbb",
            "create-claim *"},
        {"31 s on a healthy node: it waits", "'replicas':1," FX_VCT, "bbbbb new unready terminating:31 claims", "bbbbb",
            ""},
        {"one waits, the other missing one does not", "'replicas':2," FX_VCT, "bbbbb new ready terminating claims",
            "bbbbb", "create-claim *"},
    };

    (void)state;
    FX_RUN(rows);
}

static void d1_the_lost_node_is_told_and_looked_at_again(void **state)
{
    struct fx f;

    (void)state;
    fx_init(&f, "'replicas':1," FX_VCT);
    fx_rows(&f, "bbbbb new unready terminating:10 lost claims", false);
    fx_rows(&f, "bbbbb", true);
    assert_string_equal(fx_plan(&f), "");
    assert_int_equal(f.plan.requeue_at_ms, FX_NOW + 20000);
    assert_int_equal(f.plan.n_notes, 0);
    f.o.now_ms = f.plan.requeue_at_ms;
    assert_string_equal(fx_plan(&f), "create-claim *");
    assert_int_equal(f.plan.n_notes, 1);
    assert_string_equal(f.plan.notes[0].reason, "NodeLost");
    fx_done(&f);
}

static void d1_finished_pod_is_deleted_and_its_claims_stay(void **state)
{
    static const struct fx_row rows[] = {
        {"it has failed: the Pod goes, the claim is not handed over", "'replicas':1," FX_VCT, "bbbbb new failed claims",
            "bbbbb", "delete-pod bbbbb"},
        {"it has succeeded", "'replicas':1," FX_VCT, "bbbbb new succeeded claims", "bbbbb", "delete-pod bbbbb"},
        {"the DELETE is under way", "'replicas':1," FX_VCT, "bbbbb new failed claims busy:delete", "bbbbb", ""},
        {"of a set without claims it is left alone", "'replicas':1", "bbbbb new failed", "", "create-pod * new"},
        {"another owner's is left alone", "'replicas':0," FX_VCT, "bbbbb new failed stranger", "", ""},
    };

    (void)state;
    FX_RUN(rows);
}

static void d3_claims_are_handed_over_before_the_pod_goes(void **state)
{
    static const struct fx_row rows[] = {
        {"the claim is the set's", "'replicas':0," FX_VCT, "bbbbb new ready claims", "bbbbb", "hand-over-claim bbbbb"},
        {"the hand-over is under way", "'replicas':0," FX_VCT, "bbbbb new ready claims", "bbbbb busy", ""},
        {"the claim is the Pod's", "'replicas':0," FX_VCT, "bbbbb new ready claims", "bbbbb pod", "delete-pod bbbbb"},
        {"the claim is on its way out", "'replicas':0," FX_VCT, "bbbbb new ready claims", "bbbbb terminating",
            "delete-pod bbbbb"},
        {"it is wanted after all", "'replicas':1," FX_VCT, "bbbbb new ready claims", "bbbbb pod",
            "hand-back-claim bbbbb"},
        {"it is on its way out: nothing comes back", "'replicas':0," FX_VCT, "bbbbb new ready terminating claims",
            "bbbbb pod", ""},
    };

    (void)state;
    FX_RUN(rows);
}

static void d4_what_is_not_ours_is_left_alone(void **state)
{
    struct fx f;
    static const struct fx_row rows[] = {
        {"a foreign claim is not handed over", "'replicas':0," FX_VCT, "bbbbb new ready claims", "bbbbb foreign",
            "delete-pod bbbbb"},
        {"a foreign claim's id is not taken over", "'replicas':1," FX_VCT, "", "bbbbb foreign", "create-claim *"},
        {"a dying claim's id is not taken over", "'replicas':1," FX_VCT, "", "bbbbb terminating", "create-claim *"},
    };

    (void)state;
    FX_RUN(rows);
    /* another Pod of the set mounts it, in any phase */
    fx_init(&f, "'replicas':1," FX_VCT);
    fx_rows(&f, "bbbbb new failed claims", false);
    f.pods[0]->id = f.vpods[0].id = "ccccc";
    fx_rows(&f, "bbbbb", true);
    fx_absent(&f, 1);
    f.absent[0] = "bbbbb";
    assert_null(strstr(fx_plan(&f), "create-pod bbbbb"));
    f.pods[0]->id = f.claims[0]->id; /* as it was, for its release */
    fx_done(&f);
}

static void d6_an_id_is_taken_over_after_the_server_said_it_is_free(void **state)
{
    struct fx f;

    (void)state;
    fx_init(&f, "'replicas':1," FX_VCT);
    fx_rows(&f, "bbbbb", true);
    assert_string_equal(fx_plan(&f), "confirm-absent bbbbb");
    assert_string_equal(f.plan.actions[0].name, "web-bbbbb");
    f.absent[0] = "bbbbb";
    fx_absent(&f, 1);
    assert_string_equal(fx_plan(&f), "create-pod bbbbb new");
    f.vclaims[0].busy = CS_BUSY_PATCH;
    assert_string_equal(fx_plan(&f), "");
    fx_done(&f);
}

static void d7_the_same_view_chooses_the_same_names(void **state)
{
    char first[CS_NAME_SIZE];
    struct fx f;

    (void)state;
    fx_init(&f, "'replicas':3");
    fx_rows(&f, "bbbbb new ready; ccccc new ready", false);
    assert_string_equal(fx_plan(&f), "create-pod * new");
    (void)snprintf(first, sizeof(first), "%s", f.plan.actions[0].name);
    fx_done(&f);
    fx_init(&f, "'replicas':3");
    fx_rows(&f, "ccccc new ready; bbbbb new ready", false); /* another order */
    assert_string_equal(fx_plan(&f), "create-pod * new");
    assert_string_equal(f.plan.actions[0].name, first);
    assert_true(cs_id_valid(cs_str(f.plan.actions[0].id)));
    fx_done(&f);
}

static void d2_destructive_steps_wait_for_a_fresh_set(void **state)
{
    static const struct {
        const char *spec, *pods, *claims;
    } rows[] = {
        {"'replicas':0", "bbbbb new ready", ""},
        {"'replicas':0," FX_VCT, "bbbbb new ready claims", "bbbbb"},
        {"'replicas':1," FX_VCT, "bbbbb new failed claims", "bbbbb"},
        {"'replicas':1", "bbbbb old ready", ""},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct fx f;

        fx_init(&f, rows[i].spec);
        f.o.set_fresh = false;
        fx_rows(&f, rows[i].pods, false);
        fx_rows(&f, rows[i].claims, true);
        assert_string_equal(fx_plan(&f), "read-set");
        f.o.set_fresh = true;
        assert_null(strstr(fx_plan(&f), "read-set"));
        assert_int_equal(f.plan.n, 1);
        fx_done(&f);
    }
}

static void d16_vanished_names_are_struck_and_told(void **state)
{
    struct fx f;

    (void)state;
    fx_init(&f, "'replicas':1,'scaleStrategy':{'podsToDelete':['web-bbbbb','web-zzzzz']}");
    fx_rows(&f, "bbbbb new ready terminating; ccccc new ready", false);
    assert_string_equal(fx_plan(&f), "strike");
    assert_int_equal(f.plan.n_notes, 1); /* of web-bbbbb the user knows why */
    assert_non_null(strstr(f.plan.notes[0].message, "web-zzzzz"));
    f.o.set_busy = true;
    assert_string_equal(fx_plan(&f), "");
    fx_done(&f);
}

static void d16_names_in_any_order_and_repeated(void **state)
{
    struct fx f;

    (void)state;
    fx_init(&f, "'replicas':4,'updateStrategy':{'paused':true,'maxUnavailable':4},'scaleStrategy':{'podsToDelete':["
                "'web-zzzzz','web-fffff','web-bbbbb','web-aaaaa','web-fffff','']}");
    fx_rows(&f, "ggggg old ready; fffff old ready; bbbbb old ready; ccccc old ready", false);
    assert_string_equal(fx_plan(&f), "strike, delete-pod bbbbb, delete-pod fffff");
    assert_int_equal(f.plan.n_notes, 3); /* zzzzz, aaaaa and the empty name */
    fx_done(&f);
}

static void d16_a_name_comes_back_after_it_was_struck(void **state)
{
    static const struct fx_row rows[] = {
        {"its Pod is gone and the list still has it",
            "'replicas':1,'scaleStrategy':{'podsToDelete':['web-bbbbb']}," FX_VCT, "", "bbbbb", "strike"},
        {"the list is empty", "'replicas':1," FX_VCT, "", "bbbbb", "confirm-absent bbbbb"},
    };

    (void)state;
    FX_RUN(rows);
}

/* A DELETE or a hand-over that was sent earlier may land under the Pod that takes the claim over. */
static void d12_a_claim_that_may_still_go_is_fenced_first(void **state)
{
    static const struct fx_row rows[] = {
        {"asked about at the same time", "'replicas':2," FX_VCT, "ccccc old ready", "bbbbb unfenced; ccccc unfenced",
            "fence-claim bbbbb, confirm-absent bbbbb"},
        {"each of its claims", "'replicas':2," FX_VCT, "ccccc old ready",
            "bbbbb unfenced; bbbbb template:logs unfenced; bbbbb template:more; ccccc",
            "fence-claim bbbbb, fence-claim bbbbb, confirm-absent bbbbb"},
        {"the write is under way", "'replicas':2," FX_VCT, "ccccc old ready", "bbbbb unfenced busy; ccccc", ""},
        {"no other is taken instead", "'replicas':2," FX_VCT, "ccccc old ready", "bbbbb; ccccc",
            "confirm-absent bbbbb"},
        {"nobody takes it over", "'replicas':1," FX_VCT, "ccccc new ready", "bbbbb unfenced; ccccc unfenced", ""},
    };

    (void)state;
    FX_RUN(rows);
}

static void spec_4_3_revisions(void **state)
{
    struct fx f;

    (void)state;
    fx_empty(&f); /* none yet: nothing but the revision is written, no status either */
    fx_set(&f, "'replicas':1", FX_NEW, "");
    assert_string_equal(fx_plan(&f), "create-revision");
    assert_int_equal(f.plan.actions[0].number, 1);
    assert_false(f.plan.have_status);
    f.o.revision_busy = true;
    assert_string_equal(fx_plan(&f), "");
    assert_false(f.plan.have_status);
    fx_done(&f);
    fx_empty(&f); /* a third template */
    fx_set(&f, "'replicas':1", FX_ENV, "'currentRevision':'web-old'");
    fx_revision(&f, "web-old", 1, FX_OLD);
    fx_revision(&f, "web-new", 7, FX_NEW);
    fx_rows(&f, "bbbbb old ready", false);
    assert_string_equal(fx_plan(&f), "create-revision");
    assert_int_equal(f.plan.actions[0].number, 8);
    assert_false(f.plan.have_status);
    fx_done(&f);
    fx_empty(&f); /* rollback: the old one becomes the newest */
    fx_set(&f, "'replicas':1", FX_OLD, "'currentRevision':'web-old'");
    fx_revision(&f, "web-old", 1, FX_OLD);
    fx_revision(&f, "web-new", 2, FX_NEW);
    fx_rows(&f, "bbbbb old ready", false);
    assert_string_equal(fx_plan(&f), "renumber-revision web-old");
    assert_int_equal(f.plan.actions[0].number, 3);
    assert_string_equal(f.plan.status.update_revision, "web-old");
    fx_done(&f);
}

static void spec_4_3_history_is_cut(void **state)
{
    static const enum cs_busy under_way[] = {CS_BUSY_PATCH, CS_BUSY_READ}; /* an update to web-a, before a rollback */
    struct fx f;

    (void)state;
    fx_empty(&f);
    fx_set(&f, "'replicas':1,'revisionHistoryLimit':1", FX_NEW, "'currentRevision':'web-new'");
    fx_revision(&f, "web-old", 1, FX_OLD); /* carried by a Pod on its way out: stays */
    fx_revision(&f, "web-a", 2, FX_TEMPLATE("'image':'nginx:a'"));
    fx_revision(&f, "web-b", 3, FX_TEMPLATE("'image':'nginx:b'"));
    fx_revision(&f, "web-new", 4, FX_NEW);
    fx_rows(&f, "bbbbb new ready; ccccc old ready terminating", false);
    for (size_t i = 0; i < CS_ARRAY_LEN(under_way); i++) {
        f.vpods[0].busy = under_way[i];
        assert_string_equal(fx_plan(&f), "");
    }
    f.vpods[0].busy = CS_IDLE;
    assert_string_equal(fx_plan(&f), "delete-revision web-a");
    f.vrevs[1].busy = CS_BUSY_DELETE;
    assert_string_equal(fx_plan(&f), "");
    fx_done(&f);
}

static void spec_4_3_what_any_pod_carries_stays(void **state)
{
    struct fx f;
    static const char *const carried[] = {"web-new", "web-a", "web-b", "web-a", "c", NULL};

    (void)state;
    fx_empty(&f);
    fx_set(&f, "'replicas':6,'revisionHistoryLimit':0,'updateStrategy':{'paused':true}", FX_NEW,
        "'currentRevision':'web-old'");
    fx_revision(&f, "web-old", 1, FX_OLD);
    fx_revision(&f, "web-a", 2, FX_TEMPLATE("'image':'nginx:a'"));
    fx_revision(&f, "web-b", 3, FX_TEMPLATE("'image':'nginx:b'"));
    fx_revision(&f, "web-c", 4, FX_TEMPLATE("'image':'nginx:c'"));
    fx_revision(&f, "web-d", 5, FX_TEMPLATE("'image':'nginx:d'"));
    fx_revision(&f, "web-new", 6, FX_NEW);
    fx_rows(&f, "bbbbb old ready; ccccc old ready; ddddd old ready; fffff old ready; ggggg old ready; hhhhh old ready",
        false);
    for (size_t i = 0; i < CS_ARRAY_LEN(carried); i++)
        f.vpods[i].revision = carried[i];
    assert_string_equal(fx_plan(&f), "delete-revision web-d");
    fx_done(&f);
}

/* ---- what holds of any plan ---- */

static const char *any(struct cs_rand *r, const char *const *of, size_t n)
{
    return of[cs_rand_below(r, n)];
}
#define ANY(r, ...) any(r, (const char *const[]){__VA_ARGS__}, CS_ARRAY_LEN(((const char *const[]){__VA_ARGS__})))

static void random_world(struct fx *f, struct cs_rand *r)
{
    static const char alphabet[] = "bcdfghjklmnpqrstvwxz";
    cs_autofree char *spec =
        cs_xasprintf("'replicas':%d,'minReadySeconds':%s,'scaleStrategy':{'podsToDelete':[%s]%s%s},"
                     "'updateStrategy':{'type':'%s','partition':%s,'maxSurge':%s,'maxUnavailable':%s,"
                     "'paused':%s}%s%s",
            (int)cs_rand_below(r, 8), ANY(r, "0", "60"), ANY(r, "", "'web-bbbbb'", "'web-ccccc','web-y'"),
            ANY(r, "", ",'maxUnavailable':1"), ANY(r, "", "", ",'disablePVCReuse':true"),
            ANY(r, "ReCreate", "InPlaceIfPossible", "InPlaceOnly", "OnDelete"), ANY(r, "0", "2", "'50%'"),
            ANY(r, "0", "1", "2"), ANY(r, "0", "1", "'40%'"), ANY(r, "false", "false", "true"), ANY(r, "", "," FX_VCT),
            ANY(r, "", "", "," FX_HOOKS(FX_PRE_DELETE), "," FX_HOOKS(FX_PRE_DELETE_MARKING "," FX_PRE_UPDATE),
                "," FX_HOOKS(FX_PRE_UPDATE_MARKING "," FX_PRE_NORMAL)));
    uint64_t n = cs_rand_below(r, 10);

    fx_empty(f);
    fx_set(f, spec, ANY(r, FX_NEW, FX_NEW, FX_OLD),
        ANY(r, "'currentRevision':'web-old'", "'currentRevision':'web-new'", ""));
    fx_revision(f, "web-old", 1, ANY(r, FX_OLD, FX_OLD, FX_ENV));
    fx_revision(f, "web-new", 2, FX_NEW);
    for (uint64_t i = 0; i < n; i++) {
        char c = alphabet[i];
        cs_autofree char *row = cs_xasprintf("%c%c%c%c%c %s %s since:%s %s %s %s %s %s %s %s claims", c, c, c, c, c,
            ANY(r, "old", "new"), ANY(r, "ready", "ready", "unready", "gate-off", "pending", "fresh ready"),
            ANY(r, "5", "500"), ANY(r, "", "", "", "terminating:5", "terminating:50 lost", "failed"),
            ANY(r, "", "", "", "specified", "marked", "unmatched", "hashless", "kept", "kept marked"),
            ANY(r, "", "", "state:Updating", "state:PreparingNormal", "state:PreparingDelete", "state:PreparingUpdate",
                "state:Updated"),
            ANY(r, "", "label:hook/delete=on", "label:hook/delete=on,hook/normal=on"),
            ANY(r, "", "finalizer:hook/update"), ANY(r, "", "", "kruise", "kruise-new", "keys:d", "keys:ux"),
            ANY(r, "", "", "", "busy:create", "busy:patch", "busy:delete", "busy:read"));
        cs_autofree char *claim = cs_xasprintf("%c%c%c%c%c %s", c, c, c, c, c,
            ANY(r, "", "", "pod", "busy", "foreign", "terminating", "asked", "made", "request:500Mi"));

        (void)fx_pod(f, row);
        if (f->set->n_vcts > 0 && cs_rand_below(r, 4) > 0)
            fx_claim(f, claim);
    }
    if (f->set->n_vcts > 0 && cs_rand_below(r, 2)) { /* vacancies */
        fx_claim(f, ANY(r, "zzzzz", "zzzzz asked", "zzzzz made"));
        f->absent[0] = "zzzzz";
        fx_absent(f, (uint32_t)cs_rand_below(r, 2));
    }
    f->set->expand_claims = cs_rand_below(r, 2);
    f->o.set_fresh = cs_rand_below(r, 3) > 0;
    f->gates.partition_rollback = cs_rand_below(r, 4) == 0;
    f->gates.preparing_update_as_update = cs_rand_below(r, 4) == 0;
}

/* The object of an action as one text; NULL for reads. */
static const char *object_of(const struct cs_action *a, char buf[CS_NAME_SIZE + 8])
{
    const char *name = a->claim ? a->claim->meta.name : a->pod ? a->pod->meta.name : a->name ? a->name : "";

    if (a->kind == CS_ACT_READ_SET)
        return NULL;
    if (a->kind == CS_ACT_DELETE_REVISION || a->kind == CS_ACT_RENUMBER_REVISION)
        name = a->revision->meta.name;
    (void)snprintf(buf, CS_NAME_SIZE + 8, "%s%s", a->claim || a->kind == CS_ACT_CREATE_CLAIM ? "claim " : "", name);
    return buf;
}

static void check_one_action_per_object(const struct fx *f, uint64_t seed)
{
    for (uint32_t i = 0; i < f->plan.n; i++)
        for (uint32_t k = 0; k < i; k++) {
            char x[CS_NAME_SIZE + 8];
            char y[CS_NAME_SIZE + 8];
            const char *a = object_of(&f->plan.actions[i], x);
            const char *b = object_of(&f->plan.actions[k], y);

            if (a && b && strcmp(a, b) == 0)
                fail_msg("seed %llu: two actions on %s: %s", (unsigned long long)seed, a, f->text);
        }
}

static void check_limits(const struct fx *f, uint64_t seed)
{
    uint32_t active = 0, creates = 0, reads = 0;
    bool prepares;
    int32_t missing = 0, ready_deleted = 0, ready_going = 0, n;
    struct cs_limits l;

    cs_limits_of(f->set, cs_streq(f->plan.status.current_revision, f->plan.status.update_revision), &l);
    n = l.n;
    for (uint32_t i = 0; i < f->o.n_pods; i++) {
        const struct cs_view_pod *v = &f->vpods[i];

        active += v->ours;
        missing += v->ours && (v->pre_delete || (!v->specified && !v->available));
        ready_going += v->ours && v->ready && v->busy == CS_BUSY_DELETE;
    }
    for (uint32_t i = 0; i < f->plan.n; i++) {
        const struct cs_action *a = &f->plan.actions[i];

        /* with disablePVCReuse the server is also asked before a claim is deleted */
        creates +=
            a->kind == CS_ACT_CREATE_POD || (a->kind == CS_ACT_CONFIRM_ABSENT && !f->set->spec.disable_pvc_reuse);
        reads += a->kind == CS_ACT_READ_SET;
        prepares = a->kind == CS_ACT_LIFECYCLE && a->state == CS_LC_PREPARING_DELETE;
        ready_deleted += (prepares || a->kind == CS_ACT_DELETE_POD) && cs_pod_available(a->pod, 0, FX_NOW);
        if ((prepares || cs_action_destructive(a->kind)) && !f->o.set_fresh)
            fail_msg("seed %llu: destructive without a fresh set: %s", (unsigned long long)seed, f->text);
    }
    if (reads > 0 && f->o.set_fresh)
        fail_msg("seed %llu: read though fresh: %s", (unsigned long long)seed, f->text);
    if (creates > 0 && active + creates > (uint32_t)(n + l.surge))
        fail_msg("seed %llu: %u Pods and %u more for %d + %d: %s", (unsigned long long)seed, active, creates, n,
            l.surge, f->text);
    if (ready_deleted > 0 && ready_deleted + ready_going > l.unavailable + (int32_t)active - n - missing)
        fail_msg("seed %llu: %d ready Pods deleted, U %d, %u of %d, %d missing: %s", (unsigned long long)seed,
            ready_deleted, l.unavailable, active, n, missing, f->text);
}

static bool id_has_pod(const struct fx *f, const char *id)
{
    for (uint32_t i = 0; i < f->o.n_pods; i++)
        if (cs_streq(f->vpods[i].id, id))
            return true;
    return false;
}

static const struct cs_view_claim *view_of(const struct fx *f, const struct cs_claim *claim)
{
    for (uint32_t i = 0; i < f->o.n_claims; i++)
        if (f->vclaims[i].claim == claim)
            return &f->vclaims[i];
    fail_msg("a claim that was not observed");
    return NULL;
}

/* What may be done to a claim, whatever else is planned (D2 to D6, U-12). */
static void check_claims(const struct fx *f, uint64_t seed)
{
    for (uint32_t i = 0; i < f->plan.n; i++) {
        const struct cs_action *a = &f->plan.actions[i];
        const struct cs_view_claim *c = a->claim ? view_of(f, a->claim) : NULL;
        bool off = f->set->spec.disable_pvc_reuse;

        if (!c)
            continue;
        if (c->foreign || c->busy != CS_IDLE || a->claim->meta.deleted_ms != 0)
            fail_msg("seed %llu: a claim not to be touched: %s", (unsigned long long)seed, f->text);
        if (a->kind == CS_ACT_DELETE_CLAIM && (!off || !c->pod_absent || id_has_pod(f, c->id)))
            fail_msg("seed %llu: a claim deleted against the rules: %s", (unsigned long long)seed, f->text);
        if (a->kind == CS_ACT_HAND_OVER && a->pod->keep_claims)
            fail_msg("seed %llu: a kept claim handed over: %s", (unsigned long long)seed, f->text);
        if (a->kind == CS_ACT_HAND_OVER && !off && !cs_pod_active(a->pod))
            fail_msg("seed %llu: a claim of an inactive Pod handed over: %s", (unsigned long long)seed, f->text);
    }
}

static void no_plan_breaks_its_limits(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20000; seed++) {
        struct cs_rand r = {seed};
        struct fx f;

        random_world(&f, &r);
        (void)fx_plan(&f);
        check_one_action_per_object(&f, seed);
        check_claims(&f, seed);
        if (f.plan.have_status)
            check_limits(&f, seed);
        fx_done(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spec_5_4_creation),
        cmocka_unit_test(spec_4_4_a_pod_that_left_the_selector_is_released),
        cmocka_unit_test(spec_5_1_deletion),
        cmocka_unit_test(d5e_no_pod_goes_for_one_that_is_being_created),
        cmocka_unit_test(d1_terminating_pod_with_claims_holds_its_id),
        cmocka_unit_test(d1_the_lost_node_is_told_and_looked_at_again),
        cmocka_unit_test(d1_finished_pod_is_deleted_and_its_claims_stay),
        cmocka_unit_test(d3_claims_are_handed_over_before_the_pod_goes),
        cmocka_unit_test(d4_what_is_not_ours_is_left_alone),
        cmocka_unit_test(d6_an_id_is_taken_over_after_the_server_said_it_is_free),
        cmocka_unit_test(d7_the_same_view_chooses_the_same_names),
        cmocka_unit_test(d2_destructive_steps_wait_for_a_fresh_set),
        cmocka_unit_test(d16_vanished_names_are_struck_and_told),
        cmocka_unit_test(d16_names_in_any_order_and_repeated),
        cmocka_unit_test(d16_a_name_comes_back_after_it_was_struck),
        cmocka_unit_test(d12_a_claim_that_may_still_go_is_fenced_first),
        cmocka_unit_test(spec_4_3_revisions),
        cmocka_unit_test(spec_4_3_history_is_cut),
        cmocka_unit_test(spec_4_3_what_any_pod_carries_stays),
        cmocka_unit_test(no_plan_breaks_its_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
