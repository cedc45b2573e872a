/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kubeconfigs of all the forms that we honour, the refusals, the service account of a Pod, and tokens and CAs that
 * change under us. Files live in a folder made for each test.
 */
#include "common/kube/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "common/base/alloc.h"
#include "common/base/base64.h"
#include "common/base/str.h"
#include "common/kube/credentials.h"

#define PEM(what) "-----BEGIN " what "-----\nAAAA\n-----END " what "-----\n"

/* ---- a folder ---- */

static int make_folder(void **state)
{
    char *dir = cs_xstrdup("/tmp/cs-test-config-XXXXXX");

    *state = dir;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"ca.crt", "client.crt", "client.key", "token", "namespace", "config"};
    cs_autofree char *dir = *state;

    for (size_t i = 0; i < CS_ARRAY_LEN(names); i++) {
        cs_autofree char *path = cs_xasprintf("%s/%s", dir, names[i]);

        (void)unlink(path);
    }
    return rmdir(dir);
}

static void put(const char *dir, const char *name, const char *text)
{
    cs_autofree char *path = cs_xasprintf("%s/%s", dir, name);
    FILE *f = fopen(path, "we");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

/* One cluster, one user, one context, whose inner lines are given (four blanks deep). */
static char *config_text(const char *cluster, const char *user)
{
    return cs_xasprintf("apiVersion: v1\nkind: Config\ncurrent-context: c\n"
                        "clusters:\n- name: k\n  cluster:\n%s\n"
                        "users:\n- name: u\n  user:\n%s\n"
                        "contexts:\n- name: c\n  context:\n    cluster: k\n    user: u\n",
        cluster, user);
}

static bool load(const char *text, const char *context, struct cs_kube_config **ret, struct cs_error *err)
{
    return cs_kube_config_from_text(text, strlen(text), "/nowhere", context, ret, err);
}

/* ---- what is accepted ---- */

static void test_inline_data(void **state)
{
    (void)state;
    cs_autostrbuf ca = CS_STRBUF_INIT, cert = CS_STRBUF_INIT, key = CS_STRBUF_INIT;
    cs_autofree char *cluster = NULL, *user = NULL, *text = NULL;
    cs_auto_kube_config *c = NULL;
    struct cs_error err = CS_ERROR_INIT;

    cs_base64_encode(&ca, CS_STR(PEM("CERTIFICATE")));
    cs_base64_encode(&cert, CS_STR(PEM("CERTIFICATE") "mine"));
    cs_base64_encode(&key, CS_STR(PEM("EC PRIVATE KEY")));
    cluster = cs_xasprintf("    server: https://10.0.0.1:6443/\n    certificate-authority: ignored.crt\n"
                           "    certificate-authority-data: %s\n    tls-server-name: kubernetes.default",
        cs_strbuf_str(&ca));
    user = cs_xasprintf("    client-certificate-data: %s\n    client-key-data: %s\n    client-key: ignored.key\n"
                        "    some-future-field: [1, {a: b}]",
        cs_strbuf_str(&cert), cs_strbuf_str(&key));
    text = config_text(cluster, user);
    assert_true(load(text, NULL, &c, &err));
    assert_string_equal(c->server, "https://10.0.0.1:6443");
    assert_string_equal(c->ca_pem, PEM("CERTIFICATE"));
    assert_null(c->ca_file);
    assert_string_equal(c->cert_pem, PEM("CERTIFICATE") "mine");
    assert_string_equal(c->key_pem, PEM("EC PRIVATE KEY"));
    assert_string_equal(c->server_name, "kubernetes.default");
    assert_string_equal(c->ns, "default");
    assert_null(c->token);
    assert_null(c->token_file);
    assert_false(c->insecure);
    assert_false(c->in_cluster);
}

static void test_files_beside_the_kubeconfig(void **state)
{
    const char *dir = *state;
    cs_autofree char *path = cs_xasprintf("%s/config", dir), *ca = cs_xasprintf("%s/ca.crt", dir);
    cs_autofree char *text = config_text("    server: https://h\n    certificate-authority: ca.crt",
        "    client-certificate: client.crt\n    client-key: ./client.key\n    tokenFile: /abs/token\n    token: t");
    cs_auto_kube_config *c = NULL;
    struct cs_error err = CS_ERROR_INIT;

    put(dir, "config", text);
    put(dir, "client.crt", PEM("CERTIFICATE"));
    put(dir, "client.key", PEM("PRIVATE KEY"));
    assert_true(cs_kube_config_from_file(path, NULL, &c, &err));
    assert_string_equal(c->ca_file, ca);
    assert_null(c->ca_pem);
    assert_string_equal(c->cert_pem, PEM("CERTIFICATE"));
    assert_string_equal(c->key_pem, PEM("PRIVATE KEY"));
    assert_string_equal(c->token_file, "/abs/token");
    assert_string_equal(c->token, "t");
}

static void test_contexts(void **state)
{
    (void)state;
    static const char text[] = "current-context: two\n"
                               "contexts:\n"
                               "- {name: one, context: {cluster: k1, user: u1}}\n"
                               "- {name: two, context: {cluster: k2, user: u2, namespace: team}}\n"
                               "- {name: nobody, context: {cluster: k1, user: \"\"}}\n"
                               "clusters:\n"
                               "- {name: k1, cluster: {server: \"https://one\", insecure-skip-tls-verify: true}}\n"
                               "- {name: k2, cluster: {server: \"https://two:1\"}}\n"
                               "users:\n"
                               "- {name: u1, user: {token: t1}}\n"
                               "- {name: u2, user: {token: t2, exec: null, username: \"\"}}\n";
    static const struct {
        const char *context, *server, *token, *ns;
        bool insecure;
    } rows[] = {
        {NULL, "https://two:1", "t2", "team", false},
        {"two", "https://two:1", "t2", "team", false},
        {"one", "https://one", "t1", "default", true},
        {"nobody", "https://one", NULL, "default", true},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_auto_kube_config *c = NULL;
        struct cs_error err = CS_ERROR_INIT;

        assert_true(load(text, rows[i].context, &c, &err));
        assert_string_equal(c->server, rows[i].server);
        assert_true(cs_streq(c->token, rows[i].token));
        assert_string_equal(c->ns, rows[i].ns);
        assert_int_equal(c->insecure, rows[i].insecure);
    }
}

static void test_json_is_yaml(void **state)
{
    (void)state;
    static const char text[] =
        "{\"kind\":\"Config\",\"apiVersion\":\"v1\",\"preferences\":{},\n"
        "\t\"clusters\":[{\"name\":\"k\",\"cluster\":{\"server\":\"http://127.0.0.1:8080/base/\"}}],\n"
        "\t\"users\":[{\"name\":\"u\",\"user\":{\"token\":\"a\\/b\\u002ec\"}}],\n"
        "\t\"contexts\":[{\"name\":\"c\",\"context\":{\"cluster\":\"k\",\"user\":\"u\",\"namespace\":null}}],\n"
        "\t\"current-context\":\"c\"}\n";
    cs_auto_kube_config *c = NULL;
    struct cs_error err = CS_ERROR_INIT;

    assert_true(load(text, NULL, &c, &err));
    assert_string_equal(c->server, "http://127.0.0.1:8080/base");
    assert_string_equal(c->token, "a/b.c");
    assert_string_equal(c->ns, "default");
}

static void test_anchors_are_followed(void **state)
{
    (void)state;
    static const char text[] = "current-context: c\n"
                               "clusters: [{name: k, cluster: &k {server: \"https://h\"}}]\n"
                               "users: [{name: u, user: {token: &t secret}}]\n"
                               "contexts: [{name: c, context: {cluster: k, user: u}}]\n"
                               "other: {again: *t, loop: &l [*l, *k]}\n";
    cs_auto_kube_config *c = NULL;
    struct cs_error err = CS_ERROR_INIT;

    assert_true(load(text, NULL, &c, &err));
    assert_string_equal(c->token, "secret");
}

/* ---- what is refused ---- */

static void test_parts_that_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *why, *cluster, *user, *message;
    } rows[] = {
        {"a credential plug-in", "    server: https://h", "    exec: {command: aws}",
            "user \"u\": credential plug-ins (exec) not supported; use client-certificate with client-key, token or "
            "tokenFile"},
        {"the older kind of plug-in", "    server: https://h", "    auth-provider: {name: gcp}",
            "user \"u\": auth-provider not supported"},
        {"a password", "    server: https://h", "    username: admin\n    password: x",
            "line 11: user \"u\": username and password not supported"},
        {"impersonation", "    server: https://h", "    as: root", "user \"u\": impersonation (as) not supported"},
        {"half a key pair", "    server: https://h", "    client-key-data: LS0tLS1CRUdJTiBYLS0tLS0=",
            "user \"u\": client-certificate and client-key go together"},
        {"a key that is not there", "    server: https://h",
            "    client-certificate-data: LS0tLS1CRUdJTiBYLS0tLS0=\n    client-key: gone.key",
            "user \"u\": client-key: /nowhere/gone.key: No such file"},
        {"base64 that is none", "    server: https://h", "    client-key-data: LS0*",
            "user \"u\": client-key-data: not base64 at offset 3"},
        {"base64 of something else than PEM", "    server: https://h",
            "    client-key-data: aGVsbG8=", "user \"u\": client-key-data: not PEM"},
        {"a token with a line break", "    server: https://h", "    token: \"a\\nX-Remote-User: root\"",
            "user \"u\": token: holds a character"},
        {"a token that is a list", "    server: https://h", "    token: [a]",
            "user \"u\": line 11: token: expected a string"},
        {"a NUL byte", "    server: https://h", "    token: \"a\\0b\"", "token: holds a NUL byte"},
        {"no server", "    insecure-skip-tls-verify: true", "    token: t", "cluster \"k\": no server"},
        {"plain http to another machine", "    server: http://10.0.0.1:8080", "    token: t",
            "cluster \"k\": server: \"http://10.0.0.1:8080\" is not https"},
        {"a name that only begins like the loopback", "    server: http://127.0.0.1.evil.example", "    token: t",
            "is not https"},
        {"no scheme", "    server: 10.0.0.1:6443", "    token: t", "does not begin with https://"},
        {"no host", "    server: \"https://:6443\"", "    token: t", "has no host"},
        {"a password in the URL", "    server: https://u:p@h", "    token: t", "a character at offset"},
        {"a query in the URL", "    server: https://h/?a=b", "    token: t", "a character at offset"},
        {"a proxy", "    server: https://h\n    proxy-url: http://p:1", "    token: t",
            "cluster \"k\": proxy-url is not supported"},
        {"trust that is asked for and waived",
            "    server: https://h\n    insecure-skip-tls-verify: true\n"
            "    certificate-authority: ca.crt",
            "    token: t", "cluster \"k\": insecure-skip-tls-verify together with a certificate-authority"},
        {"neither true nor false", "    server: https://h\n    insecure-skip-tls-verify: yes please", "    token: t",
            "cluster \"k\": line 8: insecure-skip-tls-verify: expected true or false"},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_autofree char *text = config_text(rows[i].cluster, rows[i].user);
        struct cs_kube_config *c = NULL;
        struct cs_error err = CS_ERROR_INIT;

        print_message("  %s\n", rows[i].why);
        assert_false(load(text, NULL, &c, &err));
        assert_null(c);
        if (!strstr(err.message, rows[i].message))
            fail_msg("\"%s\" does not say \"%s\"", err.message, rows[i].message);
        assert_null(strstr(err.message, "hello"));
    }
}

