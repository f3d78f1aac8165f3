/* The buckets of a time series: hour, day, week (weeks begin on Monday), all in UTC. */
#ifndef ALPHALOOP_STORE_GRANULARITY_H
#define ALPHALOOP_STORE_GRANULARITY_H

#include <stdbool.h>

#include "alphaloop/base/buf.h"

enum granularity { GRANULARITY_HOUR, GRANULARITY_DAY, GRANULARITY_WEEK, GRANULARITY_COUNT };

const char *granularity_name(
    enum granularity granularity); /* as date_trunc and the HTTP parameter spell it */
bool granularity_parse(struct slice name, enum granularity *out);

#endif
