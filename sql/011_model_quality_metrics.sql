-- One number of one evaluation of one version.
CREATE TABLE model_quality_metrics (
    id                      uuid PRIMARY KEY,
    model_version_id        uuid NOT NULL REFERENCES model_versions,
    metric_name             text NOT NULL,
    metric_value            double precision NOT NULL,
    metric_type             text NOT NULL CHECK (metric_type IN ('classification', 'regression', 'trading_performance')),
    evaluated_at            timestamptz NOT NULL,
    evaluation_dataset_size bigint NOT NULL CHECK (evaluation_dataset_size >= 0),
    CHECK (metric_type <> 'classification' OR metric_value BETWEEN 0 AND 1)
);

-- Lists and series are of one version over time.
CREATE INDEX model_quality_metrics_version ON model_quality_metrics (model_version_id, metric_name, evaluated_at);
