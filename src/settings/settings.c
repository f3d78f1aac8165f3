/* One table of rows with the offset of each member; a kind is a parser and a printer. Everything that must hold between
 * several settings is checked after all of them were read. */
#include "alphaloop/settings/settings.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "alphaloop/base/decimal.h"
#include "alphaloop/base/json.h"
#include "alphaloop/settings/cron.h"
#include "problems_i.h"

#define FILE_SUFFIX     "_FILE"
#define NAME_MAX_BYTES  64
#define VALUE_SHOWN_MAX 80 /* of a bad value in a problem */

enum kind { KIND_flag, KIND_u32, KIND_f64, KIND_text, KIND_secret, KIND_choice, KIND_list };

struct row {
    enum kind kind;
    size_t offset;
    const char *kind_name, *name, *default_text;
    double min, max;
    const char *unit, *help;
    bool reloads;
};

#define WHEN_RELOAD  true
#define WHEN_RESTART false

static const struct row rows[SETTING_COUNT] = {
#define SETTING(kind, field, name, def, min, max, unit, when, help)                                \
    {KIND_##kind, offsetof(struct settings, field), #kind, name, def, min, max, unit, help,        \
     WHEN_##when},
#include "alphaloop/tbl/settings.def"
#undef SETTING
};

/* The group of each row: groups and rows are numbered together, and a row belongs to the last group before it. */
static const struct {
    const char *group; /* NULL for a row */
} outline[] = {
#define SETTING_GROUP(title)                                        {title},
#define SETTING(kind, field, name, def, min, max, unit, when, help) {NULL},
#include "alphaloop/tbl/settings.def"
#undef SETTING
};

static const char *group_of(enum setting_id id)
{
    const char *group = "";
    size_t n_rows = 0;
    for (size_t i = 0; i < COUNT_OF(outline) && n_rows <= (size_t)id; i++) {
        if (outline[i].group != NULL)
            group = outline[i].group;
        else
            n_rows++;
    }
    return group;
}

static void *member(const struct row *row, struct settings *settings)
{
    return (char *)settings + row->offset;
}

static const void *member_of(const struct row *row, const struct settings *settings)
{
    return (const char *)settings + row->offset;
}

/* ---- kinds ---- */

static void describe_range(const struct row *row, char out[64])
{
    switch (row->kind) {
    case KIND_flag:
        snprintf(out, 64, "true|false");
        break;
    case KIND_u32:
    case KIND_f64:
        snprintf(out, 64, "%.15g..%.15g", row->min, row->max);
        break;
    case KIND_choice:
        snprintf(out, 64, "%s", row->unit);
        break;
    case KIND_list:
        snprintf(out, 64, "%.0f..%.0f items", row->min, row->max);
        break;
    case KIND_text:
    case KIND_secret:
        if (row->min > 0)
            snprintf(out, 64, "%.0f..%.0f characters", row->min, row->max);
        else
            snprintf(out, 64, "at most %.0f characters", row->max);
        break;
    }
}

static bool read_flag(struct slice text, bool *out)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {{"true", true},   {"1", true},  {"yes", true}, {"on", true},
                 {"false", false}, {"0", false}, {"no", false}, {"off", false}};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (slice_is_nocase(text, words[i].word)) {
            *out = words[i].value;
            return true;
        }
    }
    return false;
}

static bool read_u32(struct slice text, const struct row *row, uint32_t *out)
{
    uint64_t value = 0;
    if (text.len == 0 || text.len > 10)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    *out = (uint32_t)value;
    return (double)value >= row->min && (double)value <= row->max;
}

static bool read_f64(struct slice text, const struct row *row, double *out)
{
    struct decimal value; /* its grammar: no blanks, hex, NaN or Infinity */
    if (text.len >= SETTING_TEXT_MAX || decimal_parse(text, &value) != AL_OK)
        return false;
    *out = strtod(text.ptr, NULL);
    return *out >= row->min && *out <= row->max;
}

