/* The paths of combinatorial purged cross-validation (dataset/split.h): one history is one draw, five say how much of it
 * was luck.
 *
 * A split is judged on two groups of rows. Of the other four the newest is set aside: its older half says when to stop, its
 * newer half calibrates; three groups teach. So whatever a split uses has kept off the rows it is judged on, and nothing the
 * folds found out about those rows is carried over: not the number of rounds, not the calibration, which is Platt's here since
 * choosing a method would need rows as well. Intervals of outcomes, where the strategy asks for them, come from the calibrating
 * rows too, and what is novel from those that teach: a split abstains as its model would live. Only parameters that were searched for were chosen on all of these rows; how much
 * that flatters the paths is what PBO says.
 *
 * The paths judge the method, not the model that is served, which is taught on more rows; so their mean is a little low, and
 * it is their spread that says something. */
#include "play_i.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define PART_ROWS_MIN 50 /* of those that teach, and of each half of the group set aside */

/* What each path says, side by side: [n] decisions. */
struct history {
    float *q; /* [n][2] buy, sell */
    double *u;
    bool *traded;
};

struct walk {
    struct cpcv cpcv;
    size_t n;
    struct judged *decisions;      /* [n], groups one after the other */
    size_t begin[CPCV_GROUPS + 1]; /* of each group's decisions */
    uint32_t *rows;                /* scratch: [rows before the untouched block] */
    struct history paths[CPCV_PATHS];
};

static void walk_deinit(struct walk *walk)
{
    free(walk->decisions);
    free(walk->rows);
    for (size_t i = 0; i < CPCV_PATHS; i++) {
        free(walk->paths[i].q);
        free(walk->paths[i].u);
        free(walk->paths[i].traded);
    }
}

static bool history_init(struct history *history, size_t n)
{
    history->q = calloc(2 * n + 1, sizeof *history->q);
    history->u = calloc(n + 1, sizeof *history->u);
    history->traded = calloc(n + 1, sizeof *history->traded);
    return history->q != NULL && history->u != NULL && history->traded != NULL;
}

static void collect_decisions(const struct training *t, struct walk *walk)
{
    for (size_t g = 0; g < CPCV_GROUPS; g++) {
        size_t n_rows = cpcv_rows(&walk->cpcv, t->table.spans, 1U << g, 0, walk->rows);
        walk->begin[g] = walk->n;
        for (size_t i = 0; i < n_rows; i++)
            play_add_row(&t->table, walk->rows[i], walk->decisions, &walk->n);
    }
    walk->begin[CPCV_GROUPS] = walk->n;
}

static enum al_err walk_init(struct walk *walk, const struct training *t)
{
    size_t n_rows = t->holdout.test_begin;
    *walk = (struct walk){.decisions = malloc((n_rows + 1) * sizeof *walk->decisions),
                          .rows = malloc((n_rows + 1) * sizeof *walk->rows)};
    bool allocated = walk->decisions != NULL && walk->rows != NULL;
    enum al_err err = allocated ? split_combinatorial(&t->holdout, t->table.spans, &walk->cpcv)
                                : err_set(AL_ENOMEM, "paths");
    if (err == AL_OK)
        collect_decisions(t, walk);
    for (size_t i = 0; i < CPCV_PATHS && err == AL_OK; i++)
        err = history_init(&walk->paths[i], walk->n) ? AL_OK : err_set(AL_ENOMEM, "paths");
    return err;
}

/* ---- one split ---- */

/* The newest group that is not judged. */
static unsigned set_aside(unsigned tested)
{
    unsigned group = 1U << (CPCV_GROUPS - 1);
    while (group & tested)
        group >>= 1;
    return group;
}

struct lesson {
    struct teachers teachers;
    const uint32_t *calibrators;
    size_t n_calibrators;
    double n_independent; /* what the calibrators are worth */
};

/* Of the n rows set aside: where those begin that calibrate, whose labels meet none of the first half's. */
static size_t calibrators_begin(const struct label_span *spans, const uint32_t *rows, size_t n)
{
    int64_t until_ns = INT64_MIN;
    size_t begin = n / 2;
    for (size_t i = 0; i < n / 2; i++)
        until_ns = spans[rows[i]].t1_ns > until_ns ? spans[rows[i]].t1_ns : until_ns;
    while (begin < n && spans[rows[begin]].t0_ns <= until_ns)
        begin++;
    return begin;
}

