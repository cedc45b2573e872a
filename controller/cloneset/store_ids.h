/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the store knows of a set's instance ids beyond objects: those of which no Pod is known (D6), and those that a foreign
 * object blocks (D4).
 */
#ifndef CS_CONTROLLER_STORE_IDS_H
#define CS_CONTROLLER_STORE_IDS_H

#include "controller/cloneset/store.h"

/* A read sent at that time found no Pod of the id; or none can have it yet, since its claim was just made. */
void cs_set_absent_add(struct cs_store *s, struct cs_set_entry *se, const char *id, struct cs_asked asked);
void cs_set_made_add(struct cs_store *s, struct cs_set_entry *se, const char *id);
void cs_set_free_drop(struct cs_store *s, struct cs_set_entry *se, const char *id);
const struct cs_free_id *cs_set_free_find(const struct cs_set_entry *se, const char *id); /* NULL: nothing is known */
void cs_set_block_id(struct cs_set_entry *se, const char *id, struct cs_entry *by, int64_t now_ms);
/* The object goes: sets whose ids it blocks have something to do. */
void cs_store_blocker_gone(struct cs_store *s, const struct cs_entry *e);
void cs_set_unblock(struct cs_store *s, struct cs_set_entry *se, int64_t now_ms); /* time over, or object gone */

#endif
