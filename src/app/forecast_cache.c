#include <stdlib.h>
#include <string.h>

#include "forecasts_i.h"

struct forecast_cache {
    size_t n, n_max;
    uint64_t turn;
    struct forecast_served *entries[];
};

struct forecast_cache *forecast_cache_create(size_t n_max)
{
    struct forecast_cache *cache =
        calloc(1, sizeof *cache + n_max * sizeof(struct forecast_served *));
    if (cache != NULL)
        cache->n_max = n_max;
    return cache;
}

void forecast_cache_destroy(struct forecast_cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < cache->n; i++)
        forecast_served_release(cache->entries[i]);
    free(cache);
}

size_t forecast_cache_count(const struct forecast_cache *cache)
{
    return cache->n;
}

void forecast_served_hold(struct forecast_served *served)
{
    served->n_refs++;
}

void forecast_served_release(struct forecast_served *served)
{
    if (served == NULL || --served->n_refs > 0)
        return;
    forecaster_destroy(served->forecaster);
    free(served);
}

struct forecast_served *forecast_cache_find(struct forecast_cache *cache, const char *file_path)
{
    for (size_t i = 0; i < cache->n; i++) {
        if (strcmp(cache->entries[i]->file_path, file_path) != 0)
            continue;
        cache->entries[i]->used = ++cache->turn;
        return cache->entries[i];
    }
    return NULL;
}

static size_t oldest(const struct forecast_cache *cache)
{
    size_t found = 0;
    for (size_t i = 1; i < cache->n; i++) {
        if (cache->entries[i]->used < cache->entries[found]->used)
            found = i;
    }
    return found;
}

struct forecast_served *forecast_cache_put(struct forecast_cache *cache,
                                           const char *file_path,
                                           struct forecaster *forecaster)
{
    struct forecast_served *served = calloc(1, sizeof *served);
    if (served == NULL) {
        forecaster_destroy(forecaster);
        return NULL;
    }
    size_t at = cache->n < cache->n_max ? cache->n++ : oldest(cache);
    forecast_served_release(cache->entries[at]);
    served->forecaster = forecaster;
    served->n_refs = 1;
    served->used = ++cache->turn;
    served->newest_open_ns = INT64_MIN;
    (void)chars_set(served->file_path, sizeof served->file_path, file_path);
    cache->entries[at] = served;
    return served;
}
