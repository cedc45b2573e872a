/* SPDX-License-Identifier: Apache-2.0 */
/* An answer of an API server, or of a proxy in front of it: the first two bytes are the HTTP status, the rest the body. */
#include "common/kube/client.h"
#include "test/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cs_error err = CS_ERROR_INIT;
    int status;

    if (size < 2)
        return 0;
    status = (data[0] << 8 | data[1]) % 1000;
    cs_reply_error(status, (struct cs_str){.p = (const char *)data + 2, .len = size - 2}, 0, &err);
    FUZZ_CHECK((err.kind == CS_ERR_NONE) == (status >= 200 && status < 300), "%d is an error of kind %d", status,
        (int)err.kind);
    FUZZ_CHECK(
        memchr(err.message, '\0', sizeof(err.message)) && memchr(err.reason, '\0', sizeof(err.reason)), "no end");
    for (const char *p = err.message; *p; p++)
        FUZZ_CHECK((unsigned char)*p >= 0x20, "a control character in the message");
    FUZZ_CHECK(
        err.retry_after_ms >= 0 && err.retry_after_ms <= 3600000, "retry after %lld", (long long)err.retry_after_ms);
    return 0;
}
