/* The search among points, on functions whose minimum is known, against points drawn at random with the same budget. */
#include "harness/check.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../src/train/tpe_i.h"

#define BUDGET 40
#define SEEDS  60

/* The minimum is 0 in all of them. */
static double sphere(const double *x, size_t n)
{
    double sum = 0;
    for (size_t d = 0; d < n; d++)
        sum += (x[d] - 0.3) * (x[d] - 0.3);
    return sum;
}

/* A valley in two of the dimensions, the others mean nothing. */
static double rosenbrock(const double *x, size_t n)
{
    double a = 4 * x[0] - 2, b = 4 * x[1] - 1;
    (void)n;
    return ((1 - a) * (1 - a) + 100 * (b - a * a) * (b - a * a)) / 100;
}

/* Many dents; Branin's function with its three minima, in the unit square. */
static double branin(const double *x, size_t n)
{
    double u = 15 * x[0] - 5, v = 15 * x[1], pi = acos(-1.0);
    double w = v - 5.1 / (4 * pi * pi) * u * u + 5 / pi * u - 6;
    (void)n;
    return w * w + 10 * (1 - 1 / (8 * pi)) * cos(u) + 10 - 0.397887;
}

/* What a log loss looks like: a flat bowl in two parameters, and noise of a third of its depth. */
static double noisy(const double *x, size_t n)
{
    double where = x[n - 1] * 1e6; /* noise that a seed repeats */
    return 0.69 + 0.01 * sphere(x, 3) + 0.0005 * sin(where * 12.9898);
}

static double half_of_it_fails(const double *x, size_t n)
{
    (void)n;
    return x[0] < 0.5 ? INFINITY : fabs(x[0] - 0.8);
}

typedef double (*objective_fn)(const double *x, size_t n);

static double best_of(objective_fn objective, size_t n_dims, bool by_chance, uint64_t seed)
{
    static struct tpe_point seen[BUDGET];
    struct rng rng;
    double best = INFINITY;
    rng_seed(&rng, seed);
    for (size_t i = 0; i < BUDGET; i++) {
        tpe_next(seen, by_chance ? 0 : i, n_dims, &rng, seen[i].x);
        seen[i].loss = objective(seen[i].x, n_dims);
        best = fmin(best, seen[i].loss);
    }
    return best;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of(double *values, size_t n)
{
    qsort(values, n, sizeof *values, by_size);
    return (values[n / 2] + values[(n - 1) / 2]) / 2;
}

static void test_it_beats_chance_on_known_functions(void **state)
{
    static const struct {
        const char *name;
        objective_fn objective;
        size_t n_dims;
        bool must_win;
    } cases[] = {
        {"sphere of 2", sphere, 2, true},     {"sphere of 7", sphere, 7, true},
        {"rosenbrock", rosenbrock, 2, false}, {"rosenbrock and 5 idle", rosenbrock, 7, false},
        {"branin", branin, 2, true},          {"noisy bowl of 3 in 7", noisy, 7, false},
    };
    double tpe[SEEDS], chance[SEEDS];
    (void)state;
    for (size_t c = 0; c < COUNT_OF(cases); c++) {
        size_t n_won = 0;
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            tpe[seed] = best_of(cases[c].objective, cases[c].n_dims, false, seed + 1);
            chance[seed] = best_of(cases[c].objective, cases[c].n_dims, true, seed + 1001);
            n_won += tpe[seed] < chance[seed];
        }
        double a = median_of(tpe, SEEDS), b = median_of(chance, SEEDS);
        printf("%-22s %d points: median best %.5f, by chance %.5f; better in %zu of %d\n",
               cases[c].name, BUDGET, a, b, n_won, SEEDS);
        if (cases[c].must_win) {
            assert_true(a < b);
            assert_true(n_won > SEEDS / 2 + 8); /* two standard deviations of a coin */
        }
    }
}

static void test_the_same_seed_gives_the_same_points(void **state)
{
    (void)state;
    check_same_double(best_of(branin, 2, false, 5), best_of(branin, 2, false, 5));
    assert_true(best_of(branin, 2, false, 5) != best_of(branin, 2, false, 6));
}

static void test_points_stay_in_the_cube(void **state)
{
    static struct tpe_point seen[300];
    struct rng rng;
    (void)state;
    rng_seed(&rng, 1);
    for (size_t i = 0; i < 300; i++) {
        tpe_next(seen, i, 3, &rng, seen[i].x);
        for (size_t d = 0; d < 3; d++)
            assert_true(seen[i].x[d] >= 0 && seen[i].x[d] <= 1);
        seen[i].loss = -seen[i].x[0] - seen[i].x[1]; /* the minimum is in a corner */
    }
    assert_true(seen[299].x[0] + seen[299].x[1] > 1);
}

/* Trials that were given up have no loss: they are never good, and the search leaves where they are. */
static void test_given_up_points_are_bad_ones(void **state)
{
    static struct tpe_point seen[200];
    struct rng rng;
    size_t n_bad_late = 0;
    (void)state;
    rng_seed(&rng, 2);
    for (size_t i = 0; i < 200; i++) {
        tpe_next(seen, i, 2, &rng, seen[i].x);
        seen[i].loss = half_of_it_fails(seen[i].x, 2);
        n_bad_late += i >= 100 && isinf(seen[i].loss);
    }
    printf("%zu of the last 100 where trials fail; by chance 50\n", n_bad_late);
    assert_true(n_bad_late < 25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_beats_chance_on_known_functions),
        cmocka_unit_test(test_the_same_seed_gives_the_same_points),
        cmocka_unit_test(test_points_stay_in_the_cube),
        cmocka_unit_test(test_given_up_points_are_bad_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
