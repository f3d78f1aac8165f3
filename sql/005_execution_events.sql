-- One row for each increase of an order's fill. strategy_id, signal_price and signal_timestamp come from our own ledger and
-- are null when the signal is not ours. event_id is one of order_events, which decides what is new, in the same transaction;
-- so it needs neither a key nor a foreign key here. Times are exact in the *_ns columns.
CREATE TABLE execution_events (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id            uuid NOT NULL,
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
    is_dry_run          boolean NOT NULL,
    created_at          timestamptz NOT NULL DEFAULT now()
);

-- Recovery asks for the executions of open signals, which are all recent. Trees on signal_id and event_id would cost a third
-- of the rate of events.
CREATE INDEX execution_events_recent ON execution_events USING brin (created_at);
