/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of the webhook, one argument a line; numbers end up within their bounds, or the line says why not. */
#include "common/base/cleanup.h"
#include "common/cloneset/gates.h"
#include "test/fuzz/fuzz.h"
#include "webhook/options.h"

#define MAX_ARGS 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char program[] = "cloneset-webhook";
    char *argv[MAX_ARGS + 1] = {program};
    struct cs_webhook_options o;
    struct cs_error err = CS_ERROR_INIT;
    struct cs_gates gates;
    cs_autofree char *text = NULL;
    cs_autostrbuf all = CS_STRBUF_INIT, ignored = CS_STRBUF_INIT;
    char *save = NULL;
    int argc = 1;

    if (size == 0 || memchr(data, '\0', size))
        return 0;
    cs_strbuf_add(&all, (const char *)data, size);
    text = cs_strbuf_take(&all, NULL);
    for (char *arg = strtok_r(text, "\n", &save); arg && argc < MAX_ARGS; arg = strtok_r(NULL, "\n", &save))
        argv[argc++] = arg;
    switch (cs_flags_parse(&cs_webhook_flags, argc, argv, &o, &err)) {
    case CS_FLAGS_ERROR:
        FUZZ_CHECK(
            err.kind == CS_ERR_INVALID && err.message[0] && !strchr(err.message, '\n'), "refused: \"%s\"", err.message);
        return 0;
    case CS_FLAGS_OK:
        break;
    default:
        return 0;
    }
    FUZZ_CHECK(o.threads >= 1 && o.threads <= 64 && o.service_port >= 1 && o.service_port <= 65535, "out of bounds");
    FUZZ_CHECK(
        o.leaf_lifetime_ms >= 15000 && o.shutdown_delay_ms >= 0 && o.shutdown_delay_ms <= 60000, "out of bounds");
    FUZZ_CHECK(cs_webhook_options_check(&o, &err) || err.message[0], "refused without a word");
    FUZZ_CHECK(cs_gates_parse(o.feature_gates, &gates, &ignored, &err) || err.message[0], "refused without a word");
    return 0;
}
