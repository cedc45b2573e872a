/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Library calls that no file of ours may use: unbounded copies, unchecked number parsing, functions with a hidden
 * static buffer. The Makefile force-includes this file. The system headers that declare the names must be read before
 * the names are poisoned, hence the includes. Use instead: cs_strbuf_*, snprintf with its result checked,
 * cs_parse_i64 and friends, cs_rfc3339_*.
 */
#ifndef CS_BASE_BANNED_H
#define CS_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

/* Under clang, glibc's fortified stdio has these two as macros, which may not be poisoned as they are. */
#undef sprintf
#undef vsprintf
#pragma GCC poison strcpy strcat sprintf vsprintf strtok atoi atol gets gmtime localtime

#endif