static void test_wholes_that_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *why, *text, *context, *message;
    } rows[] = {
        {"an empty file", "", NULL, "there is no mapping in it"},
        {"a list", "- a\n", NULL, "there is no mapping in it"},
        {"broken YAML", "clusters:\n- name: k\n  cluster: {server: [\n", NULL, "line 4: "},
        {"a tab where YAML wants blanks", "a: b\n\tc: d\n", NULL, "line 2: "},
        {"no current context", "kind: Config\n", NULL, "current-context is not set"},
        {"no contexts", "current-context: c\n", NULL, "contexts: there is no such list"},
        {"contexts that are a mapping", "current-context: c\ncontexts: {c: {}}\n", NULL,
            "contexts: there is no such list"},
        {"a context of another name", "contexts: [{name: a, context: {cluster: k}}]\n", "b",
            "contexts: none is named \"b\""},
        {"a context without inside", "current-context: c\ncontexts: [{name: c}]\n", NULL, "no context in it"},
        {"a context without cluster", "current-context: c\ncontexts: [{name: c, context: {user: u}}]\n", NULL,
            "context \"c\": no cluster"},
        {"a cluster that is missing",
            "current-context: c\ncontexts: [{name: c, context: {cluster: k}}]\nclusters: []\n", NULL,
            "context \"c\": clusters: none is named \"k\""},
        {"a user that is missing",
            "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n"
            "clusters: [{name: k, cluster: {server: \"https://h\"}}]\nusers: [{name: v, user: {}}]\n",
            NULL, "context \"c\": users: none is named \"u\""},
        {"a namespace that is none",
            "current-context: c\ncontexts: [{name: c, context: {cluster: k, namespace: a/b}}]\n", NULL,
            "namespace \"a/b\" is not a name"},
        {"an alias to nothing", "current-context: *nobody\n", NULL, "line 1: "},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct cs_kube_config *c = NULL;
        struct cs_error err = CS_ERROR_INIT;

        print_message("  %s\n", rows[i].why);
        assert_false(load(rows[i].text, rows[i].context, &c, &err));
        assert_int_equal(err.kind, CS_ERR_INVALID);
        if (!strstr(err.message, rows[i].message))
            fail_msg("\"%s\" does not say \"%s\"", err.message, rows[i].message);
    }
}

