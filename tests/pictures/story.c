#include "story.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/strategy/entry.h"

static const struct desk_options options = {
    .seed = 1,
    .edge = 1,
    .settings = {{"TRADING_ASSETS", "BTCUSDT,ETHUSDT,SOLUSDT"}, {"WARMUP_SIGNAL_FREQUENCY", "10"}},
    .strategy_json = "{\"decision\":{\"interval_seconds\":6},\"epsilon\":0.02,\"limits\":{\"rate\":"
                     "100000,\"burst\":1000},\"training\":{\"new_samples\":0},"
                     "\"rollout\":{\"false_alarm_days\":30}}",
};

static void check(enum al_err err, const char *what)
{
    if (err != AL_OK)
        fprintf(stderr, "pictures: %s: %s\n", what, err_text());
    assert(err == AL_OK);
}

double story_hour(const struct story *story, int64_t ts_ns)
{
    return (double)(ts_ns - story->start_ns) / (double)NS_PER_H;
}

int64_t story_ns(const struct story *story, double hour)
{
    return story->start_ns + (int64_t)(hour * (double)NS_PER_H);
}

static void play_until(struct story *story, double hour)
{
    desk_play(&story->desk, story_ns(story, hour) - story->desk.now_ns);
}

static void watch_prices(struct story *story)
{
    struct synthetic_truth truth;
    story->mids_ns = story->desk.now_ns;
    for (size_t i = 0; i < STORY_MIDS; i++) {
        synthetic_truth(story->desk.market, 0, NS_PER_S, &truth);
        story->mids[i] = truth.mid;
        desk_play(&story->desk, NS_PER_S);
    }
}

static struct scorer *load(struct train_result *result, int64_t now_ns)
{
    struct scorer *scorer;
    if (result->manifest_json.len == 0)
        check(train_result_seal(result, now_ns, 1), "seal");
    const struct model_files files = {buf_slice(&result->manifest_json), buf_slice(&result->trees),
                                      buf_slice(&result->probe), buf_slice(&result->model),
                                      buf_slice(&result->novelty)};
    check(scorer_create(&files, NULL, &scorer), "scorer");
    return scorer;
}

/* On the rows from `first` on. */
static void teach(struct story *story, uint32_t attempt, size_t first, struct train_result *result)
{
    struct desk_run *desk = &story->desk;
    struct train_rows rows;
    struct train_job *job = malloc(sizeof *job);
    assert(job != NULL);
    desk_job(desk, attempt, job);
    desk_rows(desk, first, &rows);
    check(train_run(job, pipeline_feature_set(desk->pipeline, &desk->strategy->strategy_id), &rows,
                    desk->scorer, NULL, result),
          "training");
    fprintf(stderr, "v%u, taught on %zu rows: %s\n", attempt, rows.n_rows, result->end.reason);
    assert(result->end.verdict == TRAIN_PROMOTE);
    train_rows_deinit(&rows);
    free(job);
}

/* The guard's CUSUM, once for each block that closed. */
static void watch_guard(struct story *story)
{
    struct desk_run *desk = &story->desk;
    struct rollout_view view;
    size_t cap = 60 * (size_t)(STORY_END_H - STORY_AGAIN_H), seen = 0; /* a block has two minutes */
    story->cusum = calloc(cap, sizeof *story->cusum);
    assert(story->cusum != NULL);
    while (isnan(story->rang_hour) && desk->now_ns < story_ns(story, STORY_END_H)) {
        desk_play(desk, desk->strategy->horizon_ns);
        if (desk->now_ns >= story_ns(story, STORY_GONE_H))
            synthetic_set_edge(desk->market, 0);
        pipeline_rollout_view(desk->pipeline, 0, desk->now_ns, &view);
        assert(view.n_shadows == 1);
        const struct rollout_cusum *cusum = &view.shadows[0].cusum;
        if (cusum->n == seen)
            continue;
        seen = cusum->n;
        assert(story->n_cusum < cap);
        story->cusum[story->n_cusum++] =
            (struct story_cusum){story_hour(story, desk->now_ns), cusum->level, cusum->threshold};
        if (cusum->alarm)
            story->rang_hour = story_hour(story, desk->now_ns);
    }
}

