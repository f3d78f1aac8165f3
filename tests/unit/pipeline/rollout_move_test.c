/* How a version moves: its claims on live decisions held against what came, and what is told of whom. */
#include "harness/check.h"

#include <stdlib.h>

#include "alphaloop/pipeline/rollout_move.h"

#define N_BLOCKS 100
#define N        (4 * N_BLOCKS)

static struct rollout_inquiry inquiry;
static struct rollout_step step;

/* Intervals are v +- 2 sigma at 0.9: of the 110 scores 0.02, 0.04 .. 2.2 the hundredth is 2. */
static void fill(double q, double held_share, uint64_t seed)
{
    double scores[110];
    struct rng rng;
    for (size_t i = 0; i < COUNT_OF(scores); i++)
        scores[i] = 0.02 * (double)(i + 1);
    inquiry = (struct rollout_inquiry){.nominal = 0.9, .n_calibration = 1e6, .n = N};
    check_ok(conformal_fit(scores, COUNT_OF(scores), 1e9, &inquiry.conformal));
    rng_seed(&rng, seed);
    for (size_t i = 0; i < N; i++) { /* newest first, as they are read */
        double size = rng_uniform(&rng) < held_share ? 0.001 : 0.003;
        double won = rng_uniform(&rng) < 0.6 ? 1 : -1;
        inquiry.claims[i] = (struct shadow_claim){.block = 1000 - (int64_t)(i / 4),
                                                  .q = q,
                                                  .v = 0,
                                                  .net_return = won * size,
                                                  .sigma_h = 0.001};
    }
}

static bool may_step(void)
{
    step = (struct rollout_step){.from = ROLLOUT_shadow, .to = ROLLOUT_canary_5};
    (void)chars_set(step.version.text, sizeof(step.version.text), "v2");
    (void)chars_set(step.verdict.text, sizeof(step.verdict.text), "better");
    check_ok(rollout_inquiry_judge(&inquiry, &step));
    return rollout_inquiry_answer(&step, NULL);
}

static void test_who_kept_his_word_may_step(void **state)
{
    (void)state;
    fill(0.6, 0.9, 1);
    assert_true(may_step());
    check_has(step.verdict.text, "better; of 400 trades ECE 0.");
    struct honesty h = step.verdict.honesty;
    check_i64((int64_t)h.n_blocks, N_BLOCKS);
    check_i64((int64_t)h.n_intervals, N);
    check_near(h.coverage, 0.9, 0.05);
    check_near(h.nominal, 0.9, 0);
}

static void test_who_promised_more_wins_waits(void **state)
{
    (void)state;
    fill(0.8, 0.9, 2);
    assert_false(may_step());
    check_has(step.verdict.text, "waits: ");
    check_has(step.verdict.text, "off by more than 0.05");
    check_has(step.verdict.text, "; better");
}

static void test_whose_intervals_miss_waits(void **state)
{
    (void)state;
    fill(0.6, 0.75, 3);
    assert_false(may_step());
    check_near(step.verdict.honesty.coverage, 0.75, 0.06);
    check_has(step.verdict.text, "intervals surely hold");
}

/* Volatility was not kept, or the version has no intervals: there is nothing to hold. */
static void test_without_intervals_only_probabilities_count(void **state)
{
    (void)state;
    fill(0.6, 0.75, 3);
    for (size_t i = 0; i < N; i++)
        inquiry.claims[i].sigma_h = NAN;
    assert_true(may_step());
    check_i64((int64_t)step.verdict.honesty.n_intervals, 0);
    fill(0.6, 0.75, 3);
    rollout_inquiry_begin(&inquiry, NULL, 0.9); /* it has left */
    inquiry.n = N;
    assert_true(may_step());
    check_i64((int64_t)step.verdict.honesty.n_intervals, 0);
}

static void test_who_could_not_be_asked_waits(void **state)
{
    (void)state;
    fill(0.6, 0.9, 1);
    assert_true(may_step());
    assert_false(rollout_inquiry_answer(&step, "the database is away"));
    check_has(step.verdict.text, "waits: the database is away");
}

/* ---- what becomes of whom ---- */

static const struct model_version_id v1 = {"v1"}, v2 = {"v2"}, none = {""};

static struct rollout_step step_of(enum rollout_stage from, enum rollout_stage to)
{
    struct rollout_step out = {.version = v2, .against = v1, .from = from, .to = to};
    (void)chars_set(out.verdict.text, sizeof(out.verdict.text), "the evidence");
    return out;
}

