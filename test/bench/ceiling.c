/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limit for a webhook on libmicrohttpd: it reads each request to its end and answers the same bytes to all of them.
 *
 *     ceiling PORT CERTIFICATE KEY ANSWER THREADS
 *
 * TLS versions and suites, kind of daemon, memory of a connection, number of threads and of connections are the webhook's. Runs until it is ended.
 */
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/http/http_server.h"
#include "common/http/tls_pair.h"
#include "test/bench/tool.h"

#define MAX_FILE ((size_t)1 << 20)
#define CONNECTIONS 500 /* --max-connections as it is by default */

static struct MHD_Response *answer;

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url, const char *method,
    const char *version, const char *data, size_t *size, void **req_ctx)
{
    (void)cls, (void)url, (void)method, (void)version, (void)data;
    if (!*req_ctx) { /* an answer in this first call would cost the connection */
        *req_ctx = &answer;
        return MHD_YES;
    }
    if (*size > 0) {
        *size = 0;
        return MHD_YES;
    }
    return MHD_queue_response(c, MHD_HTTP_OK, answer);
}

int main(int argc, char **argv)
{
    cs_autofree char *cert = NULL, *key = NULL, *text = NULL;
    struct MHD_Daemon *daemon;
    size_t len;

    if (argc != 6) {
        (void)fprintf(stderr, "usage: ceiling PORT CERTIFICATE KEY ANSWER THREADS\n");
        return 2;
    }
    cert = read_file(argv[2], MAX_FILE, &len);
    key = read_file(argv[3], MAX_FILE, &len);
    text = read_file(argv[4], MAX_FILE, &len);
    answer = MHD_create_response_from_buffer(len, text, MHD_RESPMEM_PERSISTENT);
    if (!answer || MHD_add_response_header(answer, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json") != MHD_YES)
        return 1;
    daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TLS, (uint16_t)strtoul(argv[1], NULL, 10), NULL,
        NULL, &on_request, NULL, MHD_OPTION_HTTPS_MEM_CERT, cert, MHD_OPTION_HTTPS_MEM_KEY, key,
        MHD_OPTION_HTTPS_PRIORITIES, CS_TLS_PRIORITIES, MHD_OPTION_THREAD_POOL_SIZE,
        (unsigned)strtoul(argv[5], NULL, 10), MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, CS_HTTP_CONNECTION_MEMORY, MHD_OPTION_END);
    if (!daemon) {
        (void)fprintf(stderr, "ceiling: libmicrohttpd does not start\n");
        return 1;
    }
    for (;;)
        (void)pause();
}
