/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths into a template as chains of steps on the stack; their text is made only for those that are reported.
 */
#include "common/cloneset/template_impl.h"

void cs_tpath_render(const struct cs_tpath *path, struct cs_strbuf *out)
{
    if (!path)
        return;
    cs_tpath_render(path->up, out);
    if (!path->key.p) {
        cs_strbuf_addc(out, '[');
        cs_strbuf_addu(out, path->index);
        cs_strbuf_addc(out, ']');
    } else if (path->map_key) {
        cs_strbuf_addc(out, '[');
        cs_strbuf_add(out, path->key.p, path->key.len);
        cs_strbuf_addc(out, ']');
    } else {
        if (path->up)
            cs_strbuf_addc(out, '.');
        cs_strbuf_add(out, path->key.p, path->key.len);
    }
}

char *cs_tpath_dup(const struct cs_tpath *path)
{
    cs_autostrbuf out = CS_STRBUF_INIT;

    cs_tpath_render(path, &out);
    return cs_strbuf_take(&out, NULL);
}
