/* What went wrong since the start, grouped: every line of level warn or error is noted here by log.c, whether it is written
 * or not. A group is what shares room, step and event; it keeps how often and when, the newest line, and the breadcrumbs of
 * its newest time: the lines that came before it. Bounded: ERROR_GROUPS_MAX groups, the one that was quiet longest goes.
 * One thread only (the loop's).
 */
#ifndef ALPHALOOP_OBSERVE_ERROR_BOOK_H
#define ALPHALOOP_OBSERVE_ERROR_BOOK_H

#include "alphaloop/observe/log.h"

#define ERROR_GROUPS_MAX 128
#define ERROR_CRUMBS_MAX 10
#define ERROR_NAME_MAX   48
#define ERROR_TRACE_MAX  132

struct error_crumb {
    int64_t at_ns;
    enum log_level level;
    char room[ERROR_NAME_MAX], step[ERROR_NAME_MAX],
        event[ERROR_NAME_MAX]; /* "" when it had none */
    char trace_id[ERROR_TRACE_MAX];
};

struct error_group {
    struct error_crumb
        newest; /* names the group by room, step and event; level and trace id of the newest time */
    int64_t first_ns;
    uint64_t count;
    char *line; /* the newest one as written, a JSON object */
    size_t n_crumbs;
    struct error_crumb crumbs[ERROR_CRUMBS_MAX]; /* oldest first */
};

/* For log.c: a line was written (a breadcrumb from now on), or is of level warn or error. `line` is borrowed. */
void error_book_crumb(const struct error_crumb *crumb);
void error_book_note(const struct error_crumb *what, struct slice line);

size_t error_book_count(void);
/* In the order of their newest time, newest first; index < count. Borrows until the next note. */
const struct error_group *error_book_at(size_t index);
uint64_t error_book_n_forgotten(void); /* groups that had to go */

/* Told of every note, after it; NULL: nobody. It may log: such a line is noted too, and not told. */
typedef void (*error_book_fn)(void *ctx, const struct error_group *group);
void error_book_on_note(error_book_fn fn, void *ctx);

void error_book_reset(void); /* tests, and the end of the program */

#endif
