/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk behind cs_template_diff, split over template_diff.c (objects, report) and template_diff_list.c (lists). Private to
 * these two.
 */
#ifndef CS_CLONESET_TEMPLATE_DIFF_H
#define CS_CLONESET_TEMPLATE_DIFF_H

#include "common/cloneset/template.h"
#include "common/cloneset/template_impl.h"

struct cs_tdiff {
    struct cs_template_diff *ret; /* NULL: only whether there is a difference */
    bool found;
    /* Where the walk is: */
    enum cs_change_kind kind;
    const char *container; /* name of the container around, borrowed; NULL outside */
    bool same_container; /* inside containers[n], n and name being the same on both sides */
    bool resizes; /* what a resize can do counts as in place */
    const struct cs_jtree *old_container, *new_container; /* with same_container; borrowed */
};

static inline bool cs_tdiff_done(const struct cs_tdiff *d)
{
    return d->found && !d->ret;
}

/* One entry; an absent value is NULL. */
void cs_tdiff_report(
    struct cs_tdiff *d, const struct cs_tpath *path, const struct cs_jtree *old_v, const struct cs_jtree *new_v);
/* Two values of the same place; f is what the table says about it, NULL for unknown members; not both values NULL. */
void cs_tdiff_value(struct cs_tdiff *d, const struct cs_jtree *old_v, const struct cs_jtree *new_v,
    const struct cs_schema_field *f, const struct cs_tpath *path);
/* Two arrays. */
void cs_tdiff_list(struct cs_tdiff *d, const struct cs_jtree *old_list, const struct cs_jtree *new_list,
    const struct cs_schema_field *f, const struct cs_tpath *path);

#endif
