/* A bounded hash map from a fixed-size key to a pointer. Open addressing; grows to `max_items` and then refuses
 * (AL_EFULL). Keys are copied bytes: a struct uuid, or a char[N] zero-padded. Iteration order is unspecified. */
#ifndef ALPHALOOP_BASE_MAP_H
#define ALPHALOOP_BASE_MAP_H

#include <stddef.h>

#include "alphaloop/base/err.h"

struct map {
    void *slots;
    size_t key_size;
    size_t n_items, n_slots, n_tombs, max_items;
};

void map_init(struct map *map, size_t key_size, size_t max_items);
void map_deinit(struct map *map); /* frees the table, not the values */
void map_clear(struct map *map);  /* empty, keeps the memory; the values are the caller's */
void *map_get(const struct map *map, const void *key); /* NULL when absent */
MUST_CHECK enum al_err map_put(struct map *map,
                               const void *key,
                               void *value);        /* value != NULL; replaces */
void *map_remove(struct map *map, const void *key); /* the value, or NULL */
size_t map_count(const struct map *map);
/* Walk: *cursor starts at 0; returns the next value or NULL at the end; the map must not change during a walk except by
 * map_remove of the item just returned. `key` (may be NULL) points at the stored key. */
void *map_next(const struct map *map, size_t *cursor, const void **key);

#endif
