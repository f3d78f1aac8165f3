/* The worker's parts and who may touch what. One loop, one thread; each part is a file of src/app/ and has one writer.
 *
 *   feed.c      market data and positions in
 *   intake.c    order events in: batch, transaction, acknowledgement
 *   ledger.c    rows out: what the core wants stored, in order, one transaction at a time
 *   outbox.c    signals out: publish after commit, confirm, mark
 *   training.c  the training child and its result
 *   activation.c  which version decides
 *   forecasts.c   forecasts: served, trained, held against the prices that come
 *   rollout.c   versions on their way to deciding, or away from it
 *   tabular_*.c the train/predict routes: tables of callers
 *   events.c    word to other systems
 *   funds.c     what may be spent
 *   reconcile.c order events that were lost
 *   retention.c rows that are old enough to go
 *   history.c   finished klines into the price history
 *   fetching.c  price history that is missing
 *   journal.c   what the core is told, recorded
 *   pulse.c     whether the database answers
 *   recovery.c  the state again after a start
 *   view.c      what the admin port sees
 *   worker.c    start, effects, drain, stop
 */
#ifndef ALPHALOOP_APP_WORKER_I_H
#define ALPHALOOP_APP_WORKER_I_H

#include <uv.h>

#include "alphaloop/admin/admin.h"
#include "alphaloop/io/amqp.h"
#include "alphaloop/io/file.h"
#include "alphaloop/io/http.h"
#include "alphaloop/io/pg.h"
#include "alphaloop/pipeline/market_clock.h"
#include "alphaloop/pipeline/pipeline.h"
#include "alphaloop/settings/asset_names.h"
#include "alphaloop/settings/settings.h"
#include "alphaloop/settings/strategy_config.h"

enum worker_state {
    WORKER_STARTING,   /* waiting for the database, migrating */
    WORKER_RECOVERING, /* loading the state */
    WORKER_RUNNING,
    WORKER_DRAINING, /* nothing more is taken in; what was taken is finished */
    WORKER_STOPPING, /* closing */
    WORKER_STOPPED,
};
const char *worker_state_name(enum worker_state state);

struct events;
struct fetch;
struct fetching;
struct feed;
struct journal;
struct funds;
struct intake;
struct ledger;
struct outbox;
struct reconcile;
struct retention;
struct history;
struct pulse;
struct training;
struct forecasts;
struct recovery;
struct tabular_predictions;
struct tabular_runs;

struct worker {
    uv_loop_t *loop;
    struct settings *settings; /* written by SIGHUP only */
    struct strategy_config *strategies;
    size_t n_strategies;
    struct asset_names *asset_names; /* as read at the start */
    enum worker_state state;
    bool publishes; /* false: --no-publish */
    int exit_code;
    uint64_t seed;
    int n_activations; /* under way */
    int n_importances; /* being read */
    bool storage_ok;   /* the model store could be written when last tried */
    char storage_error[256];
    struct storage_check {
        uv_work_t work;
        bool running, ok;
        double disk_free_bytes, disk_total_bytes;
        char dir[FILE_PATH_MAX], error[256];
    } storage_check; /* in the thread pool: it waits for the disk */
    int64_t started_at_ns;

    struct market_clock clock;
    struct pipeline *pipeline;
    struct effects effects;
    int64_t next_tick_ns; /* decision clock */

    struct amqp_conn *consuming, *publishing;
    struct pg_client *writer, *reader;
    struct journal *journal; /* NULL: nothing is recorded */
    struct feed *feed;
    struct intake *intake;
    struct ledger *ledger;
    struct outbox *outbox;
    struct events *events;
    struct training *training;
    struct forecasts *forecasts;
    struct tabular_runs *tabular_runs;
    struct tabular_predictions *tabular_predictions;
    struct funds *funds;
    struct reconcile *reconcile;
    struct retention *retention;
    struct history *history;
    struct fetching *fetching; /* NULL: off */
    struct pulse *pulse;
    struct vitals *vitals;
    struct fetch *upstreams; /* NULL: nothing is asked of anybody */
    struct error_reports *error_reports;
    struct spot_prices *spot_prices; /* NULL without PRICE_UPSTREAM */
    struct recovery *recovery;

    struct http_server *http;
    struct admin_context admin;

    struct amqp_declaration declarations[2]; /* what must exist before we publish */
    int64_t storage_checked_ns, drain_until_ns, watchdog_ns, watchdog_due_ns;
    uint64_t tick_due_hr_ns;
    void (*reload)(struct worker *worker); /* SIGHUP */
    const char *env_file;

    uv_timer_t tick;
    uv_signal_t on_term, on_int, on_hup;
    int n_closing; /* parts that have not reported closed yet */
};

/* Build everything and begin. What was built when it fails is not taken down: the program ends. */
MUST_CHECK enum al_err worker_start(struct worker *worker);
/* After the loop has ended. */
void worker_deinit(struct worker *worker);

int64_t worker_wall_ns(const struct worker *worker);
int64_t worker_now_ns(struct worker *worker); /* the decision clock */
/* Perform what the core asked for. Called after every call into the pipeline. */
void worker_perform(struct worker *worker);
/* The core cannot be asked for more than it has room to answer. */
void worker_make_room(struct worker *worker);

/* A strategy may decide in another way now: tell it. */
void worker_mode_changed(struct worker *worker, const struct strategy_id *strategy_id);
/* The state is loaded: go on. / Nothing can help: stop with exit code 1, after saying why. */
void worker_on_recovered(struct worker *worker);
void worker_fail(struct worker *worker, const char *what, const char *why);
/* The active version cannot be used: go back to the one before it, else to warm-up. */
void worker_fall_back(struct worker *worker, const struct strategy_id *strategy_id);
struct pg_options worker_pg_options(const struct worker *worker, const char *name);
/* A ledger transaction ended: what it made room for, or made true, may go on. */
void worker_after_ledger(struct worker *worker);

#endif
