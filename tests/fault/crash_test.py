"""kill -9 of the worker at random moments under load: nothing is lost and nothing is applied twice."""
import contextlib
import random
import subprocess

import harness
import load
from harness import ORDER_EVENTS, eventually

N_KILLS, SPEED, SIGNALS_FIRST = 30, 300, 20


def let_live(process, seconds):
    """The moment of a kill is chance on purpose, so this waits for time to pass, not for an event."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
        raise AssertionError(f"the worker ended by itself with {process.returncode}")


def test_thirty_kills_lose_nothing_and_apply_nothing_twice(tmp_path):
    seed = load.seed_of("crash")
    chance = random.Random(seed)
    load.prepare_broker()
    with harness.Worker(**load.market_settings(tmp_path, SPEED)) as worker, load.Orders(seed) as orders, load.Tap() as tap, \
            contextlib.ExitStack() as market:
        worker.await_ready()
        market.enter_context(load.simulation(SPEED))
        eventually(lambda: len(tap.bodies) >= SIGNALS_FIRST, f"{SIGNALS_FIRST} signals", 60)
        for number in range(N_KILLS):
            let_live(worker.process, chance.uniform(0.02, 1.2))
            worker.kill()
            worker.start()
            if number % 5 == 4:
                seen = len(orders.stored())
                eventually(lambda: len(orders.stored()) > seen, "events are stored again", 60)
        worker.await_ready(60)
        orders.stop()
        orders.await_stored()
        n_signals = tap.n_taken
        eventually(lambda: tap.n_taken > n_signals, "signals after the last kill", 60)
        market.close()
        assert worker.stop() == 0
    tap.step(harness.amqp_channel())
    print(f"{orders.n_sent} order events sent, {len(orders.events)} distinct, {len(tap.bodies)} signals")
    assert load.depth(ORDER_EVENTS) == 0, "something is left in the queue, or was not acknowledged"
    orders.check()
    tap.check()
    with harness.db() as db:
        assert harness.query(db, "SELECT count(*) FROM execution_events e WHERE NOT EXISTS"
                                 " (SELECT 1 FROM order_events o WHERE o.event_id = e.event_id)") == [(0,)]
        assert harness.query(db, "SELECT count(*) FROM candles")[0][0] > 0
        assert harness.query(db, "SELECT count(*) FROM quarantine") == [(0,)]
