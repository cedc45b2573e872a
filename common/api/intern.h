/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interned strings: equal strings are one object, so a fleet of Pods shares its labels, images and node names.
 * All strings of the decoded structs of common/api live in one pool; each holder owns one reference. Arrays of such strings, which
 * a fleet shares too, likewise.
 * One thread per pool.
 */
#ifndef CS_API_INTERN_H
#define CS_API_INTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/cleanup.h"
#include "common/base/str.h"

struct cs_intern;

/* Longer strings are refused like strings that find no memory; no object of the API server is as large. */
#define CS_INTERN_MAX ((size_t)16 << 20)

struct cs_intern *cs_intern_new(void);
/* NULL-safe. Every string must have been released (checked in builds with sanitizers). */
void cs_intern_free(struct cs_intern *pool);
CS_DEFINE_CLEANUP(struct cs_intern *, cs_intern_free)
#define cs_autointern CS_CLEANUP(cs_intern_free_cleanup) struct cs_intern

/*
 * NUL-terminated, immutable; comparable by pointer within the pool. An absent cs_str gives NULL. s holds no NUL byte. A
 * string above 4 KiB that finds no memory gives NULL too, and the pool remembers (D25).
 */
const char *cs_intern_str(struct cs_intern *pool, struct cs_str s);
/* One more reference; NULL stays NULL. */
const char *cs_intern_ref(struct cs_intern *pool, const char *s);
void cs_intern_unref(struct cs_intern *pool, const char *s); /* NULL is fine */
/*
 * Equal arrays are one object: so many bytes, zeroed between the members, that hold pointers to interned strings. The array owns the
 * references of its strings. Whoever brings the strings of an array that was there before, or takes the last reference to one, has
 * to release them: cs_intern_is_shared tells. Not to be changed; NULL for no bytes, and when it is refused as strings are.
 */
void *cs_intern_array(struct cs_intern *pool, const void *items, size_t bytes);
bool cs_intern_is_shared(const void *array); /* there is more than one reference */
void cs_intern_array_unref(struct cs_intern *pool, const void *array); /* NULL is fine */
/* True when a string was refused since the last call; decoders turn that into an error. */
bool cs_intern_take_failure(struct cs_intern *pool);
size_t cs_intern_count(const struct cs_intern *pool);
size_t cs_intern_bytes(const struct cs_intern *pool); /* memory held, allocator's overhead included; for metrics */

#endif
