/* Time as int64 nanoseconds since 1970-01-01T00:00:00Z. The core never reads a clock: it is given `now_ns`. */
#ifndef ALPHALOOP_BASE_TIMESTAMP_H
#define ALPHALOOP_BASE_TIMESTAMP_H

#include <stddef.h>
#include <stdint.h>

#include "alphaloop/base/buf.h"
#include "alphaloop/base/err.h"

#define NS_PER_US  1000LL
#define NS_PER_MS  1000000LL
#define NS_PER_S   1000000000LL
#define NS_PER_MIN (60LL * NS_PER_S)
#define NS_PER_H   (3600LL * NS_PER_S)
#define NS_PER_DAY (86400LL * NS_PER_S)

#define TIMESTAMP_TEXT_MAX 40
#define TIMESTAMP_NONE     INT64_MIN

/* Contract section 3: `YYYY-MM-DD`, `T` or blank, `hh:mm:ss`, optional fraction up to nanoseconds, optional `Z` or
 * `+hh:mm` / `-hh:mm`; without a zone UTC is meant. Years 1970 to 2261. AL_EPARSE otherwise. */
MUST_CHECK enum al_err timestamp_parse(struct slice text, int64_t *ts_ns);

/* "2026-01-31T09:30:00.123456Z": microseconds, always UTC with Z. */
size_t timestamp_format(int64_t ts_ns, char out[TIMESTAMP_TEXT_MAX]);

struct civil_time {
    int year, month, day, hour, minute, second; /* month 1..12, day 1..31 */
    int weekday;                                /* 0 = Sunday */
    int64_t ns;                                 /* within the second */
};
void timestamp_to_civil(int64_t ts_ns, struct civil_time *out);
int64_t timestamp_from_civil(const struct civil_time *civil); /* weekday ignored */

#endif
