/* Linear probing over a power of two of slots. A removed item leaves a tombstone, so that a walk may remove as it goes;
 * a table that is three quarters full of items and tombstones is built anew. */
#include "alphaloop/base/map.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST 16

struct map_slot {
    void *value; /* NULL: never used; &tomb: removed */
    unsigned char key[];
};

static char tomb;

static size_t slot_size(const struct map *map)
{
    return sizeof(struct map_slot) +
           (map->key_size + sizeof(void *) - 1) / sizeof(void *) * sizeof(void *);
}

static struct map_slot *slot_at(const struct map *map, size_t index)
{
    return (struct map_slot *)(void *)((char *)map->slots + index * slot_size(map));
}

static bool is_live(const struct map_slot *slot)
{
    return slot->value != NULL && slot->value != &tomb;
}

/* Keys are padded text and ids, long for what they hold: eight bytes at a step, the high bits of each product folded in. */
static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 32;
}

static size_t first_probe(const struct map *map, const void *key)
{
    const unsigned char *at = key;
    uint64_t hash = map->key_size, word;
    size_t left = map->key_size;
    for (; left >= sizeof word; left -= sizeof word, at += sizeof word) {
        memcpy(&word, at, sizeof word);
        hash = mix(hash, word);
    }
    word = 0;
    memcpy(&word, at, left);
    return (size_t)mix(hash, word) & (map->n_slots - 1);
}

void map_init(struct map *map, size_t key_size, size_t max_items)
{
    assert(key_size > 0 && max_items > 0);
    *map = (struct map){.key_size = key_size, .max_items = max_items};
}

void map_deinit(struct map *map)
{
    free(map->slots);
    map_init(map, map->key_size, map->max_items);
}

void map_clear(struct map *map)
{
    if (map->slots != NULL)
        memset(map->slots, 0, map->n_slots * slot_size(map));
    map->n_items = map->n_tombs = 0;
}

static struct map_slot *find(const struct map *map, const void *key)
{
    if (map->n_slots == 0)
        return NULL;
    for (size_t i = first_probe(map, key);; i = (i + 1) & (map->n_slots - 1)) {
        struct map_slot *slot = slot_at(map, i);
        if (slot->value == NULL)
            return NULL;
        if (slot->value != &tomb && memcmp(slot->key, key, map->key_size) == 0)
            return slot;
    }
}

static void place(struct map *map, const void *key, void *value)
{
    size_t i = first_probe(map, key);
    while (is_live(slot_at(map, i)))
        i = (i + 1) & (map->n_slots - 1);
    struct map_slot *slot = slot_at(map, i);
    map->n_tombs -= slot->value == &tomb;
    map->n_items++;
    slot->value = value;
    memcpy(slot->key, key, map->key_size);
}

static enum al_err rebuild(struct map *map)
{
    struct map next = *map;
    next.n_items = next.n_tombs = 0;
    next.n_slots = map->n_slots == 0 ? SLOTS_FIRST : map->n_slots;
    while (map->n_items + 1 > next.n_slots / 2)
        next.n_slots *= 2;
    next.slots = calloc(next.n_slots, slot_size(map));
    if (next.slots == NULL)
        return err_set(AL_ENOMEM, "a table of %zu slots", next.n_slots);
    for (size_t i = 0; i < map->n_slots; i++) {
        struct map_slot *slot = slot_at(map, i);
        if (is_live(slot))
            place(&next, slot->key, slot->value);
    }
    free(map->slots);
    *map = next;
    return AL_OK;
}

void *map_get(const struct map *map, const void *key)
{
    struct map_slot *slot = find(map, key);
    return slot == NULL ? NULL : slot->value;
}

enum al_err map_put(struct map *map, const void *key, void *value)
{
    assert(value != NULL);
    struct map_slot *slot = find(map, key);
    if (slot != NULL) {
        slot->value = value;
        return AL_OK;
    }
    if (map->n_items == map->max_items)
        return err_set(AL_EFULL, "a table of at most %zu items", map->max_items);
    if ((map->n_items + map->n_tombs + 1) * 4 > map->n_slots * 3) {
        enum al_err err = rebuild(map);
        if (err != AL_OK)
            return err;
    }
    place(map, key, value);
    return AL_OK;
}

void *map_remove(struct map *map, const void *key)
{
    struct map_slot *slot = find(map, key);
    if (slot == NULL)
        return NULL;
    void *value = slot->value;
    slot->value = &tomb;
    map->n_tombs++;
    map->n_items--;
    return value;
}

size_t map_count(const struct map *map)
{
    return map->n_items;
}

void *map_next(const struct map *map, size_t *cursor, const void **key)
{
    while (*cursor < map->n_slots) {
        struct map_slot *slot = slot_at(map, (*cursor)++);
        if (!is_live(slot))
            continue;
        if (key != NULL)
            *key = slot->key;
        return slot->value;
    }
    return NULL;
}
