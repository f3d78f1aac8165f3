/* alphaloop: picks a role. `alphaloop [role] [options]`; without a role, or with options only, it serves. */
#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "alphaloop/app/roles.h"
#include "alphaloop/base/err.h"

static const struct role {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} roles[] = {
#define ROLE(name, function, summary) {#name, function, summary},
#include "alphaloop/tbl/roles.def"
#undef ROLE
    {NULL, NULL, NULL},
};

static const struct role *role_find(const char *name)
{
    for (const struct role *role = roles; role->name != NULL; role++) {
        if (strcmp(role->name, name) == 0)
            return role;
    }
    return NULL;
}

static void print_roles(FILE *out)
{
    fputs("usage: alphaloop [ROLE] [--env-file FILE] [options]\n\n", out);
    for (const struct role *role = roles; role->name != NULL; role++)
        fprintf(out, "  %-12s %s\n", role->name, role->summary);
    fputs("  help [ROLE]  this list, or one role's options\n  --version    the version\n\n"
          "Without a role it serves.\n",
          out);
}

static int refuse_role(const char *name)
{
    fprintf(stderr, "alphaloop: no role named '%s'\n", name);
    print_roles(stderr);
    return EXIT_USAGE;
}

static int help(int argc, char **argv)
{
    if (argc < 3) {
        print_roles(stdout);
        return EXIT_DONE;
    }
    const struct role *role = role_find(argv[2]);
    if (role == NULL)
        return refuse_role(argv[2]);
    char *role_argv[] = {argv[2], (char[]){"--help"}, NULL};
    return role->run(2, role_argv);
}

int main(int argc, char **argv)
{
    argp_err_exit_status = EXIT_USAGE;
    if (argc > 1 && (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0))
        return help(argc, argv);
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        puts("alphaloop " ALPHALOOP_VERSION);
        return EXIT_DONE;
    }
    bool named = argc > 1 && argv[1][0] != '-';
    const struct role *role = role_find(named ? argv[1] : "serve");
    if (role == NULL)
        return refuse_role(argv[1]);
    return named ? role->run(argc - 1, argv + 1) : role->run(argc, argv);
}
