/* The loop on a market with a known edge: warm-up trades, a model is taught and promoted, is held against decisions made
 * later, decides itself, and is found out when the edge is gone, which starts a training on what came since. What it finds is
 * printed beside the best there is.
 *
 * One market for all tests, in order of its time. The bounds leave a margin of several standard errors: a feature path that
 * is broken fails by far, an unlucky market does not. */
#include "harness/check.h"

#include <stdio.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "harness/desk_score.h"
#include "harness/desk_train.h"

#define WARM_UP_NS (16 * NS_PER_H)
#define LATER_NS                                                                                   \
    (16 * NS_PER_H) /* still warming up: both actions of the same decisions judge the model */
#define ACTIVE_NS (16 * NS_PER_H)
#define EPSILON   0.02

static const struct desk_options options = {
    .seed = 1,
    .edge = 1,
    .settings = {{"TRADING_ASSETS", "BTCUSDT,ETHUSDT,SOLUSDT,BNBUSDT"},
                 {"WARMUP_SIGNAL_FREQUENCY", "10"}},
    .strategy_json = "{\"decision\":{\"interval_seconds\":6},\"epsilon\":0.02,\"limits\":{\"rate\":"
                     "100000,\"burst\":1000},"
                     "\"training\":{\"new_samples\":0}}",
};

static struct {
    struct desk_run desk;
    struct train_result trained,
        retrained; /* by the test; by the first alarm after the edge died */
    struct synthetic_best best;
    struct desk_score later, active;
    int64_t taught_ns, active_ns, dead_ns;
    size_t n_alarms_alive, n_alarms_dead;
    int64_t first_alarm_ns;
} run;

/* What the worker does when the pipeline asks for a training, but that only the first alarm after the edge died is granted
 * one; what was asked for counts. */
static void on_training(struct desk_run *desk, const char *trigger)
{
    bool is_alarm = strcmp(trigger, "degradation") == 0, first = run.n_alarms_dead == 0;
    run.n_alarms_alive += is_alarm && run.dead_ns == 0;
    run.n_alarms_dead += is_alarm && run.dead_ns != 0;
    learn_on_training_start(desk->pipeline, &desk->strategy->strategy_id, desk->now_ns);
    if (is_alarm && run.dead_ns != 0 && first) {
        run.first_alarm_ns = desk->now_ns;
        desk_train(desk, 2, &run.retrained);
    }
    learn_on_training_end(desk->pipeline, &desk->strategy->strategy_id, true, 0, desk->now_ns);
}

static void score_later(void)
{
    struct train_result *result = &run.trained;
    struct scorer *scorer = NULL;
    check_ok(train_result_seal(result, run.desk.now_ns, 1));
    const struct model_files files = {buf_slice(&result->manifest_json), buf_slice(&result->trees),
                                      buf_slice(&result->probe), buf_slice(&result->model),
                                      buf_slice(&result->novelty)};
    check_ok(scorer_create(&files, NULL, &scorer));
    desk_play(&run.desk, LATER_NS);
    desk_score(&run.desk, run.taught_ns, scorer, &run.later);
    scorer_destroy(scorer);
}

static int begin(void **state)
{
    (void)state;
    struct desk_run *desk = &run.desk;
    desk_start(desk, &options);
    desk->forgets_signals = true;
    desk->on_training = on_training;
    desk_play(desk, WARM_UP_NS);
    run.taught_ns = desk->now_ns;
    desk_train(desk, 1, &run.trained);
    printf("trained on %zu samples: %s\n", desk->n_samples, run.trained.end.reason);
    if (run.trained.manifest == NULL)
        return -1;
    score_later();
    check_ok(synthetic_best(&desk->market_options, desk->strategy->horizon_ns, run.later.cost_bps,
                            20000, &run.best));
    return 0;
}

static int end(void **state)
{
    (void)state;
    train_result_deinit(&run.trained);
    train_result_deinit(&run.retrained);
    desk_stop(&run.desk);
    return 0;
}

static void test_the_gate_promotes_it(void **state)
{
    (void)state;
    check_i64(run.trained.end.verdict, TRAIN_PROMOTE);
}

/* Both numbers of the best: by the market's own arithmetic (sign of the mid's return over the horizon, the surer half of all
 * decisions), and on these very decisions, with their barriers, fills and costs. */
static void test_out_of_sample_it_finds_most_of_the_edge(void **state)
{
    (void)state;
    desk_score_print("decisions after the training", &run.later);
    printf("  any decision of this market: AUC %.4f, %.2f +- %.2f bp a trade on the surer half\n",
           run.best.auc, run.best.net_bps, 2 * run.best.net_bps_se);
    assert_true(run.later.auc - 0.5 > 0.6 * (run.later.best_auc - 0.5));
    assert_true(run.later.auc < run.best.auc + 0.02);
    assert_true(run.later.brier_skill > 0.015);
    assert_true(run.later.ece < 0.05);
}

static void test_out_of_sample_it_earns_after_costs(void **state)
{
    (void)state;
    assert_true(run.later.model.bps > 0.25 * run.later.best.bps);
    assert_true(run.later.model.bps > 2 * run.later.model.bps_se);
    assert_true(run.later.model.bps < 1.2 * run.later.best.bps);
    assert_true(run.later.logged.bps < -2); /* the warm-up pays its costs */
}

