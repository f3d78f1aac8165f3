-- Runs of those models, with the trained artefact.
CREATE TABLE model_runs (
    id         serial PRIMARY KEY,
    model_id   bigint NOT NULL REFERENCES models,
    run_date   timestamptz NOT NULL DEFAULT now(),
    run_status varchar(255) NOT NULL,
    run_result bytea
);

-- The runs of one model.
CREATE INDEX model_runs_model_id ON model_runs (model_id);
