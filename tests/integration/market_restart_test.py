"""A worker that follows a market of the past (CLOCK=market) is killed and started again in the middle of it."""
import signal
import time
import uuid

import harness
import load
import pytest
from harness import MARKET_QUEUES, POSITIONS, SIGNALS, db, eventually, publish, query

SPEED = 60
TODAY_NS = (time.time_ns() // (86400 * 10**9) - 1) * 86400 * 10**9  # the simulated market lies in 2024

NOON_NS = 1706788800 * 10**9  # 2024-02-01T12:00:00Z


@pytest.fixture(name="settings")
def settings_of_a_worker(tmp_path):
    """It closes every position that loses, one order at a time; what it has learned would train at once."""
    harness.run("migrate")
    load.prepare_broker()
    return load.market_settings(tmp_path, SPEED, horizon_seconds=600, exits={"stop_loss_pct": -0.05},
                                limits={"rate": 100000, "burst": 100, "cooldown_seconds": 0, "skip_on_open_order": True})


def one(sql, *args):
    with db() as connection:
        return query(connection, sql, *args)[0][0]


def n_entries(since_ns=0):
    return one("SELECT count(*) FROM trading_signals WHERE kind = 'entry' AND decided_at_ns > %s", since_ns)


def stamped_today():
    """Rows of decisions whose time is the wall's."""
    return [one(f"SELECT count(*) FROM {table} WHERE decided_at_ns > %s", TODAY_NS) for table in ("trading_signals", "abstentions")]


def open_ids():
    with db() as connection:
        return {row[0] for row in query(connection, "SELECT signal_id::text FROM trading_signals WHERE kind = 'entry' AND"
                                                    " status <> 'expired' AND outcome IS NULL")}


def await_ticks(worker, n=100):
    lags = "alphaloop_loop_lag_seconds_count"
    worker.await_metric(lags, worker.metric(lags) + n)


def losing_position():
    """As position-manager told it last, in market time."""
    with db() as connection:
        asset, size, seen = query(connection, "SELECT asset, size, ts_event_ns FROM position_states WHERE size <> 0"
                                              " ORDER BY ts_event_ns DESC LIMIT 1")[0]
    return {"event_id": str(uuid.uuid4()), "position_id": str(uuid.uuid4()), "asset": asset, "size": str(size), "mode": "one-way",
            "unrealized_pnl_pct": "-5", "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seen // 10**9 + 1))}


def test_before_the_market_goes_on_nothing_falls_due_and_then_it_trades(settings):
    channel = harness.amqp_channel()
    harness.purge(channel, *MARKET_QUEUES, SIGNALS, POSITIONS)
    with harness.Worker(**settings) as worker, load.simulation(SPEED) as market, load.Tap():
        worker.await_ready()
        eventually(lambda: n_entries() > 50, "signals", 60)
        eventually(lambda: one("SELECT count(*) FROM position_states WHERE size <> 0"), "an open position")
        market.send_signal(signal.SIGSTOP)
        worker.kill()
        harness.purge(channel, *MARKET_QUEUES, POSITIONS)
        last_ns, open_before = one("SELECT max(decided_at_ns) FROM trading_signals"), open_ids()
        position = losing_position()
        publish(channel, POSITIONS, position)
        worker.start()
        worker.await_ready()
        worker.await_metric("alphaloop_market_messages_total", 1, source="position")
        await_ticks(worker)
        # The wall is years ahead of the market; by it every label would be given up.
        assert open_before and open_ids() >= open_before
        assert stamped_today() == [0, 0]
        assert worker.metric("alphaloop_steps_total", step="learn.train") == 0
        market.send_signal(signal.SIGCONT)
        exits = "SELECT count(*) FROM trading_signals WHERE kind = 'exit' AND asset = %s AND decided_at_ns > %s"
        eventually(lambda: one(exits, position["asset"], last_ns), "the loss is closed with the market's next price", 60)
        eventually(lambda: n_entries(last_ns) > 50, "entries go on", 60)
        assert stamped_today() == [0, 0]
        assert worker.stop() == 0


def test_a_market_that_is_played_again_is_late_and_says_so(settings):
    """What an earlier run left in the queues is newer than the market that begins again: the worker has heard it and does not go
    back."""
    channel = harness.amqp_channel()
    harness.purge(channel, *MARKET_QUEUES, SIGNALS, POSITIONS)
    with harness.Worker(**settings) as worker, load.Tap():
        worker.await_ready()
        with load.simulation(SPEED, "BTCUSDT", "--start", "2024-02-01T12:00:00Z"):
            eventually(lambda: n_entries(NOON_NS) > 0, "signals", 60)
        with load.simulation(SPEED, "BTCUSDT", "--start", "2024-02-01T10:00:00Z"):
            told = worker.await_log(event="market_went_back")
            assert (told["asset"], told["ts_event"][:13]) == ("BTCUSDT", "2024-02-01T10")
            worker.await_metric("alphaloop_market_events_total", 20, outcome="late")
        with load.simulation(SPEED, "BTCUSDT", "--start", "2024-02-01T14:00:00Z"):
            eventually(lambda: n_entries(NOON_NS + 2 * 3600 * 10**9) > 0, "signals once it has caught up", 60)
        assert worker.stop() == 0
