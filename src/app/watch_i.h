/* Role watch, in parts: what was fetched, and how it looks. */
#ifndef ALPHALOOP_APP_WATCH_I_H
#define ALPHALOOP_APP_WATCH_I_H

#include "alphaloop/base/json.h"

#define WATCH_STRATEGIES_MAX 32
#define WATCH_TEXT_MAX       512

struct watch_strategy {
    char id[104], mode[16], version[24], kind[24];
    double n_samples, n_eff, n_needed;
    bool is_training;
    char stage[32], trigger[32];
    double progress; /* 0..1 */
    double signals_per_minute, n_signals, n_settled, pnl,
        win_rate; /* win_rate: NaN when not known */
    char verdict[WATCH_TEXT_MAX];
    char no_version[WATCH_TEXT_MAX]; /* why the last training gave none, "" when it gave one */
};

/* What GET /api/v1/status says, as far as it is shown. */
struct watch_status {
    bool is_reached;
    char problem[WATCH_TEXT_MAX]; /* why it was not reached, or the first thing that is not well */
    char service[64], version[32], health[16], mode[16];
    char database[24], broker[24];
    bool publishing, stopping;
    double uptime_s, outbox, quarantined, loop_lag_s, signals_per_minute, pnl;
    size_t n_strategies;
    struct watch_strategy strategies[WATCH_STRATEGIES_MAX];
};

/* What the role simulate writes with --status-file. */
struct watch_market {
    bool is_known;
    char phase[24], time[40];
    double speed, lag_s, n_events, n_signals, n_filled, pnl;
};

/* watch_read.c: members that are missing or of another type stay 0, "" or NaN. */
void watch_read_status(struct json_node *root, struct watch_status *out);
void watch_read_market(struct json_node *root, struct watch_market *out);

/* watch_draw.c: ASCII; every line ends with \n and is at most `width` long. */
void watch_draw(const struct watch_status *status,
                const struct watch_market *market,
                size_t width,
                struct buf *out);
/* The same in one line; two that are equal up to the first tab differ in nothing worth a new line. */
void watch_line(const struct watch_status *status, struct buf *out);

#endif
