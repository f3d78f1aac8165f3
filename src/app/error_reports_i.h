/* Groups of the error book, sent to the service that SENTRY_DSN names: a group at most once a minute, all of them together
 * at most REPORTS_PER_MINUTE. Counts say what was left out; a service that is away costs nothing but its reports. */
#ifndef ALPHALOOP_SRC_APP_ERROR_REPORTS_I_H
#define ALPHALOOP_SRC_APP_ERROR_REPORTS_I_H

#include "alphaloop/io/fetch.h"
#include "alphaloop/settings/settings.h"

#define REPORTS_PER_MINUTE 30

struct error_reports;

/* False when SENTRY_DSN is set and is no address: a line says so, without the text itself. */
bool error_reports_check(const struct settings *settings, struct buf *problems);

/* NULL in *out without a SENTRY_DSN, which was checked. Keeps both. */
MUST_CHECK enum al_err error_reports_create(struct fetch *fetch,
                                            const struct settings *settings,
                                            uint64_t seed,
                                            struct error_reports **out);
/* Before the client is closed; NULL is fine. */
void error_reports_destroy(struct error_reports *reports);

#endif
