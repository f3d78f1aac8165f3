-- Finished candles. Doubles and not numeric: windows rebuilt from them must give the same features to the last bit.
CREATE TABLE candles (
    asset            text NOT NULL,
    interval_seconds integer NOT NULL CHECK (interval_seconds > 0),
    ts_open          timestamptz NOT NULL,
    open             double precision NOT NULL,
    high             double precision NOT NULL,
    low              double precision NOT NULL,
    close            double precision NOT NULL,
    volume           double precision NOT NULL,
    PRIMARY KEY (asset, interval_seconds, ts_open)
);
