/* The writer keeps one bit a level: whether the next value is the first, and so needs no comma. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/json.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/base/utf8.h"

#define LEVELS_MAX JSON_DEPTH_MAX /* as deep as we read */

void json_w_init(struct json_writer *w, struct buf *out)
{
    *w = (struct json_writer){.out = out};
}

static uint64_t level_bit(const struct json_writer *w)
{
    return UINT64_C(1) << (w->depth - 1);
}

/* A document is one value: only inside objects and arrays is there anything to separate. */
static void before_value(struct json_writer *w)
{
    if (w->depth > 0) {
        if (!w->after_key && (w->first_bits & level_bit(w)) == 0)
            buf_putc(w->out, ',');
        w->first_bits &= ~level_bit(w);
    }
    w->after_key = false;
}

static void open_level(struct json_writer *w, char byte)
{
    before_value(w);
    assert(w->depth < LEVELS_MAX);
    w->depth++;
    w->first_bits |= level_bit(w);
    buf_putc(w->out, byte);
}

static void close_level(struct json_writer *w, char byte)
{
    assert(w->depth > 0 && !w->after_key);
    w->depth--;
    buf_putc(w->out, byte);
}

void json_w_object(struct json_writer *w)
{
    open_level(w, '{');
}

void json_w_end_object(struct json_writer *w)
{
    close_level(w, '}');
}

void json_w_array(struct json_writer *w)
{
    open_level(w, '[');
}

void json_w_end_array(struct json_writer *w)
{
    close_level(w, ']');
}

static void put_special(struct buf *out, unsigned char c)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *found = c == '\0' ? NULL : strchr(from, c);
    if (found != NULL) {
        buf_putc(out, '\\');
        buf_putc(out, to[found - from]);
    } else {
        buf_printf(out, "\\u%04x", c);
    }
}

static void put_quoted(struct buf *out, struct slice text)
{
    const unsigned char *b = (const unsigned char *)text.ptr;
    size_t plain = 0, i = 0;
    buf_putc(out, '"');
    while (i < text.len) {
        size_t len = utf8_length(text.ptr + i, text.len - i);
        if (len > 0 && b[i] >= 0x20 && b[i] != '"' && b[i] != '\\') {
            i += len;
            continue;
        }
        buf_append(out, b + plain, i - plain);
        if (len == 0)
            buf_puts(out, "\xef\xbf\xbd");
        else
            put_special(out, b[i]);
        plain = ++i;
    }
    buf_append(out, b + plain, text.len - plain);
    buf_putc(out, '"');
}

void json_w_key(struct json_writer *w, const char *key)
{
    assert(w->depth > 0 && !w->after_key);
    before_value(w);
    put_quoted(w->out, slice_of(key));
    buf_putc(w->out, ':');
    w->after_key = true;
}

void json_w_string(struct json_writer *w, struct slice text)
{
    before_value(w);
    put_quoted(w->out, text);
}

void json_w_str(struct json_writer *w, const char *text)
{
    if (text == NULL)
        json_w_null(w);
    else
        json_w_string(w, slice_of(text));
}

/* 17 significant digits always read back the same, often 15 or 16 do. */
void json_w_double(struct json_writer *w, double value)
{
    char text[32];
    assert(isfinite(value));
    before_value(w);
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (digits == 17 || strtod(text, NULL) == value)
            break;
    }
    buf_puts(w->out, text);
}

void json_w_number(struct json_writer *w, double value)
{
    if (isfinite(value))
        json_w_double(w, value);
    else
        json_w_null(w);
}

void json_w_i64(struct json_writer *w, int64_t value)
{
    before_value(w);
    buf_printf(w->out, "%lld", (long long)value);
}

void json_w_bool(struct json_writer *w, bool value)
{
    before_value(w);
    buf_puts(w->out, value ? "true" : "false");
}

void json_w_null(struct json_writer *w)
{
    before_value(w);
    buf_puts(w->out, "null");
}

