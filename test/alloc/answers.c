/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks the webhook a few things, as its server's threads do, and compares what it says with what it said before:
 *
 *     answers FILE
 *
 * A file that is empty gets the answers. Otherwise each must be the same to the byte, or plainly an error: with memory
 * exhausted nothing may be allowed without its patch, refused for a wrong reason, or converted with something missing, and
 * no good certificate be taken for a bad one.
 */
#include <fcntl.h>
#include <unistd.h>

#include "certs/ca.h"
#include "certs/inspect.h"
#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "webhook/router.h"

#define ADMISSION(request)                                                                                             \
    "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{" request "}}"
#define SETS(version)                                                                                                  \
    "\"resource\":{\"group\":\"apps.kruise.io\",\"version\":\"" version "\",\"resource\":\"clonesets\"}"
#define CREATE(version, object) ADMISSION("\"uid\":\"u\",\"operation\":\"CREATE\"," SETS(version) ",\"object\":" object)
#define UPDATE(version, object, old)                                                                                   \
    ADMISSION("\"uid\":\"u\",\"operation\":\"UPDATE\"," SETS(version) ",\"object\":" object ",\"oldObject\":" old)
#define CREATE_POD(object)                                                                                             \
    ADMISSION("\"uid\":\"u\",\"operation\":\"CREATE\",\"resource\":{\"group\":\"\",\"version\":\"v1\",\"resource\":"   \
              "\"pods\"},\"object\":" object)
#define CONVERSION(to, objects)                                                                                        \
    "{\"kind\":\"ConversionReview\",\"apiVersion\":\"apiextensions.k8s.io/v1\",\"request\":{\"uid\":\"u\","            \
    "\"desiredAPIVersion\":\"apps.kruise.io/" to "\",\"objects\":[" objects "]}}"
#define SET_WITH(version, meta, spec)                                                                                  \
    "{\"apiVersion\":\"apps.kruise.io/" version "\",\"kind\":\"CloneSet\",\"metadata\":{\"name\":\"web\","             \
    "\"namespace\":\"shop\"" meta "},\"spec\":{" spec "}}"
#define SET(version, spec) SET_WITH(version, "", spec)
#define SELECTOR "\"selector\":{\"matchLabels\":{\"app\":\"web\"}},"
#define TEMPLATE(image, more)                                                                                          \
    "\"template\":{\"metadata\":{\"labels\":{\"app\":\"web\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":"   \
    "\"" image "\"" more "}]}}"
#define CLAIMS                                                                                                         \
    ",\"volumeClaimTemplates\":[{\"metadata\":{\"name\":\"data\"},\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],"      \
    "\"resources\":{\"requests\":{\"storage\":\"2Gi\"}}}}]"
#define OWNER                                                                                                          \
    "\"ownerReferences\":[{\"apiVersion\":\"apps.kruise.io/v1alpha1\",\"kind\":\"CloneSet\",\"name\":\"web\",\"uid\":" \
    "\"s\",\"controller\":true}]"
#define TEN(x) x x x x x x x x x x
#define LONG TEN(TEN(TEN("k"))) /* so that some buffers are larger than what exhaustion ends the process for */
#define BAD_ENV TEN(",{\"name\":\"=\",\"value\":1},{\"name\":\"\"}")
#define PLAIN SELECTOR TEMPLATE("a:1", "")
#define ALPHA_ONLY "\"scaleStrategy\":{\"podsToDelete\":[\"web-bbbbb\"]},\"progressDeadlineSeconds\":7,"

static const struct {
    const char *path, *body;
} questions[] = {
    {CS_PATH_MUTATE_CLONESET, CREATE("v1alpha1", SET("v1alpha1", PLAIN))},
    {CS_PATH_MUTATE_CLONESET, CREATE("v1beta1", SET("v1beta1", PLAIN))},
    {CS_PATH_MUTATE_CLONESET, CREATE("v1alpha1", SET("v1alpha1", "\"replicas\":\"many\"," PLAIN))},
    {CS_PATH_VALIDATE_CLONESET, CREATE("v1alpha1", SET("v1alpha1", PLAIN CLAIMS))},
    {CS_PATH_VALIDATE_CLONESET,
        CREATE("v1alpha1",
            SET("v1alpha1", SELECTOR TEMPLATE("", ",\"env\":[{\"name\":\"" LONG "\"}" BAD_ENV "],\"" LONG "\":1")))},
    {CS_PATH_VALIDATE_CLONESET,
        UPDATE("v1alpha1", SET("v1alpha1", SELECTOR TEMPLATE("b:2", ",\"command\":[\"" LONG "\"]") CLAIMS),
            SET("v1alpha1", PLAIN CLAIMS))},
    {CS_PATH_VALIDATE_CLONESET, UPDATE("v1alpha1",
                                    SET("v1alpha1", "\"updateStrategy\":{\"type\":\"InPlaceOnly\"}," SELECTOR TEMPLATE(
                                                        "b:2", ",\"command\":[\"x\"]")),
                                    SET("v1alpha1", "\"updateStrategy\":{\"type\":\"InPlaceOnly\"}," PLAIN))},
    {CS_PATH_INSTANCE_ID, CREATE_POD("{\"metadata\":{\"name\":\"web-bbbbb\"," OWNER "}}")},
    {CS_PATH_INSTANCE_ID, CREATE_POD("{\"metadata\":{\"name\":\"other\",\"labels\":{\"a\":\"b\"}," OWNER "}}")},
    {CS_PATH_CONVERT, CONVERSION("v1beta1", SET("v1alpha1", ALPHA_ONLY PLAIN CLAIMS))},
    {CS_PATH_CONVERT,
        CONVERSION("v1beta1",
            SET_WITH("v1alpha1", ",\"annotations\":{\"" LONG "\":\"" LONG LONG LONG LONG "\"}",
                "\"updateStrategy\":{\"inPlaceUpdateStrategy\":{\"" LONG "\":\"" LONG LONG LONG LONG "\"}}," PLAIN))},
    {CS_PATH_CONVERT, CONVERSION("v1alpha1", SET("v1beta1", PLAIN) "," SET("v1alpha1", PLAIN))},
    {CS_PATH_CONVERT, CONVERSION("v1alpha1", "7")},
    {CS_PATH_MUTATE_CLONESET, "{"},
    {"/nowhere", "{}"},
};

