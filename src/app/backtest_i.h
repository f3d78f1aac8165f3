/* The parts of the role `backtest`: what is asked for, how strategies are fitted to the data, one pass over the market, the
 * trainings of a pass, and what the report is made from.
 *
 *   backtest_options.c  the command line
 *   backtest_costs.c    costs, when they are to be those of the ledger
 *   backtest_plan.c     files, settings and strategies
 *   backtest_pass.c     market -> pipeline -> simulated exchange -> pipeline, in market time
 *   backtest_train.c    trainings that the pipeline asks for, in memory
 *   backtest_rollout.c  versions on their way to deciding and away from it, as live
 *   backtest_notes.c    what was decided and what became of it
 *   backtest_judge.c    from the notes of the passes to the report
 *   backtest.c          the passes, progress, files out
 */
#ifndef ALPHALOOP_APP_BACKTEST_I_H
#define ALPHALOOP_APP_BACKTEST_I_H

#include "alphaloop/base/map.h"
#include "alphaloop/market/exchange.h"
#include "alphaloop/pipeline/pipeline.h"
#include "alphaloop/pipeline/rollout_move.h"
#include "alphaloop/report/report.h"
#include "alphaloop/train/fit.h"
#include "market_source_i.h"

/* ---- options ---- */

/* A cost as the ledger has it, in its option's unit. */
struct backtest_cost {
    const char *name, *unit;
    uint64_t n;          /* orders */
    double value, error; /* standard error */
};
enum {
    COST_fee,
    COST_half_spread,
    COST_slippage,
    COST_latency,
    COST_reject,
    COST_partial,
    COST_COUNT
};
struct backtest_costs {
    bool is_dry_run;
    struct backtest_cost items[COST_COUNT];
    double latency_min_s;
};

struct backtest_options {
    const char *env_file, *json, *html; /* NULL: none; "-": standard output */
    const char *paths[SOURCE_FILES_MAX];
    struct asset assets[SOURCE_FILES_MAX];
    size_t n_paths;
    const char *strategies[STRATEGIES_MAX];
    size_t n_strategies; /* 0: those of TRADING_STRATEGIES */
    struct exchange_options exchange;
    double half_spread_bps;      /* of files that give none */
    bool has_costs;              /* given one by one */
    bool costs_of_ledger;        /* exchange and half_spread_bps are fitted from the ledger, */
    struct backtest_costs costs; /* and this is how well */
    uint64_t seed;
    double training_s; /* market seconds between a training's cut and its model's first decision */
    double horizon_s;  /* 0: the strategy's own, in candles of the data */
    uint32_t n_checks; /* look-ahead checks */
    bool at_once;      /* who passed the gate decides: no stages, no guard, no expiry */
    bool is_quiet;
};

/* Exits by itself on --help (0) and on a bad option (2). */
void backtest_options_parse(int argc, char **argv, struct backtest_options *options);
/* The same with flags of argp, such as ARGP_SILENT; 0, or an errno of argp's own (an unknown option). What the options' texts say wrong
 * goes to argp_error(). */
int backtest_options_read(int argc,
                          char **argv,
                          unsigned argp_flags,
                          struct backtest_options *options);

/* ---- costs ---- */

/* Fit the costs from the database of the settings, say them on standard error, and put them into the options. AL_ESHORT with
 * what is missing when there are too few orders; what io/pg says. */
MUST_CHECK enum al_err backtest_costs_fit(const struct settings *settings,
                                          struct backtest_options *options);

/* ---- plan ---- */

struct backtest_plan {
    const struct backtest_options *options;
    struct settings *settings;
    struct strategy_config *strategies;
    size_t n_strategies;
    struct report_file files[SOURCE_FILES_MAX];
    char (*adapted)[REPORT_TEXT_MAX]; /* [n_strategies] */
    int64_t interval_ns;              /* of the longest candles; 0 without candles */
    int64_t from_ns, to_ns;
};
/* EXIT_DONE, or the exit code after saying why. deinit in any case. */
MUST_CHECK int backtest_plan_init(struct backtest_plan *plan,
                                  const struct backtest_options *options);
void backtest_plan_deinit(struct backtest_plan *plan);

/* ---- notes ---- */

