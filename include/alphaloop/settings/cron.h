/* Schedules: `hourly`, `daily`, `weekly`, or five fields of cron, all in UTC.
 *
 *     minute 0-59   hour 0-23   day 1-31   month 1-12 or jan-dec   weekday 0-7 or sun-sat (0 and 7 are Sunday)
 *
 * A field is `*`, a value, a range a-b, either with a step /n, or several of them joined by commas. When both day and
 * weekday are restricted a day that fits either will do (POSIX crontab). Words and names in any case.
 */
#ifndef ALPHALOOP_SETTINGS_CRON_H
#define ALPHALOOP_SETTINGS_CRON_H

#include <stdbool.h>
#include <stdint.h>

#include "alphaloop/base/buf.h"
#include "alphaloop/base/err.h"

struct cron { /* bit n: the value n fits */
    uint64_t minutes;
    uint32_t hours, days, months, weekdays;
    bool any_day, any_weekday; /* the field was `*` */
};

/* AL_EPARSE with what is wrong in err_text(). Empty text is no schedule: AL_EPARSE. */
MUST_CHECK enum al_err cron_parse(struct slice text, struct cron *out);

/* The first fitting minute later than ts_ns; TIMESTAMP_NONE when there is none in the next 40 years (30 February). */
int64_t cron_next_after(const struct cron *cron, int64_t ts_ns);

#endif
