/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hashes: the 32-bit FNV sums and the safe encoding of revision names (spec Appendix C), 64-bit FNV-1a for tables,
 * and SHA-256 through OpenSSL.
 */
#ifndef CS_BASE_HASH_H
#define CS_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/str.h"

#define CS_FNV32_INIT 2166136261u
#define CS_FNV64_INIT 14695981039346656037ull

uint32_t cs_fnv32_1(uint32_t h, const void *p, size_t len); /* multiply, then xor */
uint32_t cs_fnv32_1a(uint32_t h, const void *p, size_t len); /* xor, then multiply */
uint64_t cs_fnv64_1a(uint64_t h, const void *p, size_t len);

/* For tables: FNV's low bits depend on the low bits of the text only. */
static inline uint32_t cs_hash_fold(uint64_t h)
{
    return (uint32_t)(h ^ (h >> 32));
}
/*
 * Removal under linear probing: whether what lies in slot `at` may fill the hole before it, which it may when that is between its home
 * and where it is, in the circle of mask + 1 slots.
 */
static inline bool cs_hash_fills(size_t hole, size_t at, size_t home, size_t mask)
{
    return ((at - home) & mask) >= ((at - hole) & mask);
}

/* The 27 letters "bcdfghjklmnpqrstvwxz2456789" of ids and hashes. */
extern const char cs_safe_alphabet[28];
/* Each byte modulo 27 indexes the alphabet (Appendix C). out must hold s.len + 1. */
void cs_safe_encode(struct cs_str s, char *out);

/* 64 hex digits + NUL. */
#define CS_SHA256_HEX_SIZE 65
void cs_sha256_hex(struct cs_str s, char out[CS_SHA256_HEX_SIZE]);

#endif
