/* Recovery's parts and what lies between them: recovery_load.c fills `loaded` on the pool's thread, recovery_apply.c tells it
 * to the core on the loop, recovery.c tries until it is done. */
#ifndef ALPHALOOP_APP_RECOVERY_PARTS_I_H
#define ALPHALOOP_APP_RECOVERY_PARTS_I_H

#include "alphaloop/base/timestamp.h"
#include "alphaloop/feature/market_state.h"
#include "alphaloop/store/candles.h"
#include "alphaloop/store/execution_events.h"
#include "alphaloop/store/migrate.h"
#include "alphaloop/store/order_outcomes.h"
#include "alphaloop/store/orders_seen.h"
#include "alphaloop/store/position_states.h"
#include "alphaloop/store/rollout_verdicts.h"
#include "alphaloop/store/samples.h"
#include "alphaloop/store/shadow_scores.h"
#include "alphaloop/store/training_runs.h"
#include "alphaloop/store/training_schedule.h"

#include "outbox_i.h"
#include "recovery_i.h"
#include "worker_i.h"

#define RECOVERY_CANDLES_EACH_MAX 1500

/* A growing array; loads are bounded by their statements' limits. */
struct rows {
    char *items;
    size_t count, cap, item_size;
};
struct loaded_run {
    struct strategy_id strategy_id;
    struct admin_training last;
};

struct loaded_model {
    struct strategy_id strategy_id;
    struct model_version_id version;
    struct sha256 folder_hash;
    struct scorer *scorer; /* NULL: it did not verify */
    char error[256];
};

/* Where a version stood: beside the active one, or as it. */
struct loaded_standing {
    struct rollout_standing_row row;
    struct scorer *scorer; /* of a shadow; NULL: it did not verify */
    char error[256];
};

struct loaded_rollback {
    struct strategy_id strategy_id;
    int64_t at_ns;
};

struct loaded {
    struct rows pending;    /* struct outgoing */
    struct rows open;       /* struct decision */
    struct rows executions; /* struct execution */
    struct rows orders;     /* struct order_state */
    struct rows costs;      /* struct execution_row */
    struct rows fills;      /* struct samples_fills */
    struct rows positions;  /* struct position_state */
    struct rows held;       /* struct order_outcome */
    struct rows samples;    /* struct samples_count */
    struct rows schedule;   /* struct training_schedule_row */
    struct rows starts;     /* struct training_start */
    struct rows outcomes;   /* struct samples_outcome */
    struct rows intervals;  /* struct samples_interval */
    struct rows runs;       /* struct loaded_run */
    struct rows candles;    /* struct candle_row */
    struct rows models;     /* struct loaded_model */
    struct rows versions;   /* struct model_version_id: all that the registry knows */
    struct rows standing;   /* struct loaded_standing */
    struct rows rollbacks;  /* struct loaded_rollback */
    struct rows drifting;   /* struct strategy_id: its model's alarm has rung */
    struct rows scores;     /* struct shadow_scores */
    struct rows blocks;     /* struct shadow_block_row */
    uint64_t n_cancelled;
};

struct recovery {
    struct worker *worker;
    struct pg_options options;
    int64_t wall_ns, now_ns; /* when the job began */
    struct asset *assets;    /* whose candles to load */
    size_t n_assets;
    int64_t intervals_ns[MARKET_TIMEFRAMES_MAX * 4];
    size_t n_intervals, n_candles_each;
    struct loaded loaded;
    struct migrate_report migrated;
    size_t n_removed; /* folders without a row */
    enum al_err err;
    char error[512];
    bool closing, working;
    uint64_t retry_ms;
    uv_work_t work;
    uv_timer_t timer;
};

#define FOR_EACH(type, item, rows)                                                                 \
    for (type *item = (type *)(void *)(rows).items;                                                \
         item != NULL && item < (type *)(void *)(rows).items + (rows).count; item++)

/* Every array empty, and empty again. */
void loaded_init(struct loaded *loaded);
void loaded_deinit(struct loaded *loaded);

/* Blocks: migrate, load, clean up. r->err and r->error say how it went. */
void recovery_load(struct recovery *r);
/* Tell the core, and let the worker go on. */
void recovery_apply(struct recovery *r);

#endif
