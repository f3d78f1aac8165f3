/* Price history that is missing, fetched on schedule (FETCH_*). */
#ifndef ALPHALOOP_APP_FETCHING_I_H
#define ALPHALOOP_APP_FETCHING_I_H

#include "alphaloop/base/buf.h"

struct fetching;
struct settings;
struct worker;

/* Whether what FETCH_* ask for can be had; problems are appended, a line each. */
bool fetching_check(const struct settings *settings, struct buf *problems);

/* Gives NULL when FETCH_UPSTREAM is off. */
MUST_CHECK enum al_err fetching_create(struct worker *worker, struct fetching **out);
void fetching_destroy(struct fetching *fetching);
void fetching_run(struct fetching *fetching);  /* look for what is missing when it is time */
void fetching_stop(struct fetching *fetching); /* for good; what is being stored is */

#endif
