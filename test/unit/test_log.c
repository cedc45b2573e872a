/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines: the two formats, that no value can break out of its line, and that nothing waits for a reader.
 */
#include "common/base/log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "common/json/json_doc.h"

static int64_t fixed_ms(void *ctx)
{
    (void)ctx;
    return 1795479133123; /* 2026-11-24T00:12:13.123Z */
}

static const struct cs_clock fixed_clock = {.mono_ms = fixed_ms, .wall_ms = fixed_ms};

/* What one call writes. */
static char *written(
    bool json, enum cs_log_level max, enum cs_log_level level, const char *msg, const struct cs_kv *kvs)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);

    assert_non_null(f);
    struct cs_log log = {.out = f, .clock = &fixed_clock, .max = max, .json = json};
    cs_log_write(&log, level, msg, kvs);
    assert_int_equal(fclose(f), 0);
    return text;
}

#define KVS(...) ((const struct cs_kv[]){__VA_ARGS__, {.key = NULL}})

static void test_text_line(void **state)
{
    (void)state;
    cs_autofree char *line = written(false, CS_LOG_INFO, CS_LOG_INFO, "scaled out",
        KVS(CS_KVS("set", "default/nginx-2"), CS_KVI("pods", -5), CS_KVB("dry", true), CS_KVS("why", "two words")));

    assert_string_equal(
        line, "2026-11-24T00:12:13.123Z INFO scaled out set=default/nginx-2 pods=-5 dry=true why=\"two words\"\n");
}

static void test_json_line(void **state)
{
    (void)state;
    cs_autofree char *line = written(true, CS_LOG_INFO, CS_LOG_WARN, "scaled \"out\"",
        KVS(CS_KVS("set", "default/nginx-2"), CS_KVI("pods", 5), CS_KVB("dry", false), CS_KVS("none", NULL)));

    assert_string_equal(line, "{\"ts\":\"2026-11-24T00:12:13.123Z\",\"level\":\"warn\",\"msg\":\"scaled \\\"out\\\"\","
                              "\"set\":\"default/nginx-2\",\"pods\":5,\"dry\":false,\"none\":null}\n");
}

static void test_values_that_need_quotes_in_text(void **state)
{
    (void)state;
    static const struct {
        const char *value, *shown;
    } rows[] = {
        {"plain", "plain"},
        {"a/b.c-d_e:f@g,h", "a/b.c-d_e:f@g,h"},
        {"", "\"\""},
        {NULL, "\"\""},
        {"a=b", "\"a=b\""},
        {"say \"hi\"", "\"say \\\"hi\\\"\""},
        {"back\\slash", "\"back\\\\slash\""},
        {"a\nb\r\tc", "\"a\\nb\\r\\tc\""},
        {"esc\x1b[31m", "\"esc\\u001b[31m\""},
        {"del\x7f", "\"del\\u007f\""},
        {"c1\xc2\x9b", "\"c1\\u009b\""},
        {"\xc3\xa9t\xc3\xa9", "\"\xc3\xa9t\xc3\xa9\""},
        {"bad\xff", "\"bad\xef\xbf\xbd\""},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_autofree char *line = written(false, CS_LOG_INFO, CS_LOG_INFO, "m", KVS(CS_KVS("k", rows[i].value)));
        cs_autofree char *want = NULL;

        assert_true(asprintf(&want, "2026-11-24T00:12:13.123Z INFO m k=%s\n", rows[i].shown) > 0);
        assert_string_equal(line, want);
    }
}

static void test_every_byte_gives_one_line_and_valid_json(void **state)
{
    (void)state;
    for (int c = 1; c < 256; c++) {
        const char nasty[] = {'a', (char)c, 'b', '\0'};
        cs_autofree char *text = written(false, CS_LOG_INFO, CS_LOG_INFO, nasty, KVS(CS_KVS(nasty, nasty)));
        cs_autofree char *json = written(true, CS_LOG_INFO, CS_LOG_INFO, nasty, KVS(CS_KVS(nasty, nasty)));
        cs_autojdoc doc = {0};

        assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
        assert_true(cs_jdoc_parse(&doc, json, strlen(json), NULL, NULL));
        if (c < 0x80) {
            assert_true(cs_json_str_is(cs_json_get(cs_jdoc_root(&doc), "msg"), nasty));
            assert_true(cs_json_str_is(cs_json_get(cs_jdoc_root(&doc), nasty), nasty));
        }
    }
}

static void test_levels_above_the_maximum_are_dropped(void **state)
{
    (void)state;
    static const char *const names[] = {"ERROR", "WARN", "INFO", "DEBUG", "TRACE"};

    for (unsigned max = 0; max < CS_LOG_LEVEL_COUNT; max++) {
        for (unsigned level = 0; level < CS_LOG_LEVEL_COUNT; level++) {
            cs_autofree char *line = written(false, (enum cs_log_level)max, (enum cs_log_level)level, "m", NULL);

            if (level > max) {
                assert_string_equal(line, "");
            } else {
                assert_non_null(strstr(line, names[level]));
            }
        }
    }
}

static void test_silent_loggers(void **state)
{
    (void)state;
    struct cs_log silent = {.out = NULL, .max = CS_LOG_TRACE};

    cs_log_write(NULL, CS_LOG_ERROR, "m", NULL);
    cs_log_error(&silent, "m", CS_KVI("n", 1));
    assert_false(cs_log_enabled(NULL, CS_LOG_ERROR));
    assert_false(cs_log_enabled(&silent, CS_LOG_ERROR));
}

