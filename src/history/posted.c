/* Each field is looked at by itself first, so that one answer names all that is wrong; what relates fields to each other is
 * asked only of candles whose fields are right. */
#include "alphaloop/history/posted.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#define NUMBER_MAX 1e15 /* keeps every sum and square finite */

struct reading {
    struct posted_problem *problems;
    size_t n_problems, index;
    int64_t interval_ns, now_ns;
};

PRINTF(3, 4)
static bool bad(struct reading *r, const char *field, const char *format, ...)
{
    va_list args;
    if (r->n_problems == POSTED_PROBLEMS_MAX)
        return false;
    struct posted_problem *problem = &r->problems[r->n_problems++];
    problem->index = r->index;
    problem->field = field;
    va_start(args, format);
    vsnprintf(problem->text, sizeof(problem->text), format, args);
    va_end(args);
    return false;
}

static bool read_price(struct reading *r, struct json_node *item, const char *field, double *out)
{
    struct json_node *node = json_get(item, field);
    if (node == NULL)
        return bad(r, field, "is required");
    if (!json_is_number(node) || json_double(node, out) != AL_OK)
        return bad(r, field, "must be a number");
    return (*out > 0 && *out <= NUMBER_MAX) || bad(r, field, "must be above 0, at most 1e15");
}

static bool read_volume(struct reading *r, struct json_node *item, double *out)
{
    struct json_node *node = json_get(item, "volume");
    *out = (double)NAN;
    if (node == NULL)
        return true;
    if (!json_is_number(node) || json_double(node, out) != AL_OK)
        return bad(r, "volume", "must be a number or null");
    return (*out >= 0 && *out <= NUMBER_MAX) ||
           bad(r, "volume", "must be at least 0, at most 1e15");
}

static bool read_time(struct reading *r, struct json_node *item, int64_t *out)
{
    struct json_node *node = json_get(item, "timestamp");
    if (node == NULL)
        return bad(r, "timestamp", "is required");
    if (!json_is_string(node) || timestamp_parse(json_text(node), out) != AL_OK)
        return bad(r, "timestamp", "must be a time like 2026-01-31T09:00:00Z");
    if (*out % NS_PER_US != 0)
        return bad(r, "timestamp", "must be in whole microseconds");
    return *out <= r->now_ns - r->interval_ns ||
           bad(r, "timestamp", "the candle that opened then is not over");
}

static bool read_fields(struct reading *r, struct json_node *item, struct candle *out)
{
    bool is_right = read_time(r, item, &out->ts_open_ns);
    is_right &= read_price(r, item, "open", &out->open);
    is_right &= read_price(r, item, "high", &out->high);
    is_right &= read_price(r, item, "low", &out->low);
    is_right &= read_price(r, item, "close", &out->close);
    is_right &= read_volume(r, item, &out->volume);
    return is_right;
}

static void check_prices(struct reading *r, const struct candle *candle)
{
    if (candle->high < fmax(candle->open, candle->close))
        bad(r, "high", "must not be below open or close");
    if (candle->low > fmin(candle->open, candle->close))
        bad(r, "low", "must not be above open or close");
}

static void check_order(struct reading *r, const struct candle *before, const struct candle *candle)
{
    int64_t distance_ns = candle->ts_open_ns - before->ts_open_ns;
    if (distance_ns <= 0)
        bad(r, "timestamp", "must be later than that of the candle before");
    else if (distance_ns % r->interval_ns != 0)
        bad(r, "timestamp", "must be a whole number of intervals after the candle before");
}

size_t posted_candles_read(struct json_node *array,
                           int64_t interval_ns,
                           int64_t now_ns,
                           struct candle *out,
                           struct posted_problem problems[POSTED_PROBLEMS_MAX])
{
    struct reading r = {.problems = problems, .interval_ns = interval_ns, .now_ns = now_ns};
    struct json_cursor cursor = {0};
    const struct candle *before = NULL; /* the last one whose fields were right */
    for (; json_walk(array, &cursor) && r.n_problems < POSTED_PROBLEMS_MAX; r.index++) {
        struct candle *candle = &out[r.index];
        *candle = (struct candle){.interval_ns = interval_ns};
        if (!json_is_object(cursor.value)) {
            bad(&r, "", "must be an object");
            continue;
        }
        if (!read_fields(&r, cursor.value, candle))
            continue;
        check_prices(&r, candle);
        if (before != NULL)
            check_order(&r, before, candle);
        before = candle;
    }
    return r.n_problems;
}
