-- The cumulative fill of every order. An event adds an execution only when it raises filled_quantity.
CREATE TABLE orders_seen (
    order_id        text PRIMARY KEY,
    signal_id       uuid NOT NULL,
    asset           text NOT NULL,
    side            text NOT NULL CHECK (side IN ('buy', 'sell')),
    filled_quantity numeric(20, 8) NOT NULL CHECK (filled_quantity >= 0),
    average_price   numeric(20, 8) NOT NULL,
    fees            numeric(20, 8) NOT NULL,
    ended           boolean NOT NULL
);

-- Recovery and settlement look for the orders of one signal.
CREATE INDEX orders_seen_signal_id ON orders_seen (signal_id);
