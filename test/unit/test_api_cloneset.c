/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cloneset: every field of spec §1.2 and §1.3, the words of type errors, raw bytes, the peer's sets, and garbage.
 */
#include "common/api/cloneset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/unit/api_fixture.h"

#define HEAD "{\"metadata\":{\"name\":\"web\",\"uid\":\"u\",\"resourceVersion\":\"7\"},"

static void test_every_field_of_the_spec(void **state)
{
    (void)state;
    struct fixture f;
    struct cs_error err = CS_ERROR_INIT;

    fixture_init(&f);
    struct cs_cloneset *s = cs_cloneset_decode(f.pool,
        fixture_parse(&f, HEAD
            "\"spec\":{\"replicas\":-3,\"selector\":{\"matchLabels\":{\"app\":\"web\"}},"
            "\"scaleStrategy\":{\"podsToDelete\":[\"web-a\",null,\"web-b\"],\"maxUnavailable\":\"5\","
            "\"disablePVCReuse\":true},"
            "\"updateStrategy\":{\"type\":\"InPlaceOnly\",\"partition\":\"33.3%\",\"maxUnavailable\":2,\"maxSurge\":"
            "\"0%\",\"paused\":true,"
            "\"priorityStrategy\":{\"weightPriority\":[{\"weight\":50,\"matchSelector\":{\"matchLabels\":{\"a\":\"b\"}}"
            "},null],"
            "\"orderPriority\":[{\"orderedKey\":\"k1\"},{},{\"orderedKey\":\"k2\"}]},"
            "\"scatterStrategy\":[{\"key\":\"a\",\"value\":\"b\"},{\"key\":\"c\"}],\"inPlaceUpdateStrategy\":{"
            "\"gracePeriodSeconds\":10}},"
            "\"revisionHistoryLimit\":0,\"minReadySeconds\":4,\"progressDeadlineSeconds\":600,"
            "\"lifecycle\":{\"preDelete\":{\"labelsHandler\":{\"l\":\"true\"},\"markPodNotReady\":true},"
            "\"inPlaceUpdate\":{\"finalizersHandler\":[\"a/b\",\"c/d\"]},\"preNormal\":{}},\"unknown\":{\"kept\":1}}}"),
        &err);
    assert_non_null(s);
    const struct cs_cloneset_spec *spec = &s->spec;
    assert_true(spec->has_replicas);
    assert_int_equal(spec->replicas, -3);
    assert_string_equal(cs_pairs_get(&spec->selector.match_labels, "app"), "web");
    assert_int_equal(spec->n_pods_to_delete, 3);
    assert_string_equal(spec->pods_to_delete[0], "web-a");
    assert_string_equal(spec->pods_to_delete[1], "");
    assert_string_equal(spec->pods_to_delete[2], "web-b");
    assert_int_equal(spec->scale_max_unavailable.type, CS_IS_STRING);
    assert_string_equal(spec->scale_max_unavailable.s, "5");
    assert_true(spec->disable_pvc_reuse);
    assert_int_equal(spec->type, CS_UPDATE_INPLACE_ONLY);
    assert_string_equal(spec->type_text, "InPlaceOnly");
    assert_string_equal(spec->partition.s, "33.3%");
    assert_int_equal(spec->max_unavailable.type, CS_IS_INT);
    assert_int_equal(spec->max_unavailable.i, 2);
    assert_string_equal(spec->max_surge.s, "0%");
    assert_true(spec->paused);
    assert_int_equal(spec->n_weights, 2);
    assert_int_equal(spec->weights[0].weight, 50);
    assert_string_equal(cs_pairs_get(&spec->weights[0].selector.match_labels, "a"), "b");
    assert_false(spec->weights[1].selector.present);
    assert_int_equal(spec->n_order_keys, 3);
    assert_string_equal(spec->order_keys[1], "");
    assert_string_equal(spec->order_keys[2], "k2");
    assert_int_equal(spec->n_scatter, 2);
    assert_string_equal(spec->scatter[0].value, "b");
    assert_string_equal(spec->scatter[1].value, "");
    assert_true(spec->has_inplace_strategy);
    assert_int_equal(spec->grace_period_s, 10);
    assert_true(spec->has_history_limit);
    assert_int_equal(spec->history_limit, 0);
    assert_int_equal(spec->min_ready_s, 4);
    assert_true(spec->has_progress_deadline);
    assert_int_equal(spec->progress_deadline_s, 600);
    assert_true(spec->pre_delete.present && spec->pre_delete.mark_not_ready);
    assert_string_equal(cs_pairs_get(&spec->pre_delete.labels, "l"), "true");
    assert_int_equal(spec->in_place.n_finalizers, 2);
    assert_string_equal(spec->in_place.finalizers[1], "c/d");
    assert_false(spec->in_place.mark_not_ready);
    assert_true(spec->pre_normal.present);
    assert_int_equal(spec->pre_normal.n_finalizers, 0);
    cs_cloneset_free(f.pool, s);
    fixture_done(&f);
}

