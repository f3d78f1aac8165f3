/* Signals: every rule of contract section 4 guards the door, and the body says exactly what was decided. */
#include <string.h>

#include "alphaloop/base/json.h"
#include "alphaloop/domain/signal.h"
#include "harness/check.h"

static struct decision decision;
static struct signal_extra extra;

static int begin(void **state)
{
    (void)state;
    memset(&decision, 0, sizeof decision);
    decision.decision_id.bytes[0] = 0xab;
    decision.kind = DECISION_ENTRY;
    strcpy(decision.strategy_id.text, "momentum_v1");
    strcpy(decision.asset.text, "BTCUSDT");
    strcpy(decision.trace_id.text, "trace-1");
    strcpy(decision.heuristic, "momentum");
    decision.decided_at_ns = 1769853600123456789LL;
    decision.side = SIDE_BUY;
    decision.amount = (struct decimal){123400000LL * 100};
    decision.confidence = 0.6;
    decision.expected_value = NAN;
    decision.interval = INTERVAL_NONE;
    decision.propensity = 0.75;
    decision.is_warmup = true;
    decision.horizon_ns = 60 * NS_PER_S;
    decision.snapshot = (struct snapshot){.mid = 42000.5,
                                          .spread = 0.1,
                                          .volume_24h = 1000,
                                          .volatility = 0.0005,
                                          .bid_depth = NAN,
                                          .ask_depth = NAN};
    extra = (struct signal_extra){.risk_score = 0.25};
    return 0;
}

static void body_is(const char *expected)
{
    struct buf out = BUF_INIT(SIGNAL_BODY_MAX);
    signal_body_write(&decision, &extra, &out);
    assert_true(buf_ok(&out));
    check_str(buf_str(&out), expected);
    buf_deinit(&out);
}

static void body_has(const char *part)
{
    struct buf out = BUF_INIT(SIGNAL_BODY_MAX);
    signal_body_write(&decision, &extra, &out);
    check_has(buf_str(&out), part);
    buf_deinit(&out);
}

static void breaks(const char *expected)
{
    const char *field = "nothing";
    assert_false(signal_is_valid(&decision, &extra, &field));
    check_str(field, expected);
}

static void test_signal_body_of_a_warmup_entry(void **state)
{
    (void)state;
    body_is("{\"signal_id\":\"ab000000-0000-0000-0000-000000000000\",\"signal_type\":\"buy\","
            "\"asset\":\"BTCUSDT\","
            "\"amount\":123.40,\"confidence\":0.6,\"timestamp\":\"2026-01-31T10:00:00.123456Z\","
            "\"strategy_id\":\"momentum_v1\",\"model_version\":null,\"is_warmup\":true,"
            "\"market_data_snapshot\":{\"price\":42000.5,\"spread\":0.1,\"volume_24h\":1000,"
            "\"volatility\":0.0005,"
            "\"orderbook_depth\":null,\"technical_indicators\":null},"
            "\"metadata\":{\"reasoning\":\"buy in warm-up, led by momentum\",\"risk_score\":0.25,"
            "\"decision_id\":\"ab000000-0000-0000-0000-000000000000\",\"propensity\":0.75,"
            "\"reasons\":[],\"kind\":\"entry\","
            "\"horizon_seconds\":60,\"heuristic\":\"momentum\"},\"trace_id\":\"trace-1\"}");
}

static void test_signal_body_of_a_model_entry(void **state)
{
    static const char *const names[] = {"rsi_14", "spread_bps", "gap"};
    static const char *const reasons[] = {"rsi_14 low", "book \"leans\""};
    (void)state;
    decision.is_warmup = false;
    strcpy(decision.model_version.text, "v7");
    decision.heuristic[0] = '\0';
    decision.expected_value = 0.0012;
    decision.interval = (struct interval){0.9, -0.004, 0.0064};
    decision.n_features = 3;
    decision.features[0] = 30.5f;
    decision.features[1] = -2;
    decision.features[2] = NAN;
    decision.snapshot.bid_depth = 4;
    decision.snapshot.ask_depth = 5;
    extra.indicator_names = names;
    extra.n_indicators = 3;
    extra.reasons = reasons;
    extra.n_reasons = 2;
    body_has("\"model_version\":\"v7\",\"is_warmup\":false,");
    body_has("\"orderbook_depth\":{\"bid_depth\":4,\"ask_depth\":5},\"technical_indicators\":{"
             "\"rsi_14\":30.5,\"spread_bps\":-2}}");
    body_has("\"reasons\":[\"rsi_14 low\",\"book \\\"leans\\\"\"]");
    body_has("\"expected_value\":0.0012");
    body_has("\"interval_lower\":-0.004,\"interval_upper\":0.0064,\"interval_coverage\":0.9");
}

