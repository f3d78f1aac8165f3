/* What every kind of model must do: all rows of model_kinds.def are walked. */
#include "harness/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/model/kind.h"
#include "alphaloop/model/trees.h"
#include "alphaloop/model/walker.h"
#include "alphaloop/model/xgb.h"
#include "harness/learnable.h"

#define N_ROWS  4000
#define N_COLS  8
#define N_TRAIN 3000

static struct learnable rows;

static struct model_fit fit_of(const struct model_kind *kind, struct model_params *params)
{
    model_params_default(kind, params);
    return (struct model_fit){
        .train = {N_TRAIN, N_COLS, rows.x, rows.labels, rows.weights},
        .validation = {N_ROWS - N_TRAIN, N_COLS, rows.x + N_TRAIN * N_COLS, rows.labels + N_TRAIN,
                       rows.weights + N_TRAIN},
        .params = params,
        .seed = 7,
    };
}

static struct model *fit_default(const struct model_kind *kind, uint64_t seed)
{
    struct model_params params;
    struct model_fit fit = fit_of(kind, &params);
    struct model *model = NULL;
    fit.seed = seed;
    check_ok(kind->fit(&fit, &model));
    return model;
}

static struct buf saved(const struct model_kind *kind, const struct model *model)
{
    struct buf bytes = BUF_INIT(MODEL_BYTES_MAX);
    check_ok(kind->save(model, &bytes));
    return bytes;
}

static void test_ranges_lie_within_what_is_allowed(const struct model_kind *kind)
{
    assert_true(kind->n_ranges > 0);
    for (size_t i = 0; i < kind->n_ranges; i++) {
        const struct model_param_range *range = &kind->ranges[i];
        const struct model_param_spec *spec = &kind->params[model_kind_param(kind, range->name)];
        assert_true(range->min >= spec->min && range->max <= spec->max && range->min < range->max);
        assert_true(spec->value_default >= range->min && spec->value_default <= range->max);
        assert_true(!range->is_log || range->min > 0);
    }
}

static void test_same_data_and_seed_give_the_same_bytes(const struct model_kind *kind)
{
    struct model *a = fit_default(kind, 7), *b = fit_default(kind, 7), *c = fit_default(kind, 8);
    struct buf bytes_a = saved(kind, a), bytes_b = saved(kind, b), bytes_c = saved(kind, c);
    assert_true(slice_eq(buf_slice(&bytes_a), buf_slice(&bytes_b)));
    assert_true(slice_eq(buf_slice(&bytes_a), buf_slice(&bytes_c)) == kind->is_linear);
    buf_deinit(&bytes_a);
    buf_deinit(&bytes_b);
    buf_deinit(&bytes_c);
    kind->destroy(a);
    kind->destroy(b);
    kind->destroy(c);
}

static void test_a_loaded_model_predicts_the_same_bits(const struct model_kind *kind)
{
    static float before[N_ROWS], after[N_ROWS];
    struct model *model = fit_default(kind, 7), *loaded = NULL;
    struct buf bytes = saved(kind, model);
    check_ok(kind->load(buf_slice(&bytes), &loaded));
    check_ok(kind->predict(model, rows.x, N_ROWS, N_COLS, before));
    check_ok(kind->predict(loaded, rows.x, N_ROWS, N_COLS, after));
    assert_memory_equal(before, after, sizeof before);
    assert_true(kind->n_rounds(loaded) == kind->n_rounds(model));
    buf_deinit(&bytes);
    kind->destroy(model);
    kind->destroy(loaded);
}

/* What can be known of the rows that were not taught: all of it, or what a weighted sum can say, the first column. */
static double best_auc(const struct model_kind *kind)
{
    static double scores[N_ROWS];
    for (size_t i = N_TRAIN; i < N_ROWS; i++) {
        double first = isnan(rows.x[i * N_COLS]) ? 0 : (double)rows.x[i * N_COLS];
        scores[i] = kind->is_linear ? first : rows.log_odds[i];
    }
    return auc_of_doubles(scores + N_TRAIN, rows.labels + N_TRAIN, N_ROWS - N_TRAIN);
}

