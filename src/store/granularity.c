/* Names of the buckets of a time series. */
#include "alphaloop/store/granularity.h"

static const char *const names[GRANULARITY_COUNT] = {
    [GRANULARITY_HOUR] = "hour",
    [GRANULARITY_DAY] = "day",
    [GRANULARITY_WEEK] = "week",
};

const char *granularity_name(enum granularity granularity)
{
    return names[granularity];
}

bool granularity_parse(struct slice name, enum granularity *out)
{
    for (unsigned i = 0; i < GRANULARITY_COUNT; i++) {
        if (slice_is(name, names[i])) {
            *out = (enum granularity)i;
            return true;
        }
    }
    return false;
}
