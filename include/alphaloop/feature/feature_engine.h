/* The feature engine: keeps every column of one feature set up to date for one asset, and reads them as a vector.
 *
 * The same engine makes vectors live, in training and in replay: there is no second implementation. One block of memory
 * at create, nothing allocated after. It sees updates of the market state and nothing else.
 */
#ifndef ALPHALOOP_FEATURE_FEATURE_ENGINE_H
#define ALPHALOOP_FEATURE_FEATURE_ENGINE_H

#include "alphaloop/feature/feature_set.h"
#include "alphaloop/feature/market_state.h"

/* A feed that has sent nothing this long after the first live update is taken as absent here: its columns are missing
 * (NaN) instead of warming up for ever. Once it sends, it warms up as usual. */
#define FEATURE_FEED_ABSENT_NS (60 * NS_PER_S)

struct feature_engine;

/* `set` is kept: it must outlive the engine. Gives *out. */
MUST_CHECK enum al_err feature_engine_create(const struct feature_set *set,
                                             struct feature_engine **out);
void feature_engine_destroy(struct feature_engine *engine);

/* Every update of the asset's market state, in order. */
void feature_engine_on_update(struct feature_engine *engine, const struct market_update *update);

/* The vector at now_ns.
 *
 *   state     the market state the updates came from                     borrows
 *   position  NULL when not known                                        borrows
 *   out       float[n_columns], NaN where a value is missing, and throughout when candles are stale
 *   returns   REASON_NONE; REASON_features_warming_up while some feed's windows fill: its columns are missing until then,
 *             the others can be read; REASON_market_data_stale when candles have stopped coming
 *
 * Trade and book columns of a source older than its limit are missing.
 */
enum reason feature_engine_vector(const struct feature_engine *engine,
                                  const struct market_state *state,
                                  const struct market_limits *limits,
                                  const struct position_features *position,
                                  int64_t now_ns,
                                  float *out);

/* How far warming up has come, 0..1 (of the slowest feed): for status pages. */
double feature_engine_progress(const struct feature_engine *engine, int64_t now_ns);
const struct feature_set *feature_engine_set(const struct feature_engine *engine);
size_t feature_engine_bytes(const struct feature_engine *engine); /* memory held */

#endif