/* A model's view of both actions, at [side - SIDE_BUY]. */
struct backtest_view {
    bool is_known;
    float q[2], v[2];
    uint8_t side; /* it would take, without chance */
};

struct backtest_note { /* an entry decision that froze features */
    int64_t t_ns;
    double mid;
    uint8_t strategy, asset, side;
    uint32_t version; /* that decided: its place among the pass's, from 1 on; 0 warm-up */
    bool is_warmup;
    bool
        is_settled; /* what was done has its outcome: filled and labelled, unfilled, or nothing done */
    bool is_filled;
    bool knows[2];               /* net[] of the action is known */
    float net[2];                /* fraction, by action; at [side - SIDE_BUY] */
    struct backtest_view served, /* the model that decided: the serving one or a canary */
        newest,                  /* the newest challenger, promoted or not */
        linear;                  /* the linear model taught with it */
};

struct backtest_trace { /* any decision, in the order they were taken */
    int64_t t_ns;
    uint64_t digest; /* of all that was decided and what with */
};

struct backtest_notes {
    struct backtest_note *items;
    size_t n, cap;
    struct backtest_trace *trace;
    size_t n_trace, cap_trace;
    struct map
        open; /* decision_id -> struct backtest_note_ref *: items that wait for their outcome */
    uint64_t n_abstained[REASON_COUNT];
};

void backtest_notes_init(struct backtest_notes *notes);
void backtest_notes_deinit(struct backtest_notes *notes);
MUST_CHECK enum al_err backtest_notes_add(struct backtest_notes *notes,
                                          const struct backtest_note *note,
                                          const struct uuid *decision_id);
MUST_CHECK enum al_err backtest_notes_trace(struct backtest_notes *notes,
                                            const struct decision *decision,
                                            struct slice body);
void backtest_notes_settle(struct backtest_notes *notes, const struct sample *sample);
void backtest_notes_drop(struct backtest_notes *notes,
                         const struct uuid *decision_id,
                         enum reason reason);

/* Compare the decisions up to until_ns; false: `difference` says which was the first that differs. */
bool backtest_trace_same(const struct backtest_notes *a,
                         const struct backtest_notes *b,
                         int64_t until_ns,
                         struct report_instant *out);

/* ---- a pass ---- */

struct backtest_pass;

/* One strategy of a pass: its samples and its models. */
struct backtest_desk {
    const struct strategy_config *config;
    const struct feature_set *set;
    struct train_rows rows; /* everything that settled */
    uint64_t digest;        /* of the rows */
    struct scorer *newest;  /* the newest challenger; owns; NULL before the first */
    struct scorer *linear;  /* taught when it was, on the same rows; owns; NULL: none */
    int64_t newest_cut_ns;
    uint32_t n_versions;
    const char *waiting; /* trigger of a training that waits; NULL: none */
};

/* Trainings that were run, by what they depend on: the passes that repeat the market need not repeat them. The same job on
 * the same rows gives the same bytes (train/job.h), and other rows have another key. */
struct backtest_lesson {
    struct sha256 key;
    struct train_result result; /* sealed when it has a manifest */
    struct train_result linear; /* of the linear baseline; empty when `result` is of that kind */
};
struct backtest_memo {
    struct backtest_lesson **lessons; /* owns */
    size_t n, cap;
};
void backtest_memo_deinit(struct backtest_memo *memo);

struct backtest_training {                /* the one that runs */
    struct backtest_desk *desk;           /* NULL: none */
    const struct backtest_lesson *lesson; /* the memo's */
    int64_t done_ns;
    size_t row; /* in pass->trainings */
};

/* A version that was made. */
struct backtest_version {
    struct model_version_id id;
    const struct train_result *result; /* the memo's */
};

/* What a version would have traded, and what came of it. */
struct backtest_claim {
    struct uuid decision_id;
    uint32_t version;
    uint8_t side;
    bool is_known;
    struct shadow_claim claim;
};

/* What stands in the worker's tables of rollouts. */
struct backtest_rollouts {
    struct backtest_version *versions;
    size_t n_versions, cap_versions;
    struct backtest_claim *claims; /* in order of decisions */
    size_t n_claims, cap_claims;
    struct map open; /* decision_id -> its first claim */
    struct report_move *moves;
    size_t n_moves, cap_moves;
};

