/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parser behind flags.h. Works on the table only; knows no program.
 */
#include "common/base/flags.h"

#include <stdio.h>

#include "common/base/cleanup.h"

#define NEAREST_LIMIT 3 /* edits up to which another flag counts as what was meant */
#define HELP_COLUMN 44

#ifndef CS_VERSION
#define CS_VERSION "unknown"
#endif

/* ---- values ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Length of the unit at s and its size in nanoseconds; 0 when there is none. */
static size_t duration_unit(struct cs_str s, int64_t *ret_ns)
{
    static const struct {
        const char *name; /* longer names before their prefixes */
        int64_t ns;
    } units[] = {
        {"ns", 1},
        {"us", 1000},
        {"ms", 1000000},
        {"s", 1000000000},
        {"m", 60ll * 1000000000},
        {"h", 3600ll * 1000000000},
        {"d", 86400ll * 1000000000},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(units); i++)
        if (cs_str_starts(s, units[i].name)) {
            *ret_ns = units[i].ns;
            return strlen(units[i].name);
        }
    return 0;
}

/* One "<number><unit>" at the front of *s, in nanoseconds. */
static bool duration_term(struct cs_str *s, int64_t *ret_ns)
{
    int64_t whole = 0, unit = 0, frac = 0, scale = 1;
    size_t i = 0, digits = 0, n;

    for (; i < s->len && is_digit(s->p[i]); i++, digits++)
        if (__builtin_mul_overflow(whole, 10, &whole) || __builtin_add_overflow(whole, s->p[i] - '0', &whole))
            return false;
    if (i < s->len && s->p[i] == '.')
        for (i++; i < s->len && is_digit(s->p[i]); i++, digits++)
            if (scale < 1000000000) { /* digits beyond nanoseconds do not count */
                frac = frac * 10 + (s->p[i] - '0');
                scale *= 10;
            }
    *s = (struct cs_str){.p = s->p + i, .len = s->len - i};
    n = duration_unit(*s, &unit);
    if (digits == 0 || n == 0)
        return false;
    *s = (struct cs_str){.p = s->p + n, .len = s->len - n};
    if (__builtin_mul_overflow(whole, unit, &whole))
        return false;
    /* frac < scale ≤ 10^9 and unit < 10^14: split, so that the product stays in range. */
    frac = unit >= scale ? (unit / scale) * frac + (unit % scale) * frac / scale : unit * frac / scale;
    return !__builtin_add_overflow(whole, frac, ret_ns);
}

bool cs_parse_duration_ms(struct cs_str s, int64_t *ret_ms)
{
    bool neg = s.len > 0 && s.p[0] == '-';
    int64_t total = 0;

    if (neg || (s.len > 0 && s.p[0] == '+'))
        s = (struct cs_str){.p = s.p + 1, .len = s.len - 1};
    if (cs_str_eqz(s, "0")) {
        *ret_ms = 0;
        return true;
    }
    if (s.len == 0)
        return false;
    while (s.len > 0) {
        int64_t term;

        if (!duration_term(&s, &term) || __builtin_add_overflow(total, term, &total))
            return false;
    }
    if (total % 1000000 != 0)
        return false;
    *ret_ms = (neg ? -total : total) / 1000000;
    return true;
}

static bool parse_bool(const char *s, bool *ret)
{
    static const char *const yes[] = {"true", "1", "t", "T", "TRUE", "True"};
    static const char *const no[] = {"false", "0", "f", "F", "FALSE", "False"};

    for (size_t i = 0; i < CS_ARRAY_LEN(yes); i++) {
        if (strcmp(s, yes[i]) == 0) {
            *ret = true;
            return true;
        }
        if (strcmp(s, no[i]) == 0) {
            *ret = false;
            return true;
        }
    }
    return false;
}

/* "text|json" → is `word` one of them? */
static bool is_choice(const char *choices, const char *word)
{
    size_t len = strlen(word);

    for (const char *p = choices; p; p = strchr(p, '|')) {
        p += *p == '|';
        if (strcspn(p, "|") == len && strncmp(p, word, len) == 0)
            return true;
    }
    return false;
}

static const char *dashes(const char *name)
{
    return name[1] == '\0' ? "-" : "--";
}

static bool parse_number(const struct cs_flag *f, const char *text, int64_t *ret)
{
    return f->type == CS_FLAG_T_INT ? cs_parse_i64(cs_str(text), ret) : cs_parse_duration_ms(cs_str(text), ret);
}

