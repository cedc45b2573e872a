/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What we know of the cluster (D5): the newer version wins, lists drop what is older than they are, a request under way keeps
 * its entry, and sets come, go and come back under the same name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/cloneset/store.h"
#include "controller/cloneset/store_gone.h"
#include "controller/cloneset/store_ids.h"

#include "common/base/alloc.h"

struct bed {
    struct cs_store s;
    int changes, gone, restored;
};

static void on_change(void *ctx, struct cs_set_entry *se)
{
    assert_non_null(se->uid);
    ((struct bed *)ctx)->changes++;
}

static bool on_gone(void *ctx, struct cs_set_entry *se)
{
    assert_null(se->set);
    ((struct bed *)ctx)->gone++;
    return true;
}

static void on_restored(void *ctx, enum cs_kind k)
{
    (void)k;
    ((struct bed *)ctx)->restored++;
}

static void bed_init(struct bed *b)
{
    const struct cs_store_hooks hooks = {on_change, on_gone, on_restored, b};

    *b = (struct bed){0};
    cs_store_init(&b->s, &hooks);
}

static void apply(struct bed *b, enum cs_kind k, bool listed, const char *fmt, const char *name, const char *uid,
    int rv, const char *owner)
{
    char text[1024];
    struct cs_error err = CS_ERROR_INIT;
    cs_autojdoc doc = {0};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(text, sizeof(text), fmt, name, uid, rv, owner);
#pragma GCC diagnostic pop
    for (char *p = text; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    assert_true(cs_jdoc_parse(&doc, text, strlen(text), NULL, &err));
    if (!cs_store_apply(&b->s, k, cs_jdoc_root(&doc), listed, &err))
        fail_msg("%s", err.message);
}

static void pod(struct bed *b, const char *name, const char *uid, int rv, bool listed)
{
    apply(b, CS_K_POD, listed,
        "{'metadata':{'name':'%s','namespace':'ns','uid':'%s','resourceVersion':'%d','labels':{"
        "'apps.kruise.io/cloneset-instance-id':'bbbbb'},'ownerReferences':[{'apiVersion':'apps.kruise.io/"
        "v1beta1','kind':"
        "'CloneSet','name':'web','uid':'%s','controller':true}]}}",
        name, uid, rv, "u1");
}

static void set(struct bed *b, const char *uid, int rv, const char *image)
{
    apply(b, CS_K_SET, false,
        "{'metadata':{'name':'%s','namespace':'ns','uid':'%s','resourceVersion':'%d','generation':1},'spec':{'selector'"
        ":{},"
        "'template':{'spec':{'containers':[{'name':'c','image':'%s'}]}}}}",
        "web", uid, rv, image);
}

static const struct cs_entry *find(struct bed *b, const char *name)
{
    return cs_store_find(&b->s, CS_K_POD, "ns", name);
}

static void d5_the_newer_version_wins(void **state)
{
    struct bed b;
    int before;

    (void)state;
    bed_init(&b);
    pod(&b, "web-a", "p1", 5, false);
    before = b.changes;
    pod(&b, "web-a", "p1", 4, false); /* a late answer */
    pod(&b, "web-a", "p1", 5, false); /* the watch repeats it */
    assert_int_equal(find(&b, "web-a")->meta->rv, 5);
    assert_int_equal(b.changes, before);
    pod(&b, "web-a", "p1", 6, false);
    assert_int_equal(find(&b, "web-a")->meta->rv, 6);
    assert_true(b.changes > before);
    cs_store_remove(&b.s, CS_K_POD, "ns", "web-a", "p1", 5); /* DELETED of a former version */
    assert_non_null(find(&b, "web-a"));
    cs_store_remove(&b.s, CS_K_POD, "ns", "web-a", "p0", 9); /* of another object of that name */
    assert_non_null(find(&b, "web-a"));
    cs_store_remove(&b.s, CS_K_POD, "ns", "web-a", "p1", 7);
    assert_null(find(&b, "web-a"));
    cs_store_done(&b.s);
}

static void d5b_a_list_drops_only_what_is_not_newer(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b);
    pod(&b, "web-a", "p1", 5, false);
    pod(&b, "web-b", "p2", 5, false);
    cs_store_list_begin(&b.s, CS_K_POD);
    pod(&b, "web-a", "p1", 5, true);
    pod(&b, "web-c", "p3", 12, false); /* our own create, answered while the list is on its way */
    pod(&b, "web-d", "p4", 9, false);
    cs_store_list_end(&b.s, CS_K_POD, 10);
    assert_non_null(find(&b, "web-a"));
    assert_null(find(&b, "web-b"));
    assert_non_null(find(&b, "web-c"));
    assert_null(find(&b, "web-d"));
    assert_int_equal(b.restored, 0);
    cs_store_done(&b.s);
}