static void test_null_is_absent(void **state)
{
    (void)state;
    struct fixture f;
    struct cs_error err = CS_ERROR_INIT;
    static const char *const bare[] = {HEAD "\"spec\":{}}", HEAD "\"spec\":null}",
        HEAD "\"spec\":{\"replicas\":null,\"selector\":null,\"template\":null,\"volumeClaimTemplates\":null,"
             "\"scaleStrategy\":null,"
             "\"updateStrategy\":null,\"revisionHistoryLimit\":null,\"lifecycle\":null},\"status\":null}",
        HEAD "\"spec\":{\"scaleStrategy\":{\"podsToDelete\":null,\"maxUnavailable\":null},\"updateStrategy\":{\"type\":"
             "null,\"partition\":null,"
             "\"priorityStrategy\":null,\"scatterStrategy\":null,\"inPlaceUpdateStrategy\":null},\"lifecycle\":{"
             "\"preDelete\":null}}}"};

    fixture_init(&f);
    for (size_t i = 0; i < CS_ARRAY_LEN(bare); i++) {
        struct cs_cloneset *s = cs_cloneset_decode(f.pool, fixture_parse(&f, bare[i]), &err);
        if (!s)
            fail_msg("%s", err.message);
        assert_false(s->spec.has_replicas || s->spec.has_history_limit || s->spec.has_progress_deadline);
        assert_false(s->spec.selector.present || s->spec.pre_delete.present || s->spec.has_inplace_strategy);
        assert_int_equal(s->spec.partition.type, CS_IS_ABSENT);
        assert_int_equal(s->spec.scale_max_unavailable.type, CS_IS_ABSENT);
        assert_int_equal(s->spec.type, CS_UPDATE_UNSET);
        assert_null(s->spec.type_text);
        assert_false(s->status.present);
        assert_string_equal(s->template_raw, "");
        assert_string_equal(s->vcts_raw, "");
        assert_string_equal(s->annotations_raw, "");
        cs_cloneset_free(f.pool, s);
    }
    cs_cloneset_free(f.pool, NULL);
    fixture_done(&f);
}

static const struct {
    const char *text;
    enum cs_update_type type;
} type_rows[] = {
    {"", CS_UPDATE_UNSET},
    {"ReCreate", CS_UPDATE_RECREATE},
    {"InPlaceIfPossible", CS_UPDATE_INPLACE_IF_POSSIBLE},
    {"InPlaceOnly", CS_UPDATE_INPLACE_ONLY},
    {"OnDelete", CS_UPDATE_ON_DELETE},
    {"Recreate", CS_UPDATE_UNKNOWN},
    {"RollingUpdate", CS_UPDATE_UNKNOWN},
};

static void test_update_types(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f);
    for (size_t i = 0; i < CS_ARRAY_LEN(type_rows); i++) {
        struct cs_cloneset_spec spec;
        cs_autostrbuf text = CS_STRBUF_INIT;
        cs_strbuf_addf(&text, "{\"updateStrategy\":{\"type\":\"%s\"}}", type_rows[i].text);
        assert_true(cs_cloneset_spec_decode(f.pool, fixture_parse(&f, cs_strbuf_str(&text)), &spec, NULL));
        assert_int_equal(spec.type, type_rows[i].type);
        assert_string_equal(spec.type_text, type_rows[i].text);
        cs_cloneset_spec_done(f.pool, &spec);
    }
    fixture_done(&f);
}

