#include "alphaloop/strategy/exit.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define EXIT_RULE(name) extern const struct exit_rule exit_##name;
#include "alphaloop/tbl/exit_rules.def"
#undef EXIT_RULE

static const struct exit_rule *const table[] = {
#define EXIT_RULE(name) &exit_##name,
#include "alphaloop/tbl/exit_rules.def"
#undef EXIT_RULE
};

size_t exit_rule_count(void)
{
    return COUNT_OF(table);
}

const struct exit_rule *exit_rule_at(size_t index)
{
    assert(index < COUNT_OF(table));
    return table[index];
}

void position_track_init(struct position_track *track)
{
    *track = (struct position_track){
        .peak_pnl_pct = NAN, .opened_ns = TIMESTAMP_NONE, .last_exit_ns = TIMESTAMP_NONE};
}

bool position_track_is_open(const struct position_track *track)
{
    return track->known && decimal_sign(track->last.size) != 0;
}

enum side position_track_side(const struct position_track *track)
{
    return decimal_sign(track->last.size) > 0 ? SIDE_BUY : SIDE_SELL;
}

static bool same_position(const struct position_track *track, const struct position_update *update)
{
    return position_track_is_open(track) &&
           decimal_sign(track->last.size) == decimal_sign(update->size) &&
           strcmp(track->last.position_id, update->position_id) == 0;
}

bool position_track_update(struct position_track *track, const struct position_update *update)
{
    if (track->known && update->ts_event_ns < track->last.ts_event_ns)
        return false;
    if (!same_position(track, update)) {
        position_track_init(track);
        double held_min = isnan(update->time_held_minutes) ? 0 : fmax(0, update->time_held_minutes);
        track->opened_ns = update->ts_event_ns - (int64_t)(held_min * (double)NS_PER_MIN);
    }
    track->known = true;
    track->last = *update;
    track->peak_pnl_pct =
        fmax(track->peak_pnl_pct, update->unrealized_pnl_pct); /* fmax passes over NaN */
    return true;
}

struct exit_choice exit_choose(const struct position_track *track,
                               const struct exit_rules *rules,
                               int64_t now_ns)
{
    struct exit_choice stay = {.reason = REASON_NONE};
    if (!position_track_is_open(track))
        return stay;
    if (track->last_exit_ns != TIMESTAMP_NONE && now_ns - track->last_exit_ns < EXIT_INTERVAL_NS)
        return stay;
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        struct exit_choice choice = {.side = side_opposite(position_track_side(track))};
        choice.fraction = table[i]->check(track, rules, now_ns, &choice.reason);
        if (choice.fraction > 0)
            return choice;
    }
    return stay;
}

void exit_sent(struct position_track *track, const struct exit_choice *choice, int64_t now_ns)
{
    track->last_exit_ns = now_ns;
    if (choice->reason == REASON_take_profit_partial)
        track->partial_done = true;
}
