-- Every order event taken in, once, with its exact text: what everything else can be derived from again.
-- Raw is text and not jsonb: jsonb halves the rate of insertion; order_events_json casts for people
-- (to json, which unlike jsonb takes every text that is valid JSON).
CREATE TABLE order_events (
    event_id       uuid PRIMARY KEY,
    event_type     text NOT NULL,
    order_id       text NOT NULL,
    signal_id      uuid NOT NULL,
    received_at_ns bigint NOT NULL,
    received_at    timestamptz GENERATED ALWAYS AS (to_timestamp(received_at_ns / 1000000000.0::double precision)) STORED,
    trace_id       text,
    raw            text NOT NULL
);

CREATE VIEW order_events_json AS
    SELECT event_id, event_type, order_id, signal_id, received_at, trace_id, raw::json AS event FROM order_events;
