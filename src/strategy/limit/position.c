#include <math.h>

#include "alphaloop/strategy/limit.h"

/* The position after the trade stays within its bound, or comes nearer to it. */
static enum reason check(struct limit_input *input)
{
    if (isnan(input->position) || isnan(input->max_position))
        return REASON_NONE;
    double after = input->position + side_sign(input->side) * input->amount;
    bool grows = fabs(after) > fabs(input->position);
    return grows && fabs(after) > input->max_position ? REASON_position_limit : REASON_NONE;
}

const struct limit limit_position = {"position", check};
