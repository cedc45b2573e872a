/* SPDX-License-Identifier: Apache-2.0 */
/* Base64: whatever is decoded is what encoding gives back but for folds, and every sequence of bytes survives. */
#include "common/base/base64.h"
#include "test/fuzz/fuzz.h"

static void check_decode(struct cs_str text)
{
    struct cs_error err = CS_ERROR_INIT;
    cs_autofree char *bytes = NULL;
    cs_autostrbuf again = CS_STRBUF_INIT;
    size_t len = 0, at = 0;

    if (!cs_base64_decode(text, 1 << 20, &bytes, &len, &err)) {
        FUZZ_CHECK(err.kind == CS_ERR_INVALID, "an error of kind %d", (int)err.kind);
        return;
    }
    FUZZ_CHECK(bytes[len] == '\0', "no NUL behind the bytes");
    cs_base64_encode(&again, (struct cs_str){.p = bytes, .len = len});
    for (size_t i = 0; i < text.len; i++) {
        if (strchr(" \t\r\n", text.p[i]) && text.p[i])
            continue;
        FUZZ_CHECK(at < again.len && again.data[at++] == text.p[i], "encoded again it differs at %zu", i);
    }
    FUZZ_CHECK(at == again.len, "encoded again it is longer");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cs_str in = {.p = (const char *)data, .len = size};
    cs_autostrbuf text = CS_STRBUF_INIT;
    cs_autofree char *bytes = NULL;
    size_t len = 0;

    check_decode(in);
    cs_base64_encode(&text, in);
    FUZZ_CHECK(
        cs_base64_decode((struct cs_str){.p = cs_strbuf_str(&text), .len = text.len}, size, &bytes, &len, NULL) &&
            len == size && (size == 0 || memcmp(bytes, data, size) == 0),
        "%zu bytes do not come back", size);
    return 0;
}