static const struct {
    const char *spec, *message;
} error_rows[] = {
    {"\"x\"", "spec: Invalid value: \"x\": must be an object"},
    {"[1]", "spec: Invalid value: \"array\": must be an object"},
    {"{\"replicas\":\"three\"}", "spec.replicas: Invalid value: \"three\": must be an integer"},
    {"{\"replicas\":1.5}", "spec.replicas: Invalid value: 1.5: must be an integer"},
    {"{\"replicas\":1e3}", "spec.replicas: Invalid value: 1e3: must be an integer"},
    {"{\"replicas\":2147483648}",
        "spec.replicas: Invalid value: 2147483648: must be between -2147483648 and 2147483647"},
    {"{\"replicas\":true}", "spec.replicas: Invalid value: true: must be an integer"},
    {"{\"replicas\":{}}", "spec.replicas: Invalid value: \"object\": must be an integer"},
    {"{\"selector\":\"app=web\"}", "spec.selector: Invalid value: \"app=web\": must be an object"},
    {"{\"selector\":{\"matchLabels\":{\"app\":1}}}",
        "spec.selector.matchLabels[app]: Invalid value: 1: must be a string"},
    {"{\"selector\":{\"matchExpressions\":[{\"key\":\"a\",\"values\":[\"b\",{}]}]}}",
        "spec.selector.matchExpressions[0].values[1]: Invalid value: \"object\": must be a string"},
    {"{\"scaleStrategy\":[]}", "spec.scaleStrategy: Invalid value: \"array\": must be an object"},
    {"{\"scaleStrategy\":{\"podsToDelete\":\"web-a\"}}",
        "spec.scaleStrategy.podsToDelete: Invalid value: \"web-a\": must be a list"},
    {"{\"scaleStrategy\":{\"disablePVCReuse\":\"true\"}}",
        "spec.scaleStrategy.disablePVCReuse: Invalid value: \"true\": must be true or false"},
    {"{\"updateStrategy\":{\"type\":1}}", "spec.updateStrategy.type: Invalid value: 1: must be a string"},
    {"{\"updateStrategy\":{\"partition\":0.5}}",
        "spec.updateStrategy.partition: Invalid value: 0.5: must be an integer"},
    {"{\"updateStrategy\":{\"maxSurge\":false}}",
        "spec.updateStrategy.maxSurge: Invalid value: false: must be an integer or a percentage in quotes"},
    {"{\"updateStrategy\":{\"priorityStrategy\":{\"weightPriority\":[{\"weight\":1},{\"weight\":\"2\"}]}}}",
        "spec.updateStrategy.priorityStrategy.weightPriority[1].weight: Invalid value: \"2\": must be an integer"},
    {"{\"updateStrategy\":{\"priorityStrategy\":{\"orderPriority\":[{\"orderedKey\":[]}]}}}",
        "spec.updateStrategy.priorityStrategy.orderPriority[0].orderedKey: Invalid value: \"array\": must be a string"},
    {"{\"updateStrategy\":{\"scatterStrategy\":[\"a=b\"]}}",
        "spec.updateStrategy.scatterStrategy[0]: Invalid value: \"a=b\": must be an object"},
    {"{\"lifecycle\":{\"inPlaceUpdate\":{\"finalizersHandler\":[\"a\",7]}}}",
        "spec.lifecycle.inPlaceUpdate.finalizersHandler[1]: Invalid value: 7: must be a string"},
    {"{\"lifecycle\":{\"preDelete\":{\"labelsHandler\":{\"example.com/x\":true}}}}",
        "spec.lifecycle.preDelete.labelsHandler[example.com/x]: Invalid value: true: must be a string"},
    {"{\"template\":[]}", "spec.template: Invalid value: \"array\": must be an object"},
    {"{\"template\":{\"metadata\":{\"labels\":{\"tier\":1}}}}",
        "spec.template.metadata.labels[tier]: Invalid value: 1: must be a string"},
    {"{\"volumeClaimTemplates\":{}}", "spec.volumeClaimTemplates: Invalid value: \"object\": must be a list"},
    {"{\"volumeClaimTemplates\":[null]}", "spec.volumeClaimTemplates[0]: Invalid value: null: must be an object"},
    {"{\"volumeClaimTemplates\":[{\"metadata\":{\"name\":\"a\"}},{\"metadata\":{}}]}",
        "spec.volumeClaimTemplates[1].metadata.name: Required value"},
    {"{\"volumeClaimTemplates\":[{\"metadata\":{\"name\":7}}]}",
        "spec.volumeClaimTemplates[0].metadata.name: Invalid value: 7: must be a string"},
    /* long values are cut, at a character */
    {"{\"replicas\":\"0123456789012345678901234567890123456789012345678901234567890123456789012345678\u00e9tail\"}",
        "spec.replicas: Invalid value: "
        "\"0123456789012345678901234567890123456789012345678901234567890123456789012345678...: must be an integer"},
};

