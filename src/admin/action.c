/* Answers that wait for the program to do something: train, cancel, activate, roll back. */
#include <stdlib.h>

#include "admin_i.h"

#include "alphaloop/observe/log.h"

struct admin_action *admin_action_create(struct http_request *request,
                                         const struct admin_context *admin)
{
    struct admin_action *action = calloc(1, sizeof *action);
    if (action == NULL) {
        http_error(request, 500, "out of memory");
        return NULL;
    }
    action->admin = admin;
    action->later = http_later(request);
    return action;
}

static void answer_usual(struct http_request *request, const struct admin_result *result)
{
    switch (result->outcome) {
    case ADMIN_NOT_FOUND:
        http_error(request, 404, "%s", result->text);
        break;
    case ADMIN_CONFLICT:
        http_error(request, 409, "%s", result->text);
        break;
    case ADMIN_REFUSED:
        http_error(request, 400, "%s", result->text);
        break;
    case ADMIN_INVALID:
        http_refuse(request, "version", "value_error", "%s", result->text);
        break;
    case ADMIN_AWAY:
        http_error(request, 503, "%s", result->text);
        http_header(request, "Retry-After", "5");
        break;
    case ADMIN_BUSY:
        http_too_many(request, result->text);
        break;
    case ADMIN_DONE:
    case ADMIN_FAILED:
        http_error(request, 500, "%s", result->text);
        break;
    }
}

void admin_action_result(void *ctx, const struct admin_result *result)
{
    struct admin_action *action = ctx;
    struct http_request *request = http_later_request(action->later);
    enum http_answer answer = HTTP_ANSWERED;
    if (request != NULL) {
        if (!action->only_reads)
            log_info("admin", "action", http_request_trace_id(request), EV("action_result"),
                     F_STR("strategy", action->strategy_id.text),
                     F_STR("version", action->version.text),
                     F_BOOL("done", result->outcome == ADMIN_DONE), F_STR("text", result->text));
        if (result->outcome == ADMIN_DONE)
            answer = action->on_done(action, request, result);
        else if (action->on_other == NULL || !action->on_other(action, request, result))
            answer_usual(request, result);
        if (answer == HTTP_ANSWERED)
            http_respond(request);
    }
    free(action);
}
