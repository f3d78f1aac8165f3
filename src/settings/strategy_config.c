/* One table of rows with the offset of each member. Fallbacks are filled in first, then the file overwrites what it names,
 * then what must hold between several fields is checked. */
#include "strategy_config_i.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "alphaloop/base/timestamp.h"
#include "problems_i.h"

#define PATH_TEXT_MAX  128
#define VALUE_TEXT_MAX 64 /* of a bad value in a problem */

const struct strategy_row strategy_rows[] = {
#define STRATEGY_FIELD(kind, object, name, member, fallback, min, max, unit, help)                 \
    {KIND_##kind, object, name, offsetof(struct strategy_config, member), #fallback, min,          \
     max,         unit,   help},
#include "alphaloop/tbl/strategy_fields.def"
#undef STRATEGY_FIELD
};
const size_t strategy_n_rows = COUNT_OF(strategy_rows);

const char *const strategy_heuristics[STRATEGY_HEURISTICS] = {
#define HEURISTIC(name) #name,
#include "alphaloop/tbl/heuristics.def"
#undef HEURISTIC
};

const char *const strategy_remarks[STRATEGY_REMARKS] = {"$schema", "description"};

/* ---- words ---- */

size_t strategy_word_at(const char *words, uint32_t index, const char **word)
{
    for (; index > 0; index--) {
        words += strcspn(words, "|");
        words += *words == '|';
    }
    *word = words;
    return strcspn(words, "|");
}

uint32_t strategy_word_count(const char *words)
{
    uint32_t n = 1;
    for (; *words != '\0'; words++)
        n += *words == '|';
    return n;
}

const char *strategy_model_kind_name(uint32_t kind)
{
    static const char *const names[] = {"xgboost", "random_forest", "linear"};
    assert(kind < COUNT_OF(names));
    return names[kind];
}

const char *strategy_search_name(uint32_t method)
{
    static const char *const names[] = {"tpe", "random"};
    assert(method < COUNT_OF(names));
    return names[method];
}

const char *decision_trigger_name(uint32_t trigger)
{
    static const char *const names[] = {"interval", "candle", "tick"};
    assert(trigger < COUNT_OF(names));
    return names[trigger];
}

/* ---- fallbacks ---- */

#define FALLBACK_number(member, value)   out->member = (value);
#define FALLBACK_optional(member, value) out->member = (value);
#define FALLBACK_whole(member, value)    out->member = (uint32_t)(value);
#define FALLBACK_flag(member, value)     out->member = (value);
#define FALLBACK_seconds(member, value)  out->member = llround((value)*1e9);
#define FALLBACK_choice(member, value)   out->member = (value);
#define FALLBACK_texts(member, value)
#define FALLBACK_assets(member, value)
#define FALLBACK_weights(member, value)
#define FALLBACK_object(member, value)   snprintf(out->member, sizeof out->member, "{}");
#define FALLBACK_schedule(member, value) snprintf(out->member, sizeof out->member, "%s", (value));

static void fall_back(const struct settings *s, struct strategy_config *out)
{
#define STRATEGY_FIELD(kind, object, name, member, fallback, min, max, unit, help)                 \
    FALLBACK_##kind(member, fallback)
#include "alphaloop/tbl/strategy_fields.def"
#undef STRATEGY_FIELD
    for (size_t i = 0; i < s->trading_assets.count && out->n_assets < STRATEGY_ASSETS_MAX; i++) {
        if (asset_parse(slice_of(s->trading_assets.items[i]), &out->assets[out->n_assets]))
            out->n_assets++;
    }
    out->n_features = 1;
    snprintf(out->features[0], sizeof out->features[0], "standard");
    for (size_t i = 0; i < STRATEGY_HEURISTICS; i++)
        out->heuristic_weights[i] = 1;
}

/* ---- reading ---- */

struct reading {
    struct strategy_config *out;
    struct problems problems;
};

static const char *path_of(const struct strategy_row *row)
{
    static _Thread_local char path[PATH_TEXT_MAX];
    snprintf(path, sizeof path, "%s%s%s", row->object, row->object[0] == '\0' ? "" : ".",
             row->name);
    return path;
}

