/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limit of the cluster benchmark: a client that knows beforehand what is to be written and does only that, 16 requests in
 * flight, in the waves that maxUnavailable allows, with one watch to see when the next write may follow. It decides nothing, checks
 * nothing, and would lose Pods when anything went wrong. What a controller takes longer than this is its own.
 *
 * It obeys words on stdin and says "done MS WRITES BYTES" after each: MS of CLOCK_MONOTONIC when all was as wanted, WRITES that
 * it sent for that, BYTES of watch events that came.
 *
 *   sets            only the CloneSets are created; for a controller that does the rest
 *   create          the CloneSets, a ControllerRevision and a status of each, the Pods with their gates
 *   fill            only the Pods, whatever becomes of them
 *   inplace IMAGE   gate False, image, gate True
 *   recreate IMAGE  DELETE, and the same as for create
 *   zero            DELETE
 *   await N [IMAGE] nothing is written: until N Pods are there, none on its way out, each Ready with this image
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "common/api/gvr.h"
#include "common/base/clock.h"
#include "common/base/flags.h"
#include "common/kube/config.h"
#include "common/kube/curl_client.h"
#include "test/bench/seen.h"
#include "test/bench/tool.h"

#define INFLIGHT 16
#define PATIENCE_MS 600000
#define ID_ALPHABET "bcdfghjklmnpqrstvwxz2456789"
#define MAX_NAME (CS_SEEN_NAME - 8)

enum step { END, CLAIM, POD, BOUND, OPEN, READY, CLOSE, IMAGE, RESTARTED, HAND_OVER, DELETE, GONE };

static const enum step create_steps[] = {CLAIM, POD, BOUND, OPEN, READY, END};
static const enum step fill_steps[] = {POD, END};
static const enum step inplace_steps[] = {CLOSE, IMAGE, RESTARTED, OPEN, READY, END};
static const enum step recreate_steps[] = {HAND_OVER, DELETE, CLAIM, POD, BOUND, OPEN, READY, END};
static const enum step zero_steps[] = {HAND_OVER, DELETE, GONE, END};

struct options {
    const char *kubeconfig, *ns, *prefix, *set_file, *revision_file, *pod_file, *claim_file;
    int64_t sets, pods, unavailable;
};

static const struct cs_flag flags[] = {
    CS_FLAG_STRING(struct options, kubeconfig, "kubeconfig", "", "file to reach the API server with"),
    CS_FLAG_STRING(struct options, ns, "namespace", "default", "of all objects"),
    CS_FLAG_STRING(struct options, prefix, "prefix", "web", "of the sets' names"),
    CS_FLAG_INT(struct options, sets, "sets", "1", "1", "100000", "number of CloneSets"),
    CS_FLAG_INT(struct options, pods, "pods", "1", "1", "1000000", "Pods of each"),
    CS_FLAG_INT(
        struct options, unavailable, "unavailable", "1", "1", "1000000", "Pods of a set out of service at once"),
    CS_FLAG_STRING(struct options, set_file, "set", "", "JSON of a CloneSet, with @NAME@"),
    CS_FLAG_STRING(struct options, revision_file, "revision", "", "JSON of a ControllerRevision, with @NAME@, @UID@"),
    CS_FLAG_STRING(
        struct options, pod_file, "pod", "", "JSON of a Pod, with @SET@, @UID@ of the set, @NAME@, @ID@, @IMAGE@"),
    CS_FLAG_STRING(struct options, claim_file, "claim", "", "JSON of a claim, with the same; empty: Pods have none"),
};

static const struct cs_flagset flagset = {
    .program = "limit",
    .summary = "Writes what has to be written, as fast as it can be written.",
    .flags = flags,
    .n_flags = CS_ARRAY_LEN(flags),
};

struct bench;

struct set {
    struct bench *b;
    char name[MAX_NAME];
    char uid[CS_SEEN_NAME];
    unsigned next, busy, finished; /* Pods: to be begun next, under way, through */
};

