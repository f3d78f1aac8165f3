/* One asset and interval after the other: the database says which candles are missing, these ranges are asked for, one after
 * the other, and stored page by page. A range that was asked for and stayed missing is asked for again a day later: an
 * exchange that stood still has no candles. On the admin connection, so that no transaction of the worker's own waits. */
#include "fetching_i.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/observe/log.h"
#include "alphaloop/observe/metric.h"
#include "alphaloop/store/candles.h"

#include "harvest_i.h"
#include "worker_i.h"

#define PAIRS_MAX    (SETTING_LIST_MAX * 8)
#define MISSING_MAX  32 /* ranges of one look, the newest ones */
#define BATCH_BYTES  (1U << 20)
#define LATE_BARS    2 /* the newest bars may still come: they are looked for again */
#define LOOK_BACK_NS NS_PER_DAY

enum fetching_state {
    FETCHING_RESTING,
    FETCHING_LOOKING, /* which candles are missing? */
    FETCHING_ASKING,  /* the upstream */
    FETCHING_STORING, /* a page */
    FETCHING_STOPPED,
};

struct pair {
    struct asset asset;
    int64_t interval_ns;
    int64_t known_to_ns;  /* candles before it are there, or were asked for; 0: nothing is known */
    int64_t next_full_ns; /* wall: when it is all looked at again */
};

struct fetching {
    struct worker *worker;
    enum fetching_state state;
    enum upstream_id upstream;
    struct pg_batch *batch;
    struct harvest *harvest;
    struct rng rng;
    int64_t next_wall_ns;

    struct pair pairs[PAIRS_MAX];
    size_t n_pairs, current;
    int64_t to_ns; /* of the look at the current pair */
    struct candle_gap missing[MISSING_MAX];
    size_t n_missing, at;
    uint64_t n_stored; /* of the current pair, in this round */
};

static void set_state(struct fetching *f, enum fetching_state state)
{
    static const unsigned moves[] = {
        [FETCHING_RESTING] = 1U << FETCHING_LOOKING | 1U << FETCHING_STOPPED,
        [FETCHING_LOOKING] = 1U << FETCHING_RESTING | 1U << FETCHING_LOOKING |
                             1U << FETCHING_ASKING | 1U << FETCHING_STOPPED,
        [FETCHING_ASKING] = 1U << FETCHING_RESTING | 1U << FETCHING_LOOKING |
                            1U << FETCHING_ASKING | 1U << FETCHING_STORING | 1U << FETCHING_STOPPED,
        [FETCHING_STORING] = 1U << FETCHING_RESTING | 1U << FETCHING_LOOKING |
                             1U << FETCHING_ASKING | 1U << FETCHING_STOPPED,
        [FETCHING_STOPPED] = 0,
    };
    assert((moves[f->state] & 1U << state) != 0);
    f->state = state;
}

/* ---- from one pair to the next ---- */

static void look(struct fetching *f);

static void rest(struct fetching *f)
{
    int64_t every_ns = f->worker->settings->fetch_every_seconds * NS_PER_S;
    f->next_wall_ns = worker_wall_ns(f->worker) + every_ns +
                      (int64_t)rng_below(&f->rng, (uint64_t)every_ns / 10 + 1);
    set_state(f, FETCHING_RESTING);
}

static void leave_pair(struct fetching *f)
{
    const struct pair *pair = &f->pairs[f->current];
    if (f->n_stored > 0)
        log_info("app", "fetch", NULL, EV("history_fetched"), F_STR("asset", pair->asset.text),
                 F_I64("interval_seconds", pair->interval_ns / NS_PER_S),
                 F_STR("upstream", upstream_at(f->upstream)->name), F_I64("candles", f->n_stored));
    if (++f->current < f->n_pairs)
        look(f);
    else
        rest(f);
}

/* All that was missing has been asked for. */
static void pair_is_known(struct fetching *f)
{
    struct pair *pair = &f->pairs[f->current];
    pair->known_to_ns = f->to_ns - LATE_BARS * pair->interval_ns;
    leave_pair(f);
}

