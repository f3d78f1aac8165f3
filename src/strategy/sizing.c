#include "alphaloop/strategy/sizing.h"

#include <assert.h>
#include <math.h>

/* Amounts have two decimals and are rounded down: never more than was decided. */
static struct decimal to_cents(double amount)
{
    struct decimal out = DECIMAL_ZERO;
    double cents = floor(fmax(amount, 0) * 100.0 + 1e-6);
    enum al_err err = decimal_from_double(fmin(cents, SIGNAL_AMOUNT_MAX * 100.0), &out);
    assert(err == AL_OK);
    out.units /= 100;
    return out;
}

static double clamp01(double x)
{
    return fmin(1, fmax(0, x));
}

struct decimal size_warmup(const struct sizing *sizing, double randomness, struct rng *rng)
{
    double range = (sizing->max_amount - sizing->min_amount) * clamp01(randomness);
    return to_cents(sizing->min_amount + range * rng_uniform(rng));
}

struct decimal size_model(const struct sizing *sizing, double v_lower)
{
    double share = clamp01(v_lower / sizing->edge_scale);
    return to_cents(sizing->min_amount + (sizing->max_amount - sizing->min_amount) * share);
}

struct decimal size_afford(struct decimal amount, double available)
{
    if (isnan(available) || decimal_to_double(amount) <= available)
        return amount;
    return to_cents(available);
}
