/* learning_pictures DIRECTORY: the pictures of docs/learning.md, from one synthetic market played by the worker's own code (story.h).
 * The same build gives the same bytes. `make pictures` writes them into docs/pictures/. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/dataset/split.h"
#include "alphaloop/io/file.h"
#include "alphaloop/report/forecast.h"

#include "plot.h"
#include "story.h"

#define BPS 1e4

static void *array(size_t n, size_t size)
{
    void *items = calloc(n + 1, size);
    assert(items != NULL);
    return items;
}

static void must(enum al_err err)
{
    assert(err == AL_OK);
    (void)err;
}

/* ---- 1: the triple barrier of one decision ---- */

#define LABEL_FROM_S (-14)
#define LABEL_TO_S   74

/* The first buy of ours whose upper barrier was touched halfway through its time. */
static const struct sample *choose_label(const struct story *story)
{
    int64_t until_ns = story->mids_ns + (STORY_MIDS - LABEL_TO_S) * NS_PER_S;
    for (size_t i = 0; i < story->desk.n_samples; i++) {
        const struct sample *s = &story->desk.samples[i];
        double seconds = (double)(s->t1_ns - s->t0_ns) / (double)NS_PER_S;
        if (s->t0_ns > story->mids_ns - LABEL_FROM_S * NS_PER_S && s->t0_ns < until_ns &&
            strcmp(s->asset.text, story->desk.market_options.assets[0].text) == 0 &&
            s->evidence == EVIDENCE_OWN_FILL && s->action == SIDE_BUY &&
            s->barrier == BARRIER_UPPER && seconds > 25 && seconds < 50)
            return s;
    }
    assert(0 && "a touch in twenty minutes");
    return NULL;
}

struct label_facts {
    double entry;               /* filled price */
    double filled_s, touched_s; /* since the decision */
    double limit;               /* of the barriers, bp of the entry */
    double horizon_s;
    double gross, cost, net; /* bp */
};

static struct label_facts label_facts(const struct story *story, const struct sample *s)
{
    const struct desk_run *desk = &story->desk;
    double quantity = 0, value = 0;
    int64_t filled_ns = s->t0_ns;
    for (size_t i = 0; i < desk->n_fills; i++) {
        const struct execution *fill = &desk->fills[i];
        if (!uuid_eq(fill->signal_id, s->decision_id))
            continue;
        double q = decimal_to_double(fill->quantity);
        quantity += q;
        value += q * decimal_to_double(fill->price);
        filled_ns = fill->executed_at_ns > filled_ns ? fill->executed_at_ns : filled_ns;
    }
    assert(quantity > 0);
    return (struct label_facts){
        .entry = value / quantity,
        .filled_s = (double)(filled_ns - s->t0_ns) / (double)NS_PER_S,
        .touched_s = (double)(s->t1_ns - s->t0_ns) / (double)NS_PER_S,
        .limit = BPS * s->sigma_h * desk->strategy->label.barrier_up,
        .horizon_s = (double)desk->strategy->horizon_ns / (double)NS_PER_S,
        .gross = BPS * s->gross_return,
        .cost = BPS * s->cost_return,
        .net = BPS * s->net_return,
    };
}

static void draw_barriers(const struct plot *p, const struct label_facts *f, struct buf *out)
{
    double end_s = f->filled_s + f->horizon_s;
    picture_rect(out, plot_x(p, f->filled_s), plot_y(p, f->limit), plot_x(p, f->touched_s),
                 plot_y(p, -f->limit), "panel");
    plot_grid(p, 10, 1, "%.0f bp", out);
    plot_ticks(p, 10, 1, "%.0f s", out);
    picture_segment(out, plot_x(p, f->filled_s), plot_y(p, f->limit), plot_x(p, end_s),
                    plot_y(p, f->limit), "line dash c2");
    picture_segment(out, plot_x(p, f->filled_s), plot_y(p, -f->limit), plot_x(p, end_s),
                    plot_y(p, -f->limit), "line dash c1");
    picture_segment(out, plot_x(p, end_s), plot_y(p, f->limit), plot_x(p, end_s),
                    plot_y(p, -f->limit), "line dash c4");
    picture_text(out, plot_x(p, f->filled_s) + 6, plot_y(p, f->limit) - 7, ANCHOR_START, "",
                 "upper barrier, +%.1f bp", f->limit);
    picture_text(out, plot_x(p, f->filled_s) + 6, plot_y(p, -f->limit) + 18, ANCHOR_START, "",
                 "lower barrier, \u2212%.1f bp", f->limit);
    picture_text(out, plot_x(p, end_s) + 8, plot_y(p, 0) - 6, ANCHOR_START, "", "time is up");
}

