/* Intervals hold as often as they say: on exchangeable rows by split conformal prediction, under drift by the adaptive level. */
#include "harness/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/model/conformal.h"

static struct rng rng;

static int begin(void **state)
{
    (void)state;
    rng_seed(&rng, 17);
    return 0;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Skewed, heavy: the promise is for any distribution. */
static double draw_score(void)
{
    double z = rng_normal(&rng);
    return exp(z) + (rng_below(&rng, 20) == 0 ? 10 * rng_uniform(&rng) : 0);
}

static void draw(double *scores, size_t n)
{
    for (size_t i = 0; i < n; i++)
        scores[i] = draw_score();
}

static void test_radius_is_the_order_statistic(void **state)
{
    enum { N = 137 };
    double scores[N], sorted[N];
    struct conformal c;
    (void)state;
    draw(scores, N);
    for (size_t i = 0; i < N; i++)
        sorted[i] = scores[i];
    qsort(sorted, N, sizeof *sorted, by_size);
    check_ok(conformal_fit(scores, N, N, &c));
    for (int percent = 1; percent < 100; percent++) {
        int rank = (138 * percent + 99) / 100; /* ceil((n + 1) c) in whole numbers */
        double expected = rank <= N ? sorted[rank - 1] : (double)INFINITY;
        check_same_double(conformal_radius(&c, percent / 100.0), expected);
    }
    check_same_double(conformal_radius(&c, 0), 0);
    check_same_double(conformal_radius(&c, -0.01), 0);
    assert_true(isinf(conformal_radius(&c, 1.0)) && isinf(conformal_radius(&c, 1.01)));
    check_same_double(conformal_radius(&c, 0.9001),
                      conformal_radius(&c, 0.905)); /* the next larger */
}

static void test_too_few_rows_give_no_intervals(void **state)
{
    double scores[CONFORMAL_ROWS_MIN - 1] = {0};
    struct conformal c;
    (void)state;
    check_err(conformal_fit(scores, COUNT_OF(scores), COUNT_OF(scores), &c), AL_ESHORT);
    assert_true(isnan(conformal_interval(&c, 0.1, 0.2, 0.9).coverage));
}

static void test_interval_is_v_and_its_reach(void **state)
{
    struct conformal c = {.n_rows = 100, .n_quantiles = 2, .quantile = {0.5, 2}};
    struct interval interval = conformal_interval(&c, 0.001, 0.01, 0.01);
    (void)state;
    check_near(interval.lower, 0.001 - 0.02, 1e-15);
    check_near(interval.upper, 0.001 + 0.02, 1e-15);
    assert_false(interval_misses(&interval, 0.0209));
    assert_true(interval_misses(&interval, 0.0211) && interval_misses(&interval, -0.0191));
    interval = conformal_interval(&c, 0.001, 0.01, 0.9);
    check_same_double(interval.coverage, 0.9);
    assert_true(isnan(interval.lower) && isnan(interval.upper));
    assert_false(interval_misses(&interval, 1e9));
}

/* Over fresh calibrations the chance that the next row is inside is ceil((n + 1) c) / (n + 1) exactly. */
static void test_coverage_on_exchangeable_rows(void **state)
{
    enum { N = 150, CALIBRATIONS = 4000, NEW_ROWS = 10 };
    static const double levels[] = {0.5, 0.8, 0.9, 0.95};
    double scores[N], held[COUNT_OF(levels)] = {0};
    struct conformal c;
    (void)state;
    for (int i = 0; i < CALIBRATIONS; i++) {
        draw(scores, N);
        check_ok(conformal_fit(scores, N, N, &c));
        for (int k = 0; k < NEW_ROWS; k++) {
            double score = draw_score();
            for (size_t m = 0; m < COUNT_OF(levels); m++)
                held[m] += score <= conformal_radius(&c, levels[m]);
        }
    }
    for (size_t m = 0; m < COUNT_OF(levels); m++) {
        double share = held[m] / (CALIBRATIONS * NEW_ROWS);
        double exact = ceil((N + 1) * levels[m] - 1e-9) / (N + 1);
        printf("%.2f: held %.4f, by theory %.4f\n", levels[m], share, exact);
        check_near(share, exact, 0.01);
        check_near(share, levels[m], 0.02);
    }
}

/* Rows side by side share what the last `ROWS_EACH` draws were: a moving average, worth N / ROWS_EACH independent ones at
 * least (how often they pass a bound is less alike than they are). Without heed of that, the share held is up to
 * (c - 1/2) ROWS_EACH / N too small. */
static void test_coverage_on_overlapping_rows(void **state)
{
    enum { N = 1200, ROWS_EACH = 40, CALIBRATIONS = 3000, NEW_ROWS = 20 };
    static const double levels[] = {0.8, 0.9, 0.95};
    static double draws[N + ROWS_EACH], scores[N];
    double held[COUNT_OF(levels)] = {0}, naive[COUNT_OF(levels)] = {0};
    struct conformal c, as_if;
    (void)state;
    for (int i = 0; i < CALIBRATIONS; i++) {
        for (int k = 0; k < N + ROWS_EACH; k++)
            draws[k] = rng_normal(&rng);
        scores[0] = 0;
        for (int k = 0; k < ROWS_EACH; k++)
            scores[0] += draws[k];
        for (int k = 1; k < N; k++)
            scores[k] = scores[k - 1] + draws[k + ROWS_EACH - 1] - draws[k - 1];
        for (int k = 0; k < N; k++)
            scores[k] = fabs(scores[k]);
        check_ok(conformal_fit(scores, N, (double)N / ROWS_EACH, &c));
        check_ok(conformal_fit(scores, N, N, &as_if));
        for (int k = 0; k < NEW_ROWS; k++) {
            double score = sqrt(ROWS_EACH) * fabs(rng_normal(&rng));
            for (size_t m = 0; m < COUNT_OF(levels); m++) {
                held[m] += score <= conformal_radius(&c, levels[m]);
                naive[m] += score <= conformal_radius(&as_if, levels[m]);
            }
        }
    }
    for (size_t m = 0; m < COUNT_OF(levels); m++) {
        double rows = CALIBRATIONS * NEW_ROWS, short_by = (levels[m] - 0.5) * ROWS_EACH / N;
        printf("overlapping, %.2f: held %.4f, as if independent %.4f\n", levels[m], held[m] / rows,
               naive[m] / rows);
        assert_true(held[m] / rows > levels[m] - 0.003 && held[m] / rows < levels[m] + 0.01);
        assert_true(naive[m] / rows < levels[m] - short_by / 2);
        assert_true(naive[m] / rows > levels[m] - 1.2 * short_by);
    }
}

/* ---- live ---- */

enum { STEPS = 20000 };

struct live {
    double fixed, adaptive; /* share of outcomes held */
};

/* Outcomes whose scale is `scale_of` its place; labels come `delay` steps late. Each step is `weight` of a piece of news. */
static struct live run_live(
    double (*scale_of)(int), double coverage, double gamma, int delay, double weight)
{
    enum { N = 2000, DELAY_MAX = 64 };
    static double scores[N];
    struct conformal c;
    struct adaptive adaptive = {0};
    struct live live = {0, 0};
    bool missed[DELAY_MAX + 1] = {0};
    draw(scores, N);
    check_ok(conformal_fit(scores, N, N, &c));
    for (int t = 0; t < STEPS; t++) {
        double score = scale_of(t) * draw_score();
        double asked = adaptive_coverage(&adaptive, coverage, gamma);
        assert_true(asked >= -gamma && asked <= 1 + gamma);
        bool is_missed = score > conformal_radius(&c, asked);
        live.fixed += score <= conformal_radius(&c, coverage);
        live.adaptive += !is_missed;
        if (t >= delay)
            adaptive_update(&adaptive, coverage, gamma, delay == 0 ? is_missed : missed[t % delay],
                            weight);
        if (delay > 0)
            missed[t % delay] = is_missed;
    }
    live.fixed /= STEPS;
    live.adaptive /= STEPS;
    printf("held: as fitted %.4f, adaptive %.4f of %.2f\n", live.fixed, live.adaptive, coverage);
    return live;
}

static double steady(int t)
{
    (void)t;
    return 1;
}

static double growing(int t)
{
    return 1 + 2.0 * t / STEPS;
}

static double breaking(int t)
{
    return t < STEPS / 2 ? 1 : 3;
}

static double calming(int t)
{
    return t < STEPS / 4 ? 1 : 0.3;
}

static void test_live_coverage_without_drift(void **state)
{
    (void)state;
    struct live live = run_live(steady, 0.9, 0.01, 0, 1);
    check_near(live.fixed, 0.9, 0.02);
    check_near(live.adaptive, 0.9, 0.02);
}

static void test_live_coverage_under_drift(void **state)
{
    double (*const scales[])(int) = {growing, breaking, calming};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(scales); i++) {
        struct live live = run_live(scales[i], 0.9, 0.01, 0, 1);
        assert_true(fabs(live.fixed - 0.9) > 0.04); /* there is something to adapt to */
        check_near(live.adaptive, 0.9, 0.02);
    }
    check_near(run_live(breaking, 0.5, 0.02, 0, 1).adaptive, 0.5, 0.02);
}

