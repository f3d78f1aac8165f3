/* What a search for parameters is worth on a simulated market: the strategy's own parameters, points at random and the
 * estimator's proposals, with the same budget on the same rows, by the log loss out of fold that each chose by, and by that on
 * the untouched block, which none of them saw. Printed for several stretches of one market. */
#include "harness/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "harness/desk_train.h"

#define STRETCHES  6
#define STRETCH_NS (2 * NS_PER_H)
#define TRIALS     20

static const struct desk_options options = {
    .seed = 3,
    .edge = 1,
    .settings = {{"TRADING_ASSETS", "BTCUSDT,ETHUSDT"}, {"WARMUP_SIGNAL_FREQUENCY", "10"}},
    .strategy_json =
        "{\"decision\":{\"interval_seconds\":6},\"limits\":{\"rate\":100000,\"burst\":1000},"
        "\"training\":{\"new_samples\":0,\"canaries\":false}}",
};

static const char *const methods[] = {"own", "random", "tpe"};

struct outcome {
    double inside, untouched; /* log loss */
};

static void on_trial(void *ctx, const struct train_trial *trial)
{
    if (trial->verdict == TRIAL_CHOSEN)
        ((struct outcome *)ctx)->inside = trial->loss;
}

static struct outcome train_once(const struct desk_run *desk,
                                 const struct train_rows *rows,
                                 size_t method)
{
    struct outcome out = {0};
    struct train_result result;
    const struct train_hooks hooks = {.on_trial = on_trial, .ctx = &out};
    struct train_job *job = malloc(sizeof *job);
    assert_non_null(job);
    desk_job(desk, 1, job);
    job->window_ns = STRETCH_NS;
    job->n_folds = 3;
    job->fold_rows_max = 4000;
    job->cpcv_rows_max = 0;
    job->gate.n_eff_min = 100;
    job->params.values[0] = 150; /* rounds */
    job->search.trials = method == 0 ? 1 : TRIALS;
    snprintf(job->search.method, sizeof job->search.method, "%s", method == 1 ? "random" : "tpe");
    check_ok(train_run(job, pipeline_feature_set(desk->pipeline, &desk->strategy->strategy_id),
                       rows, NULL, &hooks, &result));
    assert_non_null(result.manifest);
    out.untouched = manifest_metric_value(result.manifest, "log_loss");
    train_result_deinit(&result);
    free(job);
    return out;
}

static void test_a_search_against_chance_and_against_none(void **state)
{
    struct desk_run desk;
    double inside[3] = {0}, untouched[3] = {0};
    size_t n_inside = 0, n_untouched = 0;
    (void)state;
    desk_start(&desk, &options);
    for (size_t i = 0; i < STRETCHES; i++) {
        struct outcome outcomes[3];
        struct train_rows rows;
        desk_play(&desk, STRETCH_NS);
        desk_rows(&desk, 0, &rows);
        for (size_t m = 0; m < 3; m++) {
            outcomes[m] = train_once(&desk, &rows, m);
            inside[m] += outcomes[m].inside / STRETCHES;
            untouched[m] += outcomes[m].untouched / STRETCHES;
            printf("stretch %zu, %-6s log loss %.5f out of fold, %.5f on the untouched block\n",
                   i + 1, methods[m], outcomes[m].inside, outcomes[m].untouched);
        }
        n_inside += outcomes[2].inside < outcomes[1].inside;
        n_untouched += outcomes[2].untouched < outcomes[1].untouched;
        assert_true(outcomes[1].inside <= outcomes[0].inside);
        assert_true(outcomes[2].inside <= outcomes[0].inside);
        train_rows_deinit(&rows);
    }
    for (size_t m = 0; m < 3; m++)
        printf("mean of %d, %-6s log loss %.5f out of fold, %.5f on the untouched block\n",
               STRETCHES, methods[m], inside[m], untouched[m]);
    printf("the estimator was better than chance in %zu of %d out of fold, in %zu on the untouched "
           "block\n",
           n_inside, STRETCHES, n_untouched);
    desk_stop(&desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_search_against_chance_and_against_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
