#include "alphaloop/train/trigger.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/rng.h"

#define TRIGGER(name, summary) extern const struct trigger trigger_##name;
#include "alphaloop/tbl/triggers.def"
#undef TRIGGER

static const struct trigger *const table[] = {
#define TRIGGER(name, summary) &trigger_##name,
#include "alphaloop/tbl/triggers.def"
#undef TRIGGER
};

#define OUTCOMES_MIN      30
#define SHORTFALL         0.1  /* of wins, that the CUSUM looks for */
#define PROBABILITY_LEAST 0.01 /* claims nearer to certainty than this are taken as this */

size_t trigger_count(void)
{
    return COUNT_OF(table);
}

const struct trigger *trigger_at(size_t index)
{
    assert(index < COUNT_OF(table));
    return table[index];
}

enum al_err trigger_init(struct trigger_state *state, const struct trigger_rule *rule)
{
    assert(rule->window >= OUTCOMES_MIN && rule->window <= TRIGGER_WINDOW_MAX);
    assert(rule->max_per_day <= TRIGGER_STARTS_MAX);
    *state = (struct trigger_state){.rule = *rule,
                                    .last_training_ns = TIMESTAMP_NONE,
                                    .next_scheduled_ns = TIMESTAMP_NONE,
                                    .expires_ns = TIMESTAMP_NONE};
    state->outcomes = calloc(TRIGGER_WINDOW_MAX, sizeof(struct live_outcome));
    return state->outcomes == NULL ? err_set(AL_ENOMEM, "live outcomes") : AL_OK;
}

void trigger_deinit(struct trigger_state *state)
{
    free(state->outcomes);
    state->outcomes = NULL;
}

/* ---- the schedule ---- */

static int64_t jittered(const struct trigger_rule *rule, int64_t time_ns)
{
    struct rng rng;
    int64_t gap_ns = cron_next_after(&rule->schedule, time_ns) - time_ns;
    int64_t most_ns = gap_ns / 10 < rule->jitter_ns ? gap_ns / 10 : rule->jitter_ns;
    rng_seed(&rng, rule->jitter_seed ^ (uint64_t)time_ns);
    return time_ns + (int64_t)((double)most_ns * rng_uniform(&rng));
}

/* The first jittered time after now_ns, be its own time before that. */
static int64_t next_after(const struct trigger_rule *rule, int64_t now_ns)
{
    int64_t time_ns = cron_next_after(&rule->schedule, now_ns - rule->jitter_ns);
    while (jittered(rule, time_ns) <= now_ns)
        time_ns = cron_next_after(&rule->schedule, time_ns);
    return jittered(rule, time_ns);
}

void trigger_restore_start(struct trigger_state *state, int64_t started_ns)
{
    state->starts_ns[state->n_starts++ % TRIGGER_STARTS_MAX] = started_ns;
}

static bool is_enough_for_a_day(const struct trigger_state *state, int64_t now_ns)
{
    uint32_t n_max = state->rule.max_per_day;
    if (n_max == 0 || state->n_starts < n_max)
        return false;
    int64_t since_ns = now_ns - state->starts_ns[(state->n_starts - n_max) % TRIGGER_STARTS_MAX];
    return since_ns >= 0 && since_ns < NS_PER_DAY; /* below 0: of another clock */
}

void trigger_restore(struct trigger_state *state,
                     int64_t last_training_ns,
                     int64_t next_scheduled_ns,
                     int64_t now_ns)
{
    state->last_training_ns = last_training_ns;
    if (!state->rule.has_schedule)
        return;
    bool missed = next_scheduled_ns != TIMESTAMP_NONE && next_scheduled_ns <= now_ns;
    state->next_scheduled_ns = missed ? next_scheduled_ns : next_after(&state->rule, now_ns);
}

void trigger_time_begins(struct trigger_state *state, int64_t now_ns)
{
    if (state->last_training_ns > now_ns)
        state->last_training_ns = now_ns;
    if (state->next_scheduled_ns > now_ns)
        state->next_scheduled_ns = next_after(&state->rule, now_ns);
}

void trigger_change(struct trigger_state *state, const struct trigger_rule *rule, int64_t now_ns)
{
    assert(rule->window >= OUTCOMES_MIN && rule->window <= TRIGGER_WINDOW_MAX);
    bool same_schedule =
        rule->has_schedule == state->rule.has_schedule &&
        memcmp(&rule->schedule, &state->rule.schedule, sizeof(rule->schedule)) == 0;
    state->rule = *rule;
    if (!same_schedule)
        state->next_scheduled_ns = rule->has_schedule ? next_after(rule, now_ns) : TIMESTAMP_NONE;
}