/* Teachers keep off the judged groups and the group set aside, which keeps off the judged ones. */
static enum al_err make_lesson(const struct training *t,
                               const struct walk *walk,
                               unsigned tested,
                               struct lesson *out)
{
    const struct label_span *spans = t->table.spans;
    unsigned all = (1U << CPCV_GROUPS) - 1, aside = set_aside(tested);
    uint32_t *rows = walk->rows;
    size_t n_teach = cpcv_rows(&walk->cpcv, spans, all & ~(tested | aside), tested | aside, rows);
    uint32_t *kept = rows + n_teach;
    size_t n_kept = cpcv_rows(&walk->cpcv, spans, aside, tested, kept), n_stop = n_kept / 2;
    size_t begin = calibrators_begin(spans, kept, n_kept);
    *out = (struct lesson){.teachers = {rows, n_teach, train_stops_early(t->kind) ? n_stop : 0},
                           .calibrators = kept + begin,
                           .n_calibrators = n_kept - begin};
    for (size_t i = begin; i < n_kept; i++)
        out->n_independent += t->table.unique[kept[i]];
    if (n_teach < PART_ROWS_MIN || n_stop < PART_ROWS_MIN || n_kept - begin < PART_ROWS_MIN)
        return err_set(AL_ESHORT, "a split has %zu rows to teach, %zu to stop and %zu to calibrate",
                       n_teach, n_stop, n_kept - begin);
    return AL_OK;
}

/* What a split makes of its rows: a version but for its folder. */
struct version {
    struct fitted fitted;
    struct calibration calibration;
    struct conformal conformal;
    struct novelty *novelty;
};

static void version_deinit(struct version *version)
{
    fitted_deinit(&version->fitted);
    novelty_destroy(version->novelty);
}

static enum al_err calibrate(const struct training *t,
                             const struct lesson *lesson,
                             struct version *version)
{
    struct train_part part;
    float *margins = malloc((lesson->n_calibrators + 1) * sizeof *margins);
    if (margins == NULL)
        return err_set(AL_ENOMEM, "paths");
    enum al_err err = train_part_init(&part, &t->table, lesson->calibrators, lesson->n_calibrators);
    if (err == AL_OK) {
        const struct calibration_rows rows = {margins,      part.labels, part.net,
                                              part.weights, part.n,      lesson->n_independent};
        err = fitted_predict(&version->fitted, part.x, part.n, t->table.rows->n_cols, margins);
        if (err == AL_OK)
            err = calibration_fit(CALIBRATION_platt, &rows, t->job->value_z, &version->calibration);
        if (err == AL_OK)
            err = train_fit_conformal(t, &version->calibration, lesson->calibrators, margins,
                                      part.net, part.n, &version->conformal);
        train_part_deinit(&part);
    }
    free(margins);
    return err;
}

static enum al_err make_version(struct training *t,
                                const struct lesson *lesson,
                                struct version *version)
{
    enum al_err err = train_fit(t, &lesson->teachers, 0, NULL, &version->fitted);
    if (err == AL_OK)
        err = calibrate(t, lesson, version);
    if (err == AL_OK && t->job->abstain_when_novel)
        err = train_novelty_of(&t->table, lesson->teachers.indices, lesson->teachers.n_teach,
                               &version->novelty);
    return err;
}

static enum al_err judge_group(const struct training *t,
                               const struct walk *walk,
                               size_t group,
                               const struct version *version,
                               const struct history *path)
{
    size_t begin = walk->begin[group], n = walk->begin[group + 1] - begin;
    const struct judged *decisions = walk->decisions + begin;
    const struct play_policy policy =
        play_policy_of(t->job, &version->calibration, &version->conformal, version->novelty);
    float *margins = path->q + 2 * begin;
    if (n == 0)
        return AL_OK;
    enum al_err err =
        play_score(&t->table, decisions, n, play_margins_of_fitted, &version->fitted, margins);
    for (size_t i = 0; i < n && err == AL_OK; i++) {
        enum side choice = play_choose(&policy, &t->table, decisions + i, margins + 2 * i);
        path->u[begin + i] = play_utility(&t->table, &decisions[i], choice);
        path->traded[begin + i] = choice != SIDE_NONE;
        for (size_t k = 2 * i; k < 2 * i + 2; k++)
            margins[k] = (float)calibration_q(&version->calibration, (double)margins[k]);
    }
    return err;
}

