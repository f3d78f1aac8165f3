#include "harness/check.h"

#include "alphaloop/base/rng.h"
#include "alphaloop/train/trigger.h"

static struct trigger_state state;

static struct trigger_rule rule_of(const char *schedule)
{
    struct trigger_rule rule = {.on_degradation = true,
                                .window = 100,
                                .skill_min = -0.02,
                                .min_interval_ns = 300 * NS_PER_S};
    rule.has_schedule = schedule != NULL;
    if (schedule != NULL)
        check_ok(cron_parse(slice_of(schedule), &rule.schedule));
    return rule;
}

static void begin(const char *schedule)
{
    const struct trigger_rule rule = rule_of(schedule);
    check_ok(trigger_init(&state, &rule));
}

static int teardown(void **s)
{
    (void)s;
    trigger_deinit(&state);
    return 0;
}

static void test_nothing_is_due_at_first(void **s)
{
    (void)s;
    begin(NULL);
    trigger_restore(&state, TIMESTAMP_NONE, TIMESTAMP_NONE, NS_PER_DAY);
    check_str(trigger_due(&state, NS_PER_DAY * 400), NULL);
}

static void test_schedule_counts_from_now_and_goes_on_after_a_training(void **s)
{
    (void)s;
    begin("hourly");
    trigger_restore(&state, TIMESTAMP_NONE, TIMESTAMP_NONE, NS_PER_H / 2);
    check_i64(state.next_scheduled_ns, NS_PER_H);
    check_str(trigger_due(&state, NS_PER_H - 1), NULL);
    check_str(trigger_due(&state, NS_PER_H), "schedule");
    trigger_on_start(&state, NS_PER_H + NS_PER_MIN);
    trigger_on_end(&state, NS_PER_H + 2 * NS_PER_MIN);
    check_i64(state.next_scheduled_ns, 2 * NS_PER_H);
    check_str(trigger_due(&state, 2 * NS_PER_H - 1), NULL);
    check_str(trigger_due(&state, 2 * NS_PER_H), "schedule");
}

static void test_time_missed_while_away_is_due_once(void **s)
{
    (void)s;
    begin("hourly");
    trigger_restore(&state, NS_PER_H, 2 * NS_PER_H, 50 * NS_PER_H + NS_PER_MIN);
    check_str(trigger_due(&state, 50 * NS_PER_H + NS_PER_MIN), "schedule");
    trigger_on_start(&state, 50 * NS_PER_H + NS_PER_MIN);
    trigger_on_end(&state, 50 * NS_PER_H + NS_PER_MIN);
    check_str(trigger_due(&state, 50 * NS_PER_H + 30 * NS_PER_MIN), NULL);
}

static void test_new_samples_wait_for_their_number(void **s)
{
    (void)s;
    begin(NULL);
    state.n_needed = 10;
    state.n_since = 9;
    check_str(trigger_due(&state, NS_PER_DAY), NULL);
    state.n_since = 10;
    check_str(trigger_due(&state, NS_PER_DAY), "new_samples");
    state.n_needed = 0;
    check_str(trigger_due(&state, NS_PER_DAY), NULL);
}

static void test_one_at_a_time_and_not_too_often(void **s)
{
    (void)s;
    begin(NULL);
    state.n_needed = state.n_since = 1;
    trigger_on_start(&state, NS_PER_DAY);
    check_str(trigger_due(&state, 2 * NS_PER_DAY), NULL);
    trigger_on_end(&state, 2 * NS_PER_DAY);
    check_str(trigger_due(&state, 2 * NS_PER_DAY + 299 * NS_PER_S), NULL);
    check_str(trigger_due(&state, 2 * NS_PER_DAY + 300 * NS_PER_S), "new_samples");
}

/* What was kept belongs to the schedule of then: a weekly one that became hourly must not sleep for a week. */
static void test_another_schedule_than_before_counts_from_now(void **s)
{
    (void)s;
    begin("hourly");
    trigger_restore(&state, NS_PER_H, 8 * NS_PER_DAY, NS_PER_DAY + NS_PER_MIN);
    check_i64(state.next_scheduled_ns, NS_PER_DAY + NS_PER_H);
}

