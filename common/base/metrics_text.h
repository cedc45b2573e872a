/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pieces of the Prometheus text exposition format 0.0.4, and the process_* metrics of this process. Private to
 * metrics.c and its tests.
 */
#ifndef CS_BASE_METRICS_TEXT_H
#define CS_BASE_METRICS_TEXT_H

#include "common/base/strbuf.h"

/* The # HELP and # TYPE lines. */
void cs_metrics_add_head(struct cs_strbuf *out, const char *name, const char *help, const char *type);
/* name="value", the value escaped; bytes that are no UTF-8 become U+FFFD. */
void cs_metrics_add_label(struct cs_strbuf *out, const char *name, const char *value);
/* Shortest text that reads back as v, written as Prometheus does (1e+06, +Inf, NaN), whatever the locale. */
void cs_metrics_add_number(struct cs_strbuf *out, double v);
/* process_cpu_seconds_total, process_max_fds, process_open_fds, process_resident_memory_bytes, … from /proc. */
void cs_metrics_add_process(struct cs_strbuf *out);

#endif
