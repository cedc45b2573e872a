/* SPDX-License-Identifier: Apache-2.0 */
/*
 * D17: which Pods and claims get the instance-id label from the webhook, and which id.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/api/gvr.h"
#include "common/cloneset/names.h"
#include "test/unit/admit.h"

#define OWNER(version, kind, controller)                                                                               \
    "\"ownerReferences\":[{\"apiVersion\":\"" version "\",\"kind\":\"" kind "\",\"name\":\"web\",\"uid\":\"1\","       \
    "\"controller\":" controller "}]"
#define OURS OWNER("apps.kruise.io/v1alpha1", "CloneSet", "true")
#define POD "/v1/pods"
#define CLAIM "/v1/persistentvolumeclaims"

static int setup(void **state)
{
    *state = cs_router_new(1, NULL, NULL);
    return 0;
}

static int teardown(void **state)
{
    cs_router_free(*state);
    return 0;
}

static void create(struct cs_router *r, const char *resource, const char *meta, struct admitted *a)
{
    cs_autostrbuf object = CS_STRBUF_INIT;

    cs_strbuf_addf(&object, "{\"metadata\":{%s},\"spec\":{}}", meta);
    admit(r, CS_PATH_INSTANCE_ID, "CREATE", resource, cs_strbuf_str(&object), NULL, a);
    assert_true(a->allowed); /* never refuses */
    assert_null(a->message);
}

static void test_the_id_comes_from_the_name(void **state)
{
    static const struct {
        const char *resource, *meta, *id; /* id NULL: a warning instead */
    } rows[] = {
        {POD, "\"name\":\"web-bcdfg\"," OURS, "bcdfg"},
        {POD, "\"name\":\"web-bcdfg\"," OWNER("apps.kruise.io/v1beta1", "CloneSet", "true"), "bcdfg"},
        {CLAIM, "\"name\":\"data-web-bcdfg\"," OURS, "bcdfg"},
        {CLAIM, "\"name\":\"data-web-web-bcdfg\"," OURS, "bcdfg"},
        {CLAIM, "\"name\":\"web-web-bcdfg\"," OURS, "bcdfg"},
        {POD, "\"name\":\"web-bcdfg\",\"generateName\":\"web-\"," OURS, "bcdfg"},
        {POD, "\"name\":\"web-abcde\"," OURS, NULL}, /* vowels are not in the alphabet */
        {POD, "\"name\":\"web-bcdf\"," OURS, NULL},
        {POD, "\"name\":\"web-bcdfgh\"," OURS, NULL},
        {POD, "\"name\":\"web2-bcdfg\"," OURS, NULL},
        {POD, "\"name\":\"data-web-bcdfg\"," OURS, NULL},
        {POD, "\"name\":\"web-web-bcdfg\"," OURS, NULL},
        {POD, "\"name\":\"web\"," OURS, NULL},
        {POD, "\"name\":\"web-\"," OURS, NULL},
        {CLAIM, "\"name\":\"web-bcdfg\"," OURS, NULL},
        {CLAIM, "\"name\":\"-web-bcdfg\"," OURS, NULL},
        {CLAIM, "\"name\":\"data-cobweb-bcdfg\"," OURS, NULL},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        autoadmitted a = {.status = 0};
        char want[160];

        create(*state, rows[i].resource, rows[i].meta, &a);
        if (!rows[i].id) {
            if (a.patch || !a.warnings)
                fail_msg("%s: %s", rows[i].meta, a.patch ? a.patch : "no warning");
            continue;
        }
        (void)snprintf(want, sizeof(want),
            "[{\"op\":\"add\",\"path\":\"/metadata/labels\",\"value\":{\"" CS_LABEL_INSTANCE_ID "\":\"%s\"}}]",
            rows[i].id);
        if (!a.patch)
            fail_msg("%s: no patch", rows[i].meta);
        assert_string_equal(a.patch, want);
        assert_null(a.warnings);
    }
}

static void test_other_labels_stay(void **state)
{
    static const char want[] =
        "[{\"op\":\"add\",\"path\":\"/metadata/labels/apps.kruise.io~1cloneset-instance-id\",\"value\":\"bcdfg\"}]";
    autoadmitted a = {.status = 0}, b = {.status = 0}, c = {.status = 0};

    create(*state, POD, "\"name\":\"web-bcdfg\",\"labels\":{\"a\":\"b\"}," OURS, &a);
    assert_string_equal(a.patch, want);
    create(*state, POD, "\"name\":\"web-bcdfg\",\"labels\":{}," OURS, &b);
    assert_string_equal(b.patch, want);
    create(*state, POD, "\"name\":\"web-bcdfg\",\"labels\":null," OURS, &c);
    assert_non_null(strstr(c.patch, "\"/metadata/labels\",\"value\":{"));
}

