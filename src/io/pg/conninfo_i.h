/* pg_options as libpq's keywords. */
#ifndef ALPHALOOP_IO_PG_CONNINFO_I_H
#define ALPHALOOP_IO_PG_CONNINFO_I_H

#include <libpq-fe.h>

#include "alphaloop/io/pg.h"

enum { PG_KEYWORDS_MAX = 24, PG_ADDRESSES_MAX = 4 };

struct pg_conninfo {
    const char *keywords[PG_KEYWORDS_MAX], *values[PG_KEYWORDS_MAX];
    size_t n;
    char port[8];
    char settings[384]; /* search_path and the like */
    char connect_timeout[16];
    char hosts[1100];    /* the host once for each address */
    char addresses[256]; /* "10.0.0.1,10.0.0.2" */
};

/* Fill `info`; it borrows from `options`. */
void pg_conninfo_init(struct pg_conninfo *info, const struct pg_options *options);
/* Connect to these numeric addresses, in order, instead of looking the host up (which would block). */
void pg_conninfo_set_addresses(struct pg_conninfo *info,
                               const struct pg_options *options,
                               const char *const *addresses,
                               size_t n_addresses);
bool pg_host_is_directory(const char *host);

/* The last message of a connection, first line only, without line feed. */
void pg_error_line(const char *message, char *out, size_t out_size);
/* Why a connection did not come up: AL_EAUTH when a server answered and refused the account, the password or the database,
 * AL_ECONN when none did or it cannot yet. `line` gets its words. */
enum al_err pg_connect_failure(const PGconn *conn, char *line, size_t line_size);
/* Notices say nothing we do not know. */
void pg_ignore_notice(void *ctx, const PGresult *result);

/* Fill *out from a refusing result; `statement` may be NULL. Returns AL_ECONN when the server ended the session with it,
 * else AL_EDB. */
enum al_err pg_failure_from(const PGresult *result,
                            const struct pg_statement *statement,
                            struct pg_failure *out);

#endif
