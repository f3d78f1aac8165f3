#include "alphaloop/domain/reason.h"

#include <assert.h>

static const char *const names[REASON_COUNT] = {
    "none",
#define REASON(name, text) #name,
#include "alphaloop/tbl/reasons.def"
#undef REASON
};

static const char *const texts[REASON_COUNT] = {
    "no refusal",
#define REASON(name, text) text,
#include "alphaloop/tbl/reasons.def"
#undef REASON
};

const char *reason_name(enum reason reason)
{
    assert((unsigned)reason < REASON_COUNT);
    return names[reason];
}

const char *reason_text(enum reason reason)
{
    assert((unsigned)reason < REASON_COUNT);
    return texts[reason];
}

bool reason_from_name(struct slice name, enum reason *out)
{
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        if (slice_is(name, names[i])) {
            *out = (enum reason)i;
            return true;
        }
    }
    return false;
}
