/* Exits: what closes a position, long or short. One file each in src/strategy/exit/, one row in tbl/exit_rules.def.
 *
 * The profit of a position is its unrealised PnL in per cent of the entry value: what position-manager reports, else
 * PnL / (|size| entry price), else the price's way from the entry in the position's direction. A position gets at most one
 * exit signal a minute. Rules are asked in the order of the table and the first that is due wins.
 */
#ifndef ALPHALOOP_STRATEGY_EXIT_H
#define ALPHALOOP_STRATEGY_EXIT_H

#include "alphaloop/base/timestamp.h"
#include "alphaloop/domain/position.h"
#include "alphaloop/domain/signal.h"

#define EXIT_INTERVAL_NS NS_PER_MIN /* between two exit signals for one position */

struct exit_params { /* per cent and > 0; 0 switches a rule off */
    double  stop_loss_pct;           /* loss that closes */
    double  take_profit_pct;         /* profit that closes all */
    double  take_profit_partial_pct; /* profit that closes a part, once */
    double  partial_fraction;        /* that part, 0..1 */
    double  trailing_activation_pct; /* peak profit that arms the trailing stop */
    double  trailing_distance_pct;   /* fall from the peak that closes */
    int64_t time_exit_ns;            /* longest time to hold */
};

/* What is remembered of one asset's position. Plain: copy and store it as it is. */
struct position_track {
    bool                   is_open;
    struct position_update update;        /* the newest, by event time */
    int64_t                opened_at_ns;  /* now - time_held_minutes as reported, else when it was first seen */
    double                 peak_pnl_pct;  /* best profit since it opened; NaN before any is known */
    bool                   partial_done;  /* the partial exit was sent */
    int64_t                last_exit_ns;  /* TIMESTAMP_NONE: none; survives a flip or close */
};

void position_track_init(struct position_track *track);

/* Take in one update. An update older than the newest (by ts_event_ns) is ignored: false. A change of sign, a close or
 * another position_id starts a new position: peak and partial exit are forgotten. */
bool position_track_apply(struct position_track *track, const struct position_update *update);

enum side position_track_side(const struct position_track *track); /* SIDE_BUY: long */
/* Profit in per cent of the entry value; NaN when not known. price: current, NaN when not known. */
double position_track_pnl_pct(const struct position_track *track, double price);

struct exit_view { /* what a rule looks at; the position is open and its profit known (or NaN) */
    const struct exit_params    *params;
    const struct position_track *track;
    double                       pnl_pct;
    int64_t                      held_ns;
};

struct exit_verdict {
    enum reason reason;   /* REASON_NONE: not due */
    double      fraction; /* of the position to close, 0..1] */
};

struct exit_rule {
    const char *name;
    const char *summary;
    struct exit_verdict (*judge)(const struct exit_view *view);
};

size_t                  exit_rule_count(void);
const struct exit_rule *exit_rule_at(size_t index); /* in the order asked */

struct exit_order {
    enum side      side;     /* sell closes a long, buy a short */
    enum reason    reason;   /* which rule, a row of reasons.def */
    struct decimal amount;   /* quote currency, 2 decimals, at most SIGNAL_AMOUNT_MAX: the rest a minute later */
    double         fraction; /* of the position the amount closes */
    double         pnl_pct;
    char           reasoning[128]; /* "stop loss: -2.31 % of the entry value, limit -2.00 %" */
};

/* Ask all rules.
 *
 *   price    of one unit now, > 0 (the reference mid)
 *   order    what to send                                                    out
 *   returns  REASON_NONE when *order is to be sent, then exit_commit(); else why not: exit_not_due, cooldown (too soon after
 *            the last one), or amount_below_min (what is left is worth less than SIGNAL_AMOUNT_MIN)
 */
enum reason exit_decide(const struct exit_params *params, const struct position_track *track, double price, int64_t now_ns,
                        struct exit_order *order);

/* The order was written to the ledger. */
void exit_commit(struct position_track *track, const struct exit_order *order, int64_t now_ns);

#endif
