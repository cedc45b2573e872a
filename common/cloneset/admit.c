/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One admission from end to end: the rules, conversion, the warnings.
 */
#include <stdlib.h>

#include "common/cloneset/convert.h"
#include "common/cloneset/template.h"
#include "common/cloneset/validate_private.h"

bool cs_template_is_exact(struct cs_template_facts *f, struct cs_json tmpl)
{
    if (!f->known)
        f->exact = cs_revision_is_exact(tmpl, &f->reason);
    f->known = true;
    return f->exact;
}

void cs_template_facts_done(struct cs_template_facts *f)
{
    free(f->reason);
    *f = (struct cs_template_facts){.known = false};
}

void cs_admit_cloneset(struct cs_json old_obj, struct cs_json new_obj, const struct cs_gates *gates,
    struct cs_texts *ret_errors, struct cs_texts *ret_warnings)
{
    CS_CLEANUP(cs_template_facts_done) struct cs_template_facts facts = {.known = false};

    if (cs_json_exists(old_obj))
        cs_validate_update_in(old_obj, new_obj, &facts, ret_errors, ret_warnings);
    else
        cs_validate_cloneset_in(new_obj, &facts, ret_errors);
    if (ret_errors->n == 0)
        cs_convert_admit(old_obj, new_obj, ret_errors);
    if (ret_errors->n == 0)
        cs_admission_warnings_in(old_obj, new_obj, gates, &facts, ret_warnings);
}
