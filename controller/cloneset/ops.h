/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests under way, between act.c (sends them) and answers.c (takes their answers).
 */
#ifndef CS_CONTROLLER_OPS_H
#define CS_CONTROLLER_OPS_H

#include "controller/cloneset/controller.h"

/* One request under way, or waiting to be sent again. */
struct cs_ops {
    struct cs_ops *next, *prev;
    struct cs_controller *c;
    char *set_uid;
    enum cs_kind kind;
    char *ns, *name;
    enum cs_action_kind action;
    enum cs_verb verb;
    const char *subresource;
    char *body; /* kept: creates in doubt are sent again */
    char *revision;
    char *about; /* the Pod the event is about, when that is not `name` */
    char id[CS_ID_SIZE];
    char *request; /* EXPAND_CLAIM: what was asked for */
    struct cs_asked asked; /* when it was sent last */
    uint64_t known_rv; /* of the object then, 0 when there was none */
    const char *known_uid; /* … and NULL; interned */
    uint64_t call;
    unsigned tries;
    uint64_t term; /* of the controller, when it was decided */
    int64_t may_land_until_ms; /* a create whose answer got lost may still take effect until then; 0: none did */
    bool status; /* a status write */
    bool no_resize; /* RESIZE: answered 404, the Pod is being read */
    struct cs_timer timer;
};

void cs_op_send(struct cs_ops *op);
void cs_op_free(struct cs_ops *op);
struct cs_entry *cs_op_entry(struct cs_ops *op);
/* The run of its set, or NULL when the set entry is gone. */
struct cs_set_run *cs_op_run(struct cs_ops *op);
/* A read is never older than what was known when it was sent, unless the server was restored (D5c): nothing is done on it. */
bool cs_op_is_behind(const struct cs_ops *op, struct cs_json obj);
/* D2: until when the set counts as read; 0 when the answer had to wait for us, as for a process that stood still. */
int64_t cs_op_fresh_until_ms(const struct cs_ops *op);
/* The one place where every request ends (client.h). */
void cs_op_answered(void *ctx, const struct cs_reply *reply);

#endif
