/* Training children: at most one per strategy, a newer request cancels the older and starts when it has ended. Strategies share
 * `n_children_max`; the rest wait their turn, at most one request each. Whatever happens to a child (crash, hang, out of memory,
 * refusal) is an answer in on_finished and changes nothing else. */
#ifndef ALPHALOOP_APP_TRAINING_SUPERVISOR_H
#define ALPHALOOP_APP_TRAINING_SUPERVISOR_H

#include "alphaloop/io/proc.h"
#include "alphaloop/train/job.h"

struct training_supervisor;

struct training_outcome {
    enum train_verdict verdict; /* FAILED also for a child that ended without its last line */
    const char        *reason;  /* one sentence for logs and training_runs */
    struct train_line  end;     /* PROMOTE and REFUSE */
    struct proc_end    proc;
};

struct training_supervisor_options {
    const char *work_dir;         /* for job files; made when missing; copied */
    const char *env_file;         /* handed on to the child; NULL: none */
    const char *program;          /* NULL: this program */
    uint64_t    memory_bytes_max; /* of a child; 0: none */
    uint64_t    grace_ms;         /* 0: 2000 */
    size_t      n_children_max;   /* 0: 1 */
    void (*on_started)(void *ctx, const struct train_job *job);
    void (*on_progress)(void *ctx, const struct train_job *job, const struct train_line *line);
    void (*on_finished)(void *ctx, const struct train_job *job, const struct training_outcome *outcome);
    void *ctx;
};

MUST_CHECK enum al_err training_supervisor_create(uv_loop_t *loop, const struct training_supervisor_options *options,
                                                  struct training_supervisor **out);
/* Ask for a run (the job is copied). on_started comes when its child runs; a request that a newer one replaces before that
 * ends with verdict CANCELLED. AL_EFULL with more than 64 strategies. */
MUST_CHECK enum al_err training_supervisor_request(struct training_supervisor *supervisor,
                                                   const struct train_job *job);
/* Stop the strategy's child and forget its waiting request; NULL: all. */
void training_supervisor_cancel(struct training_supervisor *supervisor, const struct strategy_id *strategy_id);
bool training_supervisor_is_running(const struct training_supervisor *supervisor,
                                    const struct strategy_id *strategy_id); /* running or waiting; NULL: any */
/* Stop all, then on_closed, then it is freed. */
void training_supervisor_close(struct training_supervisor *supervisor, void (*on_closed)(void *ctx), void *ctx);

#endif
