/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the Secret's JSON to PEM text and facts, from a decision to new PEM text and the patch that stores it.
 */
#include "certs/secret.h"

#include "common/base/alloc.h"
#include "common/base/base64.h"
#include "common/json/json_writer.h"

void cs_secret_data_done(struct cs_secret_data *d)
{
    free(d->ca_crt);
    cs_secret_text_free(d->ca_key);
    free(d->tls_crt);
    cs_secret_text_free(d->tls_key);
    *d = (struct cs_secret_data){0};
}

/* ---- reading ---- */

static char *read_value(struct cs_json data, const char *key)
{
    cs_autosecret char *encoded = cs_json_str_dup(cs_json_get(data, key));
    cs_autosecret char *text = NULL;
    size_t len = 0;

    if (!encoded || !cs_base64_decode(cs_str(encoded), CS_MAX_PEM, &text, &len, NULL))
        return NULL;
    /* PEM holds no NUL; a text cut at one would be taken for something else than what is stored. */
    if (len == 0 || strlen(text) != len)
        return NULL;
    return cs_take(text);
}

static char *join_pems(const struct cs_bundle_facts *b)
{
    cs_autostrbuf sb = CS_STRBUF_INIT;

    if (b->n == 0)
        return NULL;
    for (unsigned i = 0; i < b->n; i++)
        cs_strbuf_adds(&sb, b->pems[i]);
    return cs_strbuf_take(&sb, NULL);
}

static char *served_chain(const struct cs_leaf_facts *l, const struct cs_bundle_facts *b)
{
    if (!l->pair_ok || l->signer == CS_SIGNER_NONE)
        return NULL;
    return cs_xasprintf("%s%s", l->leaf_pem, l->signer >= 0 ? b->pems[l->signer] : l->chain_pem);
}

bool cs_cert_secret_read(struct cs_json obj, const struct cs_cert_names *names, struct cs_cert_secret *ret)
{
    struct cs_json data = cs_json_get(obj, "data");
    cs_autofree char *rv_text = cs_json_str_dup(cs_json_at(obj, "metadata", "resourceVersion", NULL));
    uint64_t rv = 0;

    if (!rv_text || !cs_parse_u64(cs_str(rv_text), &rv))
        return false;
    *ret = (struct cs_cert_secret){.rv = rv};
    ret->data.ca_crt = read_value(data, "ca.crt");
    ret->data.ca_key = read_value(data, "ca.key");
    ret->data.tls_crt = read_value(data, "tls.crt");
    ret->data.tls_key = read_value(data, "tls.key");
    cs_inspect_bundle(ret->data.ca_crt, ret->data.ca_key, &ret->bundle);
    cs_inspect_leaf(ret->data.tls_crt, ret->data.tls_key, &ret->bundle, names, &ret->leaf);
    ret->bundle_pem = join_pems(&ret->bundle);
    ret->chain_pem = served_chain(&ret->leaf, &ret->bundle);
    return true;
}

void cs_cert_secret_done(struct cs_cert_secret *s)
{
    cs_secret_data_done(&s->data);
    cs_bundle_facts_done(&s->bundle);
    cs_leaf_facts_done(&s->leaf);
    free(s->bundle_pem);
    free(s->chain_pem);
    *s = (struct cs_cert_secret){0};
}

/* ---- writing ---- */

static char *next_bundle(const struct cs_secret_next_in *in, const char *new_ca)
{
    const struct cs_bundle_facts *b = &in->now->bundle;
    const struct cs_leaf_facts *kept = in->decision->leaf == CS_LEAF_RESTORE ? in->served_facts : &in->now->leaf;
    cs_autostrbuf sb = CS_STRBUF_INIT;

    if (new_ca)
        cs_strbuf_adds(&sb, new_ca);
    for (unsigned i = 0; i < b->n; i++) {
        if (in->decision->keep & (1u << i))
            cs_strbuf_adds(&sb, b->pems[i]);
    }
    if (in->decision->keep_chain_ca)
        cs_strbuf_adds(&sb, kept->chain_pem);
    return cs_strbuf_take(&sb, NULL);
}

/* The certificate and key to store as tls.*. `ca` is the signer of a new one. */
static bool next_leaf(
    const struct cs_secret_next_in *in, const struct cs_pem_pair *ca, struct cs_secret_data *out, struct cs_error *err)
{
    cs_auto_pem_pair made = {0};

    switch (in->decision->leaf) {
    case CS_LEAF_KEEP:
        out->tls_crt = cs_xstrdup(in->now->data.tls_crt);
        out->tls_key = cs_xstrdup(in->now->data.tls_key);
        return true;
    case CS_LEAF_RESTORE:
        out->tls_crt = cs_xstrdup(in->served->cert);
        out->tls_key = cs_xstrdup(in->served->key);
        return true;
    case CS_LEAF_MAKE:
        break;
    }
    if (!cs_ca_make_leaf(ca, in->names, in->now_ms, in->policy->leaf_lifetime_ms, &made, err))
        return false;
    out->tls_crt = cs_take(made.cert);
    out->tls_key = cs_take(made.key);
    return true;
}

bool cs_cert_secret_next(const struct cs_secret_next_in *in, struct cs_secret_data *ret, struct cs_error *err)
{
    CS_CLEANUP(cs_secret_data_done) struct cs_secret_data out = {0};
    cs_auto_pem_pair ca = {0};

    if (in->decision->make_ca) {
        if (!cs_ca_make(in->now_ms, in->policy->ca_lifetime_ms, &ca, err))
            return false;
    } else {
        ca.cert = cs_xstrdup(in->now->bundle.pems[0]);
        ca.key = cs_xstrdup(in->now->data.ca_key);
    }
    if (!next_leaf(in, &ca, &out, err))
        return false;
    out.ca_crt = next_bundle(in, in->decision->make_ca ? ca.cert : NULL);
    out.ca_key = cs_take(ca.key);
    *ret = out;
    out = (struct cs_secret_data){0};
    return true;
}

static void put_value(struct cs_jw *w, const char *key, const char *text)
{
    cs_autostrbuf sb = CS_STRBUF_INIT;

    cs_base64_encode(&sb, cs_str(text));
    cs_jw_kstr(w, key, cs_strbuf_str(&sb));
    cs_secret_wipe(sb.data, sb.len);
}

void cs_cert_secret_patch(const struct cs_secret_data *next, uint64_t rv, struct cs_strbuf *out)
{
    struct cs_jw w;
    char rv_text[24];

    snprintf(rv_text, sizeof(rv_text), "%llu", (unsigned long long)rv);
    cs_jw_init(&w, out);
    cs_jw_obj(&w);
    cs_jw_key(&w, "metadata");
    cs_jw_obj(&w);
    cs_jw_kstr(&w, "resourceVersion", rv_text);
    cs_jw_end_obj(&w);
    cs_jw_key(&w, "data");
    cs_jw_obj(&w);
    put_value(&w, "ca.crt", next->ca_crt);
    put_value(&w, "ca.key", next->ca_key);
    put_value(&w, "tls.crt", next->tls_crt);
    put_value(&w, "tls.key", next->tls_key);
    cs_jw_end_obj(&w);
    cs_jw_end_obj(&w);
}