/* A place for a Pod in a set. */
struct place {
    struct set *set;
    char id[8];
    char name[CS_SEEN_NAME], uid[CS_SEEN_NAME];
    const enum step *at; /* what is being done; NULL: nothing */
    bool sent; /* its request is under way */
};

struct bench {
    struct options o;
    struct cs_kube_config *config;
    struct cs_curl_client *curl;
    struct cs_client client;
    struct cs_seen seen;
    char *set_json, *revision_json, *pod_json, *claim_json;
    struct set *sets;
    struct place *places;
    uint64_t ids; /* made so far */
    char image[CS_SEEN_NAME];
    const enum step *steps; /* what is done with each Pod */
    unsigned wave;
    uint64_t writes, finished;
    /* What ends the present word. */
    bool busy;
    uint64_t want_finished;
    int64_t want_count; /* Pods; -1: as many as may be */
    bool want_ready;
};

static int64_t now_ms(void)
{
    return clock_ns(CLOCK_MONOTONIC) / 1000000;
}

/* ---- bodies */

static void fill_in(struct cs_strbuf *out, const char *text, const struct set *set, const struct place *p)
{
    const struct {
        const char *key, *value;
    } words[] = {{"@SET@", set->name}, {"@UID@", set->uid}, {"@NAME@", p ? p->name : set->name},
        {"@ID@", p ? p->id : ""}, {"@IMAGE@", set->b->image}};

    while (*text) {
        size_t plain = strcspn(text, "@");
        bool known = false;

        cs_strbuf_add(out, text, plain);
        text += plain;
        for (size_t i = 0; i < CS_ARRAY_LEN(words) && *text && !known; i++)
            if (strncmp(text, words[i].key, strlen(words[i].key)) == 0) {
                cs_strbuf_adds(out, words[i].value);
                text += strlen(words[i].key);
                known = true;
            }
        if (*text && !known)
            cs_strbuf_addc(out, *text++);
    }
}

static void gate_body(struct cs_strbuf *out, bool open)
{
    char at[CS_RFC3339_SIZE];

    (void)cs_rfc3339_format(cs_clock_wall_ms(cs_clock_system()), at);
    cs_strbuf_addf(out,
        "{\"status\":{\"conditions\":[{\"type\":\"%s\",\"status\":\"%s\",\"lastTransitionTime\":\"%s\"}",
        CS_COND_INPLACE_READY, open ? "True" : "False", at);
    if (!open) /* what the kubelet would write next, so that it need not */
        cs_strbuf_addf(out,
            ",{\"type\":\"Ready\",\"status\":\"False\",\"reason\":\"ReadinessGatesNotReady\",\"lastTransitionTime\":\"%"
            "s\"}",
            at);
    cs_strbuf_adds(out, "]}}");
}

static void hand_over_body(struct cs_strbuf *out, const struct place *p)
{
    cs_strbuf_addf(out,
        "{\"metadata\":{\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"name\":\"%s\",\"uid\":\"%s\","
        "\"controller\":true}]}}",
        p->name, p->uid);
}

/* ---- requests */

static void send(struct bench *b, const struct cs_call *call, cs_reply_fn done, void *ctx)
{
    struct cs_call c = *call;

    c.ns = b->o.ns;
    c.timeout_ms = PATIENCE_MS;
    b->writes++;
    (void)cs_client_call(&b->client, &c, done, ctx);
}

static void take_uid(const struct cs_reply *reply, const char *what, char uid[CS_SEEN_NAME])
{
    cs_autojdoc doc = {0};
    cs_autofree char *found = NULL;

    if (reply->err.kind != CS_ERR_NONE)
        fail(what, reply->err.message);
    if (cs_jdoc_parse(&doc, reply->body.p, reply->body.len, NULL, NULL))
        found = cs_json_str_dup(cs_json_at(cs_jdoc_root(&doc), "metadata", "uid", NULL));
    if (!found || strlen(found) >= CS_SEEN_NAME)
        fail(what, "an answer without a uid");
    else
        (void)snprintf(uid, CS_SEEN_NAME, "%s", found);
}

