#include "harness/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/settings/strategy_config.h"

static struct json_reader *reader;
static struct settings settings;
static struct strategy_config config;
static struct buf problems = {.max = SETTINGS_PROBLEMS_MAX};
static const struct strategy_id id = {"s1"};

static const char *nothing(void *ctx, const char *name, const char **origin)
{
    (void)ctx;
    (void)name;
    (void)origin;
    return NULL;
}

static int setup(void **state)
{
    const struct settings_source source = {nothing, NULL, NULL, false};
    (void)state;
    reader = json_reader_create(STRATEGY_FILE_BYTES_MAX, 16);
    return settings_read(&source, 0, &settings, NULL) == AL_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    json_reader_destroy(reader);
    buf_deinit(&problems);
    return 0;
}

static enum al_err parse(const char *text)
{
    buf_reset(&problems);
    return strategy_config_parse(reader, &id, slice_of(text), &settings, &config, &problems);
}

static void test_empty_file_falls_back_to_settings(void **state)
{
    (void)state;
    check_ok(parse("{}"));
    check_str(config.strategy_id.text, "s1");
    check_i64((int64_t)config.n_assets, 2);
    check_str(config.assets[0].text, "BTCUSDT");
    check_i64((int64_t)config.n_features, 1);
    check_str(config.features[0], "standard");
    check_i64(config.horizon_ns, 60 * NS_PER_S);
    check_i64(config.decision.trigger, DECISION_TRIGGER_INTERVAL);
    check_i64(config.decision.interval_ns, NS_PER_S);
    check_near(config.sizing.min_amount, 100, 0);
    check_near(config.sizing.max_amount, 1000, 0);
    check_i64(config.limits.rate, 60);
    check_i64(config.limits.burst, 10);
    assert_true(config.limits.skip_on_open_order);
    assert_true(isnan(config.limits.max_position_quote));
    check_near(config.exits.stop_loss_pct, -2, 0);
    check_near(config.exits.take_profit_pct, 3, 0);
    assert_true(isnan(config.exits.take_profit_partial_pct));
    check_near(config.exits.time_exit_hours, 24, 0);
    check_i64(config.freshness.ticker_ns, 10 * NS_PER_S);
    check_i64(config.training.new_samples, 1000);
    assert_false(config.training.has_schedule);
    check_near(config.heuristic_weights[0], 1, 0);
    check_str(config.model.parameters, "{}");
    check_near(config.epsilon, 0.01, 0);
    struct strategy_config same = config;
    check_ok(parse(""));
    assert_memory_equal(&same, &config, sizeof config);
}

static void test_switched_off_exits_are_nan(void **state)
{
    struct settings kept = settings;
    (void)state;
    settings.stop_loss_enabled = settings.time_based_exit_enabled = false;
    check_ok(parse("{}"));
    settings = kept;
    assert_true(isnan(config.exits.stop_loss_pct));
    assert_true(isnan(config.exits.time_exit_hours));
    check_near(config.exits.take_profit_pct, 3, 0);
}

static void test_file_wins_over_settings(void **state)
{
    (void)state;
    check_ok(parse(
        "{\"assets\":[\"solusdt\"],\"horizon_seconds\":0.5e1,\"heuristics\":{\"momentum\":2},"
        "\"limits\":{\"rate\":5,"
        "\"max_position_quote\":500},\"exits\":{\"stop_loss_pct\":null,\"take_profit_pct\":1.5},"
        "\"model\":{\"kind\":\"random_forest\",\"parameters\":{\"max_depth\":3}},\"decision\":{"
        "\"trigger\":\"candle\"},"
        "\"features\":[\"rsi_14\",\"rsi(period=21)@300\"],\"training\":{\"schedule\":\"daily\","
        "\"return_attribution\":false,\"use_market_evidence\":false,\"cpcv_max_rows\":7000,"
        "\"canaries\":false,\"try_windows\":false,\"try_weights\":false}}"));
    check_i64((int64_t)config.n_assets, 1);
    check_str(config.assets[0].text, "SOLUSDT");
    check_i64(config.horizon_ns, 5 * NS_PER_S);
    check_near(config.heuristic_weights[0], 2, 0);
    check_near(config.heuristic_weights[1], 0, 0);
    check_i64(config.limits.rate, 5);
    check_i64(config.limits.burst, 10);
    check_near(config.limits.max_position_quote, 500, 0);
    assert_true(isnan(config.exits.stop_loss_pct));
    check_near(config.exits.take_profit_pct, 1.5, 0);
    check_i64(config.model.kind, STRATEGY_RANDOM_FOREST);
    check_str(config.model.parameters, "{\"max_depth\":3}");
    check_i64(config.decision.trigger, DECISION_TRIGGER_CANDLE);
    check_i64((int64_t)config.n_features, 2);
    check_str(config.features[1], "rsi(period=21)@300");
    assert_true(config.training.has_schedule);
    check_i64((int64_t)config.training.cron.minutes, 1);
    assert_false(config.training.use_market_evidence);
    check_i64(config.training.cpcv_max_rows, 7000);
    assert_false(config.training.return_attribution);
    assert_false(config.training.canaries);
    assert_false(config.training.try_windows || config.training.try_weights);
}

