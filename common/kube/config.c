/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a kubeconfig through libyaml's document tree (JSON kubeconfigs are YAML too), or the service account of the
 * Pod. Only what we can honour is accepted: a credential plug-in, a password, a proxy or an impersonation that was
 * silently skipped would let us act as somebody else or fail in a riddle.
 */
#include "common/kube/config.h"

#include <yaml.h>

#include "common/base/alloc.h"
#include "common/base/base64.h"
#include "common/base/file.h"
#include "common/base/str.h"

#define MAX_FILE ((size_t)1 << 20)
#define MAX_NESTING 100
#define SERVICE_ACCOUNT_DIR "/var/run/secrets/kubernetes.io/serviceaccount"

void cs_kube_config_free(struct cs_kube_config *c)
{
    if (!c)
        return;
    free(c->server);
    free(c->ca_file);
    free(c->ca_pem);
    free(c->cert_pem);
    if (c->key_pem)
        explicit_bzero(c->key_pem, strlen(c->key_pem));
    free(c->key_pem);
    if (c->token)
        explicit_bzero(c->token, strlen(c->token));
    free(c->token);
    free(c->token_file);
    free(c->server_name);
    free(c->ns);
    free(c);
}

/* ---- checks that do not depend on where a value came from ---- */

static bool check_server(char *server, struct cs_error *err)
{
    struct cs_str s = cs_str(server);
    const char *host;
    size_t host_len;

    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c <= 0x20 || c >= 0x7f || c == '@' || c == '?' || c == '#' || c == '\\')
            return cs_error_set(err, CS_ERR_INVALID, "server: a character at offset %zu has no place in it", i);
    }
    if (cs_str_starts(s, "https://")) {
        host = server + 8;
        host_len = strcspn(host, "/");
    } else if (cs_str_starts(s, "http://")) {
        host = server + 7;
        host_len = strcspn(host, "/:");
        /* Tokens over plain HTTP are for test servers on the same machine only. */
        if (!cs_str_eqz((struct cs_str){.p = host, .len = host_len}, "127.0.0.1"))
            return cs_error_set(
                err, CS_ERR_INVALID, "server: \"%s\" is not https (plain http is for 127.0.0.1 only)", server);
    } else {
        return cs_error_set(err, CS_ERR_INVALID, "server: \"%s\" does not begin with https://", server);
    }
    if (host_len == 0 || host[0] == ':')
        return cs_error_set(err, CS_ERR_INVALID, "server: \"%s\" has no host", server);
    while (s.len > 0 && server[s.len - 1] == '/')
        server[--s.len] = '\0';
    return true;
}

static bool check_pem(const char *what, const char *pem, size_t len, struct cs_error *err)
{
    if (strlen(pem) != len || !strstr(pem, "-----BEGIN "))
        return cs_error_set(err, CS_ERR_INVALID, "%s: not PEM", what);
    return true;
}

static bool check_token(const char *token, struct cs_error *err)
{
    for (const char *p = token; *p; p++) {
        if (*p <= 0x20 || *p == 0x7f)
            return cs_error_set(err, CS_ERR_INVALID, "token: holds a character that no header may hold");
    }
    return true;
}

/* ---- YAML ---- */

struct source {
    yaml_document_t doc;
    const char *dir; /* of relative file names */
};

static int line_of(const yaml_node_t *node)
{
    return (int)node->start_mark.line + 1;
}