static void test_it_finds_the_edge(const struct model_kind *kind)
{
    static float margins[N_ROWS];
    struct model *model = fit_default(kind, 7);
    check_ok(kind->predict(model, rows.x, N_ROWS, N_COLS, margins));
    double found = auc_of_floats(margins + N_TRAIN, rows.labels + N_TRAIN, N_ROWS - N_TRAIN);
    double best = best_auc(kind);
    printf("%s: AUC %.3f of at best %.3f, %zu rounds\n", kind->name, found, best,
           kind->n_rounds(model));
    assert_true(found > 0.5 + 0.7 * (best - 0.5));
    kind->destroy(model);
}

static void test_missing_is_a_value_of_its_own(const struct model_kind *kind)
{
    static float x[2 * N_COLS], margins[2];
    struct model *model = fit_default(kind, 7);
    for (size_t k = 0; k < N_COLS; k++)
        x[k] = NAN;
    check_ok(kind->predict(model, x, 2, N_COLS, margins));
    assert_true(isfinite(margins[0]) && isfinite(margins[1]));
    assert_true(margins[0] != margins[1]);
    kind->destroy(model);
}

static void test_the_walker_gives_the_same_bits(const struct model_kind *kind)
{
    static float library[N_ROWS], walker[N_ROWS];
    struct model *model = fit_default(kind, 7);
    struct walker *flat = NULL;
    struct buf bytes = BUF_INIT(TREES_BYTES_MAX);
    check_ok(kind->flatten(model, &bytes));
    check_ok(walker_load(buf_slice(&bytes), &flat));
    check_ok(kind->predict(model, rows.x, N_ROWS, N_COLS, library));
    walker_score_rows(flat, rows.x, N_ROWS, walker);
    assert_memory_equal(library, walker, sizeof library);
    walker_destroy(flat);
    buf_deinit(&bytes);
    kind->destroy(model);
}

/* The first n rows as the library sees them: of a linear kind, on one scale, worked out here a second time. */
static const float *rows_seen(const struct model_kind *kind, size_t n)
{
    static float z[N_ROWS * N_COLS];
    if (!kind->is_linear)
        return rows.x;
    for (size_t k = 0; k < N_COLS; k++) {
        double count = 0, sum = 0, squares = 0;
        for (size_t i = 0; i < N_TRAIN; i++) {
            double x = (double)rows.x[i * N_COLS + k];
            count += isnan(x) ? 0 : 1;
            sum += isnan(x) ? 0 : x;
            squares += isnan(x) ? 0 : x * x;
        }
        double mean = sum / count, deviation = sqrt(squares / count - mean * mean);
        for (size_t i = 0; i < n; i++)
            z[i * N_COLS + k] = (float)(((double)rows.x[i * N_COLS + k] - mean) / deviation);
    }
    return z;
}

/* The library's own numbers, asked for past all our code: [n][N_COLS + 1], the mean last. */
static void library_contributions(const struct model_kind *kind,
                                  const struct model *model,
                                  size_t n,
                                  float *out)
{
    const struct xgb *xgb;
    struct buf bytes = saved(kind, model);
    void *booster = NULL, *matrix = NULL;
    const uint64_t *shape;
    uint64_t n_dims;
    const float *borrowed;
    char array[200];
    check_ok(xgb_load(&xgb));
    snprintf(array, sizeof array,
             "{\"data\":[%zu,true],\"shape\":[%zu,%d],\"typestr\":\"<f4\",\"version\":3}",
             (size_t)rows_seen(kind, n), n, N_COLS);
    assert_true(xgb->XGBoosterCreate(NULL, 0, &booster) == 0);
    assert_true(xgb->XGBoosterLoadModelFromBuffer(booster, bytes.ptr, bytes.len) == 0);
    assert_true(xgb->XGDMatrixCreateFromDense(array, "{\"missing\":NaN}", &matrix) == 0);
    assert_true(xgb->XGBoosterPredictFromDMatrix(
                    booster, matrix,
                    "{\"type\":2,\"training\":false,\"iteration_begin\":0,\"iteration_end\":0,"
                    "\"strict_shape\":false}",
                    &shape, &n_dims, &borrowed) == 0);
    assert_true(n_dims == 2 && shape[0] == n && shape[1] == N_COLS + 1);
    memcpy(out, borrowed, n * (N_COLS + 1) * sizeof *out);
    xgb->XGDMatrixFree(matrix);
    xgb->XGBoosterFree(booster);
    buf_deinit(&bytes);
}

