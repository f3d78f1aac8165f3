/* The admin routes: what they are given by the program, and the table they are served from.
 *
 * Handlers know no sockets and no other room's state. What is true right now they read from struct
 * admin_live, which the program fills when asked; what they want done they ask for through the action
 * functions; what is in the database they read with the store's functions on `reader`.
 */
#ifndef ALPHALOOP_ADMIN_ADMIN_H
#define ALPHALOOP_ADMIN_ADMIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alphaloop/dataset/markout.h"
#include "alphaloop/domain/names.h"
#include "alphaloop/io/http_route.h"

#define ADMIN_STRATEGIES_MAX 64
#define ADMIN_CONSUMERS_MAX  16
#define ADMIN_PRICES_MAX     50 /* assets of one question */
#define ADMIN_UPSTREAMS_MAX  16
#define ADMIN_TEXT_MAX       512 /* a verdict of the gate is the longest */

/* ---- the live view: plain values, filled from scratch for each request ---- */

/* Something we depend on. `state` is one lower-case word ("connected", "connecting", "blocked",
 * "missing", "active" ...); `detail` says why when it is not well, "" otherwise. Never a secret. */
struct admin_part {
    bool ok;
    char state[24];
    char detail[ADMIN_TEXT_MAX];
};

struct admin_consumer {
    char queue[128];
    bool required; /* readiness waits for it (order events); market data may be missing */
    struct admin_part part;
    uint64_t n_received;
    int64_t last_at_ns; /* newest message; TIMESTAMP_NONE before the first */
};

enum admin_mode {
    ADMIN_MODE_WARMUP, /* heuristics decide */
    ADMIN_MODE_MODEL,  /* a promoted model decides */
    ADMIN_MODE_FLAT,   /* nothing decides: no model and warm-up is off */
};
const char *admin_mode_name(enum admin_mode mode); /* "warmup", "model", "flat" */

/* One training run, current or past. */
struct admin_training {
    bool exists; /* false: all other members mean nothing */
    char run_id[40];
    char trigger[32]; /* schedule, samples, degradation, manual */
    char stage[32];  /* waiting, loading, fitting, calibrating, evaluating, writing, done, failed */
    double progress; /* 0..1 */
    int64_t started_at_ns;
    int64_t finished_at_ns;         /* TIMESTAMP_NONE while it runs */
    int64_t n_rows;                 /* -1 when not known yet */
    char version[VERSION_TEXT_MAX]; /* "" when none came of it */
    char outcome[32];               /* "", activated, rejected, failed, cancelled */
    char detail[ADMIN_TEXT_MAX];
};

struct admin_strategy {
    struct strategy_id id;
    enum admin_mode mode;
    bool warmup_enabled;
    struct model_version_id active_version; /* "" in warm-up */
    char active_kind[24];                   /* "xgboost" */
    int64_t active_since_ns;                /* TIMESTAMP_NONE */
    int64_t n_samples;                      /* settled rows a training now would read */
    double n_eff;                           /* their effective number */
    double n_eff_needed;
    int64_t n_samples_new;    /* of them, settled since the last training */
    int64_t n_open_decisions; /* waiting for their outcome */
    struct admin_training current, last;
    int64_t next_scheduled_ns; /* TIMESTAMP_NONE */
    double signals_per_minute; /* over the last minute */
    uint64_t n_signals, n_abstentions;
    uint64_t n_settled; /* decisions with a known outcome since the start of the ledger */
    double pnl_settled; /* their sum, quote currency */
    double win_rate;    /* NaN when n_settled is 0 */
    double interval_nominal, interval_coverage; /* made to hold, held lately; NaN: not known */
    struct markout_mean markouts[MARKOUT_COUNT];
    char last_verdict[ADMIN_TEXT_MAX]; /* of the gate, in words; "" before the first */
    int64_t last_verdict_at_ns;
};

/* Of the process and its machine; NaN: not known. */
struct admin_vitals {
    double cpu_share; /* of one core, over the newest minute */
    double load_1m;
    double memory_resident_bytes, memory_available_bytes, memory_total_bytes;
    double disk_free_bytes, disk_total_bytes; /* of the model store */
};

/* Whom we ask over HTTP, and what is kept of the answers. */
struct admin_upstreams {
    bool exists; /* false: nobody is asked; all other members mean nothing */
    size_t n;
    struct admin_upstream {
        char name[24];
        const char *breaker; /* "closed", "half_open", "open" */
        uint64_t n_calls, n_ok;
    } items[ADMIN_UPSTREAMS_MAX];
    size_t n_busy, n_idle;       /* connections */
    size_t n_running, n_waiting; /* calls */
    uint64_t n_opened;
    double price_hit_rate;  /* share of prices that were told at once, NaN: none was asked for */
    double assets_per_call; /* of prices, NaN: no call was made */
};

enum admin_trend {
#define TREND(name, help) ADMIN_TREND_##name,
#include "alphaloop/tbl/health_trends.def"
#undef TREND
    ADMIN_TREND_COUNT
};

#define ADMIN_TREND_HOURS_MAX 168

/* One minute. */
struct admin_trend_point {
    int64_t at_ns;                   /* its end, wall clock */
    float values[ADMIN_TREND_COUNT]; /* NaN: nothing to tell */
};