static bool is_null(const yaml_node_t *node)
{
    static const char *const spellings[] = {"", "~", "null", "Null", "NULL"};

    if (node->type != YAML_SCALAR_NODE || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    for (size_t i = 0; i < CS_ARRAY_LEN(spellings); i++) {
        if (cs_streq((const char *)node->data.scalar.value, spellings[i]))
            return true;
    }
    return false;
}

static bool scalar_is(const yaml_node_t *node, const char *z)
{
    return node && node->type == YAML_SCALAR_NODE &&
           cs_str_eqz((struct cs_str){.p = (const char *)node->data.scalar.value, .len = node->data.scalar.length}, z);
}

/* The member's value, NULL when absent or null, or when map is no mapping. The last duplicate wins. */
static yaml_node_t *member(struct source *src, const yaml_node_t *map, const char *key)
{
    yaml_node_t *found = NULL;

    if (!map || map->type != YAML_MAPPING_NODE)
        return NULL;
    for (const yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
        if (scalar_is(yaml_document_get_node(&src->doc, p->key), key))
            found = yaml_document_get_node(&src->doc, p->value);
    }
    return found && !is_null(found) ? found : NULL;
}

/* Reads a string member; absent, null and "" leave *ret as it is. */
static bool get_string(struct source *src, const yaml_node_t *map, const char *key, char **ret, struct cs_error *err)
{
    const yaml_node_t *node = member(src, map, key);

    if (!node)
        return true;
    if (node->type != YAML_SCALAR_NODE)
        return cs_error_set(err, CS_ERR_INVALID, "line %d: %s: expected a string", line_of(node), key);
    if (strlen((const char *)node->data.scalar.value) != node->data.scalar.length)
        return cs_error_set(err, CS_ERR_INVALID, "line %d: %s: holds a NUL byte", line_of(node), key);
    if (node->data.scalar.length > 0) {
        free(*ret);
        *ret = cs_xstrdup((const char *)node->data.scalar.value);
    }
    return true;
}

static bool get_bool(struct source *src, const yaml_node_t *map, const char *key, bool *ret, struct cs_error *err)
{
    const yaml_node_t *node = member(src, map, key);

    if (!node)
        return true;
    if (scalar_is(node, "true") || scalar_is(node, "True") || scalar_is(node, "TRUE"))
        *ret = true;
    else if (scalar_is(node, "false") || scalar_is(node, "False") || scalar_is(node, "FALSE"))
        *ret = false;
    else
        return cs_error_set(err, CS_ERR_INVALID, "line %d: %s: expected true or false", line_of(node), key);
    return true;
}

static char *resolve(const struct source *src, const char *path)
{
    if (path[0] == '/')
        return cs_xstrdup(path);
    return cs_xasprintf("%s/%s", src->dir ? src->dir : ".", path); /* "" is the root */
}

static bool get_path(struct source *src, const yaml_node_t *map, const char *key, char **ret, struct cs_error *err)
{
    cs_autofree char *path = NULL;

    if (!get_string(src, map, key, &path, err))
        return false;
    if (path)
        *ret = resolve(src, path);
    return true;
}

/* "<key>-data", base64 of PEM; absent leaves *ret as it is. */
static bool get_inline_pem(
    struct source *src, const yaml_node_t *map, const char *key, char **ret, struct cs_error *err)
{
    cs_autofree char *text = NULL, *pem = NULL;
    size_t len;

    if (!get_string(src, map, key, &text, err))
        return false;
    if (!text)
        return true;
    if (!cs_base64_decode(cs_str(text), MAX_FILE, &pem, &len, err))
        return cs_error_prefix(err, "%s", key);
    if (!check_pem(key, pem, len, err))
        return false;
    *ret = cs_take(pem);
    return true;
}

/* The element of list `list` whose name is `name`, then its member `inner`. */
static bool find_named(
    struct source *src, const char *list, const char *name, const char *inner, yaml_node_t **ret, struct cs_error *err)
{
    const yaml_node_t *items = member(src, yaml_document_get_root_node(&src->doc), list);

    if (!items || items->type != YAML_SEQUENCE_NODE)
        return cs_error_set(err, CS_ERR_INVALID, "%s: there is no such list", list);
    for (const yaml_node_item_t *i = items->data.sequence.items.start; i < items->data.sequence.items.top; i++) {
        const yaml_node_t *item = yaml_document_get_node(&src->doc, *i);

        if (!scalar_is(member(src, item, "name"), name))
            continue;
        yaml_node_t *found = member(src, item, inner);

        if (!found || found->type != YAML_MAPPING_NODE)
            return cs_error_set(
                err, CS_ERR_INVALID, "line %d: %s \"%s\": no %s in it", line_of(item), list, name, inner);
        *ret = found;
        return true;
    }
    return cs_error_set(err, CS_ERR_INVALID, "%s: none is named \"%s\"", list, name);
}

/* ---- the parts of a kubeconfig ---- */

static bool read_cluster(struct source *src, const char *name, struct cs_kube_config *c, struct cs_error *err)
{
    cs_autofree char *proxy = NULL;
    yaml_node_t *cluster;

    if (!find_named(src, "clusters", name, "cluster", &cluster, err))
        return false;
    if (!get_string(src, cluster, "server", &c->server, err) ||
        !get_path(src, cluster, "certificate-authority", &c->ca_file, err) ||
        !get_inline_pem(src, cluster, "certificate-authority-data", &c->ca_pem, err) ||
        !get_bool(src, cluster, "insecure-skip-tls-verify", &c->insecure, err) ||
        !get_string(src, cluster, "tls-server-name", &c->server_name, err) ||
        !get_string(src, cluster, "proxy-url", &proxy, err))
        return cs_error_prefix(err, "cluster \"%s\"", name);
    if (!c->server)
        return cs_error_set(err, CS_ERR_INVALID, "cluster \"%s\": no server", name);
    if (!check_server(c->server, err))
        return cs_error_prefix(err, "cluster \"%s\"", name);
    if (proxy)
        return cs_error_set(err, CS_ERR_INVALID, "cluster \"%s\": proxy-url is not supported", name);
    if (c->insecure && (c->ca_file || c->ca_pem))
        return cs_error_set(err, CS_ERR_INVALID,
            "cluster \"%s\": insecure-skip-tls-verify together with a certificate-authority: which one is meant?",
            name);
    if (c->ca_pem) { /* inline data wins over a file, as in kubectl */
        free(c->ca_file);
        c->ca_file = NULL;
    }
    return true;
}

/* What would make us somebody else if it were left out. */
static bool refuse_unsupported(struct source *src, const yaml_node_t *user, const char *name, struct cs_error *err)
{
    static const struct {
        const char *key, *what;
    } unsupported[] = {
        {"exec", "credential plug-ins (exec)"},
        {"auth-provider", "auth-provider"},
        {"username", "username and password"},
        {"password", "username and password"},
        {"as", "impersonation (as)"},
        {"as-uid", "impersonation (as-uid)"},
        {"as-groups", "impersonation (as-groups)"},
        {"as-user-extra", "impersonation (as-user-extra)"},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(unsupported); i++) {
        const yaml_node_t *node = member(src, user, unsupported[i].key);

        if (node && !scalar_is(node, ""))
            return cs_error_set(err, CS_ERR_INVALID,
                "line %d: user \"%s\": %s not supported; use client-certificate with client-key, token or tokenFile",
                line_of(node), name, unsupported[i].what);
    }
    return true;
}

/* A PEM given inline or as a file, which is read now. */
static bool read_pem(struct source *src, const yaml_node_t *user, const char *key, char **ret, struct cs_error *err)
{
    cs_autofree char *data_key = cs_xasprintf("%s-data", key), *path = NULL, *pem = NULL;
    size_t len;

    if (!get_inline_pem(src, user, data_key, ret, err) || !get_path(src, user, key, &path, err))
        return false;
    if (*ret || !path)
        return true;
    if (!cs_file_read(path, MAX_FILE, &pem, &len, err))
        return cs_error_prefix(err, "%s", key);
    if (!check_pem(path, pem, len, err))
        return cs_error_prefix(err, "%s", key);
    *ret = cs_take(pem);
    return true;
}

static bool read_user(struct source *src, const char *name, struct cs_kube_config *c, struct cs_error *err)
{
    yaml_node_t *user;

    if (!find_named(src, "users", name, "user", &user, err) || !refuse_unsupported(src, user, name, err))
        return false;
    if (!read_pem(src, user, "client-certificate", &c->cert_pem, err) ||
        !read_pem(src, user, "client-key", &c->key_pem, err) || !get_string(src, user, "token", &c->token, err) ||
        !get_path(src, user, "tokenFile", &c->token_file, err))
        return cs_error_prefix(err, "user \"%s\"", name);
    if (!c->cert_pem != !c->key_pem)
        return cs_error_set(err, CS_ERR_INVALID, "user \"%s\": client-certificate and client-key go together", name);
    if (c->token && !check_token(c->token, err))
        return cs_error_prefix(err, "user \"%s\"", name);
    return true;
}

static bool read_context(struct source *src, const char *context, struct cs_kube_config *c, struct cs_error *err)
{
    const yaml_node_t *root = yaml_document_get_root_node(&src->doc);
    cs_autofree char *name = NULL, *cluster = NULL, *user = NULL;
    yaml_node_t *node = NULL;

    if (!root || root->type != YAML_MAPPING_NODE)
        return cs_error_set(err, CS_ERR_INVALID, "not a kubeconfig: there is no mapping in it");
    if (context)
        name = cs_xstrdup(context);
    else if (!get_string(src, root, "current-context", &name, err))
        return false;
    if (!name)
        return cs_error_set(err, CS_ERR_INVALID, "current-context is not set and no context was asked for");
    if (!find_named(src, "contexts", name, "context", &node, err))
        return false;
    if (!get_string(src, node, "cluster", &cluster, err) || !get_string(src, node, "user", &user, err) ||
        !get_string(src, node, "namespace", &c->ns, err))
        return cs_error_prefix(err, "context \"%s\"", name);
    if (!cluster)
        return cs_error_set(err, CS_ERR_INVALID, "context \"%s\": no cluster", name);
    if (c->ns && !cs_is_dns1123_label(cs_str(c->ns)))
        return cs_error_set(err, CS_ERR_INVALID, "context \"%s\": namespace \"%s\" is not a name", name, c->ns);
    if (!read_cluster(src, cluster, c, err) || (user && !read_user(src, user, c, err)))
        return cs_error_prefix(err, "context \"%s\"", name);
    if (!c->ns)
        c->ns = cs_xstrdup("default");
    return true;
}

/*
 * libyaml takes time with the square of the depth of brackets: 64 KB of "[" are 4 s. An upper bound of the depth is
 * enough here; brackets inside of strings count too, which no real kubeconfig minds.
 */
static bool check_nesting(const char *text, size_t len, struct cs_error *err)
{
    size_t depth = 0;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '[' || text[i] == '{')
            depth++;
        else if ((text[i] == ']' || text[i] == '}') && depth > 0)
            depth--;
        if (depth > MAX_NESTING)
            return cs_error_set(err, CS_ERR_INVALID, "nested too deeply");
    }
    return true;
}

