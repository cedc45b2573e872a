/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to write into the Secret, row by row. That it works out when many replicas do so: test_certs_overlap.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs/decide.h"
#include "common/base/cleanup.h"

#define SECOND ((int64_t)1000)
#define MINUTE (60 * SECOND)
#define DAY (24 * 60 * MINUTE)
#define NOW (20000 * DAY)

/* 300-day CA, 30-day leaf (due with 10 days left), 10 s to settle. */
static struct cs_cert_policy policy(void)
{
    struct cs_cert_policy p;

    cs_cert_policy_init(&p, 300 * DAY, 30 * DAY, 10 * SECOND);
    return p;
}

/* Ages in days; a certificate made `age` days ago by our rules. */
struct ca_row {
    double age, life; /* life 0: no such CA */
};
struct leaf_row {
    enum { NO_LEAF, LEAF, BROKEN_LEAF } is;
    int signer;
    double age, life;
    bool wrong_names, trusted;
};
struct row {
    const char *what;
    struct ca_row cas[3];
    bool no_key;
    struct leaf_row stored, served;
    int64_t confirmed_ms; /* 0: not confirmed */
    bool blind, published;
    int64_t known_ms;
    /* expected */
    enum { NOTHING, WRITE, WRITE_CA } does;
    enum cs_leaf_act leaf;
    unsigned keep;
    bool chain;
    bool unusable;
};

#define LIVE(by, old, lives, ...)                                                                                      \
    {                                                                                                                  \
        .is = LEAF, .signer = by, .age = old, .life = lives, ##__VA_ARGS__                                             \
    }
#define BROKEN(by, old, lives, ...)                                                                                    \
    {                                                                                                                  \
        .is = BROKEN_LEAF, .signer = by, .age = old, .life = lives, ##__VA_ARGS__                                      \
    }
