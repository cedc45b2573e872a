/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking over from v1beta1 storage (D19): a CRD that is changed to store v1alpha1 leaves the sets that exist in etcd as they are,
 * and names both versions in status.storedVersions; as long as it does, v1beta1 cannot be taken out of the CRD. The leader
 * writes each set once without changing it, which makes the API server store it anew, and then takes the other versions off the
 * list. Only with --migrate-storage, for it needs rights on the CRD: to read it and to write its status.
 */
#ifndef CS_CONTROLLER_MIGRATE_H
#define CS_CONTROLLER_MIGRATE_H

#include "common/base/log.h"
#include "common/kube/client.h"
#include "common/kube/loop.h"

struct cs_migrate {
    const struct cs_client *client; /* borrowed, as all below */
    struct cs_loop *loop;
    const struct cs_log *log;
    bool (*may_write)(void *ctx); /* asked before each write (D12) */
    void *ctx;
    /* private */
    bool leading;
    struct cs_timer timer;
    uint64_t call;
    uint64_t generation; /* of the CRD that the run under way is about; 0: no run */
    int64_t from_ms; /* when the run may begin: other API servers have the new CRD by then */
    char *token; /* of the next page of sets; NULL: from the start */
    struct cs_migrate_set *page; /* sets still to be written */
    size_t n_page, at_page;
    uint64_t written;
    bool listed; /* the last page has been written */
    char trouble[256]; /* what was last complained about: said once */
};

/* Public members are set by the owner; nothing happens before it leads. */
void cs_migrate_lead(struct cs_migrate *m, bool lead);
void cs_migrate_stop(struct cs_migrate *m);

#endif