/* Restored by the wall's clock, ten days ahead of the market that then begins. */
static void test_a_market_of_the_past_has_its_own_schedule(void **s)
{
    (void)s;
    begin("hourly");
    trigger_restore(&state, 20 * NS_PER_DAY, TIMESTAMP_NONE, 20 * NS_PER_DAY);
    trigger_time_begins(&state, 10 * NS_PER_DAY + NS_PER_MIN);
    check_i64(state.next_scheduled_ns, 10 * NS_PER_DAY + NS_PER_H);
    check_str(trigger_due(&state, 10 * NS_PER_DAY + NS_PER_H), "schedule");
    trigger_restore(&state, 9 * NS_PER_DAY, 9 * NS_PER_DAY + NS_PER_H, 20 * NS_PER_DAY);
    trigger_time_begins(&state,
                        10 * NS_PER_DAY + NS_PER_MIN); /* it was missed in the market, too */
    check_i64(state.last_training_ns, 9 * NS_PER_DAY);
    check_i64(state.next_scheduled_ns, 9 * NS_PER_DAY + NS_PER_H);
}

static void test_a_newer_schedule_supersedes_a_run_once(void **s)
{
    (void)s;
    begin("hourly");
    trigger_restore(&state, TIMESTAMP_NONE, TIMESTAMP_NONE, NS_PER_H / 2);
    state.n_needed = state.n_since = 1;
    trigger_on_start(&state, NS_PER_H / 2);
    check_str(trigger_due(&state, NS_PER_H - 1), NULL); /* new samples wait */
    check_str(trigger_due(&state, NS_PER_H), "schedule");
    check_str(trigger_due(&state, NS_PER_H + NS_PER_S), NULL); /* told: it is being cancelled */
    trigger_on_end(&state, NS_PER_H + 2 * NS_PER_S);
    trigger_on_start(&state, NS_PER_H + 2 * NS_PER_S);
    check_str(trigger_due(&state, 3 * NS_PER_H), NULL); /* it has superseded one already */
    trigger_on_end(&state, 3 * NS_PER_H);
    check_str(trigger_due(&state, 3 * NS_PER_H + 300 * NS_PER_S), "new_samples");
    state.n_since = 0;
    check_str(trigger_due(&state, 3 * NS_PER_H + 300 * NS_PER_S), "schedule");
    trigger_on_start(&state, 3 * NS_PER_H + 300 * NS_PER_S);
    check_str(trigger_due(&state, 4 * NS_PER_H), "schedule"); /* this one may be superseded again */
}

static void test_an_alarm_supersedes_a_run_that_began_before_it(void **s)
{
    (void)s;
    begin(NULL);
    trigger_on_start(&state, NS_PER_DAY);
    for (int i = 0; i < 100; i++)
        trigger_on_outcome(&state, 0.9, false, 1);
    check_str(trigger_due(&state, NS_PER_DAY + 299 * NS_PER_S), NULL);
    check_str(trigger_due(&state, NS_PER_DAY + 300 * NS_PER_S), "degradation");
    trigger_on_end(&state, NS_PER_DAY + 301 * NS_PER_S);
    trigger_on_start(&state, NS_PER_DAY + 301 * NS_PER_S);
    check_str(trigger_due(&state, 2 * NS_PER_DAY), NULL);
    trigger_on_end(&state, 2 * NS_PER_DAY);
    check_str(trigger_due(&state, 3 * NS_PER_DAY), NULL); /* answered */
}

static void run_once(int64_t now_ns)
{
    trigger_on_start(&state, now_ns);
    trigger_on_end(&state, now_ns);
}

static void test_so_many_a_day_and_not_more(void **s)
{
    (void)s;
    begin(NULL);
    state.rule.max_per_day = 3;
    state.n_needed = state.n_since = 1;
    for (int hour = 1; hour <= 3; hour++) {
        check_str(trigger_due(&state, hour * NS_PER_H), "new_samples");
        run_once(hour * NS_PER_H);
    }
    check_str(trigger_due(&state, 4 * NS_PER_H), NULL);
    check_str(trigger_due(&state, 25 * NS_PER_H - 1), NULL); /* the first was at one */
    check_str(trigger_due(&state, 25 * NS_PER_H), "new_samples");
    run_once(25 * NS_PER_H);
    check_str(trigger_due(&state, 26 * NS_PER_H - 1), NULL);
    check_str(trigger_due(&state, 26 * NS_PER_H), "new_samples");
    state.rule.max_per_day = 0;
    check_str(trigger_due(&state, 25 * NS_PER_H + 300 * NS_PER_S), "new_samples");
}

