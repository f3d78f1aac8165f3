-- Forecasts that were asked to be kept.
CREATE TABLE predictions (
    id                 serial PRIMARY KEY,
    "timestamp"        timestamptz NOT NULL,
    model_name         varchar(100) NOT NULL DEFAULT 'baseline',
    prediction_horizon integer NOT NULL DEFAULT 3,
    predicted_value    numeric(20, 8) NOT NULL,
    created_at         timestamptz NOT NULL DEFAULT now()
);

-- The latest, by any mix of model and horizon.
CREATE INDEX predictions_time ON predictions ("timestamp");
