/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash sums. The FNV ones must agree with the peer's to the bit (spec Appendix C); none of them is for secrets.
 */
#include "common/base/hash.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#define FNV32_PRIME 16777619u
#define FNV64_PRIME 1099511628211ull

const char cs_safe_alphabet[28] = "bcdfghjklmnpqrstvwxz2456789";

uint32_t cs_fnv32_1(uint32_t h, const void *p, size_t len)
{
    const unsigned char *bytes = p;

    for (size_t i = 0; i < len; i++) {
        h *= FNV32_PRIME;
        h ^= bytes[i];
    }
    return h;
}

uint32_t cs_fnv32_1a(uint32_t h, const void *p, size_t len)
{
    const unsigned char *bytes = p;

    for (size_t i = 0; i < len; i++) {
        h ^= bytes[i];
        h *= FNV32_PRIME;
    }
    return h;
}

uint64_t cs_fnv64_1a(uint64_t h, const void *p, size_t len)
{
    const unsigned char *bytes = p;

    for (size_t i = 0; i < len; i++) {
        h ^= bytes[i];
        h *= FNV64_PRIME;
    }
    return h;
}

void cs_safe_encode(struct cs_str s, char *out)
{
    for (size_t i = 0; i < s.len; i++)
        out[i] = cs_safe_alphabet[(unsigned char)s.p[i] % (sizeof(cs_safe_alphabet) - 1)];
    out[s.len] = '\0';
}

void cs_sha256_hex(struct cs_str s, char out[CS_SHA256_HEX_SIZE])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    /* Without memory, or with a broken installation of OpenSSL: nothing it says could be trusted. */
    if (!EVP_Digest(s.len ? s.p : "", s.len, sum, &len, EVP_sha256(), NULL) || len != 32) {
        (void)fputs("SHA-256 is not available: a broken OpenSSL, or out of memory\n", stderr);
        abort();
    }
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = hex[sum[i] >> 4];
        out[2 * i + 1] = hex[sum[i] & 15];
    }
    out[CS_SHA256_HEX_SIZE - 1] = '\0';
}
