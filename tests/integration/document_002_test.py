"""The client of the model service's document: every request of its examples, against a worker that has trained, with the
fields, types and codes the document shows. Members beside the documented ones are fine."""
import re
import uuid

import harness
import learnable
import pytest

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
MODEL = {"id": "uuid", "version": str, "model_type": str, "strategy_id": str, "trained_at": "time", "training_duration_seconds": (int, float),
         "training_dataset_size": int, "is_active": bool, "is_warmup_mode": bool, "created_at": "time", "updated_at": "time"}
METRIC = {"id": "uuid", "model_version_id": "uuid", "metric_name": str, "metric_value": (int, float), "metric_type": str,
          "evaluated_at": "time", "evaluation_dataset_size": int}


def has(body, **shape):
    """Every documented member is there and of its kind."""
    for name, kind in shape.items():
        assert name in body, (name, body)
        value = body[name]
        if kind == "uuid":
            uuid.UUID(value)
        elif kind == "time":
            assert TIME.fullmatch(value), (name, value)
        else:
            assert isinstance(value, kind) and (kind is bool or not isinstance(value, bool)), (name, value)


@pytest.fixture(name="worker", scope="module")
def a_worker_that_trained_twice(tmp_path_factory):
    """v1 is promoted; v2, of the same rows, is refused and may be activated by a person."""
    config = learnable.prepare(tmp_path_factory.mktemp("document"))
    with harness.Worker(**config) as running:
        running.await_ready()
        learnable.train(running), learnable.train(running)
        yield running


@pytest.fixture(name="versions", scope="module")
def versions_oldest_first(worker):
    return [item["version"] for item in reversed(worker.get("/api/v1/models").json()["items"])]


def good(answer):
    assert answer.code == 200, answer.body
    return answer.json()


def test_health(worker):
    body = good(worker.get("/health", key=False))
    has(body, status=str, timestamp="time", details=dict)
    has(body["details"], database=str, message_queue=str, model_storage=str, active_models=int)
    assert (body["details"]["database"], body["details"]["message_queue"], body["details"]["model_storage"]) == \
        ("connected", "connected", "accessible")


def test_everything_but_health_needs_the_key(worker):
    for path in ("/api/v1/models", "/api/v1/training/status", "/api/v1/monitoring/health"):
        assert worker.get(path, key=False).code == 401
        assert worker.get(path, key="wrong").code == 401


def test_list_of_model_versions(worker, versions):
    body = good(worker.get("/api/v1/models?strategy_id=often&limit=1&offset=1"))
    has(body, items=list, total=int, limit=int, offset=int)
    assert (body["total"], body["limit"], body["offset"], len(body["items"])) == (2, 1, 1, 1)
    assert (good(worker.get("/api/v1/models"))["limit"], good(worker.get("/api/v1/models"))["offset"]) == (100, 0)
    for item in good(worker.get("/api/v1/models"))["items"]:
        has(item, **MODEL)
    active = good(worker.get("/api/v1/models?strategy_id=often&is_active=true"))["items"]
    assert [item["version"] for item in active] == versions[:1] and active[0]["is_active"] is True
    assert good(worker.get("/api/v1/models?strategy_id=nobody"))["items"] == []


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=many", "offset=-1", "is_active=perhaps"])
def test_a_wrong_filter_is_refused(worker, query):
    assert worker.get(f"/api/v1/models?{query}").code == 422


def test_details_of_a_version(worker, versions):
    body = good(worker.get(f"/api/v1/models/{versions[0]}"))
    has(body, quality_metrics=list, **MODEL)
    assert body["quality_metrics"]
    for metric in body["quality_metrics"]:
        has(metric, **{name: kind for name, kind in METRIC.items() if name not in ("model_version_id", "evaluation_dataset_size")})
    assert worker.get("/api/v1/models/v999").code == 404