static void draw_label(struct story *story, struct buf *out)
{
    const struct sample *s = choose_label(story);
    struct label_facts f = label_facts(story, s);
    struct plot p = {.left = PLOT_LEFT,
                     .top = PLOT_TOP,
                     .right = PLOT_RIGHT,
                     .bottom = 330,
                     .from = LABEL_FROM_S,
                     .to = LABEL_TO_S,
                     .low = -1.45 * f.limit,
                     .high = 1.45 * f.limit};
    double x[LABEL_TO_S - LABEL_FROM_S + 1], y[LABEL_TO_S - LABEL_FROM_S + 1];
    size_t n = 0, first = (size_t)((s->t0_ns - story->mids_ns) / NS_PER_S + LABEL_FROM_S);
    for (; n < COUNT_OF(x); n++) {
        x[n] = LABEL_FROM_S + (double)n;
        y[n] = BPS * (story->mids[first + n] / f.entry - 1);
    }
    picture_begin(out, 372, "A label: what became of one buy",
                  "The mid price, second by second, around a decision of the simulated market. "
                  "From the fill an upper "
                  "and a lower barrier and the end of the horizon make a box. The price leaves it "
                  "through the upper "
                  "barrier, which ends the label.");
    picture_text(out, 20, 52, ANCHOR_START, "soft",
                 "Touched after %.0f s: %+.2f bp, less %.2f bp for fees and half the spread: r = "
                 "%+.2f bp, z = 1.",
                 f.touched_s, f.gross, f.cost, f.net);
    draw_barriers(&p, &f, out);
    plot_line(&p, x, y, n, "line c0", out);
    picture_dot(out, plot_x(&p, f.filled_s), plot_y(&p, 0), 5, "f0");
    picture_text(out, plot_x(&p, f.filled_s) + 10, plot_y(&p, 0) + 20, ANCHOR_START, "",
                 "decided and filled");
    picture_dot(out, plot_x(&p, f.touched_s), plot_y(&p, f.gross), 6, "hollow c2");
    picture_text(out, PLOT_RIGHT, p.bottom + 36, ANCHOR_END, "tick",
                 "mid price against the filled price, seconds since the decision");
    picture_end(out);
}

/* ---- 2: who teaches, who judges ---- */

#define SPLIT_FROM_H 2.0
#define SPLIT_TO_H   2.75

enum part { PART_none, PART_teaches, PART_purged, PART_judged };
static const char *const part_class[] = {"panel", "f0", "f1", "f2"};

struct split_rows {
    struct label_span *spans;
    size_t n;
    double *hour;     /* [n] of the decision */
    enum part *part;  /* [n] for one line of the picture */
    uint32_t *chosen; /* [n] room */
};

static int span_cmp(const void *a, const void *b)
{
    const struct label_span *x = a, *y = b;
    return x->t0_ns < y->t0_ns ? -1 : x->t0_ns > y->t0_ns;
}