static const struct row rows[] = {
    {"an empty Secret gets CA and leaf", .does = WRITE_CA, .leaf = CS_LEAF_MAKE, .unusable = true},
    {"a young pair is left alone", .cas = {{1, 300}}, .stored = LIVE(0, 1, 30), .does = NOTHING},

    {"half-filled: no leaf", .cas = {{1, 300}}, .does = WRITE, .leaf = CS_LEAF_MAKE, .keep = 1, .unusable = true},
    {"half-filled: leaf without key", .cas = {{1, 300}}, .stored = BROKEN(0, 1, 30), .does = WRITE,
        .leaf = CS_LEAF_MAKE, .keep = 1, .unusable = true},
    {"half-filled: CA's key gone, the leaf goes on", .cas = {{1, 300}}, .no_key = true, .stored = LIVE(0, 1, 30),
        .does = WRITE_CA, .leaf = CS_LEAF_KEEP, .keep = 1},
    {"half-filled: ca.crt gone, the leaf brings its CA along", .stored = LIVE(CS_SIGNER_CHAIN, 1, 30, .trusted = true),
        .does = WRITE_CA, .leaf = CS_LEAF_KEEP, .chain = true},
    {"half-filled: ca.crt gone, and nobody trusts what is in the leaf's file", .stored = LIVE(CS_SIGNER_CHAIN, 1, 30),
        .does = WRITE_CA, .leaf = CS_LEAF_MAKE, .unusable = true},
    {"half-filled: ca.crt holds another CA, configurations still the leaf's", .cas = {{1, 300}},
        .stored = LIVE(CS_SIGNER_CHAIN, 1, 30, .trusted = true), .does = WRITE, .leaf = CS_LEAF_KEEP, .keep = 1,
        .chain = true},
    {"a leaf of an unknown CA is made anew", .cas = {{1, 300}}, .stored = LIVE(CS_SIGNER_NONE, 1, 30), .does = WRITE,
        .leaf = CS_LEAF_MAKE, .keep = 1, .unusable = true},

    {"an expired leaf is made anew at once", .cas = {{40, 300}}, .stored = LIVE(0, 30.01, 30), .does = WRITE,
        .leaf = CS_LEAF_MAKE, .keep = 1, .unusable = true},
    {"a leaf with more than a third left stays", .cas = {{40, 300}}, .stored = LIVE(0, 19.9, 30), .does = NOTHING},
    {"a leaf with a third left is renewed", .cas = {{40, 300}}, .stored = LIVE(0, 20.1, 30), .does = WRITE,
        .leaf = CS_LEAF_MAKE, .keep = 1},
    {"a leaf with a life of its own is renewed at its own third", .cas = {{40, 300}}, .stored = LIVE(0, 1, 3),
        .does = NOTHING},
    {"a leaf made for longer than allowed now is renewed", .cas = {{40, 300}}, .stored = LIVE(0, 1, 60), .does = WRITE,
        .leaf = CS_LEAF_MAKE, .keep = 1},
    {"a leaf for another name is made anew", .cas = {{1, 300}}, .stored = LIVE(0, 1, 30, .wrong_names = true),
        .does = WRITE, .leaf = CS_LEAF_MAKE, .keep = 1},
    {"a clock before the leaf's notBefore", .cas = {{1, 300}}, .stored = LIVE(0, -1, 30), .does = WRITE,
        .leaf = CS_LEAF_MAKE, .keep = 1},
    {"a clock before the CA's notBefore: overlap, for the clock may be the one that is wrong", .cas = {{-1, 300}},
        .stored = LIVE(0, -1, 30), .does = WRITE_CA, .leaf = CS_LEAF_KEEP, .keep = 1},

    {"a CA with more than a third left stays", .cas = {{199, 300}}, .stored = LIVE(0, 1, 30), .does = NOTHING},
    {"a CA with a third left: a new one joins, the leaf stays", .cas = {{201, 300}}, .stored = LIVE(0, 1, 30),
        .does = WRITE_CA, .leaf = CS_LEAF_KEEP, .keep = 1},
    {"a CA that a new leaf would outlive: a new one joins", .cas = {{31, 60}}, .stored = LIVE(0, 1, 30),
        .does = WRITE_CA, .leaf = CS_LEAF_KEEP, .keep = 1},
    {"CA and leaf due: first the CA", .cas = {{201, 300}}, .stored = LIVE(0, 21, 30), .does = WRITE_CA,
        .leaf = CS_LEAF_KEEP, .keep = 1},
    {"CA due, leaf expired: both at once", .cas = {{201, 300}}, .stored = LIVE(0, 31, 30), .does = WRITE_CA,
        .leaf = CS_LEAF_MAKE, .keep = 1, .unusable = true},
    {"an expired CA leaves nothing to overlap with", .cas = {{301, 300}}, .stored = LIVE(0, 1, 30), .does = WRITE_CA,
        .leaf = CS_LEAF_MAKE, .unusable = true},

    {"a joined CA that is not in every configuration yet", .cas = {{0.01, 300}, {201, 300}}, .stored = LIVE(1, 1, 30),
        .does = NOTHING},
    {"… read back a moment ago", .cas = {{0.01, 300}, {201, 300}}, .stored = LIVE(1, 1, 30), .confirmed_ms = 9 * SECOND,
        .does = NOTHING},
    {"… read back long enough ago: now the leaf", .cas = {{0.01, 300}, {201, 300}}, .stored = LIVE(1, 1, 30),
        .confirmed_ms = 10 * SECOND, .does = WRITE, .leaf = CS_LEAF_MAKE, .keep = 3},
    {"… never read back, and the leaf expires: now or never", .cas = {{10, 300}, {201, 300}},
        .stored = LIVE(1, 30.01, 30), .does = WRITE, .leaf = CS_LEAF_MAKE, .keep = 3, .unusable = true},
    {"a leaf of the old CA that is due waits all the same", .cas = {{0.01, 300}, {201, 300}}, .stored = LIVE(1, 25, 30),
        .does = NOTHING},
    {"nobody reads back: a day is too short", .cas = {{1, 300}, {201, 300}}, .stored = LIVE(1, 1, 30), .blind = true,
        .does = NOTHING},
    {"nobody reads back: a twelfth of a leaf's life will do", .cas = {{2.6, 300}, {201, 300}}, .stored = LIVE(1, 3, 30),
        .blind = true, .does = WRITE, .leaf = CS_LEAF_MAKE, .keep = 3},

    {"the old CA stays while a leaf of it may be served", .cas = {{29.9, 300}, {231, 300}}, .stored = LIVE(0, 10, 30),
        .confirmed_ms = DAY, .does = NOTHING},
    {"the old CA leaves when all leaves of it have expired", .cas = {{30.1, 300}, {231, 300}},
        .stored = LIVE(0, 10, 30), .confirmed_ms = DAY, .does = WRITE, .leaf = CS_LEAF_KEEP, .keep = 1},
    {"… but not while the leaf is so new that a replica may lack it", .cas = {{30.1, 300}, {231, 300}},
        .stored = LIVE(0, 0.00005, 30), .confirmed_ms = DAY, .does = NOTHING},
    {"several old CAs leave together", .cas = {{30.1, 300}, {60, 300}, {231, 300}}, .stored = LIVE(0, 10, 30),
        .does = WRITE, .leaf = CS_LEAF_KEEP, .keep = 1},
    {"a CA that joins keeps all that live", .cas = {{201, 300}, {260, 300}, {301, 300}}, .stored = LIVE(1, 10, 30),
        .does = WRITE_CA, .leaf = CS_LEAF_KEEP, .keep = 3},

    {"an emptied Secret is restored from what is served", .served = LIVE(CS_SIGNER_CHAIN, 1, 30, .trusted = true),
        .does = WRITE_CA, .leaf = CS_LEAF_RESTORE, .chain = true, .unusable = true},
    {"… unless configurations refuse it already", .served = LIVE(CS_SIGNER_CHAIN, 1, 30), .does = WRITE_CA,
        .leaf = CS_LEAF_MAKE, .unusable = true},
    {"… or it has expired", .served = LIVE(CS_SIGNER_CHAIN, 31, 30, .trusted = true), .does = WRITE_CA,
        .leaf = CS_LEAF_MAKE, .unusable = true},
    {"a broken leaf in the overlap is restored, not made: its CA may not be published yet",
        .cas = {{0.01, 300}, {201, 300}}, .stored = BROKEN(1, 1, 30), .served = LIVE(1, 1, 30, .trusted = true),
        .does = WRITE, .leaf = CS_LEAF_RESTORE, .keep = 3, .unusable = true},
    {"nothing to restore from, but some replica may have served", .published = true, .does = NOTHING, .unusable = true},
    {"… none came forward", .published = true, .known_ms = 10 * SECOND, .does = WRITE_CA, .leaf = CS_LEAF_MAKE,
        .unusable = true},
    {"an expired leaf is nothing that another replica could mend", .cas = {{40, 300}}, .stored = LIVE(0, 31, 30),
        .published = true, .does = WRITE, .leaf = CS_LEAF_MAKE, .keep = 1, .unusable = true},
    {"an expired stored leaf is not restored over", .cas = {{40, 300}}, .stored = LIVE(0, 31, 30),
        .served = LIVE(0, 31, 30, .trusted = true), .does = WRITE, .leaf = CS_LEAF_MAKE, .keep = 1, .unusable = true},
};

