/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flags: what each way of writing one means, and what the complaints say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/flags.h"

struct options {
    const char *kubeconfig, *format;
    bool elect, force;
    int64_t lease_ms, threads, verbosity;
};

static const struct cs_flag flags[] = {
    CS_FLAG_STRING(struct options, kubeconfig, "kubeconfig", "", "how to reach the API server"),
    CS_FLAG_BOOL(struct options, elect, "leader-elect", true, "act only while holding the lease"),
    CS_FLAG_BOOL(struct options, force, "force-takeover", false, "do not wait"),
    CS_FLAG_DURATION(struct options, lease_ms, "lease-duration", "15s", "1s", "1h", "life of the lease"),
    CS_FLAG_INT(struct options, threads, "threads", "2", "1", "64", "threads"),
    CS_FLAGS_LOGGING(struct options, verbosity, format),
};
static const struct cs_flagset set = {"prog", "Does things.", flags, CS_ARRAY_LEN(flags)};

static enum cs_flags_result parse(const char *words, struct options *o, struct cs_error *err)
{
    static char copy[512];
    char *argv[16] = {copy};
    int argc = 1;

    assert_true(strlen(words) < sizeof(copy));
    memcpy(copy, words, strlen(words) + 1);
    for (char *p = copy; *p != '\0' && argc < 16;) {
        argv[argc++] = p;
        p += strcspn(p, " ");
        if (*p == ' ')
            *p++ = '\0';
    }
    return cs_flags_parse(&set, argc, argv, o, err);
}

static void test_defaults_come_from_the_table(void **state)
{
    struct options o;

    (void)state;
    assert_int_equal(parse("", &o, NULL), CS_FLAGS_OK);
    assert_string_equal(o.kubeconfig, "");
    assert_true(o.elect);
    assert_false(o.force);
    assert_int_equal(o.lease_ms, 15000);
    assert_int_equal(o.threads, 2);
    assert_string_equal(o.format, "text");
}

static void test_every_way_to_write_a_flag(void **state)
{
    static const struct {
        const char *words;
        const char *kubeconfig;
        bool elect, force;
        int64_t lease_ms, threads, verbosity;
    } rows[] = {
        {"--kubeconfig=/a=b", "/a=b", true, false, 15000, 2, 0},
        {"--kubeconfig /a", "/a", true, false, 15000, 2, 0},
        {"--kubeconfig=", "", true, false, 15000, 2, 0},
        {"--leader-elect=false --force-takeover", "", false, true, 15000, 2, 0},
        {"--leader_elect=0", "", false, false, 15000, 2, 0},
        {"--leader-elect --threads 8", "", true, false, 15000, 8, 0},
        {"--threads=3 --threads=4", "", true, false, 15000, 4, 0},
        {"--lease-duration 1m30s", "", true, false, 90000, 2, 0},
        {"-v 4", "", true, false, 15000, 2, 4},
        {"-v=5", "", true, false, 15000, 2, 5},
        {"-v10", "", true, false, 15000, 2, 10},
        {"--v=2", "", true, false, 15000, 2, 2},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct cs_error err = CS_ERROR_INIT;
        struct options o;

        if (parse(rows[i].words, &o, &err) != CS_FLAGS_OK)
            fail_msg("%s: %s", rows[i].words, err.message);
        if (strcmp(o.kubeconfig, rows[i].kubeconfig) != 0 || o.elect != rows[i].elect || o.force != rows[i].force ||
            o.lease_ms != rows[i].lease_ms || o.threads != rows[i].threads || o.verbosity != rows[i].verbosity)
            fail_msg("%s: parsed to something else", rows[i].words);
    }
}

