#include "harness/check.h"

#include <stdlib.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/dataset/quality.h"
#include "alphaloop/dataset/split.h"

#define ROWS  1000
#define FOLDS 4

static struct label_span spans[ROWS];
static uint32_t teachers[ROWS];

/* Two rows an instant, labels of ten seconds or less, known two seconds later, some very late. */
static int setup(void **state)
{
    struct rng rng;
    (void)state;
    rng_seed(&rng, 3);
    for (size_t i = 0; i < ROWS; i++) {
        int64_t t0 = (int64_t)(i / 2) * NS_PER_S, t1 = t0 + 1 + (int64_t)(rng_uniform(&rng) * 10e9);
        spans[i] = (struct label_span){
            t0, t1, t1 + 2 * NS_PER_S + (rng_below(&rng, 20) == 0 ? 90 * NS_PER_S : 0)};
    }
    return 0;
}

static const struct split_rule rule = {
    .n_folds = FOLDS, .holdout_fraction = 0.2, .horizon_ns = 10 * NS_PER_S};

static void test_blocks_cover_all_rows_once_in_order(void **state)
{
    struct split folds[FOLDS], holdout;
    (void)state;
    check_ok(split_walk_forward(&rule, spans, ROWS, folds, &holdout));
    check_i64((int64_t)folds[0].test_begin, 160);
    for (int i = 1; i < FOLDS; i++)
        check_i64((int64_t)folds[i].test_begin, (int64_t)folds[i - 1].test_end);
    check_i64((int64_t)holdout.test_begin, (int64_t)folds[FOLDS - 1].test_end);
    check_i64((int64_t)holdout.test_begin, 800);
    check_i64((int64_t)holdout.test_end, ROWS);
}

static void test_teachers_were_known_when_the_block_began(void **state)
{
    struct split folds[FOLDS], holdout;
    (void)state;
    check_ok(split_walk_forward(&rule, spans, ROWS, folds, &holdout));
    size_t n = split_teachers(&folds[2], spans, ROWS, teachers), expected = 0;
    for (size_t i = 0; i < ROWS; i++)
        expected += spans[i].available_at_ns <= folds[2].cut_ns;
    check_i64((int64_t)n, (int64_t)expected);
    for (size_t i = 0; i < n; i++) {
        assert_true(spans[teachers[i]].available_at_ns <= spans[folds[2].test_begin].t0_ns);
        for (size_t k = folds[2].test_begin; k < folds[2].test_end; k++)
            assert_true(spans[teachers[i]].t1_ns < spans[k].t0_ns);
    }
    assert_true(n < folds[2].test_begin -
                        10); /* those before the cut whose label came later were left out */
}

static void test_rows_of_one_instant_stay_together(void **state)
{
    struct split folds[FOLDS], holdout;
    struct split_rule odd = rule;
    (void)state;
    for (int i = 1; i < 40; i++) {
        odd.holdout_fraction = 0.1 + i * 0.01;
        check_ok(split_walk_forward(&odd, spans, ROWS, folds, &holdout));
        for (int f = 0; f < FOLDS; f++)
            assert_true(spans[folds[f].test_begin].t0_ns > spans[folds[f].test_begin - 1].t0_ns);
        assert_true(spans[holdout.test_begin].t0_ns > spans[holdout.test_begin - 1].t0_ns);
    }
}

static void test_overlap_and_embargo_are_purged(void **state)
{
    const struct label_span rows[] = {{10, 19, 19}, {20, 30, 30}, {25, 40, 40},
                                      {41, 45, 45}, {50, 50, 50}, {51, 52, 52}};
    struct split split = split_at(rows, 1, 3, 10);
    (void)state;
    check_i64(split.cut_ns, 20);
    check_i64(split.test_until_ns, 40);
    assert_true(split_may_teach(&split, &rows[0]));
    assert_false(split_may_teach(&split, &(struct label_span){10, 19, 21})); /* known too late */
    assert_false(split_may_teach(&split, &(struct label_span){10, 20, 20})); /* meets the test */
    split.cut_ns = 1000; /* as in ways to split that teach from both sides of the test */
    assert_false(split_may_teach(&split, &(struct label_span){39, 60, 60}));
    assert_false(split_may_teach(&split, &(struct label_span){41, 45, 45}));
    assert_false(split_may_teach(&split, &(struct label_span){50, 51, 51}));
    assert_true(split_may_teach(&split, &(struct label_span){51, 52, 52}));
}