/* The name that was made must be the prefix and the id of the label. */
static void check_generated(struct cs_router *r, const char *resource, const char *prefix, char id[CS_ID_SIZE])
{
    autoadmitted a = {.status = 0};
    char meta[256], want[256];
    const char *at;

    (void)snprintf(meta, sizeof(meta), "\"generateName\":\"%s\"," OURS, prefix);
    create(r, resource, meta, &a);
    assert_non_null(a.patch);
    at = strstr(a.patch, "instance-id\":\"");
    assert_non_null(at);
    memcpy(id, at + strlen("instance-id\":\""), CS_ID_LEN);
    id[CS_ID_LEN] = '\0';
    assert_true(cs_id_valid(cs_str(id)));
    (void)snprintf(want, sizeof(want), "{\"op\":\"add\",\"path\":\"/metadata/name\",\"value\":\"%s%s\"}]", prefix, id);
    assert_non_null(strstr(a.patch, want));
}

static void test_generated_names_and_labels_are_made_together(void **state)
{
    char one[CS_ID_SIZE], two[CS_ID_SIZE];

    check_generated(*state, POD, "web-", one);
    check_generated(*state, POD, "web-", two);
    assert_string_not_equal(one, two);
    check_generated(*state, CLAIM, "data-web-", one);
}

static void test_other_generated_names_are_left_alone(void **state)
{
    static const struct {
        const char *resource, *meta;
    } rows[] = {
        {POD, "\"generateName\":\"other-\"," OURS},
        {POD, "\"generateName\":\"web\"," OURS},
        {POD, "\"generateName\":\"web-x-\"," OURS},
        {CLAIM, "\"generateName\":\"web-\"," OURS},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        autoadmitted a = {.status = 0};

        create(*state, rows[i].resource, rows[i].meta, &a);
        assert_null(a.patch);
        assert_non_null(a.warnings);
    }
}

static void test_what_is_not_ours_is_not_touched(void **state)
{
    static const char *const metas[] = {
        "\"name\":\"web-bcdfg\"", "\"name\":\"web-bcdfg\",\"ownerReferences\":null",
        "\"name\":\"web-bcdfg\",\"ownerReferences\":5", "\"name\":\"web-bcdfg\",\"ownerReferences\":[null,7,{}]",
        "\"name\":\"web-bcdfg\"," OWNER("apps.kruise.io/v1alpha1", "CloneSet", "false"),
        "\"name\":\"web-bcdfg\"," OWNER("apps.kruise.io/v1alpha1", "CloneSet", "\"true\""),
        "\"name\":\"web-bcdfg\"," OWNER("apps.kruise.io/v1alpha1", "StatefulSet", "true"),
        "\"name\":\"web-bcdfg\"," OWNER("apps/v1", "CloneSet", "true"),
        "\"name\":\"web-bcdfg\"," OWNER("apps.kruise.iox/v1", "CloneSet", "true"),
        "\"name\":\"web-bcdfg\",\"labels\":{\"apps.kruise.io/cloneset-instance-id\":\"zzzzz\"}," OURS,
        "\"name\":\"web-bcdfg\",\"labels\":{\"apps.kruise.io/cloneset-instance-id\":\"\"}," OURS,
        OURS, /* neither name nor generateName: the API server will refuse it */
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(metas); i++) {
        autoadmitted a = {.status = 0};

        create(*state, POD, metas[i], &a);
        if (a.patch || a.warnings)
            fail_msg("%s: %s %s", metas[i], a.patch ? a.patch : "", a.warnings ? a.warnings : "");
    }
}

static void test_only_creation_of_pods_and_claims(void **state)
{
    static const char object[] = "{\"metadata\":{\"name\":\"web-bcdfg\"," OURS "}}";
    autoadmitted a = {.status = 0}, b = {.status = 0}, c = {.status = 0};

    admit(*state, CS_PATH_INSTANCE_ID, "UPDATE", POD, object, object, &a);
    assert_true(a.allowed && !a.patch);
    admit(*state, CS_PATH_INSTANCE_ID, "CREATE", "/v1/services", object, NULL, &b);
    assert_true(b.allowed && !b.patch);
    admit(*state, CS_PATH_INSTANCE_ID, "CREATE", POD, NULL, NULL, &c);
    assert_true(c.allowed && !c.patch);
}

static void test_names_that_would_be_too_long(void **state)
{
    char meta[1024], set[250];
    autoadmitted a = {.status = 0};

    memset(set, 'w', sizeof(set) - 1);
    set[sizeof(set) - 1] = '\0';
    (void)snprintf(meta, sizeof(meta),
        "\"generateName\":\"%s-\",\"ownerReferences\":[{\"apiVersion\":\"apps.kruise.io/"
        "v1alpha1\",\"kind\":\"CloneSet\","
        "\"name\":\"%s\",\"uid\":\"1\",\"controller\":true}]",
        set, set);
    create(*state, POD, meta, &a);
    assert_null(a.patch);
    assert_non_null(a.warnings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_id_comes_from_the_name),
        cmocka_unit_test(test_other_labels_stay),
        cmocka_unit_test(test_generated_names_and_labels_are_made_together),
        cmocka_unit_test(test_other_generated_names_are_left_alone),
        cmocka_unit_test(test_what_is_not_ours_is_not_touched),
        cmocka_unit_test(test_only_creation_of_pods_and_claims),
        cmocka_unit_test(test_names_that_would_be_too_long),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