static bool read_choice(struct slice text, const struct row *row, uint32_t *out)
{
    const char *at = row->unit;
    for (uint32_t i = 0; at != NULL; i++) {
        size_t len = strcspn(at, "|");
        if (len == text.len && strncasecmp(at, text.ptr, len) == 0) {
            *out = i;
            return true;
        }
        at = at[len] == '|' ? at + len + 1 : NULL;
    }
    return false;
}

static bool has_control(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            return true;
    }
    return false;
}

static bool read_text(struct slice text, const struct row *row, char out[SETTING_TEXT_MAX])
{
    if ((double)text.len < row->min || (double)text.len > row->max || has_control(text))
        return false;
    assert(text.len < SETTING_TEXT_MAX);
    memset(out, 0, SETTING_TEXT_MAX);
    memcpy(out, text.ptr, text.len);
    return true;
}

static bool list_has(const struct setting_list *list, struct slice item)
{
    for (size_t i = 0; i < list->count; i++) {
        if (slice_is(item, list->items[i]))
            return true;
    }
    return false;
}

static bool read_list(struct slice text, const struct row *row, struct setting_list *out)
{
    *out = (struct setting_list){0};
    while (text.len > 0) {
        const char *comma = memchr(text.ptr, ',', text.len);
        struct slice item = {text.ptr, comma == NULL ? text.len : (size_t)(comma - text.ptr)};
        size_t used = item.len + (comma != NULL);
        text.ptr += used;
        text.len -= used;
        for (; item.len > 0 && item.ptr[0] == ' '; item.len--)
            item.ptr++;
        while (item.len > 0 && item.ptr[item.len - 1] == ' ')
            item.len--;
        if (item.len == 0 || item.len >= SETTING_LIST_TEXT_MAX || out->count == SETTING_LIST_MAX ||
            list_has(out, item))
            return false;
        memcpy(out->items[out->count++], item.ptr, item.len);
    }
    return (double)out->count >= row->min && (double)out->count <= row->max;
}

static bool read_value(const struct row *row, const char *text, struct settings *out)
{
    struct slice slice = slice_of(text);
    void *to = member(row, out);
    switch (row->kind) {
    case KIND_flag:
        return read_flag(slice, to);
    case KIND_u32:
        return read_u32(slice, row, to);
    case KIND_f64:
        return read_f64(slice, row, to);
    case KIND_choice:
        return read_choice(slice, row, to);
    case KIND_list:
        return read_list(slice, row, to);
    case KIND_text:
    case KIND_secret:
        return read_text(slice, row, to);
    }
    return false;
}

/* An empty default is nothing at all, whatever the row asks of a value. */
static void set_default(const struct row *row, struct settings *out)
{
    bool is_text = row->kind == KIND_text || row->kind == KIND_secret;
    if (is_text && row->default_text[0] == '\0') {
        memset(member(row, out), 0, SETTING_TEXT_MAX);
        return;
    }
    bool valid = read_value(row, row->default_text, out);
    assert(valid);
    (void)valid;
}

/* ---- reading ---- */

struct reading {
    const struct settings_source *source;
    struct settings *out;
    struct problems problems;
    bool is_bad[SETTING_COUNT];
};

static void refuse_value(struct reading *r, const struct row *row, const char *text)
{
    char range[64];
    describe_range(row, range);
    bool describes = row->kind == KIND_u32 || row->kind == KIND_f64 || row->kind == KIND_list ||
                     row->kind == KIND_text;
    problems_add(&r->problems, "%s=%.*s: allowed is %s%s%s", row->name, VALUE_SHOWN_MAX,
                 row->kind == KIND_secret ? "(secret)" : text, range,
                 describes && row->unit[0] != '\0' ? ", " : "", describes ? row->unit : "");
}

static const char *ask(const struct reading *r, const char *name, const char **origin)
{
    const char *text = r->source->get(r->source->ctx, name, origin);
    return text == NULL || text[0] == '\0' ? NULL : text;
}

static void take_value(struct reading *r,
                       const struct row *row,
                       const char *text,
                       const char *origin)
{
    if (read_value(row, text, r->out)) {
        r->out->origins[row - rows] = origin;
        return;
    }
    refuse_value(r, row, text);
    set_default(row, r->out);
}

