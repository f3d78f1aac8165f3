/* Teachers in bins against the library's plain matrix. */
#include "harness/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/model/kind.h"
#include "alphaloop/model/xgb.h"
#include "harness/learnable.h"

#define N_ROUNDS  12
#define N_COLS    4
#define FEW_ROWS  3000
#define MANY_ROWS (3 * MODEL_SKETCH_ROWS_MAX + 1)
#define SEED      7
#define CONFIG    "{\"missing\":NaN,\"nthread\":1}"
#define PREDICTION                                                                                 \
    "{\"type\":1,\"training\":false,\"iteration_begin\":0,\"iteration_end\":0,"                    \
    "\"strict_shape\":false}"

static struct learnable rows;
static const struct model_kind *kind;

static void begin(size_t n_rows)
{
    learnable_init(&rows, n_rows, N_COLS, 0.8, 3);
    kind = model_kind_find(SLICE("xgboost"));
}

static struct model *fit(void)
{
    struct model_params params;
    struct model *model = NULL;
    model_params_default(kind, &params);
    const struct model_fit job = {
        .train = {rows.n_rows, N_COLS, rows.x, rows.labels, rows.weights},
        .params = &params,
        .seed = SEED,
        .n_rounds = N_ROUNDS,
    };
    check_ok(kind->fit(&job, &model));
    return model;
}

static float *predict(const struct model *model)
{
    float *margins = malloc(rows.n_rows * sizeof *margins);
    check_ok(kind->predict(model, rows.x, rows.n_rows, N_COLS, margins));
    return margins;
}

static void set_column(const struct xgb *xgb, void *matrix, const char *field, const float *values)
{
    char array[160];
    snprintf(array, sizeof array,
             "{\"data\":[%zu,true],\"shape\":[%zu],\"typestr\":\"<f4\",\"version\":3}",
             (size_t)values, rows.n_rows);
    check_i64(xgb->XGDMatrixSetInfoFromInterface(matrix, field, array), 0);
}

static void set_params(const struct xgb *xgb, void *booster)
{
    static const char *const settings[][2] = {{"objective", "binary:logistic"},
                                              {"tree_method", "hist"},
                                              {"base_score", "0.5"},
                                              {"nthread", "1"}};
    char value[40];
    for (size_t i = 0; i < COUNT_OF(settings); i++)
        check_i64(xgb->XGBoosterSetParam(booster, settings[i][0], settings[i][1]), 0);
    for (size_t i = 0; i < kind->n_params; i++) {
        snprintf(value, sizeof value, "%.9g", kind->params[i].value_default);
        if (strcmp(kind->params[i].name, "rounds") != 0 &&
            strcmp(kind->params[i].name, "patience") != 0)
            check_i64(xgb->XGBoosterSetParam(booster, kind->params[i].name, value), 0);
    }
    snprintf(value, sizeof value, "%d", SEED);
    check_i64(xgb->XGBoosterSetParam(booster, "seed", value), 0);
}

/* Margins of the same fit on the library's plain matrix, whose bins are laid out by all teachers. */
static float *predict_plain(void)
{
    const struct xgb *xgb;
    void *matrix = NULL, *booster = NULL;
    char array[160];
    const uint64_t *shape;
    uint64_t n_dims;
    const float *borrowed;
    float *margins = malloc(rows.n_rows * sizeof *margins);
    check_ok(xgb_load(&xgb));
    snprintf(array, sizeof array,
             "{\"data\":[%zu,true],\"shape\":[%zu,%d],\"typestr\":\"<f4\",\"version\":3}",
             (size_t)rows.x, rows.n_rows, N_COLS);
    check_i64(xgb->XGDMatrixCreateFromDense(array, CONFIG, &matrix), 0);
    set_column(xgb, matrix, "label", rows.labels);
    set_column(xgb, matrix, "weight", rows.weights);
    check_i64(xgb->XGBoosterCreate(&matrix, 1, &booster), 0);
    set_params(xgb, booster);
    for (int round = 0; round < N_ROUNDS; round++)
        check_i64(xgb->XGBoosterUpdateOneIter(booster, round, matrix), 0);
    check_i64(
        xgb->XGBoosterPredictFromDMatrix(booster, matrix, PREDICTION, &shape, &n_dims, &borrowed),
        0);
    memcpy(margins, borrowed, rows.n_rows * sizeof *margins);
    xgb->XGBoosterFree(booster);
    xgb->XGDMatrixFree(matrix);
    return margins;
}

