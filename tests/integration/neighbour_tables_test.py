"""What the neighbours' own tables (schema public) and our own memory of orders and positions hold signals against."""
import harness
import pytest
from harness import ORDER_EVENTS, POSITIONS, SIGNALS, await_message, eventually, publish, query, ticker

TICKER = "ws-gateway.ticker"
SETTINGS = {"TRADING_ASSETS": "BTCUSDT", "WARMUP_RANDOMNESS_LEVEL": 1, "SIGNAL_GENERATION_BURST_ALLOWANCE": 1000}
TABLES = """
    DROP TABLE IF EXISTS public.orders, public.positions, public.account_balances;
    CREATE TABLE public.account_balances (coin text, available_balance numeric, received_at timestamptz);
    CREATE TABLE public.orders (order_id text, asset text, side text, quantity numeric, filled_quantity numeric, status text);
    CREATE TABLE public.positions (asset text, size numeric, average_entry_price numeric)
"""


@pytest.fixture(name="channel")
def fixture_channel():
    channel = harness.amqp_channel()
    harness.declare_neighbour_queues(channel)
    harness.purge(channel)
    return channel


@pytest.fixture(name="db")
def fixture_db():
    harness.run("migrate")
    with harness.db() as db:
        for table in ("trading_signals", "abstentions", "position_states", "orders_seen"):
            query(db, f"DELETE FROM {table}")
        query(db, TABLES)
        yield db
        query(db, "DROP TABLE public.orders, public.positions, public.account_balances")


def told(worker):
    worker.await_log(event="stack_tables_read")


def test_balances_bound_both_sides(channel, db):
    query(db, "INSERT INTO public.account_balances VALUES ('USDT', 55.5, now()), ('BTC', 0.0005, now())")
    with harness.Worker(**SETTINGS) as worker:
        told(worker)
        seen = {}
        while len(seen) < 2:
            publish(channel, TICKER, ticker())
            signal = await_message(channel, SIGNALS).json()
            seen[signal["signal_type"]] = signal["amount"]
    assert seen == {"buy": 55.5, "sell": 25}


def test_an_open_order_of_the_table_is_waited_for(channel, db):
    query(db, "INSERT INTO public.orders VALUES ('o-1', 'BTCUSDT', 'Buy', 1, 0, 'pending')")
    with harness.Worker(**SETTINGS) as worker:
        told(worker)
        publish(channel, TICKER, ticker())
        eventually(lambda: query(db, "SELECT 1 FROM abstentions WHERE reason = 'open_order'"), "waiting for the order")
        assert query(db, "SELECT count(*) FROM trading_signals") == [(0,)]
        publish(channel, ORDER_EVENTS, harness.order_event("0d0c5a1e-7e8a-4b8e-9d5f-3f7f3b3c9a02", "cancelled", order_id="o-1",
                                                           filled="0", fees="0"))
        worker.await_metric("alphaloop_order_events_total", 1, outcome="new")
        publish(channel, TICKER, ticker())
        await_message(channel, SIGNALS)


def test_an_open_order_is_remembered_over_a_restart(channel, db):
    with harness.Worker(**SETTINGS) as worker:
        worker.await_ready()
        publish(channel, TICKER, ticker())
        signal = await_message(channel, SIGNALS).json()
        publish(channel, ORDER_EVENTS, harness.order_event(signal["signal_id"], "created", order_id="o-2", filled="0", fees="0"))
        eventually(lambda: query(db, "SELECT 1 FROM orders_seen WHERE order_id = 'o-2'"), "the order")
        worker.kill()
        query(db, "DELETE FROM abstentions")
        worker.start()
        worker.await_ready()
        publish(channel, TICKER, ticker())
        eventually(lambda: query(db, "SELECT 1 FROM abstentions WHERE reason = 'open_order'"), "waiting for the order")


def test_the_age_of_a_position_is_remembered_over_a_restart(channel, db):
    """Opened 23 hours ago, as the first update said; a later one does not say it again."""
    position = {"event_type": "position_updated", "position_id": "p-1", "asset": "BTCUSDT", "size": "0.01", "mode": "one-way",
                "unrealized_pnl_pct": "0.1", "average_entry_price": "50000", "timestamp": harness.now_text()}
    with harness.Worker(WARMUP_MODE_ENABLED="false", TIME_BASED_EXIT_MAX_HOURS=23, TRADING_ASSETS="BTCUSDT") as worker:
        worker.await_ready()
        publish(channel, POSITIONS, dict(position, time_held_minutes=1379))
        eventually(lambda: query(db, "SELECT 1 FROM position_states"), "the position")
        worker.kill()
        query(db, "UPDATE position_states SET opened_ns = opened_ns - 60000000000, time_held_minutes = NULL")
        worker.start()
        worker.await_ready()
        publish(channel, TICKER, ticker())
        publish(channel, POSITIONS, dict(position, timestamp=harness.now_text()))
        assert await_message(channel, SIGNALS).json()["metadata"]["exit_reason"] == "time_exit"
