/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target over the files that are given, in the place of libFuzzer: `make test-fuzz` needs no clang. Each input lies
 * in memory of exactly its size, so that a sanitizer sees a read behind its end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/file.h"
#include "test/fuzz/fuzz.h"

#define MAX_INPUT ((size_t)16 << 20)
#define MAX_SECONDS 20

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size)
{
    (void)data;
    (void)max_size;
    return size; /* nothing is mutated in a replay */
}

static bool replay(const char *path)
{
    struct cs_error err = CS_ERROR_INIT;
    cs_autofree char *text = NULL;
    cs_autofree uint8_t *exact = NULL;
    size_t len;

    if (!cs_file_read(path, MAX_INPUT, &text, &len, &err)) {
        (void)fprintf(stderr, "%s\n", err.message);
        return false;
    }
    exact = malloc(len ? len : 1);
    if (!exact)
        return false;
    memcpy(exact, text, len);
    (void)alarm(MAX_SECONDS); /* an input that takes so long is a finding, too */
    (void)LLVMFuzzerTestOneInput(exact, len);
    (void)alarm(0);
    return true;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        (void)printf("%s\n", argv[i]); /* the last line names the input that ended the process */
        (void)fflush(stdout);
        if (!replay(argv[i]))
            return 1;
    }
    return 0;
}
