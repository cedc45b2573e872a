/* SPDX-License-Identifier: Apache-2.0 */
/* A kubeconfig: what is accepted has a server by https, and credentials that belong together. */
#include "common/kube/config.h"
#include "test/fuzz/fuzz.h"

static bool mentions_files(const uint8_t *data, size_t size)
{
    /* Client certificates are read at once; a fuzzer is not to open whatever file it thinks of. */
    return memmem(data, size, "client-", 7) && memchr(data, '/', size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cs_error err = CS_ERROR_INIT;
    cs_auto_kube_config *c = NULL;

    if (size && mentions_files(data, size))
        return 0;
    if (!cs_kube_config_from_text((const char *)data, size, "/nonexistent", NULL, &c, &err)) {
        FUZZ_CHECK(!c && err.message[0], "refused without a word");
        return 0;
    }
    FUZZ_CHECK(cs_str_starts(cs_str(c->server), "https://") || cs_str_starts(cs_str(c->server), "http://127.0.0.1"),
        "the server %s", c->server);
    FUZZ_CHECK(c->ns && cs_is_dns1123_label(cs_str(c->ns)), "the namespace %s", c->ns ? c->ns : "(none)");
    FUZZ_CHECK(!c->cert_pem == !c->key_pem, "half a pair");
    FUZZ_CHECK(!c->token || !strpbrk(c->token, "\r\n"), "a token of two lines");
    FUZZ_CHECK(!c->insecure || (!c->ca_file && !c->ca_pem), "insecure, with a CA");
    return 0;
}
