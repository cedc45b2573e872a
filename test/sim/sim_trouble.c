/* SPDX-License-Identifier: Apache-2.0 */
/* The events of sim_trouble.h, how they are counted, and those that come at times of their own. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/hash.h"
#include "test/sim/sim.h"

const char *sim_fault_name(enum sim_fault f)
{
    static const char *const names[SIM_F_COUNT] = {
        [SIM_F_LOST_BEFORE] = "requests lost before they were done",
        [SIM_F_LOST_AFTER] = "answers lost",
        [SIM_F_LATE] = "requests done after their deadline",
        [SIM_F_SLOW] = "slow requests",
        [SIM_F_REFUSED] = "requests refused (409, 429, 500, 503, 504, quota)",
        [SIM_F_REFUSED_DONE] = "requests done and refused (500, 503, 504)",
        [SIM_F_DENIED] = "requests forbidden for a while (403)",
        [SIM_F_CUT_BODY] = "answers cut short",
        [SIM_F_DOWN] = "requests while the server was away",
        [SIM_F_CUT] = "connections cut",
        [SIM_F_WATCH_CUT] = "watches cut",
        [SIM_F_WATCH_REFUSED] = "watches refused (429, 503, 410, connection)",
        [SIM_F_WATCH_EXPIRED] = "compactions",
        [SIM_F_WATCH_FROZEN] = "watches frozen",
        [SIM_F_LIST_SLOW] = "slow lists by stream",
        [SIM_F_LINE_TWICE] = "watch events twice",
        [SIM_F_LINE_CUT] = "watch events cut short",
        [SIM_F_KILLED] = "kills at any time",
        [SIM_F_KILLED_BEFORE] = "kills before a request",
        [SIM_F_KILLED_DONE] = "kills before an answer",
        [SIM_F_KILLED_ANSWERED] = "kills after an answer",
        [SIM_F_PAUSED] = "replicas that stood still",
        [SIM_F_PAUSED_SENDING] = "replicas that stood still before a write went out",
        [SIM_F_RETIRED] = "hand-overs",
        [SIM_F_CLOCK] = "steps of a clock",
        [SIM_F_NO_LEASE] = "failures of the Lease for a while",
        [SIM_F_RESTORED] = "restores of the server",
        [SIM_F_NODE] = "deaths of a node",
        [SIM_F_FULL] = "full clusters",
        [SIM_F_QUOTA] = "refusals by a quota or a webhook for a while",
        [SIM_F_MEDDLED] = "meddlings",
        [SIM_F_REGRET] = "changes of mind about what is being done",
        [SIM_F_REMADE] = "sets deleted and made again",
        [SIM_F_REJECTED] = "Pods rejected by the kubelet",
        [SIM_F_REPORT_LATE] = "late reports of a kubelet",
    };

    return names[f];
}

/* ---- events ---- */

uint64_t sim_deal(struct sim *s, const char *stream)
{
    uint64_t hash = cs_fnv64_1a(CS_FNV64_INIT, stream, strlen(stream));
    uint32_t *ordinal = &s->trouble.dealt[hash % CS_ARRAY_LEN(s->trouble.dealt)];
    struct cs_rand mixer = {hash ^ s->seed * 0x9e3779b97f4a7c15ull};
    uint64_t key;

    mixer.state = cs_rand_u64(&mixer) + ++*ordinal;
    key = cs_rand_u64(&mixer);
    s->rand.state = key;
    return key;
}

static bool left_out(const struct sim *s, uint32_t id)
{
    const struct sim_only *only = s->o.only;

    for (size_t i = 0; only && i < only->n; i++)
        if (only->ids[i] == id)
            return false;
    return only != NULL;
}

bool sim_event(struct sim *s, uint64_t key, const char *fmt, ...)
{
    struct sim_trouble *t = &s->trouble;
    uint32_t id = (uint32_t)(key >> 32);
    char text[200];
    va_list ap;

    if (left_out(s, id))
        return false;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    cs_grow(t->events, t->n_events, t->cap_events);
    t->events[t->n_events++] =
        (struct sim_event_of){id, cs_xasprintf("%9.3f %08x %s", (double)s->now_ms / 1000, id, text)};
    sim_say(s, "event %08x: %s", id, text);
    return true;
}

void sim_count(struct sim *s, enum sim_fault f)
{
    s->trouble.counts[f]++;
}

bool sim_fault(struct sim *s, uint64_t key, enum sim_fault f, const char *what)
{
    if (!sim_event(s, key, "%s%s%s", sim_fault_name(f), *what ? ": " : "", what))
        return false;
    sim_count(s, f);
    if (s->o.trap && f == SIM_F_WATCH_FROZEN && s->trouble.counts[SIM_F_KILLED_DONE] > 0)
        sim_fail(s, "the trap snaps");
    return true;
}

bool sim_strikes(struct sim *s, enum sim_fault f, const char *what, unsigned per_mille)
{
    struct cs_rand before = s->rand;
    cs_autofree char *stream = cs_xasprintf("%s %s", sim_fault_name(f), what);
    uint64_t key = sim_deal(s, stream);
    bool strikes = sim_chance(s, per_mille) && sim_fault(s, key, f, what);

    s->rand = before;
    return strikes;
}

bool sim_was_restored(const struct sim *s)
{
    return s->now_ms < s->trouble.undone_until_ms;
}

uint64_t sim_faults(const struct sim *s)
{
    uint64_t n = 0;

    for (size_t i = 0; i < SIM_F_COUNT; i++)
        n += s->trouble.counts[i];
    return n;
}

