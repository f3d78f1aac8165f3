/* What training keeps, when it stops, and what it says when it cannot begin. */
#include "harness/check.h"

#include <stdlib.h>
#include <string.h>

#include "../../../src/forecast/lstm/step_i.h"
#include "harness/alloc.h"

#define N_ROWS       1100
#define N_TEACH      900
#define N_VALIDATION 150
#define N_COLS       2

static float x[N_ROWS * N_COLS], targets[N_ROWS];
static size_t rows[N_ROWS];
static struct scaler *scaler;

/* The target is half the first column of two rows before. */
static int make_rows(void **state)
{
    struct rng rng;
    rng_seed(&rng, 2);
    (void)state;
    for (size_t i = 0; i < N_ROWS * N_COLS; i++)
        x[i] = (float)rng_normal(&rng);
    for (size_t i = 0; i < N_ROWS; i++) {
        rows[i] = i;
        targets[i] = (i < 2 ? 0 : 0.5F * x[(i - 2) * N_COLS]) + (float)(0.2 * rng_normal(&rng));
    }
    check_ok(scaler_fit(x, N_TEACH, N_COLS, &scaler));
    return 0;
}

static int free_rows(void **state)
{
    (void)state;
    free(scaler);
    return 0;
}

static struct lstm_fit fit_of_rows(void)
{
    return (struct lstm_fit){
        .shape =
            {.n_steps = 6, .n_inputs = N_COLS + 1, .n_hidden = 8, .n_layers = 2, .dropout = 0.1F},
        .table = {N_ROWS, N_COLS, x, scaler},
        .targets = targets,
        .teach = rows,
        .n_teach = N_TEACH,
        .validation = rows + N_TEACH + 10,
        .n_validation = N_VALIDATION,
        .n_epochs = 20,
        .n_batch = 16,
        .n_batches_max = 1000,
        .patience = 20,
        .learning_rate = 0.01F,
        .seed = 7,
    };
}

static double loss_on(const struct lstm_fit *fit,
                      const struct lstm *net,
                      const size_t *which,
                      size_t n)
{
    float values[N_ROWS];
    double sum = 0;
    check_ok(lstm_predict(net, &fit->table, which, n, 0, 0, values, NULL));
    for (size_t i = 0; i < n; i++) {
        double miss = (double)(values[i] - targets[which[i]]);
        sum += miss * miss;
    }
    return sum / (double)n;
}

struct watch {
    size_t n_calls, cancel_at;
    struct model_round first, last;
};

static bool on_batch(void *ctx, const struct model_round *round)
{
    struct watch *watch = ctx;
    if (watch->n_calls++ == 0)
        watch->first = *round;
    watch->last = *round;
    return watch->n_calls == watch->cancel_at;
}

static struct lstm *fitted(const struct lstm_fit *fit)
{
    struct lstm *net = NULL;
    check_ok(lstm_fit(fit, &net));
    return net;
}

static bool same_weights(const struct lstm *a, const struct lstm *b)
{
    return memcmp(lstm_weights(a), lstm_weights(b),
                  lstm_n_weights(lstm_shape(a)) * sizeof(float)) == 0;
}

static void test_the_seed_decides_every_bit(void **state)
{
    struct lstm_fit fit = fit_of_rows();
    (void)state;
    fit.n_epochs = 3;
    struct lstm *a = fitted(&fit), *b = fitted(&fit);
    fit.seed++;
    struct lstm *c = fitted(&fit);
    assert_true(same_weights(a, b));
    assert_false(same_weights(a, c));
    lstm_destroy(a);
    lstm_destroy(b);
    lstm_destroy(c);
}

static void test_it_learns_and_keeps_its_best_weights(void **state)
{
    struct lstm_fit fit = fit_of_rows();
    struct watch watch = {0};
    (void)state;
    fit.n_epochs = 500;
    fit.patience = 5; /* ends it, so that the last epoch, which is not told, is not the best */
    fit.on_batch = on_batch;
    fit.ctx = &watch;
    struct lstm *net = fitted(&fit);
    double loss = loss_on(&fit, net, fit.validation, fit.n_validation);
    print_message("validation loss %.3f at first, %.3f at best, %.3f kept\n", watch.first.loss,
                  watch.last.best_loss, loss);
    assert_true(loss < 0.8 * watch.first.loss);
    check_near(loss, watch.last.best_loss, 1e-5);
    assert_true(watch.last.best_round > 0 && watch.last.best_round < watch.last.round);
    check_i64((int64_t)watch.first.round, 1);
    check_i64((int64_t)watch.first.n_rounds_max, 500 * ((N_TEACH + 15) / 16));
    lstm_destroy(net);
}