static void go_on(struct place *p);
static void begin_more(struct set *set);

static void on_other(void *ctx, const struct cs_reply *reply)
{
    const struct set *set = ctx;

    if (reply->err.kind != CS_ERR_NONE)
        fail(set->name, reply->err.message);
}

static void write_status(struct set *set)
{
    struct bench *b = set->b;
    cs_autofree char *body = cs_xasprintf("{\"status\":{\"replicas\":%u,\"readyReplicas\":%u,\"availableReplicas\":%u,"
                                          "\"updatedReplicas\":%u,\"updatedReadyReplicas\":%u}}",
        set->finished, set->finished, set->finished, set->finished, set->finished);
    const struct cs_call call = {.verb = CS_VERB_PATCH_MERGE,
        .gvr = &cs_gvr_clonesets,
        .name = set->name,
        .subresource = "status",
        .body = cs_str(body)};

    send(b, &call, on_other, set);
}

static void on_written(void *ctx, const struct cs_reply *reply)
{
    struct place *p = ctx;

    p->sent = false;
    if (*p->at == POD)
        take_uid(reply, p->name, p->uid);
    else if (reply->err.kind != CS_ERR_NONE)
        fail(p->name, reply->err.message);
    p->at++;
    go_on(p);
}

static void new_id(struct place *p)
{
    uint64_t n = p->set->b->ids++;

    for (int i = 4; i >= 0; i--, n /= sizeof(ID_ALPHABET) - 1)
        p->id[i] = ID_ALPHABET[n % (sizeof(ID_ALPHABET) - 1)];
    p->id[5] = '\0';
    (void)snprintf(p->name, sizeof(p->name), "%s-%s", p->set->name, p->id);
    cs_seen_find(&p->set->b->seen, p->name)->waiter = p;
}

static void write_step(struct place *p)
{
    struct bench *b = p->set->b;
    cs_autostrbuf body = CS_STRBUF_INIT;
    cs_autofree char *claim = cs_xasprintf("data-%s", p->name);
    struct cs_call call = {.gvr = &cs_gvr_pods, .name = p->name};

    switch (*p->at) {
    case CLAIM:
    case POD:
        call.verb = CS_VERB_CREATE;
        call.name = NULL;
        call.gvr = *p->at == POD ? &cs_gvr_pods : &cs_gvr_claims;
        fill_in(&body, *p->at == POD ? b->pod_json : b->claim_json, p->set, p);
        break;
    case OPEN:
    case CLOSE:
        call.verb = CS_VERB_PATCH_STRATEGIC;
        call.subresource = "status";
        gate_body(&body, *p->at == OPEN);
        break;
    case IMAGE:
        call.verb = CS_VERB_PATCH_JSON;
        cs_strbuf_addf(
            &body, "[{\"op\":\"replace\",\"path\":\"/spec/containers/0/image\",\"value\":\"%s\"}]", b->image);
        break;
    case HAND_OVER:
        call.verb = CS_VERB_PATCH_MERGE;
        call.gvr = &cs_gvr_claims;
        call.name = claim;
        hand_over_body(&body, p);
        break;
    default:
        call.verb = CS_VERB_DELETE;
        cs_strbuf_adds(&body, "{}");
        break;
    }
    call.body = (struct cs_str){body.data, body.len};
    p->sent = true;
    send(b, &call, on_written, p);
}

/* ---- what is next */

static bool is_wait(enum step s)
{
    return s == BOUND || s == READY || s == RESTARTED || s == GONE;
}

static bool waits(const struct place *p, const struct cs_seen_pod *seen)
{
    switch (*p->at) {
    case BOUND:
        return !seen->bound;
    case READY:
        return !seen->ready;
    case RESTARTED:
        return !cs_streq(seen->image, p->set->b->image);
    default:
        return !seen->gone;
    }
}

