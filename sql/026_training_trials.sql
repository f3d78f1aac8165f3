-- Every set of parameters a training tried, chosen or not: how many there were says what the best of them is worth.
CREATE TABLE training_trials (
    run_id       uuid NOT NULL REFERENCES training_runs,
    trial        integer NOT NULL CHECK (trial >= 0),
    strategy_id  text NOT NULL,
    kind         text NOT NULL,
    parameters   jsonb NOT NULL,
    seed         text NOT NULL, -- all 64 bits of it
    verdict      text NOT NULL CHECK (verdict IN ('chosen', 'completed', 'pruned', 'cancelled')),
    log_loss     double precision, -- mean of the folds'
    sharpe_ratio double precision, -- of the net utility a period; null unless judged on all folds
    seconds      double precision,
    folds        jsonb NOT NULL, -- rounds, validation loss, log loss and AUC of each
    PRIMARY KEY (run_id, trial)
);
