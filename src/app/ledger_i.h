/* The ledger: what the core wants stored, written in order, everything that waits in one transaction.
 *
 * Rows wait in a bounded queue while the database is away. A transaction that the database refuses is tried again row by
 * row; the row it refuses alone is dropped with a loud log line, because nothing else may wait for it. A decision with a
 * side goes to the outbox only after its row was committed.
 */
#ifndef ALPHALOOP_APP_LEDGER_I_H
#define ALPHALOOP_APP_LEDGER_I_H

#include "alphaloop/pipeline/effect.h"

#define LEDGER_ROWS_MAX 8192

struct worker;
struct ledger;

enum ledger_mark { LEDGER_PUBLISHED, LEDGER_EXPIRED };

MUST_CHECK enum al_err ledger_create(struct worker *worker, struct ledger **out);
void ledger_destroy(struct ledger *ledger);

/* Write this effect's row. Takes the effect. */
void ledger_put(struct ledger *ledger, const struct effect *effect);
/* Mark a signal's row. */
void ledger_mark(struct ledger *ledger,
                 struct uuid signal_id,
                 enum ledger_mark mark,
                 int64_t wall_ns);
/* Begin a transaction when there is something to write and none is running. */
void ledger_run(struct ledger *ledger);
size_t ledger_count(const struct ledger *ledger); /* waiting and being written */
bool ledger_is_full(const struct ledger *ledger); /* deciding should pause */

#endif
