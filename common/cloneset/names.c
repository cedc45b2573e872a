/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of Pods and claims, and the ids in them. Candidates for ids come from a hash and not from a generator, so that
 * two controllers that see the same want the same names, and the API server lets only one of them have each (D7).
 */
#include "common/cloneset/names.h"

#include "common/base/hash.h"

#define ALPHABET_LEN 27

bool cs_id_valid(struct cs_str id)
{
    if (id.len != CS_ID_LEN)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        if (!memchr(cs_safe_alphabet, id.p[i], ALPHABET_LEN))
            return false;
    }
    return true;
}

/* The finaliser of splitmix64: FNV leaves the last bytes of its input visible in the sum. */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Byte by byte from the low end, so that actors on different machines agree. */
static uint64_t hash_u64(uint64_t h, uint64_t v)
{
    unsigned char bytes[8];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(v >> (8 * i));
    return cs_fnv64_1a(h, bytes, sizeof(bytes));
}

void cs_id_candidate(const char *set_uid, int64_t generation, uint64_t in_use_digest, uint64_t k, char ret[CS_ID_SIZE])
{
    uint64_t h = cs_fnv64_1a(CS_FNV64_INIT, set_uid, strlen(set_uid));

    h = hash_u64(h, (uint64_t)generation);
    h = hash_u64(h, in_use_digest);
    h = mix(hash_u64(h, k));
    /* 27^5 ids from 2^64 values: what is left over favours some by one in 10^12. */
    for (size_t i = 0; i < CS_ID_LEN; i++) {
        ret[i] = cs_safe_alphabet[h % ALPHABET_LEN];
        h /= ALPHABET_LEN;
    }
    ret[CS_ID_LEN] = '\0';
}

uint64_t cs_id_digest(const char *id)
{
    /* Mixed, because sums of bare FNV values of similar texts collide. */
    return mix(cs_fnv64_1a(CS_FNV64_INIT, id, strlen(id)));
}

/* The parts with '-' between them. */
static bool join(const char *const *parts, size_t n, char ret[CS_NAME_SIZE])
{
    char name[CS_NAME_SIZE];
    size_t at = 0;

    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(parts[i]);
        if (len >= sizeof(name) - at) /* a '-' or the NUL follows */
            return false;
        memcpy(name + at, parts[i], len);
        at += len;
        name[at++] = '-';
    }
    name[at - 1] = '\0';
    memcpy(ret, name, at);
    return true;
}

bool cs_pod_name(const char *set, const char *id, char ret[CS_NAME_SIZE])
{
    return join((const char *const[]){set, id}, 2, ret);
}

bool cs_claim_name(const char *tmpl, const char *set, const char *id, char ret[CS_NAME_SIZE])
{
    return join((const char *const[]){tmpl, set, id}, 3, ret);
}

struct cs_str cs_id_of_pod_name(struct cs_str name, struct cs_str set)
{
    struct cs_str id = {0};

    if (name.len != set.len + 1 + CS_ID_LEN || name.p[set.len] != '-')
        return id;
    if (!cs_str_eq((struct cs_str){.p = name.p, .len = set.len}, set))
        return id;
    id = (struct cs_str){.p = name.p + set.len + 1, .len = CS_ID_LEN};
    return cs_id_valid(id) ? id : (struct cs_str){0};
}

struct cs_str cs_short_hash(struct cs_str revision)
{
    const char *dash = revision.len ? memrchr(revision.p, '-', revision.len) : NULL;

    if (!dash)
        return revision;
    size_t skip = (size_t)(dash - revision.p) + 1;
    return (struct cs_str){.p = revision.p + skip, .len = revision.len - skip};
}

bool cs_revision_same(const char *a, const char *b)
{
    if (!a || !b)
        return false;
    if (strcmp(a, b) == 0)
        return true;
    struct cs_str x = cs_short_hash(cs_str(a));
    return x.len > 0 && cs_str_eq(x, cs_short_hash(cs_str(b)));
}
