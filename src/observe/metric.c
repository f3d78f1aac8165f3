/* A metric's series lie in one small array in the order of their first touch. There are few of them, so they are found by
 * walking; the names are borrowed from nobody, because label values may live on a caller's stack. */
#include "alphaloop/observe/metric.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERIES_MAX     256
#define LABEL_TEXT_MAX 64
#define OTHER          "other"

enum metric_kind { counter, gauge, histogram };

static const struct row {
    enum metric_kind kind;
    const char *name, *labels, *help;
} rows[METRIC_COUNT] = {
#define METRIC(kind, name, labels, help) {kind, #name, labels, help},
#include "alphaloop/tbl/metrics.def"
#undef METRIC
};

/* Upper bounds in seconds, from a tenth of a millisecond to half an hour; the last bucket has none. */
static const double bounds[] = {0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025,
                                0.05,   0.1,     0.25,   0.5,   1,     2.5,   5,    10,
                                30,     60,      120,    300,   600,   1800};
#define BUCKETS (sizeof bounds / sizeof bounds[0] + 1)

struct distribution {
    uint64_t counts[BUCKETS];
    uint64_t count;
    double sum;
};

struct series {
    char label1[LABEL_TEXT_MAX], label2[LABEL_TEXT_MAX];
    double value;
    struct distribution *distribution; /* histograms only */
};

static struct {
    struct series *items;
    size_t count, cap;
} tables[METRIC_COUNT];

static int label_count(const struct row *row)
{
    return row->labels[0] == '\0' ? 0 : strchr(row->labels, ',') == NULL ? 1 : 2;
}

/* Longer label values than we keep compare by what we keep. */
static bool label_is(const char *kept, const char *label)
{
    return label == NULL ? kept[0] == '\0' : strncmp(kept, label, LABEL_TEXT_MAX - 1) == 0;
}

static struct series *find(enum metric metric, const char *label1, const char *label2)
{
    for (size_t i = 0; i < tables[metric].count; i++) {
        struct series *series = &tables[metric].items[i];
        if (label_is(series->label1, label1) && label_is(series->label2, label2))
            return series;
    }
    return NULL;
}

static struct series *append(enum metric metric, const char *label1, const char *label2)
{
    if (tables[metric].count == tables[metric].cap) {
        size_t cap = tables[metric].cap == 0 ? 4 : tables[metric].cap * 2;
        tables[metric].items = realloc(tables[metric].items, cap * sizeof(struct series));
        assert(tables[metric].items != NULL);
        tables[metric].cap = cap;
    }
    struct series *series = &tables[metric].items[tables[metric].count++];
    *series = (struct series){.value = 0};
    snprintf(series->label1, sizeof series->label1, "%s", label1 == NULL ? "" : label1);
    snprintf(series->label2, sizeof series->label2, "%s", label2 == NULL ? "" : label2);
    if (rows[metric].kind == histogram) {
        series->distribution = calloc(1, sizeof *series->distribution);
        assert(series->distribution != NULL);
    }
    return series;
}

/* The last place of a full table is for all that came too late. */
static struct series *series_of(enum metric metric, const char *label1, const char *label2)
{
    assert((size_t)metric < METRIC_COUNT);
    int n_labels = label_count(&rows[metric]);
    assert((label1 != NULL) == (n_labels >= 1) && (label2 != NULL) == (n_labels == 2));
    struct series *series = find(metric, label1, label2);
    if (series != NULL)
        return series;
    if (tables[metric].count < SERIES_MAX - 1)
        return append(metric, label1, label2);
    label1 = OTHER;
    label2 = n_labels == 2 ? OTHER : NULL;
    series = find(metric, label1, label2);
    return series != NULL ? series : append(metric, label1, label2);
}

void metric_touch(enum metric metric, const char *label1, const char *label2)
{
    series_of(metric, label1, label2);
}

void metric_add(enum metric metric, double amount, const char *label1, const char *label2)
{
    assert(rows[metric].kind == gauge || (rows[metric].kind == counter && amount >= 0));
    series_of(metric, label1, label2)->value += amount;
}

void metric_set(enum metric metric, double value, const char *label1, const char *label2)
{
    assert(rows[metric].kind == gauge);
    series_of(metric, label1, label2)->value = value;
}

void metric_observe(enum metric metric, double value, const char *label1, const char *label2)
{
    assert(rows[metric].kind == histogram);
    struct distribution *d = series_of(metric, label1, label2)->distribution;
    size_t bucket = 0;
    if (isnan(value))
        return;
    while (bucket < BUCKETS - 1 && value > bounds[bucket])
        bucket++;
    d->counts[bucket]++;
    d->count++;
    d->sum += value;
}

double metric_value(enum metric metric, const char *label1, const char *label2)
{
    const struct series *series = find(metric, label1, label2);
    if (series == NULL)
        return 0;
    return rows[metric].kind == histogram ? (double)series->distribution->count : series->value;
}

