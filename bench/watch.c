/* watch: what a tick costs the core while it watches orders whose positions stand open, so that none of them is ever over: when
 * something became of one of them since the last tick, and when nothing did. Prints "changed_us quiet_us n_orders", medians. */
#include <stdio.h>
#include <string.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/pipeline/pipeline.h"
#include "bench.h"

enum { TICKS = 500, ORDERS = 20000 };
#define START_NS (1767225600 * NS_PER_S)

static const char *env_get(void *ctx, const char *name, const char **origin)
{
    (void)ctx;
    static const char *const values[][2] = {{"MODEL_SERVICE_API_KEY", "0123456789abcdef"},
                                            {"POSTGRES_HOST", "x"},
                                            {"POSTGRES_DB", "x"},
                                            {"POSTGRES_USER", "x"},
                                            {"POSTGRES_PASSWORD", "x"},
                                            {"RABBITMQ_HOST", "x"},
                                            {"RABBITMQ_USER", "x"},
                                            {"RABBITMQ_PASSWORD", "x"}};
    *origin = "bench";
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        if (strcmp(values[i][0], name) == 0)
            return values[i][1];
    }
    return NULL;
}

static void check(enum al_err err, const struct buf *problems)
{
    if (err != AL_OK)
        bench_die("%s %s", err_text(), buf_str(problems));
}

static struct pipeline *some_pipeline(void)
{
    static struct settings settings;
    static struct strategy_config strategy;
    struct buf problems = BUF_INIT(SETTINGS_PROBLEMS_MAX);
    struct settings_source source = {.get = env_get};
    struct strategy_id id = {"momentum_v1"};
    struct json_reader *reader = json_reader_create(65536, 16);
    struct pipeline *pipeline;
    check(settings_read(&source, 0, &settings, &problems), &problems);
    check(strategy_config_parse(reader, &id, SLICE("{\"assets\":[\"BTCUSDT\"]}"), &settings,
                                &strategy, &problems),
          &problems);
    json_reader_destroy(reader);
    const struct pipeline_options options = {&settings, &strategy, 1, 1};
    check(pipeline_create(&options, &pipeline), &problems);
    buf_deinit(&problems);
    return pipeline;
}

static void watch(struct pipeline *pipeline, size_t n, struct rng *rng)
{
    struct order_outcome outcome = {.strategy_id = {"momentum_v1"},
                                    .asset = {"BTCUSDT"},
                                    .side = SIDE_BUY,
                                    .decided_at_ns = START_NS,
                                    .first_fill_ns = START_NS,
                                    .last_fill_ns = START_NS,
                                    .answered_at_ns = START_NS,
                                    .quantity = 1,
                                    .price = 100,
                                    .exited_at_ns = TIMESTAMP_NONE};
    for (size_t i = 0; i < n; i++) {
        outcome.signal_id = uuid_v7(START_NS, rng);
        pipeline_restore_order_outcome(pipeline, &outcome);
    }
}

static double microseconds_of(bool has_news)
{
    struct effects effects;
    struct pipeline *pipeline = some_pipeline();
    struct rng rng;
    double took[TICKS];
    rng_seed(&rng, 1);
    effects_init(&effects);
    watch(pipeline, ORDERS - TICKS, &rng);
    for (int i = 0; i < TICKS; i++) {
        watch(pipeline, has_news ? 1 : 0, &rng);
        int64_t started_ns = bench_now_ns();
        (void)pipeline_tick(pipeline, START_NS + i * NS_PER_S, &effects);
        took[i] = (double)(bench_now_ns() - started_ns) / 1e3;
        if (effects.count > 0)
            bench_die("something was due");
    }
    effects_deinit(&effects);
    pipeline_destroy(pipeline);
    return bench_percentile(took, TICKS, 0.5);
}

int main(void)
{
    double changed_us = microseconds_of(true);
    printf("%.2f %.2f %d\n", changed_us, microseconds_of(false), ORDERS);
    return 0;
}