static struct split_rows split_rows(const struct story *story)
{
    const struct desk_run *desk = &story->desk;
    struct split_rows rows = {.spans = array(desk->n_samples, sizeof *rows.spans)};
    for (size_t i = 0; i < desk->n_samples; i++) {
        const struct sample *s = &desk->samples[i];
        double hour = story_hour(story, s->t0_ns);
        if (hour >= SPLIT_FROM_H && hour < SPLIT_TO_H)
            rows.spans[rows.n++] = (struct label_span){s->t0_ns, s->t1_ns, s->available_at_ns};
    }
    qsort(rows.spans, rows.n, sizeof *rows.spans, span_cmp);
    rows.hour = array(rows.n, sizeof *rows.hour);
    rows.part = array(rows.n, sizeof *rows.part);
    rows.chosen = array(rows.n, sizeof *rows.chosen);
    for (size_t i = 0; i < rows.n; i++)
        rows.hour[i] = story_hour(story, rows.spans[i].t0_ns);
    return rows;
}

/* One bar, cut where what the rows do changes. */
static void draw_parts(const struct plot *p,
                       double y,
                       const struct split_rows *rows,
                       struct buf *out)
{
    for (size_t begin = 0, end; begin < rows->n; begin = end) {
        for (end = begin + 1; end < rows->n && rows->part[end] == rows->part[begin];)
            end++;
        double until = end < rows->n ? rows->hour[end] : p->to;
        picture_rect(out, plot_x(p, rows->hour[begin]), y, plot_x(p, until), y + 15,
                     part_class[rows->part[begin]]);
    }
}

static void draw_split(const struct plot *p,
                       double y,
                       const struct split *split,
                       struct split_rows *rows,
                       struct buf *out)
{
    for (size_t i = 0; i < rows->n; i++)
        rows->part[i] = i < split->test_begin ? PART_purged
                        : i < split->test_end ? PART_judged
                                              : PART_none;
    size_t n = split_teachers(split, rows->spans, rows->n, rows->chosen);
    for (size_t i = 0; i < n; i++)
        rows->part[rows->chosen[i]] = PART_teaches;
    draw_parts(p, y, rows, out);
}

static void draw_combination(const struct plot *p,
                             double y,
                             size_t split,
                             const struct cpcv *cpcv,
                             struct split_rows *rows,
                             struct buf *out)
{
    unsigned judged = cpcv_tested(split), others = ((1U << CPCV_GROUPS) - 1) & ~judged;
    size_t last = cpcv->groups[CPCV_GROUPS - 1].end;
    for (size_t i = 0; i < rows->n; i++)
        rows->part[i] = i < last ? PART_purged : PART_none;
    size_t n = cpcv_rows(cpcv, rows->spans, others, judged, rows->chosen);
    for (size_t i = 0; i < n; i++)
        rows->part[rows->chosen[i]] = PART_teaches;
    n = cpcv_rows(cpcv, rows->spans, judged, 0, rows->chosen);
    for (size_t i = 0; i < n; i++)
        rows->part[rows->chosen[i]] = PART_judged;
    draw_parts(p, y, rows, out);
}

static void draw_keys(struct buf *out)
{
    double x = 20;
    picture_key(out, &x, 54, true, "f0", "teaches");
    picture_key(out, &x, 54, true, "f1", "left out: label not known yet, or too near");
    picture_key(out, &x, 54, true, "f2", "is judged");
    picture_key(out, &x, 54, true, "panel", "not looked at");
}

