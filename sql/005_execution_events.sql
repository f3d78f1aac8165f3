-- One row for each increase of an order's fill. strategy_id, signal_price and signal_timestamp come from our own ledger and
-- are null when the signal is not ours. event_id is one of order_events, written in the same transaction; a foreign key
-- would only cost a look-up a row. Times are exact in the *_ns columns.
CREATE TABLE execution_events (
    event_id            uuid PRIMARY KEY,
    order_id            text NOT NULL,
    signal_id           uuid NOT NULL,
    strategy_id         text,
    asset               text NOT NULL,
    side                text NOT NULL CHECK (side IN ('buy', 'sell')),
    execution_price     numeric(20, 8) NOT NULL CHECK (execution_price > 0),
    execution_quantity  numeric(20, 8) NOT NULL CHECK (execution_quantity > 0),
    execution_fees      numeric(20, 8) NOT NULL,
    executed_at_ns      bigint NOT NULL,
    executed_at         timestamptz GENERATED ALWAYS AS (to_timestamp(executed_at_ns / 1000000000.0::double precision)) STORED,
    received_at_ns      bigint NOT NULL,
    signal_price_exact  double precision,
    signal_price        numeric(20, 8) GENERATED ALWAYS AS (signal_price_exact::numeric(20, 8)) STORED,
    signal_timestamp_ns bigint,
    signal_timestamp    timestamptz GENERATED ALWAYS AS (to_timestamp(signal_timestamp_ns / 1000000000.0::double precision)) STORED,
    performance         jsonb,
    price_is_average    boolean NOT NULL,
    is_dry_run          boolean NOT NULL
);

-- The executions of an open decision, at recovery.
CREATE INDEX execution_events_signal_id ON execution_events (signal_id);
-- The newest matched ones, for the cost model.
CREATE INDEX execution_events_matched_time ON execution_events (executed_at_ns) WHERE strategy_id IS NOT NULL;
