/* What the files of the network share: where each weight is, and the part above the layers, forwards and backwards. */
#ifndef ALPHALOOP_FORECAST_LSTM_I_H
#define ALPHALOOP_FORECAST_LSTM_I_H

#include "alphaloop/forecast/lstm.h"

#define LSTM_GATES 4 /* input, forget, cell, output */

/* H is n_hidden, T n_steps. */
struct lstm_layer {
    size_t n_in;
    float *w; /* [2][n_in][4][H] */
    float *u; /* [2][H][4][H] */
    float *b; /* [2][4][H] */
};

struct lstm_view {
    struct lstm_layer layers[LSTM_LAYERS_MAX];
    float *attend_w, *attend_b, *attend_v; /* [2H][H], [H], [H]; NULL without attention */
    float *out_w, *out_b;                  /* [2H], [1] */
};

/* Of the weights, or of anything laid out like them: gradients, moments. */
struct lstm_view lstm_view(const struct lstm_shape *shape, float *weights);

/* What the way back needs of the way forth. */
struct lstm_head {
    float *tanhs;   /* [T][H] */
    float *alpha;   /* [T] */
    float *context; /* [2H] */
};
/* floats that lstm_head_at() lays out from `at`. */
size_t lstm_head_size(const struct lstm_shape *shape);
struct lstm_head lstm_head_at(const struct lstm_shape *shape, float *at);

/* y of z, [T] vectors of [2H] that begin `stride` floats apart. */
float lstm_head_forward(const struct lstm_shape *shape,
                        const struct lstm_view *view,
                        const float *z,
                        size_t stride,
                        struct lstm_head *head);
/* d_z (laid out as z, to be written) and what is added to the gradients, from dL/dy. */
void lstm_head_backward(const struct lstm_shape *shape,
                        const struct lstm_view *view,
                        const float *z,
                        size_t stride,
                        const struct lstm_head *head,
                        float d_y,
                        const struct lstm_view *gradient,
                        float *d_z);

/* What each of [n] outputs is multiplied with: 0, or 1 / (1 - dropout) so that the mean stays. */
void lstm_draw_masks(float dropout, struct rng *rng, float *masks, size_t n);

/* ---- vectors; n a multiple of LSTM_HIDDEN_STEP ---- */

static inline void add_scaled(float *restrict y, const float *restrict x, float a, size_t n)
{
    for (size_t i = 0; i < n; i += LSTM_HIDDEN_STEP) {
        for (size_t k = 0; k < LSTM_HIDDEN_STEP; k++)
            y[i + k] += a * x[i + k];
    }
}

static inline float dot(const float *x, const float *y, size_t n)
{
    float sums[LSTM_HIDDEN_STEP] = {0};
    for (size_t i = 0; i < n; i += LSTM_HIDDEN_STEP) {
        for (size_t k = 0; k < LSTM_HIDDEN_STEP; k++)
            sums[k] += x[i + k] * y[i + k];
    }
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

#endif
