/* Exit rules: when a position is closed, in part or whole. One row of exit_rules.def, one file each.
 *
 * Percentages are of the entry value and signed: a loss is negative. They hold for long and short alike because
 * position-manager reports the profit in per cent with the position's sign already in it.
 */
#ifndef ALPHALOOP_STRATEGY_EXIT_H
#define ALPHALOOP_STRATEGY_EXIT_H

#include "alphaloop/domain/position.h"

#define EXIT_INTERVAL_NS                                                                           \
    (60 * INT64_C(1000000000)) /* at most one exit signal per position in this time (U7) */

struct exit_rules {                 /* NaN switches a rule off */
    double stop_loss_pct;           /* <= this: out; negative */
    double take_profit_pct;         /* >= this: out */
    double take_profit_partial_pct; /* >= this, once: part out */
    double partial_fraction;        /* 0..1 */
    double trailing_activation_pct; /* the peak must have reached this ... */
    double trailing_distance_pct;   /* ... and the profit fallen this far below it */
    double time_exit_hours;
};

/* What is remembered of one position. */
struct position_track {
    bool known;
    struct position_update last;
    double peak_pnl_pct;
    bool partial_done;
    int64_t opened_ns;    /* first update with this position, or as time_held_minutes says */
    int64_t last_exit_ns; /* TIMESTAMP_NONE when none */
};
void position_track_init(struct position_track *track);
/* Take in an update. Older than the last one: ignored, false. A size of 0 or a turn of sign starts afresh. */
bool position_track_update(struct position_track *track, const struct position_update *update);
bool position_track_is_open(const struct position_track *track);
enum side position_track_side(const struct position_track *track); /* buy: long, sell: short */

struct exit_choice {
    enum reason reason; /* REASON_NONE: stay */
    enum side side;     /* of the closing trade: sell for a long, buy for a short */
    double fraction;    /* of the position, 0..1 */
};

struct exit_rule {
    const char *name;
    /* Share to close, 0 to stay; sets *reason when not 0. */
    double (*check)(const struct position_track *track,
                    const struct exit_rules *rules,
                    int64_t now_ns,
                    enum reason *reason);
};

/* The first rule that wants out; REASON_NONE within EXIT_INTERVAL_NS of the last exit. Changes nothing: the caller says
 * exit_sent() once the exit is in the ledger. */
struct exit_choice exit_choose(const struct position_track *track,
                               const struct exit_rules *rules,
                               int64_t now_ns);
void exit_sent(struct position_track *track, const struct exit_choice *choice, int64_t now_ns);

size_t exit_rule_count(void);
const struct exit_rule *exit_rule_at(size_t index);

#endif
