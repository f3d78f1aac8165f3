#include "alphaloop/train/fill_times.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/model/aft.h"

#define SECONDS_MIN      1e-3 /* clocks of two machines may disagree by more than an order takes */
#define JUDGED_SHARE     0.2
#define VALIDATION_SHARE 0.2 /* of the teachers */
#define FILLS_MIN        50  /* among the teachers */
#define ROUNDS_MAX       200
#define ROWS_FIRST       1024

void fill_rows_init(struct fill_rows *rows, size_t n_cols)
{
    *rows = (struct fill_rows){.n_cols = n_cols};
}

void fill_rows_deinit(struct fill_rows *rows)
{
    free(rows->decided_ns);
    free(rows->answered_ns);
    free(rows->seconds);
    free(rows->filled);
    free(rows->x);
    *rows = (struct fill_rows){0};
}

static bool resize(void **array, size_t n, size_t item_size)
{
    void *grown = realloc(*array, n * item_size);
    if (grown != NULL)
        *array = grown;
    return grown != NULL;
}

static enum al_err grow(struct fill_rows *rows)
{
    size_t cap = rows->cap == 0 ? ROWS_FIRST : 2 * rows->cap;
    if (rows->n < rows->cap)
        return AL_OK;
    if (rows->n >= FILL_TIMES_MAX)
        return err_set(AL_EFULL, "more than %d signals", FILL_TIMES_MAX);
    void *arrays[] = {rows->decided_ns, rows->answered_ns, rows->seconds, rows->filled, rows->x};
    bool all = resize(&arrays[0], cap, sizeof *rows->decided_ns) &&
               resize(&arrays[1], cap, sizeof *rows->answered_ns) &&
               resize(&arrays[2], cap, sizeof *rows->seconds) &&
               resize(&arrays[3], cap, sizeof *rows->filled) &&
               resize(&arrays[4], cap, rows->n_cols * sizeof *rows->x);
    rows->decided_ns = arrays[0];
    rows->answered_ns = arrays[1];
    rows->seconds = arrays[2];
    rows->filled = arrays[3];
    rows->x = arrays[4];
    if (!all)
        return err_set(AL_ENOMEM, "%zu signals", cap);
    rows->cap = cap;
    return AL_OK;
}

static double seconds_between(int64_t from_ns, int64_t to_ns)
{
    return fmax((double)(to_ns - from_ns) / (double)NS_PER_S, SECONDS_MIN);
}

/* How long the order is known to have waited when nobody heard of its end by `cut_ns`: events can be lost, so silence says
 * nothing once the signal has expired. */
static double watched_s(int64_t decided_ns, int64_t expires_ns, int64_t cut_ns)
{
    return seconds_between(decided_ns, expires_ns < cut_ns ? expires_ns : cut_ns);
}

enum al_err fill_rows_add(struct fill_rows *rows,
                          const struct feature_set *set,
                          const struct fill_signal *signal,
                          int64_t cut_ns)
{
    assert(set->n_columns == rows->n_cols);
    if (signal->decided_at_ns >= cut_ns)
        return AL_OK;
    enum al_err err = grow(rows);
    if (err != AL_OK)
        return err;
    size_t at = rows->n++;
    bool is_known = signal->answered_at_ns != TIMESTAMP_NONE && signal->answered_at_ns <= cut_ns;
    rows->decided_ns[at] = signal->decided_at_ns;
    rows->answered_ns[at] = is_known ? signal->answered_at_ns : TIMESTAMP_NONE;
    rows->filled[at] = is_known && signal->first_fill_ns != TIMESTAMP_NONE;
    if (rows->filled[at])
        rows->seconds[at] = seconds_between(signal->decided_at_ns, signal->first_fill_ns);
    else if (is_known)
        rows->seconds[at] = seconds_between(signal->decided_at_ns, signal->answered_at_ns);
    else
        rows->seconds[at] = watched_s(signal->decided_at_ns, signal->expires_at_ns, cut_ns);
    feature_orient(set, signal->features, signal->side, rows->x + at * rows->n_cols);
    rows->ttl_s = seconds_between(signal->decided_at_ns, signal->expires_at_ns);
    return AL_OK;
}

/* ---- order of time ---- */

struct place {
    int64_t decided_ns;
    size_t row;
};

