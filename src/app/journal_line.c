/* The lines of a journal: writing and reading, no files. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/app/roles.h"
#include "alphaloop/base/hash.h"
#include "journal_i.h"

static const char *const names[JOURNAL_CALL_COUNT] = {
#define JOURNAL(name, meaning) #name,
#include "alphaloop/tbl/journal_calls.def"
#undef JOURNAL
};

const char *journal_call_name(enum journal_call call)
{
    return names[call];
}

/* ---- writing ---- */

static void put_i64(struct json_writer *w, const char *key, int64_t value, int64_t unsaid)
{
    char text[32];
    if (value == unsaid)
        return;
    snprintf(text, sizeof(text), "%" PRId64, value);
    json_m_str(w, key, text); /* a JSON number keeps 53 bits in many readers */
}

static void put_hex(struct json_writer *w, struct buf *scratch, struct slice bytes)
{
    static const char digits[] = "0123456789abcdef";
    buf_reset(scratch);
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char byte = (unsigned char)bytes.ptr[i];
        const char pair[] = {digits[byte >> 4], digits[byte & 15]};
        buf_append(scratch, pair, sizeof(pair));
    }
    json_w_string(w, buf_slice(scratch));
}

static void put_parts(struct json_writer *w, const struct journal_line *line, struct buf *scratch)
{
    if (line->n_texts > 0) {
        json_w_key(w, "texts");
        json_w_array(w);
        for (size_t i = 0; i < line->n_texts; i++)
            json_w_string(w, line->texts[i]);
        json_w_end_array(w);
    }
    if (line->n_bytes > 0) {
        json_w_key(w, "bytes");
        json_w_array(w);
        for (size_t i = 0; i < line->n_bytes; i++)
            put_hex(w, scratch, line->bytes[i]);
        json_w_end_array(w);
    }
}

void journal_line_write(const struct journal_line *line, struct buf *out)
{
    struct buf scratch = BUF_INIT(JOURNAL_LINE_MAX);
    struct json_writer w;
    json_w_init(&w, out);
    json_w_object(&w);
    json_m_str(&w, "call", names[line->call]);
    put_i64(&w, "now", line->now_ns, TIMESTAMP_NONE);
    put_i64(&w, "wall", line->wall_ns, TIMESTAMP_NONE);
    put_i64(&w, "number", line->number, 0);
    put_parts(&w, line, &scratch);
    json_w_end_object(&w);
    buf_append(out, "\n", 1);
    out->failed |= scratch.failed;
    buf_deinit(&scratch);
}

/* ---- reading ---- */

static enum al_err bad(const char *member, const char *wanted)
{
    return err_set(AL_EPARSE, "journal: %s: %s expected", member, wanted);
}

static enum al_err read_i64(struct json_node *doc, const char *key, int64_t unsaid, int64_t *out)
{
    struct json_node *node = json_get(doc, key);
    *out = unsaid;
    if (node == NULL)
        return AL_OK;
    struct slice text = json_text(node);
    char *end;
    if (!json_is_string(node) || text.len == 0 || text.len >= 24)
        return bad(key, "a whole number as text");
    *out = strtoll(text.ptr, &end, 10);
    return *end == '\0' ? AL_OK : bad(key, "a whole number as text");
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum al_err read_hex(struct slice text, struct buf *hold)
{
    if (text.len % 2 != 0)
        return bad("bytes", "an even number of hex digits");
    for (size_t i = 0; i < text.len; i += 2) {
        int high = hex_digit(text.ptr[i]), low = hex_digit(text.ptr[i + 1]);
        if (high < 0 || low < 0)
            return bad("bytes", "hex digits");
        char byte = (char)(high << 4 | low);
        buf_append(hold, &byte, 1);
    }
    return buf_ok(hold) ? AL_OK : bad("bytes", "fewer bytes");
}

static enum al_err read_bytes(struct json_node *array, struct buf *hold, struct journal_line *out)
{
    size_t begins[JOURNAL_PARTS] = {0};
    if (array != NULL && (!json_is_array(array) || json_length(array) > JOURNAL_PARTS))
        return bad("bytes", "a short array");
    for (; out->n_bytes < json_length(array); out->n_bytes++) {
        struct json_node *node = json_at(array, out->n_bytes);
        begins[out->n_bytes] = hold->len;
        if (!json_is_string(node))
            return bad("bytes", "texts");
        enum al_err err = read_hex(json_text(node), hold);
        if (err != AL_OK)
            return err;
        out->bytes[out->n_bytes].len = hold->len - begins[out->n_bytes];
    }
    for (size_t i = 0; i < out->n_bytes; i++) /* it no longer moves */
        out->bytes[i].ptr = buf_str(hold) + begins[i];
    return AL_OK;
}

static enum al_err read_texts(struct json_node *array, struct journal_line *out)
{
    if (array != NULL && (!json_is_array(array) || json_length(array) > JOURNAL_PARTS))
        return bad("texts", "a short array");
    for (; out->n_texts < json_length(array); out->n_texts++) {
        struct json_node *node = json_at(array, out->n_texts);
        if (!json_is_string(node))
            return bad("texts", "texts");
        out->texts[out->n_texts] = json_text(node);
    }
    return AL_OK;
}

static enum al_err read_call(struct json_node *doc, enum journal_call *out)
{
    struct slice name = json_text(json_get(doc, "call"));
    for (size_t i = 0; i < JOURNAL_CALL_COUNT; i++) {
        if (slice_is(name, names[i])) {
            *out = (enum journal_call)i;
            return AL_OK;
        }
    }
    return bad("call", "a line of journal_calls.def");
}

enum al_err journal_line_read(struct json_reader *reader,
                              struct slice text,
                              struct json_node **doc,
                              struct buf *hold,
                              struct journal_line *out)
{
    *out = (struct journal_line){0};
    *hold = BUF_INIT(JOURNAL_LINE_MAX);
    *doc = NULL;
    enum al_err err = json_read(reader, text, doc);
    if (err == AL_OK && !json_is_object(*doc))
        err = bad("line", "an object");
    if (err == AL_OK)
        err = read_call(*doc, &out->call);
    if (err == AL_OK)
        err = read_i64(*doc, "now", TIMESTAMP_NONE, &out->now_ns);
    if (err == AL_OK)
        err = read_i64(*doc, "wall", TIMESTAMP_NONE, &out->wall_ns);
    if (err == AL_OK)
        err = read_i64(*doc, "number", 0, &out->number);
    if (err == AL_OK)
        err = read_texts(json_get(*doc, "texts"), out);
    return err == AL_OK ? read_bytes(json_get(*doc, "bytes"), hold, out) : err;
}

/* ---- the first line ---- */

/* What the core reads of the settings; where things are and who may look does not matter to it. */
static bool is_of_core(const struct setting_view *view)
{
    static const char *const groups[] = {
        "Strategies",           "Signals", "Warm-up: signals before there is a model",
        "Market data and time", "Exits",   "Training and models"};
    static const char *const places[] = {"STRATEGY_CONFIG_DIR", "MODEL_STORAGE_PATH",
                                         "RANDOM_SEED"};
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        if (strcmp(view->name, places[i]) == 0)
            return false;
    }
    for (size_t i = 0; i < COUNT_OF(groups); i++) {
        if (strcmp(view->group, groups[i]) == 0)
            return true;
    }
    return false;
}

