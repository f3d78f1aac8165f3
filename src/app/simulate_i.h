/* The parts of the role `simulate`: options, the letters of the neighbours, and what it tells people. */
#ifndef ALPHALOOP_APP_SIMULATE_I_H
#define ALPHALOOP_APP_SIMULATE_I_H

#include "alphaloop/io/amqp.h"
#include "alphaloop/market/exchange.h"
#include "market_source_i.h"

/* ---- options ---- */

struct simulate_options {
    const char *env_file, *status_file; /* NULL: none */
    const char *paths[SOURCE_FILES_MAX];
    size_t n_paths;
    struct asset assets[SYNTHETIC_ASSETS_MAX];
    size_t n_assets; /* 0: those of TRADING_ASSETS, or of the files' names */
    uint64_t seed;
    double speed;      /* market seconds a second; 0: as fast as it goes */
    double duration_s; /* of market time; 0: to the end of the data, or for ever */
    double edge, half_spread_bps;
    double lag_max_s; /* market seconds a signal may be late before the market is slowed down */
    uint32_t backlog; /* messages that may wait unread in one queue; 0: any number */
    int64_t start_ns; /* TIMESTAMP_NONE: not said */
    struct exchange_options exchange;
};

/* Exits by itself on --help (0) and on a bad option (2). */
void simulate_options_parse(int argc, char **argv, struct simulate_options *options);

/* ---- post: messages of the neighbours that must arrive ---- */

/* Order events and position updates wait here until the broker has confirmed them; what was lost on the
 * way is sent again. The order is kept as long as nothing is lost. */
struct post {
    struct amqp_publisher *publisher;
    struct letter *first, *last; /* not yet handed to the publisher */
    size_t n_waiting, n_in_flight;
    uint64_t n_confirmed, n_repeated;
};

enum { POST_WAITING_MAX = 10000 };

void post_init(struct post *post, struct amqp_publisher *publisher);
void post_deinit(struct post *post);
/* Copies. AL_EFULL past POST_WAITING_MAX, AL_ENOMEM. `queue` is kept. */
MUST_CHECK enum al_err post_add(
    struct post *post, const char *queue, struct slice body, const char *trace_id, int64_t ts_ns);
void post_send(struct post *post); /* as much as the publisher takes */
bool post_is_empty(const struct post *post);

/* ---- telling ---- */

struct simulate_report {
    const char *phase; /* "running", "waiting for readers" ... */
    const char *error; /* "" when well */
    int64_t market_ns; /* TIMESTAMP_NONE: not begun */
    double speed;      /* effective */
    double lag_s;      /* of the last signal, market time; NaN: none yet */
    uint64_t n_events, n_lost;
    uint32_t backlog; /* deepest queue */
    bool is_last;
    struct exchange_stats exchange;
};

void simulate_print_line(const struct simulate_report *report, bool is_terminal);
void simulate_print_summary(const struct simulate_report *report, uint64_t n_refused_rows);
/* Replaces the file as a whole; a failure is logged once. */
void simulate_write_status(const struct simulate_report *report, const char *path);

#endif
