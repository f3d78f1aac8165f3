/* Role `migrate`: bring the database schema to this program's version. */
#include <argp.h>
#include <stdio.h>

#include "alphaloop/app/database.h"
#include "alphaloop/app/environment.h"
#include "alphaloop/app/roles.h"
#include "alphaloop/store/migrate.h"

enum { KEY_ENV = 1000, KEY_CHECK };

struct migrate_arguments {
    const char *env_file;
    enum migrate_mode mode;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct migrate_arguments *arguments = state->input;
    switch (key) {
    case KEY_ENV:
        arguments->env_file = arg;
        return 0;
    case KEY_CHECK:
        arguments->mode = MIGRATE_CHECK;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "'%s': no argument is expected", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void report(const struct settings *settings, const struct migrate_report *done)
{
    printf("schema %s of %s: %zu of %zu files were applied, %zu now; it is at %s\n",
           settings->postgres_schema, settings->postgres_db, done->n_before, done->n_files,
           done->n_applied, done->newest);
}

int role_migrate(int argc, char **argv)
{
    static const struct argp_option rows[] = {
        {"env-file", KEY_ENV, "FILE", 0, "settings; default .env if it exists", 0},
        {"check", KEY_CHECK, NULL, 0,
         "change nothing; fail unless the schema is exactly this program's", 0},
        {0},
    };
    static const struct argp argp = {
        .options = rows,
        .parser = parse,
        .doc = "Brings the database schema to this program's version. Safe to run twice, and by "
               "several at once.",
    };
    static struct settings settings;
    struct migrate_arguments arguments = {.mode = MIGRATE_APPLY};
    struct migrate_report done;
    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    if (environment_settings(arguments.env_file, 0, &settings) != AL_OK)
        return EXIT_USAGE;
    struct pg_options options = database_from_settings(&settings, "migrate");
    if (migrate_run(&options, arguments.mode, &done) != AL_OK) {
        fprintf(stderr, "alphaloop: %s\n", err_text());
        return EXIT_FAILED;
    }
    report(&settings, &done);
    return EXIT_DONE;
}