/* ---- asking ---- */

static void on_stored(void *ctx, size_t index, const struct pg_result *result)
{
    struct fetching *f = ctx;
    double n = (double)pg_result_n_affected(result);
    (void)index;
    f->n_stored += (uint64_t)n;
    metric_add(METRIC_candles_fetched_total, n, upstream_at(f->upstream)->name, NULL);
}

static void on_page_stored(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct fetching *f = ctx;
    (void)failure; /* the next round looks again */
    if (f->state == FETCHING_STOPPED)
        return;
    set_state(f, FETCHING_ASKING);
    if (err == AL_OK) {
        harvest_next(f->harvest);
        return;
    }
    harvest_stop(f->harvest);
    f->harvest = NULL;
    leave_pair(f);
}

static void on_page(void *ctx, const struct history_page *page)
{
    struct fetching *f = ctx;
    const struct pg_job job = {.on_result = on_stored, .on_done = on_page_stored, .ctx = f};
    if (page->n == 0) {
        harvest_next(f->harvest);
        return;
    }
    pg_batch_reset(f->batch);
    harvest_put(f->batch, f->upstream, &f->pairs[f->current].asset, page);
    set_state(f, FETCHING_STORING);
    enum al_err err = pg_client_run(f->worker->reader, f->batch, &job);
    if (err != AL_OK)
        on_page_stored(f, err, NULL);
}

static void ask(struct fetching *f);

static void on_range_end(void *ctx, enum al_err err)
{
    struct fetching *f = ctx;
    f->harvest = NULL;
    if (f->state == FETCHING_STOPPED)
        return;
    if (err != AL_OK) {
        log_debug("app", "fetch", NULL, EV("range_not_fetched"), F_STR("why", err_text()));
        leave_pair(f);
        return;
    }
    f->at++;
    ask(f);
}

static void ask(struct fetching *f)
{
    const struct pair *pair = &f->pairs[f->current];
    if (f->at == f->n_missing) {
        pair_is_known(f);
        return;
    }
    const struct harvest_request request = {
        .fetch = f->worker->upstreams,
        .settings = f->worker->settings,
        .upstream = f->upstream,
        .name = upstreams_name(f->worker->asset_names, &pair->asset, f->upstream),
        .interval_ns = pair->interval_ns,
        .from_ns = f->missing[f->at].from_ns,
        .to_ns = f->missing[f->at].to_ns,
        .on_page = on_page,
        .on_end = on_range_end,
        .ctx = f,
    };
    set_state(f, FETCHING_ASKING);
    if (harvest_start(&request, &f->harvest) != AL_OK)
        leave_pair(f);
}

/* ---- looking ---- */

static void on_missing(void *ctx, size_t index, const struct pg_result *result)
{
    struct fetching *f = ctx;
    (void)index;
    for (size_t i = 0; i < pg_result_n_rows(result) && f->n_missing < MISSING_MAX; i++)
        f->missing[f->n_missing++] = candles_read_missing(result, i);
}

static void on_looked(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct fetching *f = ctx;
    (void)failure;
    if (f->state == FETCHING_STOPPED)
        return;
    f->at = 0;
    if (err == AL_OK)
        ask(f);
    else
        leave_pair(f);
}

static void look(struct fetching *f)
{
    struct pair *pair = &f->pairs[f->current];
    const struct pg_job job = {
        .no_transaction = true, .on_result = on_missing, .on_done = on_looked, .ctx = f};
    int64_t now_ns = worker_wall_ns(f->worker);
    if (now_ns >= pair->next_full_ns) {
        pair->known_to_ns = now_ns - f->worker->settings->fetch_days * NS_PER_DAY;
        pair->next_full_ns = now_ns + LOOK_BACK_NS;
    }
    int64_t from_ns = pair->known_to_ns;
    f->to_ns = now_ns;
    f->n_missing = f->n_stored = 0;
    set_state(f, FETCHING_LOOKING);
    if (!harvest_range(pair->interval_ns, now_ns, &from_ns, &f->to_ns)) {
        leave_pair(f);
        return;
    }
    pg_batch_reset(f->batch);
    candles_find_missing(f->batch, &pair->asset, pair->interval_ns, from_ns, f->to_ns, MISSING_MAX);
    enum al_err err = pg_client_run(f->worker->reader, f->batch, &job);
    if (err != AL_OK)
        on_looked(f, err, NULL);
}