void journal_settings_of(const struct settings *settings, struct journal_settings *out)
{
    out->text = BUF_INIT(256 * 1024);
    for (enum setting_id id = 0; id < SETTING_COUNT; id++) {
        struct setting_view view;
        settings_view(settings, id, &view);
        if (is_of_core(&view))
            buf_printf(&out->text, "%s=%s\n", view.name, view.value);
    }
    sha256_of(buf_str(&out->text), out->text.len, &out->hash);
}

static void hash_settings(const struct settings *settings, struct sha256 *out)
{
    struct journal_settings now;
    journal_settings_of(settings, &now);
    *out = now.hash;
    buf_deinit(&now.text);
}

/* ---- a reload ---- */

struct told_settings {
    struct slice text;
    char value[1024]; /* of the name that was asked for */
};

static const char *told_value(void *ctx, const char *name, const char **origin)
{
    struct told_settings *told = ctx;
    size_t length = strlen(name);
    *origin = "journal";
    for (const char *at = told->text.ptr, *end = at + told->text.len; at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t n = (size_t)((stop != NULL ? stop : end) - at);
        if (n > length && at[length] == '=' && memcmp(at, name, length) == 0 &&
            n - length <= sizeof(told->value)) {
            memcpy(told->value, at + length + 1, n - length - 1);
            told->value[n - length - 1] = '\0';
            return told->value;
        }
        at += n + 1;
    }
    return NULL;
}

static enum al_err take_settings(struct slice text, struct settings *settings)
{
    struct told_settings told = {.text = text};
    const struct settings_source source = {.get = told_value, .ctx = &told};
    struct settings *fresh = calloc(1, sizeof(*fresh));
    if (fresh == NULL)
        return err_set(AL_ENOMEM, "settings");
    enum al_err err = settings_read(&source, 0, fresh, NULL);
    if (err == AL_OK) {
        struct buf changes = BUF_INIT(SETTINGS_PROBLEMS_MAX);
        (void)settings_reload(settings, fresh, &changes);
        buf_deinit(&changes);
    }
    free(fresh);
    return err;
}

enum al_err journal_reload_read(const struct journal_line *line,
                                struct settings *settings,
                                struct strategy_config *strategies,
                                size_t n_strategies)
{
    struct sha256 hash;
    if (line->n_texts != 1 || line->n_bytes != 2 || line->bytes[0].len != sizeof(hash) ||
        line->bytes[1].len != n_strategies * sizeof(*strategies))
        return bad("reload", "settings, their hash and the strategies");
    enum al_err err = take_settings(line->texts[0], settings);
    if (err != AL_OK)
        return err;
    hash_settings(settings, &hash);
    if (memcmp(hash.bytes, line->bytes[0].ptr, sizeof(hash)) != 0)
        return err_set(AL_EVERIFY, "a reload does not make the settings there were then");
    memcpy(strategies, line->bytes[1].ptr, line->bytes[1].len);
    return AL_OK;
}