void story_play(struct story *story)
{
    struct desk_run *desk = &story->desk;
    *story = (struct story){.rang_hour = NAN};
    desk_start(desk, &options);
    desk->forgets_signals = true;
    story->start_ns = desk->now_ns;
    play_until(story, 1);
    watch_prices(story);
    play_until(story, STORY_TAUGHT_H);
    teach(story, 1, 0, &story->v1);
    story->scorer = load(&story->v1, desk->now_ns);
    play_until(story, STORY_ACTIVE_H);
    desk_let_decide(desk, &story->v1);
    play_until(story, STORY_STRONG_H);
    synthetic_set_edge(desk->market, STORY_STRONG);
    size_t n_before = desk->n_samples;
    play_until(story, STORY_AGAIN_H);
    teach(story, 2, n_before, &story->v2);
    learn_watch(desk->pipeline, &desk->strategy->strategy_id);
    learn_promote(desk->pipeline, &desk->strategy->strategy_id, load(&story->v2, desk->now_ns),
                  desk->now_ns);
    watch_guard(story);
}

void story_end(struct story *story)
{
    train_result_deinit(&story->v1);
    train_result_deinit(&story->v2);
    scorer_destroy(story->scorer);
    free(story->cusum);
    desk_stop(&story->desk);
}

/* ---- decisions ---- */

static int truth_cmp(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct uuid));
}

static double expected_return(const struct desk_run *desk, struct uuid id)
{
    const struct desk_truth *found =
        bsearch(&id, desk->truths, desk->n_truths, sizeof(struct desk_truth), truth_cmp);
    assert(found != NULL);
    return found->truth.expected_return;
}

static void ask(const struct story *story, struct story_decision *decision, size_t k)
{
    const struct desk_run *desk = &story->desk;
    float oriented[FEATURES_MAX], margin;
    const struct sample *row = &decision->rows[k];
    feature_orient(pipeline_feature_set(desk->pipeline, &desk->strategy->strategy_id),
                   row->features, row->action, oriented);
    check(scorer_predict(story->scorer, oriented, &decision->said[k]), "predict");
    check(scorer_margins(story->scorer, oriented, 1, &margin), "margin");
    decision->margin[k] = (double)margin;
}

/* The best takes the side of the expected return where that is more than trading costs on average. */
static void judge(const struct story *story, double cost, struct story_decision *decision)
{
    const struct sample *rows = decision->rows;
    struct action_value values[3] = {0};
    double expected = expected_return(&story->desk, rows->decision_id);
    for (size_t k = 0; k < 2; k++) {
        const struct prediction *said = &decision->said[k];
        values[rows[k].action] =
            (struct action_value){.q = said->q, .v = said->v, .v_lower = said->v_low};
        if (rows[k].policy_took)
            decision->u_logged = rows[k].net_return;
    }
    enum side side = entry_greedy(values);
    if (side != SIDE_NONE)
        decision->u_model = rows[side - SIDE_BUY].net_return;
    if (fabs(expected) > cost)
        decision->u_best = rows[expected > 0 ? 0 : 1].net_return;
}

static bool is_pair(const struct desk_run *desk, size_t i, int64_t from_ns, int64_t until_ns)
{
    const struct sample *buy = &desk->samples[i], *sell = buy + 1;
    return i + 1 < desk->n_samples && buy->t0_ns >= from_ns && buy->t0_ns < until_ns &&
           uuid_eq(buy->decision_id, sell->decision_id) && buy->action == SIDE_BUY &&
           sell->action == SIDE_SELL;
}

static int decision_cmp(const void *a, const void *b)
{
    const struct story_decision *x = a, *y = b;
    if (x->rows->t0_ns != y->rows->t0_ns)
        return x->rows->t0_ns < y->rows->t0_ns ? -1 : 1;
    return strcmp(x->rows->asset.text, y->rows->asset.text);
}

struct story_decision *story_decisions(struct story *story, double from, double until, size_t *n)
{
    struct desk_run *desk = &story->desk;
    int64_t from_ns = story_ns(story, from), until_ns = story_ns(story, until);
    struct story_decision *decisions = calloc(desk->n_samples / 2 + 1, sizeof *decisions);
    double cost = 0;
    assert(decisions != NULL);
    *n = 0;
    qsort(desk->truths, desk->n_truths, sizeof(struct desk_truth), truth_cmp);
    for (size_t i = 0; i < desk->n_samples; i++) {
        if (!is_pair(desk, i, from_ns, until_ns))
            continue;
        struct story_decision *decision = &decisions[(*n)++];
        decision->rows = &desk->samples[i];
        cost -= (decision->rows[0].net_return + decision->rows[1].net_return) / 2;
        i++;
    }
    for (size_t i = 0; i < *n; i++) {
        ask(story, &decisions[i], 0);
        ask(story, &decisions[i], 1);
        judge(story, cost / (double)*n, &decisions[i]);
    }
    qsort(decisions, *n, sizeof *decisions, decision_cmp);
    return decisions;
}
