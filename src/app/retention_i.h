/* What grows with every decision and is not needed for ever goes by age, a bounded number of rows at a time. */
#ifndef ALPHALOOP_APP_RETENTION_I_H
#define ALPHALOOP_APP_RETENTION_I_H

#include "alphaloop/base/err.h"

struct worker;
struct retention;

MUST_CHECK enum al_err retention_create(struct worker *worker, struct retention **out);
void retention_destroy(struct retention *retention);
void retention_run(struct retention *retention); /* delete some when it is time */

#endif
