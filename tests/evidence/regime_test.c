/* A market that changes its mind and changes it back. Model v1 is taught while the price follows what book and trades show; then
 * the price goes against them, v2 is taught on that, wins against v1 at the gate and decides, with v1 as its guard; then the
 * first regime returns. The guard must have v1 decide again, soon, and not before.
 *
 * Everything is the worker's own: trainings, the gate, scores of both versions at every decision, the CUSUM. The tests are the
 * chapters of one market, in order of its time, and are told of several markets. */
#include "harness/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "harness/desk_train.h"

#define TAUGHT_NS   (8 * NS_PER_H) /* of each regime, before a model is taught on it */
#define QUIET_NS    (8 * NS_PER_H) /* the guard has nothing to say */
#define PATIENCE_NS (6 * NS_PER_H)
#define AFTER_NS    (2 * NS_PER_H)
#define MARKETS     3
#define FIRST_SEED  3
#define EDGE        1.5

/* A window of 7.2 hours: what v2 learns from is the second regime alone. */
static struct desk_options options = {
    .edge = EDGE,
    .settings = {{"TRADING_ASSETS", "BTCUSDT,ETHUSDT,SOLUSDT,BNBUSDT"},
                 {"WARMUP_SIGNAL_FREQUENCY", "8"}},
    .strategy_json = "{\"decision\":{\"interval_seconds\":8},\"epsilon\":0.02,\"limits\":{\"rate\":"
                     "100000,\"burst\":1000},"
                     "\"training\":{\"new_samples\":0,\"window_days\":0.3}}",
};

static struct {
    struct desk_run desk;
    struct train_result first, second;
    int64_t second_ns, changed_ns,
        back_ns;              /* v2 decides; the first regime returns; v1 decides again */
    struct rollout_step step; /* the rollback */
    size_t n_steps, n_scores, n_samples; /* moves asked for; what was stored by the rollback */
} run;

/* Nobody is taught but by the test. */
static void on_training(struct desk_run *desk, const char *trigger)
{
    (void)trigger;
    learn_on_training_start(desk->pipeline, &desk->strategy->strategy_id, desk->now_ns);
    learn_on_training_end(desk->pipeline, &desk->strategy->strategy_id, true, 0, desk->now_ns);
}

static void on_rollout(struct desk_run *desk, const struct rollout_step *step)
{
    run.n_steps++;
    run.step = *step;
    run.n_scores = desk->n_scores;
    run.n_samples = desk->n_samples;
    run.back_ns = desk->now_ns;
    desk_roll_back(desk, step, &run.first);
}

static int begin(void **state)
{
    (void)state;
    struct desk_run *desk = &run.desk;
    memset(&run, 0, sizeof run);
    desk_start(desk, &options);
    desk->forgets_signals = desk->keeps_scores = true;
    desk->on_training = on_training;
    desk->on_rollout = on_rollout;
    return 0;
}

static int end(void **state)
{
    (void)state;
    train_result_deinit(&run.first);
    train_result_deinit(&run.second);
    desk_stop(&run.desk);
    return 0;
}

static struct rollout_view look(void)
{
    struct rollout_view view;
    pipeline_rollout_view(run.desk.pipeline, 0, run.desk.now_ns, &view);
    return view;
}

static double hours(int64_t ns)
{
    return (double)ns / (double)NS_PER_H;
}

/* ---- what was earned ---- */

struct earned {
    size_t n;
    double bps; /* mean net return of the trades that were made, times their filled part */
};

static struct earned earned_between(int64_t from_ns, int64_t to_ns)
{
    struct earned sum = {0};
    for (size_t i = 0; i < run.desk.n_samples; i++) {
        const struct sample *sample = &run.desk.samples[i];
        if (!sample->policy_took || sample->t0_ns < from_ns || sample->t0_ns >= to_ns)
            continue;
        sum.n++;
        sum.bps += 1e4 * sample->net_return * sample->fill_fraction;
    }
    sum.bps /= (double)(sum.n > 0 ? sum.n : 1);
    return sum;
}

static void print_earned(const char *who, int64_t from_ns, int64_t to_ns)
{
    struct earned earned = earned_between(from_ns, to_ns);
    printf("  %-44s %5.1f h  %6zu trades  net %+.2f bp a trade\n", who, hours(to_ns - from_ns),
           earned.n, earned.bps);
}

/* ---- the story ---- */

static void test_each_regime_is_learned_and_passes_the_gate(void **state)
{
    (void)state;
    struct desk_run *desk = &run.desk;
    desk_play(desk, TAUGHT_NS);
    desk_train(desk, 1, &run.first);
    printf("market %d\nv1: %s\n", (int)options.seed, run.first.end.reason);
    check_i64(run.first.end.verdict, TRAIN_PROMOTE);
    desk_promote(desk, &run.first);
    synthetic_set_edge(desk->market, -EDGE);
    desk_play(desk, TAUGHT_NS);
    desk_train(desk, 2, &run.second);
    printf("v2 against v1: %s\n", run.second.end.reason);
    check_i64(run.second.end.verdict, TRAIN_PROMOTE);
    desk_promote(desk, &run.second);
    run.second_ns = desk->now_ns;
    struct rollout_view view = look();
    check_str(view.active.text, "v2");
    check_i64((int64_t)view.n_shadows, 1);
    check_str(view.shadows[0].version.text, "v1");
    check_i64(view.shadows[0].stage, ROLLOUT_guard);
}