/* The value as JSON text, cut where it is long. */
static const char *value_text(struct json_node *value)
{
    static _Thread_local char text[VALUE_TEXT_MAX];
    struct json_writer w;
    struct buf out = BUF_INIT(STRATEGY_FILE_BYTES_MAX * 6);
    json_w_init(&w, &out);
    json_w_node(&w, value);
    snprintf(text, sizeof text, "%s", buf_str(&out));
    buf_deinit(&out);
    return text;
}

static void refuse_number(struct reading *r,
                          const struct strategy_row *row,
                          struct json_node *value,
                          const char *what)
{
    problems_add(&r->problems, "%s: %s is not %s in %.15g..%.15g%s%s", path_of(row),
                 value_text(value), what, row->min, row->max, row->unit[0] == '\0' ? "" : ", ",
                 row->unit);
}

static bool number_in_range(const struct strategy_row *row, struct json_node *value, double *out)
{
    return json_double(value, out) == AL_OK && *out >= row->min && *out <= row->max;
}

static void read_whole(struct reading *r,
                       const struct strategy_row *row,
                       struct json_node *value,
                       uint32_t *to)
{
    int64_t whole;
    if (json_i64(value, &whole) == AL_OK && (double)whole >= row->min && (double)whole <= row->max)
        *to = (uint32_t)whole;
    else
        refuse_number(r, row, value, "a whole number");
}

static void read_number(struct reading *r,
                        const struct strategy_row *row,
                        struct json_node *value,
                        void *to)
{
    double number;
    if (row->kind == KIND_optional && value == NULL)
        *(double *)to = NAN;
    else if (!number_in_range(row, value, &number))
        refuse_number(r, row, value, row->kind == KIND_optional ? "null or a number" : "a number");
    else if (row->kind == KIND_seconds)
        *(int64_t *)to = llround(number * 1e9);
    else
        *(double *)to = number;
}

static void read_choice(struct reading *r,
                        const struct strategy_row *row,
                        struct json_node *value,
                        uint32_t *to)
{
    for (uint32_t i = 0; json_is_string(value) && i < strategy_word_count(row->unit); i++) {
        const char *word;
        size_t len = strategy_word_at(row->unit, i, &word);
        if (slice_eq(json_text(value), (struct slice){word, len})) {
            *to = i;
            return;
        }
    }
    problems_add(&r->problems, "%s: %s is not one of %s", path_of(row), value_text(value),
                 row->unit);
}

static void read_assets(struct reading *r,
                        const struct strategy_row *row,
                        struct json_node *value,
                        struct strategy_config *out)
{
    out->n_assets = 0;
    for (size_t i = 0; i < json_length(value) && i < STRATEGY_ASSETS_MAX; i++) {
        struct asset asset;
        struct slice text =
            json_is_string(json_at(value, i)) ? json_text(json_at(value, i)) : SLICE("");
        if (text.len < TRADED_ASSET_LEN_MIN || !asset_parse(text, &asset)) {
            problems_add(&r->problems, "%s[%zu]: %s is not 4 to 20 of A-Z0-9", path_of(row), i,
                         value_text(json_at(value, i)));
            continue;
        }
        for (size_t k = 0; k < out->n_assets; k++) {
            if (asset_eq(&out->assets[k], &asset))
                problems_add(&r->problems, "%s[%zu]: %s is there twice", path_of(row), i,
                             asset.text);
        }
        out->assets[out->n_assets++] = asset;
    }
}

static bool is_feature_text(struct slice text)
{
    if (text.len == 0 || text.len >= STRATEGY_FEATURE_TEXT_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] <= ' ' || (unsigned char)text.ptr[i] >= 0x7f)
            return false;
    }
    return true;
}

static void read_features(struct reading *r,
                          const struct strategy_row *row,
                          struct json_node *value,
                          struct strategy_config *out)
{
    out->n_features = 0;
    for (size_t i = 0; i < json_length(value) && i < STRATEGY_FEATURES_MAX; i++) {
        struct slice text = json_text(json_at(value, i));
        if (!json_is_string(json_at(value, i)) || !is_feature_text(text)) {
            problems_add(&r->problems, "%s[%zu]: %s is not a name of 1 to 63 characters",
                         path_of(row), i, value_text(json_at(value, i)));
            continue;
        }
        for (size_t k = 0; k < out->n_features; k++) {
            if (slice_is(text, out->features[k]))
                problems_add(&r->problems, "%s[%zu]: %s is there twice", path_of(row), i,
                             out->features[k]);
        }
        char *to = out->features[out->n_features++];
        memset(to, 0, STRATEGY_FEATURE_TEXT_MAX);
        memcpy(to, text.ptr, text.len);
    }
}

