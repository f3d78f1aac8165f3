/* Role backtest: the passes over the market, their progress, and the report's files.
 *
 *   1  the run itself, with trainings
 *   2  the same without trainings: warm-up alone, to hold it against; left out when no model ever decided
 *   3  look-ahead checks: the run again up to an instant, with all later data replaced by something else
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alphaloop/app/roles.h"
#include "alphaloop/io/file.h"
#include "alphaloop/observe/log.h"
#include "backtest_i.h"

#define BAR_WIDTH 30

/* ---- progress ---- */

struct progress {
    const struct backtest_plan *plan;
    const char *what;
    bool is_on, is_terminal;
    int percent; /* last said */
};

static void say(struct progress *p, int percent, const struct backtest_pass *pass)
{
    char at[TIMESTAMP_TEXT_MAX] = "";
    timestamp_format(pass->now_ns, at);
    int filled = percent * BAR_WIDTH / 100;
    if (p->is_terminal)
        fprintf(stderr, "\r%-24s [%.*s%*s] %3d %%  %.10s  %zu decisions, %zu trainings ", p->what,
                filled, "##############################", BAR_WIDTH - filled, "", percent, at,
                pass->notes.n, pass->n_trainings);
    else
        fprintf(stderr, "%s: %d %%, %.10s, %zu decisions, %zu trainings\n", p->what, percent, at,
                pass->notes.n, pass->n_trainings);
}

/* Every per cent on a terminal, every tenth elsewhere. */
static void on_progress(void *ctx, const struct backtest_pass *pass)
{
    struct progress *p = ctx;
    double span = (double)(p->plan->to_ns - p->plan->from_ns);
    int percent = span > 0 ? (int)(100 * (double)(pass->now_ns - p->plan->from_ns) / span) : 100;
    int step = p->is_terminal ? 1 : 10;
    if (!p->is_on || percent < p->percent + step || percent > 100)
        return;
    p->percent = percent - percent % step;
    say(p, percent, pass);
}

static void begin(struct progress *p, const char *what)
{
    p->what = what;
    p->percent = 0;
}

static void end(const struct progress *p)
{
    if (p->is_on && p->is_terminal)
        fputs("\n", stderr);
}

/* ---- passes ---- */

struct run {
    const struct backtest_plan *plan;
    struct progress progress;
    struct backtest_memo memo;
    struct backtest_pass main, warmup;
    struct report report;
};

static enum al_err play(struct run *run,
                        const char *what,
                        struct backtest_pass_options options,
                        struct backtest_pass *pass)
{
    begin(&run->progress, what);
    options.memo = &run->memo;
    options.on_progress = on_progress;
    options.ctx = &run->progress;
    enum al_err err = backtest_pass_run(pass, run->plan, &options);
    end(&run->progress);
    return err;
}

/* The k-th of n instants: a random decision of the k-th of n equal parts of the run. */
static int64_t instant(const struct backtest_notes *notes, size_t k, size_t n, struct rng *rng)
{
    size_t begin_at = k * notes->n_trace / n, end_at = (k + 1) * notes->n_trace / n;
    size_t part = end_at > begin_at ? end_at - begin_at : 1;
    size_t index = begin_at + (size_t)rng_below(rng, part);
    return notes->trace[index < notes->n_trace ? index : notes->n_trace - 1].t_ns;
}

static enum al_err check(struct run *run)
{
    const struct backtest_notes *notes = &run->main.notes;
    size_t n = run->plan->options->n_checks;
    struct rng rng;
    rng_seed(&rng, run->plan->options->seed ^ 0x636865636bULL);
    for (size_t k = 0; k < n && notes->n_trace > 0; k++) {
        int64_t at_ns = instant(notes, k, n, &rng);
        struct backtest_pass again = {0};
        const struct backtest_pass_options options = {
            .trains = true, .poison_ns = at_ns, .stop_ns = at_ns};
        enum al_err err = play(run, "look-ahead check", options, &again);
        if (err == AL_OK)
            (void)backtest_trace_same(notes, &again.notes, at_ns,
                                      &run->report.instants[run->report.n_instants++]);
        backtest_pass_deinit(&again);
        if (err != AL_OK)
            return err;
    }
    return AL_OK;
}