const char *trigger_due(struct trigger_state *state, int64_t now_ns)
{
    bool too_soon = state->last_training_ns != TIMESTAMP_NONE &&
                    now_ns - state->last_training_ns < state->rule.min_interval_ns;
    if (too_soon || is_enough_for_a_day(state, now_ns) ||
        (state->is_running && (state->is_superseded || state->is_left_alone)))
        return NULL;
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        if ((state->is_running && !table[i]->supersedes) || !table[i]->is_due(state, now_ns))
            continue;
        state->is_superseded = state->is_running;
        return table[i]->name;
    }
    return NULL;
}

void trigger_on_start(struct trigger_state *state, int64_t now_ns)
{
    state->is_running = true;
    state->is_left_alone = state->is_superseded;
    state->is_superseded = false;
    state->last_training_ns = now_ns;
    trigger_restore_start(state, now_ns);
    state->degraded_told = trigger_degradation.is_due(state, now_ns);
    if (state->rule.has_schedule)
        state->next_scheduled_ns = next_after(&state->rule, now_ns);
}

static void forget_outcomes(struct trigger_state *state)
{
    state->first = state->count = 0;
    state->worth = state->cusum = 0;
    state->degraded_told = false;
}

/* An alarm that stood when the training began has been answered, whatever came of it: the next one needs outcomes of its
 * own. */
void trigger_on_end(struct trigger_state *state, int64_t now_ns)
{
    state->is_running = false;
    state->last_training_ns = now_ns;
    if (state->degraded_told)
        forget_outcomes(state);
}

void trigger_on_new_model(struct trigger_state *state)
{
    forget_outcomes(state);
}

/* Drop the oldest while the window is full without it. */
static void slide(struct trigger_state *state)
{
    while (state->count > 0) {
        double oldest = (double)state->outcomes[state->first].weight;
        if (state->count < TRIGGER_WINDOW_MAX && state->worth - oldest < state->rule.window)
            return;
        state->worth -= oldest;
        state->first = (state->first + 1) % TRIGGER_WINDOW_MAX;
        state->count--;
    }
}

void trigger_on_outcome(struct trigger_state *state, double q, bool won, double weight)
{
    assert(weight >= 0 && weight <= 1);
    size_t index = (state->first + state->count) % TRIGGER_WINDOW_MAX;
    state->outcomes[index] = (struct live_outcome){(float)q, (float)weight, won};
    state->worth += (double)state->outcomes[index].weight;
    state->count++;
    slide(state);
    double promised = fmin(fmax(q, PROBABILITY_LEAST), 1 - PROBABILITY_LEAST);
    double less = fmax(promised - SHORTFALL, PROBABILITY_LEAST);
    state->cusum =
        fmax(0, state->cusum + weight * log(won ? less / promised : (1 - less) / (1 - promised)));
}

static const struct live_outcome *outcome_at(const struct trigger_state *state, size_t index)
{
    return &state->outcomes[(state->first + index) % TRIGGER_WINDOW_MAX];
}

static double mean_loss(const struct trigger_state *state, double constant_q)
{
    double sum = 0, weight = 0;
    for (size_t i = 0; i < state->count; i++) {
        const struct live_outcome *outcome = outcome_at(state, i);
        double q = isnan(constant_q) ? (double)outcome->q : constant_q;
        sum += (double)outcome->weight * (q - outcome->won) * (q - outcome->won);
        weight += (double)outcome->weight;
    }
    return sum / weight;
}

static double base_rate(const struct trigger_state *state)
{
    double won = 0, weight = 0;
    for (size_t i = 0; i < state->count; i++) {
        won += outcome_at(state, i)->won ? (double)outcome_at(state, i)->weight : 0;
        weight += (double)outcome_at(state, i)->weight;
    }
    return won / weight;
}

double trigger_brier(const struct trigger_state *state)
{
    return state->count < OUTCOMES_MIN || state->worth <= 0 ? NAN : mean_loss(state, NAN);
}

double trigger_brier_skill(const struct trigger_state *state)
{
    if (state->count < OUTCOMES_MIN || state->worth <= 0)
        return NAN;
    double base = mean_loss(state, base_rate(state));
    return base > 0 ? 1 - mean_loss(state, NAN) / base : NAN;
}
