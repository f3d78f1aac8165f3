/* What every test program includes: cmocka and checks that print both values, and say of which row of a table. */
#ifndef ALPHALOOP_TESTS_HARNESS_CHECK_H
#define ALPHALOOP_TESTS_HARNESS_CHECK_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "alphaloop/base/err.h"

/* An al_err by name: "expected OK, got EPARSE (at byte 3: ...)". */
#define check_err(actual, expected) check_err_at((actual), (expected), #actual, __FILE__, __LINE__)
#define check_ok(actual)            check_err((actual), AL_OK)
/* Doubles within `tolerance` of each other; two NaNs are equal, NaN and a number never are. */
#define check_near(actual, expected, tolerance)                                                    \
    check_near_at((actual), (expected), (tolerance), #actual, __FILE__, __LINE__)
/* The same bits. */
#define check_same_double(actual, expected)                                                        \
    check_same_double_at((actual), (expected), #actual, __FILE__, __LINE__)
/* Strings, shown whole; NULL is allowed. */
#define check_str(actual, expected) check_str_at((actual), (expected), #actual, __FILE__, __LINE__)
/* The text contains the part. */
#define check_has(text, part)       check_has_at((text), (part), #text, __FILE__, __LINE__)
#define check_i64(actual, expected) check_i64_at((actual), (expected), #actual, __FILE__, __LINE__)

void check_err_at(
    enum al_err actual, enum al_err expected, const char *what, const char *file, int line);
void check_near_at(
    double actual, double expected, double tolerance, const char *what, const char *file, int line);
void check_same_double_at(
    double actual, double expected, const char *what, const char *file, int line);
void check_str_at(
    const char *actual, const char *expected, const char *what, const char *file, int line);
void check_has_at(const char *text, const char *part, const char *what, const char *file, int line);
void check_i64_at(int64_t actual, int64_t expected, const char *what, const char *file, int line);

#endif