static void go_on(struct place *p)
{
    struct bench *b = p->set->b;

    while (!p->sent && p->at && *p->at != END) {
        if ((*p->at == CLAIM || *p->at == HAND_OVER) && !b->claim_json) {
            p->at++;
        } else if (is_wait(*p->at)) {
            if (waits(p, cs_seen_find(&b->seen, p->name)))
                return;
            p->at++;
        } else {
            if (*p->at == CLAIM || (*p->at == POD && !b->claim_json))
                new_id(p);
            write_step(p);
        }
    }
    if (!p->at || *p->at != END)
        return;
    p->at = NULL;
    p->set->busy--;
    p->set->finished++;
    b->finished++;
    if (p->set->finished == (unsigned)b->o.pods && b->steps != fill_steps)
        write_status(p->set);
    begin_more(p->set);
}

/* As many Pods of the set as may be out of service at once. */
static void begin_more(struct set *set)
{
    struct bench *b = set->b;
    size_t first = (size_t)(set - b->sets) * (size_t)b->o.pods;

    while (set->busy < b->wave && set->next < (unsigned)b->o.pods) {
        struct place *p = &b->places[first + set->next++];

        set->busy++;
        p->at = b->steps;
        go_on(p);
    }
}

static void on_seen(void *ctx, struct cs_seen_pod *pod)
{
    (void)ctx;
    if (pod->waiter)
        go_on(pod->waiter);
}

static void on_set(void *ctx, const struct cs_reply *reply)
{
    struct set *set = ctx;
    struct bench *b = set->b;

    take_uid(reply, set->name, set->uid);
    if (b->steps == create_steps) {
        cs_autostrbuf body = CS_STRBUF_INIT;
        struct cs_call call = {.verb = CS_VERB_CREATE, .gvr = &cs_gvr_revisions};

        fill_in(&body, b->revision_json, set, NULL);
        call.body = (struct cs_str){body.data, body.len};
        send(b, &call, on_other, set);
    }
    if (b->steps)
        begin_more(set);
}

/* ---- words */

static void begin(struct bench *b, const enum step *steps, unsigned wave)
{
    b->steps = steps;
    b->wave = wave;
    b->finished = 0;
    b->want_finished = steps ? (uint64_t)(b->o.sets * b->o.pods) : 0;
    for (int64_t i = 0; i < b->o.sets; i++)
        b->sets[i].next = b->sets[i].busy = b->sets[i].finished = 0;
}

static void create_sets(struct bench *b)
{
    for (int64_t i = 0; i < b->o.sets; i++) {
        cs_autostrbuf body = CS_STRBUF_INIT;
        struct cs_call call = {.verb = CS_VERB_CREATE, .gvr = &cs_gvr_clonesets};

        fill_in(&body, b->set_json, &b->sets[i], NULL);
        call.body = (struct cs_str){body.data, body.len};
        send(b, &call, on_set, &b->sets[i]);
    }
}

static void begin_all(struct bench *b, const enum step *steps, unsigned wave)
{
    begin(b, steps, wave);
    for (int64_t i = 0; i < b->o.sets; i++)
        begin_more(&b->sets[i]);
}

static void obey(struct bench *b, char *line)
{
    char word[16] = "", first[CS_SEEN_NAME] = "", second[CS_SEEN_NAME] = "";
    int n = sscanf(line, "%15s %63s %63s", word, first, second); // NOLINT(cert-err34-c): words, no numbers
    unsigned all = (unsigned)b->o.pods, wave = (unsigned)b->o.unavailable;

    b->busy = true;
    b->writes = 0;
    b->seen.bytes = 0;
    b->want_count = b->o.sets * b->o.pods;
    b->want_ready = true;
    if (n >= 2 && !cs_streq(word, "await"))
        (void)snprintf(b->image, sizeof(b->image), "%s", first);
    if (cs_streq(word, "sets")) {
        begin(b, NULL, 0);
        b->want_count = -1;
        create_sets(b);
    } else if (cs_streq(word, "create")) {
        begin(b, create_steps, all);
        create_sets(b);
    } else if (cs_streq(word, "fill")) {
        b->want_ready = false;
        begin_all(b, fill_steps, all);
    } else if (cs_streq(word, "inplace")) {
        begin_all(b, inplace_steps, wave);
    } else if (cs_streq(word, "recreate")) {
        begin_all(b, recreate_steps, wave);
    } else if (cs_streq(word, "zero")) {
        b->want_count = 0;
        begin_all(b, zero_steps, all);
    } else if (cs_streq(word, "await")) {
        begin(b, NULL, 0);
        if (!cs_parse_i64(cs_str(first), &b->want_count))
            fail("await", "no number");
        b->want_ready = n == 3;
        (void)snprintf(b->image, sizeof(b->image), "%s", second);
    } else {
        fail(word, "no such word");
    }
}