static void d5c_a_list_older_than_the_store_empties_it(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b);
    pod(&b, "web-a", "p1", 100, false);
    cs_store_list_sent(&b.s, CS_K_POD);
    cs_store_list_begin(&b.s, CS_K_POD);
    pod(&b, "web-b", "p2", 5, true);
    cs_store_list_end(&b.s, CS_K_POD, 10);
    assert_int_equal(b.restored, 1);
    assert_null(find(&b, "web-a"));
    assert_null(find(&b, "web-b"));
    cs_store_list_sent(&b.s, CS_K_POD);
    cs_store_list_begin(&b.s, CS_K_POD); /* what it says now is believed */
    pod(&b, "web-b", "p2", 5, true);
    cs_store_list_end(&b.s, CS_K_POD, 11);
    assert_int_equal(b.restored, 1);
    assert_non_null(find(&b, "web-b"));
    cs_store_done(&b.s);
}

/* A request about the Pod is under way, perhaps for as long as the server is away; the Pod is none that was deleted. */
static void d5c_what_a_restored_server_has_is_there(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b);
    pod(&b, "web-a", "p1", 100, false);
    cs_store_find(&b.s, CS_K_POD, "ns", "web-a")->busy = CS_BUSY_READ;
    cs_store_list_sent(&b.s, CS_K_POD);
    cs_store_list_begin(&b.s, CS_K_POD);
    pod(&b, "web-a", "p1", 5, true);
    cs_store_list_end(&b.s, CS_K_POD, 10);
    assert_int_equal(b.restored, 1);
    cs_store_list_sent(&b.s, CS_K_POD);
    cs_store_list_begin(&b.s, CS_K_POD);
    pod(&b, "web-a", "p1", 5, true);
    cs_store_list_end(&b.s, CS_K_POD, 11);
    assert_non_null(find(&b, "web-a"));
    assert_non_null(find(&b, "web-a")->obj);
    cs_store_done(&b.s);
}

/* Our own answers raise what is known while a list is on its way: no sign of a restored server. */
static void d5c_a_slow_list_is_not_behind_what_was_known_when_it_was_sent(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b);
    pod(&b, "web-a", "p1", 5, false);
    cs_store_list_sent(&b.s, CS_K_POD);
    pod(&b, "web-b", "p2", 100, false);
    cs_store_list_begin(&b.s, CS_K_POD);
    pod(&b, "web-a", "p1", 5, true);
    cs_store_list_end(&b.s, CS_K_POD, 10);
    assert_int_equal(b.restored, 0);
    assert_non_null(find(&b, "web-a"));
    assert_non_null(find(&b, "web-b"));
    cs_store_done(&b.s);
}

static void d5_an_entry_outlives_its_object_while_a_request_is_under_way(void **state)
{
    struct bed b;
    struct cs_entry *e;

    (void)state;
    bed_init(&b);
    pod(&b, "web-a", "p1", 5, false);
    e = cs_store_find(&b.s, CS_K_POD, "ns", "web-a");
    e->busy = CS_BUSY_PATCH;
    cs_store_remove(&b.s, CS_K_POD, "ns", "web-a", "p1", 7);
    assert_ptr_equal(find(&b, "web-a"), e);
    assert_null(e->obj);
    pod(&b, "web-a", "p1", 6, false); /* the late answer about it is history */
    assert_null(e->obj);
    pod(&b, "web-a", "p2", 8, false); /* another one of that name is not */
    assert_non_null(e->obj);
    cs_store_settle(&b.s, e);
    assert_int_equal(find(&b, "web-a")->busy, CS_IDLE);
    e->busy = CS_BUSY_DELETE;
    cs_store_remove(&b.s, CS_K_POD, "ns", "web-a", NULL, 0); /* a GET said 404 */
    pod(&b, "web-a", "p2", 9, false); /* the watch lags */
    assert_null(e->obj);
    cs_store_settle(&b.s, e);
    assert_null(find(&b, "web-a"));
    cs_store_done(&b.s);
}

