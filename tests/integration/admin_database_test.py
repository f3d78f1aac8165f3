"""What the admin routes read from the database: every list and detail, as described, and 503 while it is away."""
import concurrent.futures
import contextlib
import http.client
import json
import os
import subprocess
import uuid

import harness
import pytest
from openapi_check import Document

PROGRAM = os.path.join(os.environ.get("BUILD_DIR", "build"), "tests", "helper", "admin_serve")
KEY = "a-key-for-tests-only"
HASH = bytes(range(32))
T0 = 1_769_000_000_000_000_000  # ns, 2026-01-21T12:53:20Z
SECOND = 1_000_000_000
IDS = [str(uuid.UUID(f"0193{i:04x}-7c00-7000-8000-{i:012x}")) for i in range(100)]


class Admin:
    def __init__(self):
        self.process = subprocess.Popen([PROGRAM, "model"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.stdin = None
        _, errors = self.process.communicate(timeout=harness.DEADLINE)
        assert self.process.returncode == 0, errors

    def ask(self, method, path, body=None):
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=harness.DEADLINE)
        with contextlib.closing(client):
            client.request(method, path, None if body is None else json.dumps(body),
                           {"X-API-Key": KEY, "Content-Type": "application/json"})
            answer = client.getresponse()
            return answer.status, json.loads(answer.read())

    def get(self, path):
        return self.ask("GET", path)


def insert(connection, table, **columns):
    names = ", ".join(f'"{name}"' for name in columns)
    harness.query(connection, f"INSERT INTO {table} ({names}) VALUES ({', '.join(['%s'] * len(columns))})", *columns.values())


def insert_models(connection):
    for i, (version, strategy, state, kind) in enumerate([("v1", "momentum_v1", "active", "xgboost"),
                                                          ("v2", "momentum_v1", "retired", "xgboost"),
                                                          ("v2.1", "other", "refused", "random_forest")]):
        insert(connection, "model_versions", id=IDS[i], version=version, model_type=kind, strategy_id=strategy,
               trained_at=f"2026-01-21T10:0{i}:00Z", training_duration_seconds=12.5, training_dataset_size=50000,
               is_warmup_mode=False, created_at=f"2026-01-21T10:0{i}:00Z", updated_at="2026-01-21T11:00:00Z",
               folder_hash=HASH, state=state, attempt=i + 1, verdict='{"promote": true}' if i == 0 else None)
    for i, (name, kind, value, at) in enumerate([("accuracy", "classification", 0.8, "2026-01-21T10:10:00Z"),
                                                 ("accuracy", "classification", 0.6, "2026-01-21T10:50:00Z"),
                                                 ("accuracy", "classification", 0.5, "2026-01-21T12:10:00Z"),
                                                 ("sharpe", "trading_performance", 1.5, "2026-01-21T10:10:00Z")]):
        insert(connection, "model_quality_metrics", id=IDS[10 + i], model_version_id=IDS[0], metric_name=name,
               metric_value=value, metric_type=kind, evaluated_at=at, evaluation_dataset_size=1000)


def insert_signals(connection, features):
    for i in range(5):
        insert(connection, "trading_signals", signal_id=IDS[20 + i], kind="exit" if i == 4 else "entry",
               strategy_id="momentum_v1" if i else "other", asset="BTCUSDT" if i % 2 else "ETHUSDT", side="buy",
               reason="stop_loss" if i == 4 else None, amount="250.50", price="50000", confidence=0.61,
               expected_value=0.0004 if i == 3 else None, propensity=0.99, decided_at_ns=T0 + i * SECOND, is_warmup=i != 3,
               model_version="v1" if i == 3 else None, heuristic=None if i == 3 else "momentum", snapshot_ts_ns=T0, mid=50000.0,
               bid=49999.5, ask=50000.5, sigma_h=0.001, horizon_ns=60 * SECOND, barrier_up=1.0, barrier_down=1.0,
               schema_hash=features["hash"], features=features["bytes"], trace_id=f"trace-{i}", expires_at_ns=T0 + 120 * SECOND,
               body=json.dumps({"signal_id": IDS[20 + i], "signal_type": "buy", "market_data_snapshot": {}, "metadata": {}}),
               status="published", published_at="2026-01-21T12:53:21Z", outcome="sampled" if i == 3 else None)
    for action, took in (("buy", True), ("sell", False)):
        insert(connection, "samples", decision_id=IDS[23], action=action, strategy_id="momentum_v1", asset="BTCUSDT",
               evidence=1 if took else 2, t0_ns=T0, t1_ns=T0 + 60 * SECOND, available_at_ns=T0 + 61 * SECOND, gross_return=0.002,
               cost_return=0.0008, net_return=0.0012 if took else -0.003, barrier=1 if took else 3, fill_fraction=1.0,
               propensity=0.99, policy_took=took, is_warmup=False, is_dry_run=False, model_version="v1", confidence=0.61,
               schema_hash=features["hash"], features=features["bytes"])
    insert(connection, "execution_events", event_id=IDS[40], order_id="o-1", signal_id=IDS[23], strategy_id="momentum_v1",
           asset="BTCUSDT", side="buy", execution_price="50001.5", execution_quantity="0.005", execution_fees="0.15",
           executed_at_ns=T0 + SECOND, received_at_ns=T0 + SECOND, price_is_average=False, is_dry_run=False)
    insert(connection, "abstentions", decision_id=IDS[50], kind="entry", strategy_id="momentum_v1", asset="BTCUSDT",
           reason="edge_below_cost", amount=0, confidence=0.52, decided_at_ns=T0, is_warmup=False, model_version="v1",
           horizon_ns=60 * SECOND, schema_hash=features["hash"], features=features["bytes"], expires_at_ns=T0)


def insert_rest(connection):
    for i, state in enumerate(["succeeded", "running", "failed"]):
        insert(connection, "training_runs", id=IDS[60 + i], strategy_id="momentum_v1", trigger="manual", state=state,
               started_at=f"2026-01-21T10:0{i}:00Z", finished_at=None if state == "running" else "2026-01-21T11:00:00Z",
               n_samples=1000 * i, n_effective=None if i == 1 else 612.5, version="v1" if i == 0 else None, detail='it "ended"')
    for trial, verdict in enumerate(["chosen", "pruned", "completed"]):
        tried = {"tries": "teachers", "window_scale": 0.5, "return_attribution": False} if trial == 2 else {}
        insert(connection, "training_trials", run_id=IDS[60], trial=trial, strategy_id="momentum_v1", kind="xgboost",
               parameters='{"eta": 0.05}', seed="18446744073709551615", verdict=verdict, log_loss=0.68 + trial / 100,
               sharpe_ratio=0.1 if trial == 0 else None, seconds=2.5, folds='[{"rounds": 80, "log_loss": 0.68}]', **tried)
    for reason in ("field_invalid", "not_json"):
        insert(connection, "quarantine", received_at="2026-01-21T10:00:00Z", queue="order-manager.order_events", reason=reason,
               field="order.fees", detail="not a decimal", body=b"\xff\x00", headers="{}")


@pytest.fixture(scope="module")
def admin():
    done = harness.run("migrate")
    assert done.returncode == 0, done.stderr
    server = Admin()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def document(admin):
    return Document(admin.get("/openapi.json")[1])


@pytest.fixture(scope="module")
def rows(admin):
    features = {"hash": HASH, "bytes": b"\x00\x00\x80\x3f\x00\x00\xc0\x7f"}  # 1.0 and NaN
    with harness.db() as connection:
        insert_models(connection)
        insert_signals(connection, features)
        insert_rest(connection)
    return features


def get(admin, document, path, route=None, code=200):
    got, body = admin.get(path)
    assert got == code, body
    document.check_answer("GET", route or path.partition("?")[0], code, body)
    return body


def test_models_are_listed_filtered_and_paged(admin, document, rows):
    body = get(admin, document, "/api/v1/models")
    assert [m["version"] for m in body["items"]] == ["v2.1", "v2", "v1"]
    assert (body["total"], body["limit"], body["offset"]) == (3, 100, 0)
    newest = body["items"][0]
    assert (newest["model_type"], newest["is_active"], newest["training_dataset_size"]) == ("random_forest", False, 50000)
    assert body["items"][2]["verdict"] == {"promote": True} and newest["verdict"] is None
    page = get(admin, document, "/api/v1/models?limit=1&offset=1")
    assert [m["version"] for m in page["items"]] == ["v2"] and page["total"] == 3
    assert [m["version"] for m in get(admin, document, "/api/v1/models?is_active=true")["items"]] == ["v1"]
    assert get(admin, document, "/api/v1/models?is_active=false&strategy_id=momentum_v1")["total"] == 1
    assert get(admin, document, "/api/v1/models?strategy_id=nobody") == {"items": [], "total": 0, "limit": 100, "offset": 0}


def test_one_model_has_its_metrics(admin, document, rows):
    body = get(admin, document, "/api/v1/models/v1", "/api/v1/models/{version}")
    assert body["is_active"] and len(body["quality_metrics"]) == 4
    assert get(admin, document, "/api/v1/models/v2.1", "/api/v1/models/{version}")["quality_metrics"] == []
    assert "v99" in get(admin, document, "/api/v1/models/v99", "/api/v1/models/{version}", 404)["detail"]


def test_metrics_are_a_bare_array_with_filters(admin, document, rows):
    route, path = "/api/v1/models/{version}/metrics", "/api/v1/models/v1/metrics"
    assert len(get(admin, document, path, route)) == 4
    trading = get(admin, document, path + "?metric_type=trading_performance", route)
    assert [(m["metric_name"], m["metric_value"], m["model_version_id"]) for m in trading] == [("sharpe", 1.5, IDS[0])]
    assert len(get(admin, document, path + "?metric_name=accuracy&metric_type=classification", route)) == 3
    assert get(admin, document, path + "?metric_type=regression", route) == []
    get(admin, document, "/api/v1/models/v99/metrics", route, 404)


def test_metrics_over_time_are_means_of_buckets(admin, document, rows):
    route, path = "/api/v1/models/{version}/metrics/time-series", "/api/v1/models/v1/metrics/time-series"
    window = "start_time=2026-01-21T00:00:00Z&end_time=2026-01-22T00:00:00"
    body = get(admin, document, f"{path}?{window}&metric_names=accuracy", route)
    assert [(p["timestamp"][:13], round(p["value"], 9)) for p in body["data_points"]] == [("2026-01-21T10", 0.7), ("2026-01-21T12", 0.5)]
    assert (body["model_version"], body["granularity"], body["end_time"][:19]) == ("v1", "hour", "2026-01-22T00:00:00")
    daily = get(admin, document, f"{path}?{window}&granularity=day&metric_names=accuracy,sharpe", route)
    assert {p["metric_name"] for p in daily["data_points"]} == {"accuracy", "sharpe"} and len(daily["data_points"]) == 2
    get(admin, document, "/api/v1/models/v99/metrics/time-series", route, 404)


def test_a_series_may_span_any_time_but_not_have_any_number_of_points(admin, document, rows):
    route, path = "/api/v1/models/{version}/metrics/time-series", "/api/v1/models/v2/metrics/time-series"
    window = "start_time=1970-01-01T00:00:00Z&end_time=2100-01-01T00:00:00Z"
    assert get(admin, document, f"{path}?{window}", route)["data_points"] == []
    only_an_end = get(admin, document, f"{path}?end_time=2001-01-08T00:00:00Z", route)
    assert only_an_end["start_time"][:10] == "2001-01-01"
    with harness.db() as connection:
        harness.query(connection, """
            INSERT INTO model_quality_metrics (id, model_version_id, metric_name, metric_value, metric_type, evaluated_at,
                                               evaluation_dataset_size)
            SELECT gen_random_uuid(), %s, 'accuracy', 0.5, 'classification', '1990-01-01Z'::timestamptz + n * interval '1 hour', 1
            FROM generate_series(1, 20001) n""", IDS[1])
        assert get(admin, document, f"{path}?{window}", route, 422)["detail"][0]["loc"] == ["query", "granularity"]
        assert len(get(admin, document, f"{path}?{window}&granularity=day", route)["data_points"]) == 834
        harness.query(connection, "DELETE FROM model_quality_metrics WHERE model_version_id = %s", IDS[1])


def test_activation_returns_the_model(admin, document, rows):
    code, body = admin.ask("POST", "/api/v1/models/v1/activate", {"strategy_id": "momentum_v1"})
    assert code == 200 and body["version"] == "v1" and body["is_active"]
    document.check_answer("POST", "/api/v1/models/{version}/activate", 200, body)


def test_versions_are_counted(admin, document, rows):
    body = get(admin, document, "/api/v1/monitoring/models/performance")
    assert body == {"active_models_count": 1, "total_models_count": 3, "models_by_strategy": {"momentum_v1": 2, "other": 1},
                    "models_by_type": {"xgboost": 2, "random_forest": 1}}


def test_signals_are_listed_newest_first(admin, document, rows):
    body = get(admin, document, "/api/v1/signals")
    assert [s["signal_id"] for s in body["items"]] == [IDS[i] for i in (24, 23, 22, 21, 20)]
    assert body["items"][0]["kind"] == "exit" and body["items"][0]["reason"] == "stop_loss"
    model = body["items"][1]
    assert (model["amount"], model["net_return"], model["outcome"], model["model_version"]) == (250.5, 0.0012, "sampled", "v1")
    assert [s["signal_id"] for s in get(admin, document, "/api/v1/signals?strategy_id=other")["items"]] == [IDS[20]]
    ether = get(admin, document, "/api/v1/signals?strategy_id=momentum_v1&asset=ETHUSDT&limit=1&offset=1")
    assert [s["signal_id"] for s in ether["items"]] == [IDS[22]]


def test_one_signal_shows_what_it_was_made_from(admin, document, rows):
    route = "/api/v1/signals/{signal_id}"
    body = get(admin, document, f"/api/v1/signals/{IDS[23]}", route)
    assert body["feature_values"] == [1.0, None] and body["features"] is None and body["schema_hash"] == HASH.hex()
    assert body["message"]["signal_id"] == IDS[23] and body["horizon_seconds"] == 60
    assert [(o["action"], o["evidence"], o["barrier"]) for o in body["outcomes"]] == [("buy", "own_fill", "upper"),
                                                                                  ("sell", "market", "vertical")]
    assert [(e["order_id"], e["price"], e["quantity"], e["fees"]) for e in body["executions"]] == [("o-1", 50001.5, 0.005, 0.15)]
    open_one = get(admin, document, f"/api/v1/signals/{IDS[21]}", route)
    assert (open_one["outcomes"], open_one["executions"], open_one["net_return"]) == ([], [], None)
    get(admin, document, f"/api/v1/signals/{IDS[99]}", route, 404)


def test_abstentions_say_why(admin, document, rows):
    body = get(admin, document, "/api/v1/abstentions?strategy_id=momentum_v1")
    assert [(a["reason"], a["confidence"], a["expected_value"]) for a in body["items"]] == [("edge_below_cost", 0.52, None)]
    assert "cost" in body["items"][0]["text"]
    assert get(admin, document, "/api/v1/abstentions?asset=ETHUSDT")["items"] == []


def test_trainings_are_listed(admin, document, rows):
    body = get(admin, document, "/api/v1/training/runs?strategy_id=momentum_v1")
    assert [(r["state"], r["n_eff"], r["version"]) for r in body["items"]] == [("failed", 612.5, None), ("running", None, None),
                                                                          ("succeeded", 612.5, "v1")]
    assert body["items"][0]["detail"] == 'it "ended"'
    assert len(get(admin, document, "/api/v1/training/runs?limit=1")["items"]) == 1


def test_trials_of_a_training_are_listed(admin, document, rows):
    route = "/api/v1/training/runs/{run_id}/trials"
    items = get(admin, document, f"/api/v1/training/runs/{IDS[60]}/trials", route)["items"]
    assert [(t["trial"], t["verdict"], t["sharpe_ratio"]) for t in items] == [(0, "chosen", 0.1), (1, "pruned", None), (2, "completed", None)]
    assert [(t["tries"], t["window_scale"], t["return_attribution"]) for t in items] == [
        ("parameters", 1, True), ("parameters", 1, True), ("teachers", 0.5, False)]
    assert items[0]["parameters"] == {"eta": 0.05} and items[0]["folds"][0]["rounds"] == 80
    assert items[0]["seed"] == "18446744073709551615"
    assert get(admin, document, f"/api/v1/training/runs/{IDS[61]}/trials", route)["items"] == []


def test_quarantine_is_listed_without_bytes(admin, document, rows):
    body = get(admin, document, "/api/v1/quarantine")
    assert body["waiting"] == 2 and [q["reason"] for q in body["items"]] == ["not_json", "field_invalid"]
    assert len(get(admin, document, "/api/v1/quarantine?limit=1&offset=1")["items"]) == 1


def test_performance_over_time(admin, document, rows):
    route = "/api/v1/strategies/{strategy_id}/performance/time-series"
    window = "start_time=2026-01-21T00:00:00Z&end_time=2026-01-22T00:00:00Z"
    body = get(admin, document, f"/api/v1/strategies/momentum_v1/performance/time-series?{window}", route)
    point = body["data_points"][0]
    assert (point["total_orders"], point["successful_orders"], point["success_rate"]) == (1, 1, 1)
    assert point["total_pnl"] == pytest.approx(0.0012 * 250.5) and len(body["data_points"]) == 1
    assert get(admin, document, "/api/v1/strategies/busy_v1/performance/time-series", route)["data_points"] == []
    get(admin, document, "/api/v1/strategies/nobody/performance/time-series", route, 404)


def test_many_questions_at_once_are_all_answered(admin, rows):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        paths = ["/api/v1/models", "/api/v1/signals", "/api/v1/models/v1"] * 30
        assert {code for code, _ in pool.map(admin.get, paths)} <= {200, 503}
        assert sum(code == 200 for code, _ in pool.map(admin.get, paths[:16])) == 16


def test_the_database_away_is_503_and_heals(admin, rows):
    harness.stack("stop-db")
    try:
        harness.eventually(lambda: admin.get("/api/v1/models")[0] == 503, "503 while the database is away")
        assert admin.get("/api/v1/status")[0] == 200
    finally:
        harness.stack("start-db")
    harness.eventually(lambda: admin.get("/api/v1/models")[0] == 200, "models again")