static void draw_splits(struct story *story, struct buf *out)
{
    static const size_t shown[] = {0, 6, 11};
    struct train_job *job = array(1, sizeof *job);
    struct split_rows rows = split_rows(story);
    struct plot p = {.left = 180, .right = PLOT_RIGHT, .from = rows.hour[0], .to = SPLIT_TO_H};
    struct split folds[16], untouched;
    struct cpcv cpcv;
    desk_job(&story->desk, 1, job);
    assert(job->n_folds <= COUNT_OF(folds));
    const struct split_rule rule = {job->n_folds, job->holdout_fraction,
                                    story->desk.strategy->horizon_ns};
    must(split_walk_forward(&rule, rows.spans, rows.n, folds, &untouched));
    must(split_combinatorial(&untouched, rows.spans, &cpcv));
    picture_begin(
        out, 318, "Who may teach, who may judge",
        "Bars over time, one for each model that is fitted, cut into the rows that teach it, those "
        "that are "
        "left out, and those it is judged on. Folds walk forwards; the last fifth is judged once, "
        "by the final "
        "model. Below, three of fifteen combinatorial splits, judged on two groups of six.");
    draw_keys(out);
    double y = 74;
    for (size_t i = 0; i < job->n_folds; i++, y += 22) {
        picture_text(out, p.left - 12, y + 12, ANCHOR_END, "", "fold %zu", i + 1);
        draw_split(&p, y, &folds[i], &rows, out);
    }
    picture_text(out, p.left - 12, y + 12, ANCHOR_END, "", "final model");
    draw_split(&p, y, &untouched, &rows, out);
    y += 40;
    for (size_t i = 0; i < COUNT_OF(shown); i++, y += 22) {
        picture_text(out, p.left - 12, y + 12, ANCHOR_END, "", "split %zu of %d", shown[i] + 1,
                     CPCV_SPLITS);
        draw_combination(&p, y, shown[i], &cpcv, &rows, out);
    }
    picture_text(out, p.left, y + 16, ANCHOR_START, "tick",
                 "decisions of %.0f minutes, %zu rows \u2192", 60 * (SPLIT_TO_H - SPLIT_FROM_H),
                 rows.n);
    picture_end(out);
    free(rows.spans);
    free(rows.hour);
    free(rows.part);
    free(rows.chosen);
    free(job);
}

/* ---- 3: calibration ---- */

/* Both actions of each decision: what the trees said before, or after, against what came. */
static struct forecast_measures measure(const struct story_decision *decisions,
                                        size_t n,
                                        bool is_after)
{
    float *q = array(2 * n, sizeof *q), *v = array(2 * n, sizeof *v),
          *net = array(2 * n, sizeof *net);
    struct forecast_measures *measures = array(1, sizeof *measures), copy;
    for (size_t i = 0; i < 2 * n; i++) {
        const struct story_decision *d = &decisions[i / 2];
        q[i] = (float)(is_after ? d->said[i % 2].q : 1 / (1 + exp(-d->margin[i % 2])));
        v[i] = (float)d->said[i % 2].v;
        net[i] = (float)d->rows[i % 2].net_return;
    }
    const struct forecast_series series = {q, v, net, 2 * n, 60};
    must(forecast_measure(&series, 1, measures));
    copy = *measures;
    free(measures);
    free(q);
    free(v);
    free(net);
    return copy;
}

static void draw_bins(const struct plot *p,
                      const struct forecast_measures *f,
                      const char *stroke,
                      const char *dot,
                      struct buf *out)
{
    for (size_t i = 0; i < f->n_bins; i++) {
        const struct calibration_bin *bin = &f->bins[i];
        double x = plot_x(p, bin->q);
        picture_segment(out, x, plot_y(p, bin->share.low), x, plot_y(p, bin->share.high), stroke);
        picture_dot(out, x, plot_y(p, bin->share.value), 5, dot);
    }
}

