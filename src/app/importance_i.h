/* The importance of a version's features, read from its folder in the thread pool. */
#ifndef ALPHALOOP_APP_IMPORTANCE_I_H
#define ALPHALOOP_APP_IMPORTANCE_I_H

#include "alphaloop/admin/admin.h"

struct worker;

void importance_read(struct worker *worker,
                     const struct model_version_id *version,
                     admin_result_fn done,
                     void *ctx);

#endif
