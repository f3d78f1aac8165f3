/* How long our orders take to fill, and what signalling is worth.
 *
 * Every published signal is a row: T = time to its first fill, or censored where that was not seen: at the order's end, or now
 * while it may still fill (model/aft.h). The newest fifth judges a model taught on what was known when it began: an order that
 * had not filled by then was censored then. The model is useful when these rows are likelier under it than under one constant
 * rate of filling (the exponential baseline, rate = fills / time at risk), and by Harrell's concordance: of two orders of which
 * it is known that one filled sooner, how often it was the one expected to; 1/2 knows nothing.
 *
 *     value of signalling   V = p E[r | fill] - c      p = mean P(fill within the time to live)
 *     cost of waiting       c = max(0, E[r | fill]) E[min(T, time to live)] / E[span]
 *
 * While an order waits its money earns nothing; c is what it would earn in that time if it earned as filled positions do over
 * the span of their label.
 */
#ifndef ALPHALOOP_TRAIN_FILL_TIMES_H
#define ALPHALOOP_TRAIN_FILL_TIMES_H

#include "alphaloop/base/buf.h"
#include "alphaloop/base/json.h"
#include "alphaloop/domain/decision.h"
#include "alphaloop/feature/feature_set.h"

#define FILL_TIMES_MAX  20000 /* the newest signals */
#define FILL_TIMES_MIN  300
#define FILL_TIMES_FILE "fill_time.ubj"

/* One signal as the ledger has it. */
struct fill_signal {
    enum side side;
    int64_t decided_at_ns, expires_at_ns;
    int64_t first_fill_ns; /* TIMESTAMP_NONE: none */
    int64_t
        answered_at_ns; /* when that, or the end without it, was heard of; TIMESTAMP_NONE: it was not */
    const float *features; /* not oriented */
};

struct fill_rows {
    size_t n, cap, n_cols;
    int64_t *decided_ns, *answered_ns; /* TIMESTAMP_NONE: not by the cut */
    double *seconds;                   /* > 0 */
    bool *filled;
    float *x;     /* [n][n_cols], oriented */
    double ttl_s; /* time to live of the newest signal */
};

void fill_rows_init(struct fill_rows *rows, size_t n_cols);
void fill_rows_deinit(struct fill_rows *rows);
/* What was known of the signal at the cut, in any order. AL_EFULL past FILL_TIMES_MAX; AL_ENOMEM. */
MUST_CHECK enum al_err fill_rows_add(struct fill_rows *rows,
                                     const struct feature_set *set,
                                     const struct fill_signal *signal,
                                     int64_t cut_ns);

struct fill_report {
    size_t n, n_filled; /* signals; those seen to fill */
    bool is_fitted;     /* the rest says something */
    size_t n_taught, n_judged, n_rounds;
    double sigma;
    double log_likelihood, log_likelihood_constant; /* mean of a judged row */
    double concordance;                             /* NaN: no pair can be told */
    double filled_by_ttl,
        filled_by_ttl_seen; /* predicted; Kaplan and Meier's estimate, judged rows */
    double waiting_s;       /* E[min(T, time to live)] */
};

/* Fit, judge, and fit again on everything: `model` gets its bytes (empty when no tree helped). Too few rows are no fault.
 * `rows` are put in order of time. */
struct fill_hooks {
    uint64_t seed;
    bool (*is_cancelled)(void *ctx); /* may be NULL */
    void *ctx;
};
MUST_CHECK enum al_err fill_times_fit(struct fill_rows *rows,
                                      const struct fill_hooks *hooks,
                                      struct fill_report *report,
                                      struct buf *model);

/* As a member `fill_times` of a report. */
void fill_report_write(const struct fill_report *report,
                       double mean_r,
                       double span_s,
                       struct json_writer *w);

/* V, and its parts: mean_r = E[r | fill], span_s = E[span]. */
double fill_value(const struct fill_report *report, double mean_r, double span_s);
double fill_waiting_cost(const struct fill_report *report, double mean_r, double span_s);

/* Harrell's concordance of expected log times with what was seen. O(n^2). */
double fill_concordance(const float *mu, const double *seconds, const bool *filled, size_t n);
/* Share filled by `by_s`: 1 - the product of 1 - fills / at risk over the times of fills (Kaplan and Meier 1958). */
double fill_share_by(const double *seconds, const bool *filled, size_t n, double by_s);

#endif
