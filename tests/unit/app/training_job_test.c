/* What the settings and the strategy file say reaches the job. */
#include "harness/check.h"

#include <stdlib.h>
#include <string.h>

#include "../../../src/app/training_job_i.h"
#include "alphaloop/base/timestamp.h"
#include "harness/model_folder.h"

static const char *const values[][2] = {
    {"MODEL_STORAGE_PATH", "/models"},
    {"MODEL_TRAINING_MIN_DATASET_SIZE", "1234"},
    {"MODEL_TRAINING_MAX_DURATION_SECONDS", "77"},
    {"MODEL_QUALITY_THRESHOLD_ACCURACY", "0.61"},
    {"MODEL_GATE", "accuracy"},
    {"MODEL_GATE_LEVEL", "0.02"},
};

static const char strategy[] =
    "{\"horizon_seconds\":90,\"timeframe_seconds\":60,\"features\":[\"return_1\",\"rsi_14\"],"
    "\"label\":{\"barrier_up\":1.5,\"barrier_down\":0.5,\"settlement_lag_seconds\":3},"
    "\"model\":{\"kind\":\"random_forest\",\"parameters\":{\"num_parallel_tree\":17}},"
    "\"training\":{\"window_days\":9,\"half_life_days\":2.5,\"max_rows\":4321,"
    "\"return_attribution\":false,\"use_market_evidence\":false,\"cpcv_max_rows\":7000,"
    "\"canaries\":false,\"try_windows\":false,\"try_weights\":false},"
    "\"uncertainty\":{\"abstain_by\":\"outcome\",\"abstain_when_novel\":false},"
    "\"gate\":{\"dsr_min\":0.9,\"pbo_max\":0.4},"
    "\"search\":{\"trials\":30,\"seconds\":500,\"method\":\"random\"}}";

static const char *get(void *ctx, const char *name, const char **origin)
{
    (void)ctx;
    *origin = "test";
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        if (strcmp(values[i][0], name) == 0)
            return values[i][1];
    }
    return NULL;
}

struct world {
    struct settings settings;
    struct strategy_config config;
    struct feature_set set;
    struct train_job job;
};

static void read_config(struct world *w, const char *json)
{
    struct settings_source source = {.get = get};
    struct strategy_id id = {"often"};
    struct buf problems = BUF_INIT(65536);
    struct json_reader *reader = json_reader_create(65536, 8);
    struct slice names[STRATEGY_FEATURES_MAX];
    check_ok(settings_read(&source, 0, &w->settings, &problems));
    check_ok(
        strategy_config_parse(reader, &id, slice_of(json), &w->settings, &w->config, &problems));
    for (size_t i = 0; i < w->config.n_features; i++)
        names[i] = slice_of(w->config.features[i]);
    check_ok(feature_set_resolve(names, w->config.n_features, w->config.timeframe_ns, &w->set));
    json_reader_destroy(reader);
    buf_deinit(&problems);
}

