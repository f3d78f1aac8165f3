/* What the admin port sees of the worker. */
#ifndef ALPHALOOP_APP_VIEW_I_H
#define ALPHALOOP_APP_VIEW_I_H

#include "alphaloop/admin/admin.h"

struct amqp_consumer;
struct worker;

void view_consumer(const struct amqp_consumer *consumer,
                   const char *queue,
                   bool required,
                   int64_t last_at_ns,
                   struct admin_consumer *out);
bool view_rollout(void *app, size_t index, struct rollout_view *out);
bool view_trend(void *app, size_t index, struct admin_trend_point *out);
const struct strategy_config *view_config(void *app,
                                          const struct strategy_id *strategy_id); /* or NULL */
const struct feature_set *view_feature_set(void *app,
                                           const struct strategy_id *strategy_id); /* or NULL */
void view_live(void *app, struct admin_live *out);

#endif