static void draw_calibration(struct story *story, struct buf *out)
{
    size_t n;
    struct story_decision *decisions = story_decisions(story, STORY_TAUGHT_H, STORY_ACTIVE_H, &n);
    struct forecast_measures before = measure(decisions, n, false),
                             after = measure(decisions, n, true);
    struct plot p = {.left = PLOT_LEFT,
                     .top = PLOT_TOP,
                     .right = PLOT_RIGHT,
                     .bottom = 380,
                     .from = 0.1,
                     .to = 0.8,
                     .low = 0.1,
                     .high = 0.8};
    double x = 20;
    picture_begin(out, 430, "Probabilities that mean what they say",
                  "Ten bins of decisions after the training: the probability that was said on the "
                  "horizontal axis, the "
                  "share of net gains that came on the vertical one, with Wilson's 95 per cent "
                  "intervals, before and "
                  "after calibration. On the diagonal they agree.");
    picture_key(out, &x, 54, false, "line c1", "the trees alone");
    picture_key(out, &x, 54, false, "line wide c0", "calibrated on predictions out of fold");
    picture_key(out, &x, 54, false, "line dash c4", "said is what came");
    plot_grid(&p, 0.1, 100, "%.0f %%", out);
    plot_ticks(&p, 0.1, 100, "%.0f %%", out);
    picture_segment(out, p.left, p.bottom, p.right, p.top, "line dash c4");
    draw_bins(&p, &before, "line c1", "hollow c1", out);
    draw_bins(&p, &after, "line wide c0", "f0", out);
    picture_text(out, p.left + 10, p.top + 18, ANCHOR_START, "",
                 "calibration error %.3f before, %.3f after", before.ece, after.ece);
    picture_text(out, p.left + 10, p.top + 38, ANCHOR_START, "soft",
                 "%zu decisions after the training", n);
    picture_text(out, PLOT_RIGHT, p.bottom + 40, ANCHOR_END, "tick",
                 "probability said; upwards: share of net gains that came");
    picture_end(out);
    free(decisions);
}

/* ---- 4: intervals ---- */

#define WINDOW_H 0.5

struct coverage {
    double hour, adaptive, fixed; /* NaN: too few */
};

/* Of the intervals whose decisions lie in the window before `hour`. */
static struct coverage cover(const struct story *story,
                             const struct story_decision *d,
                             size_t n,
                             double hour)
{
    double rows = 0, held = 0, held_fixed = 0;
    const struct conformal *conformal = &story->v1.manifest->conformal;
    for (size_t i = 0; i < 2 * n; i++) {
        const struct sample *s = &d[i / 2].rows[i % 2];
        double at = story_hour(story, s->t0_ns);
        if (isnan(s->interval.coverage) || at <= hour - WINDOW_H || at > hour)
            continue;
        struct interval fixed =
            conformal_interval(conformal, d[i / 2].said[i % 2].v, s->sigma_h, STORY_COVERAGE);
        rows++;
        held += !interval_misses(&s->interval, s->net_return);
        held_fixed += !interval_misses(&fixed, s->net_return);
    }
    return (struct coverage){hour, held / rows, held_fixed / rows};
}

static void draw_change(const struct plot *p, double hour, const char *text, struct buf *out)
{
    picture_segment(out, plot_x(p, hour), p->top, plot_x(p, hour), p->bottom, "line thin c4");
    picture_text(out, plot_x(p, hour) + 8, p->bottom - 10, ANCHOR_START, "", "%s", text);
}

static void draw_intervals(struct story *story, struct buf *out)
{
    enum { POINTS = 115 };
    size_t n;
    struct story_decision *decisions = story_decisions(story, STORY_ACTIVE_H, STORY_AGAIN_H, &n);
    struct plot p = {.left = PLOT_LEFT,
                     .top = PLOT_TOP,
                     .right = PLOT_RIGHT,
                     .bottom = 300,
                     .from = STORY_ACTIVE_H,
                     .to = STORY_AGAIN_H,
                     .low = 0.8,
                     .high = 1};
    double hours[POINTS], adaptive[POINTS], fixed[POINTS], x = 20;
    for (size_t i = 0; i < POINTS; i++) {
        struct coverage c = cover(story, decisions, n, STORY_ACTIVE_H + WINDOW_H + (double)i / 12);
        hours[i] = c.hour;
        adaptive[i] = c.adaptive;
        fixed[i] = c.fixed;
    }
    picture_begin(out, 346, "Intervals that keep their promise when the market changes",
                  "Share of outcomes inside their interval over the hours a model decided, in "
                  "windows of half an hour. "
                  "Adaptive intervals stay near the 90 per cent they promise; the same intervals "
                  "without adaptation "
                  "become too wide when the market changes.");
    picture_key(out, &x, 54, false, "line wide c0", "adaptive, as served");
    picture_key(out, &x, 54, false, "line c1", "not adaptive");
    picture_key(out, &x, 54, false, "line dash c4", "promised");
    plot_grid(&p, 0.05, 100, "%.0f %%", out);
    plot_ticks(&p, 1, 1, "%.0f h", out);
    picture_segment(out, p.left, plot_y(&p, STORY_COVERAGE), p.right, plot_y(&p, STORY_COVERAGE),
                    "line dash c4");
    draw_change(&p, STORY_STRONG_H, "here the edge of the market grows", out);
    plot_line(&p, hours, fixed, POINTS, "line c1", out);
    plot_line(&p, hours, adaptive, POINTS, "line wide c0", out);
    picture_text(out, PLOT_RIGHT, p.bottom + 38, ANCHOR_END, "tick",
                 "share of outcomes inside their interval, half an hour before");
    picture_end(out);
    free(decisions);
}

