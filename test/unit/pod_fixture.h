/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Pod decoded from text, for the tests of its fields. Include after cmocka.h.
 */
#ifndef CS_TEST_POD_FIXTURE_H
#define CS_TEST_POD_FIXTURE_H

#include "common/api/pod.h"
#include "test/unit/api_fixture.h"

/* More members of the metadata, its closing brace, and what follows it. */
#define POD(rest) "{\"metadata\":{\"name\":\"p\",\"uid\":\"u\",\"resourceVersion\":\"1\"" rest "}"

static inline struct cs_pod *decode(struct fixture *f, const char *text)
{
    struct cs_error err = CS_ERROR_INIT;
    struct cs_pod *p = cs_pod_decode(f->pool, fixture_parse(f, text), &err);

    if (!p)
        fail_msg("%s", err.message);
    return p;
}

#endif
