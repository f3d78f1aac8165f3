/* A column of the feature matrix that knows the future, by degrees: at every decision it holds how far the market's mid really
 * went in the next so many seconds. The market has no edge, so whatever a model finds, it found in that column. The training
 * must refuse such rows and name the column, and must not where nothing leaks.
 *
 * The label's horizon is a minute. A column that sees 10 s of it has the AUC of a strong feature, and nothing in the rows tells
 * it from one: the table says from where on a leak is found, and what the gate would have said without canaries. */
#include "harness/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/train/evaluate.h"
#include "harness/desk_train.h"

#define PLAYED_NS (5 * NS_PER_H)
#define COLUMN    "return_5"

static const struct desk_options options = {
    .seed = 11,
    .edge = 0,
    .is_free = true,
    .settings = {{"TRADING_ASSETS", "BTCUSDT,ETHUSDT"}, {"WARMUP_SIGNAL_FREQUENCY", "6"}},
    .strategy_json =
        "{\"decision\":{\"interval_seconds\":10},\"epsilon\":0.02,\"limits\":{\"rate\":"
        "100000,\"burst\":1000},\"training\":{\"new_samples\":0}}",
};

/* The mid at a decision, in order of asset and time. */
struct quote {
    struct asset asset;
    int64_t ts_ns;
    double mid;
};

static struct desk_run desk;
static struct quote *quotes;
static size_t n_quotes;

/* ---- the future ---- */

static int truth_cmp(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct uuid));
}

static int quote_cmp(const void *a, const void *b)
{
    const struct quote *x = a, *y = b;
    int order = strcmp(x->asset.text, y->asset.text);
    return order != 0 ? order : (x->ts_ns > y->ts_ns) - (x->ts_ns < y->ts_ns);
}

static void note_quotes(void)
{
    quotes = calloc(desk.n_samples + 1, sizeof *quotes);
    assert_non_null(quotes);
    qsort(desk.truths, desk.n_truths, sizeof *desk.truths, truth_cmp);
    for (size_t i = 0; i < desk.n_samples; i++) {
        const struct sample *sample = &desk.samples[i];
        const struct desk_truth *truth = bsearch(&sample->decision_id, desk.truths, desk.n_truths,
                                                 sizeof *desk.truths, truth_cmp);
        assert_non_null(truth);
        quotes[n_quotes++] = (struct quote){sample->asset, sample->t0_ns, truth->truth.mid};
    }
    qsort(quotes, n_quotes, sizeof *quotes, quote_cmp);
}

