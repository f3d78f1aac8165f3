/* Effects: what the core wants done. The pipeline appends them to a bounded list, the app performs and frees them.
 *
 * Payloads are heap values that the list owns ("gives"): whoever takes an effect out frees it with effect_deinit().
 */
#ifndef ALPHALOOP_PIPELINE_EFFECT_H
#define ALPHALOOP_PIPELINE_EFFECT_H

#include "alphaloop/dataset/order_outcome.h"
#include "alphaloop/dataset/sample.h"
#include "alphaloop/domain/decision.h"
#include "alphaloop/domain/rollout.h"
#include "alphaloop/strategy/exit.h"

struct rollout_step; /* pipeline/rollout.h */

enum effect_kind {
#define EFFECT(name, meaning) EFFECT_##name,
#include "alphaloop/tbl/effects.def"
#undef EFFECT
    EFFECT_KIND_COUNT
};
const char *effect_name(enum effect_kind kind);

struct effect {
    enum effect_kind kind;
    union {
        struct decision *decision;       /* store_decision; body below */
        struct sample *sample;           /* store_sample */
        struct position_track *position; /* store_position */
        struct order_outcome *order;     /* store_order_outcome */
        struct shadow_scores *scores;    /* store_scores */
        struct rollout_step *rollout;    /* rollout_step */
        struct {
            struct uuid decision_id;
            enum reason reason;
        } drop; /* drop_decision */
        struct {
            struct asset asset;
            struct candle candle;
        } candle; /* store_candle */
        struct {
            struct strategy_id strategy_id;
            const char *trigger; /* a row of triggers.def: static text */
        } training;              /* start_training */
    };
    struct buf body; /* store_decision of a signal: its exact JSON; else empty */
};

void effect_deinit(struct effect *effect);

/* A FIFO with a bound. */
struct effects {
    struct effect *items; /* ring */
    size_t first, count, cap;
};

#define EFFECTS_MAX 4096

void effects_init(struct effects *effects); /* allocates room for EFFECTS_MAX */
void effects_deinit(struct effects *effects);
size_t effects_room(const struct effects *effects);
/* The new last effect, zeroed but for its kind. The caller has asked effects_room() before it began: no room is a bug. */
struct effect *effects_push(struct effects *effects, enum effect_kind kind);
/* Move the oldest into *out; false when there is none. */
bool effects_take(struct effects *effects, struct effect *out);

#endif
