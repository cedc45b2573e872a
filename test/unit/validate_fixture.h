/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests of admission: the comparison of two lists of texts, told in full when they differ. Include after cmocka.h.
 */
#ifndef CS_TEST_VALIDATE_FIXTURE_H
#define CS_TEST_VALIDATE_FIXTURE_H

#include "common/cloneset/validate.h"
#include "test/unit/object_fixture.h"

static inline void print_texts(const char *title, const char *const *items, size_t n)
{
    print_error("  %s:\n", title);
    for (size_t i = 0; i < n; i++)
        print_error("    %s\n", items[i]);
    if (n == 0)
        print_error("    (none)\n");
}

/* wanted: NULL-terminated; equal in order and number. A wanted text that ends in '*' needs only its beginning. */
static inline bool texts_are(const char *name, const struct cs_texts *got, const char *const *wanted)
{
    size_t n = 0;
    bool same = true;

    for (; wanted[n]; n++) {
        size_t len = strlen(wanted[n]);

        if (n >= got->n)
            same = false;
        else if (wanted[n][len - 1] == '*')
            same = same && strncmp(got->items[n], wanted[n], len - 1) == 0;
        else
            same = same && strcmp(got->items[n], wanted[n]) == 0;
    }
    if (same && n == got->n)
        return true;
    print_error("row \"%s\":\n", name);
    print_texts("wanted", wanted, n);
    print_texts("got", (const char *const *)got->items, got->n);
    return false;
}

#endif