/* Of the first decision of this asset at ts_ns or later; NaN when there is none. */
static double mid_at(const struct asset *asset, int64_t ts_ns)
{
    const struct quote key = {*asset, ts_ns, 0};
    size_t low = 0, high = n_quotes;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (quote_cmp(&quotes[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n_quotes && asset_eq(&quotes[low].asset, asset) ? quotes[low].mid : (double)NAN;
}

/* The column becomes the log return of the mid from from_s to to_s after the decision; from_s = to_s leaves it alone. */
static void plant(struct train_rows *rows, size_t column, int from_s, int to_s)
{
    for (size_t i = 0; i < rows->n_rows && to_s > from_s; i++) {
        const struct sample *sample = &desk.samples[i];
        double from = mid_at(&sample->asset, sample->t0_ns + from_s * NS_PER_S);
        double to = mid_at(&sample->asset, sample->t0_ns + to_s * NS_PER_S);
        rows->x[i * rows->n_cols + column] = (float)log(to / from);
    }
}

/* Of the column alone, oriented, against a net gain. */
static double auc_of(const struct train_rows *rows, size_t column)
{
    float *values = calloc(rows->n_rows, sizeof *values), *net = calloc(rows->n_rows, sizeof *net);
    size_t n = 0;
    double auc;
    assert_true(values != NULL && net != NULL);
    for (size_t i = 0; i < rows->n_rows; i++) {
        float value = rows->x[i * rows->n_cols + column];
        if (isnan(value))
            continue;
        values[n] = rows->rows[i].action == SIDE_BUY ? value : -value;
        net[n++] = rows->rows[i].net_return;
    }
    check_ok(evaluate_auc(values, net, NULL, n, &auc));
    free(values);
    free(net);
    return auc;
}

/* ---- trainings ---- */

struct found {
    double auc;
    bool refused_as_leak;
    enum train_verdict verdict;
    char reason[MANIFEST_REASON_MAX];
};

static struct found train(int from_s, int to_s, bool canaries)
{
    const struct feature_set *set =
        pipeline_feature_set(desk.pipeline, &desk.strategy->strategy_id);
    struct train_job *job = calloc(1, sizeof *job);
    struct train_rows rows;
    struct train_result result;
    struct found found = {0};
    assert_non_null(job);
    size_t column = feature_set_find(set, SLICE(COLUMN));
    assert_true(column < set->n_columns && set->columns[column].is_oriented);
    desk_job(&desk, 1, job);
    job->canaries = canaries;
    desk_rows(&desk, 0, &rows);
    plant(&rows, column, from_s, to_s);
    check_ok(train_run(job, set, &rows, NULL, NULL, &result));
    found.auc = auc_of(&rows, column);
    found.verdict = result.end.verdict;
    found.refused_as_leak =
        result.manifest != NULL && result.manifest->canaries == MANIFEST_CANARIES_FAILED;
    snprintf(found.reason, sizeof found.reason, "%s", result.end.reason);
    train_result_deinit(&result);
    train_rows_deinit(&rows);
    free(job);
    return found;
}

static int begin(void **state)
{
    (void)state;
    desk_start(&desk, &options);
    desk.forgets_signals = true;
    desk_play(&desk, PLAYED_NS);
    note_quotes();
    return 0;
}

static int end(void **state)
{
    (void)state;
    free(quotes);
    desk_stop(&desk);
    return 0;
}

static void test_a_column_that_sees_the_label_is_refused_by_name(void **state)
{
    static const int seen_s[] = {0, 10, 20, 30, 40, 50, 60};
    (void)state;
    printf("no edge, %zu rows, horizon 60 s; a column sees   its AUC   with canaries   without\n",
           desk.n_samples);
    for (size_t i = 0; i < COUNT_OF(seen_s); i++) {
        struct found with = train(0, seen_s[i], true), without = train(0, seen_s[i], false);
        printf("  %34d s ahead    %.3f   %-14s  %s\n", seen_s[i], with.auc,
               with.refused_as_leak            ? "named"
               : with.verdict == TRAIN_PROMOTE ? "promoted"
                                               : "refused",
               without.verdict == TRAIN_PROMOTE ? "promoted" : "refused");
        if (seen_s[i] == 0) {
            assert_false(with.refused_as_leak);
            check_i64(without.verdict, TRAIN_REFUSE);
        }
        if (with.refused_as_leak) {
            check_i64(with.verdict, TRAIN_REFUSE);
            check_has(with.reason, "'" COLUMN "'");
        }
        if (with.auc > 0.9) {
            assert_true(with.refused_as_leak);
            check_i64(without.verdict, TRAIN_PROMOTE); /* what it would have led to */
        }
        if (seen_s[i] == 60) {
            printf("  %s\n", with.reason);
            assert_true(with.auc > 0.9);
            check_has(with.reason, "planted future");
        }
    }
}

/* Worth nothing for the decision's own label, but from after it. */
static void test_a_column_from_after_the_label_is_refused_by_name(void **state)
{
    (void)state;
    struct found found = train(60, 120, true);
    printf("a column sees the minute after the label: AUC of its own label %.3f\n  %s\n", found.auc,
           found.reason);
    assert_true(found.refused_as_leak);
    check_near(found.auc, 0.5, 0.05);
    check_has(found.reason, "shifted labels");
    check_has(found.reason, "'" COLUMN "'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_column_that_sees_the_label_is_refused_by_name),
        cmocka_unit_test(test_a_column_from_after_the_label_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