static void test_errors_name_the_path(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f);
    for (size_t i = 0; i < CS_ARRAY_LEN(error_rows); i++) {
        struct cs_error err = CS_ERROR_INIT;
        cs_autostrbuf text = CS_STRBUF_INIT;
        cs_strbuf_addf(&text, HEAD "\"spec\":%s}", error_rows[i].spec);
        assert_null(cs_cloneset_decode(f.pool, fixture_parse(&f, cs_strbuf_str(&text)), &err));
        assert_string_equal(err.message, error_rows[i].message);
        assert_int_equal(err.kind, CS_ERR_INVALID);
        assert_int_equal(cs_intern_count(f.pool), 0);
    }
    fixture_done(&f);
}

static void test_raw_bytes_stay_as_they_are(void **state)
{
    (void)state;
    static const char tmpl[] = "{\"metadata\": {\"labels\":{\"app\":\"web\",\"tier\":\"1\"},\"x\":\"\\u003c\"},\n "
                               "\"spec\":{\"tolerationSeconds\":"
                               "9223372036854775807, \"n\": 1.50}}";
    static const char vcts[] =
        "[ {\"metadata\":{\"name\":\"data\"}}, {\"metadata\":{\"name\":\"logs\"},\"spec\":{\"x\":1e2}}]";
    struct fixture f;
    cs_autostrbuf text = CS_STRBUF_INIT;

    fixture_init(&f);
    cs_strbuf_addf(&text,
        "{\"metadata\":{\"name\":\"web\",\"uid\":\"u\",\"resourceVersion\":\"7\",\"annotations\":{ \"a\":\"<&>\" }},"
        "\"spec\":{\"template\":%s,\"volumeClaimTemplates\":%s}}",
        tmpl, vcts);
    struct cs_cloneset *s = cs_cloneset_decode(f.pool, fixture_parse(&f, cs_strbuf_str(&text)), NULL);
    assert_non_null(s);
    assert_string_equal(s->template_raw, tmpl);
    assert_string_equal(s->vcts_raw, vcts);
    assert_string_equal(s->annotations_raw, "{ \"a\":\"<&>\" }");
    assert_int_equal(s->n_vcts, 2);
    assert_string_equal(s->vct_names[0], "data");
    assert_string_equal(s->vct_names[1], "logs");
    assert_int_equal(s->template_labels.len, 2);
    assert_string_equal(cs_pairs_get(&s->template_labels, "tier"), "1");
    cs_cloneset_free(f.pool, s);
    fixture_done(&f);
}

/* Spec §5.6; the template's spec has no schema: what is wrong in it does not keep a set from being decoded. */
static const struct {
    const char *what, *constraints, *keys;
} topology_rows[] = {
    {"none", "null", ""},
    {"an empty list", "[]", ""},
    {"each key in its order", "[{\"topologyKey\":\"zone\",\"maxSkew\":1},{\"topologyKey\":\"host\"}]", "zone host "},
    {"one twice", "[{\"topologyKey\":\"zone\"},{\"topologyKey\":\"zone\"}]", "zone zone "},
    {"no key, or none that is one", "[{},{\"topologyKey\":\"\"},{\"topologyKey\":7},null,8,{\"topologyKey\":\"zone\"}]",
        "zone "},
    {"no list", "{\"topologyKey\":\"zone\"}", ""},
};

