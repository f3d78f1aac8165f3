/* The CSV reader: bytes wait in one buffer, a line is cut off at a time, the header maps columns to fields.
 *
 * Quotes are not understood because none of the schemas has text that needs them; a field with a quote is refused like any
 * other that is no number. Invariant: `start` is the first unread byte of `waiting`.
 */
#include "alphaloop/market/csv.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MAX = 64, FIELDS_MAX = 6, NUMBER_TEXT_MAX = 64 };

/* The fields of each kind, in the order their values are read in; time first. */
static const struct schema {
    enum csv_kind kind;
    size_t n_fields;
    const char *fields[FIELDS_MAX];
} schemas[] = {
    {CSV_CANDLES, 6, {"ts_ms", "open", "high", "low", "close", "volume"}},
    {CSV_TRADES, 4, {"ts_ms", "price", "qty", "side"}},
    {CSV_QUOTES, 5, {"ts_ms", "bid", "ask", "bid_qty", "ask_qty"}},
};

struct csv_reader {
    struct buf waiting;
    size_t start;
    bool is_ended, has_failed, skips_line; /* skips_line: inside a line that was too long */
    uint64_t line, n_refused;
    const struct schema *schema;
    size_t column_of[FIELDS_MAX];
    int64_t last_ts_ns;
};

const char *csv_kind_name(enum csv_kind kind)
{
    static const char *const names[] = {"unknown", "candles", "trades", "quotes"};
    return names[kind];
}

struct csv_reader *csv_reader_create(void)
{
    struct csv_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return NULL;
    reader->waiting = BUF_INIT(CSV_CHUNK_MAX);
    reader->last_ts_ns = INT64_MIN;
    return reader;
}

void csv_reader_destroy(struct csv_reader *reader)
{
    if (reader == NULL)
        return;
    buf_deinit(&reader->waiting);
    free(reader);
}

enum csv_kind csv_reader_kind(const struct csv_reader *reader)
{
    return reader->schema == NULL ? CSV_UNKNOWN : reader->schema->kind;
}

uint64_t csv_reader_refused(const struct csv_reader *reader)
{
    return reader->n_refused;
}

enum al_err csv_reader_feed(struct csv_reader *reader, struct slice bytes)
{
    assert(!reader->is_ended);
    buf_consume(&reader->waiting, reader->start);
    reader->start = 0;
    if (bytes.len > CSV_CHUNK_MAX - reader->waiting.len)
        return err_set(AL_EFULL, "more than %zu bytes of CSV wait", CSV_CHUNK_MAX);
    buf_append(&reader->waiting, bytes.ptr, bytes.len);
    if (buf_ok(&reader->waiting))
        return AL_OK;
    buf_reset(&reader->waiting);
    return err_set(AL_ENOMEM, "CSV bytes");
}

void csv_reader_end(struct csv_reader *reader)
{
    reader->is_ended = true;
}

/* ---- lines and fields ---- */

enum line_result { LINE_FOUND, LINE_TOO_LONG, LINE_HUNGRY, LINE_NONE };

/* Drop n_bytes of a line that is too long; it is reported once, when its end is seen. */
static enum line_result long_line(struct csv_reader *reader, size_t n_bytes, bool is_whole)
{
    reader->start += n_bytes;
    reader->skips_line = !is_whole;
    if (!is_whole)
        return LINE_HUNGRY;
    reader->line++;
    return LINE_TOO_LONG;
}

/* Cut the next line off, without its line end. A last line without one counts. */
static enum line_result next_line(struct csv_reader *reader, struct slice *line)
{
    const char *from = buf_str(&reader->waiting) + reader->start;
    size_t n_left = reader->waiting.len - reader->start;
    const char *end = n_left > 0 ? memchr(from, '\n', n_left) : NULL;
    if (end == NULL && !reader->is_ended)
        return n_left > CSV_LINE_MAX || reader->skips_line ? long_line(reader, n_left, false)
                                                           : LINE_HUNGRY;
    if (end == NULL && n_left == 0 && !reader->skips_line)
        return LINE_NONE;
    size_t n_line = end != NULL ? (size_t)(end - from) : n_left;
    size_t n_taken = end != NULL ? n_line + 1 : n_left;
    if (reader->skips_line || n_line > CSV_LINE_MAX)
        return long_line(reader, n_taken, true);
    reader->start += n_taken;
    reader->line++;
    if (n_line > 0 && from[n_line - 1] == '\r')
        n_line--;
    *line = (struct slice){from, n_line};
    return LINE_FOUND;
}