static double quantile_of(const struct distribution *d, double q)
{
    if (d->count == 0)
        return NAN;
    double rank = q * (double)d->count, below = 0;
    for (size_t i = 0; i < BUCKETS - 1; i++) {
        double in_bucket = (double)d->counts[i];
        if (in_bucket > 0 && below + in_bucket >= rank) {
            double low = i == 0 ? 0 : bounds[i - 1];
            return low + (bounds[i] - low) * (rank > below ? (rank - below) / in_bucket : 0);
        }
        below += in_bucket;
    }
    return bounds[BUCKETS - 2]; /* nothing is known above the last bound */
}

double metric_quantile(enum metric metric, double q, const char *label1, const char *label2)
{
    assert(rows[metric].kind == histogram && q >= 0 && q <= 1);
    const struct series *series = find(metric, label1, label2);
    return series == NULL ? NAN : quantile_of(series->distribution, q);
}

static void add_distribution(struct distribution *sum, const struct distribution *d)
{
    for (size_t i = 0; i < BUCKETS; i++)
        sum->counts[i] += d->counts[i];
    sum->count += d->count;
    sum->sum += d->sum;
}

struct metric_summary metric_summarise(enum metric metric)
{
    struct distribution all = {.count = 0};
    for (size_t i = 0; i < tables[metric].count; i++) {
        const struct series *series = &tables[metric].items[i];
        if (series->distribution != NULL)
            add_distribution(&all, series->distribution);
        else
            all.sum += series->value;
    }
    return (struct metric_summary){all.count, all.sum, quantile_of(&all, 0.5),
                                   quantile_of(&all, 0.95), quantile_of(&all, 0.99)};
}

static void table_clear(enum metric metric)
{
    for (size_t i = 0; i < tables[metric].count; i++)
        free(tables[metric].items[i].distribution);
    free(tables[metric].items);
    tables[metric].items = NULL;
    tables[metric].count = tables[metric].cap = 0;
}

void metric_reset_all(void)
{
    for (size_t i = 0; i < METRIC_COUNT; i++)
        table_clear((enum metric)i);
}

static void put_escaped(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n') {
            buf_puts(out, "\\n");
            continue;
        }
        if (*text == '\\' || *text == '"')
            buf_putc(out, '\\');
        buf_putc(out, *text);
    }
}

static void put_label(
    struct buf *out, const char *name, int name_len, const char *value, bool first)
{
    buf_printf(out, "%s%.*s=\"", first ? "{" : ",", name_len, name);
    put_escaped(out, value);
    buf_putc(out, '"');
}

static void put_number(struct buf *out, double value)
{
    if (isnan(value))
        buf_puts(out, "NaN");
    else if (isinf(value))
        buf_puts(out, value > 0 ? "+Inf" : "-Inf");
    else
        buf_printf(out, value == floor(value) && fabs(value) < 1e15 ? "%.0f" : "%.12g", value);
}

/* One line: name{labels} value. `bound` is the value of the label "le", NULL when there is none. */
static void put_line(struct buf *out,
                     const struct row *row,
                     const struct series *series,
                     const char *suffix,
                     const char *bound,
                     double value)
{
    int n_labels = label_count(row);
    const char *comma = strchr(row->labels, ',');
    buf_printf(out, "alphaloop_%s%s", row->name, suffix);
    if (n_labels >= 1)
        put_label(out, row->labels,
                  comma == NULL ? (int)strlen(row->labels) : (int)(comma - row->labels),
                  series->label1, true);
    if (comma != NULL)
        put_label(out, comma + 1, (int)strlen(comma + 1), series->label2, false);
    if (bound != NULL)
        put_label(out, "le", 2, bound, n_labels == 0);
    buf_puts(out, n_labels > 0 || bound != NULL ? "} " : " ");
    put_number(out, value);
    buf_putc(out, '\n');
}

static void put_distribution(struct buf *out, const struct row *row, const struct series *series)
{
    uint64_t below = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        char bound[32] = "+Inf";
        if (i < BUCKETS - 1)
            snprintf(bound, sizeof bound, "%g", bounds[i]);
        below += series->distribution->counts[i];
        put_line(out, row, series, "_bucket", bound, (double)below);
    }
    put_line(out, row, series, "_sum", NULL, series->distribution->sum);
    put_line(out, row, series, "_count", NULL, (double)series->distribution->count);
}

void metric_expose(struct buf *out)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        const struct row *row = &rows[i];
        if (label_count(row) == 0)
            metric_touch((enum metric)i, NULL, NULL);
        buf_printf(out, "# HELP alphaloop_%s ", row->name);
        for (const char *c = row->help; *c != '\0'; c++)
            buf_puts(out, *c == '\\' ? "\\\\" : *c == '\n' ? "\\n" : (char[]){*c, '\0'});
        buf_printf(out, "\n# TYPE alphaloop_%s %s\n", row->name, kinds[row->kind]);
        for (size_t k = 0; k < tables[i].count; k++) {
            const struct series *series = &tables[i].items[k];
            if (row->kind == histogram)
                put_distribution(out, row, series);
            else
                put_line(out, row, series, "", NULL, series->value);
        }
    }
}
