/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fuzz targets share. A target is fuzz_<what>.c with one LLVMFuzzerTestOneInput: bytes from outside go into a decoder, and
 * what comes out is held against something that must be true of it (an oracle). A broken oracle ends the process, which libFuzzer
 * (`make fuzz`) and the replay of the corpus (`make test-fuzz`, replay.c) take for a finding, like any report of a sanitizer.
 */
#ifndef CS_TEST_FUZZ_H
#define CS_TEST_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/api/intern.h"
#include "common/base/strbuf.h"
#include "common/json/json_doc.h"
#include "common/json/json_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Says what was wrong and ends the process. */
void fuzz_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
#define FUZZ_CHECK(condition, ...)                                                                                     \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            fuzz_fail(__VA_ARGS__);                                                                                    \
    } while (0)

/* The root of the input as JSON; absent when it is none. */
struct cs_json fuzz_parse(struct cs_jdoc *doc, const uint8_t *data, size_t size);
/* The root of a text that must be JSON, because we wrote it. The text must outlive the doc. */
struct cs_json fuzz_parse_ours(struct cs_jdoc *doc, const char *what, const struct cs_strbuf *text);
void fuzz_same(const char *what, struct cs_json got, struct cs_json wanted);
void fuzz_same_tree(const char *what, const struct cs_jtree *got, const struct cs_jtree *wanted);

/* Lines of an input that is several texts: moves *data and *size behind the next newline. False at the end. */
bool fuzz_line(const uint8_t **data, size_t *size, struct cs_str *ret);

/* All that was decoded has been released: frees a pool that must be empty. */
void fuzz_pool_free(struct cs_intern *pool);

/*
 * A template through the store of revisions, as the controller reads it back (Appendix C, D10): the normal form of what
 * cs_revision_data keeps of it. Owned.
 */
struct cs_jtree *fuzz_norm_by_revision(struct cs_json tmpl);
/* The difference between the templates of two sets as the controller sees it, for cs_validate_update's rule: may it be made in place? */
bool fuzz_in_place(struct cs_json old_tmpl, struct cs_json new_tmpl);

/*
 * A custom mutator for inputs that are JSON: edits the tree, mostly, so that what comes out is still JSON and reaches the rules
 * behind the parser. mutate.c; a target asks for it with FUZZ_JSON_MUTATOR.
 */
size_t fuzz_mutate_json(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size); /* libFuzzer's own */
#define FUZZ_JSON_MUTATOR                                                                                              \
    size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)                         \
    {                                                                                                                  \
        return fuzz_mutate_json(data, size, max_size, seed);                                                           \
    }

#endif
