-- What became of each published signal's order: when it was answered, where the market went after the fill (markouts), and how
-- the desk really closed what it opened. The barrier label of `samples` teaches; this is what happened beside it. A row is
-- written again as more becomes known. Signals that were never answered have none.
CREATE TABLE order_outcomes (
    signal_id      uuid PRIMARY KEY,
    strategy_id    text NOT NULL,
    asset          text NOT NULL,
    side           text NOT NULL CHECK (side IN ('buy', 'sell')),
    is_dry_run     boolean NOT NULL,
    decided_at_ns  bigint NOT NULL,
    answered_at_ns bigint NOT NULL,
    first_fill_ns  bigint,
    last_fill_ns   bigint,
    quantity       double precision NOT NULL,
    price          double precision NOT NULL,
    fee_rate       double precision NOT NULL,
    markout_1s     double precision,
    markout_10s    double precision,
    markout_60s    double precision,
    markout_5m     double precision,
    netted         double precision NOT NULL,
    exit_quantity  double precision NOT NULL,
    exit_price     double precision NOT NULL,
    exit_fee_rate  double precision NOT NULL,
    exit_source    text NOT NULL CHECK (exit_source IN ('open', 'fills', 'position')),
    exited_at_ns   bigint,
    exited_at      timestamptz GENERATED ALWAYS AS (to_timestamp(exited_at_ns / 1000000000.0::double precision)) STORED,
    realised_gross double precision,
    realised_cost  double precision,
    realised_net   double precision,
    is_held        boolean NOT NULL
);

-- Recovery asks for what is still held, few at any time.
CREATE INDEX order_outcomes_held ON order_outcomes (decided_at_ns) WHERE is_held;

-- A training reads the orders of one strategy in a window.
CREATE INDEX order_outcomes_strategy_time ON order_outcomes (strategy_id, decided_at_ns);

-- The two outcomes of a filled signal side by side: at the barrier, which teaches, and as the desk really closed it. Its
-- realised span ends at the exit; `exited_first` says that this was before the barrier was touched.
CREATE VIEW realised_outcomes AS
    SELECT s.decision_id, s.strategy_id, s.asset, s.action, s.is_dry_run, s.t0_ns, s.t1_ns, o.exited_at_ns,
           o.exited_at_ns < s.t1_ns AS exited_first, s.net_return AS barrier_net, o.realised_net,
           o.exit_source
    FROM samples s JOIN order_outcomes o ON o.signal_id = s.decision_id
    WHERE s.is_meta AND o.exited_at_ns IS NOT NULL;