static void test_hostile_sizes_end_soon(void **state)
{
    (void)state;
    const size_t size = (size_t)1 << 20;
    static const char *const fillings[] = {
        "[", "{", "[a,", "{a: [", "&", "*", "- ", ",", ":", "\"", "#", "a", "? ", "[]"};

    for (size_t i = 0; i < CS_ARRAY_LEN(fillings); i++) {
        cs_autofree char *text = cs_new_array(char, size + 2);
        struct cs_kube_config *c = NULL;
        struct cs_error err = CS_ERROR_INIT;

        for (size_t at = 0; at <= size; at++)
            text[at] = fillings[i][at % strlen(fillings[i])];
        assert_false(cs_kube_config_from_text(text, size, NULL, NULL, &c, &err));
        assert_false(cs_kube_config_from_text(text, size + 1, NULL, NULL, &c, &err));
        assert_int_equal(err.kind, CS_ERR_TOO_LARGE);
    }
}

static void test_errors_name_the_file(void **state)
{
    const char *dir = *state;
    cs_autofree char *path = cs_xasprintf("%s/config", dir);
    struct cs_kube_config *c = NULL;
    struct cs_error err = CS_ERROR_INIT;

    assert_false(cs_kube_config_from_file(path, NULL, &c, &err));
    assert_int_equal(err.kind, CS_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, path));
    put(dir, "config", "kind: [\n");
    assert_false(cs_kube_config_from_file(path, NULL, &c, &err));
    assert_non_null(strstr(err.message, path));
    assert_non_null(strstr(err.message, "line 2"));
}