/* Where nothing is better than the start, it stops after its patience and the start is what is kept. */
static void test_it_stops_when_nothing_gets_better(void **state)
{
    static float noise[N_ROWS];
    struct lstm_fit fit = fit_of_rows();
    struct watch watch = {0};
    (void)state;
    for (size_t i = 0; i < N_ROWS; i++)
        noise[i] = i < N_TEACH ? 1.0F : 0;
    fit.targets = noise;
    fit.patience = 2;
    fit.on_batch = on_batch;
    fit.ctx = &watch;
    struct lstm *net = fitted(&fit);
    check_i64((int64_t)watch.n_calls, 2 * ((N_TEACH + 15) / 16));
    for (size_t i = 0; i < 5; i++) {
        float value;
        check_ok(lstm_predict(net, &fit.table, &rows[i], 1, 0, 0, &value, NULL));
        check_near((double)value, 0, 0);
    }
    lstm_destroy(net);
}

static void test_without_validation_all_epochs_count(void **state)
{
    struct lstm_fit fit = fit_of_rows();
    struct watch watch = {0};
    (void)state;
    fit.n_validation = 0;
    fit.patience = 1;
    fit.on_batch = on_batch;
    fit.ctx = &watch;
    struct lstm *net = fitted(&fit);
    check_i64((int64_t)watch.n_calls, 20 * ((N_TEACH + 15) / 16));
    assert_true(isnan(watch.last.loss));
    double loss = loss_on(&fit, net, fit.teach, fit.n_teach);
    assert_true(loss < 0.15); /* of 0.25 that can be known and 0.04 that cannot */
    lstm_destroy(net);
}

/* The words of lstm.h on optimizing, once more, in double. */
static void adam_again(double *w, double *m, double *v, const float *g, size_t n, int step)
{
    double norm = 0;
    for (size_t i = 0; i < n; i++)
        norm += (double)g[i] * (double)g[i];
    norm = sqrt(norm);
    for (size_t i = 0; i < n; i++) {
        double cut = norm > 1 ? (double)g[i] / norm : (double)g[i];
        m[i] = 0.9 * m[i] + 0.1 * cut;
        v[i] = 0.999 * v[i] + 0.001 * cut * cut;
        w[i] -= 0.01 * (m[i] / (1 - pow(0.9, step))) / (sqrt(v[i] / (1 - pow(0.999, step))) + 1e-8);
    }
}

/* Four steps on one batch of all teachers, with gradients longer than 1. */
static void test_steps_are_those_of_adam(void **state)
{
    enum { N = 8, STEPS = 4 };
    static double w[4000], m[4000], v[4000];
    struct lstm_fit fit = fit_of_rows();
    struct lstm *net = NULL;
    struct lstm_step *step = NULL;
    struct rng rng;
    (void)state;
    fit.shape.dropout = 0;
    fit.n_teach = fit.n_batch = N;
    fit.n_validation = 0;
    fit.n_epochs = STEPS;
    rng_seed(&rng, fit.seed);
    check_ok(lstm_create(&fit.shape, &net));
    lstm_start(net, &rng);
    check_ok(lstm_step_create(net, N, &step));
    size_t n_inputs = fit.shape.n_inputs, n_weights = lstm_n_weights(&fit.shape), n_long = 0;
    for (size_t i = 0; i < N; i++) {
        for (size_t t = 0; t < fit.shape.n_steps; t++)
            lstm_input(&fit.table, (ptrdiff_t)(i + t + 1) - (ptrdiff_t)fit.shape.n_steps,
                       lstm_step_inputs(step) + (t * N + i) * n_inputs);
    }
    for (size_t i = 0; i < n_weights; i++)
        w[i] = (double)lstm_weights(net)[i];
    for (size_t i = 0; i < N; i++)
        targets[i] *= 20;
    for (int k = 1; k <= STEPS; k++) {
        float outputs[N], d_outputs[N];
        const float *gradient;
        double squares = 0;
        check_ok(lstm_step_forward(step, true, outputs));
        for (size_t i = 0; i < N; i++)
            d_outputs[i] = 2 * (outputs[i] - targets[i]) / N;
        check_ok(lstm_step_backward(step, d_outputs, &gradient));
        for (size_t i = 0; i < n_weights; i++)
            squares += (double)gradient[i] * (double)gradient[i];
        n_long += squares > 1;
        adam_again(w, m, v, gradient, n_weights, k);
        for (size_t i = 0; i < n_weights; i++)
            lstm_weights(net)[i] = (float)w[i];
    }
    struct lstm *got = fitted(&fit);
    for (size_t i = 0; i < N; i++)
        targets[i] /= 20;
    assert_true(n_long > 0);
    for (size_t i = 0; i < n_weights; i++)
        check_near((double)lstm_weights(got)[i], w[i], 1e-4);
    lstm_destroy(got);
    lstm_destroy(net);
    lstm_step_destroy(step);
}

