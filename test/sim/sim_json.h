/* SPDX-License-Identifier: Apache-2.0 */
/* JSON as an API server handles it. */
#ifndef CS_TEST_SIM_JSON_H
#define CS_TEST_SIM_JSON_H

#include "common/json/json_tree.h"

/* sim_json.c; paths are keys with '/' between them. Results are borrowed. */
struct cs_jtree *sim_parse(const char *text); /* NULL: not JSON */
char *sim_print(const struct cs_jtree *t); /* owned */
struct cs_jtree *sim_get(const struct cs_jtree *t, const char *path);
const char *sim_str(const struct cs_jtree *t, const char *path); /* NULL when absent */
int64_t sim_int(const struct cs_jtree *t, const char *path, int64_t otherwise);
struct cs_jtree *sim_need(struct cs_jtree *t, const char *path); /* objects are made on the way */
const char *sim_label(const struct cs_jtree *obj, const char *key);
const char *sim_annotation(const struct cs_jtree *obj, const char *key);
void sim_merge(struct cs_jtree *target, const struct cs_jtree *patch, bool strategic);
bool sim_json_patch(struct cs_jtree *target, const struct cs_jtree *ops, const char **ret_why);
const char *sim_condition(const struct cs_jtree *obj, const char *type); /* its status, or NULL */
/* True when it changed. */
bool sim_set_condition(struct cs_jtree *obj, const char *type, bool status, const char *time);
bool sim_has_finalizer(const struct cs_jtree *obj, const char *name);
void sim_put_finalizer(struct cs_jtree *obj, const char *name, bool there);
bool sim_owned_by(const struct cs_jtree *obj, const char *uid);

#endif
