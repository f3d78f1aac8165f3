/* Role `features`: the catalogue, or what a list of names stands for. It needs neither settings nor broker nor database. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/app/roles.h"
#include "alphaloop/feature/feature_catalog.h"

#define CATALOG_MAX (1024 * 1024)

static const char usage[] = "usage: alphaloop features [--markdown]               the whole "
                            "catalogue, as JSON or as docs/features.md\n"
                            "       alphaloop features [--timeframe S] NAME...    what these sets, "
                            "columns or expressions stand for, as JSON\n"
                            "\n"
                            "A name is a set (standard), a column (rsi_14), a column at another "
                            "timeframe in seconds (rsi_14@300) or an\n"
                            "indicator with options (rsi(period=21)@300). --timeframe (60) is that "
                            "of candle columns which name none.\n";

static int print(struct buf *text)
{
    bool ok = buf_ok(text) && fputs(buf_str(text), stdout) >= 0 && fflush(stdout) == 0;
    if (!ok)
        fputs("alphaloop features: cannot write\n", stderr);
    buf_deinit(text);
    return ok ? EXIT_DONE : EXIT_FAILED;
}

static int print_set(char **names, size_t n_names, int64_t timeframe_ns)
{
    struct slice *slices = calloc(n_names, sizeof(*slices));
    struct feature_set *set = calloc(1, sizeof(*set));
    struct buf text = BUF_INIT(CATALOG_MAX);
    enum al_err err = AL_ENOMEM;
    if (slices != NULL && set != NULL) {
        for (size_t i = 0; i < n_names; i++)
            slices[i] = slice_of(names[i]);
        err = feature_set_resolve(slices, n_names, timeframe_ns, set);
    }
    if (err == AL_OK) {
        feature_set_json(set, &text);
        buf_putc(&text, '\n');
    } else {
        fprintf(stderr, "alphaloop features: %s\n",
                err == AL_ENOMEM ? "out of memory" : err_text());
    }
    free(slices);
    free(set);
    return err == AL_OK ? print(&text) : EXIT_USAGE;
}

struct features_options {
    bool markdown, help;
    int64_t timeframe_s;
    int first_name; /* index in argv */
};

/* False when a value is missing or not allowed. --env-file is taken for likeness with the other roles: nothing here
 * depends on a setting. */
static bool options_read(int argc, char **argv, struct features_options *options)
{
    int next = 1;
    *options = (struct features_options){.timeframe_s = 60};
    for (; next < argc && argv[next][0] == '-'; next++) {
        char *end = NULL;
        if (strcmp(argv[next], "--help") == 0) {
            options->help = true;
        } else if (strcmp(argv[next], "--markdown") == 0) {
            options->markdown = true;
        } else if (strcmp(argv[next], "--env-file") == 0 && next + 1 < argc) {
            next++;
        } else if (strcmp(argv[next], "--timeframe") == 0 && next + 1 < argc) {
            options->timeframe_s = strtoll(argv[++next], &end, 10);
            if (*end != '\0' || options->timeframe_s < 1 || options->timeframe_s > 604800)
                return false;
        } else {
            return false;
        }
    }
    options->first_name = next;
    return !options->markdown || next == argc;
}

int role_features(int argc, char **argv)
{
    struct buf text = BUF_INIT(CATALOG_MAX);
    struct features_options options;
    if (!options_read(argc, argv, &options)) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    if (options.help) {
        fputs(usage, stdout);
        return EXIT_DONE;
    }
    if (options.first_name < argc)
        return print_set(&argv[options.first_name], (size_t)(argc - options.first_name),
                         options.timeframe_s * NS_PER_S);
    if (options.markdown) {
        feature_catalog_markdown(&text);
    } else {
        feature_catalog_json(&text);
        buf_putc(&text, '\n');
    }
    return print(&text);
}
