/* Calendar arithmetic counts in eras of 400 years from 1 March, so that the leap day is the last of its year. */
#include "alphaloop/base/timestamp.h"

#include <stdbool.h>
#include <stdio.h>

#define YEAR_MIN     1970
#define YEAR_MAX     2261 /* the last whole year that int64 nanoseconds reach */
#define FRACTION_MAX 9

/* Days since 1970-01-01 of a proleptic Gregorian date; Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
static int64_t days_of_date(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void date_of_days(int64_t days, struct civil_time *out)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    out->day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    out->month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    out->year = (int)(year_of_era + era * 400 + (out->month <= 2));
}

static bool is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

static bool take_digits(struct slice *text, size_t n_digits, int *out)
{
    int value = 0;
    if (text->len < n_digits)
        return false;
    for (size_t i = 0; i < n_digits; i++) {
        if (text->ptr[i] < '0' || text->ptr[i] > '9')
            return false;
        value = value * 10 + (text->ptr[i] - '0');
    }
    text->ptr += n_digits;
    text->len -= n_digits;
    *out = value;
    return true;
}

static bool take_date(struct slice *text, struct civil_time *civil)
{
    return take_digits(text, 4, &civil->year) && slice_take_byte(text, '-') &&
           take_digits(text, 2, &civil->month) && slice_take_byte(text, '-') &&
           take_digits(text, 2, &civil->day) && civil->year >= YEAR_MIN &&
           civil->year <= YEAR_MAX && civil->month >= 1 && civil->month <= 12 && civil->day >= 1 &&
           civil->day <= days_in_month(civil->year, civil->month);
}

static bool take_time(struct slice *text, struct civil_time *civil)
{
    return take_digits(text, 2, &civil->hour) && slice_take_byte(text, ':') &&
           take_digits(text, 2, &civil->minute) && slice_take_byte(text, ':') &&
           take_digits(text, 2, &civil->second) && civil->hour <= 23 && civil->minute <= 59 &&
           civil->second <= 59;
}

static bool take_fraction(struct slice *text, int64_t *ns)
{
    int n_digits = 0, digit;
    *ns = 0;
    if (!slice_take_byte(text, '.'))
        return true;
    while (n_digits < FRACTION_MAX && take_digits(text, 1, &digit)) {
        *ns = *ns * 10 + digit;
        n_digits++;
    }
    for (int i = n_digits; i < FRACTION_MAX; i++)
        *ns *= 10;
    return n_digits > 0;
}

static bool take_zone(struct slice *text, int64_t *offset_s)
{
    int hour, minute;
    *offset_s = 0;
    if (text->len == 0 || slice_take_byte(text, 'Z'))
        return true;
    int64_t sign = text->ptr[0] == '-' ? -1 : 1;
    if (!slice_take_byte(text, '+') && !slice_take_byte(text, '-'))
        return false;
    if (!take_digits(text, 2, &hour) || !slice_take_byte(text, ':') ||
        !take_digits(text, 2, &minute))
        return false;
    *offset_s = sign * (hour * 3600 + minute * 60);
    return hour <= 23 && minute <= 59;
}

enum al_err timestamp_parse(struct slice text, int64_t *ts_ns)
{
    struct slice rest = text;
    struct civil_time civil = {0};
    int64_t offset_s;
    bool fits = take_date(&rest, &civil) &&
                (slice_take_byte(&rest, 'T') || slice_take_byte(&rest, ' ')) &&
                take_time(&rest, &civil) && take_fraction(&rest, &civil.ns) &&
                take_zone(&rest, &offset_s) && rest.len == 0;
    if (!fits)
        return err_set(AL_EPARSE,
                       "not a time of the form YYYY-MM-DDThh:mm:ss[.fraction][Z|+hh:mm]");
    *ts_ns = timestamp_from_civil(&civil) - offset_s * NS_PER_S;
    return AL_OK;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

void timestamp_to_civil(int64_t ts_ns, struct civil_time *out)
{
    int64_t days = floor_div(ts_ns, NS_PER_DAY);
    int64_t in_day_ns = ts_ns - days * NS_PER_DAY;
    int second_of_day = (int)(in_day_ns / NS_PER_S);
    date_of_days(days, out);
    out->hour = second_of_day / 3600;
    out->minute = second_of_day / 60 % 60;
    out->second = second_of_day % 60;
    out->ns = in_day_ns % NS_PER_S;
    out->weekday = (int)(((days + 4) % 7 + 7) % 7);
}

int64_t timestamp_from_civil(const struct civil_time *civil)
{
    int64_t days = days_of_date(civil->year, civil->month, civil->day);
    int64_t second_of_day = civil->hour * 3600 + civil->minute * 60 + civil->second;
    return (days * 86400 + second_of_day) * NS_PER_S + civil->ns;
}

size_t timestamp_format(int64_t ts_ns, char out[TIMESTAMP_TEXT_MAX])
{
    struct civil_time civil;
    timestamp_to_civil(ts_ns, &civil);
    int len = snprintf(out, TIMESTAMP_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", civil.year,
                       civil.month, civil.day, civil.hour, civil.minute, civil.second,
                       (int)(civil.ns / NS_PER_US));
    return (size_t)len;
}
