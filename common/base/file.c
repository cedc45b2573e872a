/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads to the end instead of trusting the size that stat gives: mounted Secrets are replaced under the reader, and
 * files of /proc have none.
 */
#include "common/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/strbuf.h"

static bool io_error(struct cs_error *err, const char *path, int e)
{
    return cs_error_set(err, e == ENOENT || e == ENOTDIR ? CS_ERR_NOT_FOUND : CS_ERR_IO, "%s: %s", path,
        strerrordesc_np(e) ? strerrordesc_np(e) : "unknown error");
}

bool cs_file_read(const char *path, size_t max, char **ret, size_t *ret_len, struct cs_error *err)
{
    cs_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    cs_autostrbuf text = {.max = max};
    char chunk[4096];

    if (fd < 0)
        return io_error(err, path, errno);
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof(chunk));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return io_error(err, path, errno);
        if (n == 0)
            break;
        cs_strbuf_add(&text, chunk, (size_t)n);
        if (text.exhausted)
            return cs_error_set(err, CS_ERR_TOO_LARGE, "%s: no memory for it", path);
        if (text.failed)
            return cs_error_set(err, CS_ERR_TOO_LARGE, "%s: more than %zu bytes", path, max);
    }
    *ret = cs_strbuf_take(&text, ret_len);
    return true;
}