static void take_file(struct reading *r, const struct row *row, const char *path)
{
    char shown[VALUE_SHOWN_MAX + 1];
    struct buf bytes = BUF_INIT(4096);
    snprintf(shown, sizeof shown, "%s", path);
    if (r->source->read_file == NULL ||
        r->source->read_file(r->source->ctx, path, &bytes) != AL_OK || !buf_ok(&bytes)) {
        problems_add(&r->problems, "%s%s=%s: cannot be read: %s", row->name, FILE_SUFFIX, shown,
                     r->source->read_file == NULL ? "not supported here"
                     : !buf_ok(&bytes)            ? "longer than 4096 bytes"
                                                  : err_text());
    } else {
        if (bytes.len > 0 && bytes.ptr[bytes.len - 1] == '\n')
            bytes.ptr[--bytes.len] = '\0';
        if (bytes.len > 0 && bytes.ptr[bytes.len - 1] == '\r')
            bytes.ptr[--bytes.len] = '\0';
        if (strlen(buf_str(&bytes)) != bytes.len)
            problems_add(&r->problems, "%s%s=%s: the file holds a NUL byte", row->name, FILE_SUFFIX,
                         shown);
        else if (bytes.len > 0)
            take_value(r, row, buf_str(&bytes), "file");
    }
    if (bytes.ptr != NULL)
        explicit_bzero(bytes.ptr, bytes.cap);
    buf_deinit(&bytes);
}

static void read_row(struct reading *r, const struct row *row)
{
    char file_name[NAME_MAX_BYTES + sizeof FILE_SUFFIX];
    const char *origin = "", *file_origin = "";
    size_t n_before = r->problems.n;
    r->out->origins[row - rows] = "default";
    set_default(row, r->out);
    snprintf(file_name, sizeof file_name, "%s%s", row->name, FILE_SUFFIX);
    bool has_file = ask(r, file_name, &file_origin) != NULL;
    bool has_text = ask(r, row->name, &origin) != NULL;
    if (has_file && has_text)
        problems_add(&r->problems, "%s: given together with %s; only one may be set", file_name,
                     row->name);
    else if (has_file)
        take_file(r, row, ask(r, file_name, &file_origin));
    else if (has_text)
        take_value(r, row, ask(r, row->name, &origin), origin);
    r->is_bad[row - rows] = r->problems.n > n_before;
}

static bool is_made_of(const char *text, const char *allowed)
{
    return text[0] != '\0' && text[strspn(text, allowed)] == '\0';
}

#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define DIGIT "0123456789"

static void check_lists(struct reading *r)
{
    const struct setting_list *assets = &r->out->trading_assets, *ids = &r->out->trading_strategies;
    for (size_t i = 0; i < assets->count; i++) {
        size_t len = strlen(assets->items[i]);
        if (len < 4 || len > 20 || !is_made_of(assets->items[i], UPPER DIGIT))
            problems_add(&r->problems,
                         "TRADING_ASSETS=...%s...: a traded symbol is 4 to 20 of A-Z0-9",
                         assets->items[i]);
    }
    for (size_t i = 0; i < ids->count; i++) {
        if (strlen(ids->items[i]) > 100 || ids->items[i][0] == '.' ||
            !is_made_of(ids->items[i], UPPER LOWER DIGIT "_.-"))
            problems_add(
                &r->problems,
                "TRADING_STRATEGIES=...%s...: an id is 1 to 100 of A-Za-z0-9_.- and starts "
                "with no dot",
                ids->items[i]);
    }
}

/* A name would have to be looked up, and could mean any of several. */
static bool is_address(const char *text)
{
    unsigned char bytes[16];
    return strcmp(text, "localhost") == 0 || inet_pton(AF_INET, text, bytes) == 1 ||
           inet_pton(AF_INET6, text, bytes) == 1;
}

static void check_schedule(struct reading *r, const char *name, const char *text)
{
    struct cron cron;
    if (text[0] != '\0' && cron_parse(slice_of(text), &cron) != AL_OK)
        problems_add(&r->problems,
                     "%s=%.*s: %s; allowed is hourly, daily, weekly or five-field cron, UTC", name,
                     VALUE_SHOWN_MAX, text, err_text());
}