static void test_topology_keys_of_the_template(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f);
    for (size_t i = 0; i < CS_ARRAY_LEN(topology_rows); i++) {
        cs_autostrbuf text = CS_STRBUF_INIT, keys = CS_STRBUF_INIT;
        struct cs_error err = CS_ERROR_INIT;

        cs_strbuf_addf(&text, HEAD "\"spec\":{\"template\":{\"spec\":{\"topologySpreadConstraints\":%s}}}}",
            topology_rows[i].constraints);
        struct cs_cloneset *s = cs_cloneset_decode(f.pool, fixture_parse(&f, cs_strbuf_str(&text)), &err);
        if (!s)
            fail_msg("%s: %s", topology_rows[i].what, err.message);
        for (uint32_t k = 0; k < s->n_topology_keys; k++)
            cs_strbuf_addf(&keys, "%s ", s->topology_keys[k]);
        if (strcmp(cs_strbuf_str(&keys), topology_rows[i].keys) != 0)
            fail_msg("%s: %s", topology_rows[i].what, cs_strbuf_str(&keys));
        cs_cloneset_free(f.pool, s);
    }
    fixture_done(&f);
}

static void u13_requests_of_claim_templates_and_the_wish_to_grow(void **state)
{
    static const struct {
        const char *annotation; /* JSON */
        bool grows;
    } rows[] = {{"\"true\"", true}, {"\"false\"", false}, {"\"True\"", false}, {"\"\"", false}, {"true", false},
        {"null", false}};
    struct fixture f;

    (void)state;
    fixture_init(&f);
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_autostrbuf text = CS_STRBUF_INIT;

        cs_strbuf_addf(&text,
            "{\"metadata\":{\"name\":\"web\",\"uid\":\"u\",\"resourceVersion\":\"7\",\"annotations\":{"
            "\"apps.kruise.io/"
            "expand-volume-claims\":%s}},\"spec\":{\"volumeClaimTemplates\":[{\"metadata\":{\"name\":\"a\"}},"
            "{\"metadata\":{\"name\":\"b\"},\"spec\":{\"resources\":{\"requests\":{\"storage\":\"2Gi\"}}}},"
            "{\"metadata\":{\"name\":\"c\"},\"spec\":{\"resources\":{\"requests\":{\"storage\":1000}}}}]}}",
            rows[i].annotation);
        struct cs_cloneset *s = cs_cloneset_decode(f.pool, fixture_parse(&f, cs_strbuf_str(&text)), NULL);
        assert_non_null(s);
        assert_int_equal(s->expand_claims, rows[i].grows);
        assert_int_equal(s->n_vcts, 3);
        assert_null(s->vct_requests[0]);
        assert_string_equal(s->vct_requests[1], "2Gi");
        assert_string_equal(s->vct_requests[2], "1000");
        cs_cloneset_free(f.pool, s);
    }
    fixture_done(&f);
}