void fetching_run(struct fetching *f)
{
    if (f == NULL || f->state != FETCHING_RESTING || worker_wall_ns(f->worker) < f->next_wall_ns ||
        !pg_client_is_ready(f->worker->reader))
        return;
    f->current = 0;
    look(f);
}

void fetching_stop(struct fetching *f)
{
    if (f == NULL || f->state == FETCHING_STOPPED)
        return;
    set_state(f, FETCHING_STOPPED);
    harvest_stop(f->harvest);
    f->harvest = NULL;
}

/* ---- what to fetch ---- */

static const struct setting_list *assets_of(const struct settings *s)
{
    return s->fetch_assets.count > 0 ? &s->fetch_assets : &s->trading_assets;
}

/* The words of FETCH_UPSTREAM are "off" and the names of upstreams.def, in their order. */
static bool upstream_of(const struct settings *s, enum upstream_id *upstream)
{
    if (s->fetch_upstream == 0)
        return false;
    *upstream = (enum upstream_id)(s->fetch_upstream - 1);
    return true;
}

static void say(
    struct buf *problems, bool *ok, const char *name, const char *item, const char *what)
{
    buf_printf(problems, "%s: '%s' %s\n", name, item, what);
    *ok = false;
}

bool fetching_check(const struct settings *s, struct buf *problems)
{
    enum upstream_id upstream;
    struct asset asset;
    bool ok = true;
    if (!upstream_of(s, &upstream))
        return true;
    for (size_t i = 0; i < s->fetch_assets.count; i++) {
        if (!asset_parse(slice_of(s->fetch_assets.items[i]), &asset))
            say(problems, &ok, "FETCH_ASSETS", s->fetch_assets.items[i], "is no asset");
    }
    for (size_t i = 0; i < s->fetch_intervals.count; i++) {
        const char *item = s->fetch_intervals.items[i];
        int64_t interval_ns = candle_interval_parse(slice_of(item));
        if (interval_ns <= 0)
            say(problems, &ok, "FETCH_INTERVALS", item, "is not 1m, 5m, 1h, 1d or the like");
        else if (upstream_at(upstream)->page_max(interval_ns) == 0)
            say(problems, &ok, "FETCH_INTERVALS", item, "is an interval that FETCH_UPSTREAM lacks");
    }
    return ok;
}

static void list_pairs(struct fetching *f)
{
    const struct settings *s = f->worker->settings;
    for (size_t i = 0; i < assets_of(s)->count; i++) {
        for (size_t k = 0; k < s->fetch_intervals.count && f->n_pairs < PAIRS_MAX; k++) {
            struct pair *pair = &f->pairs[f->n_pairs];
            if (!asset_parse(slice_of(assets_of(s)->items[i]), &pair->asset))
                continue;
            pair->interval_ns = candle_interval_parse(slice_of(s->fetch_intervals.items[k]));
            f->n_pairs++;
        }
    }
}

enum al_err fetching_create(struct worker *worker, struct fetching **out)
{
    enum upstream_id upstream;
    *out = NULL;
    if (!upstream_of(worker->settings, &upstream))
        return AL_OK;
    struct fetching *f = calloc(1, sizeof(*f));
    if (f == NULL)
        return err_set(AL_ENOMEM, "fetching");
    f->worker = worker;
    f->upstream = upstream;
    f->batch = pg_batch_create(BATCH_BYTES);
    rng_seed(&f->rng, worker->seed);
    list_pairs(f);
    *out = f;
    return f->batch != NULL ? AL_OK : err_set(AL_ENOMEM, "fetching");
}

void fetching_destroy(struct fetching *f)
{
    if (f == NULL)
        return;
    pg_batch_destroy(f->batch);
    free(f);
}