static enum al_err play_all(struct run *run)
{
    const struct backtest_pass_options whole = {
        .trains = true, .poison_ns = TIMESTAMP_NONE, .stop_ns = INT64_MAX};
    const struct backtest_pass_options untrained = {.poison_ns = TIMESTAMP_NONE,
                                                    .stop_ns = INT64_MAX};
    const struct backtest_pass *warmup = &run->main;
    enum al_err err = play(run, "backtest", whole, &run->main);
    if (err == AL_OK && run->main.first_activation_ns != TIMESTAMP_NONE) {
        err = play(run, "warm-up alone", untrained, &run->warmup);
        warmup = &run->warmup;
    }
    if (err == AL_OK)
        err = backtest_judge(run->plan, &run->main, warmup, &run->report);
    return err == AL_OK ? check(run) : err;
}

/* ---- the report's files ---- */

static enum al_err write_to(const char *path, const struct buf *text)
{
    if (!buf_ok(text))
        return err_set(AL_EFULL, "the report is longer than %zu bytes", REPORT_BYTES_MAX);
    if (strcmp(path, "-") != 0)
        return file_write_whole(path, buf_slice(text));
    if (fwrite(text->ptr, 1, text->len, stdout) != text->len || fflush(stdout) != 0)
        return err_set(AL_EIO, "standard output: %s", strerror(errno));
    return AL_OK;
}

static enum al_err write_one(const struct report *report,
                             void (*writer)(const struct report *report, struct buf *out),
                             const char *path)
{
    struct buf text = BUF_INIT(REPORT_BYTES_MAX);
    if (path == NULL)
        return AL_OK;
    writer(report, &text);
    enum al_err err = write_to(path, &text);
    buf_deinit(&text);
    return err;
}

static enum al_err write_report(const struct backtest_options *o, const struct report *report)
{
    bool is_taken = (o->json != NULL && strcmp(o->json, "-") == 0) ||
                    (o->html != NULL && strcmp(o->html, "-") == 0); /* standard output */
    enum al_err err = write_one(report, report_write_text, is_taken ? NULL : "-");
    if (err == AL_OK)
        err = write_one(report, report_write_json, o->json);
    return err == AL_OK ? write_one(report, report_write_html, o->html) : err;
}

/* ---- the role ---- */

/* A run that looks ahead is worth nothing: it fails, after saying where. */
static int run_plan(struct run *run)
{
    enum al_err err = play_all(run);
    if (err == AL_OK)
        err = write_report(run->plan->options, &run->report);
    if (err != AL_OK) {
        fprintf(stderr, "alphaloop backtest: %s\n", err_text());
        return EXIT_FAILED;
    }
    if (report_is_causal(&run->report))
        return EXIT_DONE;
    fputs("alphaloop backtest: decisions depend on later data\n", stderr);
    return EXIT_FAILED;
}

static int fit_costs(const struct backtest_plan *plan, struct backtest_options *options)
{
    if (backtest_costs_fit(plan->settings, options) == AL_OK)
        return EXIT_DONE;
    fprintf(stderr, "alphaloop backtest: %s\n", err_text());
    return EXIT_FAILED;
}

static void on_log(void *ctx, struct slice line)
{
    (void)ctx;
    (void)line; /* what the pipeline has to say is in the report */
}

int role_backtest(int argc, char **argv)
{
    struct backtest_options options;
    struct backtest_plan plan;
    struct run *run = calloc(1, sizeof *run);
    if (run == NULL)
        return EXIT_FAILED;
    backtest_options_parse(argc, argv, &options);
    log_init("backtest", LOG_ERROR, on_log, NULL);
    int code = backtest_plan_init(&plan, &options);
    run->plan = &plan;
    run->progress = (struct progress){
        .plan = &plan, .is_on = !options.is_quiet, .is_terminal = isatty(STDERR_FILENO) != 0};
    if (code == EXIT_DONE && options.costs_of_ledger)
        code = fit_costs(&plan, &options);
    if (code == EXIT_DONE)
        code = run_plan(run);
    backtest_pass_deinit(&run->main);
    backtest_pass_deinit(&run->warmup);
    backtest_memo_deinit(&run->memo);
    report_deinit(&run->report);
    backtest_plan_deinit(&plan);
    free(run);
    return code;
}
