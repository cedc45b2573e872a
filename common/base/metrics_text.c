/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prometheus text: numbers, escapes, and what /proc says about this process. What cannot be read is left out, as
 * Prometheus' own clients do.
 */
#include "common/base/metrics_text.h"

#include <dirent.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/str.h"

/* ---- numbers ---- */

/* v as "d.ddde±xx" with the fewest digits that read back as v; returns the digits behind the point. */
static int shortest(double v, char *buf, size_t size)
{
    for (int digits = 0; digits < 17; digits++) {
        (void)snprintf(buf, size, "%.*e", digits, v);
        if (strtod(buf, NULL) == v)
            return digits;
    }
    return 16; /* not reached: 17 significant digits always read back */
}

static void add_finite(struct cs_strbuf *out, double v)
{
    char buf[48];

    int digits = shortest(v, buf, sizeof(buf));
    const char *e = strchr(buf, 'e');
    int exponent = e ? (int)strtol(e + 1, NULL, 10) : 0;
    /* Go's strconv 'g' with shortest digits: exponents below -4 and from 6 on are written out. */
    if (v != 0 && (exponent < -4 || exponent >= 6))
        cs_strbuf_adds(out, buf);
    else
        cs_strbuf_addf(out, "%.*f", digits > exponent ? digits - exponent : 0, v);
}

void cs_metrics_add_number(struct cs_strbuf *out, double v)
{
    if (isnan(v)) {
        cs_strbuf_adds(out, "NaN");
    } else if (isinf(v)) {
        cs_strbuf_adds(out, v > 0 ? "+Inf" : "-Inf");
    } else {
        /* A library may have called setlocale; a decimal comma would break the page. */
        locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
        locale_t before = c ? uselocale(c) : (locale_t)0;

        add_finite(out, v);
        if (c) {
            (void)uselocale(before);
            freelocale(c);
        }
    }
}

/* ---- text ---- */

static void add_escaped(struct cs_strbuf *out, const char *s, bool quotes)
{
    const char *end = s + strlen(s);

    while (s < end) {
        size_t n = cs_utf8_char_len(s, end);

        if (n == 0)
            cs_strbuf_adds(out, "\xef\xbf\xbd");
        else if (*s == '\\')
            cs_strbuf_adds(out, "\\\\");
        else if (*s == '\n')
            cs_strbuf_adds(out, "\\n");
        else if (*s == '"' && quotes)
            cs_strbuf_adds(out, "\\\"");
        else
            cs_strbuf_add(out, s, n);
        s += n ? n : 1;
    }
}

void cs_metrics_add_head(struct cs_strbuf *out, const char *name, const char *help, const char *type)
{
    cs_strbuf_addf(out, "# HELP %s ", name);
    add_escaped(out, help ? help : "", false);
    cs_strbuf_addf(out, "\n# TYPE %s %s\n", name, type);
}

void cs_metrics_add_label(struct cs_strbuf *out, const char *name, const char *value)
{
    cs_strbuf_adds(out, name);
    cs_strbuf_adds(out, "=\"");
    add_escaped(out, value, true);
    cs_strbuf_addc(out, '"');
}

/* ---- /proc ---- */

static void add_plain(struct cs_strbuf *out, const char *name, const char *help, const char *type, double v)
{
    cs_metrics_add_head(out, name, help, type);
    cs_strbuf_adds(out, name);
    cs_strbuf_addc(out, ' ');
    cs_metrics_add_number(out, v);
    cs_strbuf_addc(out, '\n');
}

struct process_facts {
    uint64_t cpu_ticks, start_ticks, vsize, rss_pages;
};

/* Blank-separated field n (from 0) of a line as a number. */
static bool number_field(const char *line, unsigned n, uint64_t *ret)
{
    const char *p = line + strspn(line, " ");

    while (n-- > 0) {
        p += strcspn(p, " \n");
        p += strspn(p, " ");
    }
    return cs_parse_u64((struct cs_str){.p = p, .len = strcspn(p, " \n")}, ret);
}

static bool read_stat(struct process_facts *ret)
{
    char text[1024];
    struct process_facts facts;
    uint64_t utime;
    uint64_t stime;

    FILE *f = fopen("/proc/self/stat", "re");
    if (!f)
        return false;
    size_t n = fread(text, 1, sizeof(text) - 1, f);
    (void)fclose(f);
    text[n] = '\0';
    /* The second field is the program's name in parentheses and may hold anything: count from its end, where the
     * third field of proc(5) is number 0. */
    const char *rest = strrchr(text, ')');
    if (!rest)
        return false;
    rest++;
    if (!number_field(rest, 11, &utime) || !number_field(rest, 12, &stime) ||
        !number_field(rest, 19, &facts.start_ticks) || !number_field(rest, 20, &facts.vsize) ||
        !number_field(rest, 21, &facts.rss_pages))
        return false;
    facts.cpu_ticks = utime + stime;
    *ret = facts;
    return true;
}

/* When the machine started, in seconds since the epoch; 0 when unknown. */
static uint64_t boot_time(void)
{
    char line[256];
    uint64_t t = 0;

    FILE *f = fopen("/proc/stat", "re");
    if (!f)
        return 0;
    while (fgets(line, sizeof(line), f)) {
        if (strncmp(line, "btime ", 6) == 0 && number_field(line, 1, &t))
            break;
    }
    (void)fclose(f);
    return t;
}

static bool count_fds(unsigned *ret)
{
    unsigned n = 0;

    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return false;
    for (const struct dirent *e = readdir(dir); e; e = readdir(dir))
        n += e->d_name[0] != '.';
    (void)closedir(dir);
    *ret = n ? n - 1 : 0; /* without the one that reads the directory */
    return true;
}

void cs_metrics_add_process(struct cs_strbuf *out)
{
    struct process_facts facts;
    struct rlimit limit;
    unsigned fds;
    bool have = read_stat(&facts);
    double hz = (double)sysconf(_SC_CLK_TCK);
    uint64_t boot = boot_time();

    if (have)
        add_plain(out, "process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", "counter",
            (double)facts.cpu_ticks / hz);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        add_plain(out, "process_max_fds", "Maximum number of open file descriptors.", "gauge", (double)limit.rlim_cur);
    if (count_fds(&fds))
        add_plain(out, "process_open_fds", "Number of open file descriptors.", "gauge", (double)fds);
    if (have) {
        add_plain(out, "process_resident_memory_bytes", "Resident memory size in bytes.", "gauge",
            (double)facts.rss_pages * (double)sysconf(_SC_PAGESIZE));
        if (boot)
            add_plain(out, "process_start_time_seconds", "Start time of the process since unix epoch in seconds.",
                "gauge", (double)boot + (double)facts.start_ticks / hz);
        add_plain(out, "process_virtual_memory_bytes", "Virtual memory size in bytes.", "gauge", (double)facts.vsize);
    }
}
