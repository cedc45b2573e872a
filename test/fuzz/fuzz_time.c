/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RFC 3339 against a regular expression and the C library's calendar; and Go's durations, against themselves.
 */
#include <regex.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/flags.h"
#include "test/fuzz/fuzz.h"

#define GRAMMAR                                                                                                        \
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]+)?(Z|[+-]([01][0-9]|2[0-3]):[0-5][" \
    "0-9])$"
#define LONGEST 80

static int number(const char *p, int n)
{
    int v = 0;

    for (int i = 0; i < n && p[i] >= '0' && p[i] <= '9'; i++)
        v = v * 10 + (p[i] - '0');
    return v;
}

static bool oracle(const char *text, int64_t *ret_ms)
{
    const char *p = text + 19;
    int ms = 0, weight = 100, zone = 0;
    struct tm t, normal;
    regex_t re;
    bool ok;

    if (regcomp(&re, GRAMMAR, REG_EXTENDED | REG_NOSUB) != 0)
        fuzz_fail("the grammar does not compile");
    ok = regexec(&re, text, 0, NULL, 0) == 0;
    regfree(&re);
    if (!ok)
        return false;
    t = (struct tm){.tm_year = number(text, 4) - 1900,
        .tm_mon = number(text + 5, 2) - 1,
        .tm_mday = number(text + 8, 2),
        .tm_hour = number(text + 11, 2),
        .tm_min = number(text + 14, 2),
        .tm_sec = number(text + 17, 2)};
    normal = t;
    int64_t seconds = timegm(&normal);
    if (normal.tm_mon != t.tm_mon || normal.tm_mday != t.tm_mday || normal.tm_year != t.tm_year)
        return false; /* no such day */
    if (*p == '.')
        for (p++; *p >= '0' && *p <= '9'; p++, weight /= 10)
            ms += (*p - '0') * weight;
    if (*p != 'Z')
        zone = (number(p + 1, 2) * 60 + number(p + 4, 2)) * (*p == '-' ? -1 : 1);
    *ret_ms = (seconds - zone * 60) * 1000 + ms;
    return true;
}

static void check_time(const char *text)
{
    int64_t got = 0, wanted = 0, again = 0;
    char buf[CS_RFC3339_SIZE];
    bool valid = oracle(text, &wanted);

    FUZZ_CHECK(cs_rfc3339_parse(cs_str(text), &got) == valid, "\"%s\" is %s time", text, valid ? "a" : "no");
    if (!valid)
        return;
    FUZZ_CHECK(got == wanted, "\"%s\" is %lld, not %lld", text, (long long)got, (long long)wanted);
    if (wanted < INT64_C(-62167219200000) || wanted > INT64_C(253402300799999))
        return; /* a zone led out of the four digits */
    FUZZ_CHECK(cs_rfc3339_parse(cs_str(cs_rfc3339_format_micro(got, buf)), &again) && again == got, "%s again is %s",
        text, buf);
    FUZZ_CHECK(cs_rfc3339_parse(cs_str(cs_rfc3339_format(got, buf)), &again) && again <= got && got - again < 1000,
        "%s in seconds is %s", text, buf);
}

static void check_duration(const char *text)
{
    cs_autostrbuf same = CS_STRBUF_INIT;
    int64_t ms, again;

    if (!cs_parse_duration_ms(cs_str(text), &ms))
        return;
    cs_strbuf_addi(&same, ms);
    cs_strbuf_adds(&same, "ms");
    FUZZ_CHECK(cs_parse_duration_ms(cs_str(cs_strbuf_str(&same)), &again) && again == ms,
        "%s is %lld ms, and %s is not", text, (long long)ms, cs_strbuf_str(&same));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[LONGEST + 1] = "";

    if (size > LONGEST || (size && memchr(data, '\0', size)))
        return 0;
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    check_time(text);
    check_duration(text);
    return 0;
}
