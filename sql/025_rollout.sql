-- What each version beside the serving one would have done at a decision, from the same frozen features. What came of it is
-- read from samples: the row of the action, net_return times fill_fraction, and 0 where it abstained.
CREATE TABLE shadow_scores (
    decision_id   uuid NOT NULL,
    version       text NOT NULL,
    strategy_id   text NOT NULL,
    asset         text NOT NULL,
    stage         text NOT NULL,
    side          text,
    q             double precision NOT NULL,
    v             double precision NOT NULL,
    v_low         double precision NOT NULL,
    propensity    double precision NOT NULL,
    decided_at_ns bigint NOT NULL,
    block         bigint NOT NULL,
    PRIMARY KEY (decision_id, version)
);

-- The paired blocks of a version again after a start.
CREATE INDEX shadow_scores_version ON shadow_scores (version, decided_at_ns);

-- Every step of every version, and why. The newest row of a version is where it stands.
CREATE TABLE rollout_verdicts (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    strategy_id text NOT NULL,
    version     text NOT NULL,
    stage       text NOT NULL,
    against     text,
    why         text NOT NULL,
    verdict     text NOT NULL,
    numbers     jsonb,
    n_blocks    bigint NOT NULL,
    at_ns       bigint NOT NULL,
    created_at  timestamptz NOT NULL
);

CREATE INDEX rollout_verdicts_version ON rollout_verdicts (version, id);
CREATE INDEX rollout_verdicts_strategy ON rollout_verdicts (strategy_id, id);
