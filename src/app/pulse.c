#include "pulse_i.h"

#include <stdlib.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/io/pg.h"

#include "worker_i.h"

#define ASK_EVERY_NS (2 * NS_PER_S)
#define BATCH_BYTES  64

struct beat {
    struct pg_client *client;
    struct pg_batch *batch; /* always empty: a round trip without a statement */
    bool running;
};

struct pulse {
    struct beat beats[2];
    int64_t next_wall_ns;
};

enum al_err pulse_create(struct worker *worker, struct pulse **out)
{
    struct pulse *pulse = calloc(1, sizeof(*pulse));
    *out = pulse;
    if (pulse == NULL)
        return err_set(AL_ENOMEM, "pulse");
    pulse->beats[0].client = worker->writer;
    pulse->beats[1].client = worker->reader;
    for (size_t i = 0; i < COUNT_OF(pulse->beats); i++) {
        pulse->beats[i].batch = pg_batch_create(BATCH_BYTES);
        if (pulse->beats[i].batch == NULL)
            return err_set(AL_ENOMEM, "pulse");
    }
    return AL_OK;
}

void pulse_destroy(struct pulse *pulse)
{
    if (pulse == NULL)
        return;
    for (size_t i = 0; i < COUNT_OF(pulse->beats); i++)
        pg_batch_destroy(pulse->beats[i].batch);
    free(pulse);
}

/* Whatever it was: the connection itself knows how it is. */
static void on_done(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct beat *beat = ctx;
    (void)err;
    (void)failure;
    beat->running = false;
}

void pulse_run(struct pulse *pulse, int64_t wall_ns)
{
    if (wall_ns < pulse->next_wall_ns && pulse->next_wall_ns - wall_ns <= ASK_EVERY_NS)
        return;
    pulse->next_wall_ns = wall_ns + ASK_EVERY_NS;
    for (size_t i = 0; i < COUNT_OF(pulse->beats); i++) {
        struct beat *beat = &pulse->beats[i];
        struct pg_job job = {.no_transaction = true, .on_done = on_done, .ctx = beat};
        if (!beat->running && pg_client_is_ready(beat->client) &&
            pg_client_n_jobs(beat->client) == 0)
            beat->running = pg_client_run(beat->client, beat->batch, &job) == AL_OK;
    }
}
