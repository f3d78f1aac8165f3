/* Lines are written into one static buffer: the log belongs to the thread that called log_init(). A field that would
 * make the line too long is taken back and the line says "cut":true, so that what is written is always one whole JSON
 * object. */
#include "alphaloop/observe/log.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "alphaloop/base/json.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/observe/error_book.h"
#include "alphaloop/observe/metric.h"

#define LINE_MAX_BYTES  4096
#define VALUE_MAX_BYTES 1024 /* of one text value */
#define CUT_MARK_BYTES  32   /* room kept for the mark and the end of the line */

static const char *const level_names[] = {"debug", "info", "warn", "error"};

static struct {
    char service[64];
    enum log_level level;
    log_sink_fn sink;
    void *ctx;
    int64_t now_ns;
    pthread_t owner;
    bool is_owned;
    struct buf line;
} self = {.service = "model-service", .level = LOG_INFO, .line = {.max = 16 * LINE_MAX_BYTES}};

static void to_stderr(void *ctx, struct slice line)
{
    (void)ctx;
    fwrite(line.ptr, 1, line.len, stderr);
}

void log_init(const char *service_name, enum log_level level, log_sink_fn sink, void *ctx)
{
    snprintf(self.service, sizeof self.service, "%s", service_name);
    self.level = level;
    self.sink = sink;
    self.ctx = ctx;
    self.owner = pthread_self();
    self.is_owned = true;
}

void log_set_level(enum log_level level)
{
    self.level = level;
}

bool log_is_on(enum log_level level)
{
    return level >= self.level;
}

bool log_level_parse(struct slice text, enum log_level *out)
{
    static const struct {
        const char *name;
        enum log_level level;
    } names[] = {{"DEBUG", LOG_DEBUG}, {"INFO", LOG_INFO},   {"WARNING", LOG_WARN},
                 {"WARN", LOG_WARN},   {"ERROR", LOG_ERROR}, {"CRITICAL", LOG_ERROR}};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (slice_is_nocase(text, names[i].name)) {
            *out = names[i].level;
            return true;
        }
    }
    return false;
}

void log_set_now(int64_t now_ns)
{
    self.now_ns = now_ns;
}

static int64_t now(void)
{
    struct timespec ts;
    if (self.now_ns != 0)
        return self.now_ns;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* The writer replaces a sequence that the cut leaves incomplete. */
static void write_text(struct json_writer *w, const char *text)
{
    struct slice value = slice_of(text);
    if (text == NULL) {
        json_w_null(w);
        return;
    }
    if (value.len > VALUE_MAX_BYTES)
        value.len = VALUE_MAX_BYTES;
    json_w_string(w, value);
}

static void write_value(struct json_writer *w, const struct log_field *field)
{
    switch (field->type) {
    case LOG_FIELD_STR:
        write_text(w, field->str);
        break;
    case LOG_FIELD_I64:
        json_w_i64(w, field->i64);
        break;
    case LOG_FIELD_F64:
        json_w_number(w, field->f64);
        break;
    case LOG_FIELD_BOOL:
        json_w_bool(w, field->flag);
        break;
    }
}

static void write_head(struct json_writer *w,
                       enum log_level level,
                       const char *room,
                       const char *step)
{
    json_w_object(w);
    json_m_time(w, "ts", now());
    json_m_str(w, "level", level_names[level]);
    json_m_str(w, "service", self.service);
    json_w_key(w, "room");
    write_text(w, room);
    json_w_key(w, "step");
    write_text(w, step);
}

/* False when the line had to be cut before this field. */
static bool write_field(struct json_writer *w, const struct log_field *field)
{
    size_t len = self.line.len;
    bool text_cut =
        field->type == LOG_FIELD_STR && field->str != NULL && strlen(field->str) > VALUE_MAX_BYTES;
    json_w_key(w, field->key);
    write_value(w, field);
    if (self.line.len + CUT_MARK_BYTES <= LINE_MAX_BYTES)
        return !text_cut;
    self.line.len = len;
    return false;
}

/* One whole JSON object with its line end; false when there is no memory for it. */
static bool write_line(enum log_level level,
                       const char *room,
                       const char *step,
                       const char *trace_id,
                       const struct log_field *fields)
{
    struct json_writer w;
    bool whole = true;
    buf_reset(&self.line);
    json_w_init(&w, &self.line);
    write_head(&w, level, room, step);
    for (const struct log_field *field = fields; field->key != NULL; field++)
        whole = write_field(&w, field) && whole;
    whole = write_field(&w, &F_STR("trace_id", trace_id)) && whole;
    if (!whole)
        json_m_bool(&w, "cut", true);
    json_w_end_object(&w);
    buf_putc(&self.line, '\n');
    return buf_ok(&self.line);
}

static void set_name(char *to, size_t n, const char *text)
{
    snprintf(to, n, "%s", text == NULL ? "" : text);
}

static struct error_crumb crumb_of(enum log_level level,
                                   const char *room,
                                   const char *step,
                                   const char *trace_id,
                                   const struct log_field *fields)
{
    struct error_crumb crumb = {.at_ns = now(), .level = level};
    set_name(crumb.room, sizeof crumb.room, room);
    set_name(crumb.step, sizeof crumb.step, step);
    set_name(crumb.trace_id, sizeof crumb.trace_id, trace_id);
    for (const struct log_field *field = fields; field->key != NULL; field++) {
        if (strcmp(field->key, "event") == 0 && field->type == LOG_FIELD_STR)
            set_name(crumb.event, sizeof crumb.event, field->str);
    }
    return crumb;
}

/* Debug lines are no breadcrumbs: there are thousands a second, and all of one kind. */
static void keep_book(const struct error_crumb *crumb)
{
    struct slice line = buf_slice(&self.line);
    if (crumb->level >= LOG_WARN)
        error_book_note(crumb, (struct slice){line.ptr, line.len - 1});
    if (crumb->level >= LOG_INFO)
        error_book_crumb(crumb);
}

void log_fields(enum log_level level,
                const char *room,
                const char *step,
                const char *trace_id,
                const struct log_field *fields)
{
    bool is_on = log_is_on(level);
    assert(!self.is_owned || pthread_equal(self.owner, pthread_self()));
    if (!is_on && level < LOG_WARN)
        return;
    struct error_crumb crumb = crumb_of(level, room, step, trace_id, fields);
    if (!write_line(level, room, step, trace_id, fields))
        return;
    if (is_on) {
        metric_add(METRIC_log_lines_total, 1, level_names[level], NULL);
        (self.sink != NULL ? self.sink : to_stderr)(self.ctx, buf_slice(&self.line));
    }
    keep_book(&crumb);
}
