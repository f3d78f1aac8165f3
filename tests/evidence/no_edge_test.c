/* A market without edge: how often does the gate let a model through that cannot be better?
 *
 * Trading costs nothing here, so no policy loses and a lucky one shows: with costs a model without edge would abstain, and
 * the gate would have nothing to do. In every market the worker's own training is run several times as it goes on, each an
 * attempt of its own, held to its share of the level, so a market in which any attempt is promoted counts once.
 *
 * Markets are independent, so the number of those with a promotion is at most binomial: the bound is the smallest count that
 * as many or more would exceed with a chance of one in a thousand if every market were promoted exactly as often as
 * MODEL_GATE_LEVEL allows. The same is asked of the first half of the verdict alone, the lower bound of the mean advantage
 * above zero, because the demand for Brier skill hides a bound that is too low. */
#include "harness/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "harness/desk_train.h"

#define MARKETS    67
#define ATTEMPTS   3
#define FIRST_NS   (4 * NS_PER_H)
#define BETWEEN_NS (2 * NS_PER_H)
#define LEVEL      0.05
#define SURPRISE   1e-3

static const char *strategy = "{\"decision\":{\"interval_seconds\":15},\"epsilon\":0.02,"
                              "\"limits\":{\"rate\":100000,\"burst\":1000},"
                              "\"training\":{\"new_samples\":0}}";

struct outcome {
    bool promoted, better; /* in any attempt */
    size_t n_judged;       /* attempts that came to a verdict */
};

static double number(const struct manifest_gate *gate, const char *name)
{
    for (size_t i = 0; i < gate->n_numbers; i++) {
        if (strcmp(gate->numbers[i].name, name) == 0)
            return gate->numbers[i].value;
    }
    fail_msg("the verdict has no number %s", name);
    return 0;
}

static void judge(struct desk_run *desk, uint32_t attempt, struct outcome *out)
{
    struct train_result result;
    desk_train(desk, attempt, &result);
    assert_non_null(result.manifest); /* enough samples for a verdict */
    const struct manifest_gate *gate = &result.manifest->gate;
    check_near(number(gate, "attempt"), attempt, 0);
    out->n_judged++;
    out->promoted |= gate->promote;
    out->better |= number(gate, "mean_gain_low") > 0;
    if (gate->promote)
        printf("market %llu, attempt %u: %s\n", (unsigned long long)desk->market_options.seed,
               attempt, gate->reason);
    train_result_deinit(&result);
}

static struct outcome play_market(uint64_t seed)
{
    struct desk_options options = {
        .seed = seed,
        .edge = 0,
        .is_free = true,
        .settings = {{"TRADING_ASSETS", "BTCUSDT,ETHUSDT"}, {"WARMUP_SIGNAL_FREQUENCY", "4"}},
        .strategy_json = strategy,
    };
    struct desk_run desk;
    struct outcome outcome = {0};
    desk_start(&desk, &options);
    check_near(desk.settings->model_gate_level, LEVEL, 1e-12);
    desk.forgets_signals = true;
    for (uint32_t attempt = 1; attempt <= ATTEMPTS; attempt++) {
        desk_play(&desk, attempt == 1 ? FIRST_NS : BETWEEN_NS);
        judge(&desk, attempt, &outcome);
    }
    desk_stop(&desk);
    return outcome;
}

/* P(X > count), X binomial. */
static double chance_of_more(int n, double p, int count)
{
    double term = pow(1 - p, n), more = 1;
    for (int k = 0; k <= count; k++) {
        more -= term;
        term *= (double)(n - k) / (k + 1) * p / (1 - p);
    }
    return more;
}

static int count_allowed(int n, double p)
{
    int count = 0;
    while (chance_of_more(n, p, count) > SURPRISE)
        count++;
    return count;
}

/* The largest rate at which so few would still come with a chance of one in twenty (Clopper and Pearson 1934). */
static double rate_at_most(int n, int count)
{
    double low = 0, high = 1;
    for (int i = 0; i < 60; i++) {
        double middle = (low + high) / 2;
        if (1 - chance_of_more(n, middle, count) > 0.05)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void test_the_bound_by_hand(void **state)
{
    (void)state;
    check_near(chance_of_more(2, 0.5, 0), 0.75, 1e-12);
    check_near(chance_of_more(20, 0.05, 4), 0.002573939, 1e-8); /* tables of the distribution */
    check_i64(count_allowed(20, 0.05), 5);
    check_i64(count_allowed(67, 0.05), 10); /* P(X > 9) = 0.00177, P(X > 10) = 0.00047 */
    check_near(rate_at_most(67, 0), 1 - pow(0.05, 1.0 / 67), 1e-9);
    check_near(rate_at_most(20, 1), 0.216, 5e-4); /* tables of Clopper and Pearson */
}

static void test_promotions_stay_within_the_level(void **state)
{
    int n_promoted = 0, n_better = 0, allowed = count_allowed(MARKETS, LEVEL);
    size_t n_judged = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= MARKETS; seed++) {
        struct outcome outcome = play_market(1000 + seed);
        n_judged += outcome.n_judged;
        n_promoted += outcome.promoted;
        n_better += outcome.better;
    }
    printf("%d markets without edge, %zu challengers: promoted in %d markets, advantage \"surely\" "
           "above zero in %d\n"
           "  level %g allows %.1f, more than %d would be a surprise of 1 in 1000; with 95 %% "
           "confidence a market has a promotion in at most %.3f of cases\n",
           MARKETS, n_judged, n_promoted, n_better, LEVEL, MARKETS * LEVEL, allowed,
           rate_at_most(MARKETS, n_promoted));
    check_i64((int64_t)n_judged, MARKETS * ATTEMPTS);
    assert_true(n_promoted <= allowed);
    assert_true(n_better <= allowed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_bound_by_hand),
        cmocka_unit_test(test_promotions_stay_within_the_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
