/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list that is walked as a whole: some hundreds of entries, a few times a second, and for each newcomer beyond the limit.
 */
#include "common/http/crowd.h"

#include <sys/socket.h>
#include <utlist.h>

#include "common/base/banned.h"

static void cut(struct cs_http_crowd *c, struct cs_http_guest *g)
{
    (void)shutdown(g->fd, SHUT_RDWR);
    g->cut = true;
    c->n--;
    cs_http_crowd_release(c, g); /* freed in a moment */
}

enum group { GROUP_SILENT, GROUP_GREETED, GROUP_FIRST_REQUEST, GROUP_IDLE, GROUP_BUSY, N_GROUPS };

static enum group group_of(const struct cs_http_guest *g)
{
    if (g->proven)
        return g->in_request ? GROUP_BUSY : GROUP_IDLE;
    if (g->in_request)
        return GROUP_FIRST_REQUEST;
    return *g->greeted ? GROUP_GREETED : GROUP_SILENT;
}

static void make_room(struct cs_http_crowd *c)
{
    struct cs_http_guest *g, *oldest[N_GROUPS] = {NULL};
    unsigned n[N_GROUPS] = {0};
    enum group from = GROUP_SILENT;

    DL_FOREACH (c->guests, g) {
        enum group group = group_of(g);

        if (g->cut)
            continue;
        n[group]++;
        if (!oldest[group] || g->since_ms < oldest[group]->since_ms)
            oldest[group] = g;
    }
    for (enum group i = GROUP_SILENT; i < N_GROUPS; i++)
        if (n[i] > n[from])
            from = i;
    if (oldest[from])
        cut(c, oldest[from]);
}

void cs_http_crowd_add(struct cs_http_crowd *c, struct cs_http_guest *g, int64_t now_ms)
{
    if (c->n >= c->max)
        make_room(c);
    g->since_ms = now_ms;
    DL_APPEND(c->guests, g);
    c->n++;
}

void cs_http_crowd_remove(struct cs_http_crowd *c, struct cs_http_guest *g)
{
    DL_DELETE(c->guests, g);
    if (!g->cut)
        c->n--;
}

void cs_http_crowd_release(struct cs_http_crowd *c, struct cs_http_guest *g)
{
    c->held -= g->held;
    g->held = 0;
}

/* Who has held most for longest; a proven one may hold more, but not so much that a small newcomer goes in its place. */
static struct cs_http_guest *costliest(const struct cs_http_crowd *c, int64_t now_ms)
{
    struct cs_http_guest *g, *found = NULL;
    double most = 0;

    DL_FOREACH (c->guests, g) {
        double cost = (double)g->held * (double)(now_ms - g->started_ms + 1) / (g->proven ? CS_HTTP_PROVEN_SHARE : 1);

        if (g->held > 0 && cost > most) {
            found = g;
            most = cost;
        }
    }
    return found;
}

bool cs_http_crowd_hold(struct cs_http_crowd *c, struct cs_http_guest *g, size_t bytes, int64_t now_ms)
{
    c->held += bytes - g->held;
    g->held = bytes;
    while (c->held > c->max_held) {
        struct cs_http_guest *from = costliest(c, now_ms);

        if (from == g || !from)
            return false;
        cut(c, from);
    }
    return true;
}

static int64_t deadline_ms(const struct cs_http_crowd *c, const struct cs_http_guest *g)
{
    if (g->in_request)
        return g->started_ms + CS_HTTP_REQUEST_MS;
    return g->since_ms + (g->proven ? c->idle_ms : CS_HTTP_NEWCOMER_MS);
}

void cs_http_crowd_sweep(struct cs_http_crowd *c, int64_t now_ms)
{
    struct cs_http_guest *g;

    if (now_ms < c->swept_ms + CS_HTTP_SWEEP_MS)
        return;
    c->swept_ms = now_ms;
    DL_FOREACH (c->guests, g)
        if (!g->cut && now_ms >= deadline_ms(c, g))
            cut(c, g);
}

int64_t cs_http_crowd_wait_ms(const struct cs_http_crowd *c, int64_t now_ms)
{
    const struct cs_http_guest *g;
    int64_t first_ms = INT64_MAX;

    DL_FOREACH (c->guests, g)
        if (!g->cut && deadline_ms(c, g) < first_ms)
            first_ms = deadline_ms(c, g);
    if (first_ms == INT64_MAX)
        return -1;
    if (first_ms < c->swept_ms + CS_HTTP_SWEEP_MS)
        first_ms = c->swept_ms + CS_HTTP_SWEEP_MS;
    return first_ms > now_ms ? first_ms - now_ms : 0;
}