/* ---- inside a Pod ---- */

static void test_the_service_account(void **state)
{
    const char *dir = *state;
    cs_autofree char *ca = cs_xasprintf("%s/ca.crt", dir), *token = cs_xasprintf("%s/token", dir);
    cs_auto_kube_config *c = NULL, *six = NULL;
    struct cs_kube_config *none = NULL;
    struct cs_error err = CS_ERROR_INIT;

    assert_false(cs_kube_config_in_cluster("10.96.0.1", "443", dir, &none, &err));
    assert_non_null(strstr(err.message, "service account"));
    put(dir, "token", "abc");
    put(dir, "namespace", "cloneset-system\n");
    assert_true(cs_kube_config_in_cluster("10.96.0.1", "443", dir, &c, &err));
    assert_string_equal(c->server, "https://10.96.0.1:443");
    assert_string_equal(c->ca_file, ca);
    assert_string_equal(c->token_file, token);
    assert_string_equal(c->ns, "cloneset-system");
    assert_true(c->in_cluster);
    assert_null(c->token);
    assert_true(cs_kube_config_in_cluster("fd00::1", "6443", dir, &six, &err));
    assert_string_equal(six->server, "https://[fd00::1]:6443");

    assert_false(cs_kube_config_in_cluster(NULL, NULL, dir, &none, &err));
    assert_non_null(strstr(err.message, "not inside a Pod"));
    assert_false(cs_kube_config_in_cluster("h", "70000", dir, &none, &err));
    assert_false(cs_kube_config_in_cluster("h/x?", "443", dir, &none, &err));
    put(dir, "namespace", "");
    assert_false(cs_kube_config_in_cluster("h", "443", dir, &none, &err));
    assert_null(none);
}

/* ---- tokens and CAs that change ---- */

static int64_t fake_now(void *ctx)
{
    return *(int64_t *)ctx;
}

