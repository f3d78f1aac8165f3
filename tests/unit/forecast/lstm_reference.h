/* The network a second time, in double and as slowly as it reads, to hold the other two against: what is served and what is
 * trained. Only the order of the weights (lstm.h) is taken from there. */
#ifndef ALPHALOOP_TESTS_LSTM_REFERENCE_H
#define ALPHALOOP_TESTS_LSTM_REFERENCE_H

#include <math.h>
#include <string.h>

#include "alphaloop/forecast/lstm.h"

#define REFERENCE_VALUES_MAX (LSTM_STEPS_MAX * (LSTM_COLS_MAX + 1))

static double reference_sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* One direction of one layer; weights at w, u and b; x [T][n_in] -> out, columns of [T][2H]. */
static void reference_direction(const struct lstm_shape *s,
                                size_t n_in,
                                const double *w,
                                const double *u,
                                const double *b,
                                int is_backwards,
                                const double *x,
                                double *out)
{
    double h[LSTM_HIDDEN_MAX] = {0}, c[LSTM_HIDDEN_MAX] = {0}, gates[4][LSTM_HIDDEN_MAX];
    size_t n_hidden = s->n_hidden;
    for (size_t i = 0; i < s->n_steps; i++) {
        size_t t = is_backwards ? s->n_steps - 1 - i : i;
        for (size_t g = 0; g < 4; g++) {
            for (size_t k = 0; k < n_hidden; k++) {
                double sum = b[g * n_hidden + k];
                for (size_t j = 0; j < n_in; j++)
                    sum += x[t * n_in + j] * w[(j * 4 + g) * n_hidden + k];
                for (size_t j = 0; j < n_hidden; j++)
                    sum += h[j] * u[(j * 4 + g) * n_hidden + k];
                gates[g][k] = sum;
            }
        }
        for (size_t k = 0; k < n_hidden; k++) {
            c[k] = reference_sigmoid(gates[1][k]) * c[k] +
                   reference_sigmoid(gates[0][k]) * tanh(gates[2][k]);
            h[k] = reference_sigmoid(gates[3][k]) * tanh(c[k]);
            out[t * 2 * n_hidden + (is_backwards ? n_hidden : 0) + k] = h[k];
        }
    }
}

static void reference_context(const struct lstm_shape *s,
                              const double *weights,
                              const double *z,
                              double *context)
{
    size_t n_hidden = s->n_hidden, width = 2 * n_hidden;
    double scores[LSTM_STEPS_MAX], sum = 0;
    if (!s->has_attention) {
        memcpy(context, z + (s->n_steps - 1) * width, n_hidden * sizeof *z);
        memcpy(context + n_hidden, z + n_hidden, n_hidden * sizeof *z);
        return;
    }
    const double *b = weights + width * n_hidden, *v = b + n_hidden;
    for (size_t t = 0; t < s->n_steps; t++) {
        scores[t] = 0;
        for (size_t k = 0; k < n_hidden; k++) {
            double inner = b[k];
            for (size_t j = 0; j < width; j++)
                inner += z[t * width + j] * weights[j * n_hidden + k];
            scores[t] += v[k] * tanh(inner);
        }
        sum += exp(scores[t]);
    }
    for (size_t j = 0; j < width; j++) {
        context[j] = 0;
        for (size_t t = 0; t < s->n_steps; t++)
            context[j] += exp(scores[t]) / sum * z[t * width + j];
    }
}

/* y of x [T][n_inputs]; masks [n_layers][2H], NULL: all 1. */
static double reference_output(const struct lstm_shape *s,
                               const double *weights,
                               const double *x,
                               const double *masks)
{
    static double values[2][REFERENCE_VALUES_MAX];
    double context[2 * LSTM_HIDDEN_MAX], y;
    size_t n_hidden = s->n_hidden, width = 2 * n_hidden, n_in = s->n_inputs;
    memcpy(values[0], x, s->n_steps * n_in * sizeof *x);
    for (size_t l = 0; l < s->n_layers; l++, n_in = width) {
        const double *in = values[l % 2], *w = weights, *u = w + 2 * n_in * 4 * n_hidden;
        const double *b = u + 2 * n_hidden * 4 * n_hidden;
        double *out = values[(l + 1) % 2];
        for (int d = 0; d < 2; d++)
            reference_direction(s, n_in, w + (size_t)d * n_in * 4 * n_hidden,
                                u + (size_t)d * n_hidden * 4 * n_hidden,
                                b + (size_t)d * 4 * n_hidden, d, in, out);
        for (size_t i = 0; i < s->n_steps * width && masks != NULL; i++)
            out[i] *= masks[l * width + i % width];
        weights = b + 2 * 4 * n_hidden;
    }
    reference_context(s, weights, values[s->n_layers % 2], context);
    weights += s->has_attention ? width * n_hidden + 2 * n_hidden : 0;
    y = weights[width];
    for (size_t j = 0; j < width; j++)
        y += weights[j] * context[j];
    return y;
}

#endif
