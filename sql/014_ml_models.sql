-- Models registered for several horizons, for the forecast routes.
CREATE TABLE ml_models (
    id                  serial PRIMARY KEY,
    model_name          varchar(100) NOT NULL UNIQUE,
    model_type          varchar(50) NOT NULL,
    prediction_horizons jsonb NOT NULL,
    file_path           varchar(255) NOT NULL,
    feature_config      jsonb,
    is_active           integer NOT NULL DEFAULT 1,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now()
);
