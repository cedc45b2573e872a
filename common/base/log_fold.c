/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides under the lock, writes outside of it.
 */
#include "common/base/log_fold.h"

uint64_t cs_log_fold_over(struct cs_log_fold_window *w, int64_t now_ms)
{
    uint64_t folded = w->folded;

    if (now_ms < w->end_ms)
        return 0;
    *w = (struct cs_log_fold_window){.end_ms = 0};
    return folded;
}

bool cs_log_fold_takes(struct cs_log_fold_window *w, unsigned max, int64_t now_ms)
{
    if (w->end_ms == 0)
        w->end_ms = now_ms + CS_LOG_FOLD_MS;
    if (w->written < max) {
        w->written++;
        return true;
    }
    w->folded++;
    return false;
}

void cs_log_fold_init(struct cs_log_fold *f, const struct cs_log *log, const char *msg, unsigned max)
{
    *f = (struct cs_log_fold){.log = log, .msg = msg, .max = max};
    (void)pthread_mutex_init(&f->lock, NULL);
}

static int64_t now_ms(const struct cs_log_fold *f)
{
    return cs_clock_mono_ms(f->log && f->log->clock ? f->log->clock : cs_clock_system());
}

static void tell(const struct cs_log_fold *f, uint64_t folded)
{
    if (folded > 0)
        cs_log_warn(f->log, "more lines like this were not logged", CS_KVS("like", f->msg), CS_KVI("count", folded));
}

bool cs_log_fold_admits(struct cs_log_fold *f)
{
    int64_t now = now_ms(f);
    uint64_t folded;
    bool takes;

    (void)pthread_mutex_lock(&f->lock);
    folded = cs_log_fold_over(&f->window, now);
    takes = cs_log_fold_takes(&f->window, f->max, now);
    (void)pthread_mutex_unlock(&f->lock);
    tell(f, folded);
    return takes;
}

void cs_log_fold_tell(struct cs_log_fold *f)
{
    uint64_t folded;

    (void)pthread_mutex_lock(&f->lock);
    folded = cs_log_fold_over(&f->window, now_ms(f));
    (void)pthread_mutex_unlock(&f->lock);
    tell(f, folded);
}

void cs_log_fold_done(struct cs_log_fold *f)
{
    tell(f, cs_log_fold_over(&f->window, INT64_MAX));
    (void)pthread_mutex_destroy(&f->lock);
}
