-- Actions with their settled outcome and a copy of the frozen features: all that training reads. Derived: it can be made
-- again from the ledger. Features are float4 values, little-endian, not oriented by the action.
CREATE TABLE samples (
    decision_id     uuid NOT NULL,
    action          text NOT NULL CHECK (action IN ('buy', 'sell')),
    strategy_id     text NOT NULL,
    asset           text NOT NULL,
    evidence        integer NOT NULL CHECK (evidence IN (1, 2)),
    t0_ns           bigint NOT NULL,
    t1_ns           bigint NOT NULL CHECK (t1_ns >= t0_ns),
    available_at_ns bigint NOT NULL CHECK (available_at_ns >= t1_ns),
    available_at    timestamptz GENERATED ALWAYS AS (to_timestamp(available_at_ns / 1000000000.0::double precision)) STORED,
    gross_return    double precision NOT NULL,
    cost_return     double precision NOT NULL,
    net_return      double precision NOT NULL,
    barrier         integer NOT NULL CHECK (barrier IN (1, 2, 3)),
    fill_fraction   double precision NOT NULL,
    propensity      double precision NOT NULL,
    policy_took     boolean NOT NULL,
    is_warmup       boolean NOT NULL,
    is_dry_run      boolean NOT NULL,
    model_version   text,
    confidence      double precision,
    schema_hash     bytea NOT NULL,
    features        bytea NOT NULL,
    PRIMARY KEY (decision_id, action)
);

-- Training reads a window of one strategy in a total order (the same data must give the same model): from this index
-- without a sort, which at a million rows costs more than the rest.
CREATE INDEX samples_training ON samples (strategy_id, t0_ns, decision_id, action);
-- New own fills since the last training, and the newest of them: triggers and performance.
CREATE INDEX samples_own_available ON samples (strategy_id, available_at_ns) WHERE evidence = 1;