static size_t split(struct slice line, struct slice fields[COLUMNS_MAX])
{
    size_t n = 0;
    for (const char *at = line.ptr, *end = line.ptr + line.len; n < COLUMNS_MAX; at++) {
        const char *comma = at < end ? memchr(at, ',', (size_t)(end - at)) : NULL;
        const char *stop = comma != NULL ? comma : end;
        fields[n++] = (struct slice){at, (size_t)(stop - at)};
        if (comma == NULL)
            break;
        at = comma;
    }
    return n;
}

/* ---- the header ---- */

static bool schema_fits(const struct schema *schema,
                        const struct slice *names,
                        size_t n_names,
                        size_t *column_of)
{
    for (size_t f = 0; f < schema->n_fields; f++) {
        size_t column = 0;
        while (column < n_names && !slice_is_nocase(names[column], schema->fields[f]))
            column++;
        if (column == n_names)
            return false;
        column_of[f] = column;
    }
    return true;
}

static enum csv_step fail(struct csv_reader *reader, const char *why)
{
    reader->has_failed = true;
    err_set(AL_EPARSE, "line %" PRIu64 ": %s", reader->line, why);
    return CSV_FAILED;
}

static enum csv_step read_header(struct csv_reader *reader, struct slice line)
{
    struct slice names[COLUMNS_MAX];
    if (line.len >= 3 && memcmp(line.ptr, "\xEF\xBB\xBF", 3) == 0) /* a byte order mark */
        line = (struct slice){line.ptr + 3, line.len - 3};
    size_t n_names = split(line, names);
    for (size_t i = 0; i < COUNT_OF(schemas); i++) {
        if (schema_fits(&schemas[i], names, n_names, reader->column_of)) {
            reader->schema = &schemas[i];
            return CSV_ROW;
        }
    }
    return fail(reader, "the header is that of no candles, trades or quotes file "
                        "(ts_ms,open,high,low,close,volume / ts_ms,price,qty,side / "
                        "ts_ms,bid,ask,bid_qty,ask_qty)");
}

/* ---- rows ---- */

static enum al_err read_number(const char *name, struct slice text, double *out)
{
    char copy[NUMBER_TEXT_MAX];
    if (text.len == 0 || text.len >= sizeof copy)
        return err_set(AL_EPARSE, "%s: a number is missing", name);
    /* strtod would also take blanks, hex, "inf" and "nan". */
    for (size_t i = 0; i < text.len; i++) {
        if (strchr("0123456789+-.eE", text.ptr[i]) == NULL || text.ptr[i] == '\0')
            return err_set(AL_EPARSE, "%s: '%.*s' is not a number", name, (int)text.len, text.ptr);
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    char *end;
    *out = strtod(copy, &end);
    if (*end != '\0' || end == copy || !isfinite(*out))
        return err_set(AL_EPARSE, "%s: '%s' is not a finite number", name, copy);
    return AL_OK;
}

static enum al_err read_time(struct slice text, int64_t *ts_ns)
{
    int64_t ms = 0;
    if (text.len == 0 || text.len > 15)
        return err_set(AL_EPARSE, "ts_ms: milliseconds since 1970 expected");
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return err_set(AL_EPARSE, "ts_ms: '%.*s' is not a whole number", (int)text.len,
                           text.ptr);
        ms = ms * 10 + (text.ptr[i] - '0');
    }
    if (ms > INT64_MAX / NS_PER_MS / 2)
        return err_set(AL_ERANGE, "ts_ms: %" PRId64 " is too far ahead", ms);
    *ts_ns = ms * NS_PER_MS;
    return AL_OK;
}

static enum al_err check_above(const char *name, double value, double floor_value, bool may_equal)
{
    if (value > floor_value || (may_equal && value == floor_value))
        return AL_OK;
    return err_set(AL_ERANGE, "%s: %g is not %s %g", name, value, may_equal ? "at least" : "above",
                   floor_value);
}

static enum al_err fill_candle(const double *v, int64_t ts_ns, struct csv_row *row)
{
    row->candle = (struct candle){.ts_open_ns = ts_ns,
                                  .open = v[1],
                                  .high = v[2],
                                  .low = v[3],
                                  .close = v[4],
                                  .volume = v[5]};
    enum al_err err = check_above("low", v[3], 0, false);
    if (err == AL_OK)
        err = check_above("volume", v[5], 0, true);
    if (err == AL_OK && v[2] < fmax(v[1], v[4]))
        err = err_set(AL_ERANGE, "high: %g is below open or close", v[2]);
    if (err == AL_OK && v[3] > fmin(v[1], v[4]))
        err = err_set(AL_ERANGE, "low: %g is above open or close", v[3]);
    return err;
}