static void test_every_problem_is_listed_with_its_path(void **state)
{
    (void)state;
    check_err(parse("{\"horizon_seconds\":0,\"limits\":{\"rate\":1.5,\"brust\":3},\"assets\":["
                    "\"BTC-USD\",\"ETHUSDT\",\"ethusdt\"],"
                    "\"decision\":{\"trigger\":\"never\"},\"sizing\":{\"min_amount\":5000},"
                    "\"exits\":\"none\",\"features\":[],"
                    "\"heuristics\":{\"magic\":1,\"momentum\":-1},\"training\":{\"schedule\":"
                    "\"often\",\"use_market_evidence\":1},"
                    "\"colour\":1,\"model\":{\"parameters\":[]},\"epsilon\":null}"),
              AL_EINVAL);
    const char *text = buf_str(&problems);
    check_has(text, "horizon_seconds: 0 is not a number in 1..2592000, s\n");
    check_has(text, "limits.rate: 1.5 is not a whole number in 1..1000000");
    check_has(text, "limits.brust: unknown field\n");
    check_has(text, "assets[0]: \"BTC-USD\" is not 4 to 20 of A-Z0-9\n");
    check_has(text, "assets[2]: ETHUSDT is there twice\n");
    check_has(text, "decision.trigger: \"never\" is not one of interval|candle|tick\n");
    check_has(text, "sizing.min_amount: 5000 is above sizing.max_amount, 1000\n");
    check_has(text, "exits: \"none\" is not an object\n");
    check_has(text, "features: [] is not an array of 1 to 256 ");
    check_has(text, "heuristics.magic: no such heuristic\n");
    check_has(text, "heuristics.momentum: -1 is not a number in 0..1000\n");
    check_has(text, "training.schedule: \"often\": ");
    check_has(text, "training.use_market_evidence: 1 is neither true nor false\n");
    check_has(text, "colour: unknown field\n");
    check_has(text, "model.parameters: [] is not an object");
    check_has(text, "epsilon: null is not a number in 0..0.5");
    check_str(err_text(), "16 fields are wrong");
}

static void test_what_is_no_object_is_refused(void **state)
{
    (void)state;
    check_err(parse("[]"), AL_EINVAL);
    check_err(parse("null"), AL_EINVAL);
    check_err(parse("{"), AL_EPARSE);
    check_has(buf_str(&problems), "not JSON: at byte 1");
}

static void test_written_form_gives_the_same_configuration(void **state)
{
    struct buf out = BUF_INIT(1 << 18);
    struct json_writer w;
    (void)state;
    check_ok(parse(
        "{\"horizon_seconds\":12.5,\"exits\":{\"stop_loss_pct\":null},\"heuristics\":{\"mean_"
        "reversion\":0.25},"
        "\"training\":{\"schedule\":\"5 4 * * mon\"},\"model\":{\"parameters\":{\"eta\":0.10}}}"));
    struct strategy_config first = config;
    json_w_init(&w, &out);
    strategy_config_write(&first, &w);
    check_ok(parse(buf_str(&out)));
    assert_memory_equal(&first, &config, sizeof config);
    buf_deinit(&out);
}

static void read_whole_file(const char *path, struct buf *out)
{
    FILE *in = fopen(path, "rb");
    if (in == NULL)
        fail_msg("no %s", path);
    for (int c; (c = getc(in)) != EOF;)
        buf_putc(out, (char)c);
    fclose(in);
}

static void test_reload_takes_choices_and_leaves_what_a_model_stands_on(void **state)
{
    (void)state;
    check_ok(parse("{\"horizon_seconds\":60}"));
    struct strategy_config running = config;
    check_ok(parse("{\"horizon_seconds\":60,\"epsilon\":0.25,\"limits\":{\"rate\":7},"
                   "\"exits\":{\"stop_loss_pct\":-9},\"training\":{\"schedule\":\"daily\"}}"));
    assert_true(strategy_config_reload(&running, &config));
    assert_memory_equal(&running, &config, sizeof config);
    check_ok(parse("{\"horizon_seconds\":90,\"limits\":{\"rate\":8}}"));
    assert_false(strategy_config_reload(&running, &config));
    check_i64(running.limits.rate, 8);
    check_i64(running.horizon_ns, 60 * NS_PER_S);
}

static void test_shipped_files_are_valid(void **state)
{
    static const char *const paths[] = {"config/strategies/default.json",
                                        "config/strategies/momentum_v1.json"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        struct buf text = BUF_INIT(STRATEGY_FILE_BYTES_MAX);
        read_whole_file(paths[i], &text);
        if (parse(buf_str(&text)) != AL_OK)
            fail_msg("%s: %s", paths[i], buf_str(&problems));
        buf_deinit(&text);
    }
}

static void test_schema_is_the_shipped_one(void **state)
{
    struct buf schema = BUF_INIT(1 << 18), shipped = BUF_INIT(1 << 18);
    (void)state;
    strategy_config_schema(&schema);
    read_whole_file("config/strategies/strategy.schema.json", &shipped);
    check_str(buf_str(&shipped), buf_str(&schema));
    buf_deinit(&schema);
    buf_deinit(&shipped);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_file_falls_back_to_settings),
        cmocka_unit_test(test_switched_off_exits_are_nan),
        cmocka_unit_test(test_file_wins_over_settings),
        cmocka_unit_test(test_every_problem_is_listed_with_its_path),
        cmocka_unit_test(test_what_is_no_object_is_refused),
        cmocka_unit_test(test_written_form_gives_the_same_configuration),
        cmocka_unit_test(test_reload_takes_choices_and_leaves_what_a_model_stands_on),
        cmocka_unit_test(test_shipped_files_are_valid),
        cmocka_unit_test(test_schema_is_the_shipped_one),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
