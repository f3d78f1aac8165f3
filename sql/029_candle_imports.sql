-- How far an import of a file has come that did not end: its bars up to this line are stored. Gone once it has ended.
CREATE TABLE candle_imports (
    asset            text NOT NULL,
    interval_seconds integer NOT NULL,
    file_sha256      bytea NOT NULL,
    line             bigint NOT NULL,
    updated_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (asset, interval_seconds, file_sha256)
);
