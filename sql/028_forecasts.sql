-- Forecasts: what a name stands for, which version serves, and what became of its training.
ALTER TABLE ml_models
    ADD COLUMN asset            text,   -- null: the first that has history
    ADD COLUMN interval_seconds integer NOT NULL DEFAULT 3600 CHECK (interval_seconds > 0),
    ADD COLUMN kind             text NOT NULL DEFAULT 'baseline',
    ADD COLUMN parameters       jsonb,
    ADD COLUMN state            text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'training', 'serving', 'failed')),
    ADD COLUMN version          bigint, -- the one that serves
    ADD COLUMN last_version     bigint NOT NULL DEFAULT 0,
    ADD COLUMN manifest_hash    bytea,
    ADD COLUMN measures         jsonb,
    ADD COLUMN detail           text,
    ADD COLUMN trained_at       timestamptz, -- the version that serves
    ADD COLUMN tried_at         timestamptz; -- the newest training, whatever came of it

INSERT INTO ml_models (model_name, model_type, prediction_horizons, file_path)
VALUES ('baseline', 'baseline', '[1, 3, 24, 168]', '')
ON CONFLICT (model_name) DO NOTHING;

-- A prediction meets its price: "timestamp" is the time it is for.
ALTER TABLE predictions
    ADD COLUMN asset            text,
    ADD COLUMN interval_seconds integer,
    ADD COLUMN version          bigint,
    ADD COLUMN kind             text,
    ADD COLUMN base_time        timestamptz,
    ADD COLUMN base_price       numeric(20, 8),
    ADD COLUMN low              numeric(20, 8),
    ADD COLUMN high             numeric(20, 8),
    ADD COLUMN coverage         double precision,
    ADD COLUMN naive_scale      double precision, -- what the random walk misses by on average: the unit of MASE
    ADD COLUMN actual           numeric(20, 8),
    ADD COLUMN error            numeric(20, 8) GENERATED ALWAYS AS (predicted_value - actual) STORED,
    ADD COLUMN settlement       text NOT NULL DEFAULT 'waiting' CHECK (settlement IN ('waiting', 'gap', 'settled')),
    ADD COLUMN settled_at       timestamptz;

-- What is not settled, by the time it is for.
CREATE INDEX predictions_open ON predictions ("timestamp") WHERE settlement <> 'settled' AND asset IS NOT NULL;
