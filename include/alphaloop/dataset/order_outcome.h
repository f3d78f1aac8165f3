/* What became of one signal's order after it left: when it filled, where the market went then, and when and how the desk
 * really closed what it opened.
 *
 * The barrier label (label.h) is what a model learns from; this is what happened. Positions of an asset are netted, so fills
 * are matched first in, first out: a fill first closes what stands open on the other side, oldest first, and only the rest of
 * it is a position of its own. Profit belongs to the decision that opened, never to the fill that closed.
 *
 *     realised gross = s (P_exit / P - 1),   P_exit the VWAP of the closing fills
 *     realised cost  = entry fee rate + exit fee rate   (the spread is in the prices)
 *
 * Where no fill of ours explains that the position is gone (its update says flat), it counts as closed at the mid of that
 * moment, at the entry's fee rate and half the spread. The span of a realised label ends at the exit.
 */
#ifndef ALPHALOOP_DATASET_ORDER_OUTCOME_H
#define ALPHALOOP_DATASET_ORDER_OUTCOME_H

#include "alphaloop/dataset/markout.h"
#include "alphaloop/domain/decision.h"

enum exit_source {
    EXIT_OPEN,     /* still held, or nothing to hold */
    EXIT_FILLS,    /* closed by our own fills */
    EXIT_POSITION, /* the position was gone: closed at the mid of that moment, at least in part */
    EXIT_SOURCE_COUNT
};
extern const char *const exit_source_names[EXIT_SOURCE_COUNT];

struct order_outcome {
    struct uuid signal_id;
    struct strategy_id strategy_id;
    struct asset asset;
    enum side side;
    bool is_dry_run;
    int64_t decided_at_ns;
    int64_t
        answered_at_ns; /* decision clock when the first fill, else the order's end, was heard of */
    int64_t first_fill_ns, last_fill_ns; /* TIMESTAMP_NONE: no fill */
    double quantity, price, fee_rate;    /* filled, base currency; VWAP; one way, fraction */
    double markouts[MARKOUT_COUNT];      /* NaN: not known */
    double netted;                       /* of `quantity`: closed what was open on the other side */
    double exit_quantity, exit_price, exit_fee_rate; /* closed so far */
    enum exit_source exit_source;
    int64_t exited_at_ns; /* when all was closed; TIMESTAMP_NONE while held */
    double realised_gross, realised_cost, realised_net; /* fractions; NaN while held */
};

/* A signal nothing is known of yet. */
void order_outcome_init(struct order_outcome *outcome, const struct decision *decision);

/* One more fill. */
void order_outcome_fill(
    struct order_outcome *outcome, double quantity, double price, double fees, int64_t ts_ns);

/* An event that added no fill says that `total` was filled by ts_ns: what it tells of times is kept. True when that changed. */
bool order_outcome_told(struct order_outcome *outcome, double total, int64_t ts_ns);

/* What it still holds open, base currency; less than a billionth of the fill counts as nothing. */
double order_outcome_held(const struct order_outcome *outcome);

/* Close `quantity` of what is held (no more), `cost_rate` a fraction of the notional. When nothing is held after it the
 * realised outcome stands. */
void order_outcome_close(struct order_outcome *outcome,
                         double quantity,
                         double price,
                         double cost_rate,
                         int64_t ts_ns,
                         enum exit_source source);

#endif
