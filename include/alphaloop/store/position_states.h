/* Table position_states: the newest update of every position and what the exit rules remember of it. */
#ifndef ALPHALOOP_STORE_POSITION_STATES_H
#define ALPHALOOP_STORE_POSITION_STATES_H

#include "alphaloop/domain/position.h"
#include "alphaloop/io/pg.h"

struct position_state {
    struct position_update update;
    double peak_pnl_pct;  /* best unrealized_pnl_pct seen; NaN when none */
    bool partial_taken;   /* the partial exit was sent */
    int64_t opened_ns;    /* TIMESTAMP_NONE when unknown */
    int64_t last_exit_ns; /* TIMESTAMP_NONE when no exit was sent */
};

/* An update older than the stored one is left out. Each position once. */
void position_states_upsert(struct pg_batch *batch,
                            const struct position_state *states,
                            size_t n_states);
/* Those that are not closed, newest first. */
void position_states_load(struct pg_batch *batch, size_t limit);
MUST_CHECK enum al_err position_states_read(const struct pg_result *result,
                                            size_t row,
                                            struct position_state *out);

#endif
