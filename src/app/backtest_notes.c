/* What was decided and what became of it, in the order of the decisions. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backtest_i.h"

#define OPEN_MAX 4000000

void backtest_notes_init(struct backtest_notes *notes)
{
    *notes = (struct backtest_notes){0};
    map_init(&notes->open, sizeof(struct uuid), OPEN_MAX);
}

void backtest_notes_deinit(struct backtest_notes *notes)
{
    map_deinit(&notes->open);
    free(notes->items);
    free(notes->trace);
    *notes = (struct backtest_notes){0};
}

static enum al_err grow(void **items, size_t n, size_t *cap, size_t item_size)
{
    if (n < *cap)
        return AL_OK;
    size_t wanted = *cap == 0 ? 1024 : *cap + *cap / 2;
    void *grown = realloc(*items, wanted * item_size);
    if (grown == NULL)
        return err_set(AL_ENOMEM, "%zu decisions", wanted);
    *items = grown;
    *cap = wanted;
    return AL_OK;
}

/* Values of the map are indices, which stay while the array moves; 0 is no value, so they count from 1. */
static void *ref_of(size_t index)
{
    return (void *)(uintptr_t)(index + 1);
}

static struct backtest_note *find(struct backtest_notes *notes, const struct uuid *decision_id)
{
    void *ref = map_get(&notes->open, decision_id);
    return ref == NULL ? NULL : &notes->items[(uintptr_t)ref - 1];
}

enum al_err backtest_notes_add(struct backtest_notes *notes,
                               const struct backtest_note *note,
                               const struct uuid *decision_id)
{
    enum al_err err = grow((void **)&notes->items, notes->n, &notes->cap, sizeof(*notes->items));
    if (err != AL_OK)
        return err;
    notes->items[notes->n] = *note;
    err = map_put(&notes->open, decision_id, ref_of(notes->n));
    notes->n += err == AL_OK;
    return err;
}

/* Samples of one decision come together, buy first. What is not sampled never will be. */
void backtest_notes_settle(struct backtest_notes *notes, const struct sample *sample)
{
    struct backtest_note *note = find(notes, &sample->decision_id);
    if (note == NULL)
        return;
    size_t action = sample->action - SIDE_BUY;
    note->knows[action] = true;
    note->net[action] = (float)sample->net_return;
    note->is_settled = true;
    note->is_filled |= sample->policy_took;
}

void backtest_notes_drop(struct backtest_notes *notes,
                         const struct uuid *decision_id,
                         enum reason reason)
{
    struct backtest_note *note = find(notes, decision_id);
    if (note != NULL)
        note->is_settled = reason != REASON_market_gap || note->side == SIDE_NONE;
}

/* ---- the trace ---- */

static uint64_t mix(uint64_t digest, const void *bytes, size_t n_bytes)
{
    uint64_t pair[2] = {digest, fnv1a64(bytes, n_bytes)};
    return fnv1a64(pair, sizeof(pair));
}

static uint64_t digest_of(const struct decision *d, struct slice body)
{
    uint64_t h = mix(0, d->decision_id.bytes, sizeof(d->decision_id.bytes));
    h = mix(h, d->asset.text, sizeof(d->asset.text));
    h = mix(h, d->strategy_id.text, sizeof(d->strategy_id.text));
    h = mix(h, d->model_version.text, sizeof(d->model_version.text));
    h = mix(h, &d->side, sizeof(d->side));
    h = mix(h, &d->reason, sizeof(d->reason));
    h = mix(h, &d->amount.units, sizeof(d->amount.units));
    h = mix(h, &d->confidence, sizeof(d->confidence));
    h = mix(h, &d->propensity, sizeof(d->propensity));
    h = mix(h, &d->snapshot.mid, sizeof(d->snapshot.mid));
    h = mix(h, d->features, d->n_features * sizeof(d->features[0]));
    return mix(h, body.ptr, body.len);
}

enum al_err backtest_notes_trace(struct backtest_notes *notes,
                                 const struct decision *decision,
                                 struct slice body)
{
    enum al_err err =
        grow((void **)&notes->trace, notes->n_trace, &notes->cap_trace, sizeof(*notes->trace));
    if (err == AL_OK)
        notes->trace[notes->n_trace++] =
            (struct backtest_trace){decision->decided_at_ns, digest_of(decision, body)};
    return err;
}

static size_t count_until(const struct backtest_notes *notes, int64_t until_ns)
{
    size_t n = 0;
    while (n < notes->n_trace && notes->trace[n].t_ns <= until_ns)
        n++;
    return n;
}

bool backtest_trace_same(const struct backtest_notes *a,
                         const struct backtest_notes *b,
                         int64_t until_ns,
                         struct report_instant *out)
{
    size_t n = count_until(a, until_ns), n_other = count_until(b, until_ns), i = 0;
    *out = (struct report_instant){.at_ns = until_ns, .n_decisions = n};
    while (i < n && i < n_other && a->trace[i].digest == b->trace[i].digest)
        i++;
    out->same = i == n && n == n_other;
    if (!out->same) {
        const struct backtest_notes *longer = i < n ? a : b;
        char at[TIMESTAMP_TEXT_MAX];
        timestamp_format(longer->trace[i].t_ns, at);
        snprintf(out->difference, sizeof(out->difference),
                 "decision %zu, at %s, is another one (%zu decisions instead of %zu)", i + 1, at,
                 n_other, n);
    }
    return out->same;
}
