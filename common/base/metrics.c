/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metrics registry. Label values may stem from objects of users, so the number of series is bounded and values
 * are cut and cleaned; nobody can fill our memory, or break the page that Prometheus reads, by naming things.
 */
#include "common/base/metrics.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/metrics_text.h"
#include "common/base/str.h"

#define MAX_LABELS 4
#define MAX_BUCKETS 32
#define MAX_VALUE 256 /* bytes of one label value */

struct series {
    char *key; /* the label values, each followed by a NUL */
    size_t key_len;
    double value; /* counter, gauge; sum of a histogram */
    uint64_t count; /* histogram: observations */
    uint64_t *buckets; /* histogram: observations in (bound before, bound], not cumulative */
};

struct cs_metric {
    struct cs_metrics *registry;
    struct cs_metric_desc desc;
    size_t n_labels;
    struct series **series; /* sorted by key */
    size_t n_series, cap_series;
};

struct cs_metrics {
    pthread_mutex_t lock;
    struct cs_metric **families;
    size_t n_families, cap_families;
};

static void __attribute__((noreturn, cold)) misuse(const char *name, const char *what)
{
    (void)fprintf(stderr, "metric %s: %s\n", name, what);
    abort();
}

struct cs_metrics *cs_metrics_new(void)
{
    struct cs_metrics *m = cs_new(struct cs_metrics);

    (void)pthread_mutex_init(&m->lock, NULL);
    return m;
}

static void free_family(struct cs_metric *f)
{
    for (size_t i = 0; i < f->n_series; i++) {
        free(f->series[i]->key);
        free(f->series[i]->buckets);
        free(f->series[i]);
    }
    free(f->series);
    free(f);
}

void cs_metrics_free(struct cs_metrics *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->n_families; i++)
        free_family(m->families[i]);
    free(m->families);
    (void)pthread_mutex_destroy(&m->lock);
    free(m);
}

/* ---- series ---- */

/* Longest prefix of at most MAX_VALUE bytes that does not cut a character. */
static size_t value_len(const char *s)
{
    size_t len = strlen(s);

    if (len <= MAX_VALUE)
        return len;
    len = MAX_VALUE;
    while (len && ((unsigned char)s[len] & 0xc0) == 0x80)
        len--;
    return len;
}

static void make_key(const struct cs_metric *f, const char *const *values, struct cs_strbuf *key)
{
    bool ended = !values;

    for (size_t i = 0; i < f->n_labels; i++) {
        ended = ended || !values[i];
        if (!ended)
            cs_strbuf_add(key, values[i], value_len(values[i]));
        cs_strbuf_addc(key, '\0');
    }
}

/* The place of a key in f->series: of the series itself when it exists (*ret_found), else where it belongs. */
static size_t place_of(const struct cs_metric *f, struct cs_str key, bool *ret_found)
{
    size_t low = 0;
    size_t high = f->n_series;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct series *s = f->series[middle];
        int c = cs_str_cmp((struct cs_str){.p = s->key, .len = s->key_len}, key);

        if (c == 0) {
            *ret_found = true;
            return middle;
        }
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_found = false;
    return low;
}

static struct series *add_series(struct cs_metric *f, struct cs_str key, size_t place)
{
    struct series *s = cs_new(struct series);

    s->key = cs_xmemdupz(key.p, key.len);
    s->key_len = key.len;
    if (f->desc.type == CS_METRIC_HISTOGRAM)
        s->buckets = cs_new_array(uint64_t, f->desc.n_buckets);
    cs_grow(f->series, f->n_series, f->cap_series);
    memmove(&f->series[place + 1], &f->series[place], (f->n_series - place) * sizeof(f->series[0]));
    f->series[place] = s;
    f->n_series++;
    return s;
}

/* The series of these values, made on first use; "other" once there are too many. Lock held. */
static struct series *get_series(struct cs_metric *f, const char *const *values)
{
    static const char *const other[MAX_LABELS] = {"other", "other", "other", "other"};
    cs_autostrbuf key = CS_STRBUF_INIT;
    bool found;

