/* The network as it is served against the same in double, and what it makes of missing values and of chance. */
#include "harness/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "../../../src/forecast/lstm/lstm_i.h"
#include "harness/alloc.h"
#include "lstm_reference.h"

#define N_ROWS    30
#define N_COLS    3
#define N_SAMPLES 25
#define SEED      5

static float x[N_ROWS * N_COLS];
static struct scaler *scaler;

static const struct lstm_shape shapes[] = {
    {.n_steps = 6, .n_inputs = 4, .n_hidden = 4, .n_layers = 1, .dropout = 0.5F},
    {.n_steps = 9, .n_inputs = 4, .n_hidden = 8, .n_layers = 2, .dropout = 0.2F},
    {.n_steps = 9,
     .n_inputs = 4,
     .n_hidden = 8,
     .n_layers = 2,
     .has_attention = true,
     .dropout = 0.3F},
    {.n_steps = 1,
     .n_inputs = 4,
     .n_hidden = 12,
     .n_layers = 3,
     .has_attention = true,
     .dropout = 0.3F},
};

static int make_rows(void **state)
{
    struct rng rng;
    rng_seed(&rng, 2);
    (void)state;
    for (size_t i = 0; i < N_ROWS * N_COLS; i++)
        x[i] = rng_below(&rng, 6) == 0 ? NAN : (float)(3 + 2 * rng_normal(&rng));
    check_ok(scaler_fit(x, N_ROWS, N_COLS, &scaler));
    return 0;
}

static int free_rows(void **state)
{
    (void)state;
    free(scaler);
    return 0;
}

static struct lstm_rows table(void)
{
    return (struct lstm_rows){N_ROWS, N_COLS, x, scaler};
}

static struct lstm *random_network(const struct lstm_shape *shape)
{
    struct lstm *net = NULL;
    struct rng rng;
    rng_seed(&rng, 3);
    check_ok(lstm_create(shape, &net));
    for (size_t i = 0; i < lstm_n_weights(shape); i++)
        lstm_weights(net)[i] = (float)(0.5 * rng_normal(&rng));
    return net;
}

/* By the words of the header: scaled by hand, missing is 0 and counted, before the first row all is missing. */
static double expected_output(const struct lstm *net, size_t row, const double *masks)
{
    static double inputs[LSTM_STEPS_MAX * (N_COLS + 1)], weights[10000];
    const struct lstm_shape *s = lstm_shape(net);
    for (size_t i = 0; i < lstm_n_weights(s); i++)
        weights[i] = (double)lstm_weights(net)[i];
    for (size_t t = 0; t < s->n_steps; t++) {
        double *step = inputs + t * (N_COLS + 1), missing = 0;
        for (size_t k = 0; k < N_COLS; k++) {
            bool is_before = row + t + 1 < s->n_steps;
            double value = is_before ? NAN : (double)x[(row + t + 1 - s->n_steps) * N_COLS + k];
            missing += isnan(value);
            step[k] = isnan(value) ? 0
                                   : (value - (double)scaler->columns[k].mean) *
                                         (double)scaler->columns[k].inverse;
        }
        step[N_COLS] = missing / N_COLS;
    }
    return reference_output(s, weights, inputs, masks);
}

static void test_values_are_those_of_the_formulas(void **state)
{
    static const size_t rows[] = {0, 1, 7, 8, 20, N_ROWS - 1};
    struct lstm_rows t = table();
    (void)state;
    for (size_t k = 0; k < COUNT_OF(shapes); k++) {
        struct lstm *net = random_network(&shapes[k]);
        float values[COUNT_OF(rows)];
        check_ok(lstm_predict(net, &t, rows, COUNT_OF(rows), 0, SEED, values, NULL));
        for (size_t i = 0; i < COUNT_OF(rows); i++)
            check_near((double)values[i], expected_output(net, rows[i], NULL), 1e-5);
        lstm_destroy(net);
    }
}

static void test_deviations_are_those_of_passes_with_dropout(void **state)
{
    struct lstm_rows t = table();
    (void)state;
    for (size_t k = 0; k < COUNT_OF(shapes); k++) {
        struct lstm *net = random_network(&shapes[k]);
        size_t row = 15, n_masks = shapes[k].n_layers * 2 * shapes[k].n_hidden;
        float masks[200], value, deviation;
        double wide[200], outputs[N_SAMPLES], mean = 0, squares = 0;
        struct rng rng;
        rng_seed(&rng, SEED);
        for (size_t i = 0; i < N_SAMPLES; i++) {
            lstm_draw_masks(shapes[k].dropout, &rng, masks, n_masks);
            for (size_t j = 0; j < n_masks; j++)
                wide[j] = (double)masks[j];
            outputs[i] = expected_output(net, row, wide);
            mean += outputs[i] / N_SAMPLES;
        }
        for (size_t i = 0; i < N_SAMPLES; i++)
            squares += (outputs[i] - mean) * (outputs[i] - mean);
        check_ok(lstm_predict(net, &t, &row, 1, N_SAMPLES, SEED, &value, &deviation));
        check_near((double)deviation, sqrt(squares / (N_SAMPLES - 1)), 1e-5);
        assert_true(deviation > 0.01F);
        lstm_destroy(net);
    }
}

