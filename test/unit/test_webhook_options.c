/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flags of cloneset-webhook: defaults, and combinations that cannot work.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "webhook/options.h"

static enum cs_flags_result parse(char *flag1, char *flag2, struct cs_webhook_options *o, struct cs_error *err)
{
    char *argv[] = {(char[]){"x"}, flag1, flag2};
    int argc = flag1 ? flag2 ? 3 : 2 : 1;

    return cs_flags_parse(&cs_webhook_flags, argc, argv, o, err);
}

static void test_defaults(void **state)
{
    struct cs_webhook_options o;

    (void)state;
    assert_int_equal(parse(NULL, NULL, &o, NULL), CS_FLAGS_OK);
    assert_true(cs_webhook_options_check(&o, NULL));
    assert_string_equal(o.bind_address, ":9443");
    assert_string_equal(o.metrics_address, ":8080");
    assert_string_equal(o.health_address, ":8081");
    assert_string_equal(o.secret, "cloneset-webhook-cert");
    assert_string_equal(o.service, "cloneset-webhook");
    assert_true(o.manage_webhooks);
    assert_false(o.manage_conversion); /* without the overlay there is no right to the CRD */
    assert_int_equal(o.threads, 2);
    assert_int_equal(o.leaf_lifetime_ms, 90ll * 86400 * 1000);
    assert_int_equal(o.ca_lifetime_ms, 3650ll * 86400 * 1000);
    /* "exit 0 within 20 s" of SIGTERM */
    assert_true(o.shutdown_delay_ms + o.shutdown_timeout_ms < 20000);
    assert_true(cs_webhook_needs_api(&o));
}

static void test_combinations(void **state)
{
    static const struct {
        const char *flag1, *flag2, *message; /* message NULL: fine */
    } rows[] = {
        {"--webhook-url=https://127.0.0.1:9443", NULL, NULL},
        {"--webhook-url=https://[::1]:9443/prefix", NULL, NULL},
        {"--webhook-url=http://x", NULL, "--webhook-url \"http://x\": must be https://host:port"},
        {"--webhook-url=https://", NULL, "--webhook-url \"https://\": must be https://host:port"},
        {"--webhook-url=https://x/", NULL,
            "--webhook-url \"https://x/\": paths are appended to it, so it must not end with a slash or hold a query"},
        {"--webhook-url=https://x?a", NULL,
            "--webhook-url \"https://x?a\": paths are appended to it, so it must not end with a slash or hold a query"},
        {"--cert-dir=/d", "--manage-webhooks=false", NULL},
        {"--client-ca-file=/f", "--client-allowed-names=kube-apiserver,other", NULL},
        {"--client-allowed-names=kube-apiserver", NULL,
            "--client-allowed-names needs --client-ca-file: a name means nothing without a CA that vouches for it"},
        {"--cert-dir=/d", NULL,
            "--cert-dir needs --manage-webhooks=false: who makes the certificate also publishes its CA"},
        {"--manage-conversion", NULL, NULL},
        {"--manage-conversion", "--manage-webhooks=false", "--manage-conversion needs --manage-webhooks"},
        {"--secret-name=Not_A_Name", NULL, "--secret-name \"Not_A_Name\": is no valid name"},
        {"--service-name=", NULL, "--service-name \"\": is no valid name"},
        {"--namespace=a.b", NULL, "--namespace \"a.b\": is no valid name"},
        {"--webhook-bind-address=0", NULL, "--webhook-bind-address: a webhook must listen"},
        {"--metrics-bind-address=0", "--health-probe-bind-address=0", NULL},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct cs_error err = CS_ERROR_INIT;
        struct cs_webhook_options o;
        cs_autofree char *one = strdup(rows[i].flag1), *two = rows[i].flag2 ? strdup(rows[i].flag2) : NULL;

        assert_int_equal(parse(one, two, &o, &err), CS_FLAGS_OK);
        if (cs_webhook_options_check(&o, &err) != !rows[i].message)
            fail_msg("%s: %s", rows[i].flag1, err.message);
        if (rows[i].message)
            assert_string_equal(err.message, rows[i].message);
    }
}

static void test_files_alone_need_no_api_server(void **state)
{
    struct cs_webhook_options o;
    char one[] = "--cert-dir=/d", two[] = "--manage-webhooks=false";

    (void)state;
    assert_int_equal(parse(one, two, &o, NULL), CS_FLAGS_OK);
    assert_false(cs_webhook_needs_api(&o));
    assert_int_equal(parse(two, NULL, &o, NULL), CS_FLAGS_OK); /* the Secret is still read */
    assert_true(cs_webhook_needs_api(&o));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_combinations),
        cmocka_unit_test(test_files_alone_need_no_api_server),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
