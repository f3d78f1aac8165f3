/* Inside a client: connect.c brings a connection up and notices when it goes, job.c runs jobs on it. */
#ifndef ALPHALOOP_IO_PG_CLIENT_I_H
#define ALPHALOOP_IO_PG_CLIENT_I_H

#include "alphaloop/base/rng.h"
#include "batch_i.h"
#include "conninfo_i.h"

enum { PG_PREPARED_MAX = 256 };

struct pg_watch { /* the uv_poll of one socket; frees itself when closed */
    uv_poll_t poll;
    struct pg_client *client; /* NULL once it is given up */
    int fd;
};

/* What the server still owes us an answer for, in order. */
enum pg_expected_kind {
    EXPECT_PREPARE,
    EXPECT_STATEMENT,
    EXPECT_BEGIN,
    EXPECT_COMMIT,
    EXPECT_ROLLBACK,
    EXPECT_STEP, /* Sync, the transaction goes on */
    EXPECT_END,  /* Sync behind the last of a job */
};
struct pg_expected {
    enum pg_expected_kind kind;
    const struct pg_statement *statement; /* PREPARE, STATEMENT */
    size_t index;                         /* STATEMENT: in the batch */
};
/* Of at most three batches (two steps of the running job, the first batch of the one behind it), each statement with its
 * Prepare. */
enum { PG_EXPECTED_MAX = 3 * (2 * PG_STATEMENTS_MAX + 8) };

struct pg_waiting {
    struct pg_batch *batch;
    struct pg_job job;
};

struct pg_client {
    uv_loop_t *loop;
    struct pg_options options;
    enum pg_state state;
    void (*on_state)(void *ctx, struct pg_client *, enum pg_state);
    void *ctx;
    char error[256];
    enum al_err error_code;
    bool failed_before; /* since it was READY: repeats are not news */

    /* connection */
    PGconn *conn;
    struct pg_watch *watch;
    uv_timer_t
        timer; /* by state: connect timeout, backoff, answer timeout; 0 ms = lost, say so soon */
    uv_getaddrinfo_t resolve;
    bool resolving; /* its callback is still to come */
    uint32_t backoff_ms;
    uint64_t n_connects;
    struct rng rng;
    const struct pg_statement *prepared[PG_PREPARED_MAX];
    size_t n_prepared;

    /* jobs: a ring, the first one running when `running`, the first step of the second on its way when `second_sent` */
    struct pg_waiting *jobs;
    size_t first_job, n_jobs;
    bool running, second_sent;
    uint64_t job_began_ns;
    uint64_t heard_ns; /* when the server last said something, or was last asked */
    struct pg_expected expected[PG_EXPECTED_MAX]; /* ring */
    size_t first_expected, n_expected;
    size_t n_preparing; /* Prepares among them */
    enum { JOB_OPEN, JOB_COMMITTING, JOB_UNDOING } phase;
    enum al_err job_err;
    struct pg_failure failure;
    bool broken; /* sending failed outside the loop's turn: the timer takes it from here */

    /* end */
    uv_timer_t close_timer;
    int n_handles; /* open uv handles */
    bool ending;   /* teardown has begun */
    void (*on_closed)(void *ctx);
    void *closed_ctx;
};

/* connect.c */
void pg_set_state(struct pg_client *client, enum pg_state state);
void pg_connect_begin(struct pg_client *client);
void pg_connection_drop(struct pg_client *client);
/* Gives the connection up, fails every job, waits for the next attempt (or ends, when closing). */
void pg_connection_lost(struct pg_client *client, enum al_err err, const char *why);
void pg_flush(struct pg_client *client);
void pg_timer_set(struct pg_client *client, uint32_t timeout_ms);

/* job.c */
void pg_jobs_start(struct pg_client *client);   /* the first one, when none runs */
void pg_jobs_receive(struct pg_client *client); /* the socket was readable */
void pg_jobs_fail(struct pg_client *client, const char *why);

/* client.c */
void pg_client_end_soon(struct pg_client *client);

#endif