static void read_array(struct reading *r, const struct strategy_row *row, struct json_node *value)
{
    size_t count = json_length(value);
    if (!json_is_array(value) || (double)count < row->min || (double)count > row->max) {
        problems_add(&r->problems, "%s: %s is not an array of %.0f to %.0f %s", path_of(row),
                     value_text(value), row->min, row->max, row->unit);
        return;
    }
    if (row->kind == KIND_assets)
        read_assets(r, row, value, r->out);
    else
        read_features(r, row, value, r->out);
}

static void read_weight(struct reading *r,
                        const struct strategy_row *row,
                        const char *name,
                        struct json_node *value)
{
    for (size_t i = 0; i < STRATEGY_HEURISTICS; i++) {
        if (strcmp(name, strategy_heuristics[i]) != 0)
            continue;
        if (!number_in_range(row, value, &r->out->heuristic_weights[i]))
            problems_add(&r->problems, "%s.%s: %s is not a number in %g..%g", row->name, name,
                         value_text(value), row->min, row->max);
        return;
    }
    problems_add(&r->problems, "%s.%.40s: no such heuristic", row->name, name);
}

static void read_weights(struct reading *r, const struct strategy_row *row, struct json_node *value)
{
    struct json_cursor cursor = {0};
    if (!json_is_object(value)) {
        problems_add(&r->problems, "%s: %s is not an object of heuristics and weights",
                     path_of(row), value_text(value));
        return;
    }
    for (size_t i = 0; i < STRATEGY_HEURISTICS; i++)
        r->out->heuristic_weights[i] = 0;
    while (json_walk(value, &cursor))
        read_weight(r, row, cursor.key, cursor.value);
}

static void read_object(struct reading *r,
                        const struct strategy_row *row,
                        struct json_node *value,
                        char to[STRATEGY_PARAMETERS_MAX])
{
    struct buf text = BUF_INIT(STRATEGY_PARAMETERS_MAX - 1);
    struct json_writer w;
    json_w_init(&w, &text);
    if (json_is_object(value))
        json_w_node(&w, value);
    if (!json_is_object(value) || !buf_ok(&text))
        problems_add(&r->problems, "%s: %s is not an object of less than %d bytes", path_of(row),
                     value_text(value), STRATEGY_PARAMETERS_MAX);
    else
        memcpy(to, buf_str(&text), text.len + 1);
    buf_deinit(&text);
}

static void read_schedule(struct reading *r,
                          const struct strategy_row *row,
                          struct json_node *value,
                          char to[SETTING_TEXT_MAX])
{
    struct slice text = json_text(value);
    if (!json_is_string(value) || (double)text.len > row->max ||
        memchr(text.ptr, '\0', text.len) != NULL) {
        problems_add(&r->problems, "%s: %s is not a text of at most %.0f characters", path_of(row),
                     value_text(value), row->max);
        return;
    }
    memcpy(to, text.ptr, text.len);
    to[text.len] = '\0';
}

static void read_field(struct reading *r, const struct strategy_row *row, struct json_node *value)
{
    void *to = (char *)r->out + row->offset;
    switch (row->kind) {
    case KIND_number:
    case KIND_optional:
    case KIND_seconds:
        read_number(r, row, value, to);
        break;
    case KIND_whole:
        read_whole(r, row, value, to);
        break;
    case KIND_flag:
        if (json_is_bool(value))
            *(bool *)to = json_is_true(value);
        else
            problems_add(&r->problems, "%s: %s is neither true nor false", path_of(row),
                         value_text(value));
        break;
    case KIND_choice:
        read_choice(r, row, value, to);
        break;
    case KIND_texts:
    case KIND_assets:
        read_array(r, row, value);
        break;
    case KIND_weights:
        read_weights(r, row, value);
        break;
    case KIND_object:
        read_object(r, row, value, to);
        break;
    case KIND_schedule:
        read_schedule(r, row, value, to);
        break;
    }
}