static void test_every_setting_reaches_the_job(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    const struct model_version_id active = {"v6"};
    const struct training_target target = {.number = 7,
                                           .attempt = 3,
                                           .trigger = "schedule",
                                           .seed = 99,
                                           .cut_ns = 5 * NS_PER_DAY,
                                           .active = &active};
    (void)state;
    read_config(w, strategy);
    check_ok(training_fill_job(&w->settings, &w->config, &w->set, &target, &w->job));
    check_str(w->job.strategy_id.text, "often");
    check_str(w->job.version.text, "v7");
    check_str(w->job.trigger, "schedule");
    check_str(w->job.kind, "random_forest");
    check_near(w->job.params.values[0], 17, 0);
    check_near(w->job.gate.dsr_min, 0.9, 0);
    check_near(w->job.gate.pbo_max, 0.4, 0);
    assert_true(w->job.abstain_by_outcome && !w->job.abstain_when_novel);
    check_i64((int64_t)w->job.seed, 99);
    check_i64(w->job.cut_ns, 5 * NS_PER_DAY);
    check_i64(w->job.window_ns, 9 * NS_PER_DAY);
    check_near(w->job.weight_half_life_seconds, 2.5 * 86400, 1e-9);
    check_i64((int64_t)w->job.n_rows_max, 4321);
    assert_false(w->job.use_market_evidence);
    check_i64((int64_t)w->job.cpcv_rows_max, 7000);
    assert_false(w->job.return_attribution);
    assert_false(w->job.canaries);
    assert_false(w->job.try_windows || w->job.try_weights);
    check_i64(w->job.search.trials, 30);
    check_i64(w->job.search.seconds, 38); /* half of the 77 there are */
    check_str(w->job.search.method, "random");
    check_i64((int64_t)w->job.n_features, 2);
    check_i64(w->job.timeframe_ns, NS_PER_MIN);
    check_near(w->job.label.horizon_seconds, 90, 0);
    check_near(w->job.label.barrier_up, 1.5, 0);
    check_near(w->job.label.barrier_down, 0.5, 0);
    check_near(w->job.label.settlement_lag_seconds, 3, 0);
    check_str(w->job.gate.rule, "accuracy");
    check_near(w->job.gate.accuracy_min, 0.61, 0);
    check_near(w->job.gate.alpha, 0.02, 0);
    check_i64(w->job.gate.attempt, 3);
    check_near(w->job.gate.n_eff_min, 1234, 0);
    check_i64((int64_t)w->job.deadline_seconds, 77);
    check_str(w->job.output, "/models/v7");
    check_str(w->job.incumbent, "/models/v6");
    free(w);
}

static void test_without_a_word_samples_age(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    const struct training_target target = {
        .number = 1, .attempt = 1, .trigger = "person", .cut_ns = 1};
    (void)state;
    read_config(w, "{}");
    check_ok(training_fill_job(&w->settings, &w->config, &w->set, &target, &w->job));
    check_near(w->job.weight_half_life_seconds, 30.0 * 86400, 0);
    assert_true(w->job.try_windows && !w->job.try_weights);
    assert_true(w->job.return_attribution);
    check_str(w->job.kind, "xgboost");
    check_str(w->job.incumbent, "");
    free(w);
}

static void test_what_would_be_promoted_and_is_too_slow_is_refused(void **state)
{
    struct model_folder folder;
    struct scorer *scorer = NULL;
    struct manifest *manifest = malloc(sizeof *manifest);
    struct training_integrity integrity;
    struct train_line *end = calloc(1, sizeof *end);
    struct buf json = BUF_INIT(65536);
    struct json_writer w;
    (void)state;
    model_folder_init(&folder, "xgboost");
    folder.manifest->gate.promote = true;
    model_folder_write_manifest(&folder);
    const struct model_files files = model_folder_files(&folder);
    check_ok(scorer_create(&files, NULL, &scorer));
    end->verdict = TRAIN_PROMOTE;
    training_check(scorer, 1e12, manifest, end, &integrity);
    check_i64(end->verdict, TRAIN_PROMOTE);
    assert_true(manifest->gate.promote && integrity.walker_agrees && integrity.score_p99_us > 0);
    training_check(scorer, 0, manifest, end, &integrity);
    check_i64(end->verdict, TRAIN_REFUSE);
    assert_false(manifest->gate.promote);
    check_has(end->reason, "refused: scoring a row takes");
    check_str(manifest->gate.reason, end->reason);
    json_w_init(&w, &json);
    training_write_verdict(&w, &manifest->gate, &integrity);
    check_has(buf_str(&json), "\"integrity\":{\"text\":\"canaries: ");
    check_has(buf_str(&json),
              "the walker gives the library's bits; files, hashes and feature schema "
              "as registered; a row is scored in ");
    check_has(buf_str(&json), "\"score_budget_us\":0");
    buf_deinit(&json);
    scorer_destroy(scorer);
    model_folder_deinit(&folder);
    free(manifest);
    free(end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_setting_reaches_the_job),
        cmocka_unit_test(test_without_a_word_samples_age),
        cmocka_unit_test(test_what_would_be_promoted_and_is_too_slow_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
