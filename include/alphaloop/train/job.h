/* A training job: everything a run depends on, so that the same job on the same rows gives the same bytes. The parent writes
 * it to a file, the child reads it; nothing else passes between them but progress lines and the result folder. */
#ifndef ALPHALOOP_TRAIN_JOB_H
#define ALPHALOOP_TRAIN_JOB_H

#include "alphaloop/domain/decision.h"
#include "alphaloop/model/manifest.h"
#include "alphaloop/train/trial.h"

#define TRAIN_JOB_BYTES_MAX (256U * 1024)
#define TRAIN_PATH_MAX      1024

struct train_gate_settings {
    char rule[32];       /* MODEL_GATE: "evidence", or "accuracy": the original's threshold */
    double accuracy_min; /* rule accuracy */
    double alpha;        /* level of the first attempt */
    uint32_t attempt;    /* k >= 1: challengers of this strategy so far, this one included */
    double n_eff_min;    /* rows needed before anything is fitted */
    uint32_t n_bootstrap;
    double dsr_min, pbo_max; /* asked where the rows are of orders for money */
};

struct train_search_settings {
    uint32_t trials;  /* sets of parameters that are tried; 1: only the job's own */
    uint32_t seconds; /* after which none is begun */
    char method[16];  /* "tpe" or "random" */
};

struct train_job {
    struct strategy_id strategy_id;
    struct model_version_id version;
    char kind[MODEL_KIND_TEXT_MAX];
    struct model_params params;
    uint64_t seed;
    char trigger[32];    /* what asked for it: a row of triggers.def, or "person" */
    int64_t cut_ns;      /* only labels available by then */
    int64_t window_ns;   /* decisions younger than cut - window; 0: all */
    bool try_windows;    /* half of it and twice as much are candidates, */
    bool try_weights;    /* and so is teaching without attribution (src/train/candidates_i.h) */
    uint64_t n_rows_max; /* the newest ones are kept */
    double weight_half_life_seconds; /* of a row's age; 0: no ageing */
    bool use_market_evidence;
    size_t n_features;
    char features[FEATURES_MAX][MANIFEST_NAME_MAX];
    int64_t timeframe_ns;
    struct sha256 schema_hash;
    struct manifest_label label;
    bool return_attribution;  /* what teaches is weighted by it too (dataset/weight.h) */
    uint32_t n_folds;         /* walk-forward folds before the untouched block */
    uint64_t fold_rows_max;   /* the newest of a fold's teachers that are used */
    double holdout_fraction;  /* of the span, the untouched last block */
    uint64_t cpcv_rows_max;   /* up to so many rows the report has paths; 0: never */
    bool canaries;            /* learning section 5: what must fail is tried */
    double value_z;           /* standard errors between v and v_low */
    double interval_coverage; /* share of outcomes that intervals are judged to hold */
    bool abstain_by_outcome; /* as the strategy does live: when that interval reaches below cost, */
    bool abstain_when_novel; /* and where the model has seen nothing like it */
    struct train_search_settings search;
    struct train_gate_settings gate;
    char incumbent[TRAIN_PATH_MAX]; /* folder of the active version; "" when none */
    char output[TRAIN_PATH_MAX];    /* folder to write: must not exist */
    uint64_t deadline_seconds;      /* the child ends itself by then */
};

void train_job_default(struct train_job *job); /* everything that has a default */
/* How far before the cut rows are of use: the widest window that is tried; 0: all. */
int64_t train_job_reach_ns(const struct train_job *job);
void train_job_write(const struct train_job *job, struct buf *out);
MUST_CHECK enum al_err train_job_read(
    struct slice text, struct train_job *out); /* AL_EPARSE, AL_ERANGE: names the field */

/* Lines the child prints, one JSON object each. The last one is of kind `end`. */
enum train_line_kind { TRAIN_LINE_PROGRESS, TRAIN_LINE_TRIAL, TRAIN_LINE_END };
enum train_stage {
    TRAIN_STAGE_LOAD,     /* reading rows */
    TRAIN_STAGE_SEARCH,   /* trying teachers and parameters on the walk-forward folds */
    TRAIN_STAGE_FOLD,     /* fitting those folds with the ones chosen */
    TRAIN_STAGE_FINAL,    /* fitting the model to be served */
    TRAIN_STAGE_EVALUATE, /* judging it on the untouched block */
    TRAIN_STAGE_WRITE,    /* writing the folder */
    TRAIN_STAGE_COUNT
};
const char *train_stage_name(enum train_stage stage);

enum train_verdict {
    TRAIN_PROMOTE, /* the gate says yes */
    TRAIN_REFUSE,  /* a model was made and the gate says no */
    TRAIN_TOO_FEW, /* not enough rows: no model was made */
    TRAIN_FAILED,  /* a fault; reason says which */
    TRAIN_CANCELLED,
    TRAIN_VERDICT_COUNT
};
const char *train_verdict_name(enum train_verdict verdict);

struct train_line {
    enum train_line_kind kind;
    /* progress */
    enum train_stage stage;
    double fraction; /* of the whole run, 0..1 */
    uint64_t n_rows;
    struct train_trial trial; /* TRAIN_LINE_TRIAL */
    /* end */
    enum train_verdict verdict;
    char reason[MANIFEST_REASON_MAX];
    double n_eff;
    double seconds;
    struct sha256 manifest_hash; /* PROMOTE and REFUSE: of manifest.json as written */
};

void train_line_write(const struct train_line *line, struct buf *out); /* ends with \n */
MUST_CHECK enum al_err train_line_read(struct slice text, struct train_line *out);

#endif
