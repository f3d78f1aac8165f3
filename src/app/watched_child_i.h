/* A training's child that a person waits for: its progress is a bar on a terminal, Ctrl-C and SIGTERM end it. */
#ifndef ALPHALOOP_SRC_APP_WATCHED_CHILD_I_H
#define ALPHALOOP_SRC_APP_WATCHED_CHILD_I_H

#include "alphaloop/io/proc.h"
#include "alphaloop/settings/settings.h"
#include "alphaloop/train/job.h"

struct watched_child {
    const struct settings *settings;
    const char *env_file;
    const char *option; /* that names the job; NULL: "--job" */
    const char *job_path;
    const char *title;    /* what is trained, "momentum_v1 v3" */
    const char *row_noun; /* "rows" */
    void (*on_trial)(void *ctx, const struct train_trial *trial); /* may be NULL */
    void *ctx;
};

struct watched_end {
    bool has_line; /* it said how it ended; else `proc` tells */
    struct train_line line;
    struct proc_end proc;
};

/* Runs it to its end on a loop of its own. AL_OK: it was started, whatever became of it. */
MUST_CHECK enum al_err watched_child_run(const struct watched_child *child,
                                         struct watched_end *out);

#endif