static void check_together(struct reading *r, unsigned needs)
{
    const struct settings *s = r->out;
    if ((needs & SETTINGS_NEED_API_KEY) != 0 && s->model_service_api_key[0] == '\0' &&
        !r->is_bad[SETTING_ID_model_service_api_key])
        problems_add(&r->problems,
                     "MODEL_SERVICE_API_KEY is not set: it is required, at least 16 characters");
    if (!is_address(s->model_service_host))
        problems_add(&r->problems,
                     "MODEL_SERVICE_HOST=%.*s: allowed is an IPv4 or IPv6 address, or localhost",
                     VALUE_SHOWN_MAX, s->model_service_host);
    if (s->warmup_min_amount > s->warmup_max_amount)
        problems_add(&r->problems, "WARMUP_MIN_AMOUNT=%g: must not be above WARMUP_MAX_AMOUNT=%g",
                     s->warmup_min_amount, s->warmup_max_amount);
    check_schedule(r, "MODEL_RETRAINING_SCHEDULE", s->model_retraining_schedule);
    check_schedule(r, "FORECAST_RETRAINING_SCHEDULE", s->forecast_retraining_schedule);
    if (!is_made_of(s->postgres_schema, LOWER DIGIT "_") ||
        strchr(DIGIT, s->postgres_schema[0]) != NULL)
        problems_add(&r->problems, "POSTGRES_SCHEMA=%s: allowed is a-z, 0-9 and _, no digit first",
                     s->postgres_schema);
    check_lists(r);
}

enum al_err settings_read(const struct settings_source *source,
                          unsigned needs,
                          struct settings *out,
                          struct buf *problems)
{
    struct reading r = {.source = source, .out = out, .problems = {.text = problems}};
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < SETTING_COUNT; i++)
        read_row(&r, &rows[i]);
    if (out->model_service_host[0] == '\0')
        snprintf(out->model_service_host, sizeof out->model_service_host, "%s",
                 source->in_container ? "0.0.0.0" : "127.0.0.1");
    check_together(&r, needs);
    return r.problems.n == 0 ? AL_OK : err_set(AL_EINVAL, "%zu settings are wrong", r.problems.n);
}

/* ---- reloading ---- */

static size_t member_size(const struct row *row)
{
    switch (row->kind) {
    case KIND_flag:
        return sizeof(bool);
    case KIND_f64:
        return sizeof(double);
    case KIND_list:
        return sizeof(struct setting_list);
    case KIND_text:
    case KIND_secret:
        return SETTING_TEXT_MAX;
    case KIND_u32:
    case KIND_choice:
        break;
    }
    return sizeof(uint32_t);
}

size_t settings_reload(struct settings *running, const struct settings *fresh, struct buf *changes)
{
    size_t n_taken = 0;
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct row *row = &rows[i];
        struct setting_view view;
        if (memcmp(member(row, running), member_of(row, fresh), member_size(row)) == 0)
            continue;
        settings_view(fresh, (enum setting_id)i, &view);
        if (row->reloads) {
            memcpy(member(row, running), member_of(row, fresh), member_size(row));
            running->origins[i] = fresh->origins[i];
            n_taken++;
        }
        if (changes != NULL)
            buf_printf(changes, "%s is %s%s\n", row->name,
                       view.is_secret ? "another one" : view.value,
                       row->reloads ? " now" : " after the next start");
    }
    return n_taken;
}

/* ---- describing ---- */

static void show_word(const struct row *row, uint32_t index, char *out, size_t size)
{
    const char *at = row->unit;
    for (; index > 0 && at != NULL; index--) {
        at = strchr(at, '|');
        at = at == NULL ? NULL : at + 1;
    }
    snprintf(out, size, "%.*s", at == NULL ? 0 : (int)strcspn(at, "|"), at == NULL ? "" : at);
}

static void show_list(const struct setting_list *list, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < list->count && used + 1 < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s", i > 0 ? "," : "", list->items[i]);
}

