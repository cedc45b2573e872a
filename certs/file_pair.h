/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The alternative to rotator.h: somebody else (cert-manager) keeps the certificate in a mounted Secret, files tls.crt
 * and tls.key and perhaps ca.crt in one folder. They are looked at every few seconds and read again when they changed;
 * a pair that does not belong together (half-written, half-projected) is not handed over, the old one stays.
 */
#ifndef CS_CERTS_FILE_PAIR_H
#define CS_CERTS_FILE_PAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/kube/loop.h"

struct cs_file_pair_options {
    struct cs_loop *loop; /* borrowed, as all pointers here; the folder's name is copied */
    const struct cs_log *log; /* may be NULL */
    struct cs_metrics *metrics; /* may be NULL; the expiry gauge of the rotator */
    const char *dir;
    int64_t poll_ms; /* 0: 5 s */
    /* As in rotator.h: tls.crt as the file has it. False: not taken, offered again at the next look. */
    bool (*on_pair)(void *ctx, const char *cert_pem, const char *key_pem);
    void *ctx;
};

struct cs_file_pair;
struct cs_file_pair *cs_file_pair_new(const struct cs_file_pair_options *o);
void cs_file_pair_free(struct cs_file_pair *f);
CS_DEFINE_CLEANUP(struct cs_file_pair *, cs_file_pair_free)
void cs_file_pair_start(struct cs_file_pair *f); /* the first look happens in the call */
/* A pair that has not expired was taken by the server. Thread-safe; why as in cs_rotator_ready. */
bool cs_file_pair_ready(struct cs_file_pair *f, char *why, size_t size);

#endif
