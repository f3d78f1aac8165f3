-- What labels and weights are made of, beside what 020 says.
--
-- span_returns: the mid's log return in each eighth of [t0, t1], float4 values, little-endian; attribution of returns at each
-- training. Empty in rows from before.
-- is_meta: a signal fired and was filled; its label is the meta label, whether following the signal paid.
-- side_label: where the market went from here, whatever the action: 1 up, -1 down, 0 when time ran out on a move smaller than
-- the cost of trading it.
ALTER TABLE samples
    ADD COLUMN span_returns bytea NOT NULL DEFAULT ''::bytea,
    ADD COLUMN is_meta boolean GENERATED ALWAYS AS (evidence = 1 AND policy_took) STORED,
    ADD COLUMN side_label smallint GENERATED ALWAYS AS (
        CASE WHEN barrier = 3 AND abs(gross_return) < cost_return THEN 0
             WHEN gross_return = 0 THEN 0
             WHEN (gross_return > 0) = (action = 'buy') THEN 1 ELSE -1 END) STORED;