static void hash_strategies(const struct strategy_config *strategies, size_t n, struct sha256 *out)
{
    struct buf text = BUF_INIT((size_t)16 << 20);
    for (size_t i = 0; i < n; i++) {
        struct json_writer w;
        json_w_init(&w, &text);
        strategy_config_write(&strategies[i], &w);
    }
    sha256_of(buf_str(&text), text.len, out);
    buf_deinit(&text);
}

void journal_start_of(const struct settings *settings,
                      const struct strategy_config *strategies,
                      size_t n_strategies,
                      uint64_t seed,
                      struct journal_start *out)
{
    const size_t sizes[] = {JOURNAL_FORMAT,
                            sizeof(struct position_update),
                            sizeof(struct order_state),
                            sizeof(struct journal_told),
                            sizeof(struct strategy_config),
                            sizeof(struct execution),
                            sizeof(struct known_balance),
                            sizeof(struct known_order),
                            sizeof(struct known_position),
                            sizeof(struct candle),
                            sizeof(struct decision),
                            sizeof(struct order_outcome),
                            sizeof(struct position_track),
                            sizeof(struct restored_training),
                            sizeof(struct restored_outcome),
                            sizeof(struct rollout_start),
                            sizeof(struct rollout_step),
                            sizeof(struct shadow_scores),
                            sizeof(struct paired_block),
                            sizeof(struct restored_interval),
                            sizeof(struct restored_fills)};
    *out = (struct journal_start){.seed = seed};
    (void)chars_set(out->version, sizeof(out->version), ALPHALOOP_VERSION);
    sha256_of(sizes, sizeof(sizes), &out->shape);
    hash_settings(settings, &out->settings);
    hash_strategies(strategies, n_strategies, &out->strategies);
}

void journal_start_line(const struct journal_start *start, struct buf *out)
{
    struct journal_line line = {.call = JOURNAL_start,
                                .now_ns = TIMESTAMP_NONE,
                                .wall_ns = TIMESTAMP_NONE,
                                .number = JOURNAL_FORMAT,
                                .n_texts = 2,
                                .n_bytes = 3};
    char seed[32];
    snprintf(seed, sizeof(seed), "%" PRIu64, start->seed);
    line.texts[0] = slice_of(start->version);
    line.texts[1] = slice_of(seed);
    line.bytes[0] = (struct slice){(const char *)start->shape.bytes, sizeof(start->shape.bytes)};
    line.bytes[1] =
        (struct slice){(const char *)start->settings.bytes, sizeof(start->settings.bytes)};
    line.bytes[2] =
        (struct slice){(const char *)start->strategies.bytes, sizeof(start->strategies.bytes)};
    journal_line_write(&line, out);
}

enum al_err journal_start_read(const struct journal_line *line, struct journal_start *out)
{
    *out = (struct journal_start){0};
    if (line->call != JOURNAL_start || line->n_texts != 2 || line->n_bytes != 3)
        return bad("first line", "the start of a journal");
    if (line->number != JOURNAL_FORMAT)
        return err_set(AL_EVERSION, "the journal has format %" PRId64 ", this program reads %d",
                       line->number, JOURNAL_FORMAT);
    for (size_t i = 0; i < 3; i++) {
        if (line->bytes[i].len != sizeof(out->shape.bytes))
            return bad("first line", "hashes");
    }
    (void)chars_set(out->version, sizeof(out->version), line->texts[0].ptr);
    out->seed = strtoull(line->texts[1].ptr, NULL, 10);
    memcpy(out->shape.bytes, line->bytes[0].ptr, sizeof(out->shape.bytes));
    memcpy(out->settings.bytes, line->bytes[1].ptr, sizeof(out->settings.bytes));
    memcpy(out->strategies.bytes, line->bytes[2].ptr, sizeof(out->strategies.bytes));
    return AL_OK;
}

/* ---- what was decided ---- */

void journal_digest(const struct decision *d, char out[JOURNAL_DIGEST_MAX])
{
    const int64_t whole[] = {d->kind, d->decided_at_ns, d->side, d->reason,
                             (int64_t)d->amount.units};
    const double numbers[] = {d->confidence, d->propensity, d->snapshot.mid, d->sigma_h};
    const uint64_t parts[] = {
        fnv1a64(d->decision_id.bytes, sizeof(d->decision_id.bytes)),
        fnv1a64(d->strategy_id.text, sizeof(d->strategy_id.text)),
        fnv1a64(d->asset.text, sizeof(d->asset.text)),
        fnv1a64(d->model_version.text, sizeof(d->model_version.text)),
        fnv1a64(whole, sizeof(whole)),
        fnv1a64(numbers, sizeof(numbers)),
        fnv1a64(d->features, d->n_features * sizeof(d->features[0])),
    };
    snprintf(out, JOURNAL_DIGEST_MAX, "%016" PRIx64, fnv1a64(parts, sizeof(parts)));
}