void json_w_time(struct json_writer *w, int64_t ts_ns)
{
    char text[TIMESTAMP_TEXT_MAX];
    if (ts_ns == TIMESTAMP_NONE) {
        json_w_null(w);
        return;
    }
    timestamp_format(ts_ns, text);
    json_w_str(w, text);
}

void json_w_raw(struct json_writer *w, struct slice json)
{
    before_value(w);
    buf_append(w->out, json.ptr, json.len);
}

void json_w_node(struct json_writer *w, struct json_node *node)
{
    struct json_cursor cursor = {0};
    if (json_is_object(node)) {
        json_w_object(w);
        while (json_walk(node, &cursor)) {
            json_w_key(w, cursor.key);
            json_w_node(w, cursor.value);
        }
        json_w_end_object(w);
    } else if (json_is_array(node)) {
        json_w_array(w);
        while (json_walk(node, &cursor))
            json_w_node(w, cursor.value);
        json_w_end_array(w);
    } else if (json_is_string(node)) {
        json_w_string(w, json_text(node));
    } else if (json_is_number(node)) {
        json_w_raw(w, json_text(node));
    } else if (json_is_bool(node)) {
        json_w_bool(w, json_is_true(node));
    } else {
        json_w_null(w);
    }
}

/* ---- members ---- */

void json_m_string(struct json_writer *w, const char *key, struct slice text)
{
    json_w_key(w, key);
    json_w_string(w, text);
}

void json_m_str(struct json_writer *w, const char *key, const char *text)
{
    json_w_key(w, key);
    json_w_str(w, text);
}

void json_m_text(struct json_writer *w, const char *key, const char *text)
{
    json_m_str(w, key, text[0] == '\0' ? NULL : text);
}

void json_m_double(struct json_writer *w, const char *key, double value)
{
    json_w_key(w, key);
    json_w_double(w, value);
}

void json_m_number(struct json_writer *w, const char *key, double value)
{
    json_w_key(w, key);
    json_w_number(w, value);
}

void json_m_i64(struct json_writer *w, const char *key, int64_t value)
{
    json_w_key(w, key);
    json_w_i64(w, value);
}

void json_m_count(struct json_writer *w, const char *key, uint64_t value)
{
    json_m_i64(w, key, (int64_t)value);
}

void json_m_bool(struct json_writer *w, const char *key, bool value)
{
    json_w_key(w, key);
    json_w_bool(w, value);
}

void json_m_time(struct json_writer *w, const char *key, int64_t ts_ns)
{
    json_w_key(w, key);
    json_w_time(w, ts_ns);
}

void json_m_raw(struct json_writer *w, const char *key, struct slice json)
{
    json_w_key(w, key);
    json_w_raw(w, json);
}

static void new_line(struct buf *out, int level)
{
    buf_printf(out, "\n%*s", 2 * level, "");
}

/* Copies a string from its opening quote; returns the index of the closing one. */
static size_t copy_string(struct slice json, size_t i, struct buf *out)
{
    size_t start = i++;
    while (json.ptr[i] != '"')
        i += json.ptr[i] == '\\' ? 2 : 1;
    buf_append(out, json.ptr + start, i - start + 1);
    return i;
}

void json_pretty(struct slice json, struct buf *out)
{
    int level = 0;
    for (size_t i = 0; i < json.len; i++) {
        char c = json.ptr[i];
        bool opens = c == '{' || c == '[', closes = c == '}' || c == ']';
        if (c == '"') {
            i = copy_string(json, i, out);
            continue;
        }
        if (opens && (json.ptr[i + 1] == '}' || json.ptr[i + 1] == ']')) {
            buf_append(out, json.ptr + i++, 2);
            continue;
        }
        level += opens - closes;
        if (closes)
            new_line(out, level);
        buf_putc(out, c);
        if (opens || c == ',')
            new_line(out, level);
        else if (c == ':')
            buf_putc(out, ' ');
    }
    buf_putc(out, '\n');
}