static int64_t ms(double days)
{
    return (int64_t)(days * (double)DAY);
}

static struct cs_leaf_facts leaf_facts(const struct leaf_row *r)
{
    int64_t from = NOW - ms(r->age) - CS_CERT_BACKDATE_MS;

    return (struct cs_leaf_facts){
        .pair_ok = r->is == LEAF,
        .names_ok = !r->wrong_names,
        .signer = r->is == NO_LEAF ? CS_SIGNER_NONE : r->signer,
        .from_ms = r->is == NO_LEAF ? 0 : from,
        .until_ms = r->is == NO_LEAF ? 0 : NOW - ms(r->age) + ms(r->life),
        .chain_ca = {.from_ms = from, .until_ms = NOW + 100 * DAY},
    };
}

static struct cs_decision decide_row(const struct row *r, int64_t now, int64_t confirmed_ms)
{
    struct cs_cert_policy p = policy();
    struct cs_bundle_facts b = {.key_ok = !r->no_key && r->cas[0].life > 0};
    struct cs_leaf_facts stored = leaf_facts(&r->stored);
    struct cs_leaf_facts served = leaf_facts(&r->served);
    struct cs_decision d;

    p.blind = r->blind;
    for (; b.n < 3 && r->cas[b.n].life > 0; b.n++) {
        b.cas[b.n].from_ms = NOW - ms(r->cas[b.n].age) - CS_CERT_BACKDATE_MS;
        b.cas[b.n].until_ms = NOW - ms(r->cas[b.n].age) + ms(r->cas[b.n].life);
    }
    cs_decide(&(struct cs_decide_in){.policy = &p,
                  .now_ms = now,
                  .bundle = &b,
                  .stored = {&stored, r->stored.trusted},
                  .served = {r->served.is == NO_LEAF ? NULL : &served, r->served.trusted},
                  .confirmed_ms = confirmed_ms,
                  .known_ms = r->known_ms + now - NOW,
                  .published = r->published},
        &d);
    return d;
}

