-- Every training that was started, and how it ended.
CREATE TABLE training_runs (
    id           uuid PRIMARY KEY,
    strategy_id  text NOT NULL,
    trigger      text NOT NULL,
    state        text NOT NULL CHECK (state IN ('running', 'succeeded', 'refused', 'failed', 'cancelled')),
    started_at   timestamptz NOT NULL,
    finished_at  timestamptz,
    n_samples    bigint NOT NULL,
    n_effective  double precision,
    version      text,
    detail       text NOT NULL
);

-- The last run of a strategy, for the status.
CREATE INDEX training_runs_strategy_time ON training_runs (strategy_id, started_at);
