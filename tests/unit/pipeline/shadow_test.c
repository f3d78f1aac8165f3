/* Versions beside the serving one, in the whole loop on a market that is made here: it drifts up or down with noise, so that a
 * model that always buys and one that never trades have a known difference. The app's part (recording, loading) is played by
 * the test. */
#include "harness/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/feature/feature_set.h"
#include "alphaloop/pipeline/pipeline.h"
#include "harness/model_folder.h"

#define START_NS (1769853600LL * NS_PER_S)
#define STEP_NS  (5 * NS_PER_S)
#define BLOCK_NS (2 * NS_PER_MIN)

static const char strategy_json[] =
    "{\"assets\":[\"BTCUSDT\"],\"features\":[\"spread_bps\",\"hour_sine\",\"hour_cosine\","
    "\"weekday_sine\"],\"horizon_seconds\":60,\"epsilon\":0,\"decision\":{\"interval_seconds\":10},"
    "\"limits\":{\"rate\":100000,\"burst\":1000},\"training\":{\"new_samples\":0},"
    "\"rollout\":{\"false_alarm_days\":5,\"cooldown_hours\":2,\"expiry_days\":10,\"blocks_max\":"
    "300}}";

static const struct asset BTC = {"BTCUSDT"};

static struct world {
    struct settings *settings;
    struct strategy_config *strategy;
    struct json_reader *reader;
    struct pipeline *pipeline;
    struct effects effects;
    struct model_folder folder;
    struct rng rng;
    int64_t now_ns;
    double mid, drift;
    struct rollout_step steps[64];
    size_t n_steps, n_scores, n_signals, n_by_canary, n_expiry;
    double canary_propensity;
    struct shadow_scores scores;
    struct model_version_id canary;
    bool holds; /* steps are kept, not done */
    bool watches_propensity;
    double propensity[3]; /* of the newest decision for each side */
} w;

static const char *env_get(void *ctx, const char *name, const char **origin)
{
    (void)ctx;
    *origin = "test";
    static const char *const values[][2] = {{"MODEL_SERVICE_API_KEY", "0123456789abcdef"},
                                            {"POSTGRES_HOST", "localhost"},
                                            {"POSTGRES_DB", "x"},
                                            {"POSTGRES_USER", "x"},
                                            {"POSTGRES_PASSWORD", "x"},
                                            {"RABBITMQ_HOST", "localhost"},
                                            {"RABBITMQ_USER", "x"},
                                            {"RABBITMQ_PASSWORD", "x"}};
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        if (strcmp(values[i][0], name) == 0)
            return values[i][1];
    }
    return NULL;
}

/* A model that always buys (value > 0: both actions are worth the same to it, and buying wins a tie), or never trades. */
static struct scorer *model(const char *version, double value, int64_t cut_ns)
{
    struct manifest *m = w.folder.manifest;
    const struct feature_set *set = pipeline_feature_set(w.pipeline, &w.strategy->strategy_id);
    struct scorer *scorer = NULL;
    (void)chars_set(m->version.text, sizeof(m->version.text), version);
    m->schema_hash = set->schema_hash;
    m->data.cut_ns = cut_ns;
    m->calibration.value = (struct value_line){.alpha = value, .z = 1, .q_max = 1};
    model_folder_write_manifest(&w.folder);
    const struct model_files files = model_folder_files(&w.folder);
    check_ok(scorer_create(&files, &set->schema_hash, &scorer));
    return scorer;
}

#define BUYS     0.001
#define ABSTAINS (-0.001)

static void learn_costs(void)
{
    const struct decimal one = decimal_from_int(1);
    for (int i = 0; i < 100; i++) {
        const struct execution fill = {.asset = BTC,
                                       .side = i % 2 == 0 ? SIDE_BUY : SIDE_SELL,
                                       .price = one,
                                       .quantity = one,
                                       .executed_at_ns = START_NS};
        pipeline_restore_cost(w.pipeline, &fill, 1, START_NS);
    }
}