static struct explanation explained(void)
{
    return (struct explanation){
        -0.25, 0.125, 2, {{"rsi_14", 30.5F, true, 0.5}, {"gap", NAN, false, -0.0625}}};
}

static void test_signal_body_names_what_weighed_most(void **state)
{
    static const char *const reasons[] = {"value_above_cost"};
    struct explanation explanation = explained();
    (void)state;
    extra.reasons = reasons;
    extra.n_reasons = 1;
    extra.explanation = &explanation;
    body_has(
        "\"reasons\":[\"value_above_cost\",\"rsi_14 speaks for it\",\"gap speaks against it\"]");
    body_has("\"contributions\":[{\"feature\":\"rsi_14\",\"value\":30.5,\"oriented\":true,"
             "\"contribution\":0.5},{\"feature\":\"gap\",\"value\":null,\"oriented\":false,"
             "\"contribution\":-0.0625}],\"contribution_rest\":0.125,\"contribution_bias\":-0.25}");
}

static void test_signal_contributions_are_finite_and_few(void **state)
{
    struct explanation bad[4] = {explained(), explained(), explained(), explained()};
    (void)state;
    bad[0].top[1].log_odds = NAN;
    bad[1].rest = INFINITY;
    bad[2].bias = NAN;
    bad[3].n = EXPLANATION_TOP + 1;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        extra.explanation = &bad[i];
        breaks("contributions");
    }
}

static void test_signal_body_of_an_exit(void **state)
{
    (void)state;
    decision.kind = DECISION_EXIT;
    decision.side = SIDE_SELL;
    decision.reason = REASON_stop_loss;
    decision.propensity = 1;
    extra.position_id = "p-1";
    extra.exit_fraction = 0.5;
    extra.reasoning = "loss of 2.1 %";
    body_has("\"reasoning\":\"loss of 2.1 %\"");
    body_has("\"kind\":\"exit\",\"exit_reason\":\"stop_loss\",\"exit_fraction\":0.5,\"position_"
             "id\":\"p-1\"}");
}

static void test_signal_amount_is_10_to_100000_with_2_decimals(void **state)
{
    (void)state;
    decision.amount = decimal_from_int(10);
    body_has("\"amount\":10.00,");
    decision.amount = decimal_from_int(100000);
    body_has("\"amount\":100000.00,");
    decision.amount.units += SIGNAL_AMOUNT_STEP;
    breaks("amount");
    decision.amount.units = 10 * DECIMAL_SCALE - SIGNAL_AMOUNT_STEP;
    breaks("amount");
    decision.amount.units = 10 * DECIMAL_SCALE + 1;
    breaks("amount");
}

static void test_signal_type_is_buy_or_sell(void **state)
{
    (void)state;
    decision.side = SIDE_NONE;
    breaks("signal_type");
}

static void test_signal_id_is_not_nil(void **state)
{
    (void)state;
    memset(&decision.decision_id, 0, sizeof decision.decision_id);
    breaks("signal_id");
}

static void test_signal_asset_is_4_to_20_of_upper_case_and_digits(void **state)
{
    (void)state;
    strcpy(decision.asset.text, "BTC");
    breaks("asset");
    strcpy(decision.asset.text, "BTCu");
    breaks("asset");
    strcpy(decision.asset.text, "A12345678901234567890");
    breaks("asset");
}

static void test_signal_confidence_is_0_to_1(void **state)
{
    static const double bad[] = {-0.01, 1.01, NAN, INFINITY};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        decision.confidence = bad[i];
        breaks("confidence");
    }
}

static void test_signal_strategy_id_is_not_empty(void **state)
{
    (void)state;
    decision.strategy_id.text[0] = '\0';
    breaks("strategy_id");
}

