/* What the rows of strategies say to others: the JSON schema of the file, and a strategy written as JSON. */
#include "strategy_config_i.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- the schema ---- */

/* "s->warmup_min_amount" is the setting WARMUP_MIN_AMOUNT; other expressions say what they need to in the help. */
static void put_help(struct json_writer *w, const struct strategy_row *row)
{
    char text[512];
    size_t used = (size_t)snprintf(text, sizeof text, "%s", row->help);
    const char *setting = strstr(row->fallback, "s->");
    bool is_array = row->kind == KIND_assets || row->kind == KIND_texts ||
                    row->kind == KIND_weights || row->kind == KIND_object;
    if (row->kind != KIND_choice && row->unit[0] != '\0')
        used += (size_t)snprintf(text + used, sizeof text - used, " Unit: %s.", row->unit);
    if (setting != NULL) {
        used += (size_t)snprintf(text + used, sizeof text - used, " Absent: ");
        for (const char *c = setting + 3; *c == '_' || isalnum((unsigned char)*c); c++)
            text[used++] = (char)toupper((unsigned char)*c);
        snprintf(text + used, sizeof text - used, ".");
    } else if (!is_array) {
        const char *word = row->fallback;
        size_t len =
            row->kind == KIND_choice ? strategy_word_at(row->unit, 0, &word) : strlen(word);
        bool none = strcmp(row->fallback, "NAN") == 0;
        snprintf(text + used, sizeof text - used, " Absent: %.*s.", none ? 4 : (int)len,
                 none ? "null" : word);
    }
    json_m_str(w, "description", text);
}

static void put_words(struct json_writer *w, const char *words)
{
    json_w_key(w, "enum");
    json_w_array(w);
    for (uint32_t i = 0; i < strategy_word_count(words); i++) {
        const char *word;
        size_t len = strategy_word_at(words, i, &word);
        json_w_string(w, (struct slice){word, len});
    }
    json_w_end_array(w);
}

static void put_items(struct json_writer *w, const struct strategy_row *row)
{
    json_m_str(w, "type", "array");
    json_m_double(w, "minItems", row->min);
    json_m_double(w, "maxItems", row->max);
    json_m_bool(w, "uniqueItems", true);
    json_w_key(w, "items");
    json_w_object(w);
    json_m_str(w, "type", "string");
    json_m_str(w, "pattern", row->kind == KIND_assets ? "^[A-Za-z0-9]{3,20}$" : "^[!-~]{1,63}$");
    json_w_end_object(w);
}

static void put_weights(struct json_writer *w, const struct strategy_row *row)
{
    json_m_str(w, "type", "object");
    json_w_key(w, "properties");
    json_w_object(w);
    for (size_t i = 0; i < STRATEGY_HEURISTICS; i++) {
        json_w_key(w, strategy_heuristics[i]);
        json_w_object(w);
        json_m_str(w, "type", "number");
        json_m_double(w, "minimum", row->min);
        json_m_double(w, "maximum", row->max);
        json_w_end_object(w);
    }
    json_w_end_object(w);
    json_m_bool(w, "additionalProperties", false);
}

static void put_number(struct json_writer *w, const struct strategy_row *row)
{
    json_w_key(w, "type");
    if (row->kind == KIND_optional)
        json_w_raw(w, SLICE("[\"number\",\"null\"]"));
    else
        json_w_str(w, row->kind == KIND_whole ? "integer" : "number");
    json_m_double(w, "minimum", row->min);
    json_m_double(w, "maximum", row->max);
}

static void put_field(struct json_writer *w, const struct strategy_row *row)
{
    json_w_key(w, row->name);
    json_w_object(w);
    put_help(w, row);
    switch (row->kind) {
    case KIND_number:
    case KIND_optional:
    case KIND_seconds:
    case KIND_whole:
        put_number(w, row);
        break;
    case KIND_flag:
        json_m_str(w, "type", "boolean");
        break;
    case KIND_choice:
        put_words(w, row->unit);
        break;
    case KIND_texts:
    case KIND_assets:
        put_items(w, row);
        break;
    case KIND_weights:
        put_weights(w, row);
        break;
    case KIND_object:
        json_m_str(w, "type", "object");
        break;
    case KIND_schedule:
        json_m_str(w, "type", "string");
        json_m_double(w, "maxLength", row->max);
        break;
    }
    json_w_end_object(w);
}