static int begin(void **state)
{
    (void)state;
    struct buf problems = BUF_INIT(SETTINGS_PROBLEMS_MAX);
    struct settings_source source = {.get = env_get};
    struct strategy_id id = {"momentum_v1"};
    w = (struct world){.settings = calloc(1, sizeof(struct settings)),
                       .strategy = calloc(1, sizeof(struct strategy_config)),
                       .reader = json_reader_create(65536, 16),
                       .now_ns = START_NS,
                       .mid = 100};
    rng_seed(&w.rng, 4);
    if (settings_read(&source, 0, w.settings, &problems) != AL_OK)
        fail_msg("%s", buf_str(&problems));
    if (strategy_config_parse(w.reader, &id, slice_of(strategy_json), w.settings, w.strategy,
                              &problems) != AL_OK)
        fail_msg("%s", buf_str(&problems));
    buf_deinit(&problems);
    const struct pipeline_options options = {w.settings, w.strategy, 1, 5};
    check_ok(pipeline_create(&options, &w.pipeline));
    effects_init(&w.effects);
    model_folder_init(&w.folder, "xgboost");
    learn_costs();
    return 0;
}

static int end(void **state)
{
    (void)state;
    effects_deinit(&w.effects);
    pipeline_destroy(w.pipeline);
    model_folder_deinit(&w.folder);
    json_reader_destroy(w.reader);
    free(w.strategy);
    free(w.settings);
    return 0;
}

/* What the app does, but that it needs no folder and no row. */
static void do_step(const struct rollout_step *step)
{
    const struct strategy_id *id = &w.strategy->strategy_id;
    if (step->to == ROLLOUT_active) {
        learn_promote(w.pipeline, id, model(step->version.text, BUYS, w.now_ns), w.now_ns);
    } else if (step->from == ROLLOUT_active) {
        bool warmup = step->target.text[0] == '\0';
        learn_activate(w.pipeline, id, warmup ? NULL : model(step->target.text, ABSTAINS, w.now_ns),
                       w.now_ns);
        learn_watch(w.pipeline, id);
    }
    learn_rollout_done(w.pipeline, step, true, w.now_ns);
}

/* Its order fills at once, at the mid. */
static void fill(const struct decision *decision)
{
    struct order_event event = {.type = ORDER_EVENT_filled,
                                .signal_id = decision->decision_id,
                                .asset = decision->asset,
                                .side = decision->side,
                                .executed_at_ns = w.now_ns,
                                .ts_recv_ns = w.now_ns};
    struct order_state state = {0};
    struct execution execution;
    bool conflict;
    uuid_format(decision->decision_id, event.order_id.text);
    check_ok(decimal_from_double(decision->snapshot.mid, &event.average_price));
    check_ok(decimal_from_double(decimal_to_double(decision->amount) / decision->snapshot.mid,
                                 &event.filled_quantity));
    assert_true(order_state_apply(&state, &event, &execution, &conflict));
    const struct order_fact fact = {&event, &state, &execution};
    learn_on_order(w.pipeline, &fact, w.now_ns, &w.effects);
}

static void on_decision(const struct decision *decision)
{
    if (decision->side != SIDE_NONE)
        fill(decision);
    bool by_canary =
        w.canary.text[0] != '\0' && strcmp(decision->model_version.text, w.canary.text) == 0;
    w.n_signals += decision->side != SIDE_NONE;
    bool model_spoke =
        decision->reason == REASON_NONE || decision->reason == REASON_out_of_distribution;
    if (w.watches_propensity && decision->n_features > 0 && model_spoke)
        w.propensity[decision->side] = decision->propensity;
    w.n_by_canary += by_canary;
    if (by_canary && w.n_steps < 3 && decision->side != SIDE_NONE)
        w.canary_propensity = decision->propensity;
}

static void on_training(const char *trigger)
{
    const struct strategy_id *id = &w.strategy->strategy_id;
    if (strcmp(trigger, "expiry") != 0)
        return;
    w.n_expiry++;
    learn_on_training_start(w.pipeline, id, w.now_ns);
    learn_on_training_end(w.pipeline, id, false, 0, w.now_ns);
}

