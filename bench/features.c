/* features: what one finished candle costs a set of 60 columns: market state, every column, and the vector. Beside it the
 * cost of one book update with the vector, the path of a decision. Prints "candle_us book_us n_columns". */
#include <stdio.h>
#include <stdlib.h>

#include "alphaloop/feature/feature_catalog.h"
#include "alphaloop/feature/feature_engine.h"
#include "alphaloop/market/synthetic.h"
#include "bench.h"

enum { COLUMNS = 60, WARMUP_STEPS = 3600 * 2, STEPS = 3600 * 6 };

struct run {
    struct feature_set *set;
    struct feature_engine *engine;
    struct market_state *state;
    struct market_update update;
    struct market_limits limits;
    float vector[FEATURES_MAX];
    int64_t ns[MARKET_KIND_COUNT];
    size_t n[MARKET_KIND_COUNT], n_ready;
};

static void check(enum al_err err, const char *doing)
{
    if (err != AL_OK)
        bench_die("%s: %s", doing, err_text());
}

/* The first 60 columns of the catalogue that need a feed; the order there is by kind, so most are candle columns. */
static void resolve(struct feature_set *set)
{
    struct slice names[COLUMNS];
    for (size_t i = 0; i < COLUMNS; i++)
        names[i] = slice_of(feature_row_at(i)->name);
    check(feature_set_resolve(names, COLUMNS, NS_PER_MIN, set), "feature set");
}

static void on_event(void *ctx, const struct market_event *event)
{
    struct run *run = ctx;
    int64_t started_ns = bench_now_ns();
    market_state_on_event(run->state, event, event->ts_event_ns, &run->update);
    feature_engine_on_update(run->engine, &run->update);
    enum reason reason = feature_engine_vector(run->engine, run->state, &run->limits, NULL,
                                               event->ts_event_ns, run->vector);
    run->ns[event->kind] += bench_now_ns() - started_ns;
    run->n[event->kind]++;
    run->n_ready += reason == REASON_NONE;
}

int main(void)
{
    struct run *run = calloc(1, sizeof *run);
    run->set = calloc(1, sizeof *run->set);
    if (run->set == NULL)
        bench_die("out of memory");
    run->limits = MARKET_LIMITS_DEFAULT;
    resolve(run->set);
    struct synthetic_options options;
    struct synthetic *market;
    synthetic_options_default(&options);
    options.n_assets = 1;
    check(synthetic_create(&options, &market), "market");
    check(market_state_create(&options.assets[0], &run->state), "market state");
    check(feature_engine_create(run->set, &run->engine), "engine");
    for (int i = 0; i < WARMUP_STEPS; i++)
        synthetic_step(market, on_event, run);
    for (size_t kind = 0; kind < MARKET_KIND_COUNT; kind++)
        run->ns[kind] = 0, run->n[kind] = 0;
    run->n_ready = 0;
    for (int i = 0; i < STEPS; i++)
        synthetic_step(market, on_event, run);
    if (run->n_ready == 0)
        bench_die("no vector was ever ready");
    printf("%.3f %.3f %zu\n", (double)run->ns[MARKET_KLINE] / 1e3 / (double)run->n[MARKET_KLINE],
           (double)run->ns[MARKET_BOOK] / 1e3 / (double)run->n[MARKET_BOOK], run->set->n_columns);
    feature_engine_destroy(run->engine);
    market_state_destroy(run->state);
    synthetic_destroy(market);
    free(run->set);
    free(run);
    return 0;
}
