/* Are the properties of a message sound? A broker passes on what a publisher wrote, so one message with
 * tables nested ten thousand deep would otherwise end every consumer that meets it. */
#ifndef ALPHALOOP_IO_AMQP_PROPS_I_H
#define ALPHALOOP_IO_AMQP_PROPS_I_H

#include <stdbool.h>

#include "alphaloop/base/buf.h"

#define PROPS_DEPTH_MAX 32

/* `encoded`: property flags and values, as they follow the body size in a content header frame. */
bool props_are_sound(struct slice encoded);

#endif