static void perform(void)
{
    struct effect effect;
    while (effects_take(&w.effects, &effect)) {
        if (effect.kind == EFFECT_store_decision)
            on_decision(effect.decision);
        if (effect.kind == EFFECT_start_training)
            on_training(effect.training.trigger);
        if (effect.kind == EFFECT_store_scores) {
            w.scores = *effect.scores;
            w.n_scores++;
        }
        if (effect.kind == EFFECT_rollout_step) {
            assert_true(w.n_steps < COUNT_OF(w.steps));
            w.steps[w.n_steps++] = *effect.rollout;
            if (!w.holds)
                do_step(&w.steps[w.n_steps - 1]);
        }
        effect_deinit(&effect);
    }
}

static void play(int64_t duration_ns)
{
    for (int64_t until_ns = w.now_ns + duration_ns; w.now_ns < until_ns; w.now_ns += STEP_NS) {
        w.mid *= 1 + w.drift + 2e-4 * rng_normal(&w.rng);
        const struct market_event event = {
            .kind = MARKET_TICKER,
            .asset = BTC,
            .ts_event_ns = w.now_ns,
            .ts_recv_ns = w.now_ns,
            .ticker = {w.mid, 1000, w.mid * (1 - 1e-7), w.mid * (1 + 1e-7), 1, 1}};
        act_on_market(w.pipeline, &event, w.now_ns, &w.effects);
        perform();
        (void)pipeline_tick(w.pipeline, w.now_ns, &w.effects);
        perform();
    }
}

static void begin_shadow(const char *version, double value)
{
    const struct rollout_start start = {
        .stage = ROLLOUT_shadow, .attempt = 1, .stage_since_ns = w.now_ns};
    struct model_version_id ousted;
    assert_true(learn_shadow(w.pipeline, &w.strategy->strategy_id, model(version, value, w.now_ns),
                             &start, &ousted));
    check_str(ousted.text, "");
}

static struct rollout_view view(void)
{
    struct rollout_view out;
    pipeline_rollout_view(w.pipeline, 0, w.now_ns, &out);
    return out;
}

static void serve(const char *version, double value)
{
    learn_activate(w.pipeline, &w.strategy->strategy_id, model(version, value, w.now_ns), w.now_ns);
    learn_watch(w.pipeline, &w.strategy->strategy_id);
}

static void check_step(size_t index,
                       const char *version,
                       enum rollout_stage from,
                       enum rollout_stage to)
{
    assert_true(index < w.n_steps);
    check_str(w.steps[index].version.text, version);
    check_str(rollout_stage_name(w.steps[index].from), rollout_stage_name(from));
    check_str(rollout_stage_name(w.steps[index].to), rollout_stage_name(to));
}

/* ---- the tests ---- */

/* ---- novelty ---- */

/* From now on models are made that have seen nothing like any market: novelty.bin's threshold is all but 0. */
static void make_all_novel(bool all)
{
    static char kept[4];
    static const char tiny[4] = {0, 0, (char)0x80, 0x0d}; /* 2^-100 */
    char *threshold = w.folder.novelty.ptr + 16;
    if (all)
        memcpy(kept, threshold, 4);
    memcpy(threshold, all ? tiny : kept, 4);
}

/* What it would have bought, it would not have bought live, whatever chance said. */
static void test_a_shadow_abstains_where_it_has_seen_nothing_like_it(void **state)
{
    (void)state;
    w.strategy->epsilon = 0.1;
    serve("v1", BUYS);
    make_all_novel(true);
    begin_shadow("v2", BUYS);
    make_all_novel(false);
    play(NS_PER_H);
    assert_true(w.n_scores > 0 && w.n_signals > 0);
    check_i64(w.scores.items[0].side, SIDE_BUY);
    assert_false(w.scores.items[0].is_novel);
    check_near(w.scores.items[0].propensity, 0.95, 1e-12);
    check_i64(w.scores.items[1].side, SIDE_NONE);
    assert_true(w.scores.items[1].is_novel);
    check_near(w.scores.items[1].propensity, 1, 0);
    check_near(w.scores.items[1].v, BUYS, 1e-12); /* what it thought is kept */
    w.strategy->uncertainty.abstain_when_novel = false;
    play(NS_PER_H);
    check_i64(w.scores.items[1].side, SIDE_BUY);
    check_near(w.scores.items[1].propensity, 0.95, 1e-12);
}

