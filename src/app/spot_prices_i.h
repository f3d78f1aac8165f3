/* The newest prices of assets from an upstream (PRICE_UPSTREAM): history/prices.h says what to ask and when, this asks. */
#ifndef ALPHALOOP_APP_SPOT_PRICES_I_H
#define ALPHALOOP_APP_SPOT_PRICES_I_H

#include "alphaloop/admin/admin.h"
#include "alphaloop/history/prices.h"

#include "upstreams_i.h"

struct spot_prices;
struct worker;

/* Whether PRICE_UPSTREAM is off or has prices. */
bool spot_prices_are_wanted(const struct settings *settings);
/* Gives NULL when PRICE_UPSTREAM is off. Asks for TRADING_ASSETS at once, so that the first who asks need not wait. */
MUST_CHECK enum al_err spot_prices_create(struct worker *worker, struct spot_prices **out);
void spot_prices_stop(struct spot_prices *spot); /* closes its timer; whoever waits is told */
void spot_prices_destroy(struct spot_prices *spot);

/* The body is an answer of schema PriceList. n in 1..PRICES_BATCH_MAX. `done` may be called from inside. */
void spot_prices_tell(struct spot_prices *spot,
                      const struct asset *assets,
                      size_t n,
                      admin_result_fn done,
                      void *ctx);

/* Counts since the start; zeros for NULL. */
struct prices_counts spot_prices_counts(const struct spot_prices *spot);

#endif
