#include "levels_i.h"

#include <stdlib.h>
#include <string.h>

enum al_err level_counts_init(struct level_counts *counts)
{
    counts->n = 0;
    counts->items = calloc(TABULAR_DISTINCT_MAX, sizeof *counts->items);
    map_init(&counts->by_text, TABULAR_TEXT_MAX, TABULAR_DISTINCT_MAX);
    return counts->items != NULL ? AL_OK : err_set(AL_ENOMEM, "levels");
}

void level_counts_deinit(struct level_counts *counts)
{
    map_deinit(&counts->by_text);
    free(counts->items);
    counts->items = NULL;
}

enum al_err level_counts_add(struct level_counts *counts, const char text[TABULAR_TEXT_MAX])
{
    struct level_count *known = map_get(&counts->by_text, text);
    if (known != NULL) {
        known->n++;
        return AL_OK;
    }
    if (counts->n == TABULAR_DISTINCT_MAX)
        return err_set(AL_EFULL, "over %d different values", TABULAR_DISTINCT_MAX);
    struct level_count *item = &counts->items[counts->n];
    memcpy(item->text, text, TABULAR_TEXT_MAX);
    item->n = 1;
    enum al_err err = map_put(&counts->by_text, item->text, item);
    counts->n += err == AL_OK;
    return err;
}

static int by_frequency(const void *a, const void *b)
{
    const struct level_count *one = a, *other = b;
    return one->n != other->n ? (one->n < other->n ? 1 : -1) : strcmp(one->text, other->text);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

enum al_err level_counts_keep(struct level_counts *counts, size_t n_max, struct tabular_levels *out)
{
    qsort(counts->items, counts->n, sizeof *counts->items, by_frequency);
    map_clear(&counts->by_text); /* it pointed at items that moved */
    size_t n = counts->n < n_max ? counts->n : n_max;
    out->texts = calloc(n + 1, sizeof *out->texts);
    if (out->texts == NULL)
        return err_set(AL_ENOMEM, "%zu levels", n);
    out->n = n;
    for (size_t i = 0; i < n; i++)
        memcpy(out->texts[i], counts->items[i].text, TABULAR_TEXT_MAX);
    qsort(out->texts, n, sizeof *out->texts, by_text);
    return AL_OK;
}

void levels_deinit(struct tabular_levels *levels)
{
    free(levels->texts);
    *levels = (struct tabular_levels){0};
}

size_t levels_find(const struct tabular_levels *levels, const char *text)
{
    const char *found =
        levels->n == 0 ? NULL
                       : bsearch(text, levels->texts, levels->n, sizeof *levels->texts, by_text);
    return found == NULL ? levels->n : (size_t)(found - levels->texts[0]) / sizeof *levels->texts;
}

void levels_write(const struct tabular_levels *levels, struct json_writer *w)
{
    json_w_array(w);
    for (size_t i = 0; i < levels->n; i++)
        json_w_str(w, levels->texts[i]);
    json_w_end_array(w);
}

enum al_err levels_read(struct json_node *array, size_t n_max, struct tabular_levels *out)
{
    size_t n = json_length(array);
    struct json_cursor element = {0};
    if (!json_is_array(array) || n > n_max)
        return err_set(AL_EVERIFY, "levels are not at most %zu texts", n_max);
    out->texts = calloc(n + 1, sizeof *out->texts);
    if (out->texts == NULL)
        return err_set(AL_ENOMEM, "%zu levels", n);
    for (; json_walk(array, &element); out->n++) {
        char *text = out->texts[out->n];
        if (!json_chars(element.value, text, TABULAR_TEXT_MAX) ||
            (out->n > 0 && strcmp(out->texts[out->n - 1], text) >= 0))
            return err_set(AL_EVERIFY, "levels are not sorted texts");
    }
    return AL_OK;
}