static void test_a_restart_does_not_begin_the_day_anew(void **s)
{
    (void)s;
    begin(NULL);
    state.rule.max_per_day = TRIGGER_STARTS_MAX;
    state.n_needed = state.n_since = 1;
    for (int i = 0; i < TRIGGER_STARTS_MAX; i++)
        trigger_restore_start(&state, i * NS_PER_MIN);
    trigger_restore(&state, NS_PER_H, TIMESTAMP_NONE, 2 * NS_PER_H);
    check_str(trigger_due(&state, 2 * NS_PER_H), NULL);
    check_str(trigger_due(&state, NS_PER_DAY), "new_samples");
}

/* Between the time and a tenth of the way to the next one, or jitter_ns; the same again after a restart. */
static void test_scheduled_times_are_jittered(void **s)
{
    (void)s;
    int64_t least_ns = INT64_MAX, most_ns = 0, sum_ns = 0;
    begin("hourly");
    state.rule.jitter_ns = NS_PER_H;
    state.rule.jitter_seed = 7;
    for (int64_t hour = 1; hour <= 1000; hour++) {
        trigger_restore(&state, TIMESTAMP_NONE, TIMESTAMP_NONE, hour * NS_PER_H - 10 * NS_PER_MIN);
        int64_t next_ns = state.next_scheduled_ns, late_ns = next_ns - hour * NS_PER_H;
        least_ns = late_ns < least_ns ? late_ns : least_ns;
        most_ns = late_ns > most_ns ? late_ns : most_ns;
        sum_ns += late_ns / 1000;
        check_str(trigger_due(&state, next_ns - 1), NULL);
        trigger_restore(&state, TIMESTAMP_NONE, next_ns,
                        next_ns - 1); /* past the hour, not past its time */
        check_i64(state.next_scheduled_ns, next_ns);
        trigger_restore(&state, TIMESTAMP_NONE, TIMESTAMP_NONE, next_ns);
        assert_true(state.next_scheduled_ns >= (hour + 1) * NS_PER_H);
    }
    assert_true(least_ns >= 0 && most_ns < 6 * NS_PER_MIN);
    check_near((double)sum_ns / (double)NS_PER_MIN, 3,
               0.2); /* 5.8 standard errors of a uniform mean */
    state.rule.jitter_ns = NS_PER_S;
    trigger_restore(&state, TIMESTAMP_NONE, TIMESTAMP_NONE, NS_PER_MIN);
    assert_true(state.next_scheduled_ns >= NS_PER_H &&
                state.next_scheduled_ns < NS_PER_H + NS_PER_S);
    int64_t ours_ns = state.next_scheduled_ns;
    state.rule.jitter_seed = 8; /* of another strategy */
    trigger_restore(&state, TIMESTAMP_NONE, TIMESTAMP_NONE, NS_PER_MIN);
    assert_true(state.next_scheduled_ns != ours_ns);
}

static void test_a_model_near_its_end_is_relieved_in_time(void **s)
{
    (void)s;
    begin(NULL);
    state.rule.expiry_lead_ns = 8 * NS_PER_H;
    check_str(trigger_due(&state, 100 * NS_PER_DAY), NULL); /* nothing expires */
    state.expires_ns = 10 * NS_PER_DAY;
    check_str(trigger_due(&state, 10 * NS_PER_DAY - 8 * NS_PER_H - 1), NULL);
    check_str(trigger_due(&state, 10 * NS_PER_DAY - 8 * NS_PER_H), "expiry");
    run_once(10 * NS_PER_DAY - 8 * NS_PER_H);
    check_str(trigger_due(&state, 10 * NS_PER_DAY - 6 * NS_PER_H - 1),
              NULL); /* refused: once more */
    check_str(trigger_due(&state, 10 * NS_PER_DAY - 6 * NS_PER_H), "expiry");
    state.expires_ns = 20 * NS_PER_DAY; /* a younger model serves */
    check_str(trigger_due(&state, 11 * NS_PER_DAY), NULL);
    state.rule.expiry_lead_ns = 0;
    check_str(trigger_due(&state, 20 * NS_PER_DAY), NULL);
}

