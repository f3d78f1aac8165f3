/* The network as it is served: one function a layer, plain floats.
 *
 * Dropout has one mask for all steps of a sequence, and none stands before the first layer. So the first layer of a sequence is
 * computed once and serves every pass, and a weight whose input a mask leaves out costs nothing.
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lstm_i.h"

struct lstm {
    struct lstm_shape shape;
    struct lstm_view view;
    float weights[];
};

/* ---- weights ---- */

static size_t layer_inputs(const struct lstm_shape *shape, size_t layer)
{
    return layer == 0 ? shape->n_inputs : 2 * shape->n_hidden;
}

static float *take(float **at, size_t n)
{
    float *taken = *at;
    *at += n;
    return taken;
}

struct lstm_view lstm_view(const struct lstm_shape *shape, float *weights)
{
    struct lstm_view view = {0};
    size_t n_hidden = shape->n_hidden, n_gates = LSTM_GATES * n_hidden;
    for (size_t l = 0; l < shape->n_layers; l++) {
        struct lstm_layer *layer = &view.layers[l];
        layer->n_in = layer_inputs(shape, l);
        layer->w = take(&weights, 2 * layer->n_in * n_gates);
        layer->u = take(&weights, 2 * n_hidden * n_gates);
        layer->b = take(&weights, 2 * n_gates);
    }
    if (shape->has_attention) {
        view.attend_w = take(&weights, 2 * n_hidden * n_hidden);
        view.attend_b = take(&weights, n_hidden);
        view.attend_v = take(&weights, n_hidden);
    }
    view.out_w = take(&weights, 2 * n_hidden);
    view.out_b = take(&weights, 1);
    return view;
}

size_t lstm_n_weights(const struct lstm_shape *shape)
{
    size_t n_hidden = shape->n_hidden, n = 2 * n_hidden + 1;
    for (size_t l = 0; l < shape->n_layers; l++)
        n += 2 * (layer_inputs(shape, l) + n_hidden + 1) * LSTM_GATES * n_hidden;
    return n + (shape->has_attention ? 2 * n_hidden * (n_hidden + 1) : 0);
}

static enum al_err check_shape(const struct lstm_shape *shape)
{
    if (shape->n_steps < 1 || shape->n_steps > LSTM_STEPS_MAX)
        return err_set(AL_ERANGE, "a network of %zu steps", shape->n_steps);
    if (shape->n_inputs < 1 || shape->n_inputs > LSTM_COLS_MAX + 1)
        return err_set(AL_ERANGE, "a network of %zu inputs", shape->n_inputs);
    if (shape->n_hidden < 1 || shape->n_hidden > LSTM_HIDDEN_MAX ||
        shape->n_hidden % LSTM_HIDDEN_STEP != 0)
        return err_set(AL_ERANGE, "a network of %zu hidden units", shape->n_hidden);
    if (shape->n_layers < 1 || shape->n_layers > LSTM_LAYERS_MAX)
        return err_set(AL_ERANGE, "a network of %zu layers", shape->n_layers);
    if (!(shape->dropout >= 0 && shape->dropout <= 0.9F))
        return err_set(AL_ERANGE, "a network with a dropout of %g", (double)shape->dropout);
    return AL_OK;
}

enum al_err lstm_create(const struct lstm_shape *shape, struct lstm **out)
{
    enum al_err err = check_shape(shape);
    if (err != AL_OK)
        return err;
    struct lstm *net = calloc(1, sizeof *net + lstm_n_weights(shape) * sizeof net->weights[0]);
    if (net == NULL)
        return err_set(AL_ENOMEM, "a network of %zu weights", lstm_n_weights(shape));
    net->shape = *shape;
    net->view = lstm_view(shape, net->weights);
    *out = net;
    return AL_OK;
}

void lstm_destroy(struct lstm *net)
{
    free(net);
}

const struct lstm_shape *lstm_shape(const struct lstm *net)
{
    return &net->shape;
}

float *lstm_weights(const struct lstm *net)
{
    return net->view.layers[0].w; /* the first of them */
}

