/* Numbers on the command line. What does not fit ends the program, as argp_error() does, naming the option; where the parser was told
 * not to exit (a fuzzer), the smallest number that is allowed comes back. */
#ifndef ALPHALOOP_APP_ARGUMENT_I_H
#define ALPHALOOP_APP_ARGUMENT_I_H

#include <argp.h>
#include <stdint.h>

double argument_number(
    struct argp_state *state, const char *option, const char *text, double min, double max);
/* 0 to max */
uint64_t argument_whole(struct argp_state *state, const char *option, const char *text, double max);

#endif
