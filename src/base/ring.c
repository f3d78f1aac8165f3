#include "alphaloop/base/ring.h"

#include <assert.h>
#include <stdlib.h>

enum al_err ring_init(struct ring *ring, size_t item_size, size_t cap)
{
    assert(item_size > 0 && cap > 0);
    *ring = (struct ring){.item_size = item_size, .cap = cap};
    ring->items = calloc(cap, item_size);
    return ring->items == NULL ? err_set(AL_ENOMEM, "a ring of %zu items", cap) : AL_OK;
}

void ring_deinit(struct ring *ring)
{
    free(ring->items);
    *ring = (struct ring){0};
}

static void *slot(const struct ring *ring, size_t index)
{
    size_t at = ring->first + index;
    return (char *)ring->items + (at < ring->cap ? at : at - ring->cap) * ring->item_size;
}

void *ring_at(const struct ring *ring, size_t index)
{
    assert(index < ring->count);
    return slot(ring, index);
}

void *ring_push(struct ring *ring)
{
    return ring->count == ring->cap ? NULL : slot(ring, ring->count++);
}

void *ring_push_over(struct ring *ring)
{
    if (ring->count == ring->cap)
        ring_drop_first(ring);
    return ring_push(ring);
}

void ring_drop_first(struct ring *ring)
{
    assert(ring->count > 0);
    ring->first = ring->first + 1 < ring->cap ? ring->first + 1 : 0;
    ring->count--;
}

void ring_clear(struct ring *ring)
{
    ring->first = ring->count = 0;
}
