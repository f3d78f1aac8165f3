/* A made-up market with a weak, known, learnable edge.
 *
 * Each asset has a latent alpha a(t): an Ornstein-Uhlenbeck process of mean 0 and variance 1 whose half-life is 60 s. It
 * drives the drift of the log mid price,
 *
 *     d log p = edge * DRIFT_BPS * a dt + sigma(t) dL,      L heavy-tailed (Student t, 5 degrees of freedom),
 *
 * and shows, noisily, in three places a strategy can look at: the imbalance of the order book, the signs of the trades, and
 * (through the drift itself) short momentum. sigma(t) and the spread are lognormal processes of their own, so volatility
 * clusters. With edge = 0 everything looks the same and nothing can be learned: prices ignore alpha.
 *
 * Because alpha is known in here, so is the best that any strategy could do: synthetic_truth() at one instant, and
 * synthetic_best() over a whole market. Same options, same events, on every machine.
 */
#ifndef ALPHALOOP_MARKET_SYNTHETIC_H
#define ALPHALOOP_MARKET_SYNTHETIC_H

#include "alphaloop/domain/market.h"

#define SYNTHETIC_ASSETS_MAX  16
#define SYNTHETIC_BOOK_LEVELS 10

struct synthetic_options {
    uint64_t seed;
    size_t n_assets; /* 1..SYNTHETIC_ASSETS_MAX */
    struct asset assets[SYNTHETIC_ASSETS_MAX];
    int64_t start_ns; /* market time of the step before the first; rounded down to a whole minute */
    int64_t step_ns;  /* 100 ms .. 60 s, a divisor of one minute */
    double edge;      /* 0: none; 1: as documented in docs/market.md; at most 5 */
    double half_spread_bps; /* median of the spread process; > 0 */
};

/* Seed 1, BTCUSDT and ETHUSDT, steps of one second from 2026-01-01, edge 1, half spread 0.5 bp. */
void synthetic_options_default(struct synthetic_options *options);

typedef void (*market_event_fn)(
    void *ctx, const struct market_event *event); /* borrows the event for the call */

struct synthetic;

/* AL_EINVAL naming the option that is out of range. *out: synthetic_destroy() it.   gives */
MUST_CHECK enum al_err synthetic_create(const struct synthetic_options *options,
                                        struct synthetic **out);
void synthetic_destroy(struct synthetic *synthetic);

/* One step ahead. Emits, for every asset: trades of the step (if any), order book snapshot, ticker, and at each full minute
 * the confirmed one-minute candle. Event times never go back; ts_recv_ns equals ts_event_ns. */
void synthetic_step(struct synthetic *synthetic, market_event_fn emit, void *ctx);
int64_t synthetic_now_ns(const struct synthetic *synthetic);
/* The edge from the next step on, -5..5: a market may change its mind. Below 0 the price goes against alpha, and so against
 * what book and trades show. */
void synthetic_set_edge(struct synthetic *synthetic, double edge);

/* What someone who sees alpha knows at this instant about the mid's return over the next horizon_ns. */
struct synthetic_truth {
    double alpha;           /* standard deviations */
    double expected_return; /* E[log return | alpha], fraction */
    double return_sd;       /* its standard deviation given alpha and today's volatility */
    double prob_up; /* P(return > 0 | alpha): the Bayes probability (normal approximation) */
    double mid;
};
void synthetic_truth(const struct synthetic *synthetic,
                     size_t asset_index,
                     int64_t horizon_ns,
                     struct synthetic_truth *truth);

/* The best achievable, measured by playing n_decisions decision points, one horizon apart so that outcomes do not overlap.
 * The best policy takes the side of alpha on the half of the points where |E| is largest, and pays cost_bps a round trip. */
struct synthetic_best {
    double auc;          /* of prob_up against the sign of the mid's return */
    double hit_rate;     /* share of points where the side of alpha was right */
    double net_bps;      /* mean net return a trade on the more confident half, basis points */
    double net_bps_se;   /* its standard error */
    double expected_bps; /* the same from the formulas: E|E| on that half minus cost */
    size_t n_decisions;
};
MUST_CHECK enum al_err synthetic_best(const struct synthetic_options *options,
                                      int64_t horizon_ns,
                                      double cost_bps,
                                      size_t n_decisions,
                                      struct synthetic_best *best);

#endif
