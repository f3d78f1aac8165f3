-- The registry. A version is candidate, then active or refused; active ones retire when another takes over.
CREATE SEQUENCE model_version_numbers AS bigint;

CREATE TABLE model_versions (
    id                        uuid PRIMARY KEY,
    version                   text NOT NULL UNIQUE CHECK (version ~ '^v[0-9]+(\.[0-9]+)?$'),
    model_type                text NOT NULL,
    strategy_id               text NOT NULL,
    trained_at                timestamptz NOT NULL,
    training_duration_seconds double precision NOT NULL CHECK (training_duration_seconds >= 0),
    training_dataset_size     bigint NOT NULL CHECK (training_dataset_size >= 0),
    is_active                 boolean GENERATED ALWAYS AS (state = 'active') STORED,
    is_warmup_mode            boolean NOT NULL,
    created_at                timestamptz NOT NULL,
    updated_at                timestamptz NOT NULL,
    folder_hash               bytea NOT NULL,
    state                     text NOT NULL CHECK (state IN ('candidate', 'active', 'retired', 'refused')),
    attempt                   integer NOT NULL CHECK (attempt >= 1),
    verdict                   text
);

-- One active version for each strategy, whoever writes.
CREATE UNIQUE INDEX model_versions_one_active ON model_versions (strategy_id) WHERE state = 'active';
