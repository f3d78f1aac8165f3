#include "model_json_i.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum al_err model_json_u32(struct json_node *node, const char *field, uint32_t max, uint32_t *out)
{
    char text[24];
    struct slice source = json_text(node);
    char *end;
    if (node == NULL || source.len == 0 || source.len >= sizeof text)
        return err_set(AL_EPARSE, "model JSON: %s is missing or no number", field);
    memcpy(text, source.ptr, source.len);
    text[source.len] = '\0';
    long long value = strtoll(text, &end, 10);
    if (*end != '\0' || value < 0 || value > (long long)max)
        return err_set(AL_ERANGE, "model JSON: %s is %s, allowed is 0 to %u", field, text, max);
    *out = (uint32_t)value;
    return AL_OK;
}

enum al_err model_json_float(struct json_node *node, const char *field, float *out)
{
    char text[40];
    struct slice source = json_text(node);
    char *end;
    if (node != NULL && source.len >= 2 && source.ptr[0] == '[' &&
        source.ptr[source.len - 1] == ']')
        source = (struct slice){source.ptr + 1, source.len - 2};
    if (node == NULL || source.len == 0 || source.len >= sizeof text)
        return err_set(AL_EPARSE, "model JSON: %s is missing or no number", field);
    memcpy(text, source.ptr, source.len);
    text[source.len] = '\0';
    *out = strtof(text, &end);
    if (*end != '\0' || !isfinite(*out))
        return err_set(AL_EPARSE, "model JSON: %s is %s, not a finite number", field, text);
    return AL_OK;
}

struct json_node *model_json_member(struct json_node *node, const char *path)
{
    char name[64];
    while (node != NULL && *path != '\0') {
        size_t length = strcspn(path, ".");
        memcpy(name, path, length);
        name[length] = '\0';
        node = json_get(node, name);
        path += length + (path[length] == '.');
    }
    return node;
}

enum al_err model_json_check(struct json_node *learner, const char *wanted)
{
    uint32_t n_class = 0, n_target = 1;
    struct slice booster = json_text(model_json_member(learner, "gradient_booster.name"));
    if (!slice_is(booster, wanted))
        return err_set(AL_EVERSION, "model JSON: booster '%.*s' is not known to the walker",
                       (int)booster.len, booster.ptr);
    enum al_err err = model_json_u32(model_json_member(learner, "learner_model_param.num_class"),
                                     "num_class", 1, &n_class);
    if (err == AL_OK && model_json_member(learner, "learner_model_param.num_target") != NULL)
        err = model_json_u32(model_json_member(learner, "learner_model_param.num_target"),
                             "num_target", 1, &n_target);
    return err;
}

enum al_err model_json_base_margin(struct json_node *learner, float *out)
{
    float p;
    enum al_err err = model_json_float(model_json_member(learner, "learner_model_param.base_score"),
                                       "base_score", &p);
    if (err == AL_OK &&
        slice_is(json_text(model_json_member(learner, "objective.name")), "reg:squarederror")) {
        *out = p;
        return AL_OK;
    }
    if (err == AL_OK && !(p > 0 && p < 1))
        err = err_set(AL_ERANGE, "model JSON: base_score is not between 0 and 1");
    if (err == AL_OK)
        *out = -logf(1.0F / p - 1.0F);
    return err;
}
