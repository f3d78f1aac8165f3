/* Decisions that wait for their outcome: found by id when fills arrive, and by time when their label falls due. */
#ifndef ALPHALOOP_PIPELINE_OPEN_DECISIONS_H
#define ALPHALOOP_PIPELINE_OPEN_DECISIONS_H

#include "alphaloop/base/map.h"
#include "alphaloop/domain/decision.h"
#include "alphaloop/domain/order_state.h"
#include "alphaloop/domain/rollout.h"

struct open_decision {
    struct decision decision;
    struct shadow_scores *scores; /* owned; NULL: only one version was asked, or none */
    double filled_quantity;       /* base currency */
    double filled_notional;       /* sum of price * quantity */
    double fees;
    int64_t last_fill_ns, last_fill_recv_ns; /* TIMESTAMP_NONE before the first */
    bool order_ended;                        /* nothing more will fill */
    bool is_dry_run;
    int64_t due_ns;     /* when to look at it next */
    int64_t give_up_ns; /* no label by then: none at all */
    bool is_settled;    /* its outcome has been told once; below is what was told of it */
    int64_t news_ns;    /* decision clock at the newest fill told since; TIMESTAMP_NONE: none was */
    bool own_told, won; /* its own fill became a sample, and that sample won */
    double pnl;         /* quote currency */
};

struct due_entry {
    int64_t due_ns;
    struct uuid decision_id;
};

struct open_decisions {
    struct map by_id; /* uuid -> struct open_decision * (owned) */
    struct due_entry
        *heap; /* by due_ns; entries whose decision is gone or due later are stale and skipped */
    size_t n_heap, heap_cap;
    size_t max;
};

MUST_CHECK enum al_err open_decisions_init(struct open_decisions *open, size_t max);
void open_decisions_deinit(struct open_decisions *open);

/* Add a copy; due_ns and give_up_ns are the caller's. NULL when the bound is reached. */
struct open_decision *open_decisions_add(struct open_decisions *open,
                                         const struct decision *decision,
                                         int64_t due_ns,
                                         int64_t give_up_ns);
struct open_decision *open_decisions_find(struct open_decisions *open, struct uuid decision_id);
void open_decisions_reschedule(struct open_decisions *open,
                               struct open_decision *item,
                               int64_t due_ns);
void open_decisions_remove(struct open_decisions *open, struct open_decision *item);
/* Take an item over from another set. False when the bound is reached: it stays where it is. */
bool open_decisions_move(struct open_decisions *from,
                         struct open_decisions *to,
                         struct open_decision *item,
                         int64_t due_ns);
/* The next one due at now_ns, or NULL. It stays until removed, and must be removed or rescheduled to later. */
struct open_decision *open_decisions_due(struct open_decisions *open, int64_t now_ns);
/* When the next one falls due; INT64_MAX when none. */
int64_t open_decisions_next_ns(const struct open_decisions *open);
size_t open_decisions_count(const struct open_decisions *open);

#endif