static int by_time(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    if (x->decided_ns != y->decided_ns)
        return x->decided_ns < y->decided_ns ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

static void copy_row(struct fill_rows *to, size_t at, const struct fill_rows *from, size_t row)
{
    to->decided_ns[at] = from->decided_ns[row];
    to->answered_ns[at] = from->answered_ns[row];
    to->seconds[at] = from->seconds[row];
    to->filled[at] = from->filled[row];
    memcpy(to->x + at * to->n_cols, from->x + row * from->n_cols, from->n_cols * sizeof *to->x);
}

static enum al_err sort_rows(struct fill_rows *rows)
{
    struct fill_rows sorted;
    struct place *places = malloc((rows->n + 1) * sizeof *places);
    if (places == NULL)
        return err_set(AL_ENOMEM, "%zu signals", rows->n);
    for (size_t i = 0; i < rows->n; i++)
        places[i] = (struct place){rows->decided_ns[i], i};
    qsort(places, rows->n, sizeof *places, by_time);
    fill_rows_init(&sorted, rows->n_cols);
    sorted.ttl_s = rows->ttl_s;
    enum al_err err = AL_OK;
    for (size_t i = 0; i < rows->n && err == AL_OK; i++) {
        err = grow(&sorted);
        if (err == AL_OK)
            copy_row(&sorted, sorted.n++, rows, places[i].row);
    }
    free(places);
    if (err != AL_OK) {
        fill_rows_deinit(&sorted);
        return err;
    }
    fill_rows_deinit(rows);
    *rows = sorted;
    return AL_OK;
}

/* ---- measures ---- */

double fill_concordance(const float *mu, const double *seconds, const bool *filled, size_t n)
{
    double right = 0, pairs = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < n && filled[i]; k++) {
            /* i filled while k was still waiting: k is known to have taken longer. */
            if (k == i || !(seconds[i] < seconds[k]))
                continue;
            pairs++;
            right += mu[i] < mu[k] ? 1 : mu[i] > mu[k] ? 0 : 0.5;
        }
    }
    return pairs > 0 ? right / pairs : (double)NAN;
}

struct seen {
    double seconds;
    bool filled;
};

/* At one instant those that filled were at risk together with those censored then. */
static int by_seconds(const void *a, const void *b)
{
    const struct seen *x = a, *y = b;
    if (x->seconds != y->seconds)
        return x->seconds < y->seconds ? -1 : 1;
    return (int)y->filled - (int)x->filled;
}

double fill_share_by(const double *seconds, const bool *filled, size_t n, double by_s)
{
    struct seen *seen = malloc((n + 1) * sizeof *seen);
    double waits = 1;
    if (seen == NULL)
        return NAN;
    for (size_t i = 0; i < n; i++)
        seen[i] = (struct seen){seconds[i], filled[i]};
    qsort(seen, n, sizeof *seen, by_seconds);
    for (size_t i = 0; i < n && seen[i].seconds <= by_s; i++)
        waits *= seen[i].filled ? 1 - 1 / (double)(n - i) : 1;
    free(seen);
    return 1 - waits;
}

double fill_waiting_cost(const struct fill_report *report, double mean_r, double span_s)
{
    return span_s > 0 ? fmax(0, mean_r) * report->waiting_s / span_s : 0;
}

double fill_value(const struct fill_report *report, double mean_r, double span_s)
{
    return report->filled_by_ttl * mean_r - fill_waiting_cost(report, mean_r, span_s);
}

void fill_report_write(const struct fill_report *report,
                       double mean_r,
                       double span_s,
                       struct json_writer *w)
{
    json_w_key(w, "fill_times");
    json_w_object(w);
    json_m_count(w, "signals", report->n);
    json_m_count(w, "filled", report->n_filled);
    if (report->is_fitted) {
        json_m_count(w, "taught_on", report->n_taught);
        json_m_count(w, "judged_on", report->n_judged);
        json_m_count(w, "rounds", report->n_rounds);
        json_m_number(w, "sigma", report->sigma);
        json_m_number(w, "log_likelihood", report->log_likelihood);
        json_m_number(w, "log_likelihood_constant_rate", report->log_likelihood_constant);
        json_m_number(w, "concordance", report->concordance);
        json_m_number(w, "filled_by_ttl", report->filled_by_ttl);
        json_m_number(w, "filled_by_ttl_seen", report->filled_by_ttl_seen);
        json_m_number(w, "waiting_seconds", report->waiting_s);
        json_m_number(w, "net_return_if_filled", mean_r);
        json_m_number(w, "waiting_cost", fill_waiting_cost(report, mean_r, span_s));
        json_m_number(w, "value_of_signalling", fill_value(report, mean_r, span_s));
    }
    json_w_end_object(w);
}

/* ---- fitting and judging ---- */

static struct aft_rows part_of(const struct fill_rows *rows,
                               const double *seconds,
                               const bool *filled,
                               size_t begin,
                               size_t end)
{
    return (struct aft_rows){.n_rows = end - begin,
                             .n_cols = rows->n_cols,
                             .x = rows->x + begin * rows->n_cols,
                             .seconds = seconds + begin,
                             .happened = filled + begin};
}

/* What was known at `cut_ns` of the rows before `end`: later answers are taken back. */
static size_t as_known(
    const struct fill_rows *rows, size_t end, int64_t cut_ns, double *seconds, bool *filled)
{
    size_t n_filled = 0;
    for (size_t i = 0; i < end; i++) {
        bool is_known = rows->answered_ns[i] != TIMESTAMP_NONE && rows->answered_ns[i] <= cut_ns;
        double watched = seconds_between(rows->decided_ns[i], cut_ns);
        filled[i] = rows->filled[i] && is_known;
        seconds[i] = is_known ? rows->seconds[i] : fmin(rows->seconds[i], watched);
        assert(!filled[i] || rows->answered_ns[i] <= cut_ns); /* availability */
        n_filled += filled[i];
    }
    return n_filled;
}