/* DELETED says no more than that it left the selection; a list, that it was not in it. Its id may be put back at any time. */
static void d6_what_comes_back_is_taken_though_a_request_is_under_way(void **state)
{
    struct bed b;
    struct cs_entry *e;

    (void)state;
    for (int listed = 0; listed < 2; listed++) {
        bed_init(&b);
        pod(&b, "web-a", "p1", 5, false);
        e = cs_store_find(&b.s, CS_K_POD, "ns", "web-a");
        e->busy = CS_BUSY_READ;
        if (listed) {
            cs_store_list_begin(&b.s, CS_K_POD);
            cs_store_list_end(&b.s, CS_K_POD, 7);
        } else {
            cs_store_remove(&b.s, CS_K_POD, "ns", "web-a", "p1", 7);
        }
        assert_null(e->obj);
        pod(&b, "web-a", "p1", 6, false); /* a late answer */
        assert_null(e->obj);
        pod(&b, "web-a", "p1", 8, false);
        assert_non_null(e->obj);
        cs_store_settle(&b.s, e);
        assert_non_null(find(&b, "web-a"));
        cs_store_done(&b.s);
    }
}

static void d5c_what_is_read_again_is_taken_though_a_request_is_under_way(void **state)
{
    struct bed b;
    struct cs_entry *e;

    (void)state;
    bed_init(&b);
    pod(&b, "web-a", "p1", 20, false);
    e = cs_store_find(&b.s, CS_K_POD, "ns", "web-a");
    e->busy = CS_BUSY_PATCH;
    for (int i = 0; i < 2; i++) {
        cs_store_list_sent(&b.s, CS_K_POD);
        cs_store_list_begin(&b.s, CS_K_POD);
        pod(&b, "web-a", "p1", 4, true);
        cs_store_list_end(&b.s, CS_K_POD, 5); /* the first one says that the server was restored */
        assert_int_equal(b.restored, 1);
        assert_true((e->obj != NULL) == (i == 1));
    }
    assert_int_equal(e->meta->rv, 4);
    cs_store_done(&b.s);
}

static void objects_are_linked_to_their_set_by_uid(void **state)
{
    struct bed b;
    struct cs_set_entry *se;

    (void)state;
    bed_init(&b);
    pod(&b, "web-a", "p1", 5, false); /* before its set is known, and of v1beta1 (D19) */
    se = cs_store_set(&b.s, "u1");
    assert_non_null(se);
    assert_null(se->set);
    assert_int_equal(se->entries[CS_K_POD].n, 1);
    set(&b, "u1", 3, "nginx:1");
    assert_non_null(se->set);
    for (int i = 0; i < 5; i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "web-%d", i);
        pod(&b, name, name, 6 + i, false);
    }
    cs_store_remove(&b.s, CS_K_POD, "ns", "web-1", NULL, 0); /* out of the middle */
    assert_int_equal(se->entries[CS_K_POD].n, 5);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(se->entries[CS_K_POD].items[i]->at, i);
    cs_store_done(&b.s);
}

static void a_set_entry_lives_as_long_as_something_refers_to_it(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b);
    set(&b, "u1", 3, "nginx:1");
    pod(&b, "web-a", "p1", 5, false);
    cs_store_remove(&b.s, CS_K_SET, "ns", "web", "u1", 6);
    assert_non_null(cs_store_set(&b.s, "u1")); /* its Pod is there */
    assert_null(cs_store_set(&b.s, "u1")->set);
    cs_store_sweep(&b.s);
    assert_int_equal(b.gone, 0);
    cs_store_remove(&b.s, CS_K_POD, "ns", "web-a", "p1", 7);
    assert_non_null(cs_store_set(&b.s, "u1")); /* never from within: somebody may hold it */
    cs_store_sweep(&b.s);
    assert_null(cs_store_set(&b.s, "u1"));
    assert_int_equal(b.gone, 1);
    set(&b, "u2", 8, "nginx:1"); /* alone: gone at once */
    cs_store_remove(&b.s, CS_K_SET, "ns", "web", "u2", 9);
    cs_store_sweep(&b.s);
    assert_null(cs_store_set(&b.s, "u2"));
    assert_int_equal(b.gone, 2);
    cs_store_done(&b.s);
}

