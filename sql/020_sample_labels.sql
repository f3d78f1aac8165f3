-- What learning calls them, made from the columns it reads: the label of the action, the span it took, and the part of its
-- weight that the sample alone decides. Uniqueness and age depend on the other rows and are weighed at each training.
ALTER TABLE samples
    ADD COLUMN label smallint GENERATED ALWAYS AS (CASE WHEN net_return > 0 THEN 1 ELSE 0 END) STORED,
    ADD COLUMN weight double precision GENERATED ALWAYS AS (
        CASE WHEN evidence = 1 AND propensity > 0 THEN fill_fraction * least(1 / propensity, 10) ELSE fill_fraction END) STORED,
    ADD COLUMN span tstzrange GENERATED ALWAYS AS (
        tstzrange(to_timestamp(t0_ns / 1000000000.0::double precision), to_timestamp(t1_ns / 1000000000.0::double precision), '[]')) STORED;