def test_metrics_of_a_version(worker, versions):
    metrics = good(worker.get(f"/api/v1/models/{versions[0]}/metrics"))
    assert isinstance(metrics, list) and metrics
    for metric in metrics:
        has(metric, **METRIC)
        assert metric["metric_type"] in ("classification", "regression", "trading_performance")
        assert metric["metric_type"] != "classification" or 0 <= metric["metric_value"] <= 1
    named = good(worker.get(f"/api/v1/models/{versions[0]}/metrics?metric_type=classification&metric_name=accuracy"))
    assert [(m["metric_name"], m["metric_type"]) for m in named] == [("accuracy", "classification")]
    assert worker.get(f"/api/v1/models/{versions[0]}/metrics?metric_type=beauty").code == 422


def test_metrics_over_time(worker, versions):
    body = good(worker.get(f"/api/v1/models/{versions[0]}/metrics/time-series?granularity=hour&metric_names=accuracy,brier"))
    has(body, model_version=str, granularity=str, start_time="time", end_time="time", data_points=list)
    assert (body["model_version"], body["granularity"]) == (versions[0], "hour") and body["data_points"]
    for point in body["data_points"]:
        has(point, timestamp="time", value=(int, float), metric_name=str)
    assert {point["metric_name"] for point in body["data_points"]} <= {"accuracy", "brier"}
    for query in ("granularity=minute", "start_time=yesterday", "start_time=2025-01-27T10:00:00Z&end_time=2025-01-20T10:00:00Z"):
        assert worker.get(f"/api/v1/models/{versions[0]}/metrics/time-series?{query}").code == 422


def test_training_status(worker):
    body = good(worker.get("/api/v1/training/status"))
    has(body, is_training=bool, buffered_events_count=int, last_training=dict)
    assert (body["is_training"], body["current_training"], body["next_scheduled_training"]) == (False, None, None)


def test_counts_of_models(worker):
    body = good(worker.get("/api/v1/monitoring/models/performance"))
    assert (body["active_models_count"], body["total_models_count"]) == (1, 2)
    assert (body["models_by_strategy"], body["models_by_type"]) == ({"often": 2}, {"xgboost": 2, "random_forest": 0})


def test_monitoring_health(worker):
    assert good(worker.get("/api/v1/monitoring/health")) == {
        "database_connected": True, "message_queue_connected": True, "model_storage_accessible": True, "active_models": 1,
        "warmup_mode_enabled": True}


def test_performance_of_a_strategy_over_time(worker):
    query = "granularity=day&start_time=2023-01-01T00:00:00Z&end_time=2023-01-08T00:00:00Z"
    body = good(worker.get(f"/api/v1/strategies/often/performance/time-series?{query}"))
    has(body, strategy_id=str, granularity=str, start_time="time", end_time="time", data_points=list)
    assert (body["strategy_id"], body["granularity"]) == ("often", "day")
    for point in body["data_points"]:
        has(point, timestamp="time", success_rate=(int, float), total_pnl=(int, float), avg_pnl=(int, float), total_orders=int,
            successful_orders=int)
    assert worker.get("/api/v1/strategies/nobody/performance/time-series").code == 404


def test_activation_and_trigger_come_last(worker, versions):
    body = good(worker.post(f"/api/v1/models/{versions[1]}/activate", {"strategy_id": "often"}))
    has(body, **MODEL)
    assert (body["version"], body["is_active"]) == (versions[1], True)
    assert [item["version"] for item in good(worker.get("/api/v1/models?is_active=true"))["items"]] == versions[1:]
    assert worker.post("/api/v1/models/v999/activate", {"strategy_id": "often"}).code == 404
    assert worker.post(f"/api/v1/models/{versions[0]}/activate", {}).code == 422
    assert worker.post(f"/api/v1/models/{versions[0]}/activate", b"{", headers={"Content-Type": "application/json"}).code == 400
    assert good(worker.post("/api/v1/training/trigger", {"strategy_id": "often"})) == {
        "triggered": True, "message": "Training triggered successfully", "strategy_id": "often"}
    assert worker.post("/api/v1/training/trigger", {"strategy_id": "nobody"}).code == 404
