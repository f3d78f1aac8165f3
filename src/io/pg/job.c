/* Running jobs, one at a time, in pipeline mode.
 *
 * A step of a job goes out as one pipeline: [BEGIN] statements [COMMIT] Sync, each statement behind its Prepare when this
 * connection has not met it yet. `expected` lists what the server owes in answer, and the answers are held against it in
 * order. After an error the server skips everything up to the Sync; whatever transaction is then still open is rolled back.
 *
 * Callbacks may call pg_client_run() and pg_client_close(): both only take note, so nothing changes under our feet. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "alphaloop/observe/metric.h"
#include "client_i.h"

static const struct pg_statement begin_statement = {"begin", "BEGIN"};
static const struct pg_statement commit_statement = {"commit", "COMMIT"};
static const struct pg_statement rollback_statement = {"rollback", "ROLLBACK"};

static struct pg_waiting *current(struct pg_client *client)
{
    return &client->jobs[client->first_job];
}

/* ---- sending ---- */

static void expect(struct pg_client *client,
                   enum pg_expected_kind kind,
                   const struct pg_statement *statement,
                   size_t index)
{
    assert(client->n_expected < PG_EXPECTED_MAX);
    struct pg_expected *expected = &client->expected[client->n_expected++];
    expected->kind = kind;
    expected->statement = statement;
    expected->index = index;
}

static bool is_prepared(const struct pg_client *client, const struct pg_statement *statement)
{
    for (size_t i = 0; i < client->n_prepared; i++) {
        if (client->prepared[i] == statement)
            return true;
    }
    return false;
}

/* Is its Prepare already on the way in this step? */
static bool is_preparing(const struct pg_client *client, const struct pg_statement *statement)
{
    for (size_t i = client->next_expected; i < client->n_expected; i++) {
        if (client->expected[i].kind == EXPECT_PREPARE &&
            client->expected[i].statement == statement)
            return true;
    }
    return false;
}

static bool send_prepared(struct pg_client *client,
                          const struct pg_statement *statement,
                          const struct pg_bound *bound)
{
    if (!is_prepared(client, statement) && !is_preparing(client, statement)) {
        if (!PQsendPrepare(client->conn, statement->name, statement->sql, bound->n, bound->types))
            return false;
        expect(client, EXPECT_PREPARE, statement, 0);
    }
    return PQsendQueryPrepared(client->conn, statement->name, bound->n, bound->values,
                               bound->lengths, bound->formats, 1);
}

static bool send_statement(struct pg_client *client, const struct pg_batch *batch, size_t index)
{
    const struct pg_statement *statement = batch->items[index].statement;
    struct pg_bound bound;
    bool sent;
    pg_batch_bind(batch, index, &bound);
    if (client->n_prepared + PG_STATEMENTS_MAX <= PG_PREPARED_MAX || is_prepared(client, statement))
        sent = send_prepared(client, statement, &bound);
    else
        sent = PQsendQueryParams(client->conn, statement->sql, bound.n, bound.types, bound.values,
                                 bound.lengths, bound.formats, 1);
    if (sent)
        expect(client, EXPECT_STATEMENT, statement, index);
    return sent;
}

static bool send_plain(struct pg_client *client,
                       enum pg_expected_kind kind,
                       const struct pg_statement *statement)
{
    if (!PQsendQueryParams(client->conn, statement->sql, 0, NULL, NULL, NULL, NULL, 1))
        return false;
    expect(client, kind, statement, 0);
    return true;
}

static bool send_all(struct pg_client *client, bool begin, bool commit)
{
    const struct pg_batch *batch = current(client)->batch;
    if (begin && !send_plain(client, EXPECT_BEGIN, &begin_statement))
        return false;
    for (size_t i = 0; i < batch->n_items; i++) {
        if (!send_statement(client, batch, i))
            return false;
    }
    return !commit || send_plain(client, EXPECT_COMMIT, &commit_statement);
}

static void finish_sending(struct pg_client *client, bool sent)
{
    if (sent && PQpipelineSync(client->conn)) {
        expect(client, EXPECT_SYNC, NULL, 0);
        pg_timer_set(client, client->options.job_timeout_ms);
        client->heard_ns = uv_hrtime();
        pg_flush(client);
        return;
    }
    client->broken = true;
    pg_timer_set(client, 0);
}

static void send_step(struct pg_client *client, bool begin, bool last)
{
    bool plain = current(client)->job.no_transaction;
    client->n_expected = 0;
    client->next_expected = 0;
    client->phase = last ? JOB_COMMITTING : JOB_OPEN;
    finish_sending(client, send_all(client, begin && !plain, last && !plain));
}

static void send_rollback(struct pg_client *client)
{
    client->n_expected = 0;
    client->next_expected = 0;
    client->phase = JOB_UNDOING;
    finish_sending(client, send_plain(client, EXPECT_ROLLBACK, &rollback_statement));
}

void pg_jobs_start(struct pg_client *client)
{
    if (client->running || client->n_jobs == 0 || client->conn == NULL || client->broken)
        return;
    client->running = true;
    client->job_err = AL_OK;
    client->failure = (struct pg_failure){.retry = false};
    client->job_began_ns = uv_hrtime();
    send_step(client, true, current(client)->job.on_step == NULL);
}

/* ---- ending ---- */

