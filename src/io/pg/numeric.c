/* PostgreSQL's binary numeric (numeric_send in the server's numeric.c): int16 count of digits, int16 weight, uint16 sign,
 * uint16 scale to show, then digits to the base 10000, the first worth 10000^weight.
 *
 * A struct decimal counts units of 10^-8, which is 10000^-2: in base 10000 the units are the digits moved by two places. */
#include <assert.h>
#include <string.h>

#include "numeric_i.h"
#include "wire_i.h"

enum { DIGIT_BASE = 10000, FRACTION_DIGITS = 2, HEADER_BYTES = 8, SHOWN_SCALE = 8 };
enum { SIGN_PLUS = 0x0000, SIGN_MINUS = 0x4000 };

/* The largest weight a value below 10^12 can have: 10000^2 <= 10^12 - 1 < 10000^3. */
enum { WEIGHT_MAX = 2, DIGITS_MAX = WEIGHT_MAX + 1 + FRACTION_DIGITS };

size_t pg_numeric_encode(struct decimal value, unsigned char out[PG_NUMERIC_BYTES_MAX])
{
    bool minus = value.units < 0;
    al_i128 rest = minus ? -value.units : value.units;
    unsigned digits[DIGITS_MAX] = {0}; /* least significant first */
    int top = 0, low = 0;
    for (; rest > 0; rest /= DIGIT_BASE) {
        assert(top < DIGITS_MAX);
        digits[top++] = (unsigned)(rest % DIGIT_BASE);
    }
    while (low < top && digits[low] == 0)
        low++;
    int n_digits = top - low;
    wire_put_u16(out, (uint16_t)n_digits);
    wire_put_u16(out + 2, n_digits == 0 ? 0 : (uint16_t)(int16_t)(top - 1 - FRACTION_DIGITS));
    wire_put_u16(out + 4, minus ? SIGN_MINUS : SIGN_PLUS);
    wire_put_u16(out + 6, SHOWN_SCALE);
    for (int i = 0; i < n_digits; i++)
        wire_put_u16(out + HEADER_BYTES + 2 * i, (uint16_t)digits[top - 1 - i]);
    return HEADER_BYTES + 2 * (size_t)n_digits;
}

/* Is anything after digit `first` not zero? */
static bool has_rest(const unsigned char *digits, int first, int n_digits)
{
    for (int i = first; i < n_digits; i++) {
        if (wire_u16(digits + 2 * i) != 0)
            return true;
    }
    return false;
}

/* Half to even on the digits from `first` on, the first of which counts 10^-12. */
static bool rounds_up(const unsigned char *digits, int first, int n_digits, bool odd)
{
    unsigned half = wire_u16(digits + 2 * first);
    if (half != DIGIT_BASE / 2)
        return half > DIGIT_BASE / 2;
    return odd || has_rest(digits, first + 1, n_digits);
}

enum al_err pg_numeric_decode(const unsigned char *bytes, size_t n_bytes, struct decimal *out)
{
    if (n_bytes < HEADER_BYTES)
        return err_set(AL_EPARSE, "numeric of %zu bytes", n_bytes);
    int n_digits = wire_u16(bytes);
    int weight = (int16_t)wire_u16(bytes + 2);
    unsigned sign = wire_u16(bytes + 4);
    if (n_bytes != HEADER_BYTES + 2 * (size_t)n_digits)
        return err_set(AL_EPARSE, "numeric of %zu bytes says it has %d digits", n_bytes, n_digits);
    if (sign != SIGN_PLUS && sign != SIGN_MINUS)
        return err_set(AL_ERANGE, "numeric is not a finite number");
    const unsigned char *digits = bytes + HEADER_BYTES;
    if (n_digits > 0 && weight > WEIGHT_MAX && has_rest(digits, 0, n_digits))
        return err_set(AL_ERANGE, "numeric has more than 12 digits before the point");

    /* Units are the digits down to 10000^-2; what lies below is rounded. */
    int kept = weight + 1 + FRACTION_DIGITS;
    al_i128 units = 0;
    for (int i = 0; i < kept; i++)
        units = units * DIGIT_BASE + (i < n_digits ? wire_u16(digits + 2 * i) : 0);
    if (kept >= 0 && kept < n_digits && rounds_up(digits, kept, n_digits, (units & 1) != 0))
        units++;
    if (units >= (al_i128)1000000000000 * DECIMAL_SCALE)
        return err_set(AL_ERANGE, "numeric has more than 12 digits before the point");
    out->units = sign == SIGN_MINUS ? -units : units;
    return AL_OK;
}