/* The policy as a whole buys where the serving version does, explores where that one may, and a canary that must abstain
 * takes its share of neither. */
static void test_a_canary_that_must_abstain_is_part_of_the_propensity(void **state)
{
    const struct rollout_start start = {
        .stage = ROLLOUT_canary_25, .attempt = 1, .stage_since_ns = START_NS};
    struct model_version_id ousted;
    (void)state;
    w.strategy->epsilon = 0.1;
    serve("v1", BUYS);
    make_all_novel(true);
    assert_true(learn_shadow(w.pipeline, &w.strategy->strategy_id, model("v2", BUYS, w.now_ns),
                             &start, &ousted));
    make_all_novel(false);
    w.watches_propensity = true;
    play(2 * NS_PER_H);
    check_near(w.propensity[SIDE_BUY], 0.75 * 0.95, 1e-12);
    check_near(w.propensity[SIDE_SELL], 0.75 * 0.05, 1e-12);
    check_near(w.propensity[SIDE_NONE], 0.25, 1e-12);
}

static void test_one_version_alone_is_not_scored_twice(void **state)
{
    (void)state;
    serve("v1", ABSTAINS);
    play(NS_PER_H);
    check_i64((int64_t)w.n_scores, 0);
    check_i64((int64_t)view().n_shadows, 0);
}

static void test_a_better_challenger_goes_all_the_way(void **state)
{
    (void)state;
    w.drift = 5e-5;
    serve("v1", ABSTAINS);
    begin_shadow("v2", BUYS);
    w.canary = (struct model_version_id){"v2"};
    while (w.n_steps < 1 && w.now_ns < START_NS + 20 * NS_PER_H)
        play(NS_PER_MIN);
    check_step(0, "v2", ROLLOUT_shadow, ROLLOUT_canary_5);
    check_i64((int64_t)w.n_by_canary, 0);
    check_str(w.scores.items[0].version.text, "v1");
    check_str(rollout_stage_name(w.scores.items[0].stage), "active");
    check_i64((int64_t)w.scores.n, 2);
    check_i64(w.scores.items[1].side, SIDE_BUY);
    check_near(w.scores.items[1].v, BUYS, 1e-12);
    check_near(w.scores.items[1].propensity, 1, 0);
    check_i64(w.scores.block, w.scores.decided_at_ns / BLOCK_NS);
    while (w.n_steps < 2 && w.now_ns < START_NS + 40 * NS_PER_H)
        play(NS_PER_MIN);
    check_step(1, "v2", ROLLOUT_canary_5, ROLLOUT_canary_25);
    assert_true(w.steps[1].n_blocks >= w.steps[0].n_blocks + ROLLOUT_STAGE_BLOCKS);
    assert_true(w.n_by_canary > 0);
    check_near(w.canary_propensity, 0.05, 1e-12); /* v1 never buys: 5 % of the policy does */
    size_t before = w.n_by_canary;
    while (w.n_steps < 3 && w.now_ns < START_NS + 60 * NS_PER_H)
        play(NS_PER_MIN);
    check_step(2, "v2", ROLLOUT_canary_25, ROLLOUT_active);
    assert_true(w.n_by_canary > before);
    check_near(w.canary_propensity, 0.25, 1e-12);
    check_str(view().active.text, "v2");
    check_i64((int64_t)view().n_shadows, 1);
    check_str(view().shadows[0].version.text, "v1");
    check_str(rollout_stage_name(view().shadows[0].stage), "guard");
}

/* Both are ready after the same block; their steps would be asked for in the same tick. */
static void test_only_one_canary_at_a_time(void **state)
{
    (void)state;
    w.drift = 5e-5;
    serve("v1", ABSTAINS);
    begin_shadow("v2", BUYS);
    begin_shadow("v3", BUYS);
    while (w.n_steps < 1 && w.now_ns < START_NS + 20 * NS_PER_H)
        play(NS_PER_MIN);
    play(5 * BLOCK_NS);
    check_i64((int64_t)w.n_steps, 1);
    check_str(rollout_stage_name(view().shadows[0].stage), "canary_5");
    check_str(rollout_stage_name(view().shadows[1].stage), "shadow");
}

