/* Running jobs, one after another, in pipeline mode.
 *
 * A job goes out as [BEGIN] statements Sync, for each step, and behind the last step COMMIT Sync; each statement behind its
 * Prepare when this connection has not met it yet. `expected` lists what the server owes in answer, and the answers are held
 * against it in order. After an error the server skips everything up to the next Sync and refuses what comes behind it in the
 * same transaction, so COMMIT then only ends it; where none was sent, we roll back.
 *
 * Because of that the first steps of the next job go out right behind a COMMIT: the server need not wait for us while it
 * commits, nor we for it. All answers to a job come before the first one to the next, so only one is ever in progress here.
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

static struct pg_waiting *job_at(struct pg_client *client, size_t index)
{
    return &client->jobs[(client->first_job + index) % client->options.n_jobs_max];
}

static struct pg_waiting *current(struct pg_client *client)
{
    return job_at(client, 0);
}

static struct pg_expected *expected_at(struct pg_client *client, size_t index)
{
    return &client->expected[(client->first_expected + index) % PG_EXPECTED_MAX];
}

/* ---- sending ---- */

static void expect(struct pg_client *client,
                   enum pg_expected_kind kind,
                   const struct pg_statement *statement,
                   size_t index)
{
    assert(client->n_expected < PG_EXPECTED_MAX);
    *expected_at(client, client->n_expected++) = (struct pg_expected){kind, statement, index};
}

static bool is_prepared(const struct pg_client *client, const struct pg_statement *statement)
{
    for (size_t i = 0; i < client->n_prepared; i++) {
        if (client->prepared[i] == statement)
            return true;
    }
    return false;
}