static void test_too_few_rows_are_told(void **state)
{
    struct split folds[FOLDS], holdout;
    (void)state;
    check_err(split_walk_forward(&rule, spans, 0, folds, &holdout), AL_ESHORT);
    check_err(split_walk_forward(&rule, spans, 4, folds, &holdout), AL_ESHORT);
    check_err(split_walk_forward(&rule, spans, 20, folds, &holdout),
              AL_ESHORT); /* nothing known before the first fold */
}

static void test_embargo_is_at_least_the_horizon(void **state)
{
    struct split folds[FOLDS], holdout;
    struct split_rule short_rule = rule;
    (void)state;
    check_ok(split_walk_forward(&rule, spans, ROWS, folds, &holdout));
    check_i64(holdout.embargo_ns, 10 * NS_PER_S);
    short_rule.horizon_ns = NS_PER_S;
    check_ok(split_walk_forward(&short_rule, spans, ROWS, folds, &holdout));
    check_i64(holdout.embargo_ns, 4990 * NS_PER_MS); /* 1 % of 499 s */
}

/* ---- combinatorial ---- */

/* Some labels last much longer than others, some are known very late. */
static void begin_combinatorial(struct split *untouched, struct cpcv *cpcv)
{
    struct split folds[FOLDS];
    struct rng rng;
    rng_seed(&rng, 4);
    for (size_t i = 0; i < ROWS; i++) {
        if (rng_below(&rng, 50) == 0)
            spans[i].t1_ns = spans[i].available_at_ns =
                spans[i].t0_ns + (int64_t)rng_below(&rng, 60) * NS_PER_S;
    }
    check_ok(split_walk_forward(&rule, spans, ROWS, folds, untouched));
    check_ok(split_combinatorial(untouched, spans, cpcv));
}

/* The rule for two rows alone, whatever groups they are in. */
static bool too_close(const struct label_span *a, const struct label_span *b, int64_t embargo_ns)
{
    return a->t1_ns >= b->t0_ns - embargo_ns && a->t0_ns <= b->t1_ns + embargo_ns;
}

static bool is_among(const uint32_t *rows, size_t n, size_t row)
{
    for (size_t i = 0; i < n; i++) {
        if (rows[i] == row)
            return true;
    }
    return false;
}

/* Every row before the untouched block that is not judged teaches exactly if it keeps off every row of the judged groups. */
static void test_teachers_keep_off_every_judged_row(void **state)
{
    struct split untouched;
    struct cpcv cpcv;
    size_t n_purged = 0;
    (void)state;
    begin_combinatorial(&untouched, &cpcv);
    for (size_t s = 0; s < CPCV_SPLITS; s++) {
        unsigned tested = cpcv_tested(s), all = (1U << CPCV_GROUPS) - 1;
        size_t n = cpcv_rows(&cpcv, spans, all & ~tested, tested, teachers);
        for (size_t i = 0; i < untouched.test_begin; i++) {
            bool may = spans[i].available_at_ns <= untouched.cut_ns, judged = false;
            for (size_t g = 0; g < CPCV_GROUPS; g++) {
                const struct cpcv_group *group = &cpcv.groups[g];
                for (size_t k = group->begin; k < group->end && tested >> g & 1; k++) {
                    may = may && !too_close(&spans[i], &spans[k], cpcv.embargo_ns);
                    judged = judged || i == k;
                }
            }
            assert_int_equal(is_among(teachers, n, i), may);
            n_purged += !may && !judged;
        }
    }
    assert_true(n_purged > 100);
}

