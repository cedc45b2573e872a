/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way to include uthash: exhaustion ends the process with its message instead of exit(-1), and the hash is our FNV-1a,
 * because uthash's default expands to switch labels that fall through, which -Wimplicit-fallthrough refuses in every user.
 */
#ifndef CS_BASE_TABLE_H
#define CS_BASE_TABLE_H

#include "common/base/alloc.h"
#include "common/base/hash.h"

#define uthash_fatal(msg) cs_out_of_memory()
#define HASH_FUNCTION(keyptr, keylen, hashv)                                                                           \
    do {                                                                                                               \
        uint64_t cs_table_h_ = cs_fnv64_1a(CS_FNV64_INIT, (keyptr), (keylen));                                         \
        (hashv) = cs_hash_fold(cs_table_h_);                                                                           \
    } while (0)
#include <uthash.h>

#endif
