/* A small recurrent network that reads the last rows before a bar and says the return that follows: bidirectional LSTM layers,
 * dropout between them, optional attention over the steps, one output.
 *
 *     x[t]      the columns of a row, scaled, and how much of the row is missing                    [n_inputs]
 *     layer     forwards and backwards over the steps, side by side                                 [n_steps][2 n_hidden]
 *     dropout   after every layer; one mask for all steps of a sequence
 *     context   attention: sum of alpha[t] z[t];  else the last step forwards and the first one backwards  [2 n_hidden]
 *     y         w . context + b, in the teachers' scale
 *
 * Sources: Hochreiter & Schmidhuber (1997) and Gers, Schmidhuber & Cummins (2000) for the cell, Schuster & Paliwal (1997) for
 * both directions, Yang et al. (2016) section 2.2 for attention, Gal & Ghahramani (2016) for one mask a sequence and for
 * repeated passes with dropout as a measure of what the network does not know.
 *
 * Training asks oneDNN (lstm_fit, in a training child); all else is a few hundred lines of C without a library and may run on
 * any thread: a network is not changed once it is fitted.
 */
#ifndef ALPHALOOP_FORECAST_LSTM_H
#define ALPHALOOP_FORECAST_LSTM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alphaloop/base/buf.h"
#include "alphaloop/base/err.h"
#include "alphaloop/base/rng.h"
#include "alphaloop/model/kind.h"
#include "alphaloop/model/scaler.h"

#define LSTM_COLS_MAX    256
#define LSTM_STEPS_MAX   60
#define LSTM_HIDDEN_MAX  128
#define LSTM_HIDDEN_STEP 4 /* n_hidden is a multiple: the kernels take four numbers at a time */
#define LSTM_LAYERS_MAX  3
#define LSTM_SAMPLES_MAX 200
#define LSTM_BATCH_MAX   256

struct lstm_shape {
    size_t n_steps, n_inputs, n_hidden, n_layers;
    bool has_attention;
    float dropout; /* share of a layer's outputs that is left out, 0..0.9 */
};

/* ---- the network ---- */

struct lstm;

/* gives *out, weights 0: lstm_destroy(). AL_ERANGE when the shape is out of bounds, AL_ENOMEM. */
MUST_CHECK enum al_err lstm_create(const struct lstm_shape *shape, struct lstm **out);
void lstm_destroy(struct lstm *net); /* NULL is fine */

const struct lstm_shape *lstm_shape(const struct lstm *net);
size_t lstm_n_weights(const struct lstm_shape *shape);
/* All of them, [lstm_n_weights()]: for each layer both directions of input weights, of recurrent weights and of biases, each
 * with its gates in the order input, forget, cell, output; then attention; then the output. */
float *lstm_weights(const struct lstm *net);

/* Uniform within 1 / sqrt(n_hidden); the forget gates start open (bias 1; Jozefowicz, Zaremba & Sutskever 2015); the output
 * starts at 0, so that a network that was taught nothing says the teachers' mean. */
void lstm_start(struct lstm *net, struct rng *rng);

/* ---- what it reads ---- */

/* Rows of a table, float x[n_rows][n_cols] with NaN for missing, seen through the teachers' scaler. Borrowed. */
struct lstm_rows {
    size_t n_rows, n_cols;
    const float *x;
    const struct scaler *scaler;
};

/* One step: the scaled columns, 0 (the teachers' mean) for a missing one, then the share of columns that are missing. A row
 * before the first is one that misses everything. Out [n_cols + 1]. */
void lstm_input(const struct lstm_rows *rows, ptrdiff_t row, float *out);

/* What the network says of the sequences that end with each of rows[n], in its own scale, the same bits whatever else is asked
 * for. deviations NULL or [n]: of n_samples passes, each with the dropout of training, drawn from the seed; the same for
 * every row. AL_ENOMEM. */
MUST_CHECK enum al_err lstm_predict(const struct lstm *net,
                                    const struct lstm_rows *table,
                                    const size_t *rows,
                                    size_t n,
                                    size_t n_samples,
                                    uint64_t seed,
                                    float *values,
                                    float *deviations);

/* ---- training ---- */

struct lstm_fit {
    struct lstm_shape shape;
    struct lstm_rows table;
    const float *targets; /* [n_rows], scaled; finite for the rows named here */
    const size_t *teach;
    size_t n_teach;
    const size_t *validation;
    size_t n_validation;
    size_t n_epochs, n_batch;
    size_t n_batches_max; /* of an epoch; it takes other teachers each time */
    size_t patience;      /* epochs without a better validation loss until it stops */
    float learning_rate;
    uint64_t seed;
    bool (*on_batch)(void *ctx, const struct model_round *round); /* as on_round; may be NULL */
    void *ctx;
};

/* Adam (Kingma & Ba 2015) on the mean squared error, gradients cut to norm 1 (Pascanu, Mikolov & Bengio 2013). The weights of
 * the best validation loss are kept, counting those of the start; without validation rows the last. One thread; the same
 * bytes for the same input on the same machine. Memory does not grow with the rows.
 * gives *out: lstm_destroy(). AL_ECANCELED, AL_ENOMEM, AL_EMODEL; AL_ENOTFOUND or AL_EVERSION when oneDNN cannot be had. */
MUST_CHECK enum al_err lstm_fit(const struct lstm_fit *fit, struct lstm **out);

/* What training would try to load instead of libdnnl.so.2; NULL goes back to it. For tests. */
void lstm_set_library(const char *file_name);

/* ---- as a file ---- */

/* A network with what makes returns of its numbers. File format "ALLS", little endian, version 1:
 *
 *     magic "ALLS"  u32 version  u32 n_cols  u32 n_steps  u32 n_hidden  u32 n_layers  u32 has_attention  f32 dropout
 *     u32 n_samples  u32 seed, low half  u32 seed, high half  f32 target mean  f32 target deviation
 *     n_cols x { f32 mean; f32 inverse of the deviation }
 *     lstm_n_weights() x f32
 *     sha256 of all before
 *
 * Checklist for a change: raise LSTM_VERSION; keep reading the old one or refuse it by its number; extend lstm_file_test.c and
 * the fuzz corpus; say so in docs/lstm.md.
 */
#define LSTM_VERSION 1

struct lstm_model {
    struct lstm *net;
    struct scaler *scaler; /* of the columns */
    float target_mean, target_deviation;
    size_t n_samples;
    uint64_t seed;
};

void lstm_model_deinit(struct lstm_model *model);
void lstm_model_write(const struct lstm_model *model, struct buf *out);
/* AL_EVERIFY when the checksum or a bound does not hold, AL_EVERSION. Fills *out: lstm_model_deinit(). */
MUST_CHECK enum al_err lstm_model_read(struct slice bytes, struct lstm_model *out);

#endif