static double log_loss(const float *margins)
{
    double sum = 0, weight = 0;
    for (size_t i = 0; i < rows.n_rows; i++) {
        double z = rows.labels[i] > 0 ? (double)margins[i] : -(double)margins[i];
        sum += (double)rows.weights[i] * log1p(exp(-z));
        weight += (double)rows.weights[i];
    }
    return sum / weight;
}

static void test_few_teachers_give_the_plain_matrix_model(void **state)
{
    (void)state;
    begin(FEW_ROWS);
    struct model *model = fit();
    float *binned = predict(model), *plain = predict_plain();
    assert_memory_equal(binned, plain, rows.n_rows * sizeof *plain);
    free(binned);
    free(plain);
    kind->destroy(model);
    learnable_deinit(&rows);
}

/* Within a thousandth of what bins by all teachers reach. */
static void check_as_good_as_plain(void)
{
    struct model *model = fit();
    float *binned = predict(model), *plain = predict_plain();
    double loss = log_loss(binned), plain_loss = log_loss(plain);
    printf("log loss %.6f, of the plain matrix %.6f\n", loss, plain_loss);
    assert_memory_not_equal(binned, plain, rows.n_rows * sizeof *plain);
    check_near(loss, plain_loss, 0.001 * plain_loss);
    free(binned);
    free(plain);
    kind->destroy(model);
}

static void test_many_teachers_give_as_good_a_model(void **state)
{
    (void)state;
    begin(MANY_ROWS);
    check_as_good_as_plain();
    learnable_deinit(&rows);
}

static void test_many_teachers_give_the_same_bytes_again(void **state)
{
    struct buf bytes[2] = {BUF_INIT(MODEL_BYTES_MAX), BUF_INIT(MODEL_BYTES_MAX)};
    (void)state;
    begin(MANY_ROWS);
    for (size_t i = 0; i < 2; i++) {
        struct model *model = fit();
        check_ok(kind->save(model, &bytes[i]));
        kind->destroy(model);
    }
    assert_true(slice_eq(buf_slice(&bytes[0]), buf_slice(&bytes[1])));
    buf_deinit(&bytes[0]);
    buf_deinit(&bytes[1]);
    learnable_deinit(&rows);
}

/* The rows of a decision's two actions stand side by side, and a column may say something for one of them only. */
static void test_neither_action_is_passed_over(void **state)
{
    (void)state;
    begin(MANY_ROWS);
    for (size_t i = 0; i < rows.n_rows; i++) {
        float *x = rows.x + i * N_COLS;
        x[0] = i % 2 == 0 ? NAN : x[3] + (rows.labels[i] > 0 ? 1.0F : -1.0F);
    }
    check_as_good_as_plain();
    learnable_deinit(&rows);
}

/* A column may be empty in the rows that lay out the bins, and the others may hold larger values. */
static void test_values_that_no_bin_was_laid_out_for(void **state)
{
    (void)state;
    begin(MANY_ROWS);
    for (size_t i = 0; i < rows.n_rows; i++)
        rows.x[i * N_COLS + 3] = i == 1 ? 5.0F : NAN;
    rows.x[N_COLS + 1] = 1e30F;
    check_as_good_as_plain();
    learnable_deinit(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_teachers_give_the_plain_matrix_model),
        cmocka_unit_test(test_many_teachers_give_as_good_a_model),
        cmocka_unit_test(test_many_teachers_give_the_same_bytes_again),
        cmocka_unit_test(test_neither_action_is_passed_over),
        cmocka_unit_test(test_values_that_no_bin_was_laid_out_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
