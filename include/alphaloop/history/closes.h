/* Closes as others send them: a JSON array of numbers, oldest first, one an interval. */
#ifndef ALPHALOOP_HISTORY_CLOSES_H
#define ALPHALOOP_HISTORY_CLOSES_H

#include "alphaloop/base/err.h"
#include "alphaloop/base/json.h"

#define CLOSE_MIN 1e-18 /* coins are cheap in other coins */
#define CLOSE_MAX 1e15

/* Read them all.
 *
 *   name     what errors call the array
 *   out      as many as the array has
 *   returns  AL_OK; AL_EINVAL when one is no number; else AL_ERANGE when one is not within CLOSE_MIN and CLOSE_MAX. The text
 *            names the first one by its index: `historical_prices[3] must be a number`
 */
MUST_CHECK enum al_err posted_closes_read(struct json_node *array, const char *name, double *out);

#endif