static void test_an_epoch_is_bounded(void **state)
{
    struct lstm_fit fit = fit_of_rows();
    struct watch watch = {0};
    (void)state;
    fit.n_epochs = 3;
    fit.n_batches_max = 2;
    fit.on_batch = on_batch;
    fit.ctx = &watch;
    lstm_destroy(fitted(&fit));
    check_i64((int64_t)watch.n_calls, 6);
}

/* Of 900 teachers an epoch of one batch takes 16: the first 16, of another mind than all others, do not decide. */
static void test_an_epoch_takes_any_of_the_teachers(void **state)
{
    static float two_minds[N_ROWS];
    struct lstm_fit fit = fit_of_rows();
    (void)state;
    for (size_t i = 0; i < N_ROWS; i++)
        two_minds[i] = i < 16 ? -1 : 1;
    fit.targets = two_minds;
    fit.n_validation = 0;
    fit.n_batches_max = 1;
    fit.n_epochs = 100;
    struct lstm *net = fitted(&fit);
    float value;
    check_ok(lstm_predict(net, &fit.table, &rows[500], 1, 0, 0, &value, NULL));
    check_near((double)value, 1, 0.4);
    lstm_destroy(net);
}

/* One teacher, or fewer than a batch; and places of a batch without a teacher teach nothing: 17 are 16 and 1. */
static void test_few_teachers_are_enough(void **state)
{
    static const size_t n_teach[] = {1, 5, 17};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(n_teach); i++) {
        struct lstm_fit fit = fit_of_rows();
        fit.n_teach = n_teach[i];
        fit.n_validation = 0;
        fit.n_epochs = 200;
        fit.shape.dropout = 0;
        struct lstm *net = fitted(&fit);
        assert_true(loss_on(&fit, net, fit.teach, fit.n_teach) < 0.05);
        lstm_destroy(net);
    }
}

static void test_cancel_stops_between_batches(void **state)
{
    struct lstm_fit fit = fit_of_rows();
    struct watch watch = {.cancel_at = 13};
    struct lstm *net = NULL;
    (void)state;
    fit.on_batch = on_batch;
    fit.ctx = &watch;
    check_err(lstm_fit(&fit, &net), AL_ECANCELED);
    check_i64((int64_t)watch.n_calls, 13);
    assert_null(net);
}

static void test_a_library_that_is_not_there_is_named(void **state)
{
    struct lstm_fit fit = fit_of_rows();
    struct lstm *net = NULL;
    (void)state;
    lstm_set_library("libdnnl-which-nobody-has.so");
    check_err(lstm_fit(&fit, &net), AL_ENOTFOUND);
    check_has(err_text(), "libdnnl2");
    lstm_set_library("libm.so.6");
    check_err(lstm_fit(&fit, &net), AL_EVERSION);
    check_has(err_text(), "dnnl_version");
    lstm_set_library(NULL);
    assert_null(net);
}

static void test_no_memory_is_an_error(void **state)
{
    struct lstm_fit fit = fit_of_rows();
    size_t n = 0;
    (void)state;
    fit.n_epochs = 1;
    for (; alloc_fails_at(n); n++) {
        struct lstm *net = NULL;
        enum al_err err = lstm_fit(&fit, &net);
        if (err == AL_OK)
            lstm_destroy(net);
        else
            check_err(err, AL_ENOMEM);
    }
    alloc_never_fails();
    assert_true(n >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_library_that_is_not_there_is_named),
        cmocka_unit_test(test_the_seed_decides_every_bit),
        cmocka_unit_test(test_it_learns_and_keeps_its_best_weights),
        cmocka_unit_test(test_it_stops_when_nothing_gets_better),
        cmocka_unit_test(test_without_validation_all_epochs_count),
        cmocka_unit_test(test_steps_are_those_of_adam),
        cmocka_unit_test(test_an_epoch_is_bounded),
        cmocka_unit_test(test_an_epoch_takes_any_of_the_teachers),
        cmocka_unit_test(test_few_teachers_are_enough),
        cmocka_unit_test(test_cancel_stops_between_batches),
        cmocka_unit_test(test_no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, make_rows, free_rows);
}
