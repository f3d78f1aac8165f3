/* Labels: what became of an action, read from the market after its fill.
 *
 * Triple-barrier method (Lopez de Prado 2018, ch. 3.3 to 3.6): from the entry price P at time t, in the direction s of the
 * action, an upper barrier at +k_up sigma_h, a lower one at -k_down sigma_h, and a vertical one at t + h. As in the book's
 * snippet 3.2 touches are seen on the closes of a bar series, and the close that touched is the exit price, so a jump
 * through a barrier is not filled at the barrier.
 *
 *     gross = s (P_exit / P - 1)
 *     cost  = fees, both ways, and half the spread at the exit, as fractions of P
 *     net   = gross - cost                                                   (the outcome r)
 */
#ifndef ALPHALOOP_DATASET_LABEL_H
#define ALPHALOOP_DATASET_LABEL_H

#include "alphaloop/dataset/price_path.h"
#include "alphaloop/dataset/sample.h"

struct label_rule {
    double sigma_h;                  /* fraction, > 0 */
    double barrier_up, barrier_down; /* k_up, k_down, > 0 */
    int64_t horizon_ns;
    int64_t gap_max_ns; /* a longer silence inside the span refuses the label */
};

struct label_entry {
    enum side side;
    double price;    /* P: the filled VWAP, > 0 */
    double fee_rate; /* one way, fraction of the notional; negative is a rebate */
    int64_t ts_ns;   /* t: the last fill */
};

struct label {
    enum barrier barrier;
    int64_t t1_ns; /* event time of the exit price; for the vertical barrier exactly t + h */
    double exit_price;
    double gross, cost, net; /* fractions */
};

/* Label one entry by the market that followed.
 *
 *   path     mid prices, at least from the entry on          borrows
 *   label    out
 *   returns  AL_OK; AL_ESHORT while the path ends before the label is known; AL_ENOTFOUND when a hole longer than
 *            gap_max_ns lies inside the span, or the path no longer reaches back to the entry
 */
MUST_CHECK enum al_err label_triple_barrier(const struct price_path *path,
                                            const struct label_rule *rule,
                                            const struct label_entry *entry,
                                            struct label *label);

/* What the market did in each part of a label's span: what attribution of returns is made of (weight.h).
 *
 *   path   mid prices                                                       borrows
 *   out    log returns of the mid from t0 + k (t1 - t0) / SPAN_PIECES to the next such instant, each read at the newest
 *          price that was there by then; all NaN when the path does not reach back to t0
 */
void label_span_returns(const struct price_path *path,
                        int64_t t0_ns,
                        int64_t t1_ns,
                        float out[SPAN_PIECES]);

/* What our own fills cost, measured: the price of the actions we did not take. Exponentially forgetting means
 * (memory of about 1000 fills); slippage is signed against the reference mid at the decision. */
struct cost_model {
    uint64_t n_fills;
    double weight;      /* sum of the forgetting weights */
    double slippage;    /* mean of s (P / mid_0 - 1): half-spread, impact and delay together */
    double slippage_m2; /* for its variance */
    double fee_rate;    /* mean one-way fee, fraction */
    double delay_ns;    /* mean time from decision to fill */
    double error,
        error_m2; /* predicted minus real slippage, before each update: is the model honest? */
    uint64_t n_orders;
    double order_weight; /* sum of the orders' forgetting weights */
    double filled;       /* mean filled fraction of an order; 0: it did not fill at all */
};

#define COST_MODEL_FILLS_MIN 50

void cost_model_init(struct cost_model *model);
void cost_model_update(struct cost_model *model, double slippage, double fee_rate, double delay_ns);
/* An order whose outcome is known, or (restored) n of them, newest forgotten last. 0 <= mean_fraction <= 1. */
void cost_model_on_orders(struct cost_model *model, uint64_t n, double mean_fraction);
/* What is filled of an order on average; 1 until COST_MODEL_FILLS_MIN orders have been seen. */
double cost_model_fill_fraction(const struct cost_model *model);
/* Enough fills, and the mean gap between predicted and real cost is not significant (|t| < 3). */
bool cost_model_is_fit(const struct cost_model *model);
/* The entry the other action would have had: at mid, plus the mean slippage, after the mean delay. */
struct label_entry cost_model_entry(const struct cost_model *model,
                                    enum side side,
                                    double mid,
                                    int64_t decided_at_ns);

#endif
