/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What admission asks of conversion: that every object which is accepted can be converted at a bounded cost, and that the
 * annotation brings nothing into the other version that would be refused there.
 */
#include "common/api/gvr.h"
#include "common/cloneset/convert_private.h"
#include "common/cloneset/validate_report.h"

#define NOTE_PATH "metadata.annotations[" CS_ANNO_CONVERSION "]"

static bool is_too_large(struct cs_json obj)
{
    return cs_convert_values(obj) > CS_CONVERT_VALUES_ADMITTED;
}

/* The violations of obj as the other version reads it; none when no annotation has a part in that. */
static void find_hidden(struct cs_json obj, struct cs_texts *ret)
{
    enum cs_version to = cs_version_of(obj) == CS_V1ALPHA1 ? CS_V1BETA1 : CS_V1ALPHA1;
    cs_autostrbuf text = CS_STRBUF_INIT;
    cs_autojdoc doc = {.nodes = NULL};

    if (cs_convert_note_counts(obj) != 0 && cs_convert(obj, to, &text, NULL) &&
        cs_jdoc_parse(&doc, cs_strbuf_str(&text), text.len, NULL, NULL))
        cs_validate_cloneset(cs_jdoc_root(&doc), ret);
}

static void refuse_hidden(struct cs_json old_obj, struct cs_json new_obj, struct cs_texts *ret_errors)
{
    struct cs_texts found = {0}, old = {0};

    find_hidden(new_obj, &found);
    if (found.n)
        find_hidden(old_obj, &old);
    for (size_t i = 0; i < found.n; i++) {
        if (!cs_texts_has(&old, found.items[i]))
            cs_texts_add(ret_errors,
                NOTE_PATH
                ": Forbidden: read in the other version, the CloneSet would break a rule there: %s; remove the "
                "annotation",
                found.items[i]);
    }
    cs_texts_done(&found);
    cs_texts_done(&old);
}

void cs_convert_admit(struct cs_json old_obj, struct cs_json new_obj, struct cs_texts *ret_errors)
{
    if (is_too_large(new_obj) && !is_too_large(old_obj))
        cs_texts_add(ret_errors,
            "spec: Too many: labels, annotations, scaleStrategy and updateStrategy hold %zu values together: must have "
            "at "
            "most %d",
            cs_convert_values(new_obj), CS_CONVERT_VALUES_ADMITTED);
    else
        refuse_hidden(old_obj, new_obj, ret_errors);
}