/* ---- 5: what it is worth ---- */

#define PATHS 3

/* A point a minute: the sums of what everybody's decisions earned so far. Returns how many points. */
static size_t sum_up(const struct story *story,
                     const struct story_decision *d,
                     size_t n,
                     double *hours,
                     double *sums[PATHS])
{
    size_t n_points = 0;
    double so_far[PATHS] = {0};
    for (size_t i = 0; i < n; i++) {
        const double u[PATHS] = {d[i].u_best, d[i].u_model, d[i].u_logged};
        for (size_t k = 0; k < PATHS; k++)
            so_far[k] += u[k];
        if (i + 1 < n && d[i + 1].rows->t0_ns / NS_PER_MIN == d[i].rows->t0_ns / NS_PER_MIN)
            continue;
        hours[n_points] = story_hour(story, d[i].rows->t0_ns);
        for (size_t k = 0; k < PATHS; k++)
            sums[k][n_points] = so_far[k];
        n_points++;
    }
    return n_points;
}

static void draw_worth(
    const struct plot *p, double sum, size_t n, const char *name, struct buf *out)
{
    double each = BPS * sum / (double)n;
    picture_text(out, p->right + 8, plot_y(p, sum) - 3, ANCHOR_START, "", "%s", name);
    picture_text(out, p->right + 8, plot_y(p, sum) + 15, ANCHOR_START, "soft",
                 "%s%.2f bp a decision", each < 0 ? "\u2212" : "+", fabs(each));
}

static void draw_utility(struct story *story, struct buf *out)
{
    static const char *const names[PATHS] = {"who sees the edge", "the model", "warm-up"};
    static const char *const classes[PATHS] = {"line dash c2", "line wide c0", "line c1"};
    size_t n;
    struct story_decision *d = story_decisions(story, STORY_TAUGHT_H, STORY_ACTIVE_H, &n);
    double *hours = array(n, sizeof *hours), *sums[PATHS];
    struct plot p = {.left = PLOT_LEFT,
                     .top = PLOT_TOP,
                     .right = 570,
                     .bottom = 330,
                     .from = STORY_TAUGHT_H,
                     .to = STORY_ACTIVE_H};
    for (size_t k = 0; k < PATHS; k++)
        sums[k] = array(n, sizeof *sums[k]);
    size_t n_points = sum_up(story, d, n, hours, sums);
    for (size_t k = 0; k < PATHS; k++) {
        p.low = fmin(p.low, 1.05 * sums[k][n_points - 1]);
        p.high = fmax(p.high, 1.1 * sums[k][n_points - 1]);
    }
    picture_begin(out, 376, "What a model is worth on decisions it has not seen",
                  "Summed net return after all costs over the hours after the training, on the "
                  "same decisions: the "
                  "warm-up policy loses its costs, the model gains, and someone who sees the true "
                  "edge of the market "
                  "gains more.");
    picture_text(
        out, 20, 52, ANCHOR_START, "soft",
        "%zu decisions after the training: summed net return, in per cent of the amount of one", n);
    plot_grid(&p, 0.5, 100, "%.0f %%", out);
    plot_ticks(&p, 1, 1, "%.0f h", out);
    for (size_t k = 0; k < PATHS; k++) {
        plot_line(&p, hours, sums[k], n_points, classes[k], out);
        draw_worth(&p, sums[k][n_points - 1], n, names[k], out);
        free(sums[k]);
    }
    picture_end(out);
    free(hours);
    free(d);
}

