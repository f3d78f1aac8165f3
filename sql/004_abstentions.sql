-- Decisions not to act: the frozen columns of trading_signals, and why. Those with features are labelled from the market.
CREATE TABLE abstentions (
    decision_id      uuid PRIMARY KEY,
    kind             text NOT NULL CHECK (kind IN ('entry', 'exit')),
    strategy_id      text NOT NULL,
    asset            text NOT NULL,
    side             text,
    reason           text NOT NULL,
    amount           numeric(20, 8) NOT NULL,
    price            numeric(20, 8),
    confidence       double precision,
    expected_value   double precision,
    propensity       double precision,
    decided_at_ns    bigint NOT NULL,
    "timestamp"      timestamptz GENERATED ALWAYS AS (to_timestamp(decided_at_ns / 1000000000.0::double precision)) STORED,
    is_warmup        boolean NOT NULL,
    model_version    text,
    heuristic        text,
    snapshot_ts_ns   bigint,
    bid              double precision,
    ask              double precision,
    mid              double precision,
    last_price       double precision,
    spread           double precision,
    volume_24h       double precision,
    volatility       double precision,
    bid_depth        double precision,
    ask_depth        double precision,
    sigma_h          double precision,
    horizon_ns       bigint NOT NULL,
    barrier_up       double precision,
    barrier_down     double precision,
    schema_hash      bytea NOT NULL,
    features         bytea NOT NULL,
    trace_id         text,
    traceparent      text,
    expires_at_ns    bigint NOT NULL,
    outcome          text
);

-- Recovery of what still waits for its label.
CREATE INDEX abstentions_open ON abstentions (decided_at_ns) WHERE outcome IS NULL AND features <> ''::bytea;
-- Pruning goes by time alone.
CREATE INDEX abstentions_time ON abstentions (decided_at_ns);
