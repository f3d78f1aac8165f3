/* What an import says: bad rows as they come and a bar of progress on standard error, the summary on standard output. */
#include <inttypes.h>
#include <stdio.h>

#include <uv.h>

#include "import_i.h"

enum { BAR_WIDTH = 30, SHOW_EVERY_ROWS = 1024 };
#define SHOW_EVERY_NS (NS_PER_S / 10)

void import_end_progress(struct import *import)
{
    if (import->shown_ns != 0)
        fprintf(stderr, "\r\033[K");
    import->shown_ns = 0;
}

void import_show_progress(struct import *import)
{
    if (!import->shows_progress || (import->n_rows + import->n_refused) % SHOW_EVERY_ROWS != 0)
        return;
    uint64_t now_ns = uv_hrtime();
    if (now_ns - import->shown_ns < SHOW_EVERY_NS)
        return;
    import->shown_ns = now_ns;
    double share = (double)gzoffset(import->file.file) / (double)import->n_file_bytes;
    double seconds = (double)(now_ns - import->started_ns) / 1e9;
    int n_done = (int)(share * BAR_WIDTH);
    fprintf(stderr, "\r[%.*s%*s] %3.0f %%  %" PRIu64 " rows  %.0f rows/s\033[K", n_done,
            "##############################", BAR_WIDTH - n_done, "", 100 * share, import->n_rows,
            (double)import->n_rows / seconds);
    fflush(stderr);
}

void import_show_refusal(struct import *import)
{
    size_t n_listed_max = import->options->n_listed_max;
    if (import->n_refused > n_listed_max || !import->options->skips_bad)
        return;
    import_end_progress(import);
    fprintf(stderr, "%s: %s\n", import->options->path, err_text());
    if (import->n_refused == n_listed_max)
        fprintf(stderr, "%s: further bad rows are only counted\n", import->options->path);
}

static void print_gap(const struct gap *gap)
{
    char from[TIMESTAMP_TEXT_MAX], to[TIMESTAMP_TEXT_MAX];
    timestamp_format(gap->from_ns, from);
    timestamp_format(gap->to_ns, to);
    printf("             %" PRIu64 " missing from %s, next at %s\n", gap->n_missing, from, to);
}

static void print_gaps(const struct import *import)
{
    const struct gap_finder *gaps = &import->gaps;
    printf("  gaps       %" PRIu64 ", %" PRIu64 " candles missing\n", gaps->n_gaps,
           gaps->n_missing);
    for (size_t i = 0; i < import->n_listed; i++)
        print_gap(&import->listed[i]);
    if (gaps->n_gaps <= import->n_listed)
        return;
    printf("             and %" PRIu64 " more, of which the longest of all is\n",
           gaps->n_gaps - import->n_listed);
    print_gap(&gaps->longest);
}

static void print_stored(const struct import *import)
{
    if (import->sync == NULL) {
        printf("  stored     nothing: this was a dry run\n");
        return;
    }
    if (import->resumed_line > 0)
        printf("  resumed    after line %" PRIu64 ", where an import before had come to\n",
               import->resumed_line);
    printf("  stored     %" PRIu64 " new, %" PRIu64 " changed\n", import->n_new, import->n_changed);
}

void import_print_summary(const struct import *import)
{
    const struct gap_finder *gaps = &import->gaps;
    char first[TIMESTAMP_TEXT_MAX] = "", last[TIMESTAMP_TEXT_MAX] = "";
    double seconds = (double)(uv_hrtime() - import->started_ns) / 1e9;
    printf("%s: %s of %s\n", import->options->path,
           csv_kind_name(csv_reader_kind(import->file.reader)), import->options->asset.text);
    printf("  rows       %" PRIu64 " read, %" PRIu64 " bad, %.0f rows/s\n", import->n_rows,
           import->n_refused, (double)import->n_rows / seconds);
    if (gaps->n_bars > 0) {
        timestamp_format(gaps->first_ns, first);
        timestamp_format(gaps->last_ns, last);
    }
    printf("  candles    %" PRIu64 " of %.9g s%s%s%s%s\n", gaps->n_bars,
           (double)import->options->interval_ns / 1e9, gaps->n_bars > 0 ? ", " : "", first,
           gaps->n_bars > 0 ? " to " : "", last);
    if (import->n_left_out > 0)
        printf("  left out   %" PRIu64 " candles at the ends, of which the file has only a part\n",
               import->n_left_out);
    print_gaps(import);
    print_stored(import);
}
