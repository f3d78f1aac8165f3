/* Magnitudes are unsigned 128-bit numbers; products of two of them are pairs of such. Division is long division by bits,
 * after a native one has been tried: only prices of partial fills of large orders get that far. */
#include "alphaloop/base/decimal.h"

#include <assert.h>
#include <math.h>
#include <string.h>

__extension__ typedef unsigned __int128 al_u128;

#define UNITS_LIMIT                                                                                \
    ((al_i128)1000000000000LL *                                                                    \
     DECIMAL_SCALE)         /* 10^12 in units: the first value that is too large */
#define DIGITS_KEPT      37 /* 10^37 times 10 still fits 128 bits */
#define EXPONENT_CLAMP   100000000L
#define POWER_OF_TEN_MAX 38

struct u256 {
    al_u128 high, low;
};

static al_u128 power_of_ten(long n)
{
    al_u128 power = 1;
    assert(n >= 0 && n <= POWER_OF_TEN_MAX);
    while (n-- > 0)
        power *= 10;
    return power;
}

static al_u128 magnitude(al_i128 value)
{
    return value < 0 ? -(al_u128)value : (al_u128)value;
}

static enum al_err fit(bool negative, al_u128 units, struct decimal *out)
{
    if (units >= (al_u128)UNITS_LIMIT)
        return err_set(AL_ERANGE, "more than 12 integer digits");
    out->units = negative ? -(al_i128)units : (al_i128)units;
    return AL_OK;
}

/* Round up or not, half to even: `rest` of `divisor` remains, and something below it when `sticky`. */
static bool rounds_up(al_u128 quotient, al_u128 rest, al_u128 divisor, bool sticky)
{
    al_u128 other = divisor - rest;
    if (rest != other)
        return rest > other;
    return sticky || (quotient & 1) != 0;
}

static struct u256 multiply(al_u128 a, al_u128 b)
{
    al_u128 a0 = (uint64_t)a, a1 = a >> 64, b0 = (uint64_t)b, b1 = b >> 64;
    al_u128 low = a0 * b0, middle1 = a1 * b0, middle2 = a0 * b1, high = a1 * b1;
    al_u128 carry = (low >> 64) + (uint64_t)middle1 + (uint64_t)middle2;
    return (struct u256){
        .high = high + (middle1 >> 64) + (middle2 >> 64) + (carry >> 64),
        .low = (carry << 64) | (uint64_t)low,
    };
}

static struct u256 subtract(struct u256 a, struct u256 b)
{
    return (struct u256){.high = a.high - b.high - (a.low < b.low), .low = a.low - b.low};
}

static bool less(struct u256 a, struct u256 b)
{
    return a.high != b.high ? a.high < b.high : a.low < b.low;
}

/* The quotient, rounded half to even; false when it does not fit 128 bits. The divisor is below 2^127. */
static bool divide(struct u256 a, al_u128 divisor, al_u128 *quotient)
{
    al_u128 q = 0, rest = a.high;
    assert(divisor > 0 && divisor >> 127 == 0);
    if (a.high >= divisor)
        return false;
    if (a.high == 0) {
        q = a.low / divisor;
        rest = a.low % divisor;
    } else {
        for (int bit = 127; bit >= 0; bit--) {
            rest = rest << 1 | (a.low >> bit & 1);
            q <<= 1;
            if (rest >= divisor) {
                rest -= divisor;
                q |= 1;
            }
        }
    }
    *quotient = q + (rounds_up(q, rest, divisor, false) ? 1 : 0);
    return true;
}

/* Text being read: the significant digits so far and the power of ten they stand at. */
struct reading {
    const char *at, *end;
    al_u128 digits;
    int n_kept;
    bool sticky, any_digit;
    long exponent;
};

static bool at_digit(const struct reading *r)
{
    return r->at < r->end && *r->at >= '0' && *r->at <= '9';
}

static void read_digits(struct reading *r, bool after_point)
{
    for (; at_digit(r); r->at++) {
        unsigned digit = (unsigned)(*r->at - '0');
        r->any_digit = true;
        r->exponent -= after_point;
        if (r->n_kept == DIGITS_KEPT) {
            r->exponent++;
            r->sticky = r->sticky || digit != 0;
        } else if (digit != 0 || r->n_kept > 0) {
            r->digits = r->digits * 10 + digit;
            r->n_kept++;
        }
    }
}

static bool read_exponent(struct reading *r)
{
    long value = 0;
    bool negative = false;
    r->at++;
    if (r->at < r->end && (*r->at == '+' || *r->at == '-'))
        negative = *r->at++ == '-';
    if (!at_digit(r))
        return false;
    for (; at_digit(r); r->at++) {
        if (value < EXPONENT_CLAMP)
            value = value * 10 + (*r->at - '0');
    }
    r->exponent += negative ? -value : value;
    return true;
}

static enum al_err scale(const struct reading *r, bool negative, struct decimal *out)
{
    long shift = r->exponent + 8;
    if (r->digits == 0 || shift < -POWER_OF_TEN_MAX) {
        *out = DECIMAL_ZERO;
        return AL_OK;
    }
    if (shift >= 0) {
        if (shift > 20 || r->digits >= (al_u128)UNITS_LIMIT / power_of_ten(shift) + 1)
            return err_set(AL_ERANGE, "more than 12 integer digits");
        return fit(negative, r->digits * power_of_ten(shift), out);
    }
    al_u128 divisor = power_of_ten(-shift);
    al_u128 units = r->digits / divisor;
    if (rounds_up(units, r->digits % divisor, divisor, r->sticky))
        units++;
    return fit(negative, units, out);
}

