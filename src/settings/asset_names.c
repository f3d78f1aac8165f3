/* An array in the order of the file, searched from its start: a few dozen entries, asked for once a request. */
#include "alphaloop/settings/asset_names.h"

#include <assert.h>
#include <string.h>

#include "problems_i.h"

static const char *const columns[ASSET_NAME_COLUMNS] = {
    "symbol",
#define UPSTREAM(name, title) #name,
#include "alphaloop/tbl/upstreams.def"
#undef UPSTREAM
};

const char *asset_name_column_name(enum asset_name_column column)
{
    assert(column < ASSET_NAME_COLUMNS);
    return columns[column];
}

/* ---- reading ---- */

static bool is_name(struct slice text)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    for (size_t i = 0; i < text.len; i++) {
        if (memchr(allowed, text.ptr[i], sizeof(allowed) - 1) == NULL)
            return false;
    }
    return text.len > 0 && text.len < ASSET_NAME_TEXT_MAX;
}

static void read_name(struct asset_entry *entry,
                      const struct json_cursor *at,
                      struct problems *problems)
{
    for (size_t i = 0; i < ASSET_NAME_COLUMNS; i++) {
        if (strcmp(at->key, columns[i]) != 0)
            continue;
        if (!json_is_string(at->value) || !is_name(json_text(at->value)) ||
            !json_chars(at->value, entry->names[i], sizeof(entry->names[i])))
            problems_add(problems, "%s.%s: not a text of 1 to %d of A-Z, a-z, 0-9, '.', '_', '-'",
                         entry->asset.text, columns[i], ASSET_NAME_TEXT_MAX - 1);
        return;
    }
    problems_add(problems, "%s.%.40s: unknown field", entry->asset.text, at->key);
}

static void read_entry(struct asset_names *out,
                       const struct json_cursor *at,
                       struct problems *problems)
{
    struct asset asset;
    struct json_cursor cursor = {0};
    if (!asset_parse(slice_of(at->key), &asset) || strcmp(asset.text, at->key) != 0) {
        problems_add(problems, "%.40s: not an asset, 3 to 20 of A-Z0-9", at->key);
        return;
    }
    for (size_t i = 0; i < out->n; i++) {
        if (asset_eq(&out->entries[i].asset, &asset)) {
            problems_add(problems, "%s: is there twice", asset.text);
            return;
        }
    }
    if (!json_is_object(at->value)) {
        problems_add(problems, "%s: not an object of names", asset.text);
        return;
    }
    if (out->n == ASSET_NAMES_MAX) {
        problems_add(problems, "%s: more than %d assets", asset.text, ASSET_NAMES_MAX);
        return;
    }
    struct asset_entry *entry = &out->entries[out->n++];
    entry->asset = asset;
    while (json_walk(at->value, &cursor))
        read_name(entry, &cursor, problems);
}

enum al_err asset_names_parse(struct json_reader *reader,
                              struct slice bytes,
                              struct asset_names *out,
                              struct buf *problems)
{
    struct problems found = {problems, 0};
    struct json_node *node = NULL;
    struct json_cursor cursor = {0};
    memset(out, 0, sizeof(*out));
    if (bytes.len == 0)
        return AL_OK;
    if (json_read(reader, bytes, &node) != AL_OK) {
        if (problems != NULL)
            buf_printf(problems, "not JSON: %s\n", err_text());
        return AL_EPARSE;
    }
    if (!json_is_object(node))
        problems_add(&found, "the document is not an object of assets");
    while (json_is_object(node) && json_walk(node, &cursor))
        read_entry(out, &cursor, &found);
    json_put(node);
    return found.n == 0 ? AL_OK : err_set(AL_EINVAL, "%zu fields are wrong", found.n);
}

/* ---- asking ---- */

static const struct asset_entry *entry_of(const struct asset_names *names,
                                          const struct asset *asset)
{
    for (size_t i = 0; i < names->n; i++) {
        if (asset_eq(&names->entries[i].asset, asset))
            return &names->entries[i];
    }
    return NULL;
}

const char *asset_name(const struct asset_names *names,
                       const struct asset *asset,
                       enum asset_name_column column)
{
    assert(column < ASSET_NAME_COLUMNS);
    const struct asset_entry *entry = entry_of(names, asset);
    return entry != NULL && entry->names[column][0] != '\0' ? entry->names[column] : asset->text;
}

bool asset_by_name(const struct asset_names *names,
                   struct slice text,
                   enum asset_name_column column,
                   struct asset *out)
{
    for (size_t i = 0; i < names->n; i++) {
        if (slice_is_nocase(text, asset_name(names, &names->entries[i].asset, column))) {
            *out = names->entries[i].asset;
            return true;
        }
    }
    struct asset own;
    if (!asset_parse(text, &own) || !slice_is_nocase(text, asset_name(names, &own, column)))
        return false;
    *out = own;
    return true;
}
