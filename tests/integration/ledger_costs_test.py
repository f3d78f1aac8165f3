"""`alphaloop backtest --costs=ledger`: the costs of the ledger's own fills, worked out here a second time from what was written."""
import json
import math
import os
import random
import statistics
import subprocess
import uuid

import harness
import pytest

SCHEMA = "ledger_costs_test"
MAKER = os.path.join(os.environ.get("BUILD_DIR", "build"), "tests", "helper", "synthetic_csv")
MOMENT = 1767268800 * 10**9


@pytest.fixture(name="empty")
def empty_ledger(monkeypatch):
    monkeypatch.setenv("POSTGRES_SCHEMA", SCHEMA)
    with harness.db() as db:
        harness.query(db, f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        assert harness.run("migrate").returncode == 0
        yield db
        harness.query(db, f"DROP SCHEMA {SCHEMA} CASCADE")


@pytest.fixture(name="market", scope="module")
def market_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("market") / "made_btcusdt_1m.csv"
    with open(path, "wb") as out:
        subprocess.run([MAKER, "candles", "3", "1", "4", "0.5"], stdout=out, check=True)
    return path


def backtest(folder, market, *options):
    (folder / "default.json").write_text("{}")
    return harness.run("backtest", "-q", "--check=0", "--costs=ledger", *options, f"--json={folder}/report.json", str(market),
                       STRATEGY_CONFIG_DIR=folder, TRADING_STRATEGIES="default")


def put_signal(db, signal, side, bid, ask, decided_ns):
    harness.query(db, """INSERT INTO trading_signals (signal_id, kind, strategy_id, asset, side, amount, confidence, propensity,
                             decided_at_ns, is_warmup, bid, ask, mid, horizon_ns, schema_hash, features, expires_at_ns, body, status)
                         VALUES (%s, 'entry', 's', 'BTCUSDT', %s, 100, 0.5, 0.5, %s, true, %s, %s, %s, 1, '', '', 1, '{}', 'published')""",
                  signal, side, decided_ns, bid, ask, (bid + ask) / 2)


def put_fill(db, order, signal, side, price, quantity, fee, at_ns, dry=False, source="executed_at"):
    harness.query(db, """INSERT INTO execution_events (event_id, order_id, signal_id, asset, side, execution_price, execution_quantity,
                             execution_fees, executed_at_ns, received_at_ns, price_is_average, is_dry_run, executed_at_source)
                         VALUES (%s, %s, %s, 'BTCUSDT', %s, %s, %s, %s, %s, 1, false, %s, %s)""",
                  str(uuid.uuid4()), order, signal, side, price, quantity, fee, at_ns, dry, source)


def put_order(db, order, signal, side, quantity, ended=True):
    harness.query(db, "INSERT INTO orders_seen VALUES (%s, %s, 'BTCUSDT', %s, %s, 0, 0, %s)", order, signal, side, quantity, ended)


def trade(db, rng, seen, i, n_parts, source):
    """One order of known costs; what is known of it goes to `seen`."""
    signal, side, mid, half = str(uuid.uuid4()), rng.choice(["buy", "sell"]), round(rng.uniform(40000, 60000), 2), round(rng.uniform(1, 9), 2)
    put_signal(db, signal, side, mid - half, mid + half, MOMENT + i)
    sign, latency_ns = (1 if side == "buy" else -1), rng.randrange(20, 900) * 10**6
    value = quantity = fees = 0.0
    for part in range(n_parts):
        price = round(mid + sign * (half + rng.uniform(-1, 12)), 2)
        size, fee = round(rng.uniform(0.001, 0.1), 4), round(rng.uniform(0.01, 0.5), 6)
        put_fill(db, f"order-{i}", signal, side, price, size, fee, MOMENT + i + latency_ns + part * 10**9, source=source)
        value, quantity, fees = value + price * size, quantity + size, fees + fee
    put_order(db, f"order-{i}", signal, side, quantity)
    seen["fee_bps"].append(1e4 * fees / value)
    seen["half_spread_bps"].append(1e4 * half / mid)
    seen["slippage_bps"].append(1e4 * sign * (value / quantity - mid - sign * half) / mid)
    seen["partial_probability"].append(float(n_parts > 1))
    seen["reject_probability"].append(0.0)
    if source != "receipt":
        seen["latency"].append(latency_ns / 1e6)


def test_costs_are_those_of_the_fills(empty, market, tmp_path):
    rng = random.Random(5)
    seen = {name: [] for name in ("fee_bps", "half_spread_bps", "slippage_bps", "latency", "reject_probability", "partial_probability")}
    for i in range(60):
        trade(empty, rng, seen, i, 1 + (i % 4 == 0) * 2, "receipt" if i % 10 == 9 else "executed_at")
    for i in range(7):  # nothing filled
        put_order(empty, f"refused-{i}", str(uuid.uuid4()), "buy", 0)
        seen["reject_probability"].append(1.0)
    put_order(empty, "open", str(uuid.uuid4()), "buy", 0, ended=False)  # not over: says nothing yet
    put_fill(empty, "dry", str(uuid.uuid4()), "buy", 100, 1, 50, MOMENT, dry=True)  # beside real ones a dry run does not count
    done = backtest(tmp_path, market)
    assert done.returncode == 0, done.stderr
    assert "costs fitted from the ledger's real orders" in done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    latency = seen.pop("latency")
    assert math.isclose(report["options"]["latency_min_ms"], min(latency), rel_tol=1e-9)
    seen["latency_mean_ms"] = [ms - min(latency) for ms in latency]
    fitted = report["fitted_from_ledger"]
    assert sorted(fitted) == sorted(seen)
    for name, values in seen.items():
        mean, n = statistics.fmean(values), len(values)
        error = math.sqrt(mean * (1 - mean) / n) if name.endswith("probability") else statistics.stdev(values) / math.sqrt(n)
        assert fitted[name]["orders"] == n
        assert math.isclose(report["options"][name], mean, rel_tol=1e-6), name
        assert math.isclose(fitted[name]["standard_error"], error, rel_tol=1e-6), name
        assert f"{name} " in done.stderr and f"n = {n}" in done.stderr


def test_too_few_fills_are_told(empty, market, tmp_path):
    seen = {name: [] for name in ("fee_bps", "half_spread_bps", "slippage_bps", "latency", "reject_probability", "partial_probability")}
    rng = random.Random(6)
    for i in range(29):
        trade(empty, rng, seen, i, 1, "executed_at")
    done = backtest(tmp_path, market)
    assert done.returncode == 1 and "the ledger has 29 orders to fit fee_bps from, at least 30 are needed" in done.stderr
    assert not (tmp_path / "report.json").exists()
    trade(empty, rng, seen, 29, 1, "executed_at")
    assert backtest(tmp_path, market).returncode == 0


def test_an_empty_ledger_and_no_ledger_are_told(empty, market, tmp_path, monkeypatch):
    assert empty
    done = backtest(tmp_path, market)
    assert done.returncode == 1 and "the ledger has 0 orders" in done.stderr
    monkeypatch.setenv("POSTGRES_SCHEMA", "no_such_schema")
    done = backtest(tmp_path, market)
    assert done.returncode == 1 and "costs from the ledger" in done.stderr


def test_costs_are_fixed_or_fitted_not_both(market, tmp_path):
    done = backtest(tmp_path, market, "--fee-bps=2")
    assert done.returncode == 2 and "--costs=ledger" in done.stderr