/* Take the first job off the ring and tell its owner. */
static void report(struct pg_client *client, enum al_err err)
{
    struct pg_waiting done = *current(client);
    client->first_job = (client->first_job + 1) % client->options.n_jobs_max;
    client->n_jobs--;
    done.batch->running = false;
    metric_add(METRIC_pg_jobs_total, 1, client->options.name, err == AL_OK ? "ok" : "failed");
    done.job.on_done(done.job.ctx, err, err == AL_OK ? NULL : &client->failure);
}

static void end_job(struct pg_client *client)
{
    double seconds = (double)(uv_hrtime() - client->job_began_ns) / 1e9;
    metric_observe(METRIC_pg_job_seconds, seconds, client->options.name, NULL);
    uv_timer_stop(&client->timer);
    client->running = false;
    report(client, client->job_err);
    if (client->n_jobs > 0)
        pg_jobs_start(client);
    else if (client->state == PG_STATE_CLOSING)
        pg_client_end_soon(client);
}

void pg_jobs_fail(struct pg_client *client, const char *why)
{
    bool first_was_committing = client->running && client->phase == JOB_COMMITTING;
    client->running = false;
    for (size_t n = client->n_jobs; n > 0; n--) {
        client->failure =
            (struct pg_failure){.maybe_committed = first_was_committing, .retry = true};
        snprintf(client->failure.message, sizeof(client->failure.message), "%s", why);
        first_was_committing = false;
        report(client, AL_ECONN);
    }
}

/* ---- between steps ---- */

static void ask_for_next_step(struct pg_client *client)
{
    struct pg_waiting *job = current(client);
    job->batch->running = false;
    pg_batch_reset(job->batch);
    enum pg_next next = job->job.on_step(job->job.ctx, job->batch);
    job->batch->running = true;
    if (next == PG_ROLLBACK) {
        client->job_err = AL_ECANCELED;
        snprintf(client->failure.message, sizeof(client->failure.message),
                 "rolled back on request");
        send_rollback(client);
    } else if (!pg_batch_ok(job->batch)) {
        client->job_err = AL_EFULL;
        snprintf(client->failure.message, sizeof(client->failure.message),
                 "the batch of statements is too large");
        send_rollback(client);
    } else {
        send_step(client, false, next == PG_COMMIT);
    }
}

/* The Sync was answered: everything this step sent is settled. */
static void end_step(struct pg_client *client)
{
    bool open = PQtransactionStatus(client->conn) != PQTRANS_IDLE;
    if (client->job_err != AL_OK && client->phase != JOB_UNDOING && open)
        send_rollback(client);
    else if (client->job_err == AL_OK && client->phase == JOB_OPEN)
        ask_for_next_step(client);
    else
        end_job(client);
}

/* ---- receiving ---- */

static void fail_job(struct pg_client *client,
                     const PGresult *result,
                     const struct pg_statement *statement)
{
    if (client->job_err == AL_OK)
        client->job_err = pg_failure_from(result, statement, &client->failure);
}

static void on_commit(struct pg_client *client, PGresult *result)
{
    if (strcmp(PQcmdStatus(result), "COMMIT") == 0)
        return;
    client->job_err = AL_EDB; /* the server answers COMMIT of a failed transaction with ROLLBACK */
    snprintf(client->failure.message, sizeof(client->failure.message), "the server rolled back");
}

static void on_success(struct pg_client *client,
                       const struct pg_expected *expected,
                       PGresult *result)
{
    const struct pg_job *job = &current(client)->job;
    switch (expected->kind) {
    case EXPECT_PREPARE:
        assert(client->n_prepared < PG_PREPARED_MAX);
        client->prepared[client->n_prepared++] = expected->statement;
        break;
    case EXPECT_STATEMENT:
        if (job->on_result != NULL)
            job->on_result(job->ctx, expected->index, result);
        break;
    case EXPECT_COMMIT:
        on_commit(client, result);
        break;
    default:
        break;
    }
}

/* Returns false when the answers no longer fit the questions. */
static bool on_answer(struct pg_client *client, PGresult *result)
{
    const struct pg_expected *expected = &client->expected[client->next_expected++];
    ExecStatusType status = PQresultStatus(result);
    if ((expected->kind == EXPECT_SYNC) != (status == PGRES_PIPELINE_SYNC))
        return false;
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        on_success(client, expected, result);
    else if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE)
        fail_job(client, result, expected->statement);
    else if (status == PGRES_PIPELINE_SYNC)
        end_step(client);
    return true;
}

void pg_jobs_receive(struct pg_client *client)
{
    PGconn *conn = client->conn;
    if (!PQconsumeInput(conn)) {
        pg_connection_lost(client, AL_ECONN, PQerrorMessage(conn));
        return;
    }
    client->heard_ns = uv_hrtime();
    /* Each answer but a Sync's is followed by one NULL; two in a row mean there is nothing more. */
    int n_nulls = 0;
    while (client->running && !client->broken && n_nulls < 2 && !PQisBusy(conn)) {
        PGresult *result = PQgetResult(conn);
        bool fits = true;
        if (result == NULL) {
            n_nulls++;
            continue;
        }
        n_nulls = 0;
        fits = on_answer(client, result);
        PQclear(result);
        if (!fits || PQstatus(conn) == CONNECTION_BAD ||
            (client->running && client->job_err == AL_ECONN)) {
            pg_connection_lost(client, AL_ECONN,
                               fits ? client->failure.message : "unexpected answer");
            return;
        }
    }
    if (PQstatus(conn) == CONNECTION_BAD)
        pg_connection_lost(client, AL_ECONN, PQerrorMessage(conn));
    else if (!client->broken)
        pg_flush(client);
}