/* Is its Prepare already on the way? */
static bool is_preparing(struct pg_client *client, const struct pg_statement *statement)
{
    for (size_t i = 0; i < client->n_expected; i++) {
        const struct pg_expected *expected = expected_at(client, i);
        if (expected->kind == EXPECT_PREPARE && expected->statement == statement)
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
        client->n_preparing++;
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
    if (client->n_prepared + client->n_preparing < PG_PREPARED_MAX ||
        is_prepared(client, statement))
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

static bool send_sync(struct pg_client *client, enum pg_expected_kind kind)
{
    if (!PQpipelineSync(client->conn))
        return false;
    expect(client, kind, NULL, 0);
    return true;
}

static bool send_all(struct pg_client *client,
                     const struct pg_waiting *job,
                     bool begin,
                     bool commit)
{
    const struct pg_batch *batch = job->batch;
    if (begin && !send_plain(client, EXPECT_BEGIN, &begin_statement))
        return false;
    for (size_t i = 0; i <= batch->n_items; i++) {
        if (batch->is_cut && i == batch->cut && !send_sync(client, EXPECT_STEP))
            return false;
        if (i < batch->n_items && !send_statement(client, batch, i))
            return false;
    }
    return !commit ||
           (send_sync(client, EXPECT_STEP) && send_plain(client, EXPECT_COMMIT, &commit_statement));
}

static void finish_sending(struct pg_client *client, bool sent, enum pg_expected_kind sync)
{
    if (sent && send_sync(client, sync)) {
        pg_timer_set(client, client->options.job_timeout_ms);
        client->heard_ns = uv_hrtime();
        pg_flush(client);
        return;
    }
    client->broken = true;
    pg_timer_set(client, 0);
}

static void send_step(struct pg_client *client, const struct pg_waiting *job, bool begin, bool last)
{
    bool plain = job->job.no_transaction;
    bool sent = send_all(client, job, begin && !plain, last && !plain);
    finish_sending(client, sent, last ? EXPECT_END : EXPECT_STEP);
}

static void send_first_step(struct pg_client *client, const struct pg_waiting *job)
{
    assert(!job->batch->is_cut || job->job.on_step != NULL);
    send_step(client, job, true, job->job.on_step == NULL);
}

/* A refused statement would take its Prepare along, and the next job that relies on it. */
static bool is_preparing_for(struct pg_client *client, const struct pg_waiting *job)
{
    for (size_t i = 0; i < job->batch->n_items; i++) {
        if (is_preparing(client, job->batch->items[i].statement))
            return true;
    }
    return false;
}

/* Behind the COMMIT of the running job. */
static void send_second(struct pg_client *client)
{
    if (client->n_jobs < 2 || client->second_sent || client->phase != JOB_COMMITTING ||
        client->broken || is_preparing_for(client, job_at(client, 1)))
        return;
    client->second_sent = true;
    send_first_step(client, job_at(client, 1));
}

static void send_rollback(struct pg_client *client)
{
    client->phase = JOB_UNDOING;
    finish_sending(client, send_plain(client, EXPECT_ROLLBACK, &rollback_statement), EXPECT_END);
}

/* The first job is the running one from now on; its first step goes out unless it has. */
static void begin_first(struct pg_client *client, bool is_sent)
{
    const struct pg_waiting *job = current(client);
    client->running = true;
    client->job_err = AL_OK;
    client->failure = (struct pg_failure){.retry = false};
    client->job_began_ns = uv_hrtime();
    client->phase = job->job.on_step == NULL ? JOB_COMMITTING : JOB_OPEN;
    if (is_sent)
        pg_timer_set(client, client->options.job_timeout_ms);
    else
        send_first_step(client, job);
    send_second(client);
}

void pg_jobs_start(struct pg_client *client)
{
    if (client->n_jobs == 0 || client->conn == NULL || client->broken)
        return;
    if (client->running)
        send_second(client);
    else
        begin_first(client, false);
}

/* ---- ending ---- */

/* Off the ring, its batch its owner's again. */
static struct pg_waiting take_first(struct pg_client *client)
{
    struct pg_waiting job = *current(client);
    client->first_job = (client->first_job + 1) % client->options.n_jobs_max;
    client->n_jobs--;
    job.batch->running = false;
    return job;
}

static void tell_owner(const struct pg_client *client,
                       const struct pg_waiting *job,
                       enum al_err err,
                       const struct pg_failure *failure)
{
    metric_add(METRIC_pg_jobs_total, 1, client->options.name, err == AL_OK ? "ok" : "failed");
    job->job.on_done(job->job.ctx, err, err == AL_OK ? NULL : failure);
}

static void end_job(struct pg_client *client)
{
    double seconds = (double)(uv_hrtime() - client->job_began_ns) / 1e9;
    const struct pg_failure failure = client->failure;
    enum al_err err = client->job_err;
    bool next_is_sent = client->second_sent;
    metric_observe(METRIC_pg_job_seconds, seconds, client->options.name, NULL);
    uv_timer_stop(&client->timer);
    struct pg_waiting done = take_first(client);
    client->running = client->second_sent = false;
    if (next_is_sent)
        begin_first(client, true);
    tell_owner(client, &done, err, &failure);
    if (client->n_jobs > 0)
        pg_jobs_start(client);
    else if (client->state == PG_STATE_CLOSING)
        pg_client_end_soon(client);
}

/* So many of the first jobs have their COMMIT on the way: the second one's goes out behind the first one's only. */
static size_t n_committing(struct pg_client *client)
{
    if (!client->running || client->phase != JOB_COMMITTING)
        return 0;
    return client->second_sent && job_at(client, 1)->job.on_step == NULL ? 2 : 1;
}

void pg_jobs_fail(struct pg_client *client, const char *why)
{
    const size_t n_jobs = client->n_jobs, n_unknown = n_committing(client);
    client->running = client->second_sent = false;
    client->first_expected = client->n_expected = client->n_preparing = 0;
    for (size_t i = 0; i < n_jobs; i++) {
        struct pg_failure failure = {.maybe_committed = i < n_unknown, .retry = true};
        snprintf(failure.message, sizeof(failure.message), "%s", why);
        struct pg_waiting job = take_first(client);
        tell_owner(client, &job, AL_ECONN, &failure);
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
    assert(!job->batch->is_cut);
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
        client->phase = next == PG_COMMIT ? JOB_COMMITTING : JOB_OPEN;
        send_step(client, job, false, next == PG_COMMIT);
        send_second(client);
    }
}

/* Steps that are answered behind the COMMIT or ROLLBACK on its way change nothing any more. */
static void end_step(struct pg_client *client)
{
    if (client->phase != JOB_OPEN)
        return;
    if (client->job_err != AL_OK)
        send_rollback(client);
    else
        ask_for_next_step(client);
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
    if (client->job_err != AL_OK || strcmp(PQcmdStatus(result), "COMMIT") == 0)
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
        if (job->on_result != NULL && client->job_err == AL_OK)
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
    if (client->n_expected == 0)
        return false;
    const struct pg_expected expected = *expected_at(client, 0);
    ExecStatusType status = PQresultStatus(result);
    bool is_sync = expected.kind == EXPECT_STEP || expected.kind == EXPECT_END;
    client->first_expected = (client->first_expected + 1) % PG_EXPECTED_MAX;
    client->n_expected--;
    client->n_preparing -= expected.kind == EXPECT_PREPARE ? 1 : 0;
    if (is_sync != (status == PGRES_PIPELINE_SYNC))
        return false;
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        on_success(client, &expected, result);
    else if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE)
        fail_job(client, result, expected.statement);
    else if (expected.kind == EXPECT_STEP)
        end_step(client);
    else if (expected.kind == EXPECT_END)
        end_job(client);
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