static void test_status_is_read_leniently(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f);
    struct cs_cloneset *s = cs_cloneset_decode(f.pool,
        fixture_parse(&f, HEAD
            "\"status\":{\"observedGeneration\":9007199254740993,\"replicas\":5,\"readyReplicas\":\"4\","
            "\"availableReplicas\":3,"
            "\"updatedReplicas\":2,\"updatedReadyReplicas\":1,\"updatedAvailableReplicas\":0,"
            "\"expectedUpdatedReplicas\":5,"
            "\"updateRevision\":\"web-a\",\"currentRevision\":{},\"labelSelector\":\"app=web\",\"collisionCount\":2,"
            "\"conditions\":[{\"status\":\"True\"},7,null,{\"type\":\"Progressing\",\"status\":\"False\",\"reason\":"
            "\"R\","
            "\"lastUpdateTime\":\"2025-01-02T03:04:05Z\",\"lastTransitionTime\":null},{\"type\":\"FailedScale\","
            "\"status\":1}]}}"),
        NULL);
    assert_non_null(s);
    assert_true(s->status.present);
    assert_true(s->status.observed_generation == INT64_C(9007199254740993));
    assert_int_equal(s->status.replicas, 5);
    assert_int_equal(s->status.ready_replicas, 0);
    assert_int_equal(s->status.available_replicas, 3);
    assert_false(s->status.all_counters_present);
    assert_string_equal(s->status.update_revision, "web-a");
    assert_null(s->status.current_revision);
    assert_int_equal(s->status.collision_count, 2);
    assert_int_equal(s->status.n_conditions, 2);
    assert_string_equal(s->status.conditions[0].type, "Progressing");
    assert_string_equal(s->status.conditions[0].reason, "R");
    assert_null(s->status.conditions[0].message);
    assert_int_equal(s->status.conditions[0].last_update_ms, 1735787045000);
    assert_int_equal(s->status.conditions[0].last_transition_ms, 0);
    assert_string_equal(s->status.conditions[1].type, "FailedScale");
    assert_null(s->status.conditions[1].status);
    cs_cloneset_free(f.pool, s);
    fixture_done(&f);
}

static struct cs_cloneset *decode_named(struct fixture *f, struct cs_json items, const char *name)
{
    struct cs_error err = CS_ERROR_INIT;
    struct cs_cloneset *s = cs_cloneset_decode(f->pool, fixture_named(items, name), &err);

    if (!s)
        fail_msg("%s: %s", name, err.message);
    return s;
}

static void test_the_peers_sets_at_rest(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f);
    struct cs_json items = fixture_load(&f, PEER "1-at-rest/clonesets-v1alpha1.json");
    assert_int_equal(cs_json_count(items), 4);

    struct cs_cloneset *s = decode_named(&f, items, "nginx-2");
    assert_string_equal(s->meta.ns, "default");
    assert_string_equal(s->meta.uid, "f3f18bc4-6bef-442b-9f5d-16210140579b");
    assert_int_equal(s->meta.rv, 1866);
    assert_int_equal(s->meta.generation, 1);
    assert_true(s->meta.has_annotations);
    assert_int_equal(s->spec.replicas, 3);
    assert_int_equal(s->spec.type, CS_UPDATE_INPLACE_IF_POSSIBLE);
    assert_int_equal(s->spec.partition.i, 2);
    assert_int_equal(s->spec.max_surge.type, CS_IS_INT);
    assert_string_equal(s->spec.max_unavailable.s, "20%");
    assert_int_equal(s->spec.grace_period_s, 3);
    assert_int_equal(s->n_vcts, 1);
    assert_string_equal(s->vct_names[0], "data-vol");
    assert_string_equal(cs_pairs_get(&s->template_labels, "app"), "nginx-2");
    assert_true(s->status.all_counters_present);
    assert_int_equal(s->status.expected_updated_replicas, 1);
    assert_string_equal(s->status.current_revision, "nginx-2-7dfd9cbbbc");
    cs_cloneset_free(f.pool, s);

    s = decode_named(&f, items, "hooked");
    assert_true(s->spec.pre_delete.mark_not_ready);
    assert_string_equal(cs_pairs_get(&s->spec.pre_delete.labels, "example.com/block-delete"), "true");
    assert_string_equal(s->spec.in_place.finalizers[0], "example.com/block-update");
    assert_false(s->spec.pre_normal.present);
    assert_int_equal(s->spec.progress_deadline_s, 600);
    assert_int_equal(s->spec.selector.exprs[0].op, CS_OP_IN);
    assert_int_equal(s->status.n_conditions, 2);
    assert_string_equal(s->status.conditions[1].reason, "CloneSetAvailable");
    cs_cloneset_free(f.pool, s);

    s = decode_named(&f, items, "beta");
    assert_string_equal(s->spec.max_surge.s, "50%");
    assert_int_equal(s->spec.max_unavailable.i, 1);
    assert_false(s->spec.disable_pvc_reuse);
    cs_cloneset_free(f.pool, s);

    s = decode_named(&f, items, "plain");
    assert_int_equal(s->spec.type, CS_UPDATE_RECREATE);
    assert_non_null(strstr(s->annotations_raw, "with \\u003cangle\\u003e \\u0026 ampersand"));
    cs_cloneset_free(f.pool, s);
    fixture_done(&f);
}