bool cs_kube_config_from_text(const char *text, size_t len, const char *dir, const char *context,
    struct cs_kube_config **ret, struct cs_error *err)
{
    cs_auto_kube_config *c = cs_new(struct cs_kube_config);
    struct source src = {.dir = dir};
    yaml_parser_t parser;
    bool ok;

    if (len > MAX_FILE)
        return cs_error_set(err, CS_ERR_TOO_LARGE, "kubeconfig of more than %zu bytes", MAX_FILE);
    if (!check_nesting(text, len, err))
        return false;
    if (!yaml_parser_initialize(&parser))
        return cs_error_set(err, CS_ERR_INTERNAL, "libyaml: out of memory");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    ok = yaml_parser_load(&parser, &src.doc) == 1;
    if (ok) {
        ok = read_context(&src, context, c, err);
        yaml_document_delete(&src.doc);
    } else {
        (void)cs_error_set(err, CS_ERR_INVALID, "line %zu: %s", parser.problem_mark.line + 1,
            parser.problem ? parser.problem : "not YAML");
    }
    yaml_parser_delete(&parser);
    if (ok)
        *ret = cs_take(c);
    return ok;
}

bool cs_kube_config_from_file(const char *path, const char *context, struct cs_kube_config **ret, struct cs_error *err)
{
    cs_autofree char *text = NULL, *dir = NULL;
    const char *slash = strrchr(path, '/');
    size_t len;

    if (!cs_file_read(path, MAX_FILE, &text, &len, err))
        return cs_error_prefix(err, "kubeconfig");
    dir = slash ? cs_xmemdupz(path, (size_t)(slash - path)) : cs_xstrdup(".");
    if (!cs_kube_config_from_text(text, len, dir, context, ret, err))
        return cs_error_prefix(err, "kubeconfig %s", path);
    return true;
}

