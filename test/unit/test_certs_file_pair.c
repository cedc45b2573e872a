/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates kept by somebody else in mounted files: taken when they belong together, read again when they change.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "certs/ca.h"
#include "certs/file_pair.h"
#include "common/base/alloc.h"
#include "common/base/str.h"

#define WALL 1760000000000
#define HOUR ((int64_t)3600 * 1000)

struct fixture {
    int64_t now;
    struct cs_clock clock;
    struct cs_loop loop;
    char dir[64];
    struct cs_pem_pair ca, first, second;
    struct cs_file_pair *files;
    char *served;
    unsigned offers;
    bool refuse;
};

static int64_t mono(void *ctx)
{
    return ((struct fixture *)ctx)->now;
}

static int64_t wall(void *ctx)
{
    return ((struct fixture *)ctx)->now + WALL;
}

static bool on_pair(void *ctx, const char *cert_pem, const char *key_pem)
{
    struct fixture *f = ctx;

    (void)key_pem;
    f->offers++;
    if (f->refuse)
        return false;
    free(f->served);
    f->served = cs_xstrdup(cert_pem);
    return true;
}

static void put(const struct fixture *f, const char *name, const char *text)
{
    cs_autofree char *path = cs_xasprintf("%s/%s", f->dir, name);
    FILE *out;

    if (!text) {
        (void)unlink(path);
        return;
    }
    out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static void pass(struct fixture *f, int64_t ms)
{
    int64_t end = f->now + ms;

    while (f->now < end) {
        int64_t wait = cs_loop_wait_ms(&f->loop);

        f->now = wait >= 0 && f->now + wait < end ? f->now + wait : end;
        cs_loop_run_due(&f->loop);
    }
}

static bool ready(struct fixture *f, const char *because)
{
    char why[300];
    bool is = cs_file_pair_ready(f->files, why, sizeof(why));

    if (!strstr(why, because))
        fail_msg("not \"%s\" but \"%s\"", because, why);
    return is;
}

static void setup(struct fixture *f)
{
    struct cs_cert_names names = {0};

    *f = (struct fixture){.dir = "/tmp/cs_file_pair_XXXXXX"};
    f->clock = (struct cs_clock){mono, wall, f};
    cs_loop_init(&f->loop, &f->clock);
    assert_non_null(mkdtemp(f->dir));
    assert_true(cs_cert_names_make("hooks", "sys", NULL, &names, NULL));
    assert_true(cs_ca_make(WALL, 10 * HOUR, &f->ca, NULL));
    assert_true(cs_ca_make_leaf(&f->ca, &names, WALL, HOUR, &f->first, NULL));
    assert_true(cs_ca_make_leaf(&f->ca, &names, WALL, 2 * HOUR, &f->second, NULL));
    cs_cert_names_done(&names);
    f->files =
        cs_file_pair_new(&(struct cs_file_pair_options){.loop = &f->loop, .dir = f->dir, .on_pair = on_pair, .ctx = f});
}

static void teardown(struct fixture *f)
{
    cs_file_pair_free(f->files);
    put(f, "tls.crt", NULL);
    put(f, "tls.key", NULL);
    put(f, "ca.crt", NULL);
    (void)rmdir(f->dir);
    cs_pem_pair_done(&f->ca);
    cs_pem_pair_done(&f->first);
    cs_pem_pair_done(&f->second);
    free(f->served);
    cs_loop_done(&f->loop);
}
#define auto_fixture CS_CLEANUP(teardown) struct fixture

static void files_that_are_there_are_served_at_once(void **state)
{
    auto_fixture f;

    (void)state;
    setup(&f);
    assert_false(ready(&f, "not read yet"));
    put(&f, "tls.crt", f.first.cert);
    put(&f, "tls.key", f.first.key);
    put(&f, "ca.crt", f.ca.cert);
    cs_file_pair_start(f.files);
    assert_true(ready(&f, ""));
    assert_string_equal(f.served, f.first.cert);
    pass(&f, 60000);
    assert_int_equal(f.offers, 1);
}

static void files_that_come_later_are_served_then(void **state)
{
    auto_fixture f;

    (void)state;
    setup(&f);
    cs_file_pair_start(f.files);
    assert_false(ready(&f, "tls.crt"));
    put(&f, "tls.crt", f.first.cert);
    pass(&f, 5000);
    assert_false(ready(&f, "tls.key"));
    put(&f, "tls.key", f.first.key);
    pass(&f, 5000);
    assert_true(ready(&f, ""));
}

static void a_half_changed_pair_is_not_taken(void **state)
{
    auto_fixture f;

    (void)state;
    setup(&f);
    put(&f, "tls.crt", f.first.cert);
    put(&f, "tls.key", f.first.key);
    cs_file_pair_start(f.files);
    put(&f, "tls.crt", f.second.cert);
    pass(&f, 30000);
    assert_true(ready(&f, ""));
    assert_string_equal(f.served, f.first.cert);
    put(&f, "tls.key", f.second.key);
    pass(&f, 5000);
    assert_string_equal(f.served, f.second.cert);
    assert_int_equal(f.offers, 2);
}

static void an_expired_pair_is_no_pair(void **state)
{
    auto_fixture f;

    (void)state;
    setup(&f);
    put(&f, "tls.crt", f.first.cert);
    put(&f, "tls.key", f.first.key);
    cs_file_pair_start(f.files);
    put(&f, "tls.key", NULL); /* files that vanish do not matter while the pair lives */
    pass(&f, HOUR - 10000);
    assert_true(ready(&f, ""));
    pass(&f, 20000);
    assert_false(ready(&f, "tls.key"));
    put(&f, "tls.key", f.first.key);
    pass(&f, 10000);
    assert_false(ready(&f, "expired"));
    put(&f, "tls.crt", f.second.cert);
    put(&f, "tls.key", f.second.key);
    pass(&f, 10000);
    assert_true(ready(&f, ""));
}

static void a_pair_that_the_server_refuses_is_offered_again(void **state)
{
    auto_fixture f;

    (void)state;
    setup(&f);
    f.refuse = true;
    put(&f, "tls.crt", f.first.cert);
    put(&f, "tls.key", f.first.key);
    cs_file_pair_start(f.files);
    assert_false(ready(&f, "does not take"));
    f.refuse = false;
    pass(&f, 5000);
    assert_true(ready(&f, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_that_are_there_are_served_at_once),
        cmocka_unit_test(files_that_come_later_are_served_then),
        cmocka_unit_test(a_half_changed_pair_is_not_taken),
        cmocka_unit_test(an_expired_pair_is_no_pair),
        cmocka_unit_test(a_pair_that_the_server_refuses_is_offered_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
