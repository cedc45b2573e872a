/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two annotations of an in-place update, as text (spec A.3, A.4). For bodies_inplace.c.
 */
#ifndef CS_CONTROLLER_INPLACE_ANNOTATIONS_H
#define CS_CONTROLLER_INPLACE_ANNOTATIONS_H

#include "common/api/pod.h"
#include "common/cloneset/resources.h"

struct cs_images { /* container → image, sorted by container; texts owned */
    struct cs_pair items[64];
    uint32_t n;
};

struct cs_inplace_text {
    const char *revision; /* full name */
    const char *updated; /* RFC 3339 */
    const char *batch; /* time of the batch, NULL: not applied yet */
    bool update_images;
    const struct cs_resize *resize; /* n == 0: none */
};

/*
 * A.3, with containerID besides imageID (D11), and with containerResources, what is to be resized: the peer has no such member
 * and passes over it. Owned.
 */
char *cs_inplace_state_json(const struct cs_pod *p, const struct cs_images *im, const struct cs_inplace_text *t);
/* A.4; meta_patch: the strategic merge patch of the metadata. Owned. */
char *cs_inplace_grace_json(
    const struct cs_images *im, const struct cs_inplace_text *t, struct cs_str meta_patch, int64_t grace_s);

#endif
