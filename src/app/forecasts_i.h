/* Forecasts while the worker runs: answers from versions kept in memory, trainings in a child, and prices for what was kept.
 *
 *   forecasts.c       looks every few seconds: what is due is trained, what a prediction waited for is written beside it
 *   forecast_ask.c    one forecast that was asked for
 *   forecast_cache.c  versions in memory
 *
 *     IDLE -> LOOKING -> NUMBERING -> FITTING -> VERIFYING -> REGISTERING -> IDLE
 *
 * One training at a time; everything that waits is in the table ml_models, so a start goes on where the last one ended.
 */
#ifndef ALPHALOOP_APP_FORECASTS_I_H
#define ALPHALOOP_APP_FORECASTS_I_H

#include "alphaloop/admin/admin.h"
#include "alphaloop/forecast/forecaster.h"
#include "alphaloop/store/ml_models.h"

struct worker;
struct forecasts;

MUST_CHECK enum al_err forecasts_create(struct worker *worker, struct forecasts **out);
void forecasts_destroy(struct forecasts *forecasts);
void forecasts_run(struct forecasts *forecasts);  /* each tick */
void forecasts_stop(struct forecasts *forecasts); /* end the child; nothing new is started */
/* The same, without recording anything any more: the database is about to close. */
void forecasts_abandon(struct forecasts *forecasts);
bool forecasts_are_idle(const struct forecasts *forecasts);

void forecasts_register(struct forecasts *forecasts,
                        const struct admin_forecast_registration *wish,
                        admin_result_fn done,
                        void *ctx);

/* ---- forecast_cache.c ---- */

/* A version in memory, and what it said of the newest bar it was asked about. On the loop's thread only, but for the forecaster,
 * which never changes. */
struct forecast_served {
    char file_path[ML_MODEL_PATH_MAX]; /* its key */
    struct forecaster *forecaster;
    size_t n_refs; /* the cache's, and those who compute with it */
    uint64_t used; /* turn of its last use */
    int64_t newest_open_ns;
    double newest_close;
    struct forecast_point points[FORECAST_HORIZONS_MAX]; /* of that bar */
};

struct forecast_cache;
struct forecast_cache *forecast_cache_create(size_t n_max); /* NULL when out of memory */
void forecast_cache_destroy(struct forecast_cache *cache);  /* NULL is fine */
size_t forecast_cache_count(const struct forecast_cache *cache);
/* Borrows; NULL when it is not there. */
struct forecast_served *forecast_cache_find(struct forecast_cache *cache, const char *file_path);
/* Takes the forecaster. The one used longest ago makes room. NULL when out of memory: then it is destroyed. */
struct forecast_served *forecast_cache_put(struct forecast_cache *cache,
                                           const char *file_path,
                                           struct forecaster *forecaster);
void forecast_served_hold(struct forecast_served *served);
void forecast_served_release(struct forecast_served *served); /* NULL is fine */

/* ---- forecast_ask.c ---- */

void forecast_ask(struct worker *worker,
                  struct forecast_cache *cache,
                  size_t *n_asks, /* under way; counted up and down */
                  const struct admin_forecast_ask *what,
                  admin_result_fn done,
                  void *ctx);
void forecasts_predict(struct forecasts *forecasts,
                       const struct admin_forecast_ask *what,
                       admin_result_fn done,
                       void *ctx);

#endif
