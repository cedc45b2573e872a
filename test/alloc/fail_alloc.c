/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into a program, this makes an allocation fail, whoever asks for it: us, cJSON, libcurl, OpenSSL, GnuTLS or
 * libmicrohttpd. Allocations are counted from main on, over all threads.
 *
 *   CS_ALLOC_FAIL=N      the N-th one fails; absent or 0: none
 *   CS_ALLOC_LAST=M      and those up to the M-th; absent: only the N-th
 *   CS_ALLOC_SHOW=1      tells on stderr who asked for the N-th one
 *   CS_ALLOC_SITES=FILE  the number of the first allocation of each call stack is written there, one a line
 *
 * A program may leave something out: cs_alloc_count(false), and on again with true.
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#define DEPTH 6 /* frames by which call stacks differ, ours included */
#define SITES 65536 /* a power of two */
#define LONG_ENOUGH 200000 /* allocations after which a program has been seen enough of: it ends well */

static atomic_ulong seen, first, last;
static _Atomic uint64_t sites[SITES];
static int sites_fd = -1;
static bool show;
static atomic_bool counting;

static void *(*real_malloc)(size_t);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static void *(*real_aligned_alloc)(size_t, size_t);
static int (*real_posix_memalign)(void **, size_t, size_t);

/* dlsym may want memory before anything is known; it is never given back. */
static char early[4096];
static size_t early_used;

static void *early_alloc(size_t n)
{
    size_t at = early_used;

    n = (n + 15) & ~(size_t)15;
    if (n > sizeof(early) - at)
        abort();
    early_used += n;
    return early + at;
}

static void resolve(void)
{
    static bool resolving;

    if (real_malloc || resolving)
        return;
    resolving = true;
    *(void **)&real_calloc = dlsym(RTLD_NEXT, "calloc");
    *(void **)&real_realloc = dlsym(RTLD_NEXT, "realloc");
    *(void **)&real_aligned_alloc = dlsym(RTLD_NEXT, "aligned_alloc");
    *(void **)&real_posix_memalign = dlsym(RTLD_NEXT, "posix_memalign");
    *(void **)&real_malloc = dlsym(RTLD_NEXT, "malloc");
    resolving = false;
}

/* False when the stack was seen before. */
static bool is_new_site(void)
{
    void *frames[DEPTH];
    int n = backtrace(frames, DEPTH);
    uint64_t h = 14695981039346656037u, none;

    for (int i = 0; i < n; i++)
        h = (h ^ (uintptr_t)frames[i]) * 1099511628211u;
    for (size_t i = h >> 32, tries = 0; tries < SITES; i++, tries++) {
        none = 0;
        if (atomic_compare_exchange_strong(&sites[i % SITES], &none, h))
            return true;
        if (none == h)
            return false;
    }
    return false;
}

static void note_site(unsigned long n)
{
    char line[24];

    if (!is_new_site())
        return;
    ssize_t rc = write(sites_fd, line, (size_t)snprintf(line, sizeof(line), "%lu\n", n));
    (void)rc;
}

static void show_stack(void)
{
    void *frames[32];

    counting = false;
    backtrace_symbols_fd(frames, backtrace(frames, 32), STDERR_FILENO);
    counting = true;
}

/* Is it this one's turn to fail? */
static bool fails(void)
{
    unsigned long n;

    if (!atomic_load_explicit(&counting, memory_order_relaxed))
        return false;
    n = atomic_fetch_add_explicit(&seen, 1, memory_order_relaxed) + 1;
    if (n > first + LONG_ENOUGH)
        _exit(0);
    if (sites_fd >= 0)
        note_site(n);
    if (n < first || n > last)
        return false;
    if (n == first && show)
        show_stack();
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    resolve();
    if (!real_malloc)
        return early_alloc(size);
    return fails() ? NULL : real_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    resolve();
    if (!real_malloc)
        return early_alloc(n * size);
    return fails() ? NULL : real_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
    resolve();
    if (!real_malloc)
        abort();
    return fails() ? NULL : real_realloc(p, size);
}

void *reallocarray(void *p, size_t n, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(n, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(p, bytes);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    resolve();
    return fails() ? NULL : real_aligned_alloc(alignment, size);
}

int posix_memalign(void **ret, size_t alignment, size_t size)
{
    resolve();
    return fails() ? ENOMEM : real_posix_memalign(ret, alignment, size);
}

static unsigned long number_of(const char *name)
{
    const char *text = getenv(name);

    return text ? strtoul(text, NULL, 10) : 0;
}

void cs_alloc_count(bool on);
void cs_alloc_count(bool on)
{
    counting = on;
}

/* Runs after the constructors of the libraries: what they allocate is not ours to answer for. */
static void __attribute__((constructor)) begin(void)
{
    unsigned long n = number_of("CS_ALLOC_FAIL"), m = number_of("CS_ALLOC_LAST");
    const char *path = getenv("CS_ALLOC_SITES");
    void *frame;

    show = getenv("CS_ALLOC_SHOW") != NULL;
    first = n;
    last = n == 0 ? 0 : m > n ? m : n;
    if (path) {
        sites_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
        (void)backtrace(&frame, 1); /* loads its library, which allocates */
    }
    counting = true;
}

static void __attribute__((destructor)) end(void)
{
    counting = false;
}
