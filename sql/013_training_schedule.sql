-- Last and next training of every strategy: restarts neither forget nor repeat one.
CREATE TABLE training_schedule (
    strategy_id       text PRIMARY KEY,
    last_training_ns  bigint,
    last_training_at  timestamptz GENERATED ALWAYS AS (to_timestamp(last_training_ns / 1000000000.0::double precision)) STORED,
    next_training_ns  bigint,
    next_training_at  timestamptz GENERATED ALWAYS AS (to_timestamp(next_training_ns / 1000000000.0::double precision)) STORED,
    n_samples_at_last bigint NOT NULL,
    n_samples_needed  bigint NOT NULL
);
