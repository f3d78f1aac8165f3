/* The recurrent kind finds in the past of a column what a line cannot, and in a random walk nothing. */
#include "harness/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/forecast/kind.h"

#define LAG          10
#define N_LAGS       20
#define N_TEACH      3000
#define N_VALIDATION 500
#define N_TEST       1000
#define FROM         60 /* so that a teacher has what it looks back on */
#define N_ROWS       (FROM + N_TEACH + N_VALIDATION + N_TEST)
#define TEST_FROM    (N_ROWS - N_TEST)

static float x[N_ROWS], lags[N_ROWS * N_LAGS], y[N_ROWS];
static int64_t ts_ns[N_ROWS];
static size_t all_rows[N_ROWS];

/* The last N_LAGS values beside each other, for a kind that reads one row. */
static void lay_lags_out(void)
{
    for (size_t i = 0; i < N_ROWS; i++) {
        ts_ns[i] = (int64_t)i;
        all_rows[i] = i;
        for (size_t k = 0; k < N_LAGS; k++)
            lags[i * N_LAGS + k] = i < k ? NAN : x[i - k];
    }
}

static struct forecast_fit fit_of(const struct model_params *params,
                                  const float *columns,
                                  size_t n_cols,
                                  uint64_t seed)
{
    return (struct forecast_fit){
        .series = {N_ROWS, n_cols, columns, ts_ns, y},
        .teach = all_rows + FROM,
        .n_teach = N_TEACH,
        .validation = all_rows + FROM + N_TEACH,
        .n_validation = N_VALIDATION,
        .params = params,
        .seed = seed,
    };
}

static void set(const struct forecast_kind *kind,
                struct model_params *params,
                const char *name,
                double value)
{
    struct model_kind named = {.params = kind->params, .n_params = kind->n_params};
    params->values[model_kind_param(&named, name)] = value;
}

/* Losses of zero less losses of the kind over the test rows: their share of zero's, and how many standard errors their mean is
 * above nothing. */
struct skill {
    double r2, t;
};

static struct skill skill_of(const char *name, const float *columns, size_t n_cols, uint64_t seed)
{
    static float mean[N_TEST];
    const struct forecast_kind *kind = forecast_kind_find(slice_of(name));
    struct forecast_model *model = NULL;
    struct model_params params;
    double sum = 0, squares = 0, zero = 0;
    forecast_params_default(kind, &params);
    if (n_cols == 1) {
        set(kind, &params, "n_steps", N_LAGS);
        set(kind, &params, "hidden", 16);
        set(kind, &params, "dropout", 0.1);
        set(kind, &params, "epochs", 25);
        set(kind, &params, "learning_rate", 0.005);
    }
    struct forecast_fit fit = fit_of(&params, columns, n_cols, seed);
    check_ok(kind->fit(&fit, &model));
    check_ok(kind->predict(model, &fit.series, all_rows + TEST_FROM, N_TEST, mean, NULL));
    kind->destroy(model);
    for (size_t i = 0; i < N_TEST; i++) {
        double outcome = (double)y[TEST_FROM + i], miss = outcome - (double)mean[i];
        double gain = outcome * outcome - miss * miss;
        zero += outcome * outcome;
        sum += gain;
        squares += gain * gain;
    }
    double average = sum / N_TEST, variance = squares / N_TEST - average * average;
    return (struct skill){sum / zero, variance > 0 ? average / sqrt(variance / N_TEST) : 0};
}

/* The return is large where the value ten rows ago was, in either direction: no line through any of the values says so. Of its
 * variance 0.8 can be known. */
static void test_it_finds_a_bent_line_ten_rows_back(void **state)
{
    struct rng rng;
    (void)state;
    rng_seed(&rng, 2);
    for (size_t i = 0; i < N_ROWS; i++) {
        x[i] = (float)rng_normal(&rng);
        double before = i < LAG ? 0 : (double)x[i - LAG];
        y[i] = (float)(0.01 * ((before * before - 1) / sqrt(2) + 0.5 * rng_normal(&rng)));
    }
    lay_lags_out();
    struct skill lstm = skill_of("lstm", x, 1, 7), linear = skill_of("linear", lags, N_LAGS, 7);
    printf("out-of-sample R2 %.3f, of a line through the last %d values %.3f, at best 0.80\n",
           lstm.r2, N_LAGS, linear.r2);
    assert_true(lstm.r2 > 0.5);
    assert_true(linear.r2 < 0.05);
}

/* Six walks; one t of 3.5 among six happens once in 700 times by chance. */
static void test_it_finds_nothing_in_a_random_walk(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct rng rng;
        rng_seed(&rng, seed);
        for (size_t i = 0; i < N_ROWS; i++)
            x[i] = (float)(0.01 * rng_normal(&rng));
        for (size_t i = 0; i < N_ROWS; i++)
            y[i] = i + 1 < N_ROWS ? x[i + 1] : 0;
        lay_lags_out();
        struct skill skill = skill_of("lstm", x, 1, seed);
        printf("walk %d: out-of-sample R2 %.4f, t %.2f\n", (int)seed, skill.r2, skill.t);
        assert_true(skill.t < 3.5);
        assert_true(skill.r2 > -0.05); /* and does no harm worth the name */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_finds_a_bent_line_ten_rows_back),
        cmocka_unit_test(test_it_finds_nothing_in_a_random_walk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
