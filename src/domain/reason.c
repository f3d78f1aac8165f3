#include "alphaloop/domain/reason.h"

#include <assert.h>

static const struct {
    const char *name, *text;
} rows[REASON_COUNT] = {
    [REASON_NONE] = {"none", "no refusal"},
#define REASON(row, words) [REASON_##row] = {#row, words},
#include "alphaloop/tbl/reasons.def"
#undef REASON
};

const char *reason_name(enum reason reason)
{
    assert((unsigned)reason < REASON_COUNT);
    return rows[reason].name;
}

const char *reason_text(enum reason reason)
{
    assert((unsigned)reason < REASON_COUNT);
    return rows[reason].text;
}

bool reason_from_name(struct slice name, enum reason *out)
{
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        if (slice_is(name, rows[i].name)) {
            *out = (enum reason)i;
            return true;
        }
    }
    return false;
}
