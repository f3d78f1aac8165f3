/* The way forth and back that training takes, oneDNN's and our own together, against the same network in double: outputs, and
 * every gradient against a difference of losses. */
#include "harness/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "../../../src/forecast/lstm/step_i.h"
#include "lstm_reference.h"

#define N_BATCH 3

struct trial {
    struct lstm *net;
    struct lstm_step *step;
    const struct lstm_shape *shape;
    size_t n_weights;
    double *weights, *x, *masks; /* in double, of one sequence after the other */
    double targets[N_BATCH];
};

static const struct lstm_shape shapes[] = {
    {.n_steps = 5, .n_inputs = 3, .n_hidden = 4, .n_layers = 1},
    {.n_steps = 5, .n_inputs = 3, .n_hidden = 4, .n_layers = 2, .dropout = 0.4F},
    {.n_steps = 7,
     .n_inputs = 2,
     .n_hidden = 8,
     .n_layers = 2,
     .has_attention = true,
     .dropout = 0.25F},
    {.n_steps = 4,
     .n_inputs = 9,
     .n_hidden = 4,
     .n_layers = 3,
     .has_attention = true,
     .dropout = 0.5F},
};

static void fill(struct rng *rng, double *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (double)(float)rng_normal(rng);
}

static void set_inputs(struct trial *t)
{
    const struct lstm_shape *s = t->shape;
    float *inputs = lstm_step_inputs(t->step);
    for (size_t i = 0; i < N_BATCH * s->n_steps * s->n_inputs; i++) {
        size_t sequence = i / (s->n_steps * s->n_inputs), rest = i % (s->n_steps * s->n_inputs);
        inputs[(rest / s->n_inputs * N_BATCH + sequence) * s->n_inputs + rest % s->n_inputs] =
            (float)t->x[i];
    }
}

static void set_masks(struct trial *t, struct rng *rng)
{
    size_t width = 2 * t->shape->n_hidden, n_layers = t->shape->n_layers;
    float *masks = lstm_step_masks(t->step);
    assert_int_equal(lstm_step_n_masks(t->step), N_BATCH * n_layers * width);
    lstm_draw_masks(t->shape->dropout, rng, masks, N_BATCH * n_layers * width);
    for (size_t l = 0; l < n_layers; l++) {
        for (size_t i = 0; i < N_BATCH * width; i++)
            t->masks[(i / width * n_layers + l) * width + i % width] =
                (double)masks[l * N_BATCH * width + i];
    }
}

/* Weights larger than at the start, so that nothing is nearly linear, and an output that says something. */
static void begin(struct trial *t, const struct lstm_shape *shape)
{
    struct rng rng;
    size_t n_values = N_BATCH * shape->n_steps * shape->n_inputs;
    rng_seed(&rng, 11);
    *t = (struct trial){.shape = shape, .n_weights = lstm_n_weights(shape)};
    check_ok(lstm_create(shape, &t->net));
    t->weights = calloc(t->n_weights, sizeof *t->weights);
    t->x = calloc(n_values, sizeof *t->x);
    t->masks = calloc(N_BATCH * shape->n_layers * 2 * shape->n_hidden, sizeof *t->masks);
    fill(&rng, t->weights, t->n_weights);
    for (size_t i = 0; i < t->n_weights; i++) {
        lstm_weights(t->net)[i] = (float)(0.5 * t->weights[i]);
        t->weights[i] = (double)lstm_weights(t->net)[i];
    }
    fill(&rng, t->x, n_values);
    fill(&rng, t->targets, N_BATCH);
    check_ok(lstm_step_create(t->net, N_BATCH, &t->step));
    set_inputs(t);
    set_masks(t, &rng);
}

static void end(struct trial *t)
{
    lstm_step_destroy(t->step);
    lstm_destroy(t->net);
    free(t->weights);
    free(t->x);
    free(t->masks);
}

static double output_of(const struct trial *t, size_t i, bool uses_masks)
{
    const struct lstm_shape *s = t->shape;
    return reference_output(s, t->weights, t->x + i * s->n_steps * s->n_inputs,
                            uses_masks ? t->masks + i * s->n_layers * 2 * s->n_hidden : NULL);
}

static double loss_of(const struct trial *t)
{
    double sum = 0;
    for (size_t i = 0; i < N_BATCH; i++) {
        double miss = output_of(t, i, true) - t->targets[i];
        sum += miss * miss / N_BATCH;
    }
    return sum;
}

static void test_outputs_are_those_of_the_formulas(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT_OF(shapes); k++) {
        struct trial t;
        float whole[N_BATCH], thinned[N_BATCH];
        begin(&t, &shapes[k]);
        check_ok(lstm_step_forward(t.step, false, whole));
        check_ok(lstm_step_forward(t.step, true, thinned));
        for (size_t i = 0; i < N_BATCH; i++) {
            check_near((double)whole[i], output_of(&t, i, false), 1e-5);
            check_near((double)thinned[i], output_of(&t, i, true), 1e-5);
        }
        end(&t);
    }
}

/* (L(w + e) - L(w - e)) / 2e in double has an error of about e^2 = 1e-10; what is left is the rounding of floats over a few
 * steps, some 1e-6 of the largest gradient. */
static void test_gradients_are_those_of_the_loss(void **state)
{
    const double e = 1e-5;
    (void)state;
    for (size_t k = 0; k < COUNT_OF(shapes); k++) {
        struct trial t;
        float outputs[N_BATCH], d_outputs[N_BATCH];
        const float *gradient;
        double largest = 0, worst = 0;
        begin(&t, &shapes[k]);
        for (int pass = 0; pass < 2; pass++) { /* nothing of the first is left in the second */
            check_ok(lstm_step_forward(t.step, true, outputs));
            for (size_t i = 0; i < N_BATCH; i++)
                d_outputs[i] = (float)(2 * ((double)outputs[i] - t.targets[i]) / N_BATCH);
            check_ok(lstm_step_backward(t.step, d_outputs, &gradient));
        }
        for (size_t i = 0; i < t.n_weights; i++) {
            double weight = t.weights[i];
            t.weights[i] = weight + e;
            double above = loss_of(&t);
            t.weights[i] = weight - e;
            double expected = (above - loss_of(&t)) / (2 * e);
            t.weights[i] = weight;
            largest = fmax(largest, fabs(expected));
            worst = fmax(worst, fabs((double)gradient[i] - expected));
        }
        printf("%zu gradients up to %.3g, off by %.1e at most\n", t.n_weights, largest, worst);
        assert_true(largest > 0.01 && worst < 2e-5 * fmax(largest, 1));
        end(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outputs_are_those_of_the_formulas),
        cmocka_unit_test(test_gradients_are_those_of_the_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