/* ---- inside a Pod ---- */

static bool in_cluster_server(const char *host, const char *port, char **ret, struct cs_error *err)
{
    cs_autofree char *server = NULL;
    int64_t number;

    if (!host || !host[0] || !port || !port[0])
        return cs_error_set(err, CS_ERR_INVALID,
            "not inside a Pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set; use --kubeconfig");
    if (!cs_parse_i64(cs_str(port), &number) || number < 1 || number > 65535)
        return cs_error_set(err, CS_ERR_INVALID, "KUBERNETES_SERVICE_PORT: \"%s\" is not a port", port);
    server = cs_xasprintf(strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s", host, port);
    if (!check_server(server, err))
        return cs_error_prefix(err, "KUBERNETES_SERVICE_HOST");
    *ret = cs_take(server);
    return true;
}

bool cs_kube_config_in_cluster(
    const char *host, const char *port, const char *dir, struct cs_kube_config **ret, struct cs_error *err)
{
    cs_auto_kube_config *c = cs_new(struct cs_kube_config);
    cs_autofree char *ns_file = NULL, *probe = NULL;
    size_t len;

    if (!dir)
        dir = SERVICE_ACCOUNT_DIR;
    if (!in_cluster_server(host, port, &c->server, err))
        return false;
    c->in_cluster = true;
    c->ca_file = cs_xasprintf("%s/ca.crt", dir);
    c->token_file = cs_xasprintf("%s/token", dir);
    ns_file = cs_xasprintf("%s/namespace", dir);
    /* The client reads CA and token again and again; here only whether they are there at all. */
    if (!cs_file_read(c->token_file, MAX_FILE, &probe, NULL, err))
        return cs_error_prefix(err, "service account");
    if (!cs_file_read(ns_file, MAX_FILE, &c->ns, &len, err))
        return cs_error_prefix(err, "service account");
    c->ns[strcspn(c->ns, " \t\r\n")] = '\0';
    if (!cs_is_dns1123_label(cs_str(c->ns)))
        return cs_error_set(err, CS_ERR_INVALID, "service account: %s does not hold a namespace", ns_file);
    *ret = cs_take(c);
    return true;
}