static void test_the_same_question_has_the_same_answer(void **state)
{
    static const size_t rows[] = {9, 12, 29};
    struct lstm_rows t = table();
    struct lstm *net = random_network(&shapes[2]);
    float values[3], deviations[3], again[3], alone, deviation, others[3];
    (void)state;
    check_ok(lstm_predict(net, &t, rows, 3, N_SAMPLES, SEED, values, deviations));
    check_ok(lstm_predict(net, &t, rows, 3, 0, SEED, again, NULL));
    assert_memory_equal(values, again, sizeof values);
    check_ok(lstm_predict(net, &t, rows + 1, 1, N_SAMPLES, SEED, &alone, &deviation));
    assert_memory_equal(&values[1], &alone, sizeof alone);
    assert_memory_equal(&deviations[1], &deviation, sizeof deviation);
    check_ok(lstm_predict(net, &t, rows, 3, N_SAMPLES, SEED + 1, values, others));
    assert_true(others[0] != deviations[0]);
    lstm_destroy(net);
}

static void test_masks_leave_out_their_share_and_keep_the_mean(void **state)
{
    static float masks[100000];
    struct rng rng;
    double sum = 0, n_out = 0;
    (void)state;
    rng_seed(&rng, 9);
    lstm_draw_masks(0.3F, &rng, masks, COUNT_OF(masks));
    for (size_t i = 0; i < COUNT_OF(masks); i++) {
        assert_true(masks[i] == 0 || masks[i] == 1 / (1 - 0.3F));
        sum += (double)masks[i];
        n_out += masks[i] == 0;
    }
    check_near(n_out / COUNT_OF(masks), 0.3, 0.01); /* six standard errors */
    check_near(sum / COUNT_OF(masks), 1, 0.015);
}

static void test_a_network_that_was_taught_nothing_remembers_and_says_the_mean(void **state)
{
    struct lstm_rows t = table();
    struct lstm *net = NULL;
    struct rng rng;
    size_t row = 20;
    float value;
    (void)state;
    rng_seed(&rng, 4);
    check_ok(lstm_create(&shapes[2], &net));
    lstm_start(net, &rng);
    check_ok(lstm_predict(net, &t, &row, 1, 0, SEED, &value, NULL));
    check_near((double)value, 0, 0);
    struct lstm_view view = lstm_view(&shapes[2], lstm_weights(net));
    for (size_t i = 0; i < 2 * 4 * shapes[2].n_hidden; i++) {
        bool is_forget_gate = i / shapes[2].n_hidden % 4 == 1;
        assert_true(view.layers[0].b[i] == (float)is_forget_gate);
        assert_true(view.layers[1].b[i] == (float)is_forget_gate);
    }
    lstm_destroy(net);
}

static void test_shapes_out_of_bounds_are_refused(void **state)
{
    static const struct lstm_shape bad[] = {
        {.n_steps = 0, .n_inputs = 2, .n_hidden = 4, .n_layers = 1},
        {.n_steps = LSTM_STEPS_MAX + 1, .n_inputs = 2, .n_hidden = 4, .n_layers = 1},
        {.n_steps = 5, .n_inputs = 0, .n_hidden = 4, .n_layers = 1},
        {.n_steps = 5, .n_inputs = LSTM_COLS_MAX + 2, .n_hidden = 4, .n_layers = 1},
        {.n_steps = 5, .n_inputs = 2, .n_hidden = 0, .n_layers = 1},
        {.n_steps = 5, .n_inputs = 2, .n_hidden = 6, .n_layers = 1},
        {.n_steps = 5, .n_inputs = 2, .n_hidden = LSTM_HIDDEN_MAX + 4, .n_layers = 1},
        {.n_steps = 5, .n_inputs = 2, .n_hidden = 4, .n_layers = 0},
        {.n_steps = 5, .n_inputs = 2, .n_hidden = 4, .n_layers = LSTM_LAYERS_MAX + 1},
        {.n_steps = 5, .n_inputs = 2, .n_hidden = 4, .n_layers = 1, .dropout = 0.95F},
        {.n_steps = 5, .n_inputs = 2, .n_hidden = 4, .n_layers = 1, .dropout = NAN},
    };
    struct lstm *net = NULL;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        check_err(lstm_create(&bad[i], &net), AL_ERANGE);
    assert_null(net);
}

static void test_no_memory_is_an_error(void **state)
{
    struct lstm_rows t = table();
    struct lstm *net = random_network(&shapes[1]);
    size_t row = 20;
    float value;
    (void)state;
    assert_true(alloc_fails_at(0));
    check_err(lstm_predict(net, &t, &row, 1, 0, SEED, &value, NULL), AL_ENOMEM);
    alloc_never_fails();
    lstm_destroy(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_those_of_the_formulas),
        cmocka_unit_test(test_deviations_are_those_of_passes_with_dropout),
        cmocka_unit_test(test_the_same_question_has_the_same_answer),
        cmocka_unit_test(test_masks_leave_out_their_share_and_keep_the_mean),
        cmocka_unit_test(test_a_network_that_was_taught_nothing_remembers_and_says_the_mean),
        cmocka_unit_test(test_shapes_out_of_bounds_are_refused),
        cmocka_unit_test(test_no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, make_rows, free_rows);
}
