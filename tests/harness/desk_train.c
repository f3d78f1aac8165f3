#include "harness/desk_train.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "alphaloop/base/timestamp.h"

#include "../../src/app/training_job_i.h"

static void check(enum al_err err, const char *what)
{
    if (err != AL_OK)
        fprintf(stderr, "desk: %s: %s\n", what, err_text());
    assert(err == AL_OK);
}

void desk_rows(const struct desk_run *desk, size_t first, struct train_rows *rows)
{
    const struct feature_set *set =
        pipeline_feature_set(desk->pipeline, &desk->strategy->strategy_id);
    check(train_rows_init(rows, set->n_columns, desk->n_samples + 1), "rows");
    for (size_t i = first; i < desk->n_samples; i++)
        check(train_rows_add(rows, &desk->samples[i]), "rows");
}

void desk_job(const struct desk_run *desk, uint32_t attempt, struct train_job *job)
{
    const struct training_target target = {.number = attempt,
                                           .attempt = attempt,
                                           .trigger = "new_samples",
                                           .seed = attempt,
                                           .cut_ns = desk->now_ns};
    check(training_fill_job(desk->settings, desk->strategy,
                            pipeline_feature_set(desk->pipeline, &desk->strategy->strategy_id),
                            &target, job),
          "job");
    job->cpcv_rows_max = 0; /* what the evidence is about does not ask for it */
}

void desk_train(struct desk_run *desk, uint32_t attempt, struct train_result *out)
{
    struct train_rows rows;
    struct train_job *job = malloc(sizeof *job);
    assert(job != NULL);
    desk_job(desk, attempt, job);
    desk_rows(desk, 0, &rows);
    check(train_run(job, pipeline_feature_set(desk->pipeline, &desk->strategy->strategy_id), &rows,
                    desk->scorer, NULL, out),
          "training");
    train_rows_deinit(&rows);
    free(job);
}

struct scorer *desk_scorer(const struct desk_run *desk, const struct train_result *result)
{
    const struct model_files files = {.manifest = buf_slice(&result->manifest_json),
                                      .trees = buf_slice(&result->trees),
                                      .probe = buf_slice(&result->probe),
                                      .model = buf_slice(&result->model),
                                      .novelty = buf_slice(&result->novelty)};
    struct scorer *scorer = NULL;
    check(scorer_create(&files, pipeline_schema_hash(desk->pipeline, &desk->strategy->strategy_id),
                        &scorer),
          "scorer");
    return scorer;
}

void desk_let_decide(struct desk_run *desk, struct train_result *result)
{
    check(train_result_seal(result, desk->now_ns, 1), "seal");
    struct scorer *scorer = desk_scorer(desk, result);
    learn_activate(desk->pipeline, &desk->strategy->strategy_id, scorer, desk->now_ns);
    desk->scorer = scorer;
}

void desk_promote(struct desk_run *desk, struct train_result *result)
{
    check(train_result_seal(result, desk->now_ns, 1), "seal");
    struct scorer *scorer = desk_scorer(desk, result);
    learn_promote(desk->pipeline, &desk->strategy->strategy_id, scorer, desk->now_ns);
    desk->scorer = scorer;
}

void desk_roll_back(struct desk_run *desk,
                    const struct rollout_step *step,
                    const struct train_result *target)
{
    const struct strategy_config *strategy = desk->strategy;
    struct scorer *scorer = desk_scorer(desk, target);
    learn_activate(desk->pipeline, &strategy->strategy_id, scorer, desk->now_ns);
    learn_watch(desk->pipeline, &strategy->strategy_id);
    desk->scorer = scorer;
    learn_rollout_done(desk->pipeline, step, true, desk->now_ns);
}
