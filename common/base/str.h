/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Borrowed byte ranges and checked parsing of numbers, percentages' digits and Kubernetes names.
 */
#ifndef CS_BASE_STR_H
#define CS_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A borrowed, not NUL-terminated range. {NULL, 0} means absent; {"", 0} means empty. */
struct cs_str {
    const char *p;
    size_t len;
};

#define CS_STR(lit) ((struct cs_str){.p = (lit), .len = sizeof(lit) - 1})
static inline struct cs_str cs_str(const char *s)
{
    return (struct cs_str){.p = s, .len = s ? strlen(s) : 0};
}
static inline bool cs_str_eq(struct cs_str a, struct cs_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}
static inline bool cs_str_eqz(struct cs_str a, const char *z)
{
    return cs_str_eq(a, cs_str(z));
}
/* NULL-safe strcmp equality: two NULLs are equal, NULL differs from "". */
static inline bool cs_streq(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}
/* bytewise order, shorter first on a tie */
int cs_str_cmp(struct cs_str a, struct cs_str b);
bool cs_str_starts(struct cs_str s, const char *prefix);
bool cs_str_ends(struct cs_str s, const char *suffix);

/* Decimal, optional '-', no blanks, no '+', whole range consumed, overflow refused. */
bool cs_parse_i64(struct cs_str s, int64_t *ret);
bool cs_parse_i32(struct cs_str s, int32_t *ret);
bool cs_parse_u64(struct cs_str s, uint64_t *ret);

/* Kubernetes name forms (apimachinery's rules). Empty is never valid. */
bool cs_is_dns1123_label(struct cs_str s); /* ≤ 63 */
bool cs_is_dns1123_subdomain(struct cs_str s); /* ≤ 253 */
bool cs_is_qualified_name(struct cs_str s); /* label/annotation key: [prefix/]name */
bool cs_is_label_value(struct cs_str s); /* ≤ 63, may be empty */
bool cs_is_env_var_name(struct cs_str s); /* relaxed rule: printable ASCII without '=' */
bool cs_is_port_name(struct cs_str s); /* IANA service name, ≤ 15 */
bool cs_is_utf8(struct cs_str s); /* well-formed, no surrogates, ≤ U+10FFFF */
/* Bytes of the well-formed UTF-8 character at p (1..4), 0 when there is none; p < end. */
size_t cs_utf8_char_len(const char *p, const char *end);

/*
 * Edit distance (a swap of neighbours counts one) capped at `limit` (returns limit + 1 beyond it); for "did you
 * mean". Both ≤ 64 bytes, else limit + 1.
 */
unsigned cs_str_distance(struct cs_str a, struct cs_str b, unsigned limit);

#endif