/* ---- 6: rollback ---- */

static void draw_rollback(struct story *story, struct buf *out)
{
    size_t n = story->n_cusum;
    double *hours = array(n, sizeof *hours), *levels = array(n, sizeof *levels);
    assert(isfinite(story->rang_hour));
    double limit = story->cusum[n - 1].threshold, last = story->cusum[n - 1].level;
    for (size_t i = 0; i < n; i++) {
        hours[i] = story->cusum[i].hour;
        levels[i] = story->cusum[i].level;
    }
    struct plot p = {.left = PLOT_LEFT,
                     .top = PLOT_TOP,
                     .right = PLOT_RIGHT,
                     .bottom = 300,
                     .from = STORY_AGAIN_H,
                     .to = story->rang_hour + 0.6,
                     .high = fmax(last, limit) * 1.15};
    picture_begin(out, 328, "A model that became worse goes back",
                  "The guard's CUSUM, block by block, from the hour a second model took over. When "
                  "the edge of the market "
                  "disappears it climbs to its threshold and the model before takes over again.");
    picture_text(out, 20, 52, ANCHOR_START, "soft",
                 "CUSUM of what the guard would have earned more; it rang %.1f h after the change",
                 story->rang_hour - STORY_GONE_H);
    picture_rect(out, plot_x(&p, STORY_GONE_H), p.top, plot_x(&p, story->rang_hour), p.bottom,
                 "panel");
    plot_grid(&p, 5, 1, "%.0f", out);
    plot_ticks(&p, 1, 1, "%.0f h", out);
    picture_segment(out, p.left, plot_y(&p, limit), p.right, plot_y(&p, limit), "line dash c1");
    picture_text(out, plot_x(&p, STORY_GONE_H) + 10, plot_y(&p, limit) - 8, ANCHOR_START, "",
                 "threshold: one false alarm in %.0f days",
                 story->desk.strategy->rollout.false_alarm_days);
    draw_change(&p, STORY_GONE_H, "", out);
    picture_text(out, plot_x(&p, STORY_GONE_H) + 10, plot_y(&p, limit / 2), ANCHOR_START, "",
                 "the edge is gone");
    plot_line(&p, hours, levels, n, "line c0", out);
    picture_dot(out, plot_x(&p, hours[n - 1]), plot_y(&p, last), 6, "hollow c0");
    picture_text(out, plot_x(&p, hours[n - 1]) - 12, plot_y(&p, last) - 8, ANCHOR_END, "",
                 "rollback");
    picture_end(out);
    free(hours);
    free(levels);
}

/* ---- all of them ---- */

static const struct {
    const char *name;
    void (*draw)(struct story *story, struct buf *out);
} pictures[] = {
    {"label", draw_label},         {"splits", draw_splits},   {"calibration", draw_calibration},
    {"intervals", draw_intervals}, {"utility", draw_utility}, {"rollback", draw_rollback}};

int main(int argc, char **argv)
{
    static struct story story;
    char path[4096];
    if (argc != 2) {
        fprintf(stderr, "usage: learning_pictures DIRECTORY\n");
        return 2;
    }
    story_play(&story);
    for (size_t i = 0; i < COUNT_OF(pictures); i++) {
        struct buf out = BUF_INIT(1 << 20);
        pictures[i].draw(&story, &out);
        assert(buf_ok(&out));
        snprintf(path, sizeof path, "%s/%s.svg", argv[1], pictures[i].name);
        if (file_write_whole(path, buf_slice(&out)) != AL_OK) {
            fprintf(stderr, "%s: %s\n", path, err_text());
            return 1;
        }
        buf_deinit(&out);
    }
    story_end(&story);
    return 0;
}