void lstm_start(struct lstm *net, struct rng *rng)
{
    size_t n_hidden = net->shape.n_hidden, n_weights = lstm_n_weights(&net->shape);
    double reach = 1 / sqrt((double)n_hidden);
    for (size_t i = 0; i < n_weights; i++)
        net->weights[i] = (float)(reach * (2 * rng_uniform(rng) - 1));
    for (size_t l = 0; l < net->shape.n_layers; l++) {
        for (size_t i = 0; i < 2 * LSTM_GATES * n_hidden; i++)
            net->view.layers[l].b[i] = i / n_hidden % LSTM_GATES == 1; /* the forget gate */
    }
    memset(net->view.out_w, 0, (2 * n_hidden + 1) * sizeof net->weights[0]);
}

/* ---- one sequence ---- */

struct pass {
    const struct lstm *net;
    float *window;                /* [T][n_inputs] */
    float *first, *below, *above; /* outputs of layers, [T][2H] */
    float *gates, *h, *c;         /* [4][H], [H], [H] */
    float *masks;                 /* [n_samples][n_layers][2H] */
    struct lstm_head head;
};

static float sigmoid(float x)
{
    return 1 / (1 + expf(-x));
}

/* i, f, o = sigmoid, g = tanh of the gates;  c = f c + i g;  h = o tanh(c). */
static void run_cell(size_t n_hidden, const float *gates, float *h, float *c)
{
    for (size_t k = 0; k < n_hidden; k++) {
        float i = sigmoid(gates[k]), f = sigmoid(gates[n_hidden + k]);
        float g = tanhf(gates[2 * n_hidden + k]), o = sigmoid(gates[3 * n_hidden + k]);
        c[k] = f * c[k] + i * g;
        h[k] = o * tanhf(c[k]);
    }
}

/* y[n_out] += (x * mask)[n_in] W[n_in][n_out]; mask NULL: all 1. */
static void add_product(
    const float *x, const float *mask, const float *w, size_t n_in, size_t n_out, float *y)
{
    for (size_t i = 0; i < n_in; i++) {
        float value = mask == NULL ? x[i] : x[i] * mask[i];
        if (value != 0)
            add_scaled(y, w + i * n_out, value, n_out);
    }
}

/* One layer, both ways: gates[t] = b + (x[t] mask) W + h U, h being that of the step before, or after when it reads backwards.
 * x [T][n_in] -> out [T][2H], forwards in the first half. */
static void run_layer(struct pass *pass, size_t l, const float *x, const float *mask, float *out)
{
    const struct lstm_layer *layer = &pass->net->view.layers[l];
    size_t n_steps = pass->net->shape.n_steps, n_hidden = pass->net->shape.n_hidden;
    size_t n_gates = LSTM_GATES * n_hidden;
    for (size_t direction = 0; direction < 2; direction++) {
        const float *w = layer->w + direction * layer->n_in * n_gates;
        const float *u = layer->u + direction * n_hidden * n_gates;
        memset(pass->h, 0, n_hidden * sizeof *pass->h);
        memset(pass->c, 0, n_hidden * sizeof *pass->c);
        for (size_t i = 0; i < n_steps; i++) {
            size_t t = direction == 0 ? i : n_steps - 1 - i;
            memcpy(pass->gates, layer->b + direction * n_gates, n_gates * sizeof *pass->gates);
            add_product(x + t * layer->n_in, mask, w, layer->n_in, n_gates, pass->gates);
            add_product(pass->h, NULL, u, n_hidden, n_gates, pass->gates);
            run_cell(n_hidden, pass->gates, pass->h, pass->c);
            memcpy(out + (2 * t + direction) * n_hidden, pass->h, n_hidden * sizeof *out);
        }
    }
}

/* From the first layer's outputs up. masks [n_layers][2H], or NULL for the whole network. */
static float run_upwards(struct pass *pass, const float *masks)
{
    const struct lstm_shape *shape = &pass->net->shape;
    size_t width = 2 * shape->n_hidden;
    const float *below = pass->first;
    for (size_t l = 1; l < shape->n_layers; l++) {
        float *above = l % 2 == 1 ? pass->above : pass->below;
        run_layer(pass, l, below, masks == NULL ? NULL : masks + (l - 1) * width, above);
        below = above;
    }
    if (masks != NULL) {
        const float *mask = masks + (shape->n_layers - 1) * width;
        float *thinned = below == pass->above ? pass->below : pass->above;
        for (size_t i = 0; i < shape->n_steps * width; i++)
            thinned[i] = below[i] * mask[i % width];
        below = thinned;
    }
    return lstm_head_forward(shape, &pass->net->view, below, width, &pass->head);
}

