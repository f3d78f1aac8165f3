/* From the top layer's outputs to one number, and back. */
#include <math.h>
#include <string.h>

#include "lstm_i.h"

size_t lstm_head_size(const struct lstm_shape *shape)
{
    return shape->n_steps * shape->n_hidden + shape->n_steps + 2 * shape->n_hidden;
}

struct lstm_head lstm_head_at(const struct lstm_shape *shape, float *at)
{
    float *alpha = at + shape->n_steps * shape->n_hidden;
    return (struct lstm_head){at, alpha, alpha + shape->n_steps};
}

/* scores e[t] = v . tanh(W z[t] + b) into alpha; their tanh is kept. */
static void attention_scores(const struct lstm_shape *shape,
                             const struct lstm_view *view,
                             const float *z,
                             size_t stride,
                             struct lstm_head *head)
{
    size_t n_hidden = shape->n_hidden;
    for (size_t t = 0; t < shape->n_steps; t++) {
        float *u = head->tanhs + t * n_hidden;
        memcpy(u, view->attend_b, n_hidden * sizeof *u);
        for (size_t i = 0; i < 2 * n_hidden; i++)
            add_scaled(u, view->attend_w + i * n_hidden, z[t * stride + i], n_hidden);
        for (size_t i = 0; i < n_hidden; i++)
            u[i] = tanhf(u[i]);
        head->alpha[t] = dot(view->attend_v, u, n_hidden);
    }
}

/* alpha[t] = exp(e[t]) / sum of exp(e), less the largest first, so that nothing overflows. */
static void softmax(float *values, size_t n)
{
    float largest = values[0], sum = 0;
    for (size_t t = 1; t < n; t++)
        largest = fmaxf(largest, values[t]);
    for (size_t t = 0; t < n; t++)
        sum += values[t] = expf(values[t] - largest);
    for (size_t t = 0; t < n; t++)
        values[t] /= sum;
}

float lstm_head_forward(const struct lstm_shape *shape,
                        const struct lstm_view *view,
                        const float *z,
                        size_t stride,
                        struct lstm_head *head)
{
    size_t n_hidden = shape->n_hidden, n_steps = shape->n_steps;
    if (shape->has_attention) {
        attention_scores(shape, view, z, stride, head);
        softmax(head->alpha, n_steps);
        memset(head->context, 0, 2 * n_hidden * sizeof *head->context);
        for (size_t t = 0; t < n_steps; t++)
            add_scaled(head->context, z + t * stride, head->alpha[t], 2 * n_hidden);
    } else {
        memcpy(head->context, z + (n_steps - 1) * stride, n_hidden * sizeof *z);
        memcpy(head->context + n_hidden, z + n_hidden, n_hidden * sizeof *z);
    }
    return view->out_b[0] + dot(view->out_w, head->context, 2 * n_hidden);
}

/* d alpha[t] = dc . z[t];  d e[t] = alpha[t] (d alpha[t] - sum of alpha d alpha);  d(W z[t] + b) = d e[t] v (1 - tanh^2). */
static void attention_backward(const struct lstm_shape *shape,
                               const struct lstm_view *view,
                               const float *z,
                               size_t stride,
                               const struct lstm_head *head,
                               const float *d_context,
                               const struct lstm_view *gradient,
                               float *d_z)
{
    size_t n_hidden = shape->n_hidden;
    float d_alpha[LSTM_STEPS_MAX] = {0}, d_inner[LSTM_HIDDEN_MAX] = {0}, mean = 0;
    for (size_t t = 0; t < shape->n_steps; t++) {
        d_alpha[t] = dot(d_context, z + t * stride, 2 * n_hidden);
        mean += head->alpha[t] * d_alpha[t];
    }
    for (size_t t = 0; t < shape->n_steps; t++) {
        const float *u = head->tanhs + t * n_hidden, *z_t = z + t * stride;
        float *d_z_t = d_z + t * stride, d_score = head->alpha[t] * (d_alpha[t] - mean);
        add_scaled(gradient->attend_v, u, d_score, n_hidden);
        for (size_t i = 0; i < n_hidden; i++)
            d_inner[i] = d_score * view->attend_v[i] * (1 - u[i] * u[i]);
        add_scaled(gradient->attend_b, d_inner, 1, n_hidden);
        for (size_t i = 0; i < 2 * n_hidden; i++) {
            add_scaled(gradient->attend_w + i * n_hidden, d_inner, z_t[i], n_hidden);
            d_z_t[i] = head->alpha[t] * d_context[i] +
                       dot(view->attend_w + i * n_hidden, d_inner, n_hidden);
        }
    }
}

void lstm_head_backward(const struct lstm_shape *shape,
                        const struct lstm_view *view,
                        const float *z,
                        size_t stride,
                        const struct lstm_head *head,
                        float d_y,
                        const struct lstm_view *gradient,
                        float *d_z)
{
    size_t n_hidden = shape->n_hidden, n_steps = shape->n_steps;
    float d_context[2 * LSTM_HIDDEN_MAX] = {0};
    gradient->out_b[0] += d_y;
    add_scaled(gradient->out_w, head->context, d_y, 2 * n_hidden);
    for (size_t i = 0; i < 2 * n_hidden; i++)
        d_context[i] = d_y * view->out_w[i];
    if (shape->has_attention) {
        attention_backward(shape, view, z, stride, head, d_context, gradient, d_z);
        return;
    }
    for (size_t t = 0; t < n_steps; t++)
        memset(d_z + t * stride, 0, 2 * n_hidden * sizeof *d_z);
    memcpy(d_z + (n_steps - 1) * stride, d_context, n_hidden * sizeof *d_z);
    memcpy(d_z + n_hidden, d_context + n_hidden, n_hidden * sizeof *d_z);
}
