-- Every decision that names a side, frozen before anything leaves, and its way through the outbox.
--
-- signal_id is also the decision's id. The snapshot is kept twice: as the doubles the decision was made from, for replay to
-- the last bit, and inside body, the exact message. An entry is open while outcome is null; then it is 'sampled', or the
-- reason why no sample came of it.
CREATE TABLE trading_signals (
    signal_id        uuid PRIMARY KEY,
    kind             text NOT NULL CHECK (kind IN ('entry', 'exit')),
    strategy_id      text NOT NULL,
    asset            text NOT NULL,
    side             text NOT NULL CHECK (side IN ('buy', 'sell')),
    reason           text,
    amount           numeric(20, 8) NOT NULL,
    price            numeric(20, 8),
    confidence       double precision NOT NULL,
    expected_value   double precision,
    propensity       double precision NOT NULL,
    decided_at_ns    bigint NOT NULL,
    "timestamp"      timestamptz GENERATED ALWAYS AS (to_timestamp(decided_at_ns / 1000000000.0::double precision)) STORED,
    is_warmup        boolean NOT NULL,
    model_version    text,
    heuristic        text,
    snapshot_ts_ns   bigint,
    bid              double precision,
    ask              double precision,
    mid              double precision NOT NULL,
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
    expires_at       timestamptz GENERATED ALWAYS AS (to_timestamp(expires_at_ns / 1000000000.0::double precision)) STORED,
    body             text NOT NULL,
    market_data_snapshot jsonb GENERATED ALWAYS AS (body::jsonb -> 'market_data_snapshot') STORED,
    metadata         jsonb GENERATED ALWAYS AS (body::jsonb -> 'metadata') STORED,
    status           text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'published', 'expired')),
    created_at       timestamptz NOT NULL DEFAULT now(),
    published_at     timestamptz,
    outcome          text
);

-- The outbox: a handful of rows at any time, looked at after each crash and by expiry.
CREATE INDEX trading_signals_pending ON trading_signals (expires_at_ns) WHERE status = 'pending';
-- Recovery of open decisions: bounded by how many may be open, not by the table.
CREATE INDEX trading_signals_open ON trading_signals (decided_at_ns) WHERE outcome IS NULL AND kind = 'entry' AND status <> 'expired';
-- Lists and performance of one strategy over time.
CREATE INDEX trading_signals_strategy_time ON trading_signals (strategy_id, decided_at_ns);