static void test_while_the_regime_lasts_nothing_is_rolled_back(void **state)
{
    (void)state;
    desk_play(&run.desk, QUIET_NS);
    struct rollout_view view = look();
    check_i64((int64_t)run.n_steps, 0);
    check_str(view.active.text, "v2");
    assert_true(view.shadows[0].n_blocks > 200); /* of two minutes */
    assert_true(view.shadows[0].cusum.level < 0.5 * view.shadows[0].cusum.threshold);
}

static void test_when_the_regime_changes_the_guard_takes_over(void **state)
{
    (void)state;
    struct desk_run *desk = &run.desk;
    run.changed_ns = desk->now_ns;
    synthetic_set_edge(desk->market, EDGE);
    while (run.n_steps == 0 && desk->now_ns < run.changed_ns + PATIENCE_NS)
        desk_play(desk, NS_PER_MIN);
    check_i64((int64_t)run.n_steps, 1);
    check_i64(run.step.to, ROLLOUT_rolled_back);
    check_str(run.step.version.text, "v2");
    check_str(run.step.target.text, "v1");
    int64_t delay_ns = run.back_ns - run.changed_ns;
    printf(
        "rolled back %.2f h (%.0f blocks of %.0f s) after the change, none in %.1f h before it\n",
        hours(delay_ns), (double)delay_ns / (double)look().block_ns, (double)look().block_ns / 1e9,
        hours(QUIET_NS));
    printf("  %s\n", run.step.verdict.text);
    assert_true(delay_ns < 4 * NS_PER_H);
}

static void test_the_model_before_it_decides_and_earns_again(void **state)
{
    (void)state;
    desk_play(&run.desk, AFTER_NS);
    struct rollout_view view = look();
    check_str(view.active.text, "v1");
    assert_true(view.is_watched);
    check_i64(view.cooling_until_ns, run.back_ns + 24 * NS_PER_H);
    check_i64((int64_t)run.n_steps, 1);
    int64_t end_ns = run.desk.now_ns;
    print_earned("v2 in the regime it was taught in", run.second_ns, run.changed_ns);
    print_earned("v2 after the change, until it was rolled back", run.changed_ns, run.back_ns);
    print_earned("v1 from then on", run.back_ns, end_ns);
    assert_true(earned_between(run.second_ns, run.changed_ns).bps > 0.5);
    assert_true(earned_between(run.changed_ns, run.back_ns).bps < -2);
    assert_true(earned_between(run.back_ns, end_ns).bps > 0.5);
}

/* ---- after a restart ---- */

struct settled {
    struct uuid decision_id;
    bool known[3];
    double utility[3];
};

static int by_id(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct uuid));
}

/* Every decision that had settled by the rollback, by id. */
static struct settled *settled_decisions(size_t *n)
{
    struct settled *items = calloc(run.n_samples + 1, sizeof *items);
    assert_non_null(items);
    *n = 0;
    for (size_t i = 0; i < run.n_samples; i++) {
        const struct sample *sample = &run.desk.samples[i];
        if (*n == 0 || !uuid_eq(items[*n - 1].decision_id, sample->decision_id))
            items[(*n)++].decision_id = sample->decision_id;
        items[*n - 1].known[sample->action] = true;
        items[*n - 1].utility[sample->action] = sample->net_return * sample->fill_fraction;
    }
    qsort(items, *n, sizeof *items, by_id);
    return items;
}

static bool known_choice(const struct settled *it, const struct shadow_score *score)
{
    return score->side == SIDE_NONE || it->known[score->side];
}

static double utility_of(const struct settled *it, const struct shadow_score *score)
{
    return score->side == SIDE_NONE ? 0 : it->utility[score->side];
}

struct joined {
    struct asset asset;
    struct paired_block block;
};

/* What the tables hold of v2 and its guard, scores and samples, decision by decision, in order of time. */
static struct joined *join(size_t *n)
{
    size_t n_settled;
    struct settled *items = settled_decisions(&n_settled);
    struct joined *out = calloc(run.n_scores + 1, sizeof *out);
    assert_non_null(out);
    *n = 0;
    for (size_t i = 0; i < run.n_scores; i++) {
        const struct shadow_scores *scores = &run.desk.scores[i];
        const struct settled *it =
            bsearch(&scores->decision_id, items, n_settled, sizeof *items, by_id);
        const struct shadow_score *serving = &scores->items[0], *guard = &scores->items[1];
        if (it == NULL || strcmp(serving->version.text, "v2") != 0 || !known_choice(it, serving) ||
            !known_choice(it, guard))
            continue;
        double u_a = utility_of(it, serving), u_b = utility_of(it, guard);
        out[(*n)++] = (struct joined){
            scores->asset,
            {.index = scores->block, .n = 1, .d = u_b - u_a, .u_b = u_b, .u_a = u_a}};
    }
    free(items);
    return out;
}