static const struct strategy_row *row_of(const char *object, const char *name)
{
    for (size_t i = 0; i < strategy_n_rows; i++) {
        if (strcmp(strategy_rows[i].object, object) == 0 &&
            strcmp(strategy_rows[i].name, name) == 0)
            return &strategy_rows[i];
    }
    return NULL;
}

static bool is_object_name(const char *name)
{
    for (size_t i = 0; i < strategy_n_rows; i++) {
        if (name[0] != '\0' && strcmp(strategy_rows[i].object, name) == 0)
            return true;
    }
    return false;
}

static bool is_remark(const char *name)
{
    for (size_t i = 0; i < STRATEGY_REMARKS; i++) {
        if (strcmp(name, strategy_remarks[i]) == 0)
            return true;
    }
    return false;
}

static void read_members(struct reading *r, const char *object, struct json_node *node)
{
    struct json_cursor cursor = {0};
    while (json_walk(node, &cursor)) {
        const struct strategy_row *row = row_of(object, cursor.key);
        if (row != NULL)
            read_field(r, row, cursor.value);
        else if (object[0] == '\0' && is_object_name(cursor.key) && json_is_object(cursor.value))
            read_members(r, cursor.key, cursor.value);
        else if (object[0] == '\0' && is_object_name(cursor.key))
            problems_add(&r->problems, "%s: %s is not an object", cursor.key,
                         value_text(cursor.value));
        else if (object[0] != '\0' || !is_remark(cursor.key))
            problems_add(&r->problems, "%s%s%.40s: unknown field", object,
                         object[0] == '\0' ? "" : ".", cursor.key);
    }
}

static void check_together(struct reading *r)
{
    struct strategy_config *out = r->out;
    if (out->sizing.min_amount > out->sizing.max_amount)
        problems_add(&r->problems, "sizing.min_amount: %g is above sizing.max_amount, %g",
                     out->sizing.min_amount, out->sizing.max_amount);
    out->training.has_schedule = out->training.schedule[0] != '\0';
    if (out->training.has_schedule &&
        cron_parse(slice_of(out->training.schedule), &out->training.cron) != AL_OK)
        problems_add(&r->problems, "training.schedule: \"%.40s\": %s", out->training.schedule,
                     err_text());
    if (out->n_assets == 0)
        problems_add(&r->problems, "assets: there are none, and no TRADING_ASSETS to fall back to");
}

enum al_err strategy_config_parse(struct json_reader *reader,
                                  const struct strategy_id *strategy_id,
                                  struct slice bytes,
                                  const struct settings *s,
                                  struct strategy_config *out,
                                  struct buf *problems)
{
    struct reading r = {out, {problems, 0}};
    struct json_node *node = NULL;
    memset(out, 0, sizeof *out);
    out->strategy_id = *strategy_id;
    fall_back(s, out);
    if (bytes.len > 0) {
        if (json_read(reader, bytes, &node) != AL_OK) {
            if (problems != NULL)
                buf_printf(problems, "not JSON: %s\n", err_text());
            return AL_EPARSE;
        }
        if (json_is_object(node))
            read_members(&r, "", node);
        else
            problems_add(&r.problems, "the document is not an object");
        json_put(node);
    }
    check_together(&r);
    return r.problems.n == 0 ? AL_OK : err_set(AL_EINVAL, "%zu fields are wrong", r.problems.n);
}

/* ---- changing while it runs ---- */

bool strategy_config_reload(struct strategy_config *running, const struct strategy_config *fresh)
{
    running->epsilon = fresh->epsilon;
    memcpy(running->heuristic_weights, fresh->heuristic_weights,
           sizeof(running->heuristic_weights));
    running->sizing = fresh->sizing;
    running->limits = fresh->limits;
    running->exits = fresh->exits;
    running->freshness = fresh->freshness;
    running->uncertainty = fresh->uncertainty;
    running->training = fresh->training;
    running->search = fresh->search;
    running->gate = fresh->gate;
    running->rollout = fresh->rollout;
    return memcmp(running, fresh, sizeof(*running)) == 0;
}