static void test_a_worse_challenger_is_rejected(void **state)
{
    (void)state;
    w.drift = -5e-5;
    serve("v1", ABSTAINS);
    begin_shadow("v2", BUYS);
    play(6 * NS_PER_H);
    check_i64((int64_t)w.n_steps, 1);
    check_step(0, "v2", ROLLOUT_shadow, ROLLOUT_rejected);
    check_has(w.steps[0].verdict.text, "surely worse than the incumbent");
    check_i64((int64_t)view().n_shadows, 0);
    check_str(view().active.text, "v1");
}

static void test_one_that_is_no_different_expires(void **state)
{
    (void)state;
    serve("v1", ABSTAINS);
    begin_shadow("v2", ABSTAINS);
    play(310 * BLOCK_NS);
    check_i64((int64_t)w.n_steps, 1);
    check_step(0, "v2", ROLLOUT_shadow, ROLLOUT_expired);
}

/* The market turns against the model that was promoted: the one before it, which goes on scoring, takes over again. */
static void test_a_regime_change_rolls_the_serving_model_back(void **state)
{
    (void)state;
    const struct strategy_id *id = &w.strategy->strategy_id;
    w.drift = 5e-5;
    serve("v1", ABSTAINS);
    learn_promote(w.pipeline, id, model("v2", BUYS, w.now_ns), w.now_ns);
    play(4 * NS_PER_H);
    check_i64((int64_t)w.n_steps, 0);
    w.drift = -5e-5;
    int64_t turned_ns = w.now_ns;
    while (w.n_steps == 0 && w.now_ns < turned_ns + 10 * NS_PER_H)
        play(NS_PER_MIN);
    check_step(0, "v2", ROLLOUT_active, ROLLOUT_rolled_back);
    check_str(w.steps[0].target.text, "v1");
    check_has(w.steps[0].verdict.text, "worse than v1, which it replaced");
    assert_true(w.steps[0].cusum.level >= w.steps[0].cusum.threshold);
    check_str(view().active.text, "v1");
    check_i64((int64_t)view().n_shadows, 0); /* what was rolled back is no guard */
    assert_true(pipeline_is_cooling(w.pipeline, id, w.now_ns));
    printf("rolled back %.0f blocks after the market turned\n",
           (double)(w.now_ns - turned_ns) / (double)BLOCK_NS);
    w.drift = 5e-5; /* while it cools, nothing moves up, however good */
    begin_shadow("v3", BUYS);
    play(100 * NS_PER_MIN);
    check_i64((int64_t)w.n_steps, 1);
    play(60 * NS_PER_MIN);
    check_step(1, "v3", ROLLOUT_shadow, ROLLOUT_canary_5);
}

static void test_a_choice_by_hand_is_neither_rolled_back_nor_expired(void **state)
{
    (void)state;
    const struct strategy_id *id = &w.strategy->strategy_id;
    w.drift = -5e-5;
    serve("v1", ABSTAINS);
    learn_activate(w.pipeline, id, model("v2", BUYS, START_NS - 100 * NS_PER_DAY), w.now_ns);
    play(6 * NS_PER_H);
    check_i64((int64_t)w.n_steps, 0);
    check_i64(view().expires_ns, TIMESTAMP_NONE);
}