/* ---- trouble that comes at times of its own ---- */

static void take_a_right(struct sim *s, uint64_t key)
{
    static const char *const verbs[] = {"get", "list", "watch", "create", "patch", "delete"};
    struct sim_trouble *t = &s->trouble;
    enum cs_kind k = (enum cs_kind)sim_below(s, CS_K_COUNT);
    const char *verb = verbs[sim_below(s, CS_ARRAY_LEN(verbs))];
    int64_t until = s->now_ms + sim_between(s, 500, 40000);

    if (!sim_event(s, key, "no right to %s %s", verb, cs_kind_gvr(k)->resource))
        return;
    t->denied_of = cs_kind_gvr(k);
    t->denied_verb = verb;
    t->denied_until_ms = until;
}

/* Not under InPlaceOnly: a Pod that went to a revision which is undone waits for its user, its template being unknown. */
static void restore(struct sim *s, uint64_t key)
{
    int64_t away_ms = sim_between(s, 1500, 15000);

    if (s->sc->in_place_only || !s->backup || !sim_fault(s, key, SIM_F_RESTORED, "") || !sim_restore(s))
        return;
    s->trouble.restored_ms = s->now_ms;
    s->trouble.down_until_ms = s->now_ms + away_ms;
    s->trouble.undone_until_ms = s->trouble.down_until_ms + CS_DOUBT_MS;
}

static struct sim_replica *any_replica(struct sim *s)
{
    return &s->replicas[s->sc->standby ? sim_below(s, SIM_REPLICAS_MAX) : 0];
}

/* The one that leads, if any, more often than the other. */
static struct sim_replica *a_leader(struct sim *s)
{
    struct sim_replica *r = any_replica(s);

    for (size_t i = 0; sim_chance(s, 700) && i < CS_ARRAY_LEN(s->replicas); i++)
        if (s->replicas[i].up && cs_leader_is(s->replicas[i].leader))
            r = &s->replicas[i];
    return r;
}

static void strike_leaders(struct sim *s, uint64_t key)
{
    uint64_t dice = sim_below(s, 100);
    struct sim_replica *r = a_leader(s);
    int64_t ms = sim_chance(s, 300) ? sim_between(s, 100, 9000) : sim_between(s, 9000, 40000);
    int64_t skew_ms = sim_between(s, -600000, 600000);
    char what[16];

    (void)snprintf(what, sizeof(what), "replica %u", r->number);
    if (dice < 35) {
        if (sim_fault(s, key, SIM_F_PAUSED, what))
            sim_pause(r, ms);
    } else if (dice < 55) {
        if (sim_fault(s, key, SIM_F_RETIRED, what))
            sim_retire(r);
    } else if (dice < 70) {
        if (sim_fault(s, key, SIM_F_CLOCK, what))
            r->skew_ms = skew_ms;
    } else if (dice < 85) {
        if (sim_fault(s, key, SIM_F_NO_LEASE, ""))
            s->trouble.no_lease_until_ms = s->now_ms + ms;
    } else if (sim_fault(s, key, SIM_F_KILLED, what)) {
        sim_crash(r);
    }
}

static void leaders_turn(struct sim *s, uint64_t arg)
{
    uint64_t key = sim_deal(s, "leaders");
    int64_t pause = sim_between(s, 3000, 40000);

    if (!s->faults_on)
        return;
    sim_later_offline(s, pause, leaders_turn, arg);
    strike_leaders(s, key);
}

static void strike(struct sim *s, uint64_t key)
{
    uint64_t dice = sim_below(s, 100);
    struct sim_replica *r = any_replica(s);

    if (dice < 18) {
        if (sim_fault(s, key, SIM_F_KILLED, ""))
            sim_crash(r);
    } else if (dice < 36) {
        if (sim_fault(s, key, SIM_F_WATCH_FROZEN, ""))
            sim_watch_freeze(s);
    } else if (dice < 66) {
        if (sim_fault(s, key, SIM_F_WATCH_CUT, ""))
            sim_watch_cut(s, false);
    } else if (dice < 80) {
        if (sim_fault(s, key, SIM_F_WATCH_EXPIRED, ""))
            sim_watch_cut(s, true);
    } else if (dice < 88) {
        if (sim_fault(s, key, SIM_F_CUT, ""))
            sim_net_drop(s, true);
    } else if (dice < 95) {
        take_a_right(s, key);
    } else {
        restore(s, key);
    }
}

static void turn(struct sim *s, uint64_t arg)
{
    uint64_t key = sim_deal(s, "trouble");
    int64_t pause = sim_between(s, 1000, 20000);

    if (!s->faults_on)
        return;
    sim_later_offline(s, pause, turn, arg);
    strike(s, key);
}

static void backup_turn(struct sim *s, uint64_t arg)
{
    (void)sim_deal(s, "backup");
    if (!s->faults_on)
        return;
    sim_later(s, sim_between(s, 5000, 60000), backup_turn, arg);
    sim_backup(s);
}

void sim_trouble_begin(struct sim *s)
{
    s->faults_on = s->sc->faults;
    if (!s->faults_on)
        return;
    sim_later_offline(s, sim_between(s, 10, 10000), turn, 0);
    sim_later(s, sim_between(s, 1000, 30000), backup_turn, 0);
    if (s->sc->standby)
        sim_later_offline(s, sim_between(s, 3000, 30000), leaders_turn, 0);
}

void sim_trouble_done(struct sim *s)
{
    for (size_t i = 0; i < s->trouble.n_events; i++)
        free(s->trouble.events[i].text);
    free(s->trouble.events);
}
