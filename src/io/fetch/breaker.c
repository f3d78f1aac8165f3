#include "alphaloop/io/fetch_breaker.h"

#include <assert.h>

#include "alphaloop/base/backoff.h"
#include "alphaloop/observe/log.h"
#include "alphaloop/observe/metric.h"

#define MS_OF(ns) ((ns) / 1000000)

static const unsigned moves[BREAKER_STATES] = {
    [BREAKER_CLOSED] = 1U << BREAKER_OPEN,
    [BREAKER_OPEN] = 1U << BREAKER_HALF_OPEN,
    [BREAKER_HALF_OPEN] = 1U << BREAKER_CLOSED | 1U << BREAKER_OPEN,
};

const char *breaker_state_name(enum breaker_state state)
{
    static const char *const names[BREAKER_STATES] = {"closed", "half_open", "open"};
    assert(state < BREAKER_STATES);
    return names[state];
}

static void breaker_set_state(struct breaker *b, enum breaker_state state)
{
    assert((moves[b->state] & 1U << state) != 0);
    enum log_level level = state == BREAKER_OPEN && b->state == BREAKER_CLOSED ? LOG_WARN
                           : state == BREAKER_CLOSED                           ? LOG_INFO
                                                                               : LOG_DEBUG;
    log_at(level, "fetch", "breaker", NULL, EV(breaker_state_name(state)),
           F_STR("upstream", b->name), F_STR("from", breaker_state_name(b->state)),
           F_I64("failures", b->n_failures), F_I64("open_ms", MS_OF(b->open_ns)));
    metric_add(METRIC_upstream_breaker_moves_total, 1, b->name, breaker_state_name(state));
    metric_set(METRIC_upstream_breaker_state, state, b->name, NULL);
    b->state = state;
    b->epoch++;
    b->probing = false;
}

static void open_for_longer(struct breaker *b, int64_t now_ns)
{
    b->open_ns = backoff_next(b->open_ns, b->open_min_ns, b->open_max_ns);
    b->until_ns = now_ns + b->open_ns;
    breaker_set_state(b, BREAKER_OPEN);
}

void breaker_init(struct breaker *b,
                  const char *name,
                  uint32_t failures_max,
                  int64_t open_min_ns,
                  int64_t open_max_ns)
{
    assert(failures_max > 0 && open_min_ns > 0 && open_min_ns <= open_max_ns);
    *b = (struct breaker){.name = name,
                          .failures_max = failures_max,
                          .open_min_ns = open_min_ns,
                          .open_max_ns = open_max_ns};
    for (enum breaker_state state = 0; state < BREAKER_STATES; state++)
        metric_touch(METRIC_upstream_breaker_moves_total, name, breaker_state_name(state));
    metric_set(METRIC_upstream_breaker_state, BREAKER_CLOSED, name, NULL);
}

bool breaker_ask(struct breaker *b, int64_t now_ns, struct breaker_ticket *ticket)
{
    if (b->state == BREAKER_OPEN && now_ns >= b->until_ns)
        breaker_set_state(b, BREAKER_HALF_OPEN);
    if (b->state == BREAKER_OPEN || b->probing)
        return false;
    b->probing = b->state == BREAKER_HALF_OPEN;
    ticket->epoch = b->epoch;
    return true;
}

void breaker_tell(struct breaker *b,
                  struct breaker_ticket ticket,
                  enum breaker_verdict verdict,
                  int64_t now_ns)
{
    if (ticket.epoch != b->epoch)
        return;
    assert(b->state != BREAKER_OPEN); /* nobody was let through */
    b->probing = false;
    if (verdict == BREAKER_GOOD) {
        b->n_failures = 0;
        b->open_ns = 0;
        if (b->state == BREAKER_HALF_OPEN)
            breaker_set_state(b, BREAKER_CLOSED);
    } else if (verdict == BREAKER_BAD) {
        b->n_failures++;
        if (b->state == BREAKER_HALF_OPEN || b->n_failures >= b->failures_max)
            open_for_longer(b, now_ns);
    }
}