static void test_expiry_falls_back_to_the_guard_then_to_warm_up(void **state)
{
    (void)state;
    const struct strategy_id *id = &w.strategy->strategy_id;
    int64_t old_ns = START_NS - 10 * NS_PER_DAY + NS_PER_H;
    learn_activate(w.pipeline, id, model("v1", ABSTAINS, START_NS), w.now_ns);
    learn_promote(w.pipeline, id, model("v2", ABSTAINS, old_ns), w.now_ns);
    check_i64(view().expires_ns, START_NS + NS_PER_H);
    play(NS_PER_H);
    check_i64((int64_t)w.n_steps, 0);
    w.holds = true;
    play(3 * NS_PER_MIN); /* asked again while the app cannot */
    assert_true(w.n_steps >= 2 && w.n_steps <= 4);
    check_step(0, "v2", ROLLOUT_active, ROLLOUT_expired);
    check_str(w.steps[0].target.text, "v1");
    w.n_steps = 0;
    learn_activate(w.pipeline, id, model("v3", ABSTAINS, old_ns), w.now_ns);
    learn_watch(w.pipeline, id);
    w.holds = false;
    play(NS_PER_MIN);
    check_i64((int64_t)w.n_steps, 1);
    check_str(w.steps[0].target.text, "");
    check_has(w.steps[0].verdict.text, "warm-up policy decides");
    check_str(view().active.text, "");
}

/* Ten days are its life, so the last one is its tenth: a younger model is wanted then, and again a quarter of it later. */
static void test_a_model_near_its_end_asks_for_a_training(void **state)
{
    (void)state;
    const struct strategy_id *id = &w.strategy->strategy_id;
    int64_t cut_ns = START_NS - 9 * NS_PER_DAY + NS_PER_H;
    learn_activate(w.pipeline, id, model("v1", ABSTAINS, cut_ns), w.now_ns);
    play(NS_PER_H / 2);
    learn_watch(w.pipeline, id);
    play(NS_PER_H / 2 - NS_PER_MIN);
    check_i64((int64_t)w.n_expiry, 0);
    play(2 * NS_PER_MIN);
    check_i64((int64_t)w.n_expiry, 1);
    play(5 * NS_PER_H);
    check_i64((int64_t)w.n_expiry, 1);
    play(2 * NS_PER_H);
    check_i64((int64_t)w.n_expiry, 2);
    learn_activate(w.pipeline, id, model("v2", ABSTAINS, cut_ns), w.now_ns);
    play(12 * NS_PER_H);
    check_i64((int64_t)w.n_expiry, 2); /* chosen by hand: it does not expire */
}

static void test_an_incumbent_that_drifts_need_only_be_equalled(void **state)
{
    (void)state;
    w.drift = 5e-5;
    serve("v1", BUYS);
    begin_shadow("v2", BUYS);
    play(4 * NS_PER_H);
    check_i64((int64_t)w.n_steps, 0);
    learn_drifting(w.pipeline, &w.strategy->strategy_id);
    play(NS_PER_H);
    assert_true(w.n_steps >= 1);
    check_step(0, "v2", ROLLOUT_shadow, ROLLOUT_canary_5);
    check_has(w.steps[0].verdict.text, "not worse than an incumbent");
}

static void test_another_incumbent_begins_the_comparison_anew(void **state)
{
    (void)state;
    w.drift = 5e-5;
    serve("v1", ABSTAINS);
    begin_shadow("v2", BUYS);
    while (w.n_steps < 1 && w.now_ns < START_NS + 20 * NS_PER_H)
        play(NS_PER_MIN);
    check_str(rollout_stage_name(view().shadows[0].stage), "canary_5");
    serve("v9", ABSTAINS);
    check_str(rollout_stage_name(view().shadows[0].stage), "shadow");
    check_i64((int64_t)view().shadows[0].n_blocks, 0);
    play(
        10 *
        BLOCK_NS); /* what was open is held against v1, which no longer serves: it does not count */
    assert_true(view().shadows[0].n_blocks <= 9);
}

/* The state of a worker that died: blocks and open decisions read back give the same step at the same time. */
static void test_restored_blocks_go_on_where_they_were(void **state)
{
    (void)state;
    w.drift = 5e-5;
    serve("v1", ABSTAINS);
    begin_shadow("v2", BUYS);
    const struct strategy_id *id = &w.strategy->strategy_id;
    const struct model_version_id version = {"v2"};
    for (int64_t i = 0; i < 40; i++) {
        double u = 1e-4 + 1e-5 * (double)(i % 3);
        const struct paired_block block = {
            .index = START_NS / BLOCK_NS - 50 + i, .n = 12, .d = u, .u_b = u, .trades_b = 12};
        pipeline_restore_block(w.pipeline, id, &version, &BTC, &block);
    }
    check_i64((int64_t)view().shadows[0].n_blocks, 38);
    (void)pipeline_tick(w.pipeline, w.now_ns, &w.effects);
    perform();
    check_step(0, "v2", ROLLOUT_shadow, ROLLOUT_canary_5);
    check_i64((int64_t)w.steps[0].n_blocks, 38);
}

