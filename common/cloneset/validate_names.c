/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of names that are looked up quickly whatever their number, and the forms of names and quantities, with the
 * API server's words for what is wrong with one.
 */
#include "common/cloneset/validate_names.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/cloneset/template.h"

#define LABEL_FORM                                                                                                     \
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "    \
    "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "                     \
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
#define SUBDOMAIN_FORM                                                                                                 \
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "   \
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "                        \
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
#define QUALIFIED_FORM                                                                                                 \
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character " \
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "                                      \
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
#define LABEL_VALUE_FORM                                                                                               \
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start "    \
    "and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation "  \
    "is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"

/* ---- lists ---- */

void cs_names_add(struct cs_names *names, struct cs_str s, struct cs_json v)
{
    cs_grow(names->items, names->n, names->cap);
    names->items[names->n] = (struct cs_name){.s = s, .v = v, .index = names->n};
    names->n++;
}

static int compare(const void *a, const void *b)
{
    const struct cs_name *x = a, *y = b;
    int order = cs_str_cmp(x->s, y->s);

    return order ? order : (x->index > y->index) - (x->index < y->index);
}

void cs_names_sort(struct cs_names *names)
{
    if (names->n > 1)
        qsort(names->items, names->n, sizeof(names->items[0]), compare);
}