/* From here on the model decides. */
static void test_a_promoted_model_earns_what_it_was_promoted_for(void **state)
{
    (void)state;
    struct desk_run *desk = &run.desk;
    struct strategy_view view;
    desk_let_decide(desk, &run.trained);
    run.active_ns = desk->now_ns;
    desk_play(desk, ACTIVE_NS);
    desk_score(desk, run.active_ns, desk->scorer, &run.active);
    desk_score_print("decisions of the model (logged: what it really did, exploring included)",
                     &run.active);
    pipeline_strategy_view(desk->pipeline, 0, desk->now_ns, &view);
    assert_false(view.is_warmup);
    assert_string_equal(view.model_version.text, "v1");
    size_t n_novel = desk->n_abstentions[REASON_out_of_distribution];
    printf("intervals held %.3f of outcomes, made for %.2f; unlike anything seen: %zu of %zu "
           "decisions\n",
           view.interval_coverage, view.interval_nominal, n_novel, run.active.n_decisions);
    assert_true(run.active.logged.n_trades > 1000);
    assert_true(run.active.logged.bps > 2 * run.active.logged.bps_se);
    assert_true(run.active.logged.trade_bps > run.later.logged.trade_bps + 2);
}

/* Every decision has a probability, so what any other policy would have earned can be estimated: summed over decisions,
 * 1 / propensity of the buys adds up to the number of decisions, and so for the sells. */
static void test_what_it_explores_is_logged(void **state)
{
    (void)state;
    const struct desk_run *desk = &run.desk;
    double sum[3] = {0}, squares[3] = {0}, n = 0, n_explored = 0;
    for (size_t i = 0; i + 1 < desk->n_samples; i++) {
        const struct sample *s = &desk->samples[i];
        if (s->is_warmup || s->action != SIDE_BUY || !uuid_eq(s->decision_id, s[1].decision_id))
            continue;
        n++;
        for (size_t k = 0; k < 2; k++) {
            if (!s[k].policy_took)
                continue;
            assert_true(s[k].propensity >= EPSILON / 2 - 1e-12 &&
                        s[k].propensity <= 1 - EPSILON / 2 + 1e-12);
            sum[s[k].action] += 1 / s[k].propensity;
            squares[s[k].action] += 1 / (s[k].propensity * s[k].propensity);
            n_explored += s[k].propensity < EPSILON;
        }
    }
    printf("%.0f decisions of the model, %.0f explored; buys stand for %.0f, sells for %.0f\n", n,
           n_explored, sum[SIDE_BUY], sum[SIDE_SELL]);
    check_near(sum[SIDE_BUY], n, 5 * sqrt(squares[SIDE_BUY]));
    check_near(sum[SIDE_SELL], n, 5 * sqrt(squares[SIDE_SELL]));
    assert_true(n_explored > 0.3 * EPSILON * n && n_explored < 2 * EPSILON * n);
}

static void test_while_the_edge_lasts_the_alarm_is_quiet(void **state)
{
    (void)state;
    struct strategy_view view;
    pipeline_strategy_view(run.desk.pipeline, 0, run.desk.now_ns, &view);
    printf("%d hours: %zu alarms, live Brier skill %.3f\n", (int)(ACTIVE_NS / NS_PER_H),
           run.n_alarms_alive, view.live_brier_skill);
    check_i64((int64_t)run.n_alarms_alive, 0);
}

/* Everything looks the same afterwards, but the price ignores it. */
static void test_when_the_edge_dies_the_alarm_rings(void **state)
{
    (void)state;
    struct desk_run *desk = &run.desk;
    struct strategy_view before, after;
    pipeline_strategy_view(desk->pipeline, 0, desk->now_ns, &before);
    run.dead_ns = desk->now_ns;
    synthetic_set_edge(desk->market, 0);
    while (run.n_alarms_dead == 0 && desk->now_ns < run.dead_ns + 12 * NS_PER_H)
        desk_play(desk, 10 * NS_PER_MIN);
    pipeline_strategy_view(desk->pipeline, 0, desk->now_ns, &after);
    printf("the edge is gone: alarm after %.1f h and %llu trades of the model\n",
           (double)(run.first_alarm_ns - run.dead_ns) / (double)NS_PER_H,
           (unsigned long long)(after.n_settled - before.n_settled));
    assert_true(run.n_alarms_dead > 0);
}

/* The alarm is answered by a challenger that has seen the market without its edge; the gate says what it is worth. */
static void test_the_alarm_retrains_on_what_came_since(void **state)
{
    (void)state;
    struct strategy_view view;
    const struct manifest *challenger = run.retrained.manifest;
    assert_non_null(challenger);
    printf("retrained on %llu samples, %.1f h of them without edge: %s\n",
           (unsigned long long)challenger->data.n_rows,
           (double)(challenger->data.to_ns - run.dead_ns) / (double)NS_PER_H,
           run.retrained.end.reason);
    check_str(challenger->version.text, "v2");
    check_i64(challenger->data.cut_ns, run.first_alarm_ns);
    assert_true(challenger->data.to_ns > run.dead_ns);
    assert_true(challenger->data.n_rows > run.trained.manifest->data.n_rows);
    check_i64(run.retrained.end.verdict, challenger->gate.promote ? TRAIN_PROMOTE : TRAIN_REFUSE);
    pipeline_strategy_view(run.desk.pipeline, 0, run.desk.now_ns, &view);
    check_str(view.model_version.text, "v1"); /* only an activation changes who decides */
    assert_true(view.last_training_ns == run.first_alarm_ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_gate_promotes_it),
        cmocka_unit_test(test_out_of_sample_it_finds_most_of_the_edge),
        cmocka_unit_test(test_out_of_sample_it_earns_after_costs),
        cmocka_unit_test(test_a_promoted_model_earns_what_it_was_promoted_for),
        cmocka_unit_test(test_what_it_explores_is_logged),
        cmocka_unit_test(test_while_the_edge_lasts_the_alarm_is_quiet),
        cmocka_unit_test(test_when_the_edge_dies_the_alarm_rings),
        cmocka_unit_test(test_the_alarm_retrains_on_what_came_since),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
