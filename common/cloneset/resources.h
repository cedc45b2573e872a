/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU and memory of containers, as far as a running Pod can follow them (spec §6.4, §9: gate InPlaceWorkloadVerticalScaling):
 * the four values of a container, the QoS class that they make, and what an update changes of them.
 *
 * Values are effective ones: a request that is not given is the limit, as the API server fills it in. So a template that
 * states limits alone resizes both, and a Pod resized in place equals one that is created anew.
 */
#ifndef CS_CLONESET_RESOURCES_H
#define CS_CLONESET_RESOURCES_H

#include "common/api/pod.h"
#include "common/json/json_tree.h"
#include "common/json/json_writer.h"

enum cs_cell {
    CS_CELL_LIMITS_CPU,
    CS_CELL_LIMITS_MEMORY,
    CS_CELL_REQUESTS_CPU,
    CS_CELL_REQUESTS_MEMORY,
    CS_CELL_COUNT
};

/* Quantities as written; NULL where absent. Owned. */
struct cs_cells {
    char *v[CS_CELL_COUNT];
};
/* From a member `resources`, absent or of a wrong type: no value. As they stand, requests are not filled in. */
void cs_cells_read(const struct cs_jtree *resources, struct cs_cells *ret);
void cs_cells_read_text(const char *json, struct cs_cells *ret); /* NULL: no value */
void cs_cells_fill(struct cs_cells *c); /* makes them effective */
void cs_cells_done(struct cs_cells *c);
#define cs_autocells CS_CLEANUP(cs_cells_done) struct cs_cells
/* Equal by value; both NULL is equal, too. */
bool cs_cell_same(const char *a, const char *b);
/* True when `resources` has an effective value for list ("limits" or "requests") and resource ("cpu" or "memory"). */
bool cs_cells_has(const struct cs_jtree *resources, const char *list, const char *resource);

/* Adds up to the QoS class of a Pod: start with CS_QOS_SUM_INIT, add every container, then ask. */
struct cs_qos_sum {
    bool none; /* no container asks for anything */
    bool all; /* every container is limited to what it asks for */
};
#define CS_QOS_SUM_INIT                                                                                                \
    {                                                                                                                  \
        true, true                                                                                                     \
    }
void cs_qos_add(struct cs_qos_sum *sum, const struct cs_cells *effective);
enum cs_qos cs_qos_of(const struct cs_qos_sum *sum);
const char *cs_qos_name(enum cs_qos q); /* "Burstable" */
/* Of a Pod made of a template in normal form, init containers included. */
enum cs_qos cs_template_qos(const struct cs_jtree *norm);

/* What an update changes: by container, the new values of what changes; NULL: stays. */
struct cs_resize_entry {
    char *container;
    struct cs_cells to;
};
struct cs_resize {
    struct cs_resize_entry *items;
    size_t n, cap;
};
void cs_resize_done(struct cs_resize *r);
#define cs_autoresize CS_CLEANUP(cs_resize_done) struct cs_resize
/*
 * Between two templates in normal form whose containers correspond (the difference is in place). before (may be NULL): an
 * update that had not ended; what it was to change is changed to the value of `to` as well.
 */
void cs_resize_make(
    const struct cs_jtree *from, const struct cs_jtree *to, const struct cs_resize *before, struct cs_resize *ret);
void cs_resize_name(struct cs_resize *r, const char *container); /* without values, unless it is there */
const struct cs_resize_entry *cs_resize_find(const struct cs_resize *r, const char *container);
/* {"c":{"limits":{"cpu":"2"}}}, as annotations hold it (spec A.3, A.4); anything else is left out. */
void cs_resize_parse(struct cs_json obj, struct cs_resize *ret);
void cs_resize_write(const struct cs_resize *r, struct cs_jw *w);
/* {"limits":{"cpu":"2"}}: the values that are there. */
void cs_cells_write(const struct cs_cells *c, struct cs_jw *w);

#endif