enum al_err decimal_parse(struct slice text, struct decimal *out)
{
    struct reading r = {.at = text.ptr, .end = text.ptr + text.len};
    bool negative = false, fits = true;
    if (text.len > 0 && (*r.at == '+' || *r.at == '-'))
        negative = *r.at++ == '-';
    read_digits(&r, false);
    if (r.at < r.end && *r.at == '.') {
        r.at++;
        read_digits(&r, true);
    }
    if (r.any_digit && r.at < r.end && (*r.at == 'e' || *r.at == 'E'))
        fits = read_exponent(&r);
    if (!fits || !r.any_digit || r.at != r.end)
        return err_set(AL_EPARSE, "not a decimal number");
    return scale(&r, negative, out);
}

size_t decimal_format(struct decimal value, char out[DECIMAL_TEXT_MAX])
{
    char reversed[DECIMAL_TEXT_MAX];
    size_t n = 0, len = 0;
    al_u128 rest = magnitude(value.units);
    for (; n < 9 || rest > 0; n++) {
        if (n == 8)
            reversed[len++] = '.';
        reversed[len++] = (char)('0' + (int)(rest % 10));
        rest /= 10;
    }
    if (value.units < 0)
        reversed[len++] = '-';
    assert(len < DECIMAL_TEXT_MAX);
    for (size_t i = 0; i < len; i++)
        out[i] = reversed[len - 1 - i];
    out[len] = '\0';
    return len;
}

size_t decimal_format_trim(struct decimal value, char out[DECIMAL_TEXT_MAX])
{
    size_t len = decimal_format(value, out);
    while (out[len - 1] == '0')
        len--;
    if (out[len - 1] == '.')
        len--;
    out[len] = '\0';
    return len;
}

double decimal_to_double(struct decimal value)
{
    return (double)value.units / (double)DECIMAL_SCALE;
}

/* A double is a 53-bit whole number times a power of two, so its product with 10^8 is exact in 128 bits. */
enum al_err decimal_from_double(double value, struct decimal *out)
{
    int exponent;
    if (!isfinite(value) || fabs(value) >= 1e12)
        return err_set(AL_ERANGE, "more than 12 integer digits, or not finite");
    al_u128 product = (al_u128)ldexp(fabs(frexp(value, &exponent)), 53) * (al_u128)DECIMAL_SCALE;
    exponent -= 53;
    if (exponent >= 0)
        return fit(value < 0, product << exponent, out);
    if (exponent < -120)
        return fit(value < 0, 0, out);
    al_u128 divisor = (al_u128)1 << -exponent;
    al_u128 units = product / divisor;
    if (rounds_up(units, product % divisor, divisor, false))
        units++;
    return fit(value < 0, units, out);
}

struct decimal decimal_from_int(int64_t whole)
{
    struct decimal value = {(al_i128)whole * DECIMAL_SCALE};
    assert(value.units < UNITS_LIMIT && value.units > -UNITS_LIMIT);
    return value;
}

int decimal_cmp(struct decimal a, struct decimal b)
{
    return (a.units > b.units) - (a.units < b.units);
}

int decimal_sign(struct decimal a)
{
    return (a.units > 0) - (a.units < 0);
}

enum al_err decimal_add(struct decimal a, struct decimal b, struct decimal *out)
{
    al_i128 sum = a.units + b.units;
    return fit(sum < 0, magnitude(sum), out);
}

enum al_err decimal_sub(struct decimal a, struct decimal b, struct decimal *out)
{
    return decimal_add(a, (struct decimal){-b.units}, out);
}

enum al_err decimal_mul(struct decimal a, struct decimal b, struct decimal *out)
{
    al_u128 units;
    if (!divide(multiply(magnitude(a.units), magnitude(b.units)), (al_u128)DECIMAL_SCALE, &units))
        return err_set(AL_ERANGE, "more than 12 integer digits");
    return fit((a.units < 0) != (b.units < 0), units, out);
}

enum al_err decimal_div(struct decimal a, struct decimal b, struct decimal *out)
{
    al_u128 units;
    if (b.units == 0)
        return err_set(AL_EINVAL, "division by zero");
    if (!divide(multiply(magnitude(a.units), (al_u128)DECIMAL_SCALE), magnitude(b.units), &units))
        return err_set(AL_ERANGE, "more than 12 integer digits");
    return fit((a.units < 0) != (b.units < 0), units, out);
}

enum al_err decimal_increment_price(
    struct decimal q1, struct decimal p1, struct decimal q2, struct decimal p2, struct decimal *out)
{
    al_u128 units;
    if (q1.units < 0 || q2.units <= q1.units)
        return err_set(AL_EINVAL, "the quantity does not increase");
    if (p1.units < 0 || p2.units < 0)
        return err_set(AL_ERANGE, "a price is below 0");
    struct u256 before = multiply((al_u128)q1.units, (al_u128)p1.units);
    struct u256 after = multiply((al_u128)q2.units, (al_u128)p2.units);
    if (less(after, before))
        return err_set(AL_ERANGE, "the price of the increment is below 0");
    if (!divide(subtract(after, before), (al_u128)(q2.units - q1.units), &units) || units == 0)
        return err_set(AL_ERANGE, "the price of the increment is 0 or too large");
    return fit(false, units, out);
}
