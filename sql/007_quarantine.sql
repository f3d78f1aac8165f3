-- Messages that could not be read, whole, with why.
CREATE TABLE quarantine (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received_at timestamptz NOT NULL,
    queue       text NOT NULL,
    reason      text NOT NULL,
    field       text NOT NULL,
    detail      text NOT NULL,
    body        bytea NOT NULL,
    headers     jsonb NOT NULL,
    status      text NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'retried')),
    retried_at  timestamptz
);

-- How many wait is asked by every status page, and what waits by every retry.
CREATE INDEX quarantine_waiting ON quarantine (id) WHERE status = 'waiting';