static enum al_err fit_part(const struct fill_rows *rows,
                            size_t end,
                            const double *seconds,
                            const bool *filled,
                            const struct fill_hooks *hooks,
                            struct aft *aft)
{
    size_t cut = end - (size_t)((double)end * VALIDATION_SHARE);
    const struct aft_fit fit = {.train = part_of(rows, seconds, filled, 0, cut),
                                .validation = part_of(rows, seconds, filled, cut, end),
                                .n_rounds_max = ROUNDS_MAX,
                                .seed = hooks->seed,
                                .is_cancelled = hooks->is_cancelled,
                                .ctx = hooks->ctx};
    return aft_fit(&fit, aft);
}

/* A constant rate of filling, from the teachers. */
static double constant_rate(const double *seconds, const bool *filled, size_t n)
{
    double fills = 0, at_risk_s = 0;
    for (size_t i = 0; i < n; i++) {
        fills += filled[i];
        at_risk_s += seconds[i];
    }
    return fills / at_risk_s;
}

static void judge(const struct fill_rows *rows,
                  size_t begin,
                  const float *mu,
                  double sigma,
                  double rate,
                  struct fill_report *report)
{
    size_t n = rows->n - begin;
    for (size_t i = 0; i < n; i++) {
        double t = rows->seconds[begin + i];
        bool filled = rows->filled[begin + i];
        report->log_likelihood += aft_log_likelihood((double)mu[i], sigma, t, filled) / (double)n;
        report->log_likelihood_constant += ((filled ? log(rate) : 0) - rate * t) / (double)n;
        report->filled_by_ttl += aft_chance((double)mu[i], sigma, rows->ttl_s) / (double)n;
        report->waiting_s += aft_waiting((double)mu[i], sigma, rows->ttl_s) / (double)n;
    }
    report->n_judged = n;
    report->sigma = sigma;
    report->concordance = fill_concordance(mu, rows->seconds + begin, rows->filled + begin, n);
    report->filled_by_ttl_seen =
        fill_share_by(rows->seconds + begin, rows->filled + begin, n, rows->ttl_s);
}

static enum al_err judge_model(const struct fill_rows *rows,
                               const struct fill_hooks *hooks,
                               double *seconds,
                               bool *filled,
                               struct fill_report *report)
{
    size_t begin = rows->n - (size_t)((double)rows->n * JUDGED_SHARE);
    struct aft aft = {0};
    if (as_known(rows, begin, rows->decided_ns[begin], seconds, filled) < FILLS_MIN)
        return AL_OK;
    float *mu = malloc((rows->n - begin + 1) * sizeof *mu);
    enum al_err err = mu == NULL ? err_set(AL_ENOMEM, "times")
                                 : fit_part(rows, begin, seconds, filled, hooks, &aft);
    if (err == AL_OK)
        err = aft_predict(&aft, rows->x + begin * rows->n_cols, rows->n - begin, rows->n_cols, mu);
    if (err == AL_OK) {
        report->is_fitted = true;
        report->n_taught = begin;
        judge(rows, begin, mu, aft.sigma, constant_rate(seconds, filled, begin), report);
    }
    aft_deinit(&aft);
    free(mu);
    return err;
}

static enum al_err fit_all(const struct fill_rows *rows,
                           const struct fill_hooks *hooks,
                           struct fill_report *report,
                           struct buf *model)
{
    struct aft aft = {0};
    enum al_err err = fit_part(rows, rows->n, rows->seconds, rows->filled, hooks, &aft);
    if (err == AL_OK)
        err = aft_save(&aft, model);
    report->n_rounds = aft.n_rounds;
    aft_deinit(&aft);
    return err;
}

enum al_err fill_times_fit(struct fill_rows *rows,
                           const struct fill_hooks *hooks,
                           struct fill_report *report,
                           struct buf *model)
{
    *report = (struct fill_report){.n = rows->n};
    for (size_t i = 0; i < rows->n; i++)
        report->n_filled += rows->filled[i];
    if (rows->n < FILL_TIMES_MIN || report->n_filled < FILLS_MIN)
        return AL_OK;
    enum al_err err = sort_rows(rows);
    double *seconds = malloc((rows->n + 1) * sizeof *seconds);
    bool *filled = malloc((rows->n + 1) * sizeof *filled);
    if (err == AL_OK && (seconds == NULL || filled == NULL))
        err = err_set(AL_ENOMEM, "%zu signals", rows->n);
    if (err == AL_OK)
        err = judge_model(rows, hooks, seconds, filled, report);
    if (err == AL_OK && report->is_fitted)
        err = fit_all(rows, hooks, report, model);
    if (err == AL_EINVAL) { /* they all took the same time: nothing to learn, and no fault */
        *report = (struct fill_report){.n = rows->n, .n_filled = report->n_filled};
        err = AL_OK;
    }
    free(seconds);
    free(filled);
    return err;
}
