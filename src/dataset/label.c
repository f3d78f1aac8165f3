/* Outcomes are read from closes of a bar path, walking forward from the entry to the first touch. */
#include "alphaloop/dataset/label.h"

#include <assert.h>
#include <math.h>

static struct label label_at(const struct label_entry *entry,
                             const struct price_bar *bar,
                             enum barrier barrier,
                             int64_t t1_ns)
{
    double gross = side_sign(entry->side) * (bar->mid / entry->price - 1.0);
    double cost = 2.0 * entry->fee_rate + bar->half_spread / entry->price;
    return (struct label){
        .barrier = barrier,
        .t1_ns = t1_ns,
        .exit_price = bar->mid,
        .gross = gross,
        .cost = cost,
        .net = gross - cost,
    };
}

/* The last bar before the entry must be near enough to it: otherwise the path starts too late or in a hole. */
static bool reaches_back(const struct price_path *path,
                         size_t index,
                         const struct label_rule *rule,
                         int64_t ts_ns)
{
    return index > 0 && ts_ns - price_path_at(path, index - 1)->ts_close_ns <= rule->gap_max_ns;
}

enum al_err label_triple_barrier(const struct price_path *path,
                                 const struct label_rule *rule,
                                 const struct label_entry *entry,
                                 struct label *label)
{
    assert(rule->sigma_h > 0 && entry->price > 0 && entry->side != SIDE_NONE);
    int64_t end_ns = entry->ts_ns + rule->horizon_ns;
    size_t index = price_path_after(path, entry->ts_ns);
    if (index == path->count && price_path_newest_ns(path) < entry->ts_ns)
        return AL_ESHORT;
    if (!reaches_back(path, index, rule, entry->ts_ns))
        return err_set(AL_ENOTFOUND, "no prices at the entry");
    const struct price_bar *last = price_path_at(path, index - 1);
    for (; index < path->count; index++) {
        const struct price_bar *bar = price_path_at(path, index);
        int64_t seen_until_ns = bar->ts_close_ns < end_ns ? bar->ts_close_ns : end_ns;
        if (seen_until_ns - last->ts_close_ns > rule->gap_max_ns)
            return err_set(AL_ENOTFOUND, "a hole of %.0f s in the label's span",
                           (double)(bar->ts_close_ns - last->ts_close_ns) / 1e9);
        if (bar->ts_close_ns > end_ns) {
            *label = label_at(entry, last, BARRIER_VERTICAL, end_ns);
            return AL_OK;
        }
        double moved = side_sign(entry->side) * (bar->mid / entry->price - 1.0);
        bool up = moved >= rule->barrier_up * rule->sigma_h;
        if (up || moved <= -rule->barrier_down * rule->sigma_h) {
            *label = label_at(entry, bar, up ? BARRIER_UPPER : BARRIER_LOWER, bar->ts_close_ns);
            return AL_OK;
        }
        last = bar;
    }
    return AL_ESHORT;
}

/* The newest price at ts_ns; NaN when the path begins later. */
static double mid_by(const struct price_path *path, int64_t ts_ns)
{
    size_t after = price_path_after(path, ts_ns);
    return after == 0 ? (double)NAN : price_path_at(path, after - 1)->mid;
}

void label_span_returns(const struct price_path *path,
                        int64_t t0_ns,
                        int64_t t1_ns,
                        float out[SPAN_PIECES])
{
    assert(t0_ns <= t1_ns);
    double last = mid_by(path, t0_ns);
    for (int64_t k = 0; k < SPAN_PIECES; k++) {
        double mid = mid_by(path, t0_ns + (t1_ns - t0_ns) * (k + 1) / SPAN_PIECES);
        out[k] = isnan(last) ? NAN : (float)log(mid / last);
        last = isnan(last) ? last : mid;
    }
}

#define COST_MODEL_MEMORY_FILLS 1000.0
#define COST_MODEL_T_MAX        3.0

void cost_model_init(struct cost_model *model)
{
    *model = (struct cost_model){0};
}

/* One step of an exponentially forgetting mean and second moment (West 1979, with decay). */
static void forgetful_mean(double *mean, double *m2, double weight, double decay, double value)
{
    double delta = value - *mean;
    *mean += delta / weight;
    if (m2 != NULL)
        *m2 = decay * *m2 + delta * (value - *mean);
}

void cost_model_update(struct cost_model *model, double slippage, double fee_rate, double delay_ns)
{
    double decay = 1.0 - 1.0 / COST_MODEL_MEMORY_FILLS;
    double gap = model->slippage - slippage;
    model->weight = decay * model->weight + 1.0;
    if (model->n_fills >= COST_MODEL_FILLS_MIN)
        forgetful_mean(&model->error, &model->error_m2, model->weight, decay, gap);
    forgetful_mean(&model->slippage, &model->slippage_m2, model->weight, decay, slippage);
    forgetful_mean(&model->fee_rate, NULL, model->weight, decay, fee_rate);
    forgetful_mean(&model->delay_ns, NULL, model->weight, decay, delay_ns > 0 ? delay_ns : 0);
    model->n_fills++;
}

void cost_model_on_orders(struct cost_model *model, uint64_t n, double mean_fraction)
{
    assert(mean_fraction >= 0 && mean_fraction <= 1);
    double decay = pow(1.0 - 1.0 / COST_MODEL_MEMORY_FILLS, (double)n);
    double gained = (1.0 - decay) * COST_MODEL_MEMORY_FILLS; /* 1 + d + ... + d^(n-1) */
    if (n == 0)
        return;
    model->order_weight = decay * model->order_weight + gained;
    model->filled += (mean_fraction - model->filled) * gained / model->order_weight;
    model->n_orders += n;
}

double cost_model_fill_fraction(const struct cost_model *model)
{
    return model->n_orders < COST_MODEL_FILLS_MIN ? 1.0 : model->filled;
}

bool cost_model_is_fit(const struct cost_model *model)
{
    if (model->n_fills < COST_MODEL_FILLS_MIN || model->weight < 2.0)
        return false;
    double standard_error = sqrt(model->slippage_m2 / (model->weight - 1.0) / model->weight);
    return standard_error == 0.0 || fabs(model->error) < COST_MODEL_T_MAX * standard_error;
}

struct label_entry cost_model_entry(const struct cost_model *model,
                                    enum side side,
                                    double mid,
                                    int64_t decided_at_ns)
{
    return (struct label_entry){
        .side = side,
        .price = mid * (1.0 + side_sign(side) * model->slippage),
        .fee_rate = model->fee_rate,
        .ts_ns = decided_at_ns + (int64_t)model->delay_ns,
    };
}
