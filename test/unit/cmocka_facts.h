/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What cmocka's own header leaves unsaid: fail() and fail_msg() do not return. .ci/lint includes it before everything else,
 * so that clang-tidy does not follow a test beyond the point where it has failed. No source includes it.
 */
#ifndef CS_TEST_UNIT_CMOCKA_FACTS_H
#define CS_TEST_UNIT_CMOCKA_FACTS_H

void _fail(const char *const file, const int line) __attribute__((noreturn));

#endif
