/* Shape comes before value: a text among the numbers is told, whatever prices come before it. */
#include "alphaloop/history/closes.h"

static bool read_close(struct json_node *node, double *out)
{
    return json_double(node, out) == AL_OK && *out >= CLOSE_MIN && *out <= CLOSE_MAX;
}

enum al_err posted_closes_read(struct json_node *array, const char *name, double *out)
{
    struct json_cursor cursor = {0};
    size_t n = json_length(array), wrong = n;
    for (size_t i = 0; json_walk(array, &cursor); i++) {
        if (!json_is_number(cursor.value))
            return err_set(AL_EINVAL, "%s[%zu] must be a number", name, i);
        if (!read_close(cursor.value, &out[i]) && wrong == n)
            wrong = i;
    }
    if (wrong == n)
        return AL_OK;
    return err_set(AL_ERANGE, "%s[%zu] must be above 0: from 1e-18 to 1e15", name, wrong);
}