/* Brier score and skill of 40 outcomes by hand: 30 times q = 0.8 of which 24 won, 10 times q = 0.4 of which 2 won. */
static void test_brier_of_the_window_by_hand(void **s)
{
    (void)s;
    begin(NULL);
    for (int i = 0; i < 29; i++)
        trigger_on_outcome(&state, 0.8, i < 24, 1);
    assert_true(isnan(trigger_brier(&state)));
    trigger_on_outcome(&state, 0.8, false, 1);
    for (int i = 0; i < 10; i++)
        trigger_on_outcome(&state, 0.4, i < 2, 1);
    double brier = (24 * 0.04 + 6 * 0.64 + 2 * 0.36 + 8 * 0.16) / 40, base = 26.0 / 40;
    check_near(trigger_brier(&state), brier, 1e-7);
    check_near(trigger_brier_skill(&state), 1 - brier / (base * (1 - base)), 1e-7);
}

static void test_only_the_newest_window_counts(void **s)
{
    (void)s;
    begin(NULL);
    for (int i = 0; i < 50; i++)
        trigger_on_outcome(&state, 0.9, false, 1);
    for (int i = 0; i < 100; i++)
        trigger_on_outcome(&state, 0.5, i % 2 == 0, 1);
    check_near(trigger_brier(&state), 0.25, 1e-12);
    check_near(trigger_brier_skill(&state), 0, 1e-12);
}

/* A model that keeps its promises, be they bold or timid: at least 10000 outcomes between false alarms of the CUSUM. */
static void test_honest_model_raises_few_alarms(void **s)
{
    struct rng rng;
    int n_alarms = 0;
    (void)s;
    rng_seed(&rng, 3);
    begin(NULL);
    state.rule.skill_min = -10; /* the CUSUM alone */
    for (int i = 0; i < 400000; i++) {
        double q = 0.005 + 0.99 * rng_uniform(&rng);
        trigger_on_outcome(&state, q, rng_uniform(&rng) < q, 1);
        if (trigger_due(&state, NS_PER_DAY) == NULL)
            continue;
        n_alarms++;
        trigger_on_new_model(&state);
    }
    assert_in_range(n_alarms, 0, 40);
}

/* Decisions that live side by side win and lose together. */
static void test_outcomes_of_one_move_raise_few_alarms_together(void **s)
{
    struct rng rng;
    int n_alarms = 0;
    (void)s;
    rng_seed(&rng, 4);
    begin(NULL);
    state.rule.skill_min = -10; /* the CUSUM alone */
    for (int i = 0; i < 20000; i++) {
        double q = 0.3 + 0.4 * rng_uniform(&rng);
        bool won = rng_uniform(&rng) < q;
        for (int k = 0; k < 20; k++)
            trigger_on_outcome(&state, q, won, 0.05);
        if (trigger_due(&state, NS_PER_DAY) == NULL)
            continue;
        n_alarms++;
        trigger_on_new_model(&state);
    }
    assert_in_range(n_alarms, 0, 3);
}

static void test_the_window_is_as_long_as_its_outcomes_are_worth(void **s)
{
    (void)s;
    begin(NULL);
    for (int i = 0; i < 1000; i++)
        trigger_on_outcome(&state, 0.5, i % 2 == 0, 0.25);
    check_i64((int64_t)state.count, 400);
    trigger_on_outcome(&state, 0.5, true, 1);
    check_i64((int64_t)state.count, 397);
    for (int i = 0; i < 3 * TRIGGER_WINDOW_MAX; i++)
        trigger_on_outcome(&state, 0.5, i % 2 == 0, 0);
    check_i64((int64_t)state.count, TRIGGER_WINDOW_MAX - 1); /* room for the next */
    assert_true(isnan(trigger_brier(&state)));
}

static int outcomes_until_alarm(void)
{
    int n = 0;
    while (n < 1000 && trigger_due(&state, 10 * NS_PER_DAY) == NULL) {
        trigger_on_outcome(&state, 0.9, n % 2 == 0, 1);
        n++;
    }
    return n;
}

static void test_sudden_decay_is_noticed_before_the_window_is_full(void **s)
{
    (void)s;
    begin(NULL);
    int n = outcomes_until_alarm();
    check_str(trigger_due(&state, 10 * NS_PER_DAY), "degradation");
    assert_in_range(n, 10, 80);
}