static void test_signal_model_version_is_null_exactly_in_warmup(void **state)
{
    (void)state;
    strcpy(decision.model_version.text, "v1");
    breaks("model_version");
    decision.is_warmup = false;
    decision.model_version.text[0] = '\0';
    breaks("model_version");
    strcpy(decision.model_version.text, "latest");
    breaks("model_version");
}

static void test_signal_snapshot_is_finite_and_not_negative(void **state)
{
    double *const fields[] = {&decision.snapshot.mid, &decision.snapshot.spread,
                              &decision.snapshot.volume_24h, &decision.snapshot.volatility};
    static const double bad[] = {-1, NAN, INFINITY};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        double good = *fields[i];
        for (size_t j = 0; j < COUNT_OF(bad); j++) {
            *fields[i] = bad[j];
            breaks("market_data_snapshot");
        }
        *fields[i] = good;
    }
    decision.snapshot.mid = 0;
    breaks("market_data_snapshot");
}

static void test_signal_propensity_is_above_0_and_at_most_1(void **state)
{
    static const double bad[] = {0, 1.5, NAN};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        decision.propensity = bad[i];
        breaks("propensity");
    }
}

static void test_signal_extra_is_held_to_its_bounds(void **state)
{
    static const char *const names[] = {"a"};
    (void)state;
    extra.risk_score = 1.1;
    breaks("risk_score");
    extra.risk_score = 0;
    extra.n_reasons = REASONS_MAX + 1;
    breaks("reasons");
    extra.n_reasons = 0;
    extra.indicator_names = names;
    extra.n_indicators = 1;
    breaks("technical_indicators");
}

static void test_signal_exit_names_its_part_and_reason(void **state)
{
    (void)state;
    decision.kind = DECISION_EXIT;
    decision.reason = REASON_time_exit;
    breaks("exit_fraction");
    extra.exit_fraction = 1;
    decision.reason = REASON_NONE;
    breaks("exit_fraction");
}

static void test_signal_has_a_trace(void **state)
{
    (void)state;
    decision.trace_id.text[0] = '\0';
    breaks("trace_id");
}

static void test_signal_body_is_json_whatever_the_texts_hold(void **state)
{
    (void)state;
    struct json_reader *reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    struct json_node *doc;
    struct buf out = BUF_INIT(SIGNAL_BODY_MAX);
    extra.reasoning = "line\nbreak \"quoted\" \\ \x01 \xff";
    signal_body_write(&decision, &extra, &out);
    check_ok(json_read(reader, buf_slice(&out), &doc));
    json_put(doc);
    buf_deinit(&out);
    json_reader_destroy(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_signal_body_of_a_warmup_entry, begin),
        cmocka_unit_test_setup(test_signal_body_of_a_model_entry, begin),
        cmocka_unit_test_setup(test_signal_body_names_what_weighed_most, begin),
        cmocka_unit_test_setup(test_signal_contributions_are_finite_and_few, begin),
        cmocka_unit_test_setup(test_signal_body_of_an_exit, begin),
        cmocka_unit_test_setup(test_signal_amount_is_10_to_100000_with_2_decimals, begin),
        cmocka_unit_test_setup(test_signal_type_is_buy_or_sell, begin),
        cmocka_unit_test_setup(test_signal_id_is_not_nil, begin),
        cmocka_unit_test_setup(test_signal_asset_is_4_to_20_of_upper_case_and_digits, begin),
        cmocka_unit_test_setup(test_signal_confidence_is_0_to_1, begin),
        cmocka_unit_test_setup(test_signal_strategy_id_is_not_empty, begin),
        cmocka_unit_test_setup(test_signal_model_version_is_null_exactly_in_warmup, begin),
        cmocka_unit_test_setup(test_signal_snapshot_is_finite_and_not_negative, begin),
        cmocka_unit_test_setup(test_signal_propensity_is_above_0_and_at_most_1, begin),
        cmocka_unit_test_setup(test_signal_extra_is_held_to_its_bounds, begin),
        cmocka_unit_test_setup(test_signal_exit_names_its_part_and_reason, begin),
        cmocka_unit_test_setup(test_signal_has_a_trace, begin),
        cmocka_unit_test_setup(test_signal_body_is_json_whatever_the_texts_hold, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