struct backtest_pass_options {
    bool trains;
    struct backtest_memo *memo; /* of all passes; keeps */
    int64_t poison_ns;          /* all data from then on is replaced; TIMESTAMP_NONE: none is */
    int64_t stop_ns;            /* the last event; INT64_MAX: to the end */
    void (*on_progress)(void *ctx, const struct backtest_pass *pass);
    void *ctx;
};

struct backtest_pass {
    const struct backtest_plan *plan;
    struct backtest_pass_options options;
    struct pipeline *pipeline;
    struct effects effects;
    struct source *source;
    struct exchange *exchange;
    struct json_reader *reader;
    struct map orders; /* order_id -> struct order_state *, of orders that have not ended */
    struct backtest_desk desks[STRATEGIES_MAX];
    struct backtest_training training;
    struct backtest_rollouts rollouts;
    int64_t now_ns, exchange_due_ns, tick_ns;
    struct backtest_notes notes;
    struct report_training *trainings;
    size_t n_trainings, cap_trainings;
    double equity_peak, drawdown;
    uint64_t n_events;
    enum al_err err;                                  /* of a callback */
    int64_t first_activation_ns, first_challenger_ns; /* TIMESTAMP_NONE: none */
};

/* Play the whole market. deinit in any case. */
MUST_CHECK enum al_err backtest_pass_run(struct backtest_pass *pass,
                                         const struct backtest_plan *plan,
                                         const struct backtest_pass_options *options);
void backtest_pass_deinit(struct backtest_pass *pass);

/* ---- trainings ---- */

/* The pipeline wants one. */
void backtest_train_request(struct backtest_pass *pass,
                            const struct strategy_id *strategy_id,
                            const char *trigger);
/* Start what waits, end what is done by now. */
MUST_CHECK enum al_err backtest_train_run(struct backtest_pass *pass);
MUST_CHECK enum al_err backtest_train_keep(struct backtest_desk *desk, const struct sample *sample);
/* What a model says of a decision. */
void backtest_look(const struct scorer *scorer,
                   const struct feature_set *set,
                   const float *features,
                   struct backtest_view *out);

/* ---- rollouts ---- */

void backtest_rollouts_init(struct backtest_rollouts *rollouts);
void backtest_rollouts_deinit(struct backtest_rollouts *rollouts);
/* The version that decides; NULL in warm-up. */
const struct scorer *backtest_served(const struct backtest_pass *pass,
                                     const struct backtest_desk *desk);
/* A version was made: it can be loaded from now on. */
MUST_CHECK enum al_err backtest_rollout_register(struct backtest_pass *pass,
                                                 const struct train_result *result);
/* Of a version that stands beside the deciding one. */
struct report_move backtest_standing(const struct strategy_id *strategy_id,
                                     const struct model_version_id *active,
                                     const struct shadow_view *shadow);
uint32_t backtest_version_of(const struct backtest_pass *pass,
                             const struct model_version_id *version); /* place from 1 on; 0: none */
MUST_CHECK enum al_err backtest_load(const struct backtest_desk *desk,
                                     const struct train_result *result,
                                     struct scorer **out);
/* It passed the gate: it decides, or begins as a shadow. */
MUST_CHECK enum al_err backtest_rollout_begin(struct backtest_pass *pass,
                                              struct backtest_desk *desk,
                                              const struct model_version_id *version);
/* Perform the effects store_scores and rollout_step; borrow. */
MUST_CHECK enum al_err backtest_rollout_score(struct backtest_pass *pass,
                                              const struct shadow_scores *scores);
void backtest_rollout_settle(struct backtest_pass *pass, const struct sample *sample);
MUST_CHECK enum al_err backtest_rollout_perform(struct backtest_pass *pass,
                                                struct backtest_desk *desk,
                                                struct rollout_step *step);

/* ---- judging ---- */

/* `warmup` is the pass without trainings, `main` itself when they are the same. Fills everything but the checks. */
MUST_CHECK enum al_err backtest_judge(const struct backtest_plan *plan,
                                      const struct backtest_pass *main,
                                      const struct backtest_pass *warmup,
                                      struct report *report);

#endif
