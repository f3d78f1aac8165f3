/* The report's member "importance" against the model itself: every split is counted once, and the mean contribution is that of
 * the untouched block. */
#include "harness/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/json.h"
#include "alphaloop/base/timestamp.h"
#include "harness/learnable_samples.h"

static struct learnable_samples market;
static struct train_job job;
static struct train_rows rows;
static struct train_result result;
static struct scorer *scorer;
static struct json_reader *reader;
static struct json_node *report;

static struct json_node *importance(void)
{
    return json_get(report, "importance");
}

static struct json_node *feature_at(size_t index)
{
    return json_at(json_get(importance(), "features"), index);
}

static double number(struct json_node *object, const char *key)
{
    double value = NAN;
    check_ok(json_double(json_get(object, key), &value));
    return value;
}

static void test_the_column_with_the_edge_comes_first(void **state)
{
    (void)state;
    check_str(json_text(json_get(feature_at(0), "feature")).ptr, "return_1");
    assert_true(number(feature_at(0), "mean_abs_contribution") >
                3 * number(feature_at(1), "mean_abs_contribution"));
    assert_true(number(feature_at(0), "gain") > number(feature_at(1), "gain"));
}

static void test_every_column_is_there_in_order(void **state)
{
    size_t n = json_length(json_get(importance(), "features"));
    bool seen[FEATURES_MAX] = {false};
    (void)state;
    assert_true(n == market.set.n_columns);
    for (size_t i = 0; i < n; i++) {
        size_t column =
            feature_set_find(&market.set, json_text(json_get(feature_at(i), "feature")));
        assert_true(column < n && !seen[column]);
        seen[column] = true;
        assert_true(i == 0 || number(feature_at(i), "mean_abs_contribution") <=
                                  number(feature_at(i - 1), "mean_abs_contribution"));
        bool splits = number(feature_at(i), "weight") > 0;
        assert_true(splits == (number(feature_at(i), "cover") > 0));
        assert_true(splits || number(feature_at(i), "mean_abs_contribution") == 0);
    }
}

/* A tree of n splits has 2 n + 1 nodes; the head of the file says how many there are. */
static void test_splits_add_up_to_those_of_the_trees(void **state)
{
    uint32_t n_trees, n_nodes;
    double weight = 0;
    (void)state;
    memcpy(&n_trees, result.trees.ptr + 8, 4);
    memcpy(&n_nodes, result.trees.ptr + 20, 4);
    for (size_t i = 0; i < market.set.n_columns; i++)
        weight += number(feature_at(i), "weight");
    check_near(weight, (n_nodes - n_trees) / 2.0, 0);
}

/* Over every row of the block; the report has a part of them, spread evenly. */
static void test_the_mean_is_that_of_the_untouched_block(void **state)
{
    size_t n = 0;
    double sum = 0;
    (void)state;
    for (size_t i = 0; i < rows.n_rows; i++) {
        float x[FEATURES_MAX];
        double contributions[FEATURES_MAX], bias;
        if (rows.rows[i].t0_ns < result.manifest->data.holdout_from_ns)
            continue;
        feature_orient(&market.set, rows.x + i * rows.n_cols, (enum side)rows.rows[i].action, x);
        assert_true(scorer_contributions(scorer, x, contributions, &bias));
        sum += fabs(contributions[0]);
        n++;
    }
    assert_true(n > 1000);
    check_near(number(importance(), "rows"), 1000, 0);
    check_near(number(feature_at(0), "mean_abs_contribution") / (sum / (double)n), 1, 0.05);
}

static int setup(void **state)
{
    (void)state;
    learnable_samples_init(&market, 4000, 1, 7);
    learnable_samples_job(&market, &job);
    learnable_samples_rows(&market, &rows);
    check_ok(train_run(&job, &market.set, &rows, NULL, NULL, &result));
    check_ok(train_result_seal(&result, NS_PER_DAY, 2));
    struct model_files files = {buf_slice(&result.manifest_json), buf_slice(&result.trees),
                                buf_slice(&result.probe), buf_slice(&result.model),
                                buf_slice(&result.novelty)};
    check_ok(scorer_create(&files, NULL, &scorer));
    reader = json_reader_create(1U << 20, 16);
    check_ok(json_read(reader, buf_slice(&result.report), &report));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    json_put(report);
    json_reader_destroy(reader);
    scorer_destroy(scorer);
    train_result_deinit(&result);
    train_rows_deinit(&rows);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_column_with_the_edge_comes_first),
        cmocka_unit_test(test_every_column_is_there_in_order),
        cmocka_unit_test(test_splits_add_up_to_those_of_the_trees),
        cmocka_unit_test(test_the_mean_is_that_of_the_untouched_block),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
