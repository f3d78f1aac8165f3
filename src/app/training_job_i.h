/* What every training run has in common, whether the worker or a person asked for it: the job, the child, the registration. */
#ifndef ALPHALOOP_APP_TRAINING_JOB_I_H
#define ALPHALOOP_APP_TRAINING_JOB_I_H

#include "alphaloop/feature/feature_set.h"
#include "alphaloop/io/file.h"
#include "alphaloop/io/pg.h"
#include "alphaloop/io/proc.h"
#include "alphaloop/model/scorer.h"
#include "alphaloop/settings/strategy_config.h"
#include "alphaloop/train/job.h"

struct training_target {
    uint64_t number;  /* of the new version */
    uint32_t attempt; /* k-th of the strategy */
    const char *trigger;
    uint64_t seed;
    int64_t cut_ns;
    const struct model_version_id *active; /* NULL: none */
};
MUST_CHECK enum al_err training_fill_job(const struct settings *settings,
                                         const struct strategy_config *config,
                                         const struct feature_set *set,
                                         const struct training_target *target,
                                         struct train_job *job);

/* Write the job where the child finds it, in the model store under a temporary name; `path` out. */
MUST_CHECK enum al_err training_write_job(const struct settings *settings,
                                          const struct train_job *job,
                                          char path[FILE_PATH_MAX]);

/* How many new own samples start the next training: with too few, as many more as their effective number lacks. `end` is
 * NULL when the run said nothing. */
uint64_t training_next_needed(const struct settings *settings,
                              const struct strategy_config *config,
                              const struct train_line *end);

struct training_child {
    const struct settings *settings;
    const char *env_file; /* NULL: none */
    const char *option;   /* that names the job; NULL: "--job" */
    const char *job_path;
    void (*on_line)(void *ctx, struct proc *proc, struct slice line);
    void (*on_end)(void *ctx, struct proc *proc, const struct proc_end *end);
    void *ctx;
};
MUST_CHECK enum al_err training_spawn(uv_loop_t *loop,
                                      const struct training_child *child,
                                      struct proc **out);

/* One sentence for a child that ended without its last line. */
void training_explain_end(const struct proc_end *end, char *out, size_t out_size);

/* What a version was found to be when it was loaded to be registered; hashes, files and schema are in order, or there is none. */
struct training_integrity {
    enum manifest_canaries canaries;
    bool walker_agrees;                   /* with the library, bit by bit, on the probe rows */
    double score_p99_us, score_budget_us; /* here and now; what is allowed: SCORING_BUDGET_US */
};
/* Look at a version that was loaded: *manifest becomes a copy of its own, and when it would be promoted but is too slow to
 * serve, that and *end say refused, and why. The folder stays as it is: it knows nothing of machines. */
void training_check(const struct scorer *scorer,
                    double budget_us,
                    struct manifest *manifest,
                    struct train_line *end,
                    struct training_integrity *out);

/* What the gate said of a version, as an object: in the registry and in events. integrity may be NULL. */
void training_write_verdict(struct json_writer *w,
                            const struct manifest_gate *gate,
                            const struct training_integrity *integrity);

/* Rows of the registry for a version that was written: its row, candidate or refused, and its metrics. */
struct training_registration {
    const struct manifest *manifest;
    const struct training_integrity *integrity;
    struct sha256 manifest_hash;
    uint32_t attempt;
    int64_t wall_ns;
};
void training_register(struct pg_batch *batch,
                       const struct training_registration *registration,
                       struct rng *rng);

#endif
