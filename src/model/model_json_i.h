/* Reading a model in the library's JSON format. Its floats are printed as the shortest text of a float, so they are read with
 * strtof: through double they could be rounded twice. */
#ifndef ALPHALOOP_MODEL_MODEL_JSON_I_H
#define ALPHALOOP_MODEL_MODEL_JSON_I_H

#include <stdint.h>

#include "alphaloop/base/json.h"

#define MODEL_JSON_MAX   (1024U * 1024 * 1024)
#define MODEL_JSON_DEPTH 32

struct json_node *model_json_member(struct json_node *node,
                                    const char *path); /* "a.b.c"; or NULL */
MUST_CHECK enum al_err model_json_u32(struct json_node *node,
                                      const char *field,
                                      uint32_t max,
                                      uint32_t *out);
/* A number, or text of one, in later versions of the library also text of a list of one ("[5E-1]"). */
MUST_CHECK enum al_err model_json_float(struct json_node *node, const char *field, float *out);

/* That the booster is of this name and says one number a row. AL_EVERSION. */
MUST_CHECK enum al_err model_json_check(struct json_node *learner, const char *booster);
/* The margin of the base score in float, as the library computes it: of a regression the number itself, else of a probability. */
MUST_CHECK enum al_err model_json_base_margin(struct json_node *learner, float *out);

#endif
