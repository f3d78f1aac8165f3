-- A trial also says which rows taught it and how they were weighted, because a training tries those too. Of those that are here
-- there was one choice, the strategy's own; that it weighed by attribution of returns is what most of them did.
ALTER TABLE training_trials
    ADD COLUMN tries              text NOT NULL DEFAULT 'parameters' CHECK (tries IN ('parameters', 'teachers')),
    ADD COLUMN window_scale       double precision NOT NULL DEFAULT 1 CHECK (window_scale > 0),
    ADD COLUMN return_attribution boolean NOT NULL DEFAULT true;
