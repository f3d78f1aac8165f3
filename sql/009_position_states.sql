-- The newest update of every position, and what the exit rules remember of it.
CREATE TABLE position_states (
    position_id         text PRIMARY KEY,
    asset               text NOT NULL,
    size                numeric(20, 8) NOT NULL,
    unrealized_pnl      double precision,
    realized_pnl        double precision,
    unrealized_pnl_pct  double precision,
    average_entry_price double precision,
    time_held_minutes   double precision,
    mode                text NOT NULL,
    ts_event_ns         bigint NOT NULL,
    ts_recv_ns          bigint NOT NULL,
    updated_at          timestamptz GENERATED ALWAYS AS (to_timestamp(ts_event_ns / 1000000000.0::double precision)) STORED,
    trace_id            text,
    peak_pnl_pct        double precision,
    partial_taken       boolean NOT NULL,
    opened_ns           bigint,
    last_exit_ns        bigint
);