static void each_row_is_decided_as_it_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        const struct row *r = &rows[i];
        struct cs_decision d = decide_row(r, NOW, r->confirmed_ms ? r->confirmed_ms : -1);

        if (d.write != (r->does != NOTHING) || (d.write && d.make_ca != (r->does == WRITE_CA)) ||
            (d.write && (d.leaf != r->leaf || d.keep != r->keep || d.keep_chain_ca != r->chain)) ||
            d.usable == r->unusable)
            fail_msg("%s: write %d, CA %d, leaf %d, keep %x, chain %d, usable %d (%s)", r->what, d.write, d.make_ca,
                d.leaf, d.keep, d.keep_chain_ca, d.usable, d.reason);
        if (d.write)
            assert_true(d.reason[0] != '\0');
    }
}

/* At rest, asking again at next_ms and not a moment before gives something to do (or a new moment). */
static void next_tells_when_to_ask_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        const struct row *r = &rows[i];
        int64_t confirmed = r->confirmed_ms ? r->confirmed_ms : -1;
        struct cs_decision d = decide_row(r, NOW, confirmed), before, at;
        int64_t later;

        if (d.write)
            continue;
        assert_true(d.next_ms > NOW);
        assert_true(d.next_ms < INT64_MAX);
        later = d.next_ms - NOW;
        before = decide_row(r, d.next_ms - 1, confirmed < 0 ? -1 : confirmed + later - 1);
        at = decide_row(r, d.next_ms, confirmed < 0 ? -1 : confirmed + later);
        if (before.write || (!at.write && at.next_ms <= d.next_ms))
            fail_msg("%s: asked to come back in %lld ms", r->what, (long long)later);
    }
}

static void jitter_delays_what_is_due_and_not_what_is_urgent(void **state)
{
    struct cs_cert_policy p = policy();
    struct cs_bundle_facts b = {.n = 1, .key_ok = true, .cas = {{NOW - 40 * DAY, NOW + 260 * DAY}}};
    struct cs_leaf_facts due = {.pair_ok = true, .names_ok = true};
    struct cs_leaf_facts expired;
    struct cs_decide_in in = {.policy = &p, .now_ms = NOW, .bundle = &b, .stored = {&due, false}, .confirmed_ms = -1};
    struct cs_decision d;

    (void)state;
    due.from_ms = NOW - 20 * DAY - CS_CERT_BACKDATE_MS - MINUTE;
    due.until_ms = NOW + 10 * DAY - MINUTE;
    cs_decide(&in, &d);
    assert_true(d.write);
    in.jitter_pct = 100;
    cs_decide(&in, &d);
    assert_false(d.write);
    assert_in_range(d.next_ms, NOW, NOW + DAY); /* 1/30 of the leaf's life */
    expired = due;
    expired.until_ms = NOW;
    in.stored.facts = &expired;
    cs_decide(&in, &d);
    assert_true(d.write);
}

static void the_policy_never_renews_what_it_just_made(void **state)
{
    static const struct {
        int64_t ca, leaf, settle;
    } lives[] = {{0, 0, 0}, {1, 1, 0}, {MINUTE, MINUTE, 0}, {DAY, 90 * DAY, 0}, {3650 * DAY, MINUTE, SECOND}};

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(lives); i++) {
        struct cs_cert_policy p;
        struct cs_bundle_facts b = {.n = 1, .key_ok = true};
        struct cs_leaf_facts l = {.pair_ok = true, .names_ok = true};
        struct cs_decision d;

        cs_cert_policy_init(&p, lives[i].ca, lives[i].leaf, lives[i].settle);
        assert_true(p.settle_ms > 0 && p.settle_ms <= 10 * SECOND);
        b.cas[0] = (struct cs_ca_facts){NOW - CS_CERT_BACKDATE_MS, NOW + p.ca_lifetime_ms};
        l.from_ms = NOW - CS_CERT_BACKDATE_MS;
        l.until_ms = NOW + p.leaf_lifetime_ms;
        cs_decide(&(struct cs_decide_in){.policy = &p, .now_ms = NOW, .bundle = &b, .stored = {&l, false}}, &d);
        assert_false(d.write);
        assert_true(d.next_ms - NOW >= p.leaf_lifetime_ms / 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_is_decided_as_it_says),
        cmocka_unit_test(next_tells_when_to_ask_again),
        cmocka_unit_test(jitter_delays_what_is_due_and_not_what_is_urgent),
        cmocka_unit_test(the_policy_never_renews_what_it_just_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
