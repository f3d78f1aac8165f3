/* Batches of teachers, Adam, and the weights that did best on rows that teach nothing. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "step_i.h"

#define GRADIENT_NORM_MAX   1.0
#define ADAM_DECAY          0.9F
#define ADAM_DECAY_SQUARES  0.999F
#define ADAM_EPSILON        1e-8F
#define VALIDATION_ROWS_MAX 4096 /* spread evenly over all of them */

struct fitter {
    const struct lstm_fit *fit;
    struct lstm *net;
    struct lstm_step *step;
    struct rng rng;
    size_t n_batch, n_weights, n_batches; /* of an epoch */
    size_t *order;                        /* [n_teach], the teachers of an epoch */
    float *momentum, *squares, *best;     /* [n_weights] */
    struct model_round round;             /* rounds are batches */
};

/* ---- batches ---- */

/* Sequence i of the batch: the rows that end with `row`. */
static void set_sequence(struct fitter *f, size_t i, size_t row)
{
    const struct lstm_shape *shape = &f->fit->shape;
    float *inputs = lstm_step_inputs(f->step);
    for (size_t t = 0; t < shape->n_steps; t++)
        lstm_input(&f->fit->table, (ptrdiff_t)(row + t + 1) - (ptrdiff_t)shape->n_steps,
                   inputs + (t * f->n_batch + i) * shape->n_inputs);
}

/* Every order of the teachers is as likely (Fisher & Yates). */
static void shuffle(struct fitter *f)
{
    for (size_t i = f->fit->n_teach; i > 1; i--) {
        size_t j = rng_below(&f->rng, i), row = f->order[i - 1];
        f->order[i - 1] = f->order[j];
        f->order[j] = row;
    }
}

/* Mean squared error of the whole network on the validation rows; NaN without any. */
static enum al_err validation_loss(struct fitter *f, double *out)
{
    const struct lstm_fit *fit = f->fit;
    size_t step = fit->n_validation / VALIDATION_ROWS_MAX + 1, n = 0;
    float outputs[LSTM_BATCH_MAX];
    double sum = 0;
    for (size_t at = 0; at < fit->n_validation;) {
        size_t rows[LSTM_BATCH_MAX], n_rows = 0;
        for (; n_rows < f->n_batch && at < fit->n_validation; at += step)
            rows[n_rows++] = fit->validation[at];
        for (size_t i = 0; i < n_rows; i++)
            set_sequence(f, i, rows[i]);
        enum al_err err = lstm_step_forward(f->step, false, outputs);
        if (err != AL_OK)
            return err;
        for (size_t i = 0; i < n_rows; i++) {
            double miss = (double)(outputs[i] - fit->targets[rows[i]]);
            sum += miss * miss;
        }
        n += n_rows;
    }
    *out = sum / (double)n;
    return AL_OK;
}

/* ---- one step ---- */

/* m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  w -= rate m^ / (sqrt(v^) + epsilon), ^ being corrected for the start at 0. */
static void adam(struct fitter *f, const float *gradient, size_t n_steps)
{
    float *weights = lstm_weights(f->net);
    double norm = 0;
    for (size_t i = 0; i < f->n_weights; i++)
        norm += (double)gradient[i] * (double)gradient[i];
    norm = sqrt(norm);
    float scale = norm > GRADIENT_NORM_MAX ? (float)(GRADIENT_NORM_MAX / norm) : 1;
    float unbias = 1 / (1 - powf(ADAM_DECAY, (float)n_steps));
    float unbias_squares = 1 / (1 - powf(ADAM_DECAY_SQUARES, (float)n_steps));
    for (size_t i = 0; i < f->n_weights; i++) {
        float g = gradient[i] * scale;
        f->momentum[i] += (1 - ADAM_DECAY) * (g - f->momentum[i]);
        f->squares[i] += (1 - ADAM_DECAY_SQUARES) * (g * g - f->squares[i]);
        weights[i] -= f->fit->learning_rate * f->momentum[i] * unbias /
                      (sqrtf(f->squares[i] * unbias_squares) + ADAM_EPSILON);
    }
}