/* How long after the change the CUSUM of these blocks rings when one false alarm in so many days is asked for, h; below 0: that
 * long before it; NaN: not by the rollback. */
static double delay_h(const struct paired *paired, double days)
{
    int64_t block_ns = ROLLOUT_BLOCK_SPANS * run.desk.strategy->horizon_ns;
    double mean_blocks = days * 24 / hours(block_ns), found = (double)NAN;
    double *x = calloc(paired->n_closed + 1, sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < paired->n_closed && isnan(found); i++) {
        x[i] = paired->blocks[i].d;
        if (rollout_cusum(x, i + 1, mean_blocks).alarm)
            found = hours((paired->blocks[i].index + 2) * block_ns - run.changed_ns);
    }
    free(x);
    return found;
}

/* A block counts when a decision of the next but one has settled; told here is when that one begins. */
static void test_the_delay_is_the_price_of_few_false_alarms(void **state)
{
    static const double days[] = {365, 30, 7};
    struct paired paired = {0};
    double before = INFINITY;
    size_t n;
    (void)state;
    struct joined *items = join(&n);
    for (size_t i = 0; i < n; i++)
        check_ok(paired_add(&paired, &items[i].block, &items[i].asset));
    printf("  one false alarm in");
    for (size_t i = 0; i < COUNT_OF(days); i++) {
        double delay = delay_h(&paired, days[i]);
        printf("%s %.0f days: %.2f h", i > 0 ? "," : "", days[i], delay);
        assert_true(delay > 0 && delay <= before);
        before = delay;
    }
    printf(" after the change\n");
    check_near(delay_h(&paired, 365), hours(run.back_ns - run.changed_ns), 0.1);
    paired_deinit(&paired);
    free(items);
}

static bool take_step(struct effects *effects, struct rollout_step *step)
{
    struct effect effect;
    bool found = false;
    while (effects_take(effects, &effect)) {
        if (effect.kind == EFFECT_rollout_step) {
            *step = *effect.rollout;
            found = true;
        }
        effect_deinit(&effect);
    }
    return found;
}

struct restarted {
    struct pipeline *pipeline;
    struct effects effects;
};

static void on_market(void *ctx, const struct market_event *event)
{
    struct restarted *it = ctx;
    act_on_market(it->pipeline, event, event->ts_event_ns, &it->effects);
}

/* Had it ended just before the rollback, another one begun with what was stored would come to the same. */
static void test_what_was_stored_comes_to_the_same_after_a_restart(void **state)
{
    (void)state;
    const struct strategy_id *id = &run.desk.strategy->strategy_id;
    struct pipeline_options core = {run.desk.settings, run.desk.strategy, 1, 99};
    const struct rollout_start guard = {
        .stage = ROLLOUT_guard, .attempt = 1, .stage_since_ns = run.second_ns};
    struct restarted it;
    struct model_version_id ousted;
    struct rollout_step step;
    size_t n;
    effects_init(&it.effects);
    check_ok(pipeline_create(&core, &it.pipeline));
    learn_activate(it.pipeline, id, desk_scorer(&run.desk, &run.second), run.second_ns);
    learn_watch(it.pipeline, id);
    assert_true(learn_shadow(it.pipeline, id, desk_scorer(&run.desk, &run.first), &guard, &ousted));
    struct joined *items = join(&n);
    for (size_t i = 0; i < n; i++)
        pipeline_restore_block(it.pipeline, id, &run.first.manifest->version, &items[i].asset,
                               &items[i].block);
    free(items);
    synthetic_step(run.desk.market, on_market, &it); /* nothing moves before it knows the time */
    (void)pipeline_tick(it.pipeline, synthetic_now_ns(run.desk.market), &it.effects);
    assert_true(take_step(&it.effects, &step));
    check_i64(step.to, ROLLOUT_rolled_back);
    check_str(step.target.text, "v1");
    check_i64((int64_t)step.n_blocks, (int64_t)run.step.n_blocks);
    check_near(step.cusum.level, run.step.cusum.level, 1e-9);
    pipeline_destroy(it.pipeline);
    effects_deinit(&it.effects);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_regime_is_learned_and_passes_the_gate),
        cmocka_unit_test(test_while_the_regime_lasts_nothing_is_rolled_back),
        cmocka_unit_test(test_when_the_regime_changes_the_guard_takes_over),
        cmocka_unit_test(test_the_model_before_it_decides_and_earns_again),
        cmocka_unit_test(test_the_delay_is_the_price_of_few_false_alarms),
        cmocka_unit_test(test_what_was_stored_comes_to_the_same_after_a_restart),
    };
    int n_failed = 0;
    for (options.seed = FIRST_SEED; options.seed < FIRST_SEED + MARKETS; options.seed++)
        n_failed += cmocka_run_group_tests(tests, begin, end);
    return n_failed;
}