static void test_complaints_help(void **state)
{
    static const struct {
        const char *words, *message;
    } rows[] = {
        {"--kubeconfg=x", "unknown flag \"--kubeconfg=x\", did you mean --kubeconfig?"},
        {"--zzzzzzzzz", "unknown flag \"--zzzzzzzzz\", see --help"},
        {"-x", "unknown flag \"-x\", see --help"},
        {"-kubeconfig=x", "unknown flag \"-kubeconfig=x\": long flags begin with two dashes"},
        {"file", "unexpected argument \"file\": only flags are understood"},
        {"--", "unexpected argument \"--\": only flags are understood"},
        {"--leader-elect false", "unexpected argument \"false\": only flags are understood"},
        {"--leader-elect=maybe", "invalid value \"maybe\" for --leader-elect: must be true or false"},
        {"--threads=two", "invalid value \"two\" for --threads: must be an integer"},
        {"--threads=0", "invalid value \"0\" for --threads: must be at least 1"},
        {"--threads=65", "invalid value \"65\" for --threads: must be at most 64"},
        {"--threads=99999999999999999999", "invalid value \"99999999999999999999\" for --threads: must be an integer"},
        {"--threads", "flag --threads needs a value"},
        {"-v", "flag -v needs a value"},
        {"-v=11", "invalid value \"11\" for -v: must be at most 10"},
        {"--lease-duration=5", "invalid value \"5\" for --lease-duration: must be a duration such as 90s, 5m or 2160h"},
        {"--lease-duration=500ms", "invalid value \"500ms\" for --lease-duration: must be at least 1s"},
        {"--logging-format=xml", "invalid value \"xml\" for --logging-format: must be one of text|json"},
        {"--logging-format=text|json", "invalid value \"text|json\" for --logging-format: must be one of text|json"},
        {"--logging-format=", "invalid value \"\" for --logging-format: must be one of text|json"},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct cs_error err = CS_ERROR_INIT;
        struct options o;

        assert_int_equal(parse(rows[i].words, &o, &err), CS_FLAGS_ERROR);
        assert_string_equal(err.message, rows[i].message);
        assert_int_equal(err.kind, CS_ERR_INVALID);
    }
}

static void test_help_and_version_win(void **state)
{
    struct options o;

    (void)state;
    assert_int_equal(parse("--help", &o, NULL), CS_FLAGS_HELP);
    assert_int_equal(parse("-h --nonsense", &o, NULL), CS_FLAGS_HELP);
    assert_int_equal(parse("--threads=3 --version", &o, NULL), CS_FLAGS_VERSION);
}

static void test_durations(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t ms;
    } rows[] = {
        {"0", true, 0},
        {"0s", true, 0},
        {"300ms", true, 300},
        {"1.5h", true, 5400000},
        {".5s", true, 500},
        {"1.s", true, 1000},
        {"2h45m", true, 9900000},
        {"1d", true, 86400000},
        {"2160h", true, 7776000000},
        {"90d", true, 7776000000},
        {"1000us", true, 1},
        {"-5s", true, -5000},
        {"+5s", true, 5000},
        {"1m1s1ms", true, 61001},
        {"0.1234567891234s", false, 0}, /* finer than a millisecond */
        {"100us", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"s", false, 0},
        {".s", false, 0},
        {"5", false, 0},
        {"5 s", false, 0},
        {"5sx", false, 0},
        {"5w", false, 0},
        {"99999999999999999999s", false, 0},
        {"9223372036s", true, 9223372036000},
        {"9223372037s", false, 0},
        {"9223372036s9223372036s", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        int64_t ms = 0;
        bool ok = cs_parse_duration_ms(cs_str(rows[i].text), &ms);

        if (ok != rows[i].ok || ms != rows[i].ms)
            fail_msg("\"%s\": got %s %lld", rows[i].text, ok ? "ok" : "refused", (long long)ms);
    }
}

static void test_help_shows_every_flag_and_default(void **state)
{
    cs_autostrbuf out = CS_STRBUF_INIT;

    (void)state;
    cs_flags_help(&set, &out);
    for (size_t i = 0; i < set.n_flags; i++)
        assert_non_null(strstr(cs_strbuf_str(&out), flags[i].help));
    assert_non_null(strstr(cs_strbuf_str(&out), "  --lease-duration duration"));
    assert_non_null(strstr(cs_strbuf_str(&out), "life of the lease (default 15s)\n"));
    assert_non_null(strstr(cs_strbuf_str(&out), "form of log lines: text|json (default text)\n"));
    assert_non_null(strstr(cs_strbuf_str(&out), "--version"));
}

static void test_verbosity_maps_to_levels(void **state)
{
    (void)state;
    assert_int_equal(cs_flags_log(0, "text", cs_clock_system()).max, CS_LOG_INFO);
    assert_int_equal(cs_flags_log(1, "text", cs_clock_system()).max, CS_LOG_INFO);
    assert_int_equal(cs_flags_log(2, "text", cs_clock_system()).max, CS_LOG_DEBUG);
    assert_int_equal(cs_flags_log(5, "json", cs_clock_system()).max, CS_LOG_TRACE);
    assert_true(cs_flags_log(0, "json", cs_clock_system()).json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_come_from_the_table),
        cmocka_unit_test(test_every_way_to_write_a_flag),
        cmocka_unit_test(test_complaints_help),
        cmocka_unit_test(test_help_and_version_win),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_help_shows_every_flag_and_default),
        cmocka_unit_test(test_verbosity_maps_to_levels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
