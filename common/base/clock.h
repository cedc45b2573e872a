/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time as a value: everything that needs to know the time gets a struct cs_clock, so that tests and the simulation
 * turn the hands. All times are int64 milliseconds.
 */
#ifndef CS_BASE_CLOCK_H
#define CS_BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/str.h"

struct cs_clock {
    /* Milliseconds of CLOCK_BOOTTIME: monotonic, goes on during suspend (D12). For delays and deadlines. */
    int64_t (*mono_ms)(void *ctx);
    /* Milliseconds since the Unix epoch. For timestamps written into objects and comparisons with them. */
    int64_t (*wall_ms)(void *ctx);
    void *ctx;
};

/* The machine's clocks. Never freed. */
const struct cs_clock *cs_clock_system(void);
static inline int64_t cs_clock_mono_ms(const struct cs_clock *c)
{
    return c->mono_ms(c->ctx);
}
static inline int64_t cs_clock_wall_ms(const struct cs_clock *c)
{
    return c->wall_ms(c->ctx);
}

/* The shorter one of two waits; negative: for ever. */
static inline int64_t cs_sooner_ms(int64_t a, int64_t b)
{
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return a < b ? a : b;
}

/*
 * "2025-01-02T03:04:05Z" (UTC, seconds cut), the form of metav1.Time. Times outside of the years 0 to 9999 become
 * the nearest one inside. buf must hold 32 bytes; returns buf.
 */
#define CS_RFC3339_SIZE 32
const char *cs_rfc3339_format(int64_t wall_ms, char buf[CS_RFC3339_SIZE]);
/* "2025-01-02T03:04:05.123456Z", the form of metav1.MicroTime. */
const char *cs_rfc3339_format_micro(int64_t wall_ms, char buf[CS_RFC3339_SIZE]);
/*
 * Accepts fractions of any length (cut to ms) and zone offsets ("+08:00"). False when it is not RFC 3339; as strict as
 * the API server: 'T' and 'Z' are capitals, no leap seconds, days exist.
 */
bool cs_rfc3339_parse(struct cs_str s, int64_t *ret_wall_ms);

#endif
