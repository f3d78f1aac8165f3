/* One batch through the network and back: the layers by oneDNN, dropout, attention, output and loss by ourselves. */
#ifndef ALPHALOOP_FORECAST_STEP_I_H
#define ALPHALOOP_FORECAST_STEP_I_H

#include "lstm_i.h"

struct lstm_step;

/* For batches of n_batch sequences (fewer are one whose last outputs are not looked at). The network is read where it is and
 * must outlive the step. gives *out: lstm_step_destroy(). */
MUST_CHECK enum al_err lstm_step_create(struct lstm *net, size_t n_batch, struct lstm_step **out);
void lstm_step_destroy(struct lstm_step *step); /* NULL is fine */

float *lstm_step_inputs(struct lstm_step *step); /* [T][n_batch][n_inputs], to be filled */
float *lstm_step_masks(struct lstm_step *step);  /* [n_layers][n_batch][2H], 1 at first */
size_t lstm_step_n_masks(const struct lstm_step *step);

/* outputs [n_batch]; uses_masks false: the whole network. */
MUST_CHECK enum al_err lstm_step_forward(struct lstm_step *step, bool uses_masks, float *outputs);
/* From dL/d output [n_batch] of the last forward pass with masks to dL/d weights, laid out as they are. Borrowed, until the
 * next call. */
MUST_CHECK enum al_err lstm_step_backward(struct lstm_step *step,
                                          const float *d_outputs,
                                          const float **gradient);

#endif