/* rows [n], n <= n_batch: the outputs past them are asked for nothing. */
static enum al_err teach_batch(struct fitter *f, const size_t *rows, size_t n)
{
    float outputs[LSTM_BATCH_MAX], d_outputs[LSTM_BATCH_MAX] = {0};
    const float *gradient = NULL;
    for (size_t i = 0; i < n; i++)
        set_sequence(f, i, rows[i]);
    lstm_draw_masks(f->fit->shape.dropout, &f->rng, lstm_step_masks(f->step),
                    lstm_step_n_masks(f->step));
    enum al_err err = lstm_step_forward(f->step, true, outputs);
    for (size_t i = 0; i < n; i++)
        d_outputs[i] = 2 * (outputs[i] - f->fit->targets[rows[i]]) / (float)n;
    if (err == AL_OK)
        err = lstm_step_backward(f->step, d_outputs, &gradient);
    if (err != AL_OK)
        return err;
    f->round.round++;
    adam(f, gradient, f->round.round);
    if (f->fit->on_batch != NULL && f->fit->on_batch(f->fit->ctx, &f->round))
        return err_set(AL_ECANCELED, "the training of a network");
    return AL_OK;
}

static enum al_err teach_epoch(struct fitter *f)
{
    enum al_err err = AL_OK;
    shuffle(f);
    for (size_t i = 0; i < f->n_batches && err == AL_OK; i++) {
        size_t first = i * f->n_batch, left = f->fit->n_teach - first;
        err = teach_batch(f, f->order + first, left < f->n_batch ? left : f->n_batch);
    }
    return err;
}

/* ---- all of them ---- */

/* Sets *is_better where the weights of now are worth keeping. */
static enum al_err judge(struct fitter *f, bool *is_better)
{
    enum al_err err = validation_loss(f, &f->round.loss);
    *is_better =
        f->fit->n_validation == 0 || f->round.round == 0 || f->round.loss < f->round.best_loss;
    if (err != AL_OK || !*is_better)
        return err;
    f->round.best_loss = f->round.loss;
    f->round.best_round = f->round.round;
    memcpy(f->best, lstm_weights(f->net), f->n_weights * sizeof *f->best);
    return AL_OK;
}

static enum al_err teach(struct fitter *f)
{
    bool is_better = false;
    enum al_err err = judge(f, &is_better);
    for (size_t epoch = 0, n_worse = 0; epoch < f->fit->n_epochs && err == AL_OK; epoch++) {
        err = teach_epoch(f);
        if (err == AL_OK)
            err = judge(f, &is_better);
        n_worse = is_better ? 0 : n_worse + 1;
        if (n_worse >= f->fit->patience)
            break;
    }
    if (err == AL_OK)
        memcpy(lstm_weights(f->net), f->best, f->n_weights * sizeof *f->best);
    return err;
}

static enum al_err fitter_init(struct fitter *f, const struct lstm_fit *fit)
{
    *f = (struct fitter){.fit = fit};
    f->n_batch = fit->n_teach < fit->n_batch ? fit->n_teach : fit->n_batch;
    f->n_batches = (fit->n_teach + f->n_batch - 1) / f->n_batch;
    if (f->n_batches > fit->n_batches_max)
        f->n_batches = fit->n_batches_max;
    f->n_weights = lstm_n_weights(&fit->shape);
    f->round.n_rounds_max = fit->n_epochs * f->n_batches;
    rng_seed(&f->rng, fit->seed);
    f->order = malloc(fit->n_teach * sizeof *f->order);
    f->momentum = calloc(3 * f->n_weights, sizeof *f->momentum);
    if (f->order == NULL || f->momentum == NULL)
        return err_set(AL_ENOMEM, "the training of a network");
    f->squares = f->momentum + f->n_weights;
    f->best = f->squares + f->n_weights;
    memcpy(f->order, fit->teach, fit->n_teach * sizeof *f->order);
    enum al_err err = lstm_create(&fit->shape, &f->net);
    if (err != AL_OK)
        return err;
    lstm_start(f->net, &f->rng);
    return lstm_step_create(f->net, f->n_batch, &f->step);
}

enum al_err lstm_fit(const struct lstm_fit *fit, struct lstm **out)
{
    struct fitter f;
    assert(fit->n_teach > 0 && fit->n_batch > 0 && fit->n_batch <= LSTM_BATCH_MAX);
    enum al_err err = fitter_init(&f, fit);
    if (err == AL_OK)
        err = teach(&f);
    lstm_step_destroy(f.step);
    free(f.momentum);
    free(f.order);
    if (err != AL_OK) {
        lstm_destroy(f.net);
        return err;
    }
    *out = f.net;
    return AL_OK;
}
