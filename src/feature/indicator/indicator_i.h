/* What the indicator files share. */
#ifndef ALPHALOOP_FEATURE_INDICATOR_I_H
#define ALPHALOOP_FEATURE_INDICATOR_I_H

#include <math.h>

#include "alphaloop/feature/indicator.h"
#include "../window_i.h"

#define INDICATOR(name) extern const struct indicator indicator_##name;
#include "alphaloop/tbl/indicators.def"
#undef INDICATOR

#define PERIOD(value, low)                                                                         \
    {                                                                                              \
        "period", value, low, 500, true, "candles"                                                 \
    }
#define SECONDS(value)                                                                             \
    {                                                                                              \
        "seconds", value, 1, 3600, false, "time constant of forgetting"                            \
    }
#define SIDE(help)                                                                                 \
    {                                                                                              \
        "side", 1, -1, 1, true, help                                                               \
    }
#define SIGMAS_MAX 20.0 /* moves in units of sigma are cut here */

static inline size_t option_size(const double *options, size_t index)
{
    return (size_t)options[index];
}

size_t indicator_state_bytes(const struct indicator *indicator, const double *options);
/* The value, clamped into the indicator's range. */
double indicator_read(const struct indicator *indicator,
                      const void *state,
                      const double *options,
                      const struct feature_moment *moment);

size_t warmup_one(const double *options);
size_t warmup_period(const double *options); /* options[0] inputs */
size_t warmup_period_and_one(const double *options);
int64_t warmup_seconds(const double *options);       /* options[0] seconds */
const char *misfit_fast_slow(const double *options); /* options[0] must be below options[1] */
const char *misfit_side(const double *options);      /* options[0] must be 1 or -1 */

/* part / whole, or `empty` where the whole is 0. */
static inline double share(double part, double whole, double empty)
{
    return whole == 0 ? empty : part / whole;
}

#endif