static void test_the_peers_sets_in_flight(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f);
    struct cs_json items = fixture_load(&f, PEER "2-updates-in-flight/clonesets-v1alpha1.json");
    struct cs_cloneset *s = decode_named(&f, items, "hooked");
    assert_string_equal(s->status.update_revision, "hooked-7f54d565d6");
    assert_string_equal(s->status.current_revision, "hooked-796bff5465");
    assert_int_equal(s->status.updated_replicas, 0);
    /* The peer leaves updatedAvailableReplicas out when it is 0. */
    assert_false(s->status.all_counters_present);
    cs_cloneset_free(f.pool, s);
    fixture_done(&f);
}

static void test_all_recorded_sets_decode(void **state)
{
    (void)state;
    static const char *const files[] = {PEER "1-at-rest/clonesets-v1alpha1.json",
        PEER "1-at-rest/clonesets-v1beta1.json", PEER "2-updates-in-flight/clonesets-v1alpha1.json",
        PEER "2-updates-in-flight/clonesets-v1beta1.json"};
    struct fixture f;
    size_t n = 0;

    fixture_init(&f);
    for (size_t i = 0; i < CS_ARRAY_LEN(files); i++) {
        cs_json_foreach (item, fixture_load(&f, files[i])) {
            struct cs_error err = CS_ERROR_INIT;
            struct cs_cloneset *s = cs_cloneset_decode(f.pool, item, &err);
            if (!s)
                fail_msg("%s: %s", files[i], err.message);
            assert_true(s->spec.has_replicas && s->spec.selector.present && s->status.present);
            assert_int_equal(s->template_raw[0], '{');
            cs_cloneset_free(f.pool, s);
            n++;
        }
    }
    assert_int_equal(n, 16);
    fixture_done(&f);
}

static void check_set(void *ctx, struct cs_json obj, const char *path, const char *garbage)
{
    struct cs_intern *pool = ctx;
    struct cs_error err = CS_ERROR_INIT;
    struct cs_cloneset *s = cs_cloneset_decode(pool, obj, &err);
    bool may_fail = path[0] == '\0' || strncmp(path, "spec", 4) == 0 || strncmp(path, "metadata", 8) == 0;

    if (!s && (!may_fail || err.kind != CS_ERR_INVALID))
        fail_msg("%s = %s: %s", path, garbage, err.message);
    /* An error in the spec is about the value that was changed (or what it contains). */
    if (!s && strncmp(path, "spec", 4) == 0 && strncmp(err.message, "spec", 4) != 0)
        fail_msg("%s = %s: %s", path, garbage, err.message);
    cs_cloneset_free(pool, s);
    assert_int_equal(cs_intern_count(pool), 0);
}

static void test_garbage_in_every_place(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f);
    cs_json_foreach (item, fixture_load(&f, PEER "1-at-rest/clonesets-v1alpha1.json"))
        assert_true(fixture_garbage(item, check_set, f.pool) > 500);
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_field_of_the_spec),
        cmocka_unit_test(test_null_is_absent),
        cmocka_unit_test(test_update_types),
        cmocka_unit_test(test_errors_name_the_path),
        cmocka_unit_test(test_raw_bytes_stay_as_they_are),
        cmocka_unit_test(test_topology_keys_of_the_template),
        cmocka_unit_test(u13_requests_of_claim_templates_and_the_wish_to_grow),
        cmocka_unit_test(test_status_is_read_leniently),
        cmocka_unit_test(test_the_peers_sets_at_rest),
        cmocka_unit_test(test_the_peers_sets_in_flight),
        cmocka_unit_test(test_all_recorded_sets_decode),
        cmocka_unit_test(test_garbage_in_every_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
