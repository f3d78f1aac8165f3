/* The market generator: latent processes first (the path), then what they look like from outside (the dress).
 *
 * The path draws from one random stream and the dress from another, so the prices of a seed do not depend on whether
 * anybody looks: synthetic_best() walks the path without dressing it. The arithmetic of the edge, with phi the decay of
 * alpha over a step, n the steps of a horizon and D the drift a step at alpha = 1:
 *
 *     E[return | alpha]   = D alpha (1 - phi^n) / (1 - phi)
 *     Var[return | alpha] = sigma^2 n + D^2 (1 - phi^2) / (1 - phi)^2 * sum_{m=1}^{n-1} (1 - phi^m)^2
 *
 * Invariant: bid < ask, all quantities above 0, event times never go back.
 */
#include "alphaloop/market/synthetic.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/rng.h"
#include "bar_i.h"

#define BPS 1e-4

/* What the edge is made of; docs/market.md explains the choice. */
static const double ALPHA_HALF_LIFE_S = 60.0;
static const double DRIFT_BPS_PER_S = 0.135; /* at alpha = 1 and edge = 1 */
static const double SIGMA_BPS_PER_SQRT_S = 2.1;
static const double SIGMA_HALF_LIFE_S = 600.0, SIGMA_LOG_SD = 0.35;
static const double SPREAD_HALF_LIFE_S = 30.0, SPREAD_LOG_SD = 0.25;
static const double HINT_HALF_LIFE_S =
    3.0; /* of the noise over what the book and the trades show of alpha */
static const double HINT_ALPHA = 0.7; /* correlation of a hint with alpha; the rest is that noise */
static const double BOOK_TILT = 0.9, TRADE_TILT = 0.6;
static const double COMMON_SHARE = 0.25; /* of the noise variance that all assets have together */
static const double TRADES_PER_S = 1.5;
static const double LEVEL_NOTIONAL = 20000.0, TRADE_NOTIONAL = 1500.0; /* quote currency, medians */
static const double LEVEL_LOG_SD = 0.4, TRADE_LOG_SD = 1.0;

enum { STEP_TRADES_MAX = 64 };

struct latent { /* one asset's path */
    double alpha;
    double log_sigma, log_spread; /* deviations from their medians, standard normal */
    double book_hint, trade_hint; /* noise of the hints, standard normal */
    double log_price;
    double tick;
    double volume_24h;
    struct bar candle;
};

struct synthetic {
    struct synthetic_options options;
    struct rng path, dress;
    double step_s;
    int64_t now_ns;
    struct latent latents[SYNTHETIC_ASSETS_MAX];
    struct market_event event; /* scratch: one event is large */
};

/* ---- options ---- */