/* A replayed market's clock is not known before its first message: a cool-down that was read back holds until then. */
static void test_a_restored_cool_down_holds_before_the_market(void **state)
{
    (void)state;
    w.drift = 5e-5;
    serve("v1", ABSTAINS);
    begin_shadow("v2", BUYS);
    const struct strategy_id *id = &w.strategy->strategy_id;
    const struct model_version_id version = {"v2"};
    const int64_t until_ns = w.now_ns + 3 * BLOCK_NS, wall_ns = w.now_ns + 1000 * NS_PER_DAY;
    learn_cool_down(w.pipeline, id, until_ns);
    for (int64_t i = 0; i < 40; i++) {
        double u = 1e-4 + 1e-5 * (double)(i % 3);
        const struct paired_block block = {
            .index = START_NS / BLOCK_NS - 50 + i, .n = 12, .d = u, .u_b = u, .trades_b = 12};
        pipeline_restore_block(w.pipeline, id, &version, &BTC, &block);
    }
    (void)pipeline_tick(w.pipeline, wall_ns, &w.effects);
    perform();
    assert_int_equal(w.n_steps, 0);
    assert_true(pipeline_is_cooling(w.pipeline, id, wall_ns));
    play(2 * BLOCK_NS);
    assert_int_equal(w.n_steps, 0);
    play(6 * BLOCK_NS);
    check_step(0, "v2", ROLLOUT_shadow, ROLLOUT_canary_5);
    assert_false(pipeline_is_cooling(w.pipeline, id, w.now_ns));
}

static void test_places_are_bounded_and_the_worst_makes_room(void **state)
{
    (void)state;
    static const char *const names[] = {"v2", "v3", "v4"};
    w.drift = 5e-5;
    serve("v1", ABSTAINS);
    for (size_t i = 0; i < COUNT_OF(names); i++)
        begin_shadow(names[i], i == 1 ? ABSTAINS : BUYS);
    play(15 * BLOCK_NS);
    const struct rollout_start start = {.stage = ROLLOUT_shadow, .attempt = 4};
    struct model_version_id ousted;
    assert_true(learn_shadow(w.pipeline, &w.strategy->strategy_id, model("v5", BUYS, w.now_ns),
                             &start, &ousted));
    check_str(ousted.text, "v3");
    check_i64((int64_t)view().n_shadows, 3);
    learn_activate(w.pipeline, &w.strategy->strategy_id, NULL, w.now_ns);
    check_i64((int64_t)view().n_shadows, 0); /* warm-up has nobody to be held against */
    assert_false(learn_shadow(w.pipeline, &w.strategy->strategy_id, model("v6", BUYS, w.now_ns),
                              &start, &ousted));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_shadow_abstains_where_it_has_seen_nothing_like_it),
        CASE(test_a_canary_that_must_abstain_is_part_of_the_propensity),
        CASE(test_one_version_alone_is_not_scored_twice),
        CASE(test_a_better_challenger_goes_all_the_way),
        CASE(test_only_one_canary_at_a_time),
        CASE(test_a_worse_challenger_is_rejected),
        CASE(test_one_that_is_no_different_expires),
        CASE(test_a_regime_change_rolls_the_serving_model_back),
        CASE(test_a_choice_by_hand_is_neither_rolled_back_nor_expired),
        CASE(test_expiry_falls_back_to_the_guard_then_to_warm_up),
        CASE(test_a_model_near_its_end_asks_for_a_training),
        CASE(test_an_incumbent_that_drifts_need_only_be_equalled),
        CASE(test_another_incumbent_begins_the_comparison_anew),
        CASE(test_restored_blocks_go_on_where_they_were),
        CASE(test_a_restored_cool_down_holds_before_the_market),
        CASE(test_places_are_bounded_and_the_worst_makes_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
