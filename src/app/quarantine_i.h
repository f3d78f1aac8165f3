/* The headers with which a message in quarantine is sent again. */
#ifndef ALPHALOOP_APP_QUARANTINE_I_H
#define ALPHALOOP_APP_QUARANTINE_I_H

#include "alphaloop/base/json.h"
#include "alphaloop/io/amqp.h"

#define QUARANTINE_HEADERS_MAX 16
#define QUARANTINE_NAME_MAX    128
#define QUARANTINE_TEXT_MAX    4096

/* The trace first, then other headers that are short text, as many as a message may have. Other kinds have lost their exact
 * type as JSON. Borrows from `object`; what is none has no headers. */
size_t quarantine_headers(struct json_node *object, struct amqp_header out[QUARANTINE_HEADERS_MAX]);

#endif