    make_key(f, values, &key);
    size_t place = place_of(f, (struct cs_str){.p = cs_strbuf_str(&key), .len = key.len}, &found);
    if (!found && f->n_series >= CS_METRICS_MAX_SERIES) {
        cs_strbuf_clear(&key);
        make_key(f, other, &key);
        place = place_of(f, (struct cs_str){.p = cs_strbuf_str(&key), .len = key.len}, &found);
    }
    if (found)
        return f->series[place];
    return add_series(f, (struct cs_str){.p = cs_strbuf_str(&key), .len = key.len}, place);
}

/* ---- families ---- */

static bool is_name(const char *s, bool colons)
{
    if (*s >= '0' && *s <= '9')
        return false;
    size_t len = strlen(s);
    for (size_t i = 0; i < len; i++) {
        bool letter = (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') || s[i] == '_';

        if (!letter && !(s[i] >= '0' && s[i] <= '9') && !(colons && s[i] == ':'))
            return false;
    }
    return len > 0;
}

static size_t count_labels(const struct cs_metric_desc *desc)
{
    size_t n = 0;

    while (n < MAX_LABELS && desc->labels[n])
        n++;
    return n;
}

static void check_desc(const struct cs_metric_desc *desc)
{
    if (!is_name(desc->name, true))
        misuse(desc->name, "malformed name");
    for (size_t i = 0; i < count_labels(desc); i++) {
        const char *label = desc->labels[i];

        if (!is_name(label, false) || strncmp(label, "__", 2) == 0)
            misuse(desc->name, "malformed label name");
        if (desc->type == CS_METRIC_HISTOGRAM && cs_streq(label, "le"))
            misuse(desc->name, "label 'le' belongs to histograms themselves");
    }
    if (desc->n_buckets > MAX_BUCKETS || (desc->type != CS_METRIC_HISTOGRAM && desc->n_buckets))
        misuse(desc->name, "too many buckets");
    for (size_t i = 0; i < desc->n_buckets; i++) {
        if (!isfinite(desc->buckets[i]) || (i && desc->buckets[i] <= desc->buckets[i - 1]))
            misuse(desc->name, "buckets must be finite and ascending");
    }
}

static void check_same(const struct cs_metric *f, const struct cs_metric_desc *desc)
{
    bool same = f->desc.type == desc->type && f->n_labels == count_labels(desc) && f->desc.n_buckets == desc->n_buckets;

    for (size_t i = 0; same && i < f->n_labels; i++)
        same = cs_streq(f->desc.labels[i], desc->labels[i]);
    if (!same)
        misuse(desc->name, "registered before with another type, other labels or buckets");
}

/* Lock held. */
static struct cs_metric *find_family(const struct cs_metrics *m, const char *name)
{
    for (size_t i = 0; i < m->n_families; i++) {
        if (cs_streq(m->families[i]->desc.name, name))
            return m->families[i];
    }
    return NULL;
}

struct cs_metric *cs_metric_get(struct cs_metrics *m, const struct cs_metric_desc *desc)
{
    if (!m)
        return NULL;
    check_desc(desc);
    (void)pthread_mutex_lock(&m->lock);
    struct cs_metric *f = find_family(m, desc->name);
    if (f) {
        check_same(f, desc);
    } else {
        f = cs_new(struct cs_metric);
        f->registry = m;
        f->desc = *desc;
        f->n_labels = count_labels(desc);
        if (f->n_labels == 0)
            (void)get_series(f, NULL);
        cs_grow(m->families, m->n_families, m->cap_families);
        m->families[m->n_families++] = f;
    }
    (void)pthread_mutex_unlock(&m->lock);
    return f;
}

/* ---- updates ---- */

void cs_metric_add(struct cs_metric *f, double v, const char *const *values)
{
    if (!f || f->desc.type == CS_METRIC_HISTOGRAM)
        return;
    if (f->desc.type == CS_METRIC_COUNTER && !(v >= 0))
        return;
    (void)pthread_mutex_lock(&f->registry->lock);
    get_series(f, values)->value += v;
    (void)pthread_mutex_unlock(&f->registry->lock);
}

void cs_metric_set(struct cs_metric *f, double v, const char *const *values)
{
    if (!f || f->desc.type == CS_METRIC_HISTOGRAM)
        return;
    (void)pthread_mutex_lock(&f->registry->lock);
    struct series *s = get_series(f, values);
    if (f->desc.type == CS_METRIC_GAUGE || v >= s->value)
        s->value = v;
    (void)pthread_mutex_unlock(&f->registry->lock);
}

void cs_metric_observe(struct cs_metric *f, double v, const char *const *values)
{
    if (!f || f->desc.type != CS_METRIC_HISTOGRAM || isnan(v))
        return;
    (void)pthread_mutex_lock(&f->registry->lock);
    struct series *s = get_series(f, values);
    size_t i = 0;
    while (i < f->desc.n_buckets && v > f->desc.buckets[i])
        i++;
    if (i < f->desc.n_buckets)
        s->buckets[i]++;
    s->count++;
    s->value += v;
    (void)pthread_mutex_unlock(&f->registry->lock);
}

double cs_metric_value(struct cs_metric *f, const char *const *values)
{
    cs_autostrbuf key = CS_STRBUF_INIT;
    double v = 0;
    bool found;

    if (!f)
        return 0;
    make_key(f, values, &key);
    (void)pthread_mutex_lock(&f->registry->lock);
    size_t place = place_of(f, (struct cs_str){.p = cs_strbuf_str(&key), .len = key.len}, &found);
    if (found)
        v = f->desc.type == CS_METRIC_HISTOGRAM ? (double)f->series[place]->count : f->series[place]->value;
    (void)pthread_mutex_unlock(&f->registry->lock);
    return v;
}

/* ---- exposition ---- */

static int family_cmp(const void *pa, const void *pb)
{
    const struct cs_metric *const *a = pa;
    const struct cs_metric *const *b = pb;

    return strcmp((*a)->desc.name, (*b)->desc.name);
}

/* name + suffix + {labels[,le="…"]} + value + newline; le NULL: no such label. */
static void add_sample(struct cs_strbuf *out, const struct cs_metric *f, const struct series *s, const char *suffix,
    const double *le, double value)
{
    const char *label_value = s->key;
    const char *before = "{";

    cs_strbuf_adds(out, f->desc.name);
    cs_strbuf_adds(out, suffix);
    for (size_t i = 0; i < f->n_labels; i++) {
        cs_strbuf_adds(out, before);
        cs_metrics_add_label(out, f->desc.labels[i], label_value);
        label_value += strlen(label_value) + 1;
        before = ",";
    }
    if (le) {
        cs_strbuf_adds(out, before);
        cs_strbuf_adds(out, "le=\"");
        cs_metrics_add_number(out, *le);
        cs_strbuf_addc(out, '"');
        before = ",";
    }
    if (*before == ',')
        cs_strbuf_addc(out, '}');
    cs_strbuf_addc(out, ' ');
    cs_metrics_add_number(out, value);
    cs_strbuf_addc(out, '\n');
}

static void add_histogram(struct cs_strbuf *out, const struct cs_metric *f, const struct series *s)
{
    static const double inf = INFINITY;
    uint64_t cumulative = 0;

    for (size_t i = 0; i < f->desc.n_buckets; i++) {
        cumulative += s->buckets[i];
        add_sample(out, f, s, "_bucket", &f->desc.buckets[i], (double)cumulative);
    }
    add_sample(out, f, s, "_bucket", &inf, (double)s->count);
    add_sample(out, f, s, "_sum", NULL, s->value);
    add_sample(out, f, s, "_count", NULL, (double)s->count);
}

static void add_family(struct cs_strbuf *out, const struct cs_metric *f)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};

    if (f->n_series == 0)
        return;
    cs_metrics_add_head(out, f->desc.name, f->desc.help, types[f->desc.type]);
    for (size_t i = 0; i < f->n_series; i++) {
        if (f->desc.type == CS_METRIC_HISTOGRAM)
            add_histogram(out, f, f->series[i]);
        else
            add_sample(out, f, f->series[i], "", NULL, f->series[i]->value);
    }
}

void cs_metrics_expose(struct cs_metrics *m, struct cs_strbuf *out)
{
    if (m) {
        (void)pthread_mutex_lock(&m->lock);
        if (m->n_families > 1)
            qsort(m->families, m->n_families, sizeof(struct cs_metric *), family_cmp);
        for (size_t i = 0; i < m->n_families; i++)
            add_family(out, m->families[i]);
        (void)pthread_mutex_unlock(&m->lock);
    }
    cs_metrics_add_process(out);
}