static void check_record(const struct rollout_record *record,
                         const char *version,
                         enum rollout_stage stage,
                         const char *against,
                         const char *verdict)
{
    check_str(record->version.text, version);
    check_i64(record->stage, stage);
    check_str(record->against.text, against);
    check_has(record->verdict, verdict);
}

static void test_who_takes_over_and_who_goes(void **state)
{
    (void)state;
    struct rollout_record out[2];
    struct rollout_change change = {.version = &v1, .why = "gate"};
    check_i64((int64_t)rollout_tell_change(&change, NULL, out), 1);
    check_record(&out[0], "v1", ROLLOUT_active, "", "decides instead of the warm-up policy");
    change = (struct rollout_change){.version = &v2, .why = "gate", .keeps_guard = true};
    check_i64((int64_t)rollout_tell_change(&change, &v1, out), 2);
    check_record(&out[0], "v1", ROLLOUT_guard, "v2", "v2 decides instead");
    check_record(&out[1], "v2", ROLLOUT_active, "v1", "decides instead of v1");
    assert_null(out[1].step);
    change = (struct rollout_change){.version = &v2, .why = "gate", .as_shadow = true};
    check_i64((int64_t)rollout_tell_change(&change, &v1, out), 1);
    check_record(&out[0], "v2", ROLLOUT_shadow, "v1", "beside v1");
}

static void test_who_won_has_its_evidence(void **state)
{
    (void)state;
    struct rollout_record out[2];
    const struct rollout_step won = step_of(ROLLOUT_canary_25, ROLLOUT_active);
    assert_true(rollout_must_ask(&won) && rollout_is_change(&won));
    check_str(rollout_decider(&won)->text, "v2");
    check_str(rollout_why(&won), "evidence");
    assert_true(rollout_is_won("evidence") && rollout_is_won("gate") && !rollout_is_won("guard"));
    const struct rollout_change change = {
        .version = &v2, .why = "evidence", .keeps_guard = true, .step = &won};
    check_i64((int64_t)rollout_tell_change(&change, &v1, out), 2);
    check_record(&out[0], "v1", ROLLOUT_guard, "v2", "v2 decides instead");
    check_record(&out[1], "v2", ROLLOUT_active, "v1", "the evidence");
    assert_true(out[0].step == NULL && out[1].step == &won);
}

static void test_who_is_rolled_back_is_told_why(void **state)
{
    (void)state;
    struct rollout_record out[2];
    struct rollout_step back = step_of(ROLLOUT_active, ROLLOUT_rolled_back);
    back.target = v1;
    assert_true(!rollout_must_ask(&back) && rollout_is_change(&back));
    check_str(rollout_decider(&back)->text, "v1");
    check_str(rollout_why(&back), "guard");
    struct rollout_change change = {.version = &v1, .why = "guard", .step = &back};
    check_i64((int64_t)rollout_tell_change(&change, &v2, out), 2);
    check_record(&out[0], "v2", ROLLOUT_rolled_back, "v1", "the evidence");
    check_record(&out[1], "v1", ROLLOUT_active, "v2", "decides instead of v2");
    back = step_of(ROLLOUT_active, ROLLOUT_expired);
    check_str(rollout_why(&back), "expired");
    change = (struct rollout_change){.version = &none, .why = "expired", .step = &back};
    check_i64((int64_t)rollout_tell_change(&change, &v2, out), 1);
    check_record(&out[0], "v2", ROLLOUT_expired, "", "the evidence");
}

static void test_a_challenger_moves_on_its_evidence(void **state)
{
    (void)state;
    struct rollout_record out;
    struct rollout_step up = step_of(ROLLOUT_canary_5, ROLLOUT_canary_25);
    assert_true(rollout_must_ask(&up) && !rollout_is_change(&up));
    rollout_tell_move(&up, &out);
    check_record(&out, "v2", ROLLOUT_canary_25, "v1", "the evidence");
    up = step_of(ROLLOUT_shadow, ROLLOUT_rejected);
    assert_false(rollout_must_ask(&up) || rollout_is_change(&up));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_kept_his_word_may_step),
        cmocka_unit_test(test_who_promised_more_wins_waits),
        cmocka_unit_test(test_whose_intervals_miss_waits),
        cmocka_unit_test(test_without_intervals_only_probabilities_count),
        cmocka_unit_test(test_who_could_not_be_asked_waits),
        cmocka_unit_test(test_who_takes_over_and_who_goes),
        cmocka_unit_test(test_who_won_has_its_evidence),
        cmocka_unit_test(test_who_is_rolled_back_is_told_why),
        cmocka_unit_test(test_a_challenger_moves_on_its_evidence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
