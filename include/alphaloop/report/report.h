/* What a backtest has to tell, and three ways to tell it: JSON for programs, one self-contained page for people, a few lines
 * for the terminal. Pure: numbers in, bytes out; the same numbers give the same bytes.
 *
 * The JSON is format 1; its checklist for a change: a field may be added; one that changes its meaning or goes raises
 * REPORT_FORMAT, and docs/backtest.md says so.
 */
#ifndef ALPHALOOP_REPORT_REPORT_H
#define ALPHALOOP_REPORT_REPORT_H

#include "alphaloop/base/buf.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/report/forecast.h"
#include "alphaloop/report/policy.h"
#include "alphaloop/report/returns.h"

#define REPORT_FORMAT       1
#define REPORT_BYTES_MAX    ((size_t)32 << 20)
#define REPORT_NAME_MAX     128
#define REPORT_TEXT_MAX     512
#define REPORT_FILES_MAX    16
#define REPORT_POLICIES_MAX 6
#define REPORT_POINTS       300 /* of a curve */
#define REPORT_INSTANTS_MAX 32
#define REPORT_REASONS_MAX  64

struct report_file {
    char name[REPORT_NAME_MAX], asset[32];
    const char *kind;  /* "candles", "trades", "quotes" */
    double interval_s; /* of candles; 0 else */
    uint64_t n_rows, n_refused;
    int64_t from_ns, to_ns;
};

struct report_strategy {
    char id[REPORT_NAME_MAX];
    const char *model_kind, *trigger;
    double horizon_s, timeframe_s;
    size_t n_features, n_decisions, n_signals;
    char
        adapted[REPORT_TEXT_MAX]; /* what of its file was changed to fit the data; "" for nothing */
};

struct report_training {
    char strategy[REPORT_NAME_MAX], version[32], trigger[32];
    const char *verdict; /* "promote", "refuse", "too_few", "superseded" */
    char reason[REPORT_TEXT_MAX];
    int64_t cut_ns;
    uint64_t n_rows;
    double n_eff, auc, brier_skill; /* of its own untouched block; NaN: no model was made */
};

struct report_move { /* what a version is from then on, on its way to deciding or away from it */
    int64_t at_ns;
    char strategy[REPORT_NAME_MAX], version[32], against[32]; /* against "": nothing */
    const char *stage, *meaning;                              /* tbl/rollout_stages.def */
    double share;                                             /* of decisions that it takes */
    const char *why; /* who moved it, one word: gate, evidence, guard, expired */
    char verdict[REPORT_TEXT_MAX];
};

struct report_decider { /* who took the decisions of a strategy, all run long */
    char strategy[REPORT_NAME_MAX], version[32]; /* "" the warm-up policy */
    int64_t from_ns, to_ns;                      /* its first decision and its last */
    uint64_t n_decisions, n_trades;
    double net_per_trade; /* fraction; NaN without trades */
};

struct report_policy {
    const char *name, *help;
    struct report_measures measures;
    bool is_known;               /* false: the run has nothing to say of it */
    double curve[REPORT_POINTS]; /* summed net return by the report's times, fraction */
};

struct report_importance {
    char name[REPORT_NAME_MAX];
    double loss; /* by how much the log loss per row grows when the column is shuffled */
};

struct report_instant { /* one look-ahead check */
    int64_t at_ns;
    size_t n_decisions; /* up to there */
    bool same;
    char difference[REPORT_TEXT_MAX]; /* the first one; "" when same */
};

struct report_account { /* quote currency, of the simulated exchange */
    uint64_t n_orders, n_filled, n_partial, n_cancelled, n_rejected;
    double volume, fees, realized, unrealized, equity, max_drawdown;
};

struct report_option {
    const char *name, *unit;
    double value;
    double error; /* standard error of a value fitted from n orders; NaN: it was given */
    uint64_t n;
};

struct report_reason {
    const char *name;
    uint64_t n;
};

struct report {
    const char *version; /* of the program */
    size_t n_files;
    struct report_file files[REPORT_FILES_MAX];
    size_t n_options;
    struct report_option options[16];
    size_t n_strategies;
    struct report_strategy *strategies; /* owns */
    int64_t from_ns, to_ns;             /* the judged decisions */
    const char *window;                 /* why they begin there */
    size_t n_policies;
    struct report_policy policies[REPORT_POLICIES_MAX];
    int64_t times_ns[REPORT_POINTS];
    bool has_edge;
    char verdict[REPORT_TEXT_MAX]; /* in words */
    struct forecast_measures challenger, served, linear;
    struct return_measures challenger_returns, served_returns, linear_returns;
    size_t n_trainings;
    struct report_training *trainings; /* owns */
    const char *promotion;             /* "rollout", "at-once" */
    size_t n_moves, n_deciders;
    struct report_move *moves; /* owns; in order of time */
    size_t n_standing;
    struct report_move *
        standing; /* owns; beside the deciding ones at the end: since when, and the newest verdict */
    struct report_decider *deciders; /* owns; in order of their first decisions */
    size_t n_importance;
    struct report_importance *importance; /* owns; the largest first */
    size_t n_importance_rows;
    struct report_account account;
    size_t n_reasons;
    struct report_reason abstentions[REPORT_REASONS_MAX];
    uint64_t
        n_unknown; /* decisions whose outcome never came: a hole in the market, or the end of the data */
    size_t n_instants;
    struct report_instant instants[REPORT_INSTANTS_MAX];
};

void report_deinit(struct report *report);
bool report_is_causal(const struct report *report); /* no look-ahead check found a difference */
const struct report_policy *report_policy(const struct report *report,
                                          const char *name); /* or NULL */

/* Each appends to *out; check buf_ok(). */
void report_write_json(const struct report *report, struct buf *out);
void report_write_html(const struct report *report, struct buf *out);
void report_write_text(const struct report *report, struct buf *out);

/* A number as people read it: "+1.25 bp", "51.3 %", "not known". */
#define REPORT_NUMBER_MAX 48
void report_number(double value, enum report_unit unit, char out[REPORT_NUMBER_MAX]);

#endif
