/* The list between the core and the world. A ring, because effects are performed in the order they were wanted. */
#include "alphaloop/pipeline/effect.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[EFFECT_KIND_COUNT] = {
#define EFFECT(name, meaning) #name,
#include "alphaloop/tbl/effects.def"
#undef EFFECT
};

const char *effect_name(enum effect_kind kind)
{
    return names[kind];
}

void effect_deinit(struct effect *effect)
{
    switch (effect->kind) {
    case EFFECT_store_decision:
        free(effect->decision);
        break;
    case EFFECT_store_sample:
        free(effect->sample);
        break;
    case EFFECT_store_scores:
        free(effect->scores);
        break;
    case EFFECT_rollout_step:
        free(effect->rollout);
        break;
    case EFFECT_store_position:
        free(effect->position);
        break;
    case EFFECT_store_order_outcome:
        free(effect->order);
        break;
    default:
        break;
    }
    buf_deinit(&effect->body);
}

void effects_init(struct effects *effects)
{
    *effects = (struct effects){.cap = EFFECTS_MAX};
    effects->items = calloc(EFFECTS_MAX, sizeof(struct effect));
    assert(effects->items != NULL);
}

void effects_deinit(struct effects *effects)
{
    struct effect effect;
    while (effects_take(effects, &effect))
        effect_deinit(&effect);
    free(effects->items);
    *effects = (struct effects){0};
}

size_t effects_room(const struct effects *effects)
{
    return effects->cap - effects->count;
}

struct effect *effects_push(struct effects *effects, enum effect_kind kind)
{
    assert(effects->count < effects->cap);
    struct effect *effect = &effects->items[(effects->first + effects->count) % effects->cap];
    effects->count++;
    *effect = (struct effect){.kind = kind, .body = BUF_INIT(256 * 1024)};
    return effect;
}

bool effects_take(struct effects *effects, struct effect *out)
{
    if (effects->count == 0)
        return false;
    *out = effects->items[effects->first];
    effects->first = (effects->first + 1) % effects->cap;
    effects->count--;
    return true;
}
