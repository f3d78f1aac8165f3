-- What a run measured; values are text, as the neighbours keep them.
CREATE TABLE model_run_metrics (
    id           serial PRIMARY KEY,
    model_run_id bigint NOT NULL REFERENCES model_runs,
    metric_name  varchar(255) NOT NULL,
    metric_value varchar(255)
);

-- The metrics of one run.
CREATE INDEX model_run_metrics_run_id ON model_run_metrics (model_run_id);