static void look(struct bench *b)
{
    bool done = b->busy && b->finished >= b->want_finished;

    if (done && b->want_count < 0)
        done = cs_curl_inflight(b->curl) == 0;
    else if (done)
        done = cs_seen_settled(&b->seen, (unsigned)b->want_count, b->want_ready ? b->image : NULL);
    if (!done)
        return;
    b->busy = false;
    (void)printf(
        "done %lld %llu %llu\n", (long long)now_ms(), (unsigned long long)b->writes, (unsigned long long)b->seen.bytes);
    (void)fflush(stdout);
    cs_seen_sweep(&b->seen);
}

/* ---- the program */

static char *read_template(const char *path)
{
    return *path != '\0' ? read_file(path, 1 << 20, NULL) : NULL;
}

static void set_up(struct bench *b)
{
    struct cs_error err = CS_ERROR_INIT;

    if (!cs_kube_config_from_file(b->o.kubeconfig, NULL, &b->config, &err))
        fail("kubeconfig", err.message);
    const struct cs_curl_options co = {
        .config = b->config, .clock = cs_clock_system(), .user_agent = "limit", .max_inflight = INFLIGHT};
    if (!cs_curl_client_new(&co, &b->curl, &err))
        fail("client", err.message);
    b->client = cs_curl_client_iface(b->curl);
    b->set_json = read_template(b->o.set_file);
    b->revision_json = read_template(b->o.revision_file);
    b->pod_json = read_template(b->o.pod_file);
    b->claim_json = read_template(b->o.claim_file);
    b->sets = cs_new_array(struct set, (size_t)b->o.sets);
    b->places = cs_new_array(struct place, (size_t)(b->o.sets * b->o.pods));
    for (int64_t i = 0; i < b->o.sets; i++) {
        b->sets[i].b = b;
        (void)snprintf(
            b->sets[i].name, sizeof(b->sets[i].name), b->o.sets == 1 ? "%s" : "%s-%lld", b->o.prefix, (long long)i);
        for (int64_t k = 0; k < b->o.pods; k++)
            b->places[i * b->o.pods + k].set = &b->sets[i];
    }
    b->seen.changed = on_seen;
    b->seen.ctx = b;
    cs_seen_start(&b->seen, &b->client, b->o.ns);
}

int main(int argc, char **argv)
{
    static struct bench bench;
    static char input[4096];
    size_t have = 0;
    int end = cs_flags_main(&flagset, argc, argv, &bench.o);

    if (end >= 0)
        return end;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    set_up(&bench);
    for (;;) {
        struct cs_poll_fd in = {.fd = STDIN_FILENO};
        char *newline = memchr(input, '\n', have);

        if (newline && !bench.busy) {
            *newline = '\0';
            obey(&bench, input);
            have -= (size_t)(newline + 1 - input);
            memmove(input, newline + 1, have);
        }
        cs_curl_poll(bench.curl, bench.busy ? 1000 : -1, &in, bench.busy ? 0 : 1);
        if (!bench.busy) {
            ssize_t got = read(STDIN_FILENO, input + have, sizeof(input) - have);

            if (got == 0)
                return 0;
            if (got > 0)
                have += (size_t)got;
        }
        look(&bench);
    }
}
