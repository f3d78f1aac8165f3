/* Exact money and quantity: a whole number of 1e-8 units, as numeric(20,8) in SQL.
 *
 * At most 12 integer digits (|value| < 10^12). Text with more than 8 decimals is rounded half to even. All arithmetic is
 * checked; intermediate products use 256 bits, so no combination of valid inputs overflows silently.
 */
#ifndef ALPHALOOP_BASE_DECIMAL_H
#define ALPHALOOP_BASE_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alphaloop/base/buf.h"
#include "alphaloop/base/err.h"

__extension__ typedef __int128 al_i128; /* the only typedef of a value: C17 has no name for it */

#define DECIMAL_SCALE    100000000LL
#define DECIMAL_TEXT_MAX 24 /* sign, 12 digits, point, 8 digits, NUL */

struct decimal {
    al_i128 units; /* value * 1e8 */
};

#define DECIMAL_ZERO ((struct decimal){0})

/* Grammar: [+-]? digits [. digits?]? ([eE] [+-]? digits)? with at least one digit; no blanks, hex, underscores, NaN,
 * Infinity. AL_EPARSE when it is not that, AL_ERANGE past 12 integer digits. */
MUST_CHECK enum al_err decimal_parse(struct slice text, struct decimal *out);

/* Canonical text: no exponent, exactly `8` decimals ("0.01500000"); decimal_format_trim drops trailing zeros. */
size_t decimal_format(struct decimal value, char out[DECIMAL_TEXT_MAX]);
size_t decimal_format_trim(struct decimal value, char out[DECIMAL_TEXT_MAX]);

double decimal_to_double(struct decimal value);
/* Nearest unit, half to even; AL_ERANGE when not finite or too large. */
MUST_CHECK enum al_err decimal_from_double(double value, struct decimal *out);
struct decimal decimal_from_int(int64_t whole); /* |whole| < 10^12, asserted */

int decimal_cmp(struct decimal a, struct decimal b); /* -1, 0, 1 */
int decimal_sign(struct decimal a);
MUST_CHECK enum al_err decimal_add(struct decimal a, struct decimal b, struct decimal *out);
MUST_CHECK enum al_err decimal_sub(struct decimal a, struct decimal b, struct decimal *out);
MUST_CHECK enum al_err decimal_mul(struct decimal a,
                                   struct decimal b,
                                   struct decimal *out); /* half to even */
MUST_CHECK enum al_err decimal_div(struct decimal a,
                                   struct decimal b,
                                   struct decimal *out); /* half to even; b != 0 */

/* The price of the part between two cumulative states: (q2 p2 - q1 p1) / (q2 - q1), exact before one final rounding half
 * to even. AL_EINVAL unless q2 > q1 >= 0; AL_ERANGE when the result does not fit or is not above 0. */
MUST_CHECK enum al_err decimal_increment_price(struct decimal q1,
                                               struct decimal p1,
                                               struct decimal q2,
                                               struct decimal p2,
                                               struct decimal *out);

#endif