static enum al_err fill_trade(const double *v,
                              int64_t ts_ns,
                              struct slice side,
                              struct csv_row *row)
{
    row->trade =
        (struct trade){.ts_event_ns = ts_ns, .price = v[1], .qty = v[2], .side = SIDE_NONE};
    enum al_err err = check_above("price", v[1], 0, false);
    if (err == AL_OK)
        err = check_above("qty", v[2], 0, false);
    if (err == AL_OK && side.len > 0 && !side_parse(side, &row->trade.side))
        err = err_set(AL_EPARSE, "side: '%.*s' is not buy or sell", (int)side.len, side.ptr);
    return err;
}

static enum al_err fill_quote(const double *v, struct csv_row *row)
{
    row->quote = (struct quote){v[1], v[2], v[3], v[4]};
    enum al_err err = check_above("bid", v[1], 0, false);
    if (err == AL_OK)
        err = check_above("ask", v[2], v[1], false);
    if (err == AL_OK)
        err = check_above("bid_qty", v[3], 0, true);
    if (err == AL_OK)
        err = check_above("ask_qty", v[4], 0, true);
    return err;
}

static enum al_err read_row(struct csv_reader *reader, struct slice line, struct csv_row *row)
{
    const struct schema *schema = reader->schema;
    struct slice columns[COLUMNS_MAX], side = {"", 0};
    double values[FIELDS_MAX] = {0};
    size_t n_columns = split(line, columns);
    for (size_t f = 0; f < schema->n_fields; f++) {
        if (reader->column_of[f] >= n_columns)
            return err_set(AL_EPARSE, "%s: the column is missing", schema->fields[f]);
        struct slice text = columns[reader->column_of[f]];
        enum al_err err = AL_OK;
        if (f == 0)
            err = read_time(text, &row->ts_ns);
        else if (schema->kind == CSV_TRADES && f == 3)
            side = text;
        else
            err = read_number(schema->fields[f], text, &values[f]);
        if (err != AL_OK)
            return err;
    }
    if (row->ts_ns < reader->last_ts_ns)
        return err_set(AL_ERANGE, "ts_ms: time goes back; rows are expected in order of time");
    if (row->ts_ns == reader->last_ts_ns && schema->kind == CSV_CANDLES)
        return err_set(AL_EEXIST, "ts_ms: the candle before has the same time");
    row->kind = schema->kind;
    row->line = reader->line;
    if (schema->kind == CSV_CANDLES)
        return fill_candle(values, row->ts_ns, row);
    if (schema->kind == CSV_TRADES)
        return fill_trade(values, row->ts_ns, side, row);
    return fill_quote(values, row);
}

static enum csv_step refuse(struct csv_reader *reader, enum al_err err)
{
    reader->n_refused++;
    err_add(err, "line %" PRIu64, reader->line);
    return CSV_REFUSED;
}

static enum csv_step take_line(struct csv_reader *reader, struct slice line, struct csv_row *row)
{
    enum al_err err = read_row(reader, line, row);
    if (err != AL_OK)
        return refuse(reader, err);
    reader->last_ts_ns = row->ts_ns;
    return CSV_ROW;
}

enum csv_step csv_reader_next(struct csv_reader *reader, struct csv_row *row)
{
    struct slice line;
    while (!reader->has_failed) {
        switch (next_line(reader, &line)) {
        case LINE_HUNGRY:
            return CSV_HUNGRY;
        case LINE_NONE:
            return reader->schema == NULL ? fail(reader, "the file is empty") : CSV_DONE;
        case LINE_TOO_LONG:
            if (reader->schema == NULL)
                return fail(reader, "the header is too long");
            return refuse(reader, err_set(AL_ERANGE, "longer than %d bytes", CSV_LINE_MAX));
        case LINE_FOUND:
            if (reader->schema == NULL) {
                if (read_header(reader, line) == CSV_FAILED)
                    return CSV_FAILED;
            } else if (line.len > 0) {
                return take_line(reader, line, row);
            }
        }
    }
    return CSV_FAILED;
}