/* ---- rows ---- */

void lstm_input(const struct lstm_rows *rows, ptrdiff_t row, float *out)
{
    size_t n_missing = rows->n_cols;
    memset(out, 0, rows->n_cols * sizeof *out);
    for (size_t k = 0; k < rows->n_cols && row >= 0; k++) {
        float z = scaler_value(&rows->scaler->columns[k], rows->x[(size_t)row * rows->n_cols + k]);
        if (isnan(z))
            continue;
        out[k] = z;
        n_missing--;
    }
    out[rows->n_cols] = (float)n_missing / (float)rows->n_cols;
}

void lstm_draw_masks(float dropout, struct rng *rng, float *masks, size_t n)
{
    for (size_t i = 0; i < n; i++)
        masks[i] = rng_uniform(rng) < (double)dropout ? 0 : 1 / (1 - dropout);
}

static enum al_err pass_init(struct pass *pass,
                             const struct lstm *net,
                             size_t n_samples,
                             float **memory)
{
    const struct lstm_shape *s = &net->shape;
    size_t width = 2 * s->n_hidden, n_masks = n_samples * s->n_layers * width;
    size_t n = s->n_steps * (s->n_inputs + 3 * width) + (LSTM_GATES + 2) * s->n_hidden + n_masks;
    float *at = *memory = calloc(n + lstm_head_size(s), sizeof *at);
    if (at == NULL)
        return err_set(AL_ENOMEM, "a sequence of %zu steps", s->n_steps);
    pass->net = net;
    pass->window = take(&at, s->n_steps * s->n_inputs);
    pass->first = take(&at, s->n_steps * width);
    pass->below = take(&at, s->n_steps * width);
    pass->above = take(&at, s->n_steps * width);
    pass->gates = take(&at, LSTM_GATES * s->n_hidden);
    pass->h = take(&at, s->n_hidden);
    pass->c = take(&at, s->n_hidden);
    pass->masks = take(&at, n_masks);
    pass->head = lstm_head_at(s, at);
    return AL_OK;
}

/* The first layer, which all passes share. */
static void read_sequence(struct pass *pass, const struct lstm_rows *table, size_t row)
{
    const struct lstm_shape *shape = &pass->net->shape;
    for (size_t t = 0; t < shape->n_steps; t++)
        lstm_input(table, (ptrdiff_t)(row + t + 1) - (ptrdiff_t)shape->n_steps,
                   pass->window + t * shape->n_inputs);
    run_layer(pass, 0, pass->window, NULL, pass->first);
}

/* Standard deviation of the passes, Welford's way. */
static float deviation_of_samples(struct pass *pass, size_t n_samples)
{
    size_t n_masks = pass->net->shape.n_layers * 2 * pass->net->shape.n_hidden;
    double mean = 0, squares = 0;
    for (size_t i = 0; i < n_samples; i++) {
        double value = (double)run_upwards(pass, pass->masks + i * n_masks), step = value - mean;
        mean += step / (double)(i + 1);
        squares += step * (value - mean);
    }
    return (float)sqrt(squares / (double)(n_samples - 1));
}

enum al_err lstm_predict(const struct lstm *net,
                         const struct lstm_rows *table,
                         const size_t *rows,
                         size_t n,
                         size_t n_samples,
                         uint64_t seed,
                         float *values,
                         float *deviations)
{
    struct pass pass;
    struct rng rng;
    float *memory;
    assert(table->n_cols + 1 == net->shape.n_inputs && (deviations == NULL || n_samples > 1));
    n_samples = deviations == NULL ? 0 : n_samples;
    enum al_err err = pass_init(&pass, net, n_samples, &memory);
    if (err != AL_OK)
        return err;
    rng_seed(&rng, seed);
    lstm_draw_masks(net->shape.dropout, &rng, pass.masks,
                    n_samples * net->shape.n_layers * 2 * net->shape.n_hidden);
    for (size_t i = 0; i < n; i++) {
        read_sequence(&pass, table, rows[i]);
        values[i] = run_upwards(&pass, NULL);
        if (deviations != NULL)
            deviations[i] = deviation_of_samples(&pass, n_samples);
    }
    free(memory);
    return AL_OK;
}
