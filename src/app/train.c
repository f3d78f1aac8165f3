/* alphaloop train: one training run. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "alphaloop/app/environment.h"
#include "alphaloop/app/roles.h"

#include "forecast_job_i.h"
#include "tabular_i.h"
#include "train_i.h"

static int usage(FILE *out, int code)
{
    fputs("usage: alphaloop train --strategy ID [--env-file FILE]\n"
          "       alphaloop train --forecast NAME --asset ASSET [--interval 1h] [--horizons "
          "1,3,24,168]\n"
          "                       [--kind KIND] [--parameters JSON] [--env-file FILE]\n"
          "       alphaloop train --job FILE | --forecast-job FILE [--env-file FILE]\n"
          "       alphaloop train --tabular FILE\n\n"
          "  --strategy ID    train a version of this strategy now, in a child process as serve "
          "does, and\n"
          "                   register it; what serves is not changed\n"
          "  --forecast NAME  train a version of this forecast now on the asset's bars; it serves "
          "when "
          "the gate\n"
          "                   says so. Horizons are in hours. Kinds: baseline, linear, "
          "random_forest, xgboost,\n"
          "                   lightgbm, lstm; parameters as a JSON object\n"
          "  --job FILE       be that child: train what the file says, print a JSON object a line, "
          "end when\n"
          "                   standard input does, if that is a pipe\n"
          "  --tabular FILE   be the child that trains a table of POST /api/train\n"
          "  --env-file FILE  read settings from FILE (default .env if it exists); the environment "
          "wins\n",
          out);
    return code;
}

struct arguments {
    const char *env_file, *strategy_id, *job, *forecast_job;
    struct forecast_order forecast;
};

static int run(const struct arguments *a)
{
    struct settings *settings = calloc(1, sizeof *settings);
    int code;
    if (settings == NULL)
        return EXIT_FAILED;
    if (environment_settings(a->env_file, 0, settings) != AL_OK)
        code = EXIT_USAGE;
    else if (a->job != NULL)
        code = train_child(settings, a->job);
    else if (a->forecast_job != NULL)
        code = forecast_child(settings, a->forecast_job);
    else if (a->forecast.name != NULL)
        code = forecast_person(settings, a->env_file, &a->forecast);
    else
        code = train_person(settings, a->env_file, a->strategy_id);
    free(settings);
    return code;
}

/* NULL: help, or none of ours. */
static const char **argument_of(struct arguments *a, int option)
{
    switch (option) {
    case 'f':
        return &a->env_file;
    case 's':
        return &a->strategy_id;
    case 'j':
        return &a->job;
    case 'J':
        return &a->forecast_job;
    case 'F':
        return &a->forecast.name;
    case 'a':
        return &a->forecast.asset;
    case 'i':
        return &a->forecast.interval;
    case 'H':
        return &a->forecast.horizons;
    case 'k':
        return &a->forecast.kind;
    case 'p':
        return &a->forecast.parameters;
    default:
        return NULL;
    }
}

static bool is_one_thing(const struct arguments *a)
{
    const struct forecast_order *f = &a->forecast;
    bool has_details = f->asset != NULL || f->interval != NULL || f->horizons != NULL ||
                       f->kind != NULL || f->parameters != NULL;
    int n =
        (a->strategy_id != NULL) + (a->job != NULL) + (a->forecast_job != NULL) + (f->name != NULL);
    return n == 1 && (f->name != NULL || !has_details);
}

int role_train(int argc, char **argv)
{
    static const struct option options[] = {{"env-file", required_argument, NULL, 'f'},
                                            {"strategy", required_argument, NULL, 's'},
                                            {"job", required_argument, NULL, 'j'},
                                            {"forecast-job", required_argument, NULL, 'J'},
                                            {"forecast", required_argument, NULL, 'F'},
                                            {"asset", required_argument, NULL, 'a'},
                                            {"interval", required_argument, NULL, 'i'},
                                            {"horizons", required_argument, NULL, 'H'},
                                            {"kind", required_argument, NULL, 'k'},
                                            {"parameters", required_argument, NULL, 'p'},
                                            {"tabular", required_argument, NULL, 't'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct arguments arguments = {0};
    optind = 1;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 't')
            return tabular_child(optarg);
        const char **into = argument_of(&arguments, option);
        if (into == NULL)
            return option == 'h' ? usage(stdout, EXIT_DONE) : usage(stderr, EXIT_USAGE);
        *into = optarg;
    }
    if (optind < argc || !is_one_thing(&arguments))
        return usage(stderr, EXIT_USAGE);
    return run(&arguments);
}
