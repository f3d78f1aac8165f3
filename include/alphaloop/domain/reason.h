/* The closed set of refusals: reasons.def. */
#ifndef ALPHALOOP_DOMAIN_REASON_H
#define ALPHALOOP_DOMAIN_REASON_H

#include <stdbool.h>

#include "alphaloop/base/buf.h"

enum reason {
    REASON_NONE = 0,
#define REASON(name, text) REASON_##name,
#include "alphaloop/tbl/reasons.def"
#undef REASON
    REASON_COUNT
};

const char *reason_name(enum reason reason); /* "none" for REASON_NONE */
const char *reason_text(enum reason reason);
bool reason_from_name(struct slice name, enum reason *out);

#endif
