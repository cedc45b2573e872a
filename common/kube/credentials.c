/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Re-reading compares contents, not file times: the kubelet swaps a symlinked folder, and a file of the same age and
 * size may hold another token.
 */
#include "common/kube/credentials.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/file.h"
#include "common/base/str.h"

#define MAX_CA ((size_t)1 << 20)
#define MAX_TOKEN ((size_t)64 << 10)

static void wipe(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

/* Cuts blanks around the token; a byte that no header may hold is an error. */
static bool read_token(const char *path, char **ret, struct cs_error *err)
{
    cs_autofree char *text = NULL;
    size_t len, from = 0;

    if (!cs_file_read(path, MAX_TOKEN, &text, &len, err))
        return false;
    while (len > 0 && strchr(" \t\r\n", text[len - 1]))
        text[--len] = '\0';
    while (from < len && strchr(" \t\r\n", text[from]))
        from++;
    if (from == len)
        return cs_error_set(err, CS_ERR_INVALID, "%s: no token in it", path);
    for (size_t i = from; i < len; i++) {
        if (text[i] <= 0x20 || text[i] == 0x7f)
            return cs_error_set(err, CS_ERR_INVALID, "%s: not a token", path);
    }
    *ret = cs_xmemdupz(text + from, len - from);
    explicit_bzero(text, len);
    return true;
}

static bool read_ca(const char *path, char **ret, struct cs_error *err)
{
    cs_autofree char *text = NULL;
    size_t len;

    if (!cs_file_read(path, MAX_CA, &text, &len, err))
        return false;
    if (strlen(text) != len || !strstr(text, "-----BEGIN "))
        return cs_error_set(err, CS_ERR_INVALID, "%s: not PEM", path);
    *ret = cs_take(text);
    return true;
}

bool cs_credentials_init(
    struct cs_credentials *c, const struct cs_kube_config *config, const struct cs_clock *clock, struct cs_error *err)
{
    int64_t now = cs_clock_mono_ms(clock);

    *c = (struct cs_credentials){.config = config, .clock = clock, .ca_read_ms = now, .token_read_ms = now};
    if (config->ca_pem)
        c->ca_pem = cs_xstrdup(config->ca_pem);
    else if (config->ca_file && !read_ca(config->ca_file, &c->ca_pem, err))
        return cs_error_prefix(err, "certificate authority");
    if (config->token_file)
        return read_token(config->token_file, &c->token, err) || cs_error_prefix(err, "token");
    if (config->token)
        c->token = cs_xstrdup(config->token);
    return true;
}

void cs_credentials_done(struct cs_credentials *c)
{
    free(c->ca_pem);
    wipe(c->token);
    *c = (struct cs_credentials){0};
}

const char *cs_credentials_token(struct cs_credentials *c)
{
    int64_t now = cs_clock_mono_ms(c->clock);
    char *fresh = NULL;

    if (!c->config->token_file || (!c->token_refused && now - c->token_read_ms < CS_CREDENTIALS_REREAD_MS))
        return c->token;
    c->token_read_ms = now;
    c->token_refused = false;
    if (read_token(c->config->token_file, &fresh, NULL)) {
        wipe(c->token);
        c->token = fresh;
    }
    return c->token;
}

void cs_credentials_token_refused(struct cs_credentials *c)
{
    c->token_refused = true;
}

void cs_credentials_connect_failed(struct cs_credentials *c)
{
    int64_t now = cs_clock_mono_ms(c->clock);
    cs_autofree char *fresh = NULL;

    if (!c->config->ca_file || !c->ca_pem || c->config->ca_pem || now - c->ca_read_ms < CS_CREDENTIALS_REREAD_MS)
        return;
    c->ca_read_ms = now;
    if (!read_ca(c->config->ca_file, &fresh, NULL) || cs_streq(fresh, c->ca_pem))
        return;
    free(c->ca_pem);
    c->ca_pem = cs_take(fresh);
    c->ca_generation++;
}