static void test_a_token_file_is_followed(void **state)
{
    const char *dir = *state;
    cs_autofree char *token_file = cs_xasprintf("%s/token", dir);
    struct cs_kube_config config = {.token_file = token_file, .token = token_file};
    int64_t now = 50000;
    struct cs_clock clock = {.mono_ms = fake_now, .wall_ms = fake_now, .ctx = &now};
    struct cs_credentials c;

    put(dir, "token", " first \n");
    assert_true(cs_credentials_init(&c, &config, &clock, NULL));
    assert_string_equal(cs_credentials_token(&c), "first");
    put(dir, "token", "second\n");
    now += CS_CREDENTIALS_REREAD_MS - 1;
    assert_string_equal(cs_credentials_token(&c), "first");
    now += 1;
    assert_string_equal(cs_credentials_token(&c), "second");

    put(dir, "token", "third!\n"); /* same length, same second */
    cs_credentials_token_refused(&c);
    assert_string_equal(cs_credentials_token(&c), "third!");
    put(dir, "token", "fourth");
    assert_string_equal(cs_credentials_token(&c), "third!"); /* one refusal, one look */

    now += CS_CREDENTIALS_REREAD_MS;
    put(dir, "token", "");
    assert_string_equal(cs_credentials_token(&c), "third!");
    now += CS_CREDENTIALS_REREAD_MS;
    put(dir, "token", "fifth\r\nX-Evil: yes");
    assert_string_equal(cs_credentials_token(&c), "third!");
    now += CS_CREDENTIALS_REREAD_MS;
    assert_int_equal(unlink(token_file), 0);
    assert_string_equal(cs_credentials_token(&c), "third!");
    now += CS_CREDENTIALS_REREAD_MS;
    put(dir, "token", "sixth");
    assert_string_equal(cs_credentials_token(&c), "sixth");
    cs_credentials_done(&c);
}

static void test_a_ca_file_is_read_again_when_connecting_fails(void **state)
{
    const char *dir = *state;
    cs_autofree char *ca_file = cs_xasprintf("%s/ca.crt", dir);
    struct cs_kube_config config = {.ca_file = ca_file};
    int64_t now = 50000;
    struct cs_clock clock = {.mono_ms = fake_now, .wall_ms = fake_now, .ctx = &now};
    struct cs_credentials c;

    put(dir, "ca.crt", PEM("ONE"));
    assert_true(cs_credentials_init(&c, &config, &clock, NULL));
    assert_null(cs_credentials_token(&c));
    now += CS_CREDENTIALS_REREAD_MS;
    cs_credentials_connect_failed(&c);
    assert_int_equal(c.ca_generation, 0); /* the server was just down */
    now += CS_CREDENTIALS_REREAD_MS;
    put(dir, "ca.crt", "half a fi");
    cs_credentials_connect_failed(&c);
    assert_string_equal(c.ca_pem, PEM("ONE"));
    put(dir, "ca.crt", PEM("TWO"));
    cs_credentials_connect_failed(&c); /* a moment later: not yet */
    assert_int_equal(c.ca_generation, 0);
    now += CS_CREDENTIALS_REREAD_MS;
    cs_credentials_connect_failed(&c);
    assert_string_equal(c.ca_pem, PEM("TWO"));
    assert_int_equal(c.ca_generation, 1);
    cs_credentials_done(&c);
}

static void test_credentials_that_cannot_be_read(void **state)
{
    const char *dir = *state;
    cs_autofree char *ca_file = cs_xasprintf("%s/ca.crt", dir), *token_file = cs_xasprintf("%s/token", dir);
    struct cs_kube_config config = {.ca_file = ca_file};
    int64_t now = 0;
    struct cs_clock clock = {.mono_ms = fake_now, .wall_ms = fake_now, .ctx = &now};
    struct cs_error err = CS_ERROR_INIT;
    struct cs_credentials c;

    assert_false(cs_credentials_init(&c, &config, &clock, &err));
    assert_non_null(strstr(err.message, ca_file));
    cs_credentials_done(&c);
    put(dir, "ca.crt", "not PEM at all");
    assert_false(cs_credentials_init(&c, &config, &clock, &err));
    cs_credentials_done(&c);
    put(dir, "ca.crt", PEM("CERTIFICATE"));
    config.token_file = token_file;
    assert_false(cs_credentials_init(&c, &config, &clock, &err));
    assert_non_null(strstr(err.message, token_file));
    cs_credentials_done(&c);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inline_data),
        WITH_FOLDER(test_files_beside_the_kubeconfig),
        cmocka_unit_test(test_contexts),
        cmocka_unit_test(test_json_is_yaml),
        cmocka_unit_test(test_anchors_are_followed),
        cmocka_unit_test(test_parts_that_are_refused),
        cmocka_unit_test(test_wholes_that_are_refused),
        cmocka_unit_test(test_hostile_sizes_end_soon),
        WITH_FOLDER(test_errors_name_the_file),
        WITH_FOLDER(test_the_service_account),
        WITH_FOLDER(test_a_token_file_is_followed),
        WITH_FOLDER(test_a_ca_file_is_read_again_when_connecting_fails),
        WITH_FOLDER(test_credentials_that_cannot_be_read),
    };

    return cmocka_run_group_tests_name("kube_config", tests, NULL, NULL);
}
