/* Role serve: settings and strategy files in, one worker on one loop until it is told to stop. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "alphaloop/app/environment.h"
#include "alphaloop/app/notify.h"
#include "alphaloop/app/roles.h"
#include "alphaloop/observe/log.h"
#include "alphaloop/observe/metric.h"

#include "asset_names_i.h"
#include "error_reports_i.h"
#include "fetching_i.h"
#include "journal_i.h"
#include "strategies_i.h"
#include "worker_i.h"

struct serve_arguments {
    const char *env_file;
    bool no_publish;
    const char *journal; /* NULL: as JOURNAL_PATH says */
};

static const struct argp_option options[] = {
    {"env-file", 'e', "FILE", 0,
     "Read settings from FILE; the environment wins (default: .env if it exists)", 0},
    {"journal", 'j', "FILE", 0,
     "Record what the core is told and decides, for `alphaloop replay` (default: JOURNAL_PATH)", 0},
    {"no-publish", 'n', NULL, 0, "Compute and store everything, let nothing leave", 0},
    {0},
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct serve_arguments *arguments = state->input;
    switch (key) {
    case 'e':
        arguments->env_file = value;
        return 0;
    case 'j':
        arguments->journal = value;
        return 0;
    case 'n':
        arguments->no_publish = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument '%s'", value);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .doc = "The worker: consume order events and market data, learn, publish trading signals, "
           "serve the admin port.",
};

/* ---- reload ---- */

static enum log_level level_of(const struct settings *settings)
{
    static const enum log_level levels[] = {LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_ERROR};
    return levels[settings->model_service_log_level];
}

/* What the new settings and strategy files come to; nothing is taken over unless all of it is valid. */
struct news {
    struct settings settings;
    size_t n_changed;
    struct strategy_config *strategies; /* owns; NULL when something is wrong */
    struct buf text;                    /* changes, or problems */
};

static enum al_err read_news(const struct worker *worker, struct news *news)
{
    struct settings *fresh = calloc(1, sizeof(*fresh));
    size_t n_strategies;
    if (fresh == NULL)
        return err_set(AL_ENOMEM, "settings");
    news->settings = *worker->settings;
    enum al_err err =
        environment_settings_again(worker->env_file, SETTINGS_NEED_API_KEY, fresh, &news->text);
    if (err == AL_OK) {
        struct buf problems = BUF_INIT(SETTINGS_PROBLEMS_MAX);
        news->n_changed = settings_reload(&news->settings, fresh, &news->text);
        err = strategies_load(&news->settings, &news->strategies, &n_strategies, &problems);
        if (err != AL_OK)
            buf_reset(&news->text);
        buf_append(&news->text, buf_str(&problems), problems.len);
        buf_deinit(&problems);
    }
    free(fresh);
    return err;
}

static void take_news(struct worker *worker, struct news *news)
{
    *worker->settings = news->settings;
    for (size_t i = 0; i < worker->n_strategies; i++) {
        struct strategy_config *running = &worker->strategies[i];
        if (!strategy_config_reload(running, &news->strategies[i]))
            buf_printf(&news->text, "strategy %s: the rest after the next start\n",
                       running->strategy_id.text);
    }
    int64_t now_ns = worker_now_ns(worker);
    journal_add_reload(worker->journal, worker->settings, worker->strategies, worker->n_strategies,
                       now_ns);
    pipeline_reload(worker->pipeline, now_ns);
    log_set_level(level_of(worker->settings));
    log_info("app", "settings", NULL, EV("settings_reloaded"), F_I64("n_changed", news->n_changed),
             F_STR("changes", buf_str(&news->text)));
}

static void reload(struct worker *worker)
{
    struct news *news = calloc(1, sizeof(*news));
    if (news == NULL)
        return;
    news->text = BUF_INIT(SETTINGS_PROBLEMS_MAX);
    notify_send(worker->settings->notify_socket, "RELOADING=1");
    if (read_news(worker, news) == AL_OK)
        take_news(worker, news);
    else
        log_error("app", "settings", NULL, EV("settings_kept"),
                  F_STR("problems", buf_str(&news->text)));
    notify_send(worker->settings->notify_socket, "READY=1");
    buf_deinit(&news->text);
    free(news->strategies);
    free(news);
}

/* ---- the role ---- */

static uint64_t seed_of(const struct settings *settings)
{
    uint32_t seed = settings->random_seed; /* one that RANDOM_SEED could ask for again */
    if (seed == 0 && getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
        seed = 1;
    return seed;
}

static int run(struct worker *worker)
{
    uv_loop_t loop;
    uv_loop_init(&loop);
    worker->loop = &loop;
    if (worker_start(worker) != AL_OK) {
        fprintf(stderr, "alphaloop: cannot start: %s\n", err_text());
        return EXIT_FAILED;
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    worker_deinit(worker);
    int open_handles = uv_loop_close(&loop);
    if (open_handles != 0)
        log_error("app", "state", NULL, EV("loop_not_empty"));
    return worker->exit_code;
}

int role_serve(int argc, char **argv)
{
    struct serve_arguments arguments = {0};
    struct worker worker = {.reload = reload};
    if (argp_parse(&argp, argc, argv, 0, NULL, &arguments) != 0)
        return EXIT_USAGE;
    worker.settings = calloc(1, sizeof(*worker.settings));
    if (worker.settings == NULL)
        return EXIT_FAILED;
    worker.env_file = arguments.env_file;
    worker.publishes = !arguments.no_publish;
    int code = EXIT_USAGE;
    struct buf problems = BUF_INIT(SETTINGS_PROBLEMS_MAX);
    if (environment_settings(arguments.env_file, SETTINGS_NEED_API_KEY, worker.settings) == AL_OK &&
        strategies_load(worker.settings, &worker.strategies, &worker.n_strategies, &problems) ==
            AL_OK &&
        asset_names_load(worker.settings, &worker.asset_names, &problems) == AL_OK &&
        error_reports_check(worker.settings, &problems) &&
        fetching_check(worker.settings, &problems)) {
        if (arguments.journal != NULL &&
            !chars_set(worker.settings->journal_path, sizeof(worker.settings->journal_path),
                       arguments.journal))
            fprintf(stderr, "alphaloop: --journal: the path is cut\n");
        log_init(worker.settings->model_service_service_name, level_of(worker.settings), NULL,
                 NULL);
        worker.seed = seed_of(worker.settings);
        log_info("app", "state", NULL, EV("starting"), F_STR("version", ALPHALOOP_VERSION),
                 F_I64("seed", worker.seed), F_BOOL("publishes", worker.publishes),
                 F_I64("strategies", worker.n_strategies));
        metric_set(METRIC_build_info, 1, ALPHALOOP_VERSION, NULL);
        code = run(&worker);
    }
    fputs(buf_str(&problems), stderr);
    buf_deinit(&problems);
    free(worker.asset_names);
    free(worker.strategies);
    free(worker.settings);
    return code;
}
