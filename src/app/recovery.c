/* One thread-pool job (recovery_load.c), then one application on the loop (recovery_apply.c); tried again while the database is
 * away. */
#include "recovery_parts_i.h"

#include <assert.h>
#include <stdlib.h>

#include "alphaloop/feature/feature_set.h"
#include "alphaloop/observe/log.h"

#define RETRY_MIN_MS 200
#define RETRY_MAX_MS 5000

static void work(uv_work_t *work)
{
    recovery_load(work->data);
}

static void on_worked(uv_work_t *work_request, int status);

static void on_timer(uv_timer_t *timer)
{
    struct recovery *r = timer->data;
    r->wall_ns = worker_wall_ns(r->worker);
    r->now_ns = worker_now_ns(r->worker);
    r->working = uv_queue_work(r->worker->loop, &r->work, work, on_worked) == 0;
}

static void on_worked(uv_work_t *work_request, int status)
{
    struct recovery *r = work_request->data;
    r->working = false;
    if (r->closing || status != 0) {
        loaded_deinit(&r->loaded);
        if (r->closing)
            recovery_close(r);
        return;
    }
    if (r->err == AL_OK) {
        recovery_apply(r);
        return;
    }
    loaded_deinit(&r->loaded);
    if (r->err == AL_EVERSION || r->err == AL_EVERIFY) {
        worker_fail(r->worker, "schema_refused", r->error);
        return;
    }
    log_at(r->retry_ms == RETRY_MIN_MS ? LOG_WARN : LOG_DEBUG, "app", "recover", NULL,
           EV("database_away"), F_STR("why", r->error));
    uv_timer_start(&r->timer, on_timer, r->retry_ms, 0);
    r->retry_ms = 2 * r->retry_ms < RETRY_MAX_MS ? 2 * r->retry_ms : RETRY_MAX_MS;
}

static void want_interval(struct recovery *r, int64_t interval_ns, size_t n_candles)
{
    r->n_candles_each = n_candles > r->n_candles_each ? n_candles : r->n_candles_each;
    for (size_t i = 0; i < r->n_intervals; i++) {
        if (r->intervals_ns[i] == interval_ns)
            return;
    }
    if (r->n_intervals < COUNT_OF(r->intervals_ns))
        r->intervals_ns[r->n_intervals++] = interval_ns;
}

/* Candles of every asset at every timeframe a feature set uses, and minutes for volatility and volume. */
static void want_candles(struct recovery *r)
{
    struct worker *worker = r->worker;
    r->assets = calloc(ASSETS_MAX, sizeof(struct asset));
    assert(r->assets != NULL);
    want_interval(r, NS_PER_MIN, RECOVERY_CANDLES_EACH_MAX);
    for (size_t i = 0; i < worker->n_strategies; i++) {
        const struct strategy_config *config = &worker->strategies[i];
        const struct feature_set *set =
            pipeline_feature_set(worker->pipeline, &config->strategy_id);
        for (size_t t = 0; t < set->n_timeframes; t++)
            want_interval(r, set->timeframes_ns[t],
                          feature_set_candles_wanted(set, set->timeframes_ns[t]));
        for (size_t a = 0; a < config->n_assets; a++) {
            bool known = false;
            for (size_t k = 0; k < r->n_assets && !known; k++)
                known = asset_eq(&r->assets[k], &config->assets[a]);
            if (!known && r->n_assets < ASSETS_MAX)
                r->assets[r->n_assets++] = config->assets[a];
        }
    }
}

enum al_err recovery_start(struct worker *worker, struct recovery **out)
{
    struct recovery *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return err_set(AL_ENOMEM, "recovery");
    r->worker = worker;
    r->retry_ms = RETRY_MIN_MS;
    r->options = worker_pg_options(worker, "recovery");
    r->work.data = r;
    r->timer.data = r;
    loaded_init(&r->loaded);
    want_candles(r);
    uv_timer_init(worker->loop, &r->timer);
    uv_timer_start(&r->timer, on_timer, 0, 0);
    *out = r;
    return AL_OK;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct recovery *r = handle->data;
    loaded_deinit(&r->loaded);
    free(r->assets);
    free(r);
}

void recovery_close(struct recovery *r)
{
    if (r == NULL)
        return;
    r->closing = true;
    if (!r->working)
        uv_close((uv_handle_t *)&r->timer, on_timer_closed);
}

const char *recovery_error(const struct recovery *r)
{
    return r->error;
}
