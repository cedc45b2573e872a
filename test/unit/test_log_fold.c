/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of many equal log lines are written, and that those which are not are counted and told.
 */
#include "common/base/log_fold.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/cleanup.h"

#define MAX 3

/* Lines that come at given times, what becomes of each, and how many the window before it had folded. */
static void test_a_burst_is_written_and_the_rest_of_its_window_counted(void **state)
{
    static const struct {
        int64_t at_ms;
        bool written;
        uint64_t over;
    } rows[] = {
        {1000, true, 0}, /* the first one begins a window, until 11,000 */
        {1000, true, 0}, {9000, true, 0}, {9001, false, 0}, {10999, false, 0}, {11000, true, 2}, /* the next window */
        {11001, true, 0}, {20000, true, 0}, {20999, false, 0}, {500000, true, 1}, /* however late */
        {510000, true, 0}, /* nothing was folded: nothing to tell */
    };
    struct cs_log_fold_window w = {.end_ms = 0};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(cs_log_fold_over(&w, rows[i].at_ms), rows[i].over);
        assert_int_equal(cs_log_fold_takes(&w, MAX, rows[i].at_ms), rows[i].written);
    }
}

static int64_t clock_ms;

static int64_t turned_ms(void *ctx)
{
    (void)ctx;
    return clock_ms;
}

static const struct cs_clock turned = {.mono_ms = turned_ms, .wall_ms = turned_ms};

struct fixture {
    char *text;
    size_t len;
    struct cs_log log;
    struct cs_log_fold fold;
};

static void open_log(struct fixture *f)
{
    clock_ms = 1000;
    f->log = (struct cs_log){.out = open_memstream(&f->text, &f->len), .clock = &turned, .max = CS_LOG_INFO};
    assert_non_null(f->log.out);
    cs_log_fold_init(&f->fold, &f->log, "request refused", MAX);
}

static void close_log(struct fixture *f)
{
    assert_int_equal(fclose(f->log.out), 0);
}

static void refuse(struct fixture *f, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (cs_log_fold_admits(&f->fold))
            cs_log_info(&f->log, "request refused");
}

static const char three[] = "1970-01-01T00:00:01.000Z INFO request refused\n"
                            "1970-01-01T00:00:01.000Z INFO request refused\n"
                            "1970-01-01T00:00:01.000Z INFO request refused\n";

static void test_the_next_line_tells_how_many_were_not_written(void **state)
{
    struct fixture f = {.text = NULL};
    cs_autofree char *want = NULL;

    (void)state;
    open_log(&f);
    refuse(&f, MAX + 7);
    clock_ms += CS_LOG_FOLD_MS;
    refuse(&f, 1);
    cs_log_fold_done(&f.fold);
    close_log(&f);
    assert_true(asprintf(&want,
                    "%s1970-01-01T00:00:11.000Z WARN more lines like this were not logged like=\"request refused\" "
                    "count=7\n1970-01-01T00:00:11.000Z INFO request refused\n",
                    three) > 0);
    assert_string_equal(f.text, want);
    free(f.text);
}

static void test_without_a_next_line_it_is_told_once_when_the_window_is_over(void **state)
{
    struct fixture f = {.text = NULL};
    size_t before;

    (void)state;
    open_log(&f);
    refuse(&f, MAX + 2);
    cs_log_fold_tell(&f.fold);
    (void)fflush(f.log.out);
    assert_string_equal(f.text, three);
    clock_ms += CS_LOG_FOLD_MS;
    cs_log_fold_tell(&f.fold);
    (void)fflush(f.log.out);
    assert_non_null(strstr(f.text, "like=\"request refused\" count=2\n"));
    before = f.len;
    cs_log_fold_tell(&f.fold);
    cs_log_fold_done(&f.fold);
    close_log(&f);
    assert_int_equal(f.len, before);
    free(f.text);
}

static void test_the_end_tells_what_is_left(void **state)
{
    struct fixture f = {.text = NULL};

    (void)state;
    open_log(&f);
    refuse(&f, MAX + 1);
    cs_log_fold_done(&f.fold);
    close_log(&f);
    assert_non_null(strstr(f.text, "count=1\n"));
    free(f.text);
}

static void test_without_a_logger_nothing_happens(void **state)
{
    struct cs_log_fold fold;

    (void)state;
    cs_log_fold_init(&fold, NULL, "request refused", 1);
    assert_true(cs_log_fold_admits(&fold));
    assert_false(cs_log_fold_admits(&fold));
    cs_log_fold_done(&fold);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_burst_is_written_and_the_rest_of_its_window_counted),
        cmocka_unit_test(test_the_next_line_tells_how_many_were_not_written),
        cmocka_unit_test(test_without_a_next_line_it_is_told_once_when_the_window_is_over),
        cmocka_unit_test(test_the_end_tells_what_is_left),
        cmocka_unit_test(test_without_a_logger_nothing_happens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