struct admin_live {
    int64_t now_ns;        /* wall clock */
    int64_t market_now_ns; /* the clock decisions are made by */
    int64_t started_at_ns;
    bool publishing; /* false: --no-publish */
    bool stopping;
    struct admin_part database;
    int schema_version, schema_expected; /* -1: not known */
    struct admin_part consume_connection, publish_connection;
    struct admin_part model_storage;
    size_t n_consumers;
    struct admin_consumer consumers[ADMIN_CONSUMERS_MAX];
    uint64_t outbox_pending;     /* decided, not confirmed yet */
    uint64_t buffered_events;    /* order events taken, not committed yet */
    uint64_t n_quarantined;      /* since start */
    double loop_lag_p99_seconds; /* NaN when not measured */
    struct admin_vitals vitals;
    struct admin_upstreams upstreams;
    size_t n_strategies;
    struct admin_strategy strategies[ADMIN_STRATEGIES_MAX];
};

/* ---- actions ---- */

enum admin_outcome {
    ADMIN_DONE,
    ADMIN_NOT_FOUND, /* no such strategy, version or run: 404 */
    ADMIN_CONFLICT, /* not possible now: already so, another strategy's version, nothing to go back to: 409 */
    ADMIN_INVALID, /* the version does not verify or does not fit the catalogue: 422 */
    ADMIN_AWAY,    /* database or model store is away: 503 */
    ADMIN_REFUSED, /* what was asked for cannot be had, in the words of the answer: 400 */
    ADMIN_BUSY,    /* more is asked at once than we take: 429 */
    ADMIN_FAILED,  /* 500 */
};

struct admin_result {
    enum admin_outcome outcome;
    struct model_version_id version; /* now active (activate, rollback); else "" */
    const char *text;  /* what happened or why not, a sentence; borrowed for the call */
    struct slice body; /* JSON that was asked for; borrowed for the call */
};

/* Called exactly once, on the loop's thread, from inside the action or later. */
typedef void (*admin_result_fn)(void *ctx, const struct admin_result *result);

/* A forecast that is asked for. Borrowed for the call. */
struct admin_forecast_ask {
    struct slice model_name;
    int64_t horizon; /* hours */
    bool save;       /* into the table predictions, before the answer */
};

/* A name to be registered. Borrowed for the call; empty where it was not given. */
struct admin_forecast_registration {
    struct slice model_name, model_type;
    struct slice horizons; /* "1,3,24": rising */
    struct slice file_path;
    struct slice feature_config, parameters; /* JSON objects */
    struct slice asset, interval;            /* "BTCUSDT", "1h" */
};

struct admin_actions {
    void (*trigger_training)(void *app, const struct strategy_id *, admin_result_fn, void *ctx);
    void (*cancel_training)(void *app, const struct strategy_id *, admin_result_fn, void *ctx);
    void (*activate)(void *app,
                     const struct model_version_id *,
                     const struct strategy_id *,
                     admin_result_fn,
                     void *ctx);
    void (*rollback)(void *app, const struct strategy_id *, admin_result_fn, void *ctx);
    /* Read from the model store, not on the loop: the body is an answer of schema ModelImportance. */
    void (*importance)(void *app, const struct model_version_id *, admin_result_fn, void *ctx);
    /* The body is an answer of schema Forecast, or ForecastRegistered. NULL: there are no forecasts here. */
    void (*forecast_predict)(void *app,
                             const struct admin_forecast_ask *,
                             admin_result_fn,
                             void *ctx);
    void (*forecast_register)(void *app,
                              const struct admin_forecast_registration *,
                              admin_result_fn,
                              void *ctx);
    /* The body is an answer of schema PriceList. n in 1..ADMIN_PRICES_MAX. NULL: there are no prices here. */
    void (*prices)(void *app, const struct asset *assets, size_t n, admin_result_fn, void *ctx);
    /* Train and predict a table of the caller's own: `body` is that of the request, borrowed for the call. DONE when the run
     * is RUNNING, or with the body of the answer (schema TabularPredictions). */
    void (*tabular_train)(void *app,
                          struct slice model_name,
                          int64_t model_run_id,
                          struct slice body,
                          admin_result_fn,
                          void *ctx);
    void (*tabular_predict)(
        void *app, int64_t model_run_id, struct slice body, admin_result_fn, void *ctx);
};

/* ---- context and table ---- */

struct feature_set;
struct pg_client;
struct rollout_view;
struct settings;
struct strategy_config;

struct admin_context {
    const struct settings *settings; /* keeps; swapped by the program on SIGHUP */
    const char *service;             /* MODEL_SERVICE_SERVICE_NAME */
    const char *version;             /* of the program */
    struct pg_client *reader;        /* keeps; NULL: every answer from the database is 503 */
    void *app;                       /* handed to the functions below */
    void (*live)(void *app, struct admin_live *out);
    /* NULL when there is no such strategy: its configuration, and the columns its decisions freeze now. */
    const struct strategy_config *(*config)(void *app, const struct strategy_id *);
    const struct feature_set *(*feature_set)(void *app, const struct strategy_id *);
    /* The rollout of the index-th strategy; false past the last. NULL: none is known. */
    bool (*rollout)(void *app, size_t index, struct rollout_view *out);
    /* The index-th minute, oldest first; false past the last. NULL: none is kept. */
    bool (*trend)(void *app, size_t index, struct admin_trend_point *out);
    struct admin_actions actions;
};

/* Rows of routes.def, to be given to http_server_start with a struct admin_context as ctx. */
const struct http_route *admin_routes(size_t *n_routes);

/* The description of all routes, OpenAPI 3.1, as JSON text: docs/openapi.json and GET /openapi.json. */
MUST_CHECK enum al_err admin_openapi_write(struct buf *out);

/* docs/http-routes.md, whole. */
void admin_routes_markdown(struct buf *out);

#endif
