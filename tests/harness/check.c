#include "harness/check.h"

#include <inttypes.h>
#include <string.h>

static const char *or_null(const char *text)
{
    return text == NULL ? "(null)" : text;
}

void check_err_at(
    enum al_err actual, enum al_err expected, const char *what, const char *file, int line)
{
    if (actual == expected)
        return;
    print_error("%s: expected %s, got %s (%s)\n", what,
                expected == AL_OK ? "OK" : al_err_name(expected),
                actual == AL_OK ? "OK" : al_err_name(actual), actual == AL_OK ? "" : err_text());
    _fail(file, line);
}

void check_near_at(
    double actual, double expected, double tolerance, const char *what, const char *file, int line)
{
    if ((isnan(actual) && isnan(expected)) || actual == expected ||
        fabs(actual - expected) <= tolerance)
        return;
    print_error("%s: expected %.17g within %g, got %.17g\n", what, expected, tolerance, actual);
    _fail(file, line);
}

void check_same_double_at(
    double actual, double expected, const char *what, const char *file, int line)
{
    if (memcmp(&actual, &expected, sizeof actual) == 0)
        return;
    print_error("%s: expected %a (%.17g), got %a (%.17g)\n", what, expected, expected, actual,
                actual);
    _fail(file, line);
}

void check_str_at(
    const char *actual, const char *expected, const char *what, const char *file, int line)
{
    if (actual == expected || (actual != NULL && expected != NULL && strcmp(actual, expected) == 0))
        return;
    print_error("%s: expected \"%s\", got \"%s\"\n", what, or_null(expected), or_null(actual));
    _fail(file, line);
}

void check_has_at(const char *text, const char *part, const char *what, const char *file, int line)
{
    if (text != NULL && strstr(text, part) != NULL)
        return;
    print_error("%s: expected \"%s\" inside \"%s\"\n", what, part, or_null(text));
    _fail(file, line);
}

void check_i64_at(int64_t actual, int64_t expected, const char *what, const char *file, int line)
{
    if (actual == expected)
        return;
    print_error("%s: expected %" PRId64 ", got %" PRId64 "\n", what, expected, actual);
    _fail(file, line);
}
