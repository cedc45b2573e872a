/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command line flags as Kubernetes components spell them, from one static table per program: --name=value, --name value,
 * -v 4, Go-style booleans (--flag, --flag=false) and durations ("300ms", "1h30m", "90d"). The last mention wins; an unknown flag
 * is an error that names the nearest one; there are no positional arguments.
 *
 *   struct options { const char *kubeconfig; bool leader_elect; int64_t lease_ms, verbosity; };
 *   static const struct cs_flag flags[] = {
 *       CS_FLAG_STRING(struct options, kubeconfig, "kubeconfig", "", "file to reach the API server with"),
 *       CS_FLAG_BOOL(struct options, leader_elect, "leader-elect", true, "act only while holding the lease"),
 *       CS_FLAG_DURATION(struct options, lease_ms, "lease-duration", "15s", "1s", "1h", "how long …"),
 *       CS_FLAG_INT(struct options, verbosity, "v", "0", "0", "10", "log verbosity"),
 *   };
 *   static const struct cs_flagset set = {"cloneset-x", "Does x.", flags, CS_ARRAY_LEN(flags)};
 */
#ifndef CS_BASE_FLAGS_H
#define CS_BASE_FLAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/base/strbuf.h"

enum cs_flag_type {
    CS_FLAG_T_STRING, /* member: const char *, borrowed from argv or the table; never NULL */
    CS_FLAG_T_BOOL, /* member: bool */
    CS_FLAG_T_INT, /* member: int64_t */
    CS_FLAG_T_DURATION, /* member: int64_t, milliseconds */
    CS_FLAG_T_CHOICE /* member: const char *, one of the words of `choices` */
};

struct cs_flag {
    const char *name; /* without dashes; a single letter is written -x */
    enum cs_flag_type type;
    size_t offset; /* of the member in the program's struct */
    const char *initial; /* the default, as it would be written on the command line */
    /* INT and DURATION: bounds as text, inclusive; NULL: none */
    const char *min, *max;
    const char *choices; /* CHOICE: "text|json" */
    const char *help; /* one line, lower case, no full stop */
};

/* Each checks at compile time that the member has the type of the flag. */
#define CS_FLAG_MEMBER_(strct, member, want)                                                                           \
    (offsetof(strct, member) + 0 * sizeof(char[_Generic(((strct *)0)->member, want : 1, default : -1)]))
#define CS_FLAG_STRING(strct, member, flag, def, text)                                                                 \
    {                                                                                                                  \
        .name = (flag), .type = CS_FLAG_T_STRING, .offset = CS_FLAG_MEMBER_(strct, member, const char *),              \
        .initial = (def), .help = (text)                                                                               \
    }
#define CS_FLAG_BOOL(strct, member, flag, def, text)                                                                   \
    {                                                                                                                  \
        .name = (flag), .type = CS_FLAG_T_BOOL, .offset = CS_FLAG_MEMBER_(strct, member, bool),                        \
        .initial = (def) ? "true" : "false", .help = (text)                                                            \
    }
#define CS_FLAG_INT(strct, member, flag, def, lo, hi, text)                                                            \
    {                                                                                                                  \
        .name = (flag), .type = CS_FLAG_T_INT, .offset = CS_FLAG_MEMBER_(strct, member, int64_t), .initial = (def),    \
        .min = (lo), .max = (hi), .help = (text)                                                                       \
    }
#define CS_FLAG_DURATION(strct, member, flag, def, lo, hi, text)                                                       \
    {                                                                                                                  \
        .name = (flag), .type = CS_FLAG_T_DURATION, .offset = CS_FLAG_MEMBER_(strct, member, int64_t),                 \
        .initial = (def), .min = (lo), .max = (hi), .help = (text)                                                     \
    }
#define CS_FLAG_CHOICE(strct, member, flag, def, words, text)                                                          \
    {                                                                                                                  \
        .name = (flag), .type = CS_FLAG_T_CHOICE, .offset = CS_FLAG_MEMBER_(strct, member, const char *),              \
        .initial = (def), .choices = (words), .help = (text)                                                           \
    }

struct cs_flagset {
    const char *program; /* "cloneset-webhook" */
    const char *summary; /* one or more sentences for --help */
    const struct cs_flag *flags;
    size_t n_flags;
};

enum cs_flags_result { CS_FLAGS_OK, CS_FLAGS_HELP, CS_FLAGS_VERSION, CS_FLAGS_ERROR };

/*
 * Fills *target (the program's struct) with the defaults, then with argv[1..]. --help (-h) and --version, known to every set,
 * end parsing at once. On CS_FLAGS_ERROR err (CS_ERR_INVALID) holds one line for the user and *target is not to be used.
 * A default of the table that does not parse is a programming error and aborts.
 */
enum cs_flags_result cs_flags_parse(
    const struct cs_flagset *set, int argc, char *const *argv, void *target, struct cs_error *err);
/* The text of --help: summary and one entry per flag with its default. */
void cs_flags_help(const struct cs_flagset *set, struct cs_strbuf *out);

/*
 * What every main does with its arguments: prints help or version (CS_VERSION) to stdout, errors to stderr. Returns -1 to go on,
 * else the exit status (0 after help and version, 2 after an error).
 */
int cs_flags_main(const struct cs_flagset *set, int argc, char *const *argv, void *target);

/* Go's time.ParseDuration with 'd' added: "1h30m", "1.5h", "500ms", "0"; below one millisecond is refused. */
bool cs_parse_duration_ms(struct cs_str s, int64_t *ret_ms);

/* -v and --logging-format, equal in every program; the logger writes to stderr. */
#define CS_FLAGS_LOGGING(strct, verbosity_member, format_member)                                                       \
    CS_FLAG_INT(strct, verbosity_member, "v", "0", "0", "10", "log verbosity: 0 info, 2 debug, 5 trace"),              \
        CS_FLAG_CHOICE(strct, format_member, "logging-format", "text", "text|json", "form of log lines")
struct cs_log cs_flags_log(int64_t verbosity, const char *format, const struct cs_clock *clock);

#endif
