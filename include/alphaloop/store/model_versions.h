/* Table model_versions: the registry. A version is candidate, then active or refused, and retired when another is active.
 * At most one is active for each strategy, which the database enforces. */
#ifndef ALPHALOOP_STORE_MODEL_VERSIONS_H
#define ALPHALOOP_STORE_MODEL_VERSIONS_H

#include "alphaloop/base/hash.h"
#include "alphaloop/domain/names.h"
#include "alphaloop/io/pg.h"

enum version_state {
    VERSION_CANDIDATE,
    VERSION_ACTIVE,
    VERSION_RETIRED,
    VERSION_REFUSED,
    VERSION_STATE_COUNT
};
const char *version_state_name(enum version_state state);

struct model_version_row {
    struct uuid id;
    struct model_version_id version;
    char model_type[32];
    struct strategy_id strategy_id;
    int64_t trained_at_ns; /* times are kept in microseconds */
    double training_duration_seconds;
    int64_t training_dataset_size;
    bool is_active; /* written as state == VERSION_ACTIVE */
    bool is_warmup_mode;
    int64_t created_at_ns, updated_at_ns;
    struct sha256 folder_hash;
    enum version_state state;
    int32_t attempt;      /* k-th attempt of this strategy: the gate's level depends on it */
    struct slice verdict; /* JSON of the gate; empty when none; borrows */
};

/* The next number: one row, one i64. Numbers are never given twice, but may be left out. */
void model_versions_next(struct pg_batch *batch);
void model_versions_insert(struct pg_batch *batch, const struct model_version_row *row);
/* State and verdict of a candidate that did not become active. */
void model_versions_refuse(struct pg_batch *batch,
                           const struct model_version_id *version,
                           struct slice verdict,
                           int64_t now_ns);
/* A candidate that was refused after its offline gate: by live decisions, or for want of them. Its verdict stays. */
void model_versions_refuse_live(struct pg_batch *batch,
                                const struct model_version_id *version,
                                int64_t now_ns);
/* Record the verdict of a version (state unchanged). */
void model_versions_set_verdict(struct pg_batch *batch,
                                const struct model_version_id *version,
                                struct slice verdict,
                                int64_t now_ns);
/* Retire what is active for the strategy and activate this version: two statements, to be run in one transaction. The
 * second one's result is the version's row; no row when the strategy has no such version (or it is refused and
 * allow_refused is false), and then nothing changed. */
void model_versions_activate(struct pg_batch *batch,
                             const struct strategy_id *strategy_id,
                             const struct model_version_id *version,
                             bool allow_refused,
                             int64_t now_ns);
/* Back to warm-up: retire what is active. Its row, if any, is the result. */
void model_versions_retire_active(struct pg_batch *batch,
                                  const struct strategy_id *strategy_id,
                                  int64_t now_ns);

struct model_versions_filter {
    struct strategy_id strategy_id; /* "": all */
    int is_active;                  /* 0 or 1; -1: both */
    size_t limit, offset;
};
/* Newest first; two statements: the rows, then the total (one i64). */
void model_versions_list(struct pg_batch *batch, const struct model_versions_filter *filter);
void model_versions_get(struct pg_batch *batch, const struct model_version_id *version);
void model_versions_load_active(struct pg_batch *batch); /* of all strategies */
/* The newest retired versions of a strategy, last active first: where a rollback goes. */
void model_versions_load_retired(struct pg_batch *batch,
                                 const struct strategy_id *strategy_id,
                                 size_t limit);
/* How many versions of a strategy were ever judged, shadows included (one i64): the k of the next attempt is one more. */
void model_versions_count_attempts(struct pg_batch *batch, const struct strategy_id *strategy_id);
/* Slices borrow from the result. */
MUST_CHECK enum al_err model_versions_read(const struct pg_result *result,
                                           size_t row,
                                           struct model_version_row *out);

/* A29: how many versions by strategy and by type: rows (strategy_id, model_type, n_all, n_active). */
struct model_count {
    struct strategy_id strategy_id;
    char model_type[32];
    uint64_t n_all, n_active;
};
void model_versions_count(struct pg_batch *batch);
MUST_CHECK enum al_err model_versions_read_count(const struct pg_result *result,
                                                 size_t row,
                                                 struct model_count *out);

#endif
