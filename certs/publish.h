/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a webhook configuration (or the CRD's conversion) should look like, against what it looks like: pure, JSON in,
 * verdict and patch out. We own exactly the entries with our names: in them the members we state and clientConfig;
 * everything else in the object stays as it is, members that the server or other people added included.
 */
#ifndef CS_CERTS_PUBLISH_H
#define CS_CERTS_PUBLISH_H

#include <stdbool.h>
#include <stdint.h>

#include "certs/rotator.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/json/json_doc.h"

struct cs_publish_want {
    const char *ns, *service; /* the Service, when url is NULL */
    uint16_t port;
    const char *url; /* "https://host:port", paths are appended; or NULL */
    const char *bundle_pem; /* CA certificates */
    const char *crd_path; /* not NULL: the object is a CRD, path of its conversion; else the two below count */
    const struct cs_webhook_entry *entries; /* all of them: those of other objects are skipped */
    unsigned n_entries;
    bool mutating; /* kind of the object */
    const char *config;
    /*
     * Entries have stood long enough for a replica to be reached. Before that, one whose body says failurePolicy Fail is
     * written as Ignore (and left at either): on a fresh install nobody answers yet, and no write of a user has to fail for it.
     */
    bool settled;
};

enum cs_publish_state {
    CS_PUBLISH_EQUAL, /* as wanted */
    CS_PUBLISH_DIFFERS, /* a patch was written */
    CS_PUBLISH_OPTED_OUT, /* CS_ANNO_MANAGE_WEBHOOKS is "false" */
    CS_PUBLISH_UNUSED /* a CRD without conversion webhook */
};

/*
 * On CS_PUBLISH_DIFFERS appends to patch a merge patch that holds only for the resourceVersion seen. An array in a merge
 * patch replaces the array: the other entries are repeated byte for byte.
 */
enum cs_publish_state cs_publish_compare(
    struct cs_json obj, const struct cs_publish_want *want, struct cs_strbuf *patch);

/* What the bundles that an object shows for us at this moment mean for a certificate. */
enum cs_publish_opinion {
    CS_PUBLISH_SILENT, /* shows none, or is opted out */
    CS_PUBLISH_TRUSTS,
    CS_PUBLISH_REFUSES /* calls would fail */
};
/* cert_pem NULL: no certificate, which no bundle trusts. */
enum cs_publish_opinion cs_publish_judge(
    struct cs_json obj, const struct cs_publish_want *want, const char *cert_pem, int64_t now_ms);

/* True when `have` has every member that `want` states: extra members of objects are overlooked, lists match one by one. */
bool cs_publish_covers(struct cs_json have, struct cs_json want);

/* The parts of an object that the functions above look at, as one JSON document: what is worth keeping of it. */
void cs_publish_trim(struct cs_json obj, struct cs_strbuf *out);

#endif
