/* alphaloop train: one training run. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "alphaloop/app/environment.h"
#include "alphaloop/app/roles.h"

#include "train_i.h"

static int usage(FILE *out, int code)
{
    fputs("usage: alphaloop train --strategy ID [--env-file FILE]\n"
          "       alphaloop train --job FILE [--env-file FILE]\n\n"
          "  --strategy ID    train a version of this strategy now, in a child process as serve "
          "does, and\n"
          "                   register it; what serves is not changed\n"
          "  --job FILE       be that child: train what the file says, print a JSON object a line, "
          "end when\n"
          "                   standard input does, if that is a pipe\n"
          "  --env-file FILE  read settings from FILE (default .env if it exists); the environment "
          "wins\n",
          out);
    return code;
}

static int run(const char *env_file, const char *strategy_id, const char *job)
{
    struct settings *settings = calloc(1, sizeof *settings);
    int code = EXIT_USAGE;
    if (settings == NULL)
        return EXIT_FAILED;
    if (environment_settings(env_file, 0, settings) == AL_OK)
        code = job != NULL ? train_child(settings, job)
                           : train_person(settings, env_file, strategy_id);
    free(settings);
    return code;
}

int role_train(int argc, char **argv)
{
    static const struct option options[] = {{"env-file", required_argument, NULL, 'f'},
                                            {"strategy", required_argument, NULL, 's'},
                                            {"job", required_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *env_file = NULL, *strategy_id = NULL, *job = NULL;
    optind = 1;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'h')
            return usage(stdout, EXIT_DONE);
        if (option == '?')
            return usage(stderr, EXIT_USAGE);
        if (option == 'f')
            env_file = optarg;
        else if (option == 's')
            strategy_id = optarg;
        else
            job = optarg;
    }
    if (optind < argc || (strategy_id == NULL) == (job == NULL))
        return usage(stderr, EXIT_USAGE);
    return run(env_file, strategy_id, job);
}
