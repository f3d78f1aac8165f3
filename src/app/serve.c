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

#include "strategies_i.h"
#include "worker_i.h"

struct serve_arguments {
    const char *env_file;
    bool no_publish;
};

static const struct argp_option options[] = {
    {"env-file", 'e', "FILE", 0,
     "Read settings from FILE; the environment wins (default: .env if it exists)", 0},
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

static void reload(struct worker *worker)
{
    struct settings *fresh = calloc(1, sizeof(*fresh));
    struct buf text = BUF_INIT(SETTINGS_PROBLEMS_MAX);
    if (fresh == NULL)
        return;
    notify_send(worker->settings->notify_socket, "RELOADING=1");
    if (environment_settings_again(worker->env_file, SETTINGS_NEED_API_KEY, fresh, &text) ==
        AL_OK) {
        size_t n = settings_reload(worker->settings, fresh, &text);
        log_set_level(level_of(worker->settings));
        log_info("app", "settings", NULL, EV("settings_reloaded"), F_I64("n_changed", n),
                 F_STR("changes", buf_str(&text)));
    } else {
        log_error("app", "settings", NULL, EV("settings_kept"), F_STR("problems", buf_str(&text)));
    }
    notify_send(worker->settings->notify_socket, "READY=1");
    buf_deinit(&text);
    free(fresh);
}

/* ---- the role ---- */

static uint64_t seed_of(const struct settings *settings)
{
    uint64_t seed = settings->random_seed;
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
            AL_OK) {
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
    free(worker.strategies);
    free(worker.settings);
    return code;
}