/* Sixty decisions side by side, each a sixtieth of a piece of news, whose labels come sixty steps later. */
static void test_live_coverage_when_labels_come_late(void **state)
{
    (void)state;
    check_near(run_live(growing, 0.9, 0.05, 60, 1.0 / 60 * 10).adaptive, 0.9, 0.02);
    check_near(run_live(breaking, 0.9, 0.05, 60, 1.0 / 60 * 10).adaptive, 0.9, 0.02);
}

/* Gibbs & Candes (2021), proposition 4.1: |mean miss - alpha| <= (max(alpha_1, 1 - alpha_1) + gamma) / (gamma T), whatever
 * the outcomes. Here they are the worst: outside whenever the interval has an end. */
static void test_the_bound_of_the_proposition(void **state)
{
    struct adaptive adaptive = {0};
    struct conformal c = {.n_rows = 1000, .n_quantiles = 199};
    double misses = 0, gamma = 0.02;
    (void)state;
    for (int t = 1; t <= 5000; t++) {
        bool is_missed = isfinite(conformal_radius(&c, adaptive_coverage(&adaptive, 0.8, gamma)));
        misses += is_missed;
        adaptive_update(&adaptive, 0.8, gamma, is_missed, 1);
        assert_true(fabs(misses / t - 0.2) <= (0.8 + gamma) / (gamma * t) + 1e-12);
    }
}

