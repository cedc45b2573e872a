/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods for the tests of orders, by hand: a row is the name and labels, "b1 tier=b zone=z1". They are Pending, without node and
 * alike but for that. Include after cmocka.h.
 */
#ifndef CS_TEST_UNIT_ORDER_FIXTURE_H
#define CS_TEST_UNIT_ORDER_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/api/intern.h"
#include "common/base/rand.h"
#include "controller/plan/order.h"

#define OD_MAX 128

struct od {
    struct cs_intern *pool;
    struct cs_jdoc doc;
    char *spec_text;
    struct cs_cloneset set;
    struct cs_view_pod views[OD_MAX];
    struct cs_pod pods[OD_MAX];
    struct cs_pair labels[OD_MAX][4];
    char texts[OD_MAX][96];
    struct cs_view_pod *list[OD_MAX]; /* what is to be sorted */
    uint32_t n;
    struct cs_observation o;
    char text[OD_MAX * 8]; /* od_names */
};

/* spec: JSON with ' for ", decoded as the controller does. */
static inline void od_init(struct od *d, const char *spec)
{
    struct cs_error err = CS_ERROR_INIT;

    memset(d, 0, sizeof(*d));
    d->pool = cs_intern_new();
    d->spec_text = strdup(spec);
    for (char *p = d->spec_text; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    if (!cs_jdoc_parse(&d->doc, d->spec_text, strlen(d->spec_text), NULL, &err) ||
        !cs_cloneset_spec_decode(d->pool, cs_jdoc_root(&d->doc), &d->set.spec, &err))
        fail_msg("%s in %s", err.message, spec);
    d->o = (struct cs_observation){.set = &d->set, .pods = d->views};
}

static inline void od_done(struct od *d)
{
    cs_cloneset_spec_done(d->pool, &d->set.spec);
    cs_intern_free(d->pool);
    cs_jdoc_done(&d->doc);
    free(d->spec_text);
}

/* A Pod of the set; listed: one of those to be sorted. */
static inline struct cs_view_pod *od_pod(struct od *d, const char *row, bool listed)
{
    uint32_t i = d->o.n_pods++;
    struct cs_pairs *labels = &d->pods[i].meta.labels;
    char *at = d->texts[i];

    assert_true(i < OD_MAX && strlen(row) < sizeof(d->texts[i]));
    memcpy(at, row, strlen(row) + 1);
    d->views[i] = (struct cs_view_pod){.pod = &d->pods[i], .name = at, .ours = true};
    *labels = (struct cs_pairs){.items = d->labels[i]};
    for (at = strchr(at, ' '); at; at = strchr(at, ' ')) {
        uint32_t k = labels->len++;

        *at++ = '\0';
        assert_true(k < 4);
        for (; k > 0 && strcmp(d->labels[i][k - 1].key, at) > 0; k--)
            d->labels[i][k] = d->labels[i][k - 1];
        d->labels[i][k].key = at;
        at = strchr(at, '=');
        assert_non_null(at);
        *at++ = '\0';
        d->labels[i][k].value = at;
    }
    if (listed)
        d->list[d->n++] = &d->views[i];
    return &d->views[i];
}

/* Rows with "; " between them. */
static inline void od_pods(struct od *d, const char *rows)
{
    while (*rows) {
        const char *end = strstr(rows, "; ");
        char row[96];

        (void)snprintf(row, sizeof(row), "%.*s", (int)(end ? end - rows : (long)strlen(rows)), rows);
        (void)od_pod(d, row, true);
        rows += strlen(row) + (end ? 2 : 0);
    }
}

/* The names of the list in its order, with blanks between them. */
static inline const char *od_names(struct od *d)
{
    size_t at = 0;

    d->text[0] = '\0';
    for (uint32_t i = 0; i < d->n; i++)
        at += (size_t)snprintf(d->text + at, sizeof(d->text) - at, "%s%s", i ? " " : "", d->list[i]->name);
    assert_true(at < sizeof(d->text));
    return d->text;
}

#endif
