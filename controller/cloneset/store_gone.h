/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects that an answer said are gone, or out of the watch's selection, before their watch told it. Until it has, it may yet tell of
 * the time when they were there: taken for new, such a Pod would count, and another would go for it, with its claims (D5a).
 */
#ifndef CS_CONTROLLER_STORE_GONE_H
#define CS_CONTROLLER_STORE_GONE_H

#include "controller/cloneset/store.h"

/* What the entry holds is gone, as it was up to that version. To be called before it is removed from the store. */
void cs_gone_note(struct cs_store *s, const struct cs_entry *e, uint64_t rv);
/* This version is one from before. False for what is newer, and what a list shows that was sent later: then it is there. */
bool cs_gone_covers(struct cs_store *s, enum cs_kind k, const struct cs_meta *meta, bool listed);
/* The watch has told that it is gone, or an answer shows that it is there. uid NULL: whatever has the name. */
void cs_gone_forget(struct cs_store *s, enum cs_kind k, const char *ns, const char *name, const char *uid);
void cs_gone_listed(struct cs_store *s, enum cs_kind k); /* the list has ended: nothing older comes after it */
void cs_gone_clear(struct cs_store *s);

#endif
