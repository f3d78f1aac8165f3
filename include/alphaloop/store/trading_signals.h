/* Table trading_signals: every decision that names a side, frozen before anything leaves, and its way through the outbox.
 *
 * signal_id is the decision_id. A row is inserted pending, becomes published after the broker's confirm, or expired when it
 * was not published in time. An entry is open until it is settled: by its samples, or by a reason why there is none.
 */
#ifndef ALPHALOOP_STORE_TRADING_SIGNALS_H
#define ALPHALOOP_STORE_TRADING_SIGNALS_H

#include "alphaloop/domain/decision.h"
#include "alphaloop/io/pg.h"

struct decision_row {
    const struct decision *decision; /* borrows */
    struct slice body;               /* the exact message; unused for abstentions; borrows */
};

/* ids that are there already are left alone. */
void trading_signals_insert(struct pg_batch *batch, const struct decision_row *rows, size_t n_rows);

/* Pending ones only. The number that changed is pg_result_n_affected(). */
void trading_signals_mark_published(struct pg_batch *batch,
                                    const struct uuid *ids,
                                    size_t n_ids,
                                    int64_t now_ns);
void trading_signals_mark_expired(struct pg_batch *batch, const struct uuid *ids, size_t n_ids);
/* All pending ones whose time to live is over. */
void trading_signals_expire(struct pg_batch *batch, int64_t now_ns);

/* Recovery: what may still have to be published (read with trading_signals_read), oldest first. */
void trading_signals_load_pending(struct pg_batch *batch, size_t limit);
/* Recovery: published (or pending) entries that are not settled, decided after since_ns, oldest first. */
void trading_signals_load_open(struct pg_batch *batch, int64_t since_ns, size_t limit);
/* One, read with trading_signals_read; no row when unknown. */
void trading_signals_get(struct pg_batch *batch, struct uuid signal_id);
/* The newest of a strategy ("" for all), newest first: for people. */
void trading_signals_list(struct pg_batch *batch,
                          const struct strategy_id *strategy_id,
                          size_t limit,
                          size_t offset);

enum signal_status { SIGNAL_PENDING, SIGNAL_PUBLISHED, SIGNAL_EXPIRED };
const char *signal_status_name(enum signal_status status);

struct signal_row {
    struct decision decision;
    struct slice body; /* borrows from the result */
    enum signal_status status;
    int64_t published_at_ns; /* TIMESTAMP_NONE until then; microseconds */
};
MUST_CHECK enum al_err trading_signals_read(const struct pg_result *result,
                                            size_t row,
                                            struct signal_row *out);

/* What an order event is matched with. */
struct signal_match {
    struct uuid signal_id;
    struct strategy_id strategy_id;
    struct asset asset;
    enum side side;
    struct decimal amount;
    double price; /* reference mid of the decision */
    int64_t decided_at_ns;
    bool is_warmup;
    bool is_exit;
    bool is_settled; /* its outcome is known: fills from here on are late */
};
void trading_signals_match(struct pg_batch *batch, const struct uuid *signal_ids, size_t n_ids);
MUST_CHECK enum al_err trading_signals_read_match(const struct pg_result *result,
                                                  size_t row,
                                                  struct signal_match *out);

/* The end of an open decision, whether signal or abstention: REASON_NONE when its samples were written, else why there
 * is none. Appends two statements. samples_insert() does this for its rows itself. */
void decisions_settle(struct pg_batch *batch,
                      const struct uuid *decision_ids,
                      const enum reason *reasons,
                      size_t n);

#endif
