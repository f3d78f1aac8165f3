/* PostgreSQL on a libuv loop: a client of one database that heals by itself and runs one job at a time.
 *
 * Nothing here blocks: names are looked up by uv_getaddrinfo, libpq runs non-blocking in pipeline mode, statements are
 * prepared when a connection first meets them. A job is a batch of statements (pg_batch.h); jobs wait in a bounded queue
 * and run in order, each in a transaction of its own; the next one is sent while one commits. A lost connection comes up
 * again for ever with jittered backoff. (A client is called that and not a connection because libpq owns the tag
 * `struct pg_conn`.)
 *
 * Strings in options, also the password, are kept, not copied: they must outlive the client. Callbacks run on the loop's
 * thread, may call any function here, and must return soon.
 */
#ifndef ALPHALOOP_IO_PG_H
#define ALPHALOOP_IO_PG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "alphaloop/base/err.h"
#include "alphaloop/io/pg_batch.h"
#include "alphaloop/io/pg_result.h"

/* ---- where the database is ---- */

struct pg_options {
    const char *host; /* name, address, or directory of the socket when it begins with / */
    uint16_t port;
    const char *database, *user, *password;
    const char *
        schema; /* [a-z_][a-z0-9_]{0,62}, not pg_...: the search_path; tables elsewhere must be qualified */
    const char
        *name; /* application_name; label of logs and metrics: a closed set ("writer", "admin") */
    const char *sslmode; /* NULL: libpq's default, prefer */

    /* Every statement looks its rows up by key: plan each once, for nested loops over indexes. A plan made while a table is
     * still empty would scan it for ever after, for each batch. */
    bool by_key;

    uint32_t statement_timeout_ms; /* enforced by the server; 0: none */
    uint32_t connect_timeout_ms;   /* 0: 10000 */
    uint32_t job_timeout_ms;       /* no answer for so long: the connection is given up; 0: 60000 */
    uint32_t backoff_min_ms;       /* 0: 100 */
    uint32_t backoff_max_ms;       /* 0: 5000 */
    uint64_t seed;                 /* of the jitter */
    size_t n_jobs_max;             /* waiting and running; 0: 64 */
};

/* AL_EINVAL naming the field. */
MUST_CHECK enum al_err pg_options_check(const struct pg_options *options);

/* ---- client ---- */

enum pg_state {
    PG_STATE_IDLE,       /* created */
    PG_STATE_RESOLVING,  /* looking the host up */
    PG_STATE_CONNECTING, /* socket, authentication */
    PG_STATE_READY,
    PG_STATE_WAITING, /* lost or refused; the next attempt is due after the backoff */
    PG_STATE_CLOSING, /* pg_client_close() was called: finishing the running job, refusing others */
    PG_STATE_CLOSED,
};
const char *pg_state_name(enum pg_state state);

struct pg_client;

/* Checks and copies the options (not the strings) and makes an IDLE client.
 *   on_state  the state changed; may be NULL
 */
MUST_CHECK enum al_err pg_client_create(uv_loop_t *loop,
                                        const struct pg_options *options,
                                        void (*on_state)(void *ctx,
                                                         struct pg_client *,
                                                         enum pg_state),
                                        void *ctx,
                                        struct pg_client **out);
void pg_client_start(struct pg_client *client);
/* Lets running and waiting jobs finish, at most for timeout_ms, reports the others as AL_ECONN, closes, calls on_closed
 * once and frees the client. */
void pg_client_close(struct pg_client *client,
                     uint32_t timeout_ms,
                     void (*on_closed)(void *ctx),
                     void *ctx);

enum pg_state pg_client_state(const struct pg_client *client);
bool pg_client_is_ready(const struct pg_client *client);
/* Why it is not READY or was last lost, for health and logs; "" once it is READY again. Never holds the password. */
const char *pg_client_error(const struct pg_client *client);
/* AL_EAUTH: the server refused the account, the password or the database; AL_ECONN, AL_ETIMEOUT; AL_OK once READY. */
enum al_err pg_client_error_code(const struct pg_client *client);
/* How long the running job has waited for a word from the server; 0 when no job runs. */
uint64_t pg_client_silent_ms(const struct pg_client *client);
uint64_t pg_client_n_connects(const struct pg_client *client); /* times READY was reached */
size_t pg_client_n_jobs(const struct pg_client *client);       /* waiting and running */

/* ---- jobs ---- */

enum pg_next {
    PG_COMMIT,   /* run what the batch now holds (it may be empty), then commit */
    PG_ROLLBACK, /* undo everything; the batch is ignored; on_done hears AL_ECANCELED */
    PG_MORE,     /* run what the batch now holds, ask again */
};

/* Why a job failed. Its memory lives for the callback. */
struct pg_failure {
    char sqlstate[6];     /* "" when the server said nothing */
    char message[256];    /* the server's primary message, or what happened to the connection */
    char statement[64];   /* name of the refused statement, "" when none */
    bool maybe_committed; /* lost after COMMIT was sent: nobody knows */
    bool
        retry; /* the same job may succeed when run again: connection, serialization, deadlock, unique race */
};

struct pg_job {
    /* No BEGIN and COMMIT are sent: for reads and single writes, only without on_step. The server still does all of the
     * batch or nothing. */
    bool no_transaction;

    /* The result of statement `index` of the current step, in order; may be NULL. */
    void (*on_result)(void *ctx, size_t index, const struct pg_result *result);
    /* All statements of a step are done and the transaction is still open. The batch has been reset: append the next
     * step's statements and say how to go on. Asked once for each step that is done (two for a batch that was cut) until
     * it says PG_COMMIT or PG_ROLLBACK. NULL: there is one step, then COMMIT. */
    enum pg_next (*on_step)(void *ctx, struct pg_batch *batch);
    /* Exactly once, last. AL_OK: committed. AL_ECANCELED: on_step said PG_ROLLBACK. AL_EDB: the database refused,
     * nothing was done. AL_EFULL: a later step did not fit the
     * batch; nothing was done. AL_ECONN: the connection was lost, see failure->maybe_committed. The batch is the
     * caller's again. `failure` is NULL on AL_OK. */
    void (*on_done)(void *ctx, enum al_err err, const struct pg_failure *failure);
    void *ctx;
};

/* Run a batch. Keeps it until on_done (never called from inside pg_client_run).
 *   returns  AL_OK; AL_ECONN when not READY: keep the work and try when READY; AL_EFULL when the queue is full or the
 *            batch overflowed; AL_ESTATE while closing. on_done is called only after AL_OK.
 */
MUST_CHECK enum al_err pg_client_run(struct pg_client *client,
                                     struct pg_batch *batch,
                                     const struct pg_job *job);

#endif
