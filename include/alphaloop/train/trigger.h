/* When to train: one state a strategy, asked now and then, fed with what settles and what ends.
 *
 * Degradation is judged on live settled outcomes alone, never on a stored score (learning section 1.9), in two ways:
 *
 *   - over the newest outcomes of the serving model that are worth `window` independent ones, Brier skill
 *     = 1 - sum w (q - y)^2 / sum w (b - y)^2 with b their own base rate, is below skill_min: slow and sure
 *   - a one-sided CUSUM (Page 1954) on the likelihood ratio of "wins come 10 points less often than promised" against "as
 *     promised", C = max(0, C + w log P(y | q - 0.1) / P(y | q)), passes log 10000: sudden breaks. The ratio has mean 1
 *     while the model keeps its word, whatever its q, so 10000 outcomes or more lie between false alarms (Lorden 1971)
 *
 * Decisions taken within one horizon on one asset see the same move of the price: sixty of them won or lost together are
 * one piece of news, not sixty. So an outcome weighs what it adds, w = the time since the decision before it as a share of
 * the horizon, at most 1; it depends on no outcome.
 *
 * A schedule is jittered: the time that comes is that of the clock plus a share of jitter_ns (of a tenth of the way to the time
 * after it, if that is less) which depends on seed and time alone, so that workers do not all train at the full hour. At most
 * max_per_day trainings nobody asked for by hand begin while so many began within the last 24 hours, whoever asked for them.
 *
 * One training runs at a time. A schedule or an alarm that falls due meanwhile supersedes it: the app cancels the run and
 * starts again with newer data. More new samples do not, for they always come while a run goes on; they count for the next.
 * A run that superseded another one is left alone, else a schedule faster than a training would never let one end.
 */
#ifndef ALPHALOOP_TRAIN_TRIGGER_H
#define ALPHALOOP_TRAIN_TRIGGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alphaloop/base/err.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/settings/cron.h"

#define TRIGGER_WINDOW_MAX 10000
#define TRIGGER_STARTS_MAX 48

struct trigger_rule {
    bool has_schedule;
    struct cron schedule;
    bool on_degradation;
    uint32_t window;         /* independent outcomes; 30..TRIGGER_WINDOW_MAX */
    double skill_min;        /* Brier skill below which the model is called degraded */
    int64_t min_interval_ns; /* between two trainings nobody asked for by hand */
    uint32_t max_per_day;    /* of them; TRIGGER_STARTS_MAX at most; 0: any number */
    int64_t jitter_ns;       /* most of it; 0: none */
    uint64_t jitter_seed;
    int64_t expiry_lead_ns; /* before the model expires, when a younger one is wanted */
};

struct live_outcome {
    float q, weight;
    bool won;
};

struct trigger_state {
    struct trigger_rule rule;
    int64_t last_training_ns;              /* TIMESTAMP_NONE: never */
    int64_t next_scheduled_ns;             /* TIMESTAMP_NONE: no schedule */
    int64_t starts_ns[TRIGGER_STARTS_MAX]; /* ring of the newest */
    uint64_t n_starts;                     /* ever told */
    int64_t expires_ns;                    /* when the serving model does; TIMESTAMP_NONE: never */
    uint64_t n_since,
        n_needed; /* own outcomes since the last training; for the next; n_needed 0: off */
    bool is_running;
    bool is_superseded;            /* the running one: the app is cancelling it for a newer */
    bool is_left_alone;            /* the running one has superseded another */
    struct live_outcome *outcomes; /* ring of TRIGGER_WINDOW_MAX */
    size_t first, count;
    double worth;       /* sum of their weights */
    double cusum;       /* C */
    bool degraded_told; /* the training that runs answers an alarm */
};

struct trigger {
    const char *name;
    bool supersedes; /* a training that runs */
    bool (*is_due)(const struct trigger_state *state, int64_t now_ns);
};

MUST_CHECK enum al_err trigger_init(struct trigger_state *state, const struct trigger_rule *rule);
void trigger_deinit(struct trigger_state *state);
/* A next time that was kept and passed while nobody ran is due at once; else the schedule, which may be another one than
 * before, counts from now_ns. */
void trigger_restore(struct trigger_state *state,
                     int64_t last_training_ns,
                     int64_t next_scheduled_ns,
                     int64_t now_ns);

/* Until now the times told may have been of a later clock than the one that counts (CLOCK=market before its first message): what
 * they put into the future happens as of now, and the schedule counts from now. */
void trigger_time_begins(struct trigger_state *state, int64_t now_ns);

/* A training that began before the program did; oldest first. */
void trigger_restore_start(struct trigger_state *state, int64_t started_ns);

/* Another rule from now on. Another schedule counts from now_ns; outcomes and the time of the last training stay. */
void trigger_change(struct trigger_state *state, const struct trigger_rule *rule, int64_t now_ns);

/* Name of the first trigger that is due, or NULL. None within min_interval_ns of the last start or end, nor
 * beyond max_per_day; while a training runs
 * only one that supersedes it, once. */
const char *trigger_due(struct trigger_state *state, int64_t now_ns);
void trigger_on_start(struct trigger_state *state, int64_t now_ns);
void trigger_on_end(struct trigger_state *state, int64_t now_ns);

/* One outcome of the serving model: it said q, and it won or not. 0 <= weight <= 1. */
void trigger_on_outcome(struct trigger_state *state, double q, bool won, double weight);
void trigger_on_new_model(struct trigger_state *state); /* its outcomes start afresh */
/* Of the window; NaN before 30 outcomes or while they are all the same. */
double trigger_brier(const struct trigger_state *state);
double trigger_brier_skill(const struct trigger_state *state);

size_t trigger_count(void);
const struct trigger *trigger_at(size_t index);

#endif
