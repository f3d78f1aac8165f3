-- What a model's decision was expected to come to, frozen with it, and held against what came.
--
-- leaning: the action that confidence, expected_value and the interval are of: the side, or the one a model would have taken
-- had it not abstained. interval_coverage: the share of outcomes the interval was made to hold; null: there was none.
-- interval_lower and upper: net return as a fraction; null beside a coverage: no bound could be given, it holds everything.
-- samples have the interval on the row of the leaning action. sigma_h: the decision's volatility over its horizon, in units of
-- which intervals are made.
ALTER TABLE trading_signals
    ADD COLUMN leaning text CHECK (leaning IN ('buy', 'sell')),
    ADD COLUMN interval_coverage double precision,
    ADD COLUMN interval_lower double precision,
    ADD COLUMN interval_upper double precision;
ALTER TABLE abstentions
    ADD COLUMN leaning text CHECK (leaning IN ('buy', 'sell')),
    ADD COLUMN interval_coverage double precision,
    ADD COLUMN interval_lower double precision,
    ADD COLUMN interval_upper double precision;
ALTER TABLE samples
    ADD COLUMN sigma_h double precision,
    ADD COLUMN interval_coverage double precision,
    ADD COLUMN interval_lower double precision,
    ADD COLUMN interval_upper double precision;
UPDATE samples s SET sigma_h = t.sigma_h FROM trading_signals t WHERE t.signal_id = s.decision_id;
UPDATE samples s SET sigma_h = a.sigma_h FROM abstentions a WHERE a.decision_id = s.decision_id;

-- How often the intervals of a version held: read at each start, newest first.
CREATE INDEX samples_intervals ON samples (strategy_id, model_version, t0_ns) WHERE interval_coverage IS NOT NULL;
