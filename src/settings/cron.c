/* A schedule is five sets of bits. The next time is found day by day, then hour by hour, then minute by minute: at most
 * forty years of days, which costs less than a millisecond and needs no cleverness about calendars. */
#include "alphaloop/settings/cron.h"

#include <string.h>
#include <strings.h>

#include "alphaloop/base/timestamp.h"

#define DAYS_AHEAD_MAX (40 * 366)
#define VALUE_MAX      59

struct field {
    const char *name;
    int low, high;
    const char *words; /* three letters each, the first stands for `first_word` */
    int first_word;
};

static const struct field fields[] = {
    {"minute", 0, 59, "", 0},
    {"hour", 0, 23, "", 0},
    {"day", 1, 31, "", 0},
    {"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec", 1},
    {"weekday", 0, 7, "sunmontuewedthufrisat", 0},
};

static bool take_number(struct slice *text, int *out)
{
    int value = 0;
    if (text->len == 0 || text->ptr[0] < '0' || text->ptr[0] > '9')
        return false;
    while (text->len > 0 && text->ptr[0] >= '0' && text->ptr[0] <= '9') {
        value = value > 1000 ? value : value * 10 + (text->ptr[0] - '0');
        text->ptr++;
        text->len--;
    }
    *out = value;
    return true;
}

static bool take_value(struct slice *text, const struct field *field, int *out)
{
    if (take_number(text, out))
        return *out >= field->low && *out <= field->high;
    for (int i = 0; text->len >= 3 && field->words[3 * i] != '\0'; i++) {
        if (strncasecmp(text->ptr, field->words + 3 * i, 3) == 0) {
            text->ptr += 3;
            text->len -= 3;
            *out = field->first_word + i;
            return true;
        }
    }
    return false;
}

/* One of the parts between commas: `*`, a value or a range, perhaps with a step. */
static bool take_part(struct slice *text, const struct field *field, uint64_t *bits)
{
    int from = field->low, to = field->high, step = 1;
    bool is_range = slice_take_byte(text, '*');
    if (!is_range) {
        if (!take_value(text, field, &from))
            return false;
        to = from;
        is_range = slice_take_byte(text, '-');
        if (is_range && (!take_value(text, field, &to) || to < from))
            return false;
    }
    if (slice_take_byte(text, '/') &&
        (!is_range || !take_number(text, &step) || step < 1 || step > VALUE_MAX))
        return false;
    for (int value = from; value <= to; value += step)
        *bits |= UINT64_C(1) << value;
    return true;
}

static bool parse_field(struct slice text, const struct field *field, uint64_t *bits)
{
    *bits = 0;
    do {
        if (!take_part(&text, field, bits))
            return false;
    } while (slice_take_byte(&text, ','));
    return text.len == 0;
}

static struct slice next_word(struct slice *text)
{
    while (text->len > 0 && (text->ptr[0] == ' ' || text->ptr[0] == '\t'))
        slice_take_byte(text, text->ptr[0]);
    struct slice word = {text->ptr, 0};
    while (text->len > 0 && text->ptr[0] != ' ' && text->ptr[0] != '\t') {
        slice_take_byte(text, text->ptr[0]);
        word.len++;
    }
    return word;
}

static struct slice expand_word(struct slice text)
{
    struct slice rest = text, word = next_word(&rest);
    if (next_word(&rest).len > 0)
        return text;
    if (slice_is_nocase(word, "hourly"))
        return SLICE("0 * * * *");
    if (slice_is_nocase(word, "daily"))
        return SLICE("0 0 * * *");
    return slice_is_nocase(word, "weekly") ? SLICE("0 0 * * 0") : text;
}

enum al_err cron_parse(struct slice text, struct cron *out)
{
    uint64_t bits[COUNT_OF(fields)];
    struct slice words[COUNT_OF(fields)], rest = expand_word(text);
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        words[i] = next_word(&rest);
        if (words[i].len == 0)
            return err_set(AL_EPARSE, "neither hourly, daily, weekly nor five fields");
        if (!parse_field(words[i], &fields[i], &bits[i]))
            return err_set(AL_EPARSE, "the field for the %s is wrong", fields[i].name);
    }
    if (next_word(&rest).len > 0)
        return err_set(AL_EPARSE, "more than five fields");
    bool sunday = (bits[4] & (1 | 1 << 7)) != 0;
    *out = (struct cron){
        .minutes = bits[0],
        .hours = (uint32_t)bits[1],
        .days = (uint32_t)bits[2],
        .months = (uint32_t)bits[3],
        .weekdays = (uint32_t)((bits[4] & 0x7e) | sunday),
        .any_day = slice_is(words[2], "*"),
        .any_weekday = slice_is(words[4], "*"),
    };
    return AL_OK;
}

static bool has(uint64_t bits, int value)
{
    return (bits >> value & 1) != 0;
}

static bool fits_day(const struct cron *cron, const struct civil_time *civil)
{
    bool day = has(cron->days, civil->day), weekday = has(cron->weekdays, civil->weekday);
    if (!has(cron->months, civil->month))
        return false;
    return cron->any_day || cron->any_weekday ? day && weekday : day || weekday;
}

/* The first fitting minute of the day that is not before minute `from`; -1 when there is none. */
static int minute_of_day(const struct cron *cron, int from)
{
    for (int minute = from; minute < 24 * 60; minute++) {
        if (has(cron->hours, minute / 60) && has(cron->minutes, minute % 60))
            return minute;
    }
    return -1;
}

int64_t cron_next_after(const struct cron *cron, int64_t ts_ns)
{
    struct civil_time civil;
    timestamp_to_civil(ts_ns, &civil);
    int from = civil.hour * 60 + civil.minute + 1;
    int64_t day_ns = ts_ns -
                     (((int64_t)civil.hour * 60 + civil.minute) * 60 + civil.second) * NS_PER_S -
                     civil.ns;
    for (int i = 0; i < DAYS_AHEAD_MAX; i++, day_ns += NS_PER_DAY, from = 0) {
        timestamp_to_civil(day_ns, &civil);
        int minute = fits_day(cron, &civil) ? minute_of_day(cron, from) : -1;
        if (minute >= 0)
            return day_ns + minute * NS_PER_MIN;
    }
    return TIMESTAMP_NONE;
}
