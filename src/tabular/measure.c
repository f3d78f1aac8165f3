#include "alphaloop/tabular/measure.h"

#include <math.h>
#include <stdlib.h>

#include "alphaloop/tabular/columns.h"

#define P_MIN 1e-15

void tabular_measure_numbers(
    const double *y, const double *predicted, size_t n, double base, struct tabular_errors *out)
{
    double squares = 0, absolute = 0, around = 0;
    for (size_t i = 0; i < n; i++) {
        double d = y[i] - predicted[i];
        squares += d * d;
        absolute += fabs(d);
        around += (y[i] - base) * (y[i] - base);
    }
    *out = (struct tabular_errors){.rmse = sqrt(squares / (double)n),
                                   .mae = absolute / (double)n,
                                   .r2 = around > 0 ? 1 - squares / around : NAN};
}

/* ---- classes ---- */

struct ranked {
    double p;
    bool is_second;
};

static int by_p(const void *a, const void *b)
{
    double one = ((const struct ranked *)a)->p, other = ((const struct ranked *)b)->p;
    return one < other ? -1 : one > other;
}

/* Sum of the ranks of the second class, equal p sharing the mean of their ranks. */
static double rank_sum(const struct ranked *rows, size_t n)
{
    double sum = 0;
    for (size_t i = 0, end; i < n; i = end) {
        size_t n_second = 0;
        for (end = i; end < n && rows[end].p == rows[i].p; end++)
            n_second += rows[end].is_second;
        sum += (double)n_second * ((double)(i + 1) + (double)end) / 2;
    }
    return sum;
}

static bool measure_auc(const double *y, const double *p, size_t n, double *auc)
{
    double n_second = 0;
    struct ranked *rows = malloc((n + 1) * sizeof *rows);
    if (rows == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        rows[i] = (struct ranked){p[2 * i + 1], y[i] > 0};
        n_second += y[i] > 0;
    }
    qsort(rows, n, sizeof *rows, by_p);
    double n_pairs = n_second * ((double)n - n_second);
    *auc = n_pairs > 0 ? (rank_sum(rows, n) - n_second * (n_second + 1) / 2) / n_pairs : NAN;
    free(rows);
    return true;
}

struct class_counts {
    double n[TABULAR_CLASSES_MAX], n_found[TABULAR_CLASSES_MAX];
};

static double balanced(const struct class_counts *counts, size_t n_classes)
{
    double sum = 0, n = 0;
    for (size_t k = 0; k < n_classes; k++) {
        if (counts->n[k] > 0) {
            sum += counts->n_found[k] / counts->n[k];
            n++;
        }
    }
    return sum / n;
}

bool tabular_measure_classes(
    const double *y, const double *p, size_t n, size_t n_classes, struct tabular_scores *out)
{
    struct class_counts counts = {{0}, {0}};
    double found = 0, log_loss = 0, brier = 0;
    for (size_t i = 0; i < n; i++, p += n_classes) {
        size_t own = (size_t)y[i], best = 0;
        for (size_t k = 0; k < n_classes; k++) {
            double d = p[k] - (k == own ? 1 : 0);
            brier += d * d;
            best = p[k] > p[best] ? k : best;
        }
        log_loss -= log(fmax(p[own], P_MIN));
        found += best == own;
        counts.n[own]++;
        counts.n_found[own] += best == own;
    }
    *out = (struct tabular_scores){.accuracy = found / (double)n,
                                   .balanced_accuracy = balanced(&counts, n_classes),
                                   .log_loss = log_loss / (double)n,
                                   .brier = brier / (double)n,
                                   .auc = NAN};
    return n_classes != 2 || measure_auc(y, p - n * n_classes, n, &out->auc);
}
