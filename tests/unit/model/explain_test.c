/* The few features that weighed most add up, with the rest and the mean, to the margin that was served. */
#include "harness/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/hash.h"
#include "alphaloop/base/rng.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/model/explain.h"
#include "alphaloop/model/trees.h"
#include "harness/model_folder.h"

#define N_COLS 9

static const char *const names[N_COLS] = {"return_1",       "keltner_upper_20", "rsi_14",
                                          "spread_bps",     "keltner_lower_20", "volume_zscore_20",
                                          "macd_histogram", "atr_ratio_14",     "candle_body"};

static struct model_folder folder;
static struct feature_set *set;
static struct scorer *scorer;

static void random_features(struct rng *rng, float *x)
{
    for (size_t k = 0; k < N_COLS; k++)
        x[k] = rng_below(rng, 8) == 0 ? NAN : (float)rng_normal(rng);
}

static double margin_of(const float *features, enum side side)
{
    float oriented[N_COLS], margin;
    feature_orient(set, features, side, oriented);
    check_ok(scorer_margins(scorer, oriented, 1, &margin));
    return (double)margin;
}

static double sum_of(const struct explanation *e)
{
    double sum = e->bias + e->rest;
    for (size_t i = 0; i < e->n; i++)
        sum += e->top[i].log_odds;
    return sum;
}

static void test_an_explanation_adds_up_for_both_sides(void **state)
{
    struct rng rng;
    size_t n_mirrored = 0, n_swapped = 0;
    (void)state;
    rng_seed(&rng, 1);
    for (int i = 0; i < 200; i++) {
        float x[N_COLS], oriented[N_COLS];
        double all[N_COLS], bias;
        struct explanation e;
        enum side side = i % 2 == 0 ? SIDE_BUY : SIDE_SELL;
        random_features(&rng, x);
        assert_true(explain_action(scorer, set, x, side, &e));
        assert_true(e.n > 0 && e.n <= EXPLANATION_TOP);
        check_near(sum_of(&e), margin_of(x, side), 1e-5);
        feature_orient(set, x, side, oriented);
        assert_true(scorer_contributions(scorer, oriented, all, &bias));
        for (size_t k = 0; k < e.n; k++) {
            size_t column = feature_set_find(set, slice_of(e.top[k].feature));
            assert_memory_equal(&e.top[k].value, &x[column], sizeof(float));
            assert_true(e.top[k].is_oriented == set->columns[column].is_oriented);
            assert_true(k == 0 || fabs(e.top[k].log_odds) <= fabs(e.top[k - 1].log_odds));
            size_t place = side == SIDE_SELL ? set->columns[column].mirror : column;
            check_near(all[place], e.top[k].log_odds, 0);
            n_mirrored += side == SIDE_SELL && e.top[k].is_oriented;
            n_swapped += place != column;
        }
    }
    assert_true(n_mirrored > 0 && n_swapped > 0);
}

/* Every column's own contribution, so that what is left out is never larger than what is named. */
static void test_what_is_named_is_the_largest(void **state)
{
    struct rng rng;
    (void)state;
    rng_seed(&rng, 2);
    for (int i = 0; i < 100; i++) {
        float x[N_COLS];
        double all[N_COLS], bias, rest = 0, least;
        struct explanation e;
        random_features(&rng, x);
        assert_true(explain_action(scorer, set, x, SIDE_BUY, &e));
        assert_true(scorer_contributions(scorer, x, all, &bias));
        least = fabs(e.top[e.n - 1].log_odds);
        for (size_t k = 0; k < e.n; k++) {
            size_t column = feature_set_find(set, slice_of(e.top[k].feature));
            check_near(all[column], e.top[k].log_odds, 0);
            all[column] = 0;
        }
        for (size_t k = 0; k < N_COLS; k++) {
            assert_true(fabs(all[k]) <= least);
            rest += all[k];
        }
        check_near(e.rest, rest, 1e-12);
    }
}

/* As a folder of an older version: the trees without their covers, under a checksum and a manifest that hold. */
static void test_an_older_folder_serves_and_is_not_explained(void **state)
{
    struct buf old = BUF_INIT(TREES_BYTES_MAX), kept = folder.trees;
    struct scorer *older = NULL;
    struct explanation e;
    struct sha256 hash;
    const float x[N_COLS] = {0};
    (void)state;
    uint32_t n_trees, n_nodes, version = 1;
    memcpy(&n_trees, kept.ptr + 8, 4);
    memcpy(&n_nodes, kept.ptr + 20, 4);
    size_t head = 24 + 4 * (size_t)n_trees;
    buf_append(&old, kept.ptr, head);
    memcpy(old.ptr + 4, &version, 4);
    for (size_t i = 0; i < n_nodes; i++)
        buf_append(&old, kept.ptr + head + 20 * i, 16);
    sha256_of(old.ptr, old.len, &hash);
    buf_append(&old, hash.bytes, sizeof hash.bytes);
    folder.trees = old;
    model_folder_write_manifest(&folder);
    struct model_files files = model_folder_files(&folder);
    check_ok(scorer_create(&files, NULL, &older));
    assert_true(scorer_uses_walker(older));
    assert_false(explain_action(older, set, x, SIDE_BUY, &e));
    scorer_destroy(older);
    buf_deinit(&old);
    folder.trees = kept;
    model_folder_write_manifest(&folder);
}

static int setup(void **state)
{
    struct slice slices[N_COLS];
    (void)state;
    for (size_t i = 0; i < N_COLS; i++)
        slices[i] = slice_of(names[i]);
    model_folder_init_wide(&folder, "xgboost", N_COLS);
    set = malloc(sizeof *set);
    check_ok(feature_set_resolve(slices, N_COLS, 60 * NS_PER_S, set));
    struct model_files files = model_folder_files(&folder);
    check_ok(scorer_create(&files, NULL, &scorer));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    scorer_destroy(scorer);
    free(set);
    model_folder_deinit(&folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_explanation_adds_up_for_both_sides),
        cmocka_unit_test(test_what_is_named_is_the_largest),
        cmocka_unit_test(test_an_older_folder_serves_and_is_not_explained),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
