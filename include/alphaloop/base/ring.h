/* A bounded first-in first-out ring of items of one size. Memory is taken once, at init; nothing moves afterwards. */
#ifndef ALPHALOOP_BASE_RING_H
#define ALPHALOOP_BASE_RING_H

#include <stddef.h>

#include "alphaloop/base/err.h"

struct ring {
    void *items;
    size_t item_size, first, count, cap;
};

MUST_CHECK enum al_err ring_init(struct ring *ring, size_t item_size, size_t cap);
void ring_deinit(struct ring *ring);

/* Item 0 is the oldest; index < count. Borrows until that item is dropped. */
void *ring_at(const struct ring *ring, size_t index);
/* Room for a new newest item, with whatever bytes were there before; NULL when full. */
void *ring_push(struct ring *ring);
/* The same, but a full ring drops its oldest item first. */
void *ring_push_over(struct ring *ring);
void ring_drop_first(struct ring *ring); /* count > 0 */
void ring_clear(struct ring *ring);

#endif
