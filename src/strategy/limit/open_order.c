#include "alphaloop/strategy/limit.h"

/* An order that still works on this asset speaks for the last signal; wait for its end. */
static enum reason check(struct limit_input *input)
{
    return input->skip_on_open_order && input->n_open_orders > 0 ? REASON_open_order : REASON_NONE;
}

const struct limit limit_open_order = {"open_order", check};