static void a_set_made_again_under_its_name_is_another(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b);
    set(&b, "u1", 3, "nginx:1");
    pod(&b, "web-a", "p1", 5, false);
    set(&b, "u2", 9, "nginx:1"); /* its DELETED was not seen */
    assert_null(cs_store_set(&b.s, "u1")->set);
    assert_non_null(cs_store_set(&b.s, "u2")->set);
    assert_int_equal(cs_store_set(&b.s, "u2")->entries[CS_K_POD].n, 0);
    cs_store_remove(&b.s, CS_K_SET, "ns", "web", "u1", 8); /* now it is: nothing happens to the new one */
    assert_non_null(cs_store_set(&b.s, "u2")->set);
    cs_store_remove(&b.s, CS_K_POD, "ns", "web-a", "p1", 10);
    cs_store_sweep(&b.s);
    assert_null(cs_store_set(&b.s, "u1"));
    assert_non_null(cs_store_set(&b.s, "u2"));
    cs_store_done(&b.s);
}

static void the_template_is_normalised_once_per_change(void **state)
{
    struct bed b;
    struct cs_set_entry *se;
    const struct cs_norm *norm;
    uint64_t digest;

    (void)state;
    bed_init(&b);
    set(&b, "u1", 3, "nginx:1");
    se = cs_store_set(&b.s, "u1");
    norm = se->norm;
    digest = norm->digest;
    set(&b, "u1", 4, "nginx:1"); /* a status write */
    assert_ptr_equal(se->norm, norm);
    assert_ptr_equal(norm->raw, se->set->template_raw); /* of the set that is held now */
    set(&b, "u1", 5, "nginx:2");
    assert_true(se->norm->digest != digest);
    assert_int_equal(se->set->meta.rv, 5);
    cs_store_done(&b.s);
}

/* As watches tell of them. */
static void an_object_without_a_namespace_goes_like_any_other(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b);
    apply(&b, CS_K_NODE, false, "{'metadata':{'name':'%s','uid':'%s','resourceVersion':'%d'}}", "node-1", "n1", 5, "");
    assert_non_null(cs_store_find(&b.s, CS_K_NODE, "", "node-1"));
    assert_ptr_equal(cs_store_find(&b.s, CS_K_NODE, NULL, "node-1"), cs_store_find(&b.s, CS_K_NODE, "", "node-1"));
    cs_store_remove(&b.s, CS_K_NODE, NULL, "node-1", "n1", 6);
    assert_null(cs_store_find(&b.s, CS_K_NODE, "", "node-1"));
    cs_store_done(&b.s);
}

static void an_undecodable_object_touches_nothing(void **state)
{
    struct bed b;
    struct cs_error err = CS_ERROR_INIT;
    static const char text[] =
        "{\"metadata\":{\"name\":\"web-a\",\"namespace\":\"ns\",\"uid\":\"p1\",\"resourceVersion\":\"x\"}}";
    cs_autojdoc doc = {0};

    (void)state;
    bed_init(&b);
    pod(&b, "web-a", "p1", 5, false);
    assert_true(cs_jdoc_parse(&doc, text, strlen(text), NULL, &err));
    assert_false(cs_store_apply(&b.s, CS_K_POD, cs_jdoc_root(&doc), false, &err));
    assert_int_equal(find(&b, "web-a")->meta->rv, 5);
    cs_store_done(&b.s);
}

static void d6_confirmed_ids_are_kept_sorted_and_dropped_when_a_pod_shows(void **state)
{
    static const char *const ids[] = {"ddddd", "bbbbb", "ccccc", "bbbbb"};
    struct bed b;
    struct cs_set_entry *se;

    (void)state;
    bed_init(&b);
    set(&b, "u1", 3, "nginx:1");
    se = cs_store_set(&b.s, "u1");
    for (size_t i = 0; i < CS_ARRAY_LEN(ids); i++)
        cs_set_absent_add(&b.s, se, ids[i], (struct cs_asked){i + 1, (int64_t)i});
    assert_int_equal(se->n_free_ids, 3);
    assert_string_equal(se->free_ids[0].id, "bbbbb");
    assert_int_equal(se->free_ids[0].asked.seq, 4); /* the last time counts */
    assert_string_equal(se->free_ids[2].id, "ddddd");
    assert_false(se->free_ids[0].made);
    cs_set_made_add(&b.s, se, "bbbbb");
    assert_true(cs_set_free_find(se, "bbbbb")->absent && cs_set_free_find(se, "bbbbb")->made);
    assert_null(cs_set_free_find(se, "zzzzz"));
    pod(&b, "web-bbbbb", "p1", 5, false);
    assert_int_equal(se->n_free_ids, 2);
    assert_string_equal(se->free_ids[0].id, "ccccc");
    cs_store_done(&b.s);
}

