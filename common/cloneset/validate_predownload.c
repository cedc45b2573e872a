/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pulling images ahead (spec §3.5): fields without effect here, checked because another controller of CloneSets acts on
 * them. They exist in both versions.
 */
#include "common/cloneset/validate_private.h"

#define PARALLELISM "imagePreDownloadParallelism"

static void check_text(struct cs_check *c, const struct cs_path *at, struct cs_json v)
{
    struct cs_str text = cs_check_text(c, v);
    struct cs_str digits = text;
    int32_t i;

    if (digits.len > 1 && digits.p[0] == '+') /* as Go reads numbers */
        digits = (struct cs_str){.p = digits.p + 1, .len = digits.len - 1};
    if (cs_str_ends(text, "%"))
        cs_bad_value(c, at, v, PARALLELISM " does not support percentage value");
    else if (!cs_parse_i32(digits, &i))
        cs_bad_value(c, at, v, PARALLELISM " must be a valid integer: strconv.Atoi: parsing \"%.*s\": invalid syntax",
            (int)(text.len < CS_VALUE_MAX ? text.len : CS_VALUE_MAX), text.p);
    else if (i < 0)
        cs_bad_value(c, at, v, PARALLELISM " must be non-negative");
}

static void check_parallelism(struct cs_check *c, const struct cs_path *at, struct cs_json v)
{
    int32_t i;

    if (cs_json_is_null(v))
        return;
    if (cs_json_is(v, CS_J_STRING))
        check_text(c, at, v);
    else if (!cs_json_i32(v, &i))
        cs_bad_value(c, at, v, "must be a 32-bit integer");
    else if (i < 0)
        cs_bad_value(c, at, v, PARALLELISM " must be non-negative");
}

void cs_check_predownload(struct cs_check *c, const struct cs_path *at, struct cs_json in_place)
{
    static const char *const numbers[] = {"imagePreDownloadTimeoutSeconds", "imagePreDownloadMinUpdatedReadyPods"};

    check_parallelism(c, CS_KEY(at, PARALLELISM), cs_json_get(in_place, PARALLELISM));
    for (size_t i = 0; i < CS_ARRAY_LEN(numbers); i++) {
        int32_t value = cs_want_i32(c, at, in_place, numbers[i], 0);

        if (value < 0)
            cs_bad_int(c, CS_KEY(at, numbers[i]), value, "must be greater than or equal to 0");
    }
}
