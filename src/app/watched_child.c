#include "watched_child_i.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <uv.h>

#include "training_job_i.h"

#define BAR       "##############################"
#define BAR_WIDTH ((int)sizeof(BAR) - 1)

struct watch {
    const struct watched_child *child;
    struct watched_end *end;
    uv_signal_t interrupt, termination;
    struct proc *proc;
    bool is_terminal;
};

static void show(const struct watch *watch, const struct train_line *line)
{
    int n_full = (int)(line->fraction * BAR_WIDTH);
    if (!watch->is_terminal)
        return;
    printf("\r\033[Ktraining %s [%.*s%*s] %3.0f %% %s, %llu %s", watch->child->title, n_full, BAR,
           BAR_WIDTH - n_full, "", 100 * line->fraction, train_stage_name(line->stage),
           (unsigned long long)line->n_rows, watch->child->row_noun);
    fflush(stdout);
}

static void on_line(void *ctx, struct proc *proc, struct slice text)
{
    struct watch *watch = ctx;
    struct train_line line;
    (void)proc;
    if (train_line_read(text, &line) != AL_OK)
        return;
    if (line.kind == TRAIN_LINE_TRIAL && watch->child->on_trial != NULL)
        watch->child->on_trial(watch->child->ctx, &line.trial);
    if (line.kind == TRAIN_LINE_PROGRESS)
        show(watch, &line);
    if (line.kind != TRAIN_LINE_END)
        return;
    watch->end->line = line;
    watch->end->has_line = true;
}

static void close_signals(struct watch *watch)
{
    uv_close((uv_handle_t *)&watch->interrupt, NULL);
    uv_close((uv_handle_t *)&watch->termination, NULL);
}

static void on_end(void *ctx, struct proc *proc, const struct proc_end *end)
{
    struct watch *watch = ctx;
    (void)proc;
    watch->proc = NULL;
    watch->end->proc = *end;
    close_signals(watch);
}

static void on_stop_signal(uv_signal_t *handle, int number)
{
    struct watch *watch = handle->data;
    (void)number;
    if (watch->proc != NULL)
        proc_stop(watch->proc);
}

enum al_err watched_child_run(const struct watched_child *child, struct watched_end *out)
{
    struct watch watch = {.child = child, .end = out, .is_terminal = isatty(STDOUT_FILENO) == 1};
    const struct training_child spawned = {.settings = child->settings,
                                           .env_file = child->env_file,
                                           .option = child->option,
                                           .job_path = child->job_path,
                                           .on_line = on_line,
                                           .on_end = on_end,
                                           .ctx = &watch};
    uv_loop_t loop;
    *out = (struct watched_end){.has_line = false};
    uv_loop_init(&loop);
    uv_signal_init(&loop, &watch.interrupt);
    uv_signal_init(&loop, &watch.termination);
    watch.interrupt.data = watch.termination.data = &watch;
    uv_signal_start(&watch.interrupt, on_stop_signal, SIGINT);
    uv_signal_start(&watch.termination, on_stop_signal, SIGTERM);
    enum al_err err = training_spawn(&loop, &spawned, &watch.proc);
    if (err != AL_OK)
        close_signals(&watch);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    if (watch.is_terminal)
        printf("\r\033[K");
    return err;
}