/* The recursion, written out by hand. */
static void test_the_recursion(void **state)
{
    static const bool missed[] = {true, false, false, true, true, false};
    static const double weights[] = {1, 0.5, 1, 0.25, 0, 1};
    struct adaptive adaptive = {0}, again;
    double alpha = 0.1, held = 0, weight = 0;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(missed); i++) {
        adaptive_update(&adaptive, 0.9, 0.05, missed[i], weights[i]);
        alpha += weights[i] * 0.05 * (0.1 - (missed[i] ? 1 : 0));
        held += weights[i] * !missed[i];
        weight += weights[i];
        check_near(adaptive_coverage(&adaptive, 0.9, 0.05), 1 - fmax(alpha, -0.05), 1e-12);
    }
    check_near(adaptive.coverage, held / weight, 1e-12);
    adaptive_restore(&again, 0.9, 0.05, 1 - alpha);
    check_near(adaptive_coverage(&again, 0.9, 0.05), 1 - alpha, 1e-12);
    /* Another aim moves the level asked for by as much. */
    check_near(adaptive_coverage(&again, 0.8, 0.05), 0.9 - alpha, 1e-12);
}

/* ---- JSON ---- */

static enum al_err read_text(struct slice text, struct conformal *out)
{
    struct json_reader *reader = json_reader_create(65536, 4);
    struct json_node *node = NULL;
    check_ok(json_read(reader, text, &node));
    enum al_err err = conformal_read(node, out);
    json_put(node);
    json_reader_destroy(reader);
    return err;
}

static void test_json_gives_back_the_same_numbers(void **state)
{
    static double scores[500];
    struct conformal c, back;
    struct buf text = BUF_INIT(65536);
    struct json_writer w;
    (void)state;
    draw(scores, COUNT_OF(scores));
    check_ok(conformal_fit(scores, COUNT_OF(scores), COUNT_OF(scores), &c));
    json_w_init(&w, &text);
    conformal_write(&c, &w);
    check_ok(read_text(buf_slice(&text), &back));
    assert_memory_equal(&c, &back, sizeof c);
    buf_deinit(&text);
}

static void test_json_that_cannot_be_is_refused(void **state)
{
    static const char *const wrong[] = {
        "{}",
        "{\"n_rows\":100}",
        "{\"n_rows\":-1,\"quantiles\":[]}",
        "{\"n_rows\":100,\"quantiles\":[]}",
        "{\"n_rows\":100,\"quantiles\":[0.2,0.1]}",
        "{\"n_rows\":100,\"quantiles\":[-0.1]}",
        "{\"n_rows\":100,\"quantiles\":[null]}",
        "{\"n_rows\":0,\"quantiles\":[1]}",
    };
    struct conformal c;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        check_err(read_text(slice_of(wrong[i]), &c), AL_EPARSE);
    check_ok(read_text(SLICE("{\"n_rows\":0,\"quantiles\":[]}"), &c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_radius_is_the_order_statistic, begin),
        cmocka_unit_test_setup(test_too_few_rows_give_no_intervals, begin),
        cmocka_unit_test_setup(test_interval_is_v_and_its_reach, begin),
        cmocka_unit_test_setup(test_coverage_on_exchangeable_rows, begin),
        cmocka_unit_test_setup(test_coverage_on_overlapping_rows, begin),
        cmocka_unit_test_setup(test_live_coverage_without_drift, begin),
        cmocka_unit_test_setup(test_live_coverage_under_drift, begin),
        cmocka_unit_test_setup(test_live_coverage_when_labels_come_late, begin),
        cmocka_unit_test_setup(test_the_bound_of_the_proposition, begin),
        cmocka_unit_test_setup(test_the_recursion, begin),
        cmocka_unit_test_setup(test_json_gives_back_the_same_numbers, begin),
        cmocka_unit_test_setup(test_json_that_cannot_be_is_refused, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
