/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters, gauges and histograms with Prometheus text exposition. A registry is created by the program and passed
 * down; series are made on first use and kept (bounded: past max_series new label values go to an "other" series).
 * Updates are thread-safe (one lock per registry).
 */
#ifndef CS_BASE_METRICS_H
#define CS_BASE_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/cleanup.h"
#include "common/base/strbuf.h"

#define CS_METRICS_MAX_SERIES 1000 /* per family; each further set of label values counts as "other" */

struct cs_metrics;
struct cs_metric; /* one family; owned by the registry, lives as long as it */

enum cs_metric_type { CS_METRIC_COUNTER, CS_METRIC_GAUGE, CS_METRIC_HISTOGRAM };

struct cs_metric_desc {
    const char *name; /* static storage */
    const char *help; /* static storage */
    enum cs_metric_type type;
    const char *labels[4]; /* label names, NULL-terminated when fewer */
    const double *buckets; /* histogram only: ascending upper bounds, static storage; +Inf is implied */
    size_t n_buckets; /* ≤ 32 */
};

struct cs_metrics *cs_metrics_new(void);
void cs_metrics_free(struct cs_metrics *m);
CS_DEFINE_CLEANUP(struct cs_metrics *, cs_metrics_free)

/*
 * Registers (or finds, by name) a family. m may be NULL: returns NULL, and the calls below accept NULL. A malformed
 * name, or the same name with another type or other labels, is a programming error and aborts. A family without
 * labels shows its zero from the start.
 */
struct cs_metric *cs_metric_get(struct cs_metrics *m, const struct cs_metric_desc *desc);
/*
 * values: as many strings as the family has labels; fewer or NULL count as "". A call that does not fit the type (a
 * counter going down, set on a histogram …) does nothing. set on a counter is for counts kept elsewhere.
 */
void cs_metric_add(struct cs_metric *f, double v, const char *const *values);
void cs_metric_set(struct cs_metric *f, double v, const char *const *values);
void cs_metric_observe(struct cs_metric *f, double v, const char *const *values);
/* Current value of a series (0 when absent; of a histogram the number of observations); for tests. */
double cs_metric_value(struct cs_metric *f, const char *const *values);
#define CS_LABELS(...) ((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

/* Text exposition format 0.0.4, families and series sorted; plus process_* of this process. */
void cs_metrics_expose(struct cs_metrics *m, struct cs_strbuf *out);

#endif