void synthetic_options_default(struct synthetic_options *options)
{
    *options = (struct synthetic_options){.seed = 1,
                                          .n_assets = 2,
                                          .start_ns = 1767225600LL * NS_PER_S,
                                          .step_ns = NS_PER_S,
                                          .edge = 1.0,
                                          .half_spread_bps = 0.5};
    static const char *const names[] = {"BTCUSDT", "ETHUSDT"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        memcpy(options->assets[i].text, names[i], strlen(names[i]));
}

static enum al_err options_check(const struct synthetic_options *o)
{
    if (o->n_assets < 1 || o->n_assets > SYNTHETIC_ASSETS_MAX)
        return err_set(AL_EINVAL, "n_assets: %zu is not in 1..%d", o->n_assets,
                       SYNTHETIC_ASSETS_MAX);
    if (o->step_ns < 100 * NS_PER_MS || o->step_ns > NS_PER_MIN || NS_PER_MIN % o->step_ns != 0)
        return err_set(AL_EINVAL, "step_ns: %lld is not a divisor of a minute from 100 ms up",
                       (long long)o->step_ns);
    if (!(o->edge >= 0 && o->edge <= 5))
        return err_set(AL_EINVAL, "edge: %g is not in 0..5", o->edge);
    if (!(o->half_spread_bps > 0 && o->half_spread_bps <= 100))
        return err_set(AL_EINVAL, "half_spread_bps: %g is not in (0, 100]", o->half_spread_bps);
    if (o->start_ns < 0 || o->start_ns > INT64_MAX / 2)
        return err_set(AL_EINVAL, "start_ns: %lld is not a time after 1970",
                       (long long)o->start_ns);
    return AL_OK;
}

/* ---- the path ---- */

static double decay(double step_s, double half_life_s)
{
    return exp2(-step_s / half_life_s);
}

/* One step of an Ornstein-Uhlenbeck process of variance 1. */
static void ou_step(double *x, double phi, struct rng *rng)
{
    *x = phi * *x + sqrt(1 - phi * phi) * rng_normal(rng);
}

/* Student t with 5 degrees of freedom, scaled to variance 1: t5 = normal / sqrt(chi2 / 5) has variance 5/3. */
static double heavy_tailed(struct rng *rng)
{
    double chi2 = 0;
    for (int i = 0; i < 5; i++) {
        double z = rng_normal(rng);
        chi2 += z * z;
    }
    return rng_normal(rng) / sqrt(chi2 / 5) / sqrt(5.0 / 3.0);
}

static double sigma_step(const struct synthetic *s, const struct latent *l)
{
    return SIGMA_BPS_PER_SQRT_S * BPS * sqrt(s->step_s) * exp(SIGMA_LOG_SD * l->log_sigma);
}

static double drift_step(const struct synthetic *s)
{
    return s->options.edge * DRIFT_BPS_PER_S * BPS * s->step_s;
}

static void latent_advance(struct synthetic *s, struct latent *l, double common)
{
    double noise = sqrt(COMMON_SHARE) * common + sqrt(1 - COMMON_SHARE) * heavy_tailed(&s->path);
    l->log_price += drift_step(s) * l->alpha + sigma_step(s, l) * noise;
    ou_step(&l->alpha, decay(s->step_s, ALPHA_HALF_LIFE_S), &s->path);
    ou_step(&l->log_sigma, decay(s->step_s, SIGMA_HALF_LIFE_S), &s->path);
}

static void advance(struct synthetic *s)
{
    double common = heavy_tailed(&s->path);
    for (size_t i = 0; i < s->options.n_assets; i++)
        latent_advance(s, &s->latents[i], common);
    s->now_ns += s->options.step_ns;
}

/* ---- the dress ---- */

static double mid_of(const struct latent *l)
{
    return exp(l->log_price);
}

static double lognormal(struct rng *rng, double median, double log_sd)
{
    return median * exp(log_sd * rng_normal(rng));
}

static void best_prices(const struct synthetic *s, const struct latent *l, double *bid, double *ask)
{
    double mid = mid_of(l);
    double half = mid * s->options.half_spread_bps * BPS *
                  exp(SPREAD_LOG_SD * l->log_spread + 0.5 * SIGMA_LOG_SD * l->log_sigma);
    *bid = floor((mid - half) / l->tick) * l->tick;
    *ask = ceil((mid + half) / l->tick) * l->tick;
    if (*ask <= *bid)
        *ask = *bid + l->tick;
}

static struct market_event *event_begin(struct synthetic *s,
                                        size_t asset,
                                        enum market_kind kind,
                                        int64_t ts_ns)
{
    struct market_event *event = &s->event;
    event->kind = kind;
    event->asset = s->options.assets[asset];
    event->ts_event_ns = event->ts_recv_ns = ts_ns;
    event->trace_id.text[0] = '\0';
    return event;
}

static void emit_book(
    struct synthetic *s, size_t asset, double bid, double ask, market_event_fn emit, void *ctx)
{
    struct latent *l = &s->latents[asset];
    struct market_event *event = event_begin(s, asset, MARKET_BOOK, s->now_ns);
    double hint = HINT_ALPHA * l->alpha + sqrt(1 - HINT_ALPHA * HINT_ALPHA) * l->book_hint;
    double tilt = exp(0.5 * BOOK_TILT * hint), median = LEVEL_NOTIONAL / bid;
    event->book.is_delta = false;
    event->book.n_bids = event->book.n_asks = SYNTHETIC_BOOK_LEVELS;
    double gap = fmax(l->tick, round((ask - bid) / l->tick) * l->tick);
    for (size_t i = 0; i < SYNTHETIC_BOOK_LEVELS; i++) {
        event->book.bids[i] = (struct book_level){
            bid - (double)i * gap, tilt * lognormal(&s->dress, median, LEVEL_LOG_SD)};
        event->book.asks[i] = (struct book_level){
            ask + (double)i * gap, lognormal(&s->dress, median, LEVEL_LOG_SD) / tilt};
    }
    emit(ctx, event);
}

static void emit_ticker(
    struct synthetic *s, size_t asset, double bid, double ask, market_event_fn emit, void *ctx)
{
    struct latent *l = &s->latents[asset];
    struct market_event *event = event_begin(s, asset, MARKET_TICKER, s->now_ns);
    double median = LEVEL_NOTIONAL / bid;
    event->ticker = (struct ticker_update){.last_price = bar_close(&l->candle),
                                           .volume_24h = l->volume_24h,
                                           .bid_price = bid,
                                           .ask_price = ask,
                                           .bid_qty = median,
                                           .ask_qty = median};
    emit(ctx, event);
}

/* Number of arrivals in a step, mean `mean`: Knuth's product of uniforms, bounded. */
static size_t arrivals(struct rng *rng, double mean)
{
    double limit = exp(-mean), product = rng_uniform(rng);
    size_t n = 0;
    while (product > limit && n < STEP_TRADES_MAX) {
        product *= rng_uniform(rng);
        n++;
    }
    return n;
}

static void emit_trades(
    struct synthetic *s, size_t asset, double bid, double ask, market_event_fn emit, void *ctx)
{
    struct latent *l = &s->latents[asset];
    size_t n = arrivals(&s->dress, TRADES_PER_S * s->step_s * exp(SIGMA_LOG_SD * l->log_sigma));
    double hint = HINT_ALPHA * l->alpha + sqrt(1 - HINT_ALPHA * HINT_ALPHA) * l->trade_hint;
    double prob_buy = 0.5 + 0.5 * tanh(TRADE_TILT * hint);
    l->volume_24h -= l->volume_24h * s->step_s / 86400;
    struct market_event *event = event_begin(s, asset, MARKET_TRADES, s->now_ns);
    for (size_t i = 0; i < n; i++) {
        enum side side = rng_uniform(&s->dress) < prob_buy ? SIDE_BUY : SIDE_SELL;
        int64_t ts = s->now_ns - s->options.step_ns +
                     s->options.step_ns / (int64_t)(n + 1) * (int64_t)(i + 1);
        double qty = lognormal(&s->dress, TRADE_NOTIONAL / bid, TRADE_LOG_SD);
        event->trades.trades[i] = (struct trade){ts, side == SIDE_BUY ? ask : bid, qty, side};
        bar_add(&l->candle, event->trades.trades[i].price, qty);
        l->volume_24h += qty;
    }
    event->trades.n_trades = n;
    event->trades.n_dropped = 0;
    if (n == 0)
        bar_add(&l->candle, bar_is_empty(&l->candle) ? (bid + ask) / 2 : bar_close(&l->candle), 0);
    else
        emit(ctx, event);
}

static void emit_candle(struct synthetic *s, size_t asset, market_event_fn emit, void *ctx)
{
    if (s->now_ns % NS_PER_MIN != 0)
        return;
    struct market_event *event = event_begin(s, asset, MARKET_KLINE, s->now_ns);
    event->kline.n_earlier = 0;
    event->kline.confirmed = true;
    bar_take(&s->latents[asset].candle, s->now_ns - NS_PER_MIN, NS_PER_MIN, &event->kline.candle);
    emit(ctx, event);
}

static void dress_asset(struct synthetic *s, size_t asset, market_event_fn emit, void *ctx)
{
    struct latent *l = &s->latents[asset];
    double hint_phi = decay(s->step_s, HINT_HALF_LIFE_S), bid, ask;
    ou_step(&l->log_spread, decay(s->step_s, SPREAD_HALF_LIFE_S), &s->dress);
    ou_step(&l->book_hint, hint_phi, &s->dress);
    ou_step(&l->trade_hint, hint_phi, &s->dress);
    best_prices(s, l, &bid, &ask);
    emit_trades(s, asset, bid, ask, emit, ctx);
    emit_book(s, asset, bid, ask, emit, ctx);
    emit_ticker(s, asset, bid, ask, emit, ctx);
    emit_candle(s, asset, emit, ctx);
}

/* ---- life ---- */

/* Where the asset begins; further assets get cheaper, which exercises small prices and large quantities. */
static double first_price(size_t asset)
{
    static const double prices[] = {60000, 3000, 150, 600, 0.5, 40, 0.08, 12};
    return prices[asset % COUNT_OF(prices)];
}

static void latent_init(struct synthetic *s, size_t asset)
{
    struct latent *l = &s->latents[asset];
    double price = first_price(asset);
    *l = (struct latent){
        .alpha = rng_normal(&s->path), .log_sigma = rng_normal(&s->path), .log_price = log(price)};
    l->log_spread = rng_normal(&s->dress);
    l->tick = pow(10, floor(log10(price)) - 6);
    l->volume_24h =
        86400 * TRADES_PER_S * TRADE_NOTIONAL / price * exp(TRADE_LOG_SD * TRADE_LOG_SD / 2);
    bar_init(&l->candle);
}

enum al_err synthetic_create(const struct synthetic_options *options, struct synthetic **out)
{
    *out = NULL;
    enum al_err err = options_check(options);
    if (err != AL_OK)
        return err_add(err, "synthetic market");
    struct synthetic *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_set(AL_ENOMEM, "synthetic market");
    s->options = *options;
    s->step_s = (double)options->step_ns / (double)NS_PER_S;
    s->now_ns = options->start_ns - options->start_ns % NS_PER_MIN;
    rng_seed(&s->path, options->seed);
    rng_seed(&s->dress, options->seed ^ 0x64726573736573ULL);
    for (size_t i = 0; i < options->n_assets; i++)
        latent_init(s, i);
    *out = s;
    return AL_OK;
}

void synthetic_destroy(struct synthetic *synthetic)
{
    free(synthetic);
}

void synthetic_step(struct synthetic *synthetic, market_event_fn emit, void *ctx)
{
    advance(synthetic);
    for (size_t i = 0; i < synthetic->options.n_assets; i++)
        dress_asset(synthetic, i, emit, ctx);
}

int64_t synthetic_now_ns(const struct synthetic *synthetic)
{
    return synthetic->now_ns;
}

void synthetic_set_edge(struct synthetic *synthetic, double edge)
{
    assert(edge >= -5 && edge <= 5);
    synthetic->options.edge = edge;
}

/* ---- the truth ---- */

/* Sum over m = 1..n-1 of (1 - phi^m)^2, in closed form. */
static double shock_sum(double phi, double n)
{
    double k = n - 1;
    return k - 2 * phi * (1 - pow(phi, k)) / (1 - phi) +
           phi * phi * (1 - pow(phi, 2 * k)) / (1 - phi * phi);
}

void synthetic_truth(const struct synthetic *synthetic,
                     size_t asset_index,
                     int64_t horizon_ns,
                     struct synthetic_truth *truth)
{
    assert(asset_index < synthetic->options.n_assets && horizon_ns >= synthetic->options.step_ns);
    const struct latent *l = &synthetic->latents[asset_index];
    double phi = decay(synthetic->step_s, ALPHA_HALF_LIFE_S), drift = drift_step(synthetic);
    int64_t n_steps = horizon_ns / synthetic->options.step_ns;
    double n = (double)n_steps, sigma = sigma_step(synthetic, l);
    double wander = drift * drift * (1 - phi * phi) / ((1 - phi) * (1 - phi)) * shock_sum(phi, n);
    truth->alpha = l->alpha;
    truth->expected_return = drift * l->alpha * (1 - pow(phi, n)) / (1 - phi);
    truth->return_sd = sqrt(sigma * sigma * n + wander);
    truth->prob_up = 0.5 * erfc(-truth->expected_return / truth->return_sd / sqrt(2));
    truth->mid = mid_of(l);
}

struct outcome {
    struct synthetic_truth truth;
    double realized;
};

static int by_prob_up(const void *a, const void *b)
{
    double x = ((const struct outcome *)a)->truth.prob_up,
           y = ((const struct outcome *)b)->truth.prob_up;
    return (x > y) - (x < y);
}

static int by_confidence(const void *a, const void *b)
{
    double x = fabs(((const struct outcome *)a)->truth.alpha),
           y = fabs(((const struct outcome *)b)->truth.alpha);
    return (x < y) - (x > y);
}

/* Mann-Whitney: the share of (up, down) pairs that prob_up puts in the right order. Ties have probability 0 with an edge;
 * without one every prob_up is 1/2 and the order is that of the points in
 * time, which knows nothing. */
static double auc_of(struct outcome *outcomes, size_t n)
{
    qsort(outcomes, n, sizeof *outcomes, by_prob_up);
    double n_up = 0, n_down = 0, rank_sum = 0;
    for (size_t i = 0; i < n; i++) {
        bool up = outcomes[i].realized > 0;
        n_up += up;
        n_down += !up;
        rank_sum += up ? (double)(i + 1) : 0;
    }
    return n_up > 0 && n_down > 0 ? (rank_sum - n_up * (n_up + 1) / 2) / (n_up * n_down) : 0.5;
}

static void score_best(struct outcome *outcomes,
                       size_t n,
                       double cost_bps,
                       struct synthetic_best *best)
{
    best->auc = auc_of(outcomes, n);
    size_t n_right = 0, n_half = n / 2;
    for (size_t i = 0; i < n; i++)
        n_right += (outcomes[i].truth.alpha > 0) == (outcomes[i].realized > 0);
    best->hit_rate = (double)n_right / (double)n;
    qsort(outcomes, n, sizeof *outcomes, by_confidence);
    double sum = 0, sum_sq = 0, expected = 0;
    for (size_t i = 0; i < n_half; i++) {
        double net = copysign(1, outcomes[i].truth.alpha) * outcomes[i].realized / BPS - cost_bps;
        sum += net;
        sum_sq += net * net;
        expected += fabs(outcomes[i].truth.expected_return) / BPS - cost_bps;
    }
    double m = (double)n_half;
    best->net_bps = sum / m;
    best->net_bps_se = sqrt((sum_sq / m - best->net_bps * best->net_bps) / m);
    best->expected_bps = expected / m;
    best->n_decisions = n;
}

enum al_err synthetic_best(const struct synthetic_options *options,
                           int64_t horizon_ns,
                           double cost_bps,
                           size_t n_decisions,
                           struct synthetic_best *best)
{
    if (n_decisions < 4 || n_decisions > 10000000 || horizon_ns < options->step_ns)
        return err_set(AL_EINVAL, "n_decisions or horizon_ns out of range");
    struct synthetic *s;
    enum al_err err = synthetic_create(options, &s);
    if (err != AL_OK || s == NULL)
        return err;
    struct outcome *outcomes = calloc(n_decisions + options->n_assets, sizeof *outcomes);
    if (outcomes == NULL) {
        synthetic_destroy(s);
        return err_set(AL_ENOMEM, "%zu decisions", n_decisions);
    }
    size_t n = 0;
    while (n < n_decisions) {
        for (size_t i = 0; i < options->n_assets; i++)
            synthetic_truth(s, i, horizon_ns, &outcomes[n + i].truth);
        for (int64_t end_ns = s->now_ns + horizon_ns; s->now_ns < end_ns;)
            advance(s);
        for (size_t i = 0; i < options->n_assets; i++)
            outcomes[n + i].realized = s->latents[i].log_price - log(outcomes[n + i].truth.mid);
        n += options->n_assets;
    }
    score_best(outcomes, n_decisions, cost_bps, best);
    free(outcomes);
    synthetic_destroy(s);
    return AL_OK;
}
