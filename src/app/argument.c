#include "argument_i.h"

#include <math.h>
#include <stdlib.h>

double argument_number(
    struct argp_state *state, const char *option, const char *text, double min, double max)
{
    char *end;
    double value = strtod(text, &end);
    if (end != text && *end == '\0' && value >= min && value <= max)
        return value;
    argp_error(state, "--%s=%s: a number from %g to %g is expected", option, text, min, max);
    return min; /* only where errors are not to end the program */
}

uint64_t argument_whole(struct argp_state *state, const char *option, const char *text, double max)
{
    double value = argument_number(state, option, text, 0, max);
    if (value != floor(value))
        argp_error(state, "--%s=%s: a whole number is expected", option, text);
    return (uint64_t)value;
}