static bool set_number(const struct cs_flag *f, const char *text, int64_t *target, struct cs_error *err)
{
    int64_t v, bound;

    if (!parse_number(f, text, &v))
        return cs_error_set(err, CS_ERR_INVALID, "invalid value \"%s\" for %s%s: must be %s", text, dashes(f->name),
            f->name, f->type == CS_FLAG_T_INT ? "an integer" : "a duration such as 90s, 5m or 2160h");
    if (f->min && parse_number(f, f->min, &bound) && v < bound)
        return cs_error_set(err, CS_ERR_INVALID, "invalid value \"%s\" for %s%s: must be at least %s", text,
            dashes(f->name), f->name, f->min);
    if (f->max && parse_number(f, f->max, &bound) && v > bound)
        return cs_error_set(err, CS_ERR_INVALID, "invalid value \"%s\" for %s%s: must be at most %s", text,
            dashes(f->name), f->name, f->max);
    *target = v;
    return true;
}

static bool set_value(const struct cs_flag *f, const char *text, void *target, struct cs_error *err)
{
    void *member = (char *)target + f->offset;

    switch (f->type) {
    case CS_FLAG_T_STRING:
        *(const char **)member = text;
        return true;
    case CS_FLAG_T_BOOL:
        if (!parse_bool(text, member))
            return cs_error_set(err, CS_ERR_INVALID, "invalid value \"%s\" for %s%s: must be true or false", text,
                dashes(f->name), f->name);
        return true;
    case CS_FLAG_T_INT:
    case CS_FLAG_T_DURATION:
        return set_number(f, text, member, err);
    case CS_FLAG_T_CHOICE:
        if (!is_choice(f->choices, text))
            return cs_error_set(err, CS_ERR_INVALID, "invalid value \"%s\" for %s%s: must be one of %s", text,
                dashes(f->name), f->name, f->choices);
        *(const char **)member = text;
        return true;
    }
    abort();
}

/* ---- arguments ---- */

/* '_' reads as '-', as in the Kubernetes components. */
static bool name_is(struct cs_str given, const char *name)
{
    if (given.len != strlen(name))
        return false;
    for (size_t i = 0; i < given.len; i++)
        if ((given.p[i] == '_' ? '-' : given.p[i]) != name[i])
            return false;
    return true;
}

static const struct cs_flag *find(const struct cs_flagset *set, struct cs_str name)
{
    for (size_t i = 0; i < set->n_flags; i++)
        if (name_is(name, set->flags[i].name))
            return &set->flags[i];
    return NULL;
}

static bool unknown_flag(const struct cs_flagset *set, const char *arg, struct cs_str name, struct cs_error *err)
{
    const char *nearest = NULL;
    unsigned best = NEAREST_LIMIT + 1;

    for (size_t i = 0; i < set->n_flags; i++) {
        unsigned d = cs_str_distance(name, cs_str(set->flags[i].name), NEAREST_LIMIT);

        if (d < best && set->flags[i].name[1] != '\0') {
            best = d;
            nearest = set->flags[i].name;
        }
    }
    if (nearest)
        return cs_error_set(err, CS_ERR_INVALID, "unknown flag \"%s\", did you mean --%s?", arg, nearest);
    return cs_error_set(err, CS_ERR_INVALID, "unknown flag \"%s\", see --help", arg);
}

/* What one argument says: the name, and the value when it is in the same word. */
struct arg {
    struct cs_str name;
    const char *value; /* or NULL */
};

static bool split_arg(const char *arg, struct arg *ret, struct cs_error *err)
{
    bool two = strncmp(arg, "--", 2) == 0;
    const char *name = arg + (two ? 2 : 1);
    const char *eq = strchr(name, '=');

    if (arg[0] != '-' || name[0] == '\0' || name[0] == '=')
        return cs_error_set(err, CS_ERR_INVALID, "unexpected argument \"%s\": only flags are understood", arg);
    *ret =
        (struct arg){.name = {.p = name, .len = eq ? (size_t)(eq - name) : strlen(name)}, .value = eq ? eq + 1 : NULL};
    /* "-v4": one dash, one letter, the value right behind it */
    if (!two && !eq && ret->name.len > 1 && is_digit(name[1])) {
        ret->name.len = 1;
        ret->value = name + 1;
    }
    if (!two && ret->name.len > 1)
        return cs_error_set(err, CS_ERR_INVALID, "unknown flag \"%s\": long flags begin with two dashes", arg);
    return true;
}

