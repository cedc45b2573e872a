/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's clocks and RFC 3339. Days are computed here (proleptic Gregorian calendar), as the C library's
 * functions depend on the time zone or on static buffers.
 */
#include "common/base/clock.h"

#include <time.h>

#define MS_PER_DAY ((int64_t)86400000)
#define MIN_WALL_MS (-(int64_t)62167219200000) /* 0000-01-01T00:00:00Z */
#define MAX_WALL_MS ((int64_t)253402300799999) /* 9999-12-31T23:59:59.999Z */

static int64_t read_clock(clockid_t id)
{
    struct timespec ts = {0};

    (void)clock_gettime(id, &ts); /* fails for unknown clocks only */
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int64_t system_mono_ms(void *ctx)
{
    (void)ctx;
    return read_clock(CLOCK_BOOTTIME);
}

static int64_t system_wall_ms(void *ctx)
{
    (void)ctx;
    return read_clock(CLOCK_REALTIME);
}

const struct cs_clock *cs_clock_system(void)
{
    static const struct cs_clock clock = {.mono_ms = system_mono_ms, .wall_ms = system_wall_ms};

    return &clock;
}

/* ---- calendar ---- */

struct date {
    int64_t year;
    int month; /* 1..12 */
    int day; /* 1..31 */
};

/*
 * Both directions count years from 1 March, so that the leap day is the last day of its year, and in eras of 400
 * years (146,097 days). Day 0 is 1970-01-01, 719,468 days after 0000-03-01.
 */
static int64_t days_from_date(struct date d)
{
    int64_t y = d.year - (d.month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t month = (d.month + 9) % 12; /* March is 0 */
    int64_t day_of_year = (153 * month + 2) / 5 + d.day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static struct date date_from_days(int64_t days)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;

    return (struct date){
        .year = era * 400 + year_of_era + (month >= 10),
        .month = (int)(month < 10 ? month + 3 : month - 9),
        .day = (int)(day_of_year - (153 * month + 2) / 5 + 1),
    };
}

static int days_in_month(int year, int month)
{
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month - 1];
}

/* ---- RFC 3339 ---- */

static char *put_digits(char *p, int n, int64_t v)
{
    for (int i = n - 1; i >= 0; i--) {
        p[i] = (char)('0' + v % 10);
        v /= 10;
    }
    return p + n;
}

static char *put_char(char *p, char c)
{
    *p = c;
    return p + 1;
}

/* Everything up to the seconds. Returns the position behind them; the milliseconds left over go to *ret_ms. */
static char *put_seconds(int64_t wall_ms, char *p, int64_t *ret_ms)
{
    if (wall_ms < MIN_WALL_MS)
        wall_ms = MIN_WALL_MS;
    if (wall_ms > MAX_WALL_MS)
        wall_ms = MAX_WALL_MS;
    int64_t days = wall_ms / MS_PER_DAY - (wall_ms % MS_PER_DAY < 0);
    int64_t rest = wall_ms - days * MS_PER_DAY;
    struct date d = date_from_days(days);

    p = put_char(put_digits(p, 4, d.year), '-');
    p = put_char(put_digits(p, 2, d.month), '-');
    p = put_char(put_digits(p, 2, d.day), 'T');
    p = put_char(put_digits(p, 2, rest / 3600000), ':');
    p = put_char(put_digits(p, 2, rest / 60000 % 60), ':');
    *ret_ms = rest % 1000;
    return put_digits(p, 2, rest / 1000 % 60);
}

const char *cs_rfc3339_format(int64_t wall_ms, char buf[CS_RFC3339_SIZE])
{
    int64_t ms;

    char *p = put_char(put_seconds(wall_ms, buf, &ms), 'Z');
    *p = '\0';
    return buf;
}

const char *cs_rfc3339_format_micro(int64_t wall_ms, char buf[CS_RFC3339_SIZE])
{
    int64_t ms;

    char *p = put_char(put_seconds(wall_ms, buf, &ms), '.');
    p = put_char(put_digits(p, 6, ms * 1000), 'Z');
    *p = '\0';
    return buf;
}

/* Exactly n digits at s.p[at], of value lo..hi. */
static bool parse_field(struct cs_str s, size_t at, size_t n, int lo, int hi, int *ret)
{
    int32_t v;

    if (s.len < at + n || s.p[at] == '-' || !cs_parse_i32((struct cs_str){.p = s.p + at, .len = n}, &v))
        return false;
    if (v < lo || v > hi)
        return false;
    *ret = v;
    return true;
}

static bool is_at(struct cs_str s, size_t at, char c)
{
    return at < s.len && s.p[at] == c;
}

/* Optional ".digits" at *at; moves *at behind it. */
static bool parse_fraction(struct cs_str s, size_t *at, int *ret_ms)
{
    int ms = 0;
    int weight = 100;
    size_t i = *at;

    if (is_at(s, i, '.')) {
        for (i++; i < s.len && s.p[i] >= '0' && s.p[i] <= '9'; i++) {
            ms += (s.p[i] - '0') * weight;
            weight /= 10;
        }
        if (i == *at + 1)
            return false;
    }
    *at = i;
    *ret_ms = ms;
    return true;
}

/* "Z" or "+hh:mm" up to the end of s. */
static bool parse_zone(struct cs_str s, size_t at, int *ret_minutes)
{
    int hours;
    int minutes;

    if (is_at(s, at, 'Z')) {
        *ret_minutes = 0;
        return s.len == at + 1;
    }
    if (s.len != at + 6 || (s.p[at] != '+' && s.p[at] != '-') || !is_at(s, at + 3, ':'))
        return false;
    if (!parse_field(s, at + 1, 2, 0, 23, &hours) || !parse_field(s, at + 4, 2, 0, 59, &minutes))
        return false;
    *ret_minutes = (hours * 60 + minutes) * (s.p[at] == '-' ? -1 : 1);
    return true;
}

bool cs_rfc3339_parse(struct cs_str s, int64_t *ret_wall_ms)
{
    int year;
    int month;
    int day;
    int hour;
    int minute;
    int second;
    int ms;
    int zone;
    size_t at = 19;

    if (s.len < 20 || s.p[4] != '-' || s.p[7] != '-' || s.p[10] != 'T' || s.p[13] != ':' || s.p[16] != ':')
        return false;
    if (!parse_field(s, 0, 4, 0, 9999, &year) || !parse_field(s, 5, 2, 1, 12, &month) ||
        !parse_field(s, 8, 2, 1, days_in_month(year, month), &day))
        return false;
    /* No second 60: Go, and so the API server, refuses leap seconds as well. */
    if (!parse_field(s, 11, 2, 0, 23, &hour) || !parse_field(s, 14, 2, 0, 59, &minute) ||
        !parse_field(s, 17, 2, 0, 59, &second))
        return false;
    if (!parse_fraction(s, &at, &ms) || !parse_zone(s, at, &zone))
        return false;
    int64_t days = days_from_date((struct date){.year = year, .month = month, .day = day});
    int64_t seconds = (int64_t)hour * 3600 + (int64_t)minute * 60 + second - (int64_t)zone * 60;
    *ret_wall_ms = days * MS_PER_DAY + seconds * 1000 + ms;
    return true;
}
