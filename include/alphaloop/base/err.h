/* Faults as values.
 *
 * A function that can meet a fault returns `enum al_err` and gives results through out-parameters. The first failure
 * records the cause, each caller adds what it was doing, and the text reads outside in:
 *
 *     publish signal 7f3a: connect broker: connection refused
 *
 * The text lives in one buffer per thread; err_text() is valid until the next err_set() on that thread. Refusals (a stale
 * snapshot, a cooldown) are not faults: they are values of `enum reason`. Bugs are asserted, also in release builds.
 */
#ifndef ALPHALOOP_BASE_ERR_H
#define ALPHALOOP_BASE_ERR_H

#include <stddef.h>

#define MUST_CHECK    __attribute__((warn_unused_result))
#define PRINTF(f, a)  __attribute__((format(printf, f, a)))
#define COUNT_OF(arr) (sizeof(arr) / sizeof((arr)[0]))

enum al_err {
    AL_OK = 0,
#define ERR(name, text) AL_##name,
#include "alphaloop/tbl/errors.def"
#undef ERR
    AL_ERR_COUNT
};

/* "EINVAL"-style name without the AL_ prefix, and the short text of errors.def. Never NULL. */
const char *al_err_name(enum al_err err);
const char *al_err_text(enum al_err err);

/* Start a new cause (forgets the last one). Returns `err` so that `return err_set(AL_EPARSE, "...")` reads well. */
enum al_err err_set(enum al_err err, const char *format, ...) PRINTF(2, 3);

/* Put "what I was doing: " in front of the recorded cause. Returns `err`. */
enum al_err err_add(enum al_err err, const char *format, ...) PRINTF(2, 3);

/* The recorded chain, at most 511 bytes; "" when none. */
const char *err_text(void);

#endif