static enum al_err run_split(struct training *t, struct walk *walk, size_t split)
{
    unsigned tested = cpcv_tested(split);
    struct lesson lesson;
    struct version version = {0};
    enum al_err err = make_lesson(t, walk, tested, &lesson);
    if (err != AL_OK)
        return err;
    if (t->paths.teach_min == 0 || lesson.teachers.n_teach < t->paths.teach_min)
        t->paths.teach_min = lesson.teachers.n_teach;
    err = make_version(t, &lesson, &version);
    for (size_t g = 0; g < CPCV_GROUPS && err == AL_OK; g++) {
        if (tested >> g & 1)
            err = judge_group(t, walk, g, &version, &walk->paths[cpcv_path(split, g)]);
    }
    version_deinit(&version);
    return err;
}

/* ---- what they say ---- */

/* The rows of the walk's decisions: what happened, and what the path said of it. */
struct said {
    size_t n;
    float *q, *net, *weights;
};

static void list_said(const struct training *t,
                      const struct walk *walk,
                      const struct history *path,
                      struct said *out)
{
    static const enum side sides[] = {SIDE_BUY, SIDE_SELL};
    out->n = 0;
    for (size_t i = 0; i < 2 * walk->n; i++) {
        size_t row = walk->decisions[i / 2].row[sides[i % 2]];
        if (row == NO_ROW)
            continue;
        out->q[out->n] = path->q[i];
        out->net[out->n] = t->table.net[row];
        out->weights[out->n++] = t->table.weights[row];
    }
}

static enum al_err evaluate_path(struct training *t,
                                 const struct walk *walk,
                                 const struct history *path,
                                 struct said *said,
                                 struct evaluation *out)
{
    evaluation_clear(out);
    list_said(t, walk, path, said);
    t->paths.n_rows = said->n;
    enum al_err err = evaluate_classification(said->q, said->net, said->weights, said->n, out);
    if (err != AL_OK)
        return err;
    evaluate_trading(path->u, path->traded, walk->n, out->base_rate, out);
    return play_evaluate_sharpe(t, path->u, walk->decisions, walk->n, out);
}

static enum al_err evaluate_paths(struct training *t, const struct walk *walk)
{
    struct said said = {.q = malloc((2 * walk->n + 1) * sizeof(float)),
                        .net = malloc((2 * walk->n + 1) * sizeof(float)),
                        .weights = malloc((2 * walk->n + 1) * sizeof(float))};
    enum al_err err = said.q == NULL || said.net == NULL || said.weights == NULL
                          ? err_set(AL_ENOMEM, "paths")
                          : AL_OK;
    for (size_t i = 0; i < CPCV_PATHS && err == AL_OK; i++)
        err = evaluate_path(t, walk, &walk->paths[i], &said, &t->paths.paths[i]);
    free(said.q);
    free(said.net);
    free(said.weights);
    if (err == AL_OK)
        t->paths.n_decisions = walk->n;
    return err;
}

static enum al_err walk_all(struct training *t)
{
    struct walk walk;
    double from = 0.92, to = 0.97;
    enum al_err err = walk_init(&walk, t);
    t->stage = TRAIN_STAGE_EVALUATE;
    for (size_t i = 0; i < CPCV_SPLITS && err == AL_OK; i++) {
        t->stage_from = from + (to - from) * (double)i / CPCV_SPLITS;
        t->stage_to = from + (to - from) * (double)(i + 1) / CPCV_SPLITS;
        err = run_split(t, &walk, i);
    }
    if (err == AL_OK)
        err = evaluate_paths(t, &walk);
    walk_deinit(&walk);
    return err;
}

/* Too few rows, or rows that cannot be calibrated on, are no fault: there are no paths then, and the report says why. */
enum al_err train_paths(struct training *t)
{
    if (t->job->cpcv_rows_max == 0)
        return AL_OK;
    enum al_err err = t->table.n <= t->job->cpcv_rows_max
                          ? walk_all(t)
                          : err_set(AL_EFULL, "there are %zu rows, more than %llu (cpcv_max_rows)",
                                    t->table.n, (unsigned long long)t->job->cpcv_rows_max);
    if (err != AL_ESHORT && err != AL_EMODEL && err != AL_EFULL)
        return err;
    snprintf(t->paths.why_not, sizeof t->paths.why_not, "%.*s", (int)sizeof t->paths.why_not - 1,
             err_text());
    return AL_OK;
}
