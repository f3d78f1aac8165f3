/* Inside the role `import`: options (import.c), reading and storing (import_run.c), what is said about it (import_report.c). */
#ifndef ALPHALOOP_APP_IMPORT_I_H
#define ALPHALOOP_APP_IMPORT_I_H

#include "alphaloop/history/bar_maker.h"
#include "alphaloop/history/gaps.h"
#include "alphaloop/io/pg_sync.h"
#include "alphaloop/store/candle_imports.h"

#include "csv_file_i.h"

#define IMPORT_LISTED_MAX 1000

struct import_options {
    const char *env_file, *path;
    struct asset asset;
    int64_t interval_ns;
    bool skips_bad, is_dry_run, is_quiet;
    size_t n_listed_max; /* bad rows and gaps */
};

struct import {
    const struct import_options *options;
    struct csv_file file;
    int64_t n_file_bytes;
    uint64_t n_rows, n_refused;
    bool has_stopped;     /* at a bad row */
    char stopped_by[512]; /* why */

    int64_t phase_ns;       /* of candles: where the first one lies in the interval */
    struct bar_maker maker; /* of trades and quotes */
    uint64_t n_left_out;    /* bars of which the file has only a part */
    struct gap_finder gaps;
    struct gap listed[IMPORT_LISTED_MAX];
    size_t n_listed;

    struct pg_sync *sync; /* NULL in a dry run */
    struct pg_batch *batch;
    struct candle_import key;
    struct candle *waiting; /* not stored yet */
    size_t n_waiting;
    uint64_t line;         /* rows up to it are stored or wait */
    uint64_t resumed_line; /* rows up to it were stored by an import before; 0: none was */
    uint64_t n_new, n_changed;

    bool shows_progress;
    uint64_t started_ns, shown_ns;
};

/* The options must outlive the import; a large struct: static or on the heap. import_close() it in any case. */
MUST_CHECK enum al_err import_open(struct import *import,
                                   const struct import_options *options,
                                   const struct pg_options *database); /* NULL: a dry run */
MUST_CHECK enum al_err import_run(struct import *import);
void import_close(struct import *import);

void import_show_refusal(struct import *import); /* why is in err_text() */
void import_show_progress(struct import *import);
void import_end_progress(struct import *import);
void import_print_summary(const struct import *import);

#endif
