/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines. Text: `2026-11-24T00:12:13.123Z INFO message key=value key2="with blank"`; JSON: one object per line
 * with ts, level, msg and the keys. An entry is put together in memory and leaves in one call, so that entries of
 * several threads, and of several processes on one pipe, do not mix.
 */
#include "common/base/log.h"

#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "common/base/strbuf.h"

#define MAX_VALUE 4096 /* bytes of one value or message that are shown; the rest gives way to "..." */
#define MAX_ENTRY ((size_t)256 << 10)
#define PATIENCE_MS 10 /* for a reader that is merely slow; none while entries are being dropped */

static const char *const text_names[CS_LOG_LEVEL_COUNT] = {"ERROR", "WARN", "INFO", "DEBUG", "TRACE"};
static const char *const json_names[CS_LOG_LEVEL_COUNT] = {"error", "warn", "info", "debug", "trace"};

static bool is_control(const char *p, size_t n)
{
    if (n == 1)
        return (unsigned char)*p < 0x20 || *p == 0x7f;
    /* U+0080..U+009F: terminals act on them as well */
    return n == 2 && (unsigned char)p[0] == 0xc2 && (unsigned char)p[1] < 0xa0;
}

static void add_control(struct cs_strbuf *sb, const char *p, size_t n)
{
    unsigned code = (unsigned char)p[n - 1]; /* of the two-byte ones the second byte is the code */

    if (code == '\n')
        cs_strbuf_adds(sb, "\\n");
    else if (code == '\r')
        cs_strbuf_adds(sb, "\\r");
    else if (code == '\t')
        cs_strbuf_adds(sb, "\\t");
    else
        cs_strbuf_addf(sb, "\\u%04x", code);
}

/* s up to MAX_VALUE bytes, without anything that would end the line or the quotes, as well-formed UTF-8. */
static void add_escaped(struct cs_strbuf *sb, const char *s, bool quoted)
{
    size_t len = strlen(s);
    const char *end = s + len;
    const char *stop = len > MAX_VALUE ? s + MAX_VALUE : end;

    while (s < stop) {
        size_t n = cs_utf8_char_len(s, end);

        if (n == 0) {
            cs_strbuf_adds(sb, "\xef\xbf\xbd"); /* U+FFFD */
            n = 1;
        } else if (is_control(s, n)) {
            add_control(sb, s, n);
        } else {
            if (quoted && (*s == '"' || *s == '\\'))
                cs_strbuf_addc(sb, '\\');
            cs_strbuf_add(sb, s, n);
        }
        s += n;
    }
    if (stop != end)
        cs_strbuf_adds(sb, "...");
}

static void add_quoted(struct cs_strbuf *sb, const char *s)
{
    cs_strbuf_addc(sb, '"');
    add_escaped(sb, s, true);
    cs_strbuf_addc(sb, '"');
}

/* May the value stand without quotes in a text line? */
static bool is_bare(const char *s)
{
    const char *start = s;

    for (; *s; s++) {
        if (*s <= ' ' || *s >= 0x7f || *s == '"' || *s == '\\' || *s == '=')
            return false;
    }
    return s != start;
}

/* "2026-11-24T00:12:13.123Z" */
static void add_time(struct cs_strbuf *sb, const struct cs_log *log)
{
    char buf[CS_RFC3339_SIZE];

    cs_rfc3339_format_micro(cs_clock_wall_ms(log->clock ? log->clock : cs_clock_system()), buf);
    cs_strbuf_add(sb, buf, strlen(buf) - 4); /* the three zeros of the microseconds and the 'Z' */
    cs_strbuf_addc(sb, 'Z');
}

static void add_value(struct cs_strbuf *sb, const struct cs_kv *kv, bool json)
{
    if (kv->type == CS_KV_I64)
        cs_strbuf_addi(sb, kv->i);
    else if (kv->type == CS_KV_BOOL)
        cs_strbuf_adds(sb, kv->i ? "true" : "false");
    else if (!kv->s)
        cs_strbuf_adds(sb, json ? "null" : "\"\"");
    else if (!json && is_bare(kv->s))
        add_escaped(sb, kv->s, false);
    else
        add_quoted(sb, kv->s);
}

static void add_entry(
    struct cs_strbuf *sb, const struct cs_log *log, enum cs_log_level level, const char *msg, const struct cs_kv *kvs)
{
    if (log->json) {
        cs_strbuf_adds(sb, "{\"ts\":\"");
        add_time(sb, log);
        cs_strbuf_addf(sb, "\",\"level\":\"%s\",\"msg\":", json_names[level]);
        add_quoted(sb, msg);
    } else {
        add_time(sb, log);
        cs_strbuf_addf(sb, " %s ", text_names[level]);
        add_escaped(sb, msg, false);
    }
    for (; kvs && kvs->key; kvs++) {
        if (log->json) {
            cs_strbuf_addc(sb, ',');
            add_quoted(sb, kvs->key);
            cs_strbuf_addc(sb, ':');
        } else {
            cs_strbuf_addc(sb, ' ');
            add_escaped(sb, kvs->key, false);
            cs_strbuf_addc(sb, '=');
        }
        add_value(sb, kvs, log->json);
    }
    cs_strbuf_adds(sb, log->json ? "}\n" : "\n");
}

/*
 * False: not all of it was taken. Whoever reads a pipe may stand still; a pipe that poll() calls writable takes PIPE_BUF bytes
 * without waiting, so no more are written at once.
 */
static bool put(FILE *out, const char *p, size_t n, int patience_ms)
{
    int fd = fileno(out);

    if (fd < 0) /* a stream in memory */
        return fwrite(p, 1, n, out) == n && fflush(out) == 0;
    while (n > 0) {
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        ssize_t done = -1;

        if (poll(&wait, 1, patience_ms) == 1 && (wait.revents & POLLOUT))
            done = write(fd, p, n < PIPE_BUF ? n : PIPE_BUF);
        if (done <= 0)
            return false;
        p += done;
        n -= (size_t)done;
    }
    return true;
}

static bool put_entry(const struct cs_log *log, enum cs_log_level level, const char *msg, const struct cs_kv *kvs)
{
    static const struct cs_kv cut[] = {{.key = "entryTooLarge", .type = CS_KV_BOOL, .i = true}, {.key = NULL}};
    cs_autostrbuf sb = {.max = MAX_ENTRY};

    add_entry(&sb, log, level, msg, kvs);
    if (sb.failed) {
        cs_strbuf_clear(&sb);
        add_entry(&sb, log, level, msg, cut);
    }
    return put(log->out, cs_strbuf_str(&sb), sb.len, log->dropped && *log->dropped > 0 ? 0 : PATIENCE_MS);
}

void cs_log_write(const struct cs_log *log, enum cs_log_level level, const char *msg, const struct cs_kv *kvs)
{
    bool ok = true;

    if (!cs_log_enabled(log, level) || (unsigned)level >= CS_LOG_LEVEL_COUNT)
        return;
    flockfile(log->out);
    if (log->dropped && *log->dropped > 0) {
        ok = put_entry(log, CS_LOG_WARN, "log entries were dropped: nobody took them",
            (struct cs_kv[]){CS_KVI("count", *log->dropped), {.key = NULL}});
        if (ok)
            *log->dropped = 0;
    }
    ok = ok && put_entry(log, level, msg, kvs);
    if (!ok && log->dropped)
        ++*log->dropped;
    funlockfile(log->out);
}