static void test_contributions_are_the_librarys(const struct model_kind *kind)
{
    enum { N = 200 };
    static float expected[N][N_COLS + 1], margins[N];
    struct model *model = fit_default(kind, 7);
    struct walker *flat = NULL;
    struct buf bytes = BUF_INIT(TREES_BYTES_MAX);
    double largest = 0;
    check_ok(kind->flatten(model, &bytes));
    check_ok(walker_load(buf_slice(&bytes), &flat));
    check_ok(kind->predict(model, rows.x, N, N_COLS, margins));
    library_contributions(kind, model, N, &expected[0][0]);
    for (size_t i = 0; i < N; i++) {
        double got[N_COLS], sum = walker_bias(flat);
        assert_true(walker_contributions(flat, rows.x + i * N_COLS, got));
        for (size_t k = 0; k < N_COLS; k++) {
            check_near(got[k], (double)expected[i][k], 5e-6);
            largest = fmax(largest, fabs(got[k]));
            sum += got[k];
        }
        check_near(walker_bias(flat), (double)expected[i][N_COLS], 5e-6);
        check_near(sum, (double)margins[i], 5e-6);
    }
    assert_true(largest > 0.1);
    walker_destroy(flat);
    buf_deinit(&bytes);
    kind->destroy(model);
}

/* Every split is on some column; a weighted sum has no splits. */
static void check_splits(const struct model_kind *kind,
                         const struct model *model,
                         const struct model_importance *columns)
{
    struct buf bytes = BUF_INIT(TREES_BYTES_MAX);
    uint32_t n_trees, n_nodes;
    double splits = 0;
    check_ok(kind->flatten(model, &bytes));
    memcpy(&n_trees, bytes.ptr + 8, 4);
    memcpy(&n_nodes, bytes.ptr + 20, 4);
    for (size_t k = 0; k < N_COLS; k++)
        splits += (double)columns[k].weight;
    check_near(splits, (n_nodes - n_trees) / 2.0, 0);
    buf_deinit(&bytes);
}

/* Columns from 3 on mean nothing, and the second and third only together, which a weighted sum cannot say. */
static void test_importance_finds_what_means_something(const struct model_kind *kind)
{
    struct model *model = fit_default(kind, 7);
    struct model_importance columns[N_COLS];
    double best_noise = 0;
    check_ok(kind->importance(model, N_COLS, columns));
    for (size_t k = 3; k < N_COLS; k++)
        best_noise =
            fmax(best_noise, fabs((double)(kind->is_linear ? columns[k].weight : columns[k].gain)));
    for (size_t k = 0; k < 3 && !kind->is_linear; k++)
        assert_true((double)columns[k].gain > best_noise && columns[k].cover > 0);
    if (kind->is_linear)
        assert_true((double)columns[0].weight > 3 * best_noise);
    else
        check_splits(kind, model, columns);
    check_err(kind->importance(model, 1, columns), AL_EMODEL);
    kind->destroy(model);
}

static bool cancel_at_once(void *ctx, const struct model_round *round)
{
    *(size_t *)ctx = round->round;
    return true;
}

static void test_cancel_stops_between_rounds(const struct model_kind *kind)
{
    struct model_params params;
    struct model_fit fit = fit_of(kind, &params);
    struct model *model = NULL;
    size_t rounds = 0;
    fit.on_round = cancel_at_once;
    fit.ctx = &rounds;
    check_err(kind->fit(&fit, &model), AL_ECANCELED);
    check_i64((int64_t)rounds, 1);
    assert_null(model);
}

static bool look(void *ctx, const struct model_round *round)
{
    *(struct model_round *)ctx = *round;
    return false;
}

/* Patience runs out behind the best round; what came after it is not kept. */
static void test_the_best_round_is_kept(const struct model_kind *kind)
{
    struct model_params params;
    struct model_fit fit = fit_of(kind, &params);
    struct model_round last = {0};
    struct model *model = NULL;
    fit.on_round = look;
    fit.ctx = &last;
    check_ok(kind->fit(&fit, &model));
    assert_true(kind->n_rounds(model) == last.best_round);
    assert_true(last.n_rounds_max == 1 || last.round > last.best_round);
    kind->destroy(model);
}