static void test_refused_training_does_not_silence_the_alarm_for_ever(void **s)
{
    (void)s;
    begin(NULL);
    int n = outcomes_until_alarm();
    trigger_on_start(&state, 0);
    trigger_on_end(&state, 0);
    check_str(trigger_due(&state, 10 * NS_PER_DAY), NULL); /* needs outcomes of its own */
    check_i64(outcomes_until_alarm(), n);
}

static void test_other_trainings_leave_the_window_alone(void **s)
{
    (void)s;
    begin(NULL);
    for (int i = 0; i < 50; i++)
        trigger_on_outcome(&state, 0.5, i % 2 == 0, 1);
    trigger_on_start(&state, 0);
    trigger_on_end(&state, 0);
    check_i64((int64_t)state.count, 50);
}

static void test_new_model_starts_afresh(void **s)
{
    (void)s;
    begin(NULL);
    outcomes_until_alarm();
    trigger_on_new_model(&state);
    check_str(trigger_due(&state, 10 * NS_PER_DAY), NULL);
    check_near(state.cusum, 0, 0);
}

static void test_degradation_can_be_switched_off(void **s)
{
    (void)s;
    begin(NULL);
    state.rule.on_degradation = false;
    check_i64(outcomes_until_alarm(), 1000);
}

static void test_another_schedule_counts_from_now_and_the_same_one_goes_on(void **s)
{
    (void)s;
    begin("hourly");
    trigger_restore(&state, TIMESTAMP_NONE, 2 * NS_PER_H, 5 * NS_PER_H);
    struct trigger_rule same = rule_of("hourly"), daily = rule_of("daily"), none = rule_of(NULL);
    same.min_interval_ns = 0;
    trigger_change(&state, &same, 5 * NS_PER_H);
    check_i64(state.next_scheduled_ns, 2 * NS_PER_H); /* what was missed is still due */
    check_i64(state.rule.min_interval_ns, 0);
    trigger_change(&state, &daily, 5 * NS_PER_H);
    check_i64(state.next_scheduled_ns, 24 * NS_PER_H);
    trigger_change(&state, &none, 5 * NS_PER_H);
    check_i64(state.next_scheduled_ns, TIMESTAMP_NONE);
    check_str(trigger_due(&state, 400 * NS_PER_DAY), NULL);
}

static void test_every_trigger_has_a_name_of_its_own(void **s)
{
    (void)s;
    begin(NULL);
    for (size_t i = 0; i < trigger_count(); i++) {
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(trigger_at(i)->name, trigger_at(k)->name);
    }
    assert_true(trigger_count() >= 4);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_is_due_at_first),
        TEST(test_schedule_counts_from_now_and_goes_on_after_a_training),
        TEST(test_time_missed_while_away_is_due_once),
        TEST(test_new_samples_wait_for_their_number),
        TEST(test_one_at_a_time_and_not_too_often),
        TEST(test_another_schedule_than_before_counts_from_now),
        TEST(test_a_market_of_the_past_has_its_own_schedule),
        TEST(test_a_newer_schedule_supersedes_a_run_once),
        TEST(test_an_alarm_supersedes_a_run_that_began_before_it),
        TEST(test_so_many_a_day_and_not_more),
        TEST(test_a_restart_does_not_begin_the_day_anew),
        TEST(test_scheduled_times_are_jittered),
        TEST(test_a_model_near_its_end_is_relieved_in_time),
        TEST(test_brier_of_the_window_by_hand),
        TEST(test_only_the_newest_window_counts),
        TEST(test_honest_model_raises_few_alarms),
        TEST(test_outcomes_of_one_move_raise_few_alarms_together),
        TEST(test_the_window_is_as_long_as_its_outcomes_are_worth),
        TEST(test_sudden_decay_is_noticed_before_the_window_is_full),
        TEST(test_refused_training_does_not_silence_the_alarm_for_ever),
        TEST(test_other_trainings_leave_the_window_alone),
        TEST(test_new_model_starts_afresh),
        TEST(test_degradation_can_be_switched_off),
        TEST(test_another_schedule_counts_from_now_and_the_same_one_goes_on),
        TEST(test_every_trigger_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