static void test_macros_do_not_evaluate_what_is_dropped(void **state)
{
    (void)state;
    char *text = NULL;
    size_t len = 0;
    int calls = 0;
    FILE *f = open_memstream(&text, &len);
    assert_non_null(f);
    struct cs_log log = {.out = f, .clock = &fixed_clock, .max = CS_LOG_INFO};

    cs_log_debug(&log, "dropped", CS_KVI("n", ++calls));
    cs_log_info(&log, "kept", CS_KVI("n", ++calls));
    cs_log_info(&log, "alone");
    assert_int_equal(fclose(f), 0);
    cs_autofree char *owned = text;
    assert_int_equal(calls, 1);
    assert_string_equal(owned, "2026-11-24T00:12:13.123Z INFO kept n=1\n2026-11-24T00:12:13.123Z INFO alone\n");
}

static void test_huge_values_are_cut(void **state)
{
    (void)state;
    cs_autofree char *huge = malloc(100001);
    assert_non_null(huge);
    memset(huge, 'x', 100000);
    huge[100000] = '\0';
    cs_autofree char *line = written(true, CS_LOG_INFO, CS_LOG_INFO, huge, KVS(CS_KVS("k", huge)));
    cs_autojdoc doc = {0};

    assert_true(strlen(line) < 10000);
    assert_true(cs_jdoc_parse(&doc, line, strlen(line), NULL, NULL));
    assert_non_null(strstr(line, "x...\""));
}

static void test_an_entry_of_too_many_values_still_tells_its_message(void **state)
{
    (void)state;
    char value[4001];
    struct cs_kv kvs[101] = {{.key = NULL}};

    memset(value, 'x', 4000);
    value[4000] = '\0';
    for (int i = 0; i < 100; i++)
        kvs[i] = CS_KVS("k", value);
    cs_autofree char *line = written(false, CS_LOG_INFO, CS_LOG_ERROR, "m", kvs);
    assert_string_equal(line, "2026-11-24T00:12:13.123Z ERROR m entryTooLarge=true\n");
}

/* A pipe that holds four entries of a page each, its writing end as a stream without a buffer, as stderr is. */
static FILE *small_pipe(int *ret_reader)
{
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    assert_int_equal(fcntl(fds[1], F_SETPIPE_SZ, 16384), 16384);
    FILE *f = fdopen(fds[1], "w");
    assert_non_null(f);
    assert_int_equal(setvbuf(f, NULL, _IONBF, 0), 0);
    *ret_reader = fds[0];
    return f;
}

/* A reader that stands still must not stop the program (here SIGALRM would end it), and is told later what it missed. */
static void test_a_full_pipe_does_not_block(void **state)
{
    (void)state;
    int reader;
    FILE *f = small_pipe(&reader);
    uint64_t dropped = 0;
    struct cs_log log = {.out = f, .clock = &fixed_clock, .max = CS_LOG_INFO, .dropped = &dropped};
    cs_autofree char *huge = malloc(4001);
    char got[20000] = "";

    assert_non_null(huge);
    memset(huge, 'x', 4000);
    huge[4000] = '\0';
    alarm(20);
    for (int i = 0; i < 100; i++)
        cs_log_info(&log, huge);
    assert_int_equal(dropped, 96);
    assert_int_equal(read(reader, got, sizeof(got)), 4 * (4000 + 31)); /* the first ones, whole */
    cs_log_info(&log, "again");
    cs_log_info(&log, "and again");
    alarm(0);
    assert_int_equal(dropped, 0);
    ssize_t n = read(reader, got, sizeof(got) - 1);
    assert_true(n > 0);
    got[n] = '\0';
    assert_string_equal(got, "2026-11-24T00:12:13.123Z WARN log entries were dropped: nobody took them count=96\n"
                             "2026-11-24T00:12:13.123Z INFO again\n"
                             "2026-11-24T00:12:13.123Z INFO and again\n");
    assert_int_equal(fclose(f), 0);
    close(reader);
}

static void test_a_closed_pipe_and_a_full_disk_are_survived(void **state)
{
    (void)state;
    int reader;
    FILE *f = small_pipe(&reader);
    uint64_t dropped = 0;
    struct cs_log log = {.out = f, .clock = &fixed_clock, .max = CS_LOG_INFO, .dropped = &dropped};
    void (*before)(int) = signal(SIGPIPE, SIG_IGN); /* as the programs do */

    close(reader);
    cs_log_info(&log, "m");
    assert_int_equal(dropped, 1);
    assert_int_equal(fclose(f), 0);
    log.out = fopen("/dev/full", "w");
    assert_non_null(log.out);
    cs_log_info(&log, "m");
    assert_int_equal(dropped, 2);
    assert_int_equal(fclose(log.out), 0);
    (void)signal(SIGPIPE, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_line),
        cmocka_unit_test(test_json_line),
        cmocka_unit_test(test_values_that_need_quotes_in_text),
        cmocka_unit_test(test_every_byte_gives_one_line_and_valid_json),
        cmocka_unit_test(test_levels_above_the_maximum_are_dropped),
        cmocka_unit_test(test_silent_loggers),
        cmocka_unit_test(test_macros_do_not_evaluate_what_is_dropped),
        cmocka_unit_test(test_huge_values_are_cut),
        cmocka_unit_test(test_an_entry_of_too_many_values_still_tells_its_message),
        cmocka_unit_test(test_a_full_pipe_does_not_block),
        cmocka_unit_test(test_a_closed_pipe_and_a_full_disk_are_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