static void test_outcomes_all_alike_are_refused(const struct model_kind *kind)
{
    struct model_params params;
    struct model_fit fit = fit_of(kind, &params);
    struct model *model = NULL;
    float *ones = malloc(N_TRAIN * sizeof *ones);
    for (size_t i = 0; i < N_TRAIN; i++)
        ones[i] = 1;
    fit.train.labels = ones;
    check_err(kind->fit(&fit, &model), AL_EINVAL);
    check_has(err_text(), "all outcomes are the same");
    free(ones);
}

static void test_infinite_features_are_refused(const struct model_kind *kind)
{
    struct model_params params;
    struct model_fit fit = fit_of(kind, &params);
    struct model *model = NULL;
    float kept = rows.x[5];
    rows.x[5] = INFINITY;
    check_err(kind->fit(&fit, &model), AL_EINVAL);
    check_has(err_text(), "row 0 column 5 is infinite");
    rows.x[5] = kept;
}

static void test_a_wrong_number_of_columns_is_refused(const struct model_kind *kind)
{
    float margin;
    struct model *model = fit_default(kind, 7);
    check_err(kind->predict(model, rows.x, 1, N_COLS - 1, &margin), AL_EINVAL);
    kind->destroy(model);
}

static void test_bytes_that_are_no_model_are_refused(const struct model_kind *kind)
{
    struct model *model = NULL;
    assert_true(kind->load(SLICE("{\"no\":\"model\"}"), &model) != AL_OK);
    assert_null(model);
}

static void test_parameters_are_checked_by_name_and_range(const struct model_kind *kind)
{
    struct json_reader *reader = json_reader_create(1000, 8);
    const struct model_param_spec *whole = kind->params;
    struct model_params params;
    char text[128];
    while (!whole->is_integer)
        whole++;
    const struct {
        enum al_err expected;
        const char *name;
        double value;
    } cases[] = {{AL_EINVAL, "max_dept", 3},
                 {AL_ERANGE, kind->params[0].name, kind->params[0].max + 1},
                 {AL_ERANGE, whole->name, whole->min + 1.5},
                 {AL_OK, whole->name, whole->min + 1}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct json_node *object = NULL;
        snprintf(text, sizeof text, "{\"%s\":%g}", cases[i].name, cases[i].value);
        check_ok(json_read(reader, slice_of(text), &object));
        check_err(model_params_read(kind, object, &params), cases[i].expected);
        if (cases[i].expected != AL_OK)
            check_has(err_text(), cases[i].name);
        json_put(object);
    }
    model_params_default(kind, &params);
    check_ok(model_params_check(kind, &params));
    json_reader_destroy(reader);
}

static void (*const contract[])(const struct model_kind *kind) = {
    test_ranges_lie_within_what_is_allowed,
    test_same_data_and_seed_give_the_same_bytes,
    test_a_loaded_model_predicts_the_same_bits,
    test_it_finds_the_edge,
    test_missing_is_a_value_of_its_own,
    test_the_walker_gives_the_same_bits,
    test_contributions_are_the_librarys,
    test_importance_finds_what_means_something,
    test_the_best_round_is_kept,
    test_cancel_stops_between_rounds,
    test_outcomes_all_alike_are_refused,
    test_infinite_features_are_refused,
    test_a_wrong_number_of_columns_is_refused,
    test_bytes_that_are_no_model_are_refused,
    test_parameters_are_checked_by_name_and_range,
};

static void test_every_kind_keeps_the_contract(void **state)
{
    (void)state;
    for (size_t k = 0; k < model_kind_count(); k++) {
        for (size_t i = 0; i < COUNT_OF(contract); i++)
            contract[i](model_kind_at(k));
    }
}

static void test_kinds_are_found_by_whole_name(void **state)
{
    (void)state;
    for (size_t k = 0; k < model_kind_count(); k++)
        assert_ptr_equal(model_kind_find(slice_of(model_kind_at(k)->name)), model_kind_at(k));
    assert_null(model_kind_find(SLICE("xgboos")));
    assert_null(model_kind_find(SLICE("")));
}

static int setup(void **state)
{
    (void)state;
    learnable_init(&rows, N_ROWS, N_COLS, 0.8, 11);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    learnable_deinit(&rows);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds_are_found_by_whole_name),
        cmocka_unit_test(test_every_kind_keeps_the_contract),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