/* Its watch selects by the id: what is held of a Pod that lost it would never be updated or dropped again. */
static void d6_what_an_answer_shows_without_its_id_is_not_held(void **state)
{
    static const char stripped[] = "{'metadata':{'name':'%s','namespace':'ns','uid':'%s','resourceVersion':'%d',"
                                   "'ownerReferences':[{'apiVersion':'apps.kruise.io/v1alpha1','kind':'CloneSet',"
                                   "'name':'web','uid':'%s','controller':true}]}}";
    struct bed b;

    (void)state;
    bed_init(&b);
    set(&b, "u1", 3, "nginx:1");
    pod(&b, "web-bbbbb", "p1", 5, false);
    apply(&b, CS_K_POD, false, stripped, "web-bbbbb", "p1", 4, "u1"); /* older than what is known */
    assert_non_null(cs_store_find(&b.s, CS_K_POD, "ns", "web-bbbbb"));
    apply(&b, CS_K_POD, false, stripped, "web-bbbbb", "p1", 6, "u1");
    assert_null(cs_store_find(&b.s, CS_K_POD, "ns", "web-bbbbb"));
    apply(&b, CS_K_CLAIM, false, stripped, "data-web-bbbbb", "c1", 7, "u1");
    assert_null(cs_store_find(&b.s, CS_K_CLAIM, "ns", "data-web-bbbbb"));
    pod(&b, "web-bbbbb", "p1", 5, false); /* the watch is behind */
    assert_null(cs_store_find(&b.s, CS_K_POD, "ns", "web-bbbbb"));
    pod(&b, "web-bbbbb", "p1", 8, false); /* somebody put it back */
    assert_non_null(cs_store_find(&b.s, CS_K_POD, "ns", "web-bbbbb"));
    apply(&b, CS_K_POD, false, stripped, "web-bbbbb", "p2", 9, "u1"); /* another has its name: it is gone, too */
    assert_null(cs_store_find(&b.s, CS_K_POD, "ns", "web-bbbbb"));
    cs_store_done(&b.s);
}

/* A request about web-a, held as p1 at 5, was answered by 404. */
static void gone_by_answer(struct bed *b)
{
    bed_init(b);
    set(b, "u1", 3, "nginx:1");
    pod(b, "web-a", "p1", 5, false);
    cs_gone_note(&b->s, find(b, "web-a"), UINT64_MAX);
    cs_store_remove(&b->s, CS_K_POD, "ns", "web-a", NULL, 0);
    assert_null(find(b, "web-a"));
}

/* The watch is behind the answer: what it tells is what was. */
static void d5a_what_an_answer_said_is_gone_stays_gone(void **state)
{
    struct bed b;
    int before;

    (void)state;
    gone_by_answer(&b);
    before = b.changes;
    pod(&b, "web-a", "p1", 6, false);
    pod(&b, "web-a", "p0", 4, false); /* who had the name before it is gone, too */
    assert_null(find(&b, "web-a"));
    assert_int_equal(b.changes, before);
    pod(&b, "web-a", "p2", 9, false); /* made since */
    assert_non_null(find(&b, "web-a"));
    cs_store_done(&b.s);
}

/* So is a list that was sent before the answer came; one that was sent after it is believed. */
static void d5a_what_is_gone_is_there_again_when_a_later_list_shows_it(void **state)
{
    struct bed b;

    (void)state;
    gone_by_answer(&b);
    for (int i = 0; i < 2; i++) {
        cs_store_list_begin(&b.s, CS_K_POD);
        pod(&b, "web-a", "p1", 6, true);
        cs_store_list_end(&b.s, CS_K_POD, 6);
        assert_true((find(&b, "web-a") != NULL) == (i == 1));
        cs_store_list_sent(&b.s, CS_K_POD);
    }
    cs_store_done(&b.s);
}

