/* alphaloop settings: what every setting is, and where its value came from. */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "alphaloop/app/environment.h"
#include "alphaloop/app/roles.h"
#include "alphaloop/settings/strategy_config.h"

#define OUTPUT_MAX (1024 * 1024)

static int usage(FILE *out, int code)
{
    fputs("usage: alphaloop settings [--env-file FILE] [--json | --env-example | "
          "--strategy-schema]\n\n"
          "  --env-file FILE    read settings from FILE (default .env if it exists); the "
          "environment wins\n"
          "  --json             the same as JSON\n"
          "  --env-example      print an env file with every default instead\n"
          "  --strategy-schema  print the JSON Schema of config/strategies/<strategy_id>.json "
          "instead\n\n"
          "Prints every setting with value, default, range and source; secrets only as set or "
          "unset.\n",
          out);
    return code;
}

static int print(struct buf *text)
{
    bool written = buf_ok(text) && fwrite(buf_str(text), 1, text->len, stdout) == text->len &&
                   fflush(stdout) == 0;
    buf_deinit(text);
    return written ? EXIT_DONE : EXIT_FAILED;
}

static int print_settings(const char *env_file, bool as_json)
{
    struct buf text = BUF_INIT(OUTPUT_MAX);
    struct settings *settings = calloc(1, sizeof *settings);
    if (settings == NULL)
        return EXIT_FAILED;
    int code = EXIT_USAGE;
    if (environment_settings(env_file, 0, settings) == AL_OK) {
        if (as_json)
            settings_print_json(settings, &text);
        else
            settings_print(settings, &text);
        code = print(&text);
    }
    free(settings);
    return code;
}

static int print_generated(void (*describe)(struct buf *out))
{
    struct buf text = BUF_INIT(OUTPUT_MAX);
    describe(&text);
    return print(&text);
}

int role_settings(int argc, char **argv)
{
    static const struct option options[] = {
        {"env-file", required_argument, NULL, 'f'}, {"json", no_argument, NULL, 'j'},
        {"env-example", no_argument, NULL, 'e'},    {"strategy-schema", no_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},           {NULL, 0, NULL, 0}};
    const char *env_file = NULL;
    int what = 0;
    optind = 1;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'h')
            return usage(stdout, EXIT_DONE);
        if (option == '?')
            return usage(stderr, EXIT_USAGE);
        if (option == 'f')
            env_file = optarg;
        else
            what = option;
    }
    if (optind != argc)
        return usage(stderr, EXIT_USAGE);
    if (what == 'e')
        return print_generated(settings_env_example);
    return what == 's' ? print_generated(strategy_config_schema)
                       : print_settings(env_file, what == 'j');
}
