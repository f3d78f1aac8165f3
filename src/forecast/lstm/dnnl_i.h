/* oneDNN, loaded by name in the training child and never linked: who serves forecasts needs no such library. */
#ifndef ALPHALOOP_FORECAST_DNNL_I_H
#define ALPHALOOP_FORECAST_DNNL_I_H

#include <oneapi/dnnl/dnnl.h>

#include "alphaloop/base/err.h"

/* Every function we call. */
#define DNNL_FUNCTIONS(DNNL)                                                                       \
    DNNL(version)                                                                                  \
    DNNL(engine_create)                                                                            \
    DNNL(engine_destroy)                                                                           \
    DNNL(stream_create)                                                                            \
    DNNL(stream_wait)                                                                              \
    DNNL(stream_destroy)                                                                           \
    DNNL(memory_desc_init_by_tag)                                                                  \
    DNNL(memory_create)                                                                            \
    DNNL(memory_destroy)                                                                           \
    DNNL(lstm_forward_desc_init)                                                                   \
    DNNL(lstm_backward_desc_init)                                                                  \
    DNNL(primitive_desc_create)                                                                    \
    DNNL(primitive_desc_query_md)                                                                  \
    DNNL(primitive_desc_destroy)                                                                   \
    DNNL(primitive_create)                                                                         \
    DNNL(primitive_execute)                                                                        \
    DNNL(primitive_destroy)

struct dnnl {
#define DNNL_MEMBER(name) __typeof__(dnnl_##name) *name;
    DNNL_FUNCTIONS(DNNL_MEMBER)
#undef DNNL_MEMBER
};

/* Load the library (once; later calls answer at once), for one thread. AL_ENOTFOUND when it cannot be loaded, AL_EVERSION when
 * it is not one of 2.6 or 2.7: its structures are others in 3.0. */
MUST_CHECK enum al_err dnnl_load(const struct dnnl **out);

#endif
