/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an HTTP request to the handler of its path and back: method, content type, JSON, envelope; metrics and log lines.
 *
 * What cannot be answered by a review (no JSON, no uid, …) is answered by an HTTP status with a Status object as body, whose text the
 * API server passes on to the user.
 */
#ifndef CS_WEBHOOK_ROUTER_H
#define CS_WEBHOOK_ROUTER_H

#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/cloneset/gates.h"
#include "common/http/http_server.h"

/* D18 */
#define CS_PATH_MUTATE_CLONESET "/mutate-apps-kruise-io-cloneset"
#define CS_PATH_VALIDATE_CLONESET "/validate-apps-kruise-io-cloneset"
#define CS_PATH_INSTANCE_ID "/mutate-instance-id"
#define CS_PATH_CONVERT "/convert"

#define CS_WEBHOOK_MAX_BODY ((size_t)7 << 20)

struct cs_router;
/* threads: how many server threads will call; each has scratch memory of its own. metrics, log: may be NULL; borrowed. */
struct cs_router *cs_router_new(unsigned threads, struct cs_metrics *metrics, const struct cs_log *log);
/* Before the first request; all gates are off otherwise. */
void cs_router_set_gates(struct cs_router *r, const struct cs_gates *gates);
/* Logs how many lines a flood would have made that were not logged; now and then, from any thread. */
void cs_router_tell_folded(struct cs_router *r);
/* The logger must still be there. */
void cs_router_free(struct cs_router *r);
CS_DEFINE_CLEANUP(struct cs_router *, cs_router_free)

/* cs_http_handler; ctx: the router. Thread-safe as long as req->thread tells the threads apart. */
void cs_router_handle(void *ctx, const struct cs_http_req *req, struct cs_http_resp *resp);
/* cs_http_refusal; ctx is not used. */
void cs_router_refuse(void *ctx, const char *text, struct cs_http_resp *resp);
/* cs_http_stranger; ctx: the router. Logs the first few in ten seconds, then how many more there were. Thread-safe. */
void cs_router_stranger(void *ctx, const char *peer, const char *why);

#endif