static void put_remarks(struct json_writer *w)
{
    for (size_t i = 0; i < STRATEGY_REMARKS; i++) {
        json_w_key(w, strategy_remarks[i]);
        json_w_object(w);
        json_m_str(w, "type", "string");
        json_w_end_object(w);
    }
}

static void put_properties(struct json_writer *w, const char *object)
{
    json_m_str(w, "type", "object");
    json_m_bool(w, "additionalProperties", false);
    json_w_key(w, "properties");
    json_w_object(w);
    for (size_t i = 0; i < strategy_n_rows; i++) {
        if (strcmp(strategy_rows[i].object, object) == 0) {
            put_field(w, &strategy_rows[i]);
        } else if (object[0] == '\0' &&
                   strcmp(strategy_rows[i].object, strategy_rows[i - 1].object) != 0) {
            json_w_key(w, strategy_rows[i].object);
            json_w_object(w);
            put_properties(w, strategy_rows[i].object);
            json_w_end_object(w);
        }
    }
    if (object[0] == '\0')
        put_remarks(w);
    json_w_end_object(w);
}

void strategy_config_schema(struct buf *out)
{
    struct buf text = BUF_INIT(out->max);
    struct json_writer w;
    json_w_init(&w, &text);
    json_w_object(&w);
    json_m_str(&w, "$schema", "https://json-schema.org/draft/2020-12/schema");
    json_m_str(&w, "title", "A strategy of alphaloop");
    json_m_str(
        &w, "description",
        "Generated from include/alphaloop/tbl/strategy_fields.def by `make generate`. Absent "
        "fields fall back to settings "
        "or to the default named.");
    put_properties(&w, "");
    json_w_end_object(&w);
    json_pretty(buf_slice(&text), out);
    buf_deinit(&text);
}

/* ---- the written form ---- */

static void write_array(struct json_writer *w,
                        const struct strategy_row *row,
                        const struct strategy_config *config)
{
    bool is_assets = row->kind == KIND_assets;
    size_t count = is_assets ? config->n_assets : config->n_features;
    json_w_array(w);
    for (size_t i = 0; i < count; i++)
        json_w_str(w, is_assets ? config->assets[i].text : config->features[i]);
    json_w_end_array(w);
}

static void write_weights(struct json_writer *w, const struct strategy_config *config)
{
    json_w_object(w);
    for (size_t i = 0; i < STRATEGY_HEURISTICS; i++)
        json_m_double(w, strategy_heuristics[i], config->heuristic_weights[i]);
    json_w_end_object(w);
}

static void write_choice(struct json_writer *w, const struct strategy_row *row, uint32_t index)
{
    const char *word;
    size_t len = strategy_word_at(row->unit, index, &word);
    json_w_string(w, (struct slice){word, len});
}

static void write_field(struct json_writer *w,
                        const struct strategy_row *row,
                        const struct strategy_config *config)
{
    const void *from = (const char *)config + row->offset;
    json_w_key(w, row->name);
    switch (row->kind) {
    case KIND_number:
    case KIND_optional:
        if (isnan(*(const double *)from))
            json_w_null(w);
        else
            json_w_double(w, *(const double *)from);
        break;
    case KIND_seconds:
        json_w_double(w, (double)*(const int64_t *)from / 1e9);
        break;
    case KIND_whole:
        json_w_i64(w, *(const uint32_t *)from);
        break;
    case KIND_flag:
        json_w_bool(w, *(const bool *)from);
        break;
    case KIND_choice:
        write_choice(w, row, *(const uint32_t *)from);
        break;
    case KIND_texts:
    case KIND_assets:
        write_array(w, row, config);
        break;
    case KIND_weights:
        write_weights(w, config);
        break;
    case KIND_object:
        json_w_raw(w, slice_of(from));
        break;
    case KIND_schedule:
        json_w_str(w, from);
        break;
    }
}

static void write_members(struct json_writer *w,
                          const char *object,
                          const struct strategy_config *config)
{
    json_w_object(w);
    for (size_t i = 0; i < strategy_n_rows; i++) {
        if (strcmp(strategy_rows[i].object, object) == 0) {
            write_field(w, &strategy_rows[i], config);
        } else if (object[0] == '\0' &&
                   strcmp(strategy_rows[i].object, strategy_rows[i - 1].object) != 0) {
            json_w_key(w, strategy_rows[i].object);
            write_members(w, strategy_rows[i].object, config);
        }
    }
    json_w_end_object(w);
}

void strategy_config_write(const struct strategy_config *config, struct json_writer *w)
{
    write_members(w, "", config);
}