static void test_every_row_is_judged_once_on_each_path(void **state)
{
    struct split untouched;
    struct cpcv cpcv;
    unsigned times[ROWS][CPCV_PATHS] = {0};
    size_t n_left_out = 0;
    (void)state;
    begin_combinatorial(&untouched, &cpcv);
    for (size_t s = 0; s < CPCV_SPLITS; s++) {
        size_t n_groups = 0;
        for (size_t g = 0; g < CPCV_GROUPS; g++) {
            if (!(cpcv_tested(s) >> g & 1))
                continue;
            n_groups++;
            size_t n = cpcv_rows(&cpcv, spans, 1U << g, 0, teachers);
            for (size_t i = 0; i < n; i++)
                times[teachers[i]][cpcv_path(s, g)]++;
        }
        check_i64((int64_t)n_groups, 2);
    }
    for (size_t i = 0; i < ROWS; i++) {
        bool takes_part = i < untouched.test_begin && spans[i].available_at_ns <= untouched.cut_ns;
        for (size_t path = 0; path < CPCV_PATHS; path++)
            check_i64(times[i][path], takes_part);
        n_left_out += i < untouched.test_begin && !takes_part;
    }
    assert_true(n_left_out > 5);
}

static void test_groups_are_alike_and_never_cut_an_instant(void **state)
{
    struct split untouched;
    struct cpcv cpcv;
    (void)state;
    begin_combinatorial(&untouched, &cpcv);
    for (size_t g = 0; g < CPCV_GROUPS; g++) {
        const struct cpcv_group *group = &cpcv.groups[g];
        check_near((double)(group->end - group->begin), 800.0 / CPCV_GROUPS, 2);
        if (g > 0) {
            check_i64((int64_t)group->begin, (int64_t)cpcv.groups[g - 1].end);
            assert_true(spans[group->begin].t0_ns > spans[group->begin - 1].t0_ns);
        }
    }
    check_i64((int64_t)cpcv.groups[CPCV_GROUPS - 1].end, (int64_t)untouched.test_begin);
}

static void test_too_few_rows_make_no_groups(void **state)
{
    const struct label_span few[] = {{0, 0, 0}, {1, 1, 1}, {2, 2, 2}, {3, 3, 3}, {4, 4, 4},
                                     {5, 5, 5}, {6, 6, 6}, {7, 7, 7}, {8, 8, 8}};
    struct split untouched = split_at(few, 8, 9, 0);
    struct cpcv cpcv;
    (void)state;
    check_ok(split_combinatorial(&untouched, few, &cpcv));
    untouched = split_at(few, 5, 6, 0);
    check_err(split_combinatorial(&untouched, few, &cpcv), AL_ESHORT);
}

static void test_quality_sees_holes_and_constants(void **state)
{
    const float x[] = {1, NAN, 5, NAN, 2, 7, 5, NAN, 3, 7, NAN, NAN, 4, 7, INFINITY, NAN};
    struct column_quality q[4];
    (void)state;
    quality_columns(x, 4, 4, q);
    check_near(q[0].missing, 0, 0);
    assert_false(q[0].is_constant);
    check_near((double)q[0].low, 1, 0);
    check_near((double)q[0].high, 4, 0);
    check_near(q[1].missing, 0.25, 1e-12);
    assert_true(q[1].is_constant);
    assert_true(q[2].has_infinite);
    assert_true(q[3].is_constant);
    check_near(q[3].missing, 1, 1e-12);
    assert_true(isnan(q[3].low));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_cover_all_rows_once_in_order),
        cmocka_unit_test(test_teachers_were_known_when_the_block_began),
        cmocka_unit_test(test_rows_of_one_instant_stay_together),
        cmocka_unit_test(test_overlap_and_embargo_are_purged),
        cmocka_unit_test(test_too_few_rows_are_told),
        cmocka_unit_test(test_embargo_is_at_least_the_horizon),
        cmocka_unit_test_setup(test_teachers_keep_off_every_judged_row, setup),
        cmocka_unit_test_setup(test_every_row_is_judged_once_on_each_path, setup),
        cmocka_unit_test_setup(test_groups_are_alike_and_never_cut_an_instant, setup),
        cmocka_unit_test_setup(test_too_few_rows_make_no_groups, setup),
        cmocka_unit_test(test_quality_sees_holes_and_constants),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