/* Nothing is kept of it once its watch has told, a later list has been read, an answer shows it, or the server was restored. */
static void d5a_what_is_gone_is_forgotten_when_the_watch_has_told(void **state)
{
    struct bed b;

    (void)state;
    for (int how = 0; how < 4; how++) {
        gone_by_answer(&b);
        cs_store_remove(&b.s, CS_K_POD, "ns", "web-a", "p0", 4); /* of who had the name before */
        assert_non_null(b.s.gone[CS_K_POD]);
        if (how == 0)
            cs_store_remove(&b.s, CS_K_POD, "ns", "web-a", "p1", 7);
        if (how == 1) {
            cs_store_list_sent(&b.s, CS_K_POD);
            cs_store_list_begin(&b.s, CS_K_POD);
            cs_store_list_end(&b.s, CS_K_POD, 8);
        }
        if (how == 2)
            cs_gone_forget(&b.s, CS_K_POD, "ns", "web-a", NULL);
        if (how == 3)
            cs_store_forget(&b.s);
        assert_null(b.s.gone[CS_K_POD]);
        pod(&b, "web-a", "p1", 6, false);
        assert_non_null(find(&b, "web-a"));
        cs_store_done(&b.s);
    }
}

/* D4: a stranger's object under a name of ours may be one that a restored server does not have. */
static void d5c_names_that_others_had_are_free_on_a_restored_server(void **state)
{
    struct bed b;

    (void)state;
    for (int by_list = 0; by_list < 2; by_list++) {
        struct cs_set_entry *se;

        bed_init(&b);
        set(&b, "u1", 3, "nginx:1");
        pod(&b, "web-a", "p1", 20, false);
        se = cs_store_set(&b.s, "u1");
        cs_set_block_id(se, "bbbbb", cs_store_find(&b.s, CS_K_POD, "ns", "web-a"), 0);
        assert_int_equal(se->n_blocked, 1);
        if (by_list) {
            cs_store_list_sent(&b.s, CS_K_POD);
            cs_store_list_begin(&b.s, CS_K_POD);
            cs_store_list_end(&b.s, CS_K_POD, 5);
        } else {
            cs_store_forget(&b.s);
        }
        assert_int_equal(se->n_blocked, 0);
        cs_store_done(&b.s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(d5_the_newer_version_wins),
        cmocka_unit_test(d5b_a_list_drops_only_what_is_not_newer),
        cmocka_unit_test(d5c_a_list_older_than_the_store_empties_it),
        cmocka_unit_test(d5c_what_a_restored_server_has_is_there),
        cmocka_unit_test(d5c_a_slow_list_is_not_behind_what_was_known_when_it_was_sent),
        cmocka_unit_test(d5_an_entry_outlives_its_object_while_a_request_is_under_way),
        cmocka_unit_test(d6_what_comes_back_is_taken_though_a_request_is_under_way),
        cmocka_unit_test(d5c_what_is_read_again_is_taken_though_a_request_is_under_way),
        cmocka_unit_test(objects_are_linked_to_their_set_by_uid),
        cmocka_unit_test(a_set_entry_lives_as_long_as_something_refers_to_it),
        cmocka_unit_test(a_set_made_again_under_its_name_is_another),
        cmocka_unit_test(the_template_is_normalised_once_per_change),
        cmocka_unit_test(an_object_without_a_namespace_goes_like_any_other),
        cmocka_unit_test(an_undecodable_object_touches_nothing),
        cmocka_unit_test(d6_confirmed_ids_are_kept_sorted_and_dropped_when_a_pod_shows),
        cmocka_unit_test(d6_what_an_answer_shows_without_its_id_is_not_held),
        cmocka_unit_test(d5a_what_an_answer_said_is_gone_stays_gone),
        cmocka_unit_test(d5a_what_is_gone_is_there_again_when_a_later_list_shows_it),
        cmocka_unit_test(d5a_what_is_gone_is_forgotten_when_the_watch_has_told),
        cmocka_unit_test(d5c_names_that_others_had_are_free_on_a_restored_server),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
