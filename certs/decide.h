/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to write into the Secret: a pure function of facts, time and policy. All state is in the Secret, so every replica
 * may decide at any moment, and a crash between two writes leaves nothing undone that the next decision does not see.
 *
 * The phases of a CA's renewal, as the Secret shows them (ca.crt: newest CA first; ca.key: its key):
 *   1. ca.crt [A]    leaf of A   at rest
 *   2. ca.crt [B A]  leaf of A   B joined; every replica publishes [B A], serves as before
 *   3. ca.crt [B A]  leaf of B   written when [B A] was read back from every configuration and some seconds passed
 *   4. ca.crt [B]    leaf of B   written when every leaf of A has expired: nobody can be served one any more
 * Every leaf of A was made before B (from phase 2 on A's key is gone), so B's birth plus one leaf lifetime ends phase 3.
 * A write carries the resourceVersion that was decided on; whoever comes second decides again.
 */
#ifndef CS_CERTS_DECIDE_H
#define CS_CERTS_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "certs/inspect.h"

struct cs_cert_policy {
    int64_t ca_lifetime_ms;
    int64_t leaf_lifetime_ms;
    int64_t settle_ms; /* between "read back from every configuration" and the first leaf of a new CA */
    bool blind; /* nobody reads the configurations back (not managed): wait 1/12 of a leaf's life instead */
};
/* Fills in defaults and raises what would never come to rest; arguments as in struct cs_rotator_options. */
void cs_cert_policy_init(struct cs_cert_policy *p, int64_t ca_lifetime_ms, int64_t leaf_lifetime_ms, int64_t settle_ms);

/* A leaf that may go on being used. One whose CA is not in the Secret's bundle must be trusted for that. */
struct cs_decide_leaf {
    const struct cs_leaf_facts *facts; /* signers are indices of `bundle`; NULL: there is no such leaf */
    bool trusted; /* no bundle published at this moment refuses it */
};

struct cs_decide_in {
    const struct cs_cert_policy *policy;
    int64_t now_ms; /* wall */
    const struct cs_bundle_facts *bundle; /* ca.crt, ca.key */
    struct cs_decide_leaf stored; /* tls.crt, tls.key */
    struct cs_decide_leaf served; /* what this replica serves: saves the day when the Secret was emptied */
    int64_t confirmed_ms; /* for so long every configuration has shown this bundle; -1: not all do */
    int64_t known_ms; /* for so long this replica has known this version of the Secret */
    bool published; /* some configuration shows a bundle for us: somebody serves, or did */
    unsigned jitter_pct; /* 0..100: spreads the replicas' renewals, not what is urgent */
};

enum cs_leaf_act { CS_LEAF_KEEP, CS_LEAF_RESTORE /* write the served pair */, CS_LEAF_MAKE };

struct cs_decision {
    bool write; /* else the four members below say nothing */
    bool make_ca;
    enum cs_leaf_act leaf;
    unsigned keep; /* bit i: CA i of the bundle stays */
    bool keep_chain_ca; /* the CA found in the kept leaf's own file joins the bundle */

    bool usable; /* the stored pair may be served */
    int64_t next_ms; /* wall time to decide again; INT64_MAX: only when something changes */
    const char *reason; /* static: why to write, else what is being waited for; "" at rest */
};

void cs_decide(const struct cs_decide_in *in, struct cs_decision *ret);

#endif
