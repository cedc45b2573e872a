/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading small files whole: tokens, certificates, kubeconfigs.
 */
#ifndef CS_BASE_FILE_H
#define CS_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/error.h"

/*
 * The file's bytes, owned, NUL-terminated behind *ret_len of them (ret_len may be NULL). Errors name the path:
 * CS_ERR_NOT_FOUND, CS_ERR_IO, CS_ERR_TOO_LARGE above max bytes.
 */
bool cs_file_read(const char *path, size_t max, char **ret, size_t *ret_len, struct cs_error *err);

#endif
