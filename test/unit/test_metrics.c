/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics: values, limits, and an exposition that a strict reader of the format accepts.
 */
#include "common/base/metrics.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/metrics_text.h"
#include "common/base/str.h"

static const struct cs_metric_desc counter_desc = {
    .name = "requests_total", .help = "Requests.", .type = CS_METRIC_COUNTER, .labels = {"code", "method"}};
static const struct cs_metric_desc gauge_desc = {.name = "depth", .help = "Depth.", .type = CS_METRIC_GAUGE};
static const double bounds[] = {0.005, 0.1, 1, 10};
static const struct cs_metric_desc histogram_desc = {.name = "latency_seconds",
    .help = "Latency.",
    .type = CS_METRIC_HISTOGRAM,
    .labels = {"path"},
    .buckets = bounds,
    .n_buckets = 4};

/* ---- a strict reader of the text format ---- */

struct reader {
    const char *p;
    char family[128];
    char type[16];
    unsigned samples, families;
};

static void expect(struct reader *r, const char *word)
{
    size_t n = strlen(word);

    if (strncmp(r->p, word, n) != 0)
        fail_msg("expected \"%s\" at \"%.40s\"", word, r->p);
    r->p += n;
}

static void read_name(struct reader *r, char *out, size_t size)
{
    size_t n = strspn(r->p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:");

    assert_in_range(n, 1, size - 1);
    assert_false(*r->p >= '0' && *r->p <= '9');
    memcpy(out, r->p, n);
    out[n] = '\0';
    r->p += n;
}

static void read_label_value(struct reader *r)
{
    expect(r, "\"");
    while (*r->p != '"') {
        assert_true(*r->p != '\0' && *r->p != '\n');
        if (*r->p == '\\') {
            r->p++;
            assert_non_null(strchr("\\\"n", *r->p));
        }
        r->p++;
    }
    r->p++;
}

static void read_sample(struct reader *r)
{
    char name[128];
    char label[128];
    char *end;

    read_name(r, name, sizeof(name));
    /* only the family's own names, directly below its # TYPE line */
    size_t n = strlen(r->family);
    if (strcmp(r->type, "histogram") == 0)
        assert_true(strncmp(name, r->family, n) == 0 &&
                    (cs_streq(name + n, "_bucket") || cs_streq(name + n, "_sum") || cs_streq(name + n, "_count")));
    else
        assert_string_equal(name, r->family);
    if (*r->p == '{') {
        do {
            r->p++;
            read_name(r, label, sizeof(label));
            expect(r, "=");
            read_label_value(r);
        } while (*r->p == ',');
        expect(r, "}");
    }
    expect(r, " ");
    (void)strtod(r->p, &end);
    assert_ptr_not_equal(end, r->p);
    r->p = end;
    expect(r, "\n");
    r->samples++;
}

static void read_head(struct reader *r)
{
    char name[128];
    char before[128];

    (void)snprintf(before, sizeof(before), "%s", r->family);
    expect(r, "# HELP ");
    read_name(r, r->family, sizeof(r->family));
    /* families in order, but the process_* ones come last, in order as well */
    bool process = strncmp(r->family, "process_", 8) == 0;
    bool process_before = strncmp(before, "process_", 8) == 0;
    assert_true((process && !process_before) || strcmp(before, r->family) < 0);
    expect(r, " ");
    r->p += strcspn(r->p, "\n");
    expect(r, "\n# TYPE ");
    read_name(r, name, sizeof(name));
    assert_string_equal(name, r->family);
    expect(r, " ");
    read_name(r, r->type, sizeof(r->type));
    assert_true(cs_streq(r->type, "counter") || cs_streq(r->type, "gauge") || cs_streq(r->type, "histogram"));
    expect(r, "\n");
    r->families++;
}

static struct reader read_page(const char *page)
{
    struct reader r = {.p = page};

    while (*r.p) {
        if (*r.p == '#')
            read_head(&r);
        else
            read_sample(&r);
    }
    return r;
}

static void assert_page_has(struct cs_metrics *m, const char *text)
{
    cs_autostrbuf page = CS_STRBUF_INIT;

    cs_metrics_expose(m, &page);
    assert_true(cs_is_utf8((struct cs_str){page.data, page.len}));
    (void)read_page(cs_strbuf_str(&page));
    if (!strstr(cs_strbuf_str(&page), text))
        fail_msg("\"%s\" is not on the page:\n%s", text, cs_strbuf_str(&page));
}

#define cs_autometrics CS_CLEANUP(cs_metrics_free_cleanup) struct cs_metrics

static void test_counters(void **state)
{
    (void)state;
    cs_autometrics *m = cs_metrics_new();
    struct cs_metric *c = cs_metric_get(m, &counter_desc);

    cs_metric_add(c, 1, CS_LABELS("200", "GET"));
    cs_metric_add(c, 2.5, CS_LABELS("200", "GET"));
    cs_metric_add(c, 1, CS_LABELS("500", "GET"));
    cs_metric_add(c, -1, CS_LABELS("200", "GET"));
    cs_metric_add(c, NAN, CS_LABELS("200", "GET"));
    assert_true(cs_metric_value(c, CS_LABELS("200", "GET")) == 3.5);
    assert_true(cs_metric_value(c, CS_LABELS("404", "GET")) == 0);
    assert_page_has(m, "# HELP requests_total Requests.\n# TYPE requests_total counter\n"
                       "requests_total{code=\"200\",method=\"GET\"} 3.5\n"
                       "requests_total{code=\"500\",method=\"GET\"} 1\n");
    cs_metric_set(c, 2, CS_LABELS("200", "GET")); /* counters do not go down */
    assert_true(cs_metric_value(c, CS_LABELS("200", "GET")) == 3.5);
    cs_metric_set(c, 4, CS_LABELS("200", "GET"));
    assert_true(cs_metric_value(c, CS_LABELS("200", "GET")) == 4);
}

static void test_gauges(void **state)
{
    (void)state;
    cs_autometrics *m = cs_metrics_new();
    struct cs_metric *g = cs_metric_get(m, &gauge_desc);

    assert_page_has(m, "depth 0\n"); /* without labels: there from the start */
    cs_metric_set(g, 5, NULL);
    cs_metric_add(g, -7, CS_LABELS());
    assert_page_has(m, "# TYPE depth gauge\ndepth -2\n");
}

static void test_histograms_are_cumulative(void **state)
{
    (void)state;
    cs_autometrics *m = cs_metrics_new();
    struct cs_metric *h = cs_metric_get(m, &histogram_desc);
    static const double seen[] = {0.001, 0.005, 0.05, 0.5, 0.75, 100};

    for (size_t i = 0; i < CS_ARRAY_LEN(seen); i++)
        cs_metric_observe(h, seen[i], CS_LABELS("/a"));
    cs_metric_observe(h, NAN, CS_LABELS("/a"));
    assert_true(cs_metric_value(h, CS_LABELS("/a")) == 6);
    assert_page_has(m, "# TYPE latency_seconds histogram\n"
                       "latency_seconds_bucket{path=\"/a\",le=\"0.005\"} 2\n"
                       "latency_seconds_bucket{path=\"/a\",le=\"0.1\"} 3\n"
                       "latency_seconds_bucket{path=\"/a\",le=\"1\"} 5\n"
                       "latency_seconds_bucket{path=\"/a\",le=\"10\"} 5\n"
                       "latency_seconds_bucket{path=\"/a\",le=\"+Inf\"} 6\n"
                       "latency_seconds_sum{path=\"/a\"} 101.306\n"
                       "latency_seconds_count{path=\"/a\"} 6\n");
}

static void test_a_histogram_without_labels_or_buckets(void **state)
{
    (void)state;
    cs_autometrics *m = cs_metrics_new();
    struct cs_metric *h =
        cs_metric_get(m, &(struct cs_metric_desc){.name = "h", .help = "H.", .type = CS_METRIC_HISTOGRAM});

    cs_metric_observe(h, 2, NULL);
    assert_page_has(m, "h_bucket{le=\"+Inf\"} 1\nh_sum 2\nh_count 1\n");
}

static void test_calls_that_do_not_fit_the_type_do_nothing(void **state)
{
    (void)state;
    cs_autometrics *m = cs_metrics_new();
    struct cs_metric *g = cs_metric_get(m, &gauge_desc);
    struct cs_metric *h = cs_metric_get(m, &histogram_desc);

    cs_metric_observe(g, 1, NULL);
    cs_metric_add(h, 1, CS_LABELS("/a"));
    cs_metric_set(h, 1, CS_LABELS("/a"));
    assert_true(cs_metric_value(g, NULL) == 0);
    assert_true(cs_metric_value(h, CS_LABELS("/a")) == 0);
    assert_null(cs_metric_get(NULL, &gauge_desc));
    cs_metric_add(NULL, 1, NULL);
    cs_metric_set(NULL, 1, NULL);
    cs_metric_observe(NULL, 1, NULL);
    assert_true(cs_metric_value(NULL, NULL) == 0);
    cs_metrics_free(NULL);
}

static void test_label_values_are_escaped(void **state)
{
    (void)state;
    cs_autometrics *m = cs_metrics_new();
    struct cs_metric *c = cs_metric_get(m, &counter_desc);

    cs_metric_add(c, 1, CS_LABELS("a\\b\"c\nd", "\xff\xc3\xa9"));
    assert_page_has(m, "requests_total{code=\"a\\\\b\\\"c\\nd\",method=\"\xef\xbf\xbd\xc3\xa9\"} 1\n");
}

static void test_help_is_escaped(void **state)
{
    (void)state;
    cs_autometrics *m = cs_metrics_new();

    (void)cs_metric_get(m, &(struct cs_metric_desc){.name = "x", .help = "a\\b\n\"c\"", .type = CS_METRIC_GAUGE});
    assert_page_has(m, "# HELP x a\\\\b\\n\"c\"\n# TYPE x gauge\nx 0\n");
}

static void test_missing_label_values_are_empty(void **state)
{
    (void)state;
    cs_autometrics *m = cs_metrics_new();
    struct cs_metric *c = cs_metric_get(m, &counter_desc);

    cs_metric_add(c, 1, NULL);
    cs_metric_add(c, 1, CS_LABELS("", ""));
    cs_metric_add(c, 1, CS_LABELS("200"));
    assert_page_has(m, "requests_total{code=\"\",method=\"\"} 2\nrequests_total{code=\"200\",method=\"\"} 1\n");
}

static void test_label_values_do_not_run_together(void **state)
{
    (void)state;
    cs_autometrics *m = cs_metrics_new();
    struct cs_metric *c = cs_metric_get(m, &counter_desc);

    cs_metric_add(c, 1, CS_LABELS("ab", "c"));
    cs_metric_add(c, 1, CS_LABELS("a", "bc"));
    assert_true(cs_metric_value(c, CS_LABELS("ab", "c")) == 1);
    assert_true(cs_metric_value(c, CS_LABELS("a", "bc")) == 1);
}

static void test_long_label_values_are_cut_between_characters(void **state)
{
    (void)state;
    cs_autometrics *m = cs_metrics_new();
    struct cs_metric *h = cs_metric_get(m, &histogram_desc);
    char value[601];

    for (size_t pad = 0; pad < 3; pad++) {
        memset(value, 'x', pad);
        for (size_t i = pad; i + 3 <= 600; i += 3)
            memcpy(value + i, "\xe2\x82\xac", 4);
        cs_metric_observe(h, 1, CS_LABELS(value));
        assert_page_has(m, "\xe2\x82\xac\",le=\"1\"} 1\n");
    }
    cs_autostrbuf page = CS_STRBUF_INIT;
    cs_metrics_expose(m, &page);
    assert_null(strstr(page.data, "\xef\xbf\xbd"));
}

static void test_the_number_of_series_is_bounded(void **state)
{
    (void)state;
    cs_autometrics *m = cs_metrics_new();
    struct cs_metric *c = cs_metric_get(m, &counter_desc);
    char code[16];

    for (unsigned i = 0; i < 3 * CS_METRICS_MAX_SERIES; i++) {
        (void)snprintf(code, sizeof(code), "%u", i);
        cs_metric_add(c, 1, CS_LABELS(code, "GET"));
    }
    assert_true(cs_metric_value(c, CS_LABELS("other", "other")) == 2 * CS_METRICS_MAX_SERIES);
    assert_true(cs_metric_value(c, CS_LABELS("0", "GET")) == 1);
    cs_metric_add(c, 1, CS_LABELS("0", "GET")); /* known ones still count by themselves */
    assert_true(cs_metric_value(c, CS_LABELS("0", "GET")) == 2);
}

static void test_families_are_found_again_and_sorted(void **state)
{
    (void)state;
    cs_autometrics *m = cs_metrics_new();
    struct cs_metric *c = cs_metric_get(m, &counter_desc);
    struct cs_metric *g = cs_metric_get(m, &gauge_desc);
    cs_autostrbuf page = CS_STRBUF_INIT;

    assert_ptr_equal(cs_metric_get(m, &counter_desc), c);
    assert_ptr_not_equal(c, g);
    cs_metric_add(c, 1, CS_LABELS("b", "x"));
    cs_metric_add(c, 1, CS_LABELS("a", "x"));
    cs_metrics_expose(m, &page);
    struct reader r = read_page(page.data);
    assert_true(r.families >= 2 + 4);
    assert_true(strstr(page.data, "code=\"a\"") < strstr(page.data, "code=\"b\""));
    /* handles stay good after sorting */
    cs_metric_add(c, 1, CS_LABELS("a", "x"));
    assert_true(cs_metric_value(c, CS_LABELS("a", "x")) == 2);
}

static void test_families_with_labels_and_no_series_are_left_out(void **state)
{
    (void)state;
    cs_autometrics *m = cs_metrics_new();
    cs_autostrbuf page = CS_STRBUF_INIT;

    (void)cs_metric_get(m, &counter_desc);
    cs_metrics_expose(m, &page);
    assert_null(strstr(page.data, "requests_total"));
}

static void test_numbers_read_as_prometheus_writes_them(void **state)
{
    (void)state;
    static const struct {
        double v;
        const char *text;
    } rows[] = {
        {0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {-1.5, "-1.5"},
        {0.1, "0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {0.0001, "0.0001"},
        {0.00001, "1e-05"},
        {0.00001234, "1.234e-05"},
        {123456, "123456"},
        {999999.5, "999999.5"},
        {1000000, "1e+06"},
        {38281216, "3.8281216e+07"},
        {1.7e308, "1.7e+308"},
        {5e-324, "5e-324"},
        {INFINITY, "+Inf"},
        {-INFINITY, "-Inf"},
        {NAN, "NaN"},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_autostrbuf out = CS_STRBUF_INIT;

        cs_metrics_add_number(&out, rows[i].v);
        assert_string_equal(cs_strbuf_str(&out), rows[i].text);
    }
}

/* Value of a sample without labels. */
static double sample(const char *page, const char *name)
{
    char line[128];

    (void)snprintf(line, sizeof(line), "\n%s ", name);
    const char *at = strstr(page, line);
    if (!at)
        fail_msg("%s is missing", name);
    return at ? strtod(at + strlen(line), NULL) : NAN;
}

static void test_the_process_tells_of_itself(void **state)
{
    (void)state;
    cs_autostrbuf page = CS_STRBUF_INIT;
    cs_autostrbuf again = CS_STRBUF_INIT;

    cs_metrics_expose(NULL, &page);
    (void)read_page(page.data);
    double rss = sample(page.data, "process_resident_memory_bytes");
    assert_true(rss > 100e3 && rss < 100e9);
    assert_true(sample(page.data, "process_virtual_memory_bytes") >= rss);
    assert_true(sample(page.data, "process_cpu_seconds_total") >= 0);
    double start = sample(page.data, "process_start_time_seconds");
    double now = (double)time(NULL);
    assert_true(start > now - 3600 && start < now + 5);
    double fds = sample(page.data, "process_open_fds");
    int fd = dup(0);
    assert_true(fd >= 0);
    cs_metrics_expose(NULL, &again);
    (void)close(fd);
    assert_true(sample(again.data, "process_open_fds") == fds + 1);
    assert_true(sample(page.data, "process_max_fds") >= fds);
}

static void conflicting_type(void)
{
    struct cs_metrics *m = cs_metrics_new();
    struct cs_metric_desc other = gauge_desc;

    (void)cs_metric_get(m, &gauge_desc);
    other.type = CS_METRIC_COUNTER;
    (void)cs_metric_get(m, &other);
}

static void conflicting_labels(void)
{
    struct cs_metrics *m = cs_metrics_new();
    struct cs_metric_desc other = counter_desc;

    (void)cs_metric_get(m, &counter_desc);
    other.labels[1] = "verb";
    (void)cs_metric_get(m, &other);
}

static void malformed_name(void)
{
    (void)cs_metric_get(cs_metrics_new(), &(struct cs_metric_desc){.name = "a-b", .type = CS_METRIC_GAUGE});
}

static void falling_buckets(void)
{
    static const double falling[] = {2, 1};

    (void)cs_metric_get(cs_metrics_new(),
        &(struct cs_metric_desc){.name = "h", .type = CS_METRIC_HISTOGRAM, .buckets = falling, .n_buckets = 2});
}

static void nothing_wrong(void)
{
    cs_autometrics *m = cs_metrics_new();

    (void)cs_metric_get(m, &counter_desc);
    (void)cs_metric_get(m, &counter_desc);
}

/* Does it end the process? Tried in a child. */
static bool aborts(void (*use)(void))
{
    int status = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        (void)signal(SIGABRT, SIG_DFL); /* cmocka's handler would go on with the tests, twice */
        (void)close(STDERR_FILENO);
        use();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void test_misuse_aborts(void **state)
{
    (void)state;
    assert_false(aborts(nothing_wrong));
    assert_true(aborts(conflicting_type));
    assert_true(aborts(conflicting_labels));
    assert_true(aborts(malformed_name));
    assert_true(aborts(falling_buckets));
}

static void *count_to_1000(void *arg)
{
    for (int i = 0; i < 1000; i++)
        cs_metric_add(arg, 1, CS_LABELS("200", "GET"));
    return NULL;
}

static void test_threads_lose_no_update(void **state)
{
    (void)state;
    cs_autometrics *m = cs_metrics_new();
    struct cs_metric *c = cs_metric_get(m, &counter_desc);
    pthread_t threads[4];

    for (size_t i = 0; i < CS_ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_to_1000, c), 0);
    for (size_t i = 0; i < CS_ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_true(cs_metric_value(c, CS_LABELS("200", "GET")) == 4000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counters),
        cmocka_unit_test(test_gauges),
        cmocka_unit_test(test_histograms_are_cumulative),
        cmocka_unit_test(test_a_histogram_without_labels_or_buckets),
        cmocka_unit_test(test_calls_that_do_not_fit_the_type_do_nothing),
        cmocka_unit_test(test_label_values_are_escaped),
        cmocka_unit_test(test_help_is_escaped),
        cmocka_unit_test(test_missing_label_values_are_empty),
        cmocka_unit_test(test_label_values_do_not_run_together),
        cmocka_unit_test(test_long_label_values_are_cut_between_characters),
        cmocka_unit_test(test_the_number_of_series_is_bounded),
        cmocka_unit_test(test_families_are_found_again_and_sorted),
        cmocka_unit_test(test_families_with_labels_and_no_series_are_left_out),
        cmocka_unit_test(test_numbers_read_as_prometheus_writes_them),
        cmocka_unit_test(test_the_process_tells_of_itself),
        cmocka_unit_test(test_misuse_aborts),
        cmocka_unit_test(test_threads_lose_no_update),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
