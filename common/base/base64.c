/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64 by the letter of RFC 4648. Decoding is strict where leniency would let two texts mean the same bytes.
 */
#include "common/base/base64.h"

#include <stdint.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void cs_base64_encode(struct cs_strbuf *out, struct cs_str in)
{
    size_t i = 0;

    while (i < in.len) {
        size_t n = in.len - i < 3 ? in.len - i : 3;
        uint32_t bits = 0;
        char quad[4];

        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (k < n ? (unsigned char)in.p[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            quad[k] = k <= n ? alphabet[bits >> (18 - 6 * k) & 63] : '=';
        cs_strbuf_add(out, quad, sizeof(quad));
        i += n;
    }
}

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static bool is_fold(char c)
{
    return c == '\n' || c == '\r' || c == ' ' || c == '\t';
}

/* The group of four that is being collected. */
struct quad {
    uint32_t bits;
    unsigned sextets, pads;
};

/* Takes one character; *ret_n tells how many bytes of *ret the group has given when it is complete, else 0. */
static bool take(struct quad *q, char c, char ret[3], unsigned *ret_n)
{
    int v = value_of(c);

    *ret_n = 0;
    if (v >= 0 && q->pads == 0) {
        q->bits = q->bits << 6 | (uint32_t)v;
        q->sextets++;
    } else if (c == '=' && q->sextets >= 2 && q->sextets + q->pads < 4) {
        q->bits <<= 6;
        q->pads++;
    } else {
        return false;
    }
    if (q->sextets + q->pads < 4)
        return true;
    unsigned n = 3 - q->pads;
    for (unsigned k = 0; k < 3; k++)
        ret[k] = (char)(q->bits >> (16 - 8 * k) & 0xff);
    for (unsigned k = n; k < 3; k++) {
        if (ret[k])
            return false; /* stray bits: not what any encoder writes */
    }
    *ret_n = n;
    /* A padded group is the last: keeping `pads` makes whatever follows fail. */
    *q = (struct quad){.sextets = q->pads ? 4 : 0, .pads = q->pads};
    return true;
}

bool cs_base64_decode(struct cs_str in, size_t max, char **ret, size_t *ret_len, struct cs_error *err)
{
    cs_autostrbuf out = {.max = max};
    struct quad q = {0};

    for (size_t i = 0; i < in.len; i++) {
        char bytes[3];
        unsigned n;

        if (is_fold(in.p[i]))
            continue;
        if (!take(&q, in.p[i], bytes, &n))
            return cs_error_set(err, CS_ERR_INVALID, "not base64 at offset %zu", i);
        cs_strbuf_add(&out, bytes, n);
    }
    if (q.sextets != 0 && q.pads == 0)
        return cs_error_set(err, CS_ERR_INVALID, "base64 ends in the middle of a group of four");
    if (q.pads != 0 && q.sextets != 4)
        return cs_error_set(err, CS_ERR_INVALID, "base64 lacks padding at its end");
    if (out.failed)
        return cs_error_set(err, CS_ERR_TOO_LARGE, "base64 of more than %zu bytes", max);
    *ret = cs_strbuf_take(&out, ret_len);
    return true;
}