static void show_value(const struct row *row,
                       const struct settings *settings,
                       char *out,
                       size_t size)
{
    const void *from = member_of(row, settings);
    switch (row->kind) {
    case KIND_flag:
        snprintf(out, size, "%s", *(const bool *)from ? "true" : "false");
        break;
    case KIND_u32:
        snprintf(out, size, "%u", *(const uint32_t *)from);
        break;
    case KIND_f64:
        snprintf(out, size, "%.15g", *(const double *)from);
        break;
    case KIND_text:
        snprintf(out, size, "%s", (const char *)from);
        break;
    case KIND_secret:
        snprintf(out, size, "%s", *(const char *)from == '\0' ? "unset" : "set");
        break;
    case KIND_choice:
        show_word(row, *(const uint32_t *)from, out, size);
        break;
    case KIND_list:
        show_list(from, out, size);
        break;
    }
}

void settings_view(const struct settings *settings, enum setting_id id, struct setting_view *view)
{
    const struct row *row = &rows[id];
    bool is_secret = row->kind == KIND_secret;
    *view = (struct setting_view){
        .name = row->name,
        .kind = row->kind_name,
        .unit = row->kind == KIND_choice ? "" : row->unit,
        .help = row->help,
        .group = group_of(id),
        .default_text = !is_secret                     ? row->default_text
                        : row->default_text[0] == '\0' ? "unset"
                                                       : "set",
        .origin = settings == NULL ? "" : settings->origins[id],
        .is_secret = is_secret,
        .reloads = row->reloads,
    };
    describe_range(row, view->range);
    if (settings != NULL)
        show_value(row, settings, view->value, sizeof view->value);
}

void settings_print(const struct settings *settings, struct buf *out)
{
    buf_printf(out, "%-36s %-36s %-11s %-34s %s\n", "NAME", "VALUE", "FROM", "DEFAULT", "ALLOWED");
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        struct setting_view view;
        settings_view(settings, (enum setting_id)i, &view);
        buf_printf(out, "%-36s %-36s %-11s %-34s %s%s%s%s\n", view.name,
                   view.value[0] == '\0' ? "-" : view.value, view.origin,
                   view.default_text[0] == '\0' ? "-" : view.default_text, view.range,
                   view.unit[0] == '\0' ? "" : ", ", view.unit, view.reloads ? "; SIGHUP" : "");
    }
}

static void write_view(struct json_writer *w, const struct setting_view *view)
{
    const struct {
        const char *key, *text;
    } members[] = {
        {"name", view->name},   {"group", view->group},   {"kind", view->kind},
        {"value", view->value}, {"origin", view->origin}, {"default", view->default_text},
        {"range", view->range}, {"unit", view->unit},     {"help", view->help}};
    json_w_object(w);
    for (size_t i = 0; i < COUNT_OF(members); i++)
        json_m_str(w, members[i].key, members[i].text);
    json_m_bool(w, "reloads", view->reloads);
    json_w_end_object(w);
}

void settings_print_json(const struct settings *settings, struct buf *out)
{
    struct json_writer w;
    json_w_init(&w, out);
    json_w_array(&w);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        struct setting_view view;
        settings_view(settings, (enum setting_id)i, &view);
        write_view(&w, &view);
    }
    json_w_end_array(&w);
}

void settings_env_example(struct buf *out)
{
    const char *group = "";
    buf_puts(
        out,
        "# Every setting with its default. Generated from include/alphaloop/tbl/settings.def by "
        "`make generate`.\n"
        "# Copy to .env; the real environment wins. NAME_FILE=path reads a value from a file.\n");
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        struct setting_view view;
        settings_view(NULL, (enum setting_id)i, &view);
        if (strcmp(group, view.group) != 0)
            buf_printf(out, "\n# ---- %s ----\n", view.group);
        group = view.group;
        buf_printf(out, "\n# %s\n# %s%s%s%s\n", view.help, view.range,
                   view.unit[0] == '\0' ? "" : ", ", view.unit,
                   view.reloads ? "; taken over on SIGHUP" : "");
        buf_printf(out, "%s=%s\n", view.name, rows[i].default_text);
    }
}
