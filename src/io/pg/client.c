/* The life of a client: create, start, close. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "client_i.h"

const char *pg_state_name(enum pg_state state)
{
    static const char *const names[] = {"idle",    "resolving", "connecting", "ready",
                                        "waiting", "closing",   "closed"};
    return names[state];
}

static void set_defaults(struct pg_options *options)
{
    if (options->connect_timeout_ms == 0)
        options->connect_timeout_ms = 10000;
    if (options->job_timeout_ms == 0)
        options->job_timeout_ms = 60000;
    if (options->backoff_min_ms == 0)
        options->backoff_min_ms = 100;
    if (options->backoff_max_ms == 0)
        options->backoff_max_ms = 5000;
    if (options->n_jobs_max == 0)
        options->n_jobs_max = 64;
}

enum al_err pg_client_create(uv_loop_t *loop,
                             const struct pg_options *options,
                             void (*on_state)(void *ctx, struct pg_client *, enum pg_state),
                             void *ctx,
                             struct pg_client **out)
{
    enum al_err err = pg_options_check(options);
    if (err != AL_OK)
        return err;
    struct pg_client *client = calloc(1, sizeof(*client));
    if (client == NULL)
        return err_set(AL_ENOMEM, "database client");
    client->loop = loop;
    client->options = *options;
    set_defaults(&client->options);
    client->jobs = calloc(client->options.n_jobs_max, sizeof(*client->jobs));
    if (client->jobs == NULL) {
        free(client);
        return err_set(AL_ENOMEM, "database client");
    }
    client->on_state = on_state;
    client->ctx = ctx;
    client->backoff_ms = client->options.backoff_min_ms;
    rng_seed(&client->rng, options->seed);
    uv_timer_init(loop, &client->timer);
    uv_timer_init(loop, &client->close_timer);
    client->timer.data = client;
    client->close_timer.data = client;
    client->n_handles = 2;
    *out = client;
    return AL_OK;
}

void pg_client_start(struct pg_client *client)
{
    assert(client->state == PG_STATE_IDLE);
    pg_connect_begin(client);
}

static void free_when_done(struct pg_client *client)
{
    if (client->n_handles > 0 || client->resolving)
        return;
    void (*on_closed)(void *ctx) = client->on_closed;
    void *closed_ctx = client->closed_ctx;
    free(client->jobs);
    free(client);
    if (on_closed != NULL)
        on_closed(closed_ctx);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct pg_client *client = handle->data;
    client->n_handles--;
    free_when_done(client);
}

/* Everything ends here, from a timer and never from inside a caller's call. */
static void on_close_timer(uv_timer_t *timer)
{
    struct pg_client *client = timer->data;
    if (client->ending)
        return;
    client->ending = true;
    pg_connection_drop(client);
    pg_jobs_fail(client, "the client was closed");
    pg_set_state(client, PG_STATE_CLOSED);
    if (client->resolving)
        uv_cancel((uv_req_t *)&client->resolve);
    uv_close((uv_handle_t *)&client->timer, on_handle_closed);
    uv_close((uv_handle_t *)&client->close_timer, on_handle_closed);
}

void pg_client_end_soon(struct pg_client *client)
{
    if (client->ending)
        free_when_done(client); /* only a name look-up was outstanding */
    else
        uv_timer_start(&client->close_timer, on_close_timer, 0, 0);
}

void pg_client_close(struct pg_client *client,
                     uint32_t timeout_ms,
                     void (*on_closed)(void *ctx),
                     void *ctx)
{
    assert(client->state < PG_STATE_CLOSING);
    client->on_closed = on_closed;
    client->closed_ctx = ctx;
    bool may_finish = client->state == PG_STATE_READY && client->n_jobs > 0 && !client->broken;
    pg_set_state(client, PG_STATE_CLOSING);
    uv_timer_start(&client->close_timer, on_close_timer, may_finish ? timeout_ms : 0, 0);
}

enum pg_state pg_client_state(const struct pg_client *client)
{
    return client->state;
}

bool pg_client_is_ready(const struct pg_client *client)
{
    return client->state == PG_STATE_READY && !client->broken;
}

const char *pg_client_error(const struct pg_client *client)
{
    return client->error;
}

enum al_err pg_client_error_code(const struct pg_client *client)
{
    return client->error_code;
}

uint64_t pg_client_silent_ms(const struct pg_client *client)
{
    return client->running ? (uv_hrtime() - client->heard_ns) / 1000000 : 0;
}

uint64_t pg_client_n_connects(const struct pg_client *client)
{
    return client->n_connects;
}

size_t pg_client_n_jobs(const struct pg_client *client)
{
    return client->n_jobs;
}

enum al_err pg_client_run(struct pg_client *client,
                          struct pg_batch *batch,
                          const struct pg_job *job)
{
    assert(!batch->running && !(job->no_transaction && job->on_step != NULL));
    if (client->state >= PG_STATE_CLOSING)
        return err_set(AL_ESTATE, "database client '%s' is closing", client->options.name);
    if (!pg_client_is_ready(client))
        return err_set(AL_ECONN, "database not connected: %s", client->error);
    if (!pg_batch_ok(batch))
        return err_set(AL_EFULL, "the batch of statements is too large");
    if (client->n_jobs == client->options.n_jobs_max)
        return err_set(AL_EFULL, "%zu database jobs are waiting", client->n_jobs);
    batch->running = true;
    size_t last = (client->first_job + client->n_jobs) % client->options.n_jobs_max;
    client->jobs[last] = (struct pg_waiting){batch, *job};
    client->n_jobs++;
    pg_jobs_start(client);
    return AL_OK;
}