const struct cs_name *cs_names_find(const struct cs_names *names, struct cs_str s)
{
    size_t lo = 0, hi = names->n;

    while (lo < hi) { /* the first item that is not below s */
        size_t mid = lo + (hi - lo) / 2;

        if (cs_str_cmp(names->items[mid].s, s) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < names->n && cs_str_eq(names->items[lo].s, s) ? &names->items[lo] : NULL;
}

void cs_names_done(struct cs_names *names)
{
    free(names->items);
    *names = (struct cs_names){0};
}

/* ---- forms ---- */

/* The characters of a form without regard to its length, which is reported apart. */
struct form {
    const char *inner; /* allowed besides letters and digits, but not at the ends */
    bool upper; /* capitals too */
};
static const struct form dns_form = {.inner = "-"};
static const struct form name_form = {.inner = "-_.", .upper = true};

static bool is_alnum(char ch, bool upper)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || (upper && ch >= 'A' && ch <= 'Z');
}

static bool has_form(const struct form *form, struct cs_str s)
{
    if (s.len == 0 || !is_alnum(s.p[0], form->upper) || !is_alnum(s.p[s.len - 1], form->upper))
        return false;
    for (size_t i = 1; i < s.len; i++) {
        if (!is_alnum(s.p[i], form->upper) && !strchr(form->inner, s.p[i]))
            return false;
    }
    return true;
}

/* Labels of the DNS form between dots. */
static bool has_subdomain_form(struct cs_str s)
{
    size_t start = 0;

    if (s.len == 0)
        return false; /* s.p may be NULL then */
    for (size_t i = 0; i <= s.len; i++) {
        if (i < s.len && s.p[i] != '.')
            continue;
        if (!has_form(&dns_form, (struct cs_str){.p = s.p + start, .len = i - start}))
            return false;
        start = i + 1;
    }
    return true;
}

bool cs_check_dns_label(struct cs_check *c, const struct cs_path *at, struct cs_str s)
{
    if (cs_is_dns1123_label(s))
        return true;
    if (s.len > 63)
        cs_bad_text(c, at, s, "must be no more than 63 characters");
    if (!has_form(&dns_form, s))
        cs_bad_text(c, at, s, LABEL_FORM);
    return false;
}

bool cs_check_dns_subdomain(struct cs_check *c, const struct cs_path *at, struct cs_str s)
{
    if (cs_is_dns1123_subdomain(s))
        return true;
    if (s.len > 253)
        cs_bad_text(c, at, s, "must be no more than 253 characters");
    if (!has_subdomain_form(s))
        cs_bad_text(c, at, s, SUBDOMAIN_FORM);
    return false;
}

static void complain_prefix(struct cs_check *c, const struct cs_path *at, struct cs_str prefix, struct cs_str whole)
{
    if (prefix.len == 0) {
        cs_bad_text(c, at, whole, "prefix part must be non-empty");
        return;
    }
    if (prefix.len > 253)
        cs_bad_text(c, at, whole, "prefix part must be no more than 253 characters");
    if (!has_subdomain_form(prefix))
        cs_bad_text(c, at, whole, "prefix part " SUBDOMAIN_FORM);
}

bool cs_check_qualified_name(struct cs_check *c, const struct cs_path *at, struct cs_str s)
{
    struct cs_str name = s;
    const char *slash;

    if (cs_is_qualified_name(s))
        return true;
    slash = s.len ? memchr(s.p, '/', s.len) : NULL;
    if (slash) {
        size_t n = (size_t)(slash - s.p);

        name = (struct cs_str){.p = slash + 1, .len = s.len - n - 1};
        if (name.len && memchr(name.p, '/', name.len)) {
            cs_bad_text(c, at, s,
                "a qualified name " QUALIFIED_FORM
                " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')");
            return false;
        }
        complain_prefix(c, at, (struct cs_str){.p = s.p, .len = n}, s);
    }
    if (name.len == 0)
        cs_bad_text(c, at, s, "name part must be non-empty");
    else if (name.len > 63)
        cs_bad_text(c, at, s, "name part must be no more than 63 characters");
    if (!has_form(&name_form, name))
        cs_bad_text(c, at, s, "name part " QUALIFIED_FORM);
    return false;
}

bool cs_check_label_value(struct cs_check *c, const struct cs_path *at, struct cs_str s)
{
    if (cs_is_label_value(s))
        return true;
    if (s.len > 63)
        cs_bad_text(c, at, s, "must be no more than 63 characters");
    if (!has_form(&name_form, s))
        cs_bad_text(c, at, s, LABEL_VALUE_FORM);
    return false;
}

bool cs_check_port_name(struct cs_check *c, const struct cs_path *at, struct cs_str s)
{
    bool characters = true, letter = false, double_hyphen = false;

    if (cs_is_port_name(s))
        return true;
    for (size_t i = 0; i < s.len; i++) {
        characters = characters && (is_alnum(s.p[i], false) || s.p[i] == '-');
        letter = letter || (s.p[i] >= 'a' && s.p[i] <= 'z');
        double_hyphen = double_hyphen || (s.p[i] == '-' && i + 1 < s.len && s.p[i + 1] == '-');
    }
    if (s.len > 15)
        cs_bad_text(c, at, s, "must be no more than 15 characters");
    if (!characters)
        cs_bad_text(c, at, s, "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
    if (!letter)
        cs_bad_text(c, at, s, "must contain at least one letter (a-z)");
    if (double_hyphen)
        cs_bad_text(c, at, s, "must not contain consecutive hyphens");
    if (s.len && (s.p[0] == '-' || s.p[s.len - 1] == '-'))
        cs_bad_text(c, at, s, "must not begin or end with a hyphen");
    return false;
}

void cs_check_choice(struct cs_check *c, const struct cs_path *up, struct cs_json obj, const char *key,
    const char *const *choices, const char *shown)
{
    struct cs_str s = cs_check_text(c, cs_json_get(obj, key));

    if (s.len == 0)
        return;
    for (; *choices; choices++) {
        if (cs_str_eqz(s, *choices))
            return;
    }
    cs_bad_unsupported(c, CS_KEY(up, key), s, shown);
}

/* ---- quantities ---- */

bool cs_quantity_text(struct cs_check *c, struct cs_json v, struct cs_str *ret)
{
    int sign;

    *ret = cs_json_is(v, CS_J_NUMBER) ? cs_json_raw(v) : cs_check_text(c, v);
    return ret->len && cs_quantity_cmp(*ret, CS_STR("0"), &sign);
}

bool cs_check_quantity(struct cs_check *c, const struct cs_path *at, struct cs_json v, bool positive)
{
    struct cs_str s;
    int sign;

    if (!cs_quantity_text(c, v, &s) || !cs_quantity_cmp(s, CS_STR("0"), &sign)) {
        cs_bad_value(c, at, v, CS_QUANTITY_FORM);
        return false;
    }
    if (sign < 0 && !positive)
        cs_bad_text(c, at, s, "must be greater than or equal to 0");
    else if (sign <= 0 && positive)
        cs_bad_text(c, at, s, "must be greater than zero");
    else
        return true;
    return false;
}
