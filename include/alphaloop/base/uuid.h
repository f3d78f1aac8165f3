/* UUIDs (RFC 9562). Version 7 for our own keys (time-ordered, so indexes grow at one end); version 8 derived from
 * content, so that the same bytes always give the same id. */
#ifndef ALPHALOOP_BASE_UUID_H
#define ALPHALOOP_BASE_UUID_H

#include <stdbool.h>
#include <stdint.h>

#include "alphaloop/base/buf.h"
#include "alphaloop/base/err.h"
#include "alphaloop/base/rng.h"

#define UUID_TEXT_MAX 37 /* 36 and NUL */

struct uuid {
    uint8_t bytes[16];
};

/* The canonical 8-4-4-4-12 form in either case, any version. AL_EPARSE otherwise. */
MUST_CHECK enum al_err uuid_parse(struct slice text, struct uuid *out);
void uuid_format(struct uuid id, char out[UUID_TEXT_MAX]); /* lower case */
struct uuid uuid_v7(int64_t now_ns, struct rng *rng);
struct uuid uuid_derive(struct slice content); /* version 8: 122 of the first 128 bits of SHA-256 */
bool uuid_eq(struct uuid a, struct uuid b);
bool uuid_is_nil(struct uuid id);

#endif