enum cs_flags_result cs_flags_parse(
    const struct cs_flagset *set, int argc, char *const *argv, void *target, struct cs_error *err)
{
    for (size_t i = 0; i < set->n_flags; i++)
        if (!set_value(&set->flags[i], set->flags[i].initial, target, NULL))
            abort();
    for (int i = 1; i < argc; i++) {
        const struct cs_flag *f;
        struct arg a = {.value = NULL};

        if (!split_arg(argv[i], &a, err))
            return CS_FLAGS_ERROR;
        if (cs_str_eqz(a.name, "help") || cs_str_eqz(a.name, "h"))
            return CS_FLAGS_HELP;
        if (cs_str_eqz(a.name, "version"))
            return CS_FLAGS_VERSION;
        f = find(set, a.name);
        if (!f) {
            (void)unknown_flag(set, argv[i], a.name, err);
            return CS_FLAGS_ERROR;
        }
        if (!a.value && f->type == CS_FLAG_T_BOOL)
            a.value = "true"; /* never takes the next word: "--flag false" would be ambiguous */
        if (!a.value && i + 1 >= argc) {
            (void)cs_error_set(err, CS_ERR_INVALID, "flag %s needs a value", argv[i]);
            return CS_FLAGS_ERROR;
        }
        if (!set_value(f, a.value ? a.value : argv[++i], target, err))
            return CS_FLAGS_ERROR;
    }
    return CS_FLAGS_OK;
}

/* ---- for people ---- */

static const char *type_word(const struct cs_flag *f)
{
    switch (f->type) {
    case CS_FLAG_T_STRING:
        return " string";
    case CS_FLAG_T_INT:
        return " int";
    case CS_FLAG_T_DURATION:
        return " duration";
    case CS_FLAG_T_CHOICE:
        return " word";
    case CS_FLAG_T_BOOL:
        break;
    }
    return "";
}

void cs_flags_help(const struct cs_flagset *set, struct cs_strbuf *out)
{
    cs_strbuf_addf(out, "%s\n\nUsage: %s [flags]\n\n", set->summary, set->program);
    for (size_t i = 0; i < set->n_flags; i++) {
        const struct cs_flag *f = &set->flags[i];
        size_t start = out->len;

        cs_strbuf_addf(out, "  %s%s%s", dashes(f->name), f->name, type_word(f));
        while (!out->failed && out->len - start < HELP_COLUMN)
            cs_strbuf_addc(out, ' ');
        cs_strbuf_addf(out, "  %s", f->help);
        if (f->type == CS_FLAG_T_CHOICE)
            cs_strbuf_addf(out, ": %s", f->choices);
        if (f->initial[0] != '\0')
            cs_strbuf_addf(out, " (default %s)", f->initial);
        cs_strbuf_addc(out, '\n');
    }
    cs_strbuf_addf(out, "  %-*s  %s\n", HELP_COLUMN - 2, "-h, --help", "this text");
    cs_strbuf_addf(out, "  %-*s  %s\n", HELP_COLUMN - 2, "--version", "print the version");
}

int cs_flags_main(const struct cs_flagset *set, int argc, char *const *argv, void *target)
{
    cs_autostrbuf text = CS_STRBUF_INIT;
    struct cs_error err = CS_ERROR_INIT;

    switch (cs_flags_parse(set, argc, argv, target, &err)) {
    case CS_FLAGS_OK:
        return -1;
    case CS_FLAGS_HELP:
        cs_flags_help(set, &text);
        (void)fputs(cs_strbuf_str(&text), stdout);
        return 0;
    case CS_FLAGS_VERSION:
        (void)printf("%s %s\n", set->program, CS_VERSION);
        return 0;
    case CS_FLAGS_ERROR:
        break;
    }
    (void)fprintf(stderr, "%s: %s\n", set->program, err.message);
    return 2;
}

struct cs_log cs_flags_log(int64_t verbosity, const char *format, const struct cs_clock *clock)
{
    enum cs_log_level max = verbosity >= 5 ? CS_LOG_TRACE : verbosity >= 2 ? CS_LOG_DEBUG : CS_LOG_INFO;

    return (struct cs_log){.out = stderr, .clock = clock, .max = max, .json = strcmp(format, "json") == 0};
}