static const char *const errors[] = {"\"code\":500", "\"status\":\"Failure\"", "too large for the memory there is"};

static bool is_error(const char *answer)
{
    if (strncmp(answer, "200 ", 4) != 0)
        return true;
    for (size_t i = 0; i < CS_ARRAY_LEN(errors); i++)
        if (strstr(answer, errors[i]))
            return true;
    return false;
}

/* What is thought of a CA and a certificate that are as they should be. */
static void ask_about_certificates(struct cs_http_resp *a)
{
    char name[] = "web.shop.svc", *list[] = {name};
    const struct cs_cert_names names = {.items = list, .len = 1};
    int64_t now_ms = cs_clock_wall_ms(cs_clock_system());
    struct cs_bundle_facts bundle = {0};
    struct cs_leaf_facts leaf = {0};
    cs_auto_pem_pair ca = {0}, pair = {0};

    a->status = 500;
    if (!cs_ca_make(now_ms, 86400000, &ca, NULL) || !cs_ca_make_leaf(&ca, &names, now_ms, 3600000, &pair, NULL))
        return;
    a->status = 200;
    cs_inspect_bundle(ca.cert, ca.key, &bundle);
    cs_inspect_leaf(pair.cert, pair.key, &bundle, &names, &leaf);
    cs_strbuf_addf(a->body, "CAs %u, key %d, pair %d, names %d, signer %d, verifies %d", bundle.n, bundle.key_ok,
        leaf.pair_ok, leaf.names_ok, leaf.signer, cs_inspect_verifies(pair.cert, ca.cert, now_ms));
    cs_leaf_facts_done(&leaf);
    cs_bundle_facts_done(&bundle);
}

void cs_alloc_count(bool on) __attribute__((weak)); /* fail_alloc.c, when it is preloaded */

/*
 * OpenSSL sets itself up when it is first used, and stays useless, or crashes, when that fails. Both programs use it when they
 * start, long before somebody asks them something.
 */
static void let_openssl_begin(void)
{
    cs_autostrbuf body = CS_STRBUF_INIT;
    struct cs_http_resp a = {.body = &body};

    cs_certs_init();
    if (cs_alloc_count)
        cs_alloc_count(false);
    ask_about_certificates(&a);
    if (cs_alloc_count)
        cs_alloc_count(true);
}

static char said[1 << 20]; /* "STATUS BODY\0" one after the other; static, so that it needs no memory */

/* Compares, or appends when there is nothing yet to compare with. False: another answer. */
static bool check(size_t *at, int fd, size_t n, int status, const struct cs_strbuf *body)
{
    cs_autofree char *answer = cs_xasprintf("%d %s", status, cs_strbuf_str(body));
    size_t len = strlen(answer) + 1;

    if (n == 0)
        return write(fd, answer, len) == (ssize_t)len;
    const char *before = said + *at;
    *at += strlen(before) + 1;
    if (strcmp(answer, before) == 0 || is_error(answer))
        return true;
    (void)printf("was: %s\nis:  %s\n", before, answer);
    return false;
}

static void ask_webhook(struct cs_router *r, const char *path, const char *question, struct cs_http_resp *a)
{
    struct cs_http_req q = {.method = "POST", .path = path, .content_type = "application/json"};

    q.body = cs_str(question);
    cs_router_handle(r, &q, a);
    if (!a->body->failed)
        return;
    cs_strbuf_clear(a->body); /* the server's part: it words a refusal */
    a->status = 500;
}

int main(int argc, char **argv)
{
    FILE *nothing = fopen("/dev/null", "w");
    struct cs_log log = {.out = nothing, .max = CS_LOG_TRACE};
    int fd = argc == 2 ? open(argv[1], O_RDWR | O_APPEND | O_CLOEXEC) : -1;
    ssize_t n = fd < 0 ? -1 : read(fd, said, sizeof(said) - 1);
    struct cs_router *r = cs_router_new(1, NULL, nothing ? &log : NULL);
    size_t at = 0;
    int bad = 0;

    let_openssl_begin();
    if (n < 0) {
        (void)printf("usage: answers FILE\n");
        return 2;
    }
    for (size_t i = 0; i <= CS_ARRAY_LEN(questions); i++) {
        cs_autostrbuf body = {.max = (size_t)64 << 20};
        struct cs_http_resp a = {.status = 200, .body = &body};

        if (i < CS_ARRAY_LEN(questions))
            ask_webhook(r, questions[i].path, questions[i].body, &a);
        else
            ask_about_certificates(&a);
        bad |= !check(&at, fd, (size_t)n, a.status, &body);
    }
    cs_router_free(r);
    if (nothing)
        (void)fclose(nothing);
    (void)close(fd);
    return bad;
}
