"""Hourly bars with an edge a line can find (the next return is 0.4 of this one plus noise), for tests of forecasts."""
import math
import random

import harness
import psycopg2.extras

HOUR = 3600
FROM = 1_700_006_400  # 2023-11-15T00:00:00Z


def make_bars(n, rho=0.4, deviation=0.005, seed=5):
    rng, log_price, step, bars = random.Random(seed), math.log(20000), 0.0, []
    for i in range(n):
        opened = math.exp(log_price)
        step = rho * step + math.sqrt(1 - rho * rho) * deviation * rng.gauss(0, 1)
        log_price += step
        closed = math.exp(log_price)
        bars.append((FROM + i * HOUR, opened, max(opened, closed) * 1.001, min(opened, closed) / 1.001, closed, 1 + rng.random()))
    return bars


def store_bars(bars, asset="BTCUSDT", interval=HOUR):
    with harness.db() as connection, connection.cursor() as cursor:
        psycopg2.extras.execute_values(
            cursor, "INSERT INTO candles VALUES %s ON CONFLICT (asset, interval_seconds, ts_open) DO UPDATE SET close ="
                    " excluded.close", [(asset, interval, *bar) for bar in bars], page_size=5000,
            template="(%s, %s, to_timestamp(%s), %s, %s, %s, %s, %s)")


def forget_everything():
    with harness.db() as connection:
        harness.query(connection, "TRUNCATE candles, predictions")
        harness.query(connection, "DELETE FROM ml_models WHERE model_name <> 'baseline'")
        harness.query(connection, "UPDATE ml_models SET asset = NULL, state = 'waiting', version = NULL, file_path = '',"
                                  " measures = NULL, detail = NULL, trained_at = NULL, tried_at = NULL, last_version = 0,"
                                  " prediction_horizons = '[1, 3, 24, 168]'")
