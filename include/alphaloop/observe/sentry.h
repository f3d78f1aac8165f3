/* Errors for a service that speaks Sentry's protocol: its address, and one group of the error book as an envelope.
 * Sources: Sentry's developer documentation, "SDK overview: parsing the DSN", "Envelopes" and "Event payloads".
 */
#ifndef ALPHALOOP_OBSERVE_SENTRY_H
#define ALPHALOOP_OBSERVE_SENTRY_H

#include "alphaloop/base/err.h"
#include "alphaloop/base/uuid.h"
#include "alphaloop/observe/error_book.h"

#define SENTRY_URL_MAX  512
#define SENTRY_AUTH_MAX 256

struct sentry_address {
    char url[SENTRY_URL_MAX]; /* "https://host/api/42/envelope/" */
    char auth
        [SENTRY_AUTH_MAX]; /* a header, "X-Sentry-Auth: ..."; holds the key: never to be logged */
};

/* "https://key@host[:port][/path]/project"; a secret after the key, as older ones have, is left out. AL_EPARSE says what is
 * missing, without the text itself. */
MUST_CHECK enum al_err sentry_dsn_parse(struct slice dsn, struct sentry_address *out);

struct sentry_origin {
    const char *environment, *release,
        *service; /* "production", "alphaloop@0.1.0", "model-service" */
};

/* Three lines: the envelope's head, the item's, the event. A group whose line was lost to memory is told without it. */
void sentry_envelope_write(const struct error_group *group,
                           const struct sentry_origin *origin,
                           struct uuid event_id,
                           int64_t now_ns,
                           struct buf *out);

#endif
