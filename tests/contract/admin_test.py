"""The admin routes over a made-up program: every row of the table, its answers against its own description, and what
health says when something is away."""
import contextlib
import http.client
import json
import os
import re
import subprocess

import pytest
from openapi_check import Document

PROGRAM = os.path.join(os.environ.get("BUILD_DIR", "build"), "tests", "helper", "admin_serve")
KEY = "a-key-for-tests-only"
OPEN = {"/health", "/health/live", "/health/ready", "/metrics", "/web/{file}"}
DEADLINE = 20


class Admin:
    def __init__(self, *words, **environment):
        env = {name: value for name, value in os.environ.items() if not name.startswith("POSTGRES_")}
        self.process = subprocess.Popen([PROGRAM, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, env=dict(env, **environment))
        self.port = int(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.stdin = None
        _, errors = self.process.communicate(timeout=DEADLINE)
        assert self.process.returncode == 0, errors

    def ask(self, method, path, body=None, key=KEY, **headers):
        """(status, JSON or text)"""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if key:
            headers["X-API-Key"] = key
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
            body = body if isinstance(body, (str, bytes)) else json.dumps(body)
        with contextlib.closing(client):
            client.request(method, path, body, headers)
            answer = client.getresponse()
            self.headers = answer.headers
            text = answer.read().decode()
            is_json = (answer.headers["Content-Type"] or "").startswith("application/json")
            return answer.status, json.loads(text) if is_json else text

    def get(self, path, **options):
        return self.ask("GET", path, **options)

    def post(self, path, body=None, **options):
        return self.ask("POST", path, body, **options)


@contextlib.contextmanager
def serving(*words, **environment):
    admin = Admin(*words, **environment)
    try:
        yield admin
    finally:
        admin.stop()


@pytest.fixture(scope="module")
def admin():
    with serving() as shared:
        yield shared


@pytest.fixture(scope="module")
def document(admin):
    return Document(admin.get("/openapi.json")[1])


def fill(path, operation, **values):
    """A path with its parameters, by their examples."""
    examples = {p["name"]: str(p["example"]) for p in operation.get("parameters", []) if p["in"] == "path"}
    return re.sub(r"{(\w+)}", lambda match: {**examples, **values}[match[1]], path)


def needed(operation):
    """The query without which a route cannot answer, by its examples."""
    given = [f"{p['name']}={p['example']}" for p in operation.get("parameters", []) if p["in"] == "query" and p["required"]]
    return "?" + "&".join(given) if given else ""


# ---- the table ----

CONTRACT = [("GET", "/health"), ("GET", "/api/v1/models"), ("GET", "/api/v1/models/{version}"),
            ("POST", "/api/v1/models/{version}/activate"), ("GET", "/api/v1/models/{version}/metrics"),
            ("GET", "/api/v1/models/{version}/metrics/time-series"), ("GET", "/api/v1/training/status"),
            ("POST", "/api/v1/training/trigger"), ("GET", "/api/v1/monitoring/models/performance"),
            ("GET", "/api/v1/monitoring/health"), ("GET", "/api/v1/strategies/{strategy_id}/performance/time-series")]


def test_the_document_is_valid_and_has_the_routes_of_the_contract(document):
    document.check()
    described = {(method, path) for method, path, _ in document.operations()}
    assert described >= set(CONTRACT)


def test_every_route_but_the_open_ones_needs_the_key(admin, document):
    for method, path, operation in document.operations():
        for key in (None, KEY[:-1], KEY + "x"):
            code, body = admin.ask(method, fill(path, operation), key=key)
            assert (code == 401) == (path not in OPEN), (method, path, code)
            assert path in OPEN or body["detail"]
        assert ("401" in operation["responses"]) == (path not in OPEN or path == "/metrics")


def test_every_route_tells_405_and_what_it_allows(admin, document):
    methods, operations = {}, {}
    for method, path, operation in document.operations():
        methods.setdefault(path, set()).add(method)
        operations[path] = operation
    for path, allowed in methods.items():
        operation = operations[path]
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - allowed:
            code, body = admin.ask(method, fill(path, operation))
            assert code == 405 and body["detail"], (method, path)
            assert allowed <= set(admin.headers["Allow"].split(", "))


def test_every_path_with_one_more_part_is_404(admin, document):
    for _, path, operation in document.operations():
        code, body = admin.get(fill(path, operation).rstrip("/") + "/no/such/thing")
        assert code == 404 and body["detail"], path


def wrong_values(schema):
    """Values that this schema refuses."""
    if "enum" in schema or schema.get("format") or "pattern" in schema:
        yield "!"
    if schema["type"] in ("integer", "number"):
        yield "x"
        yield from (str(schema[key] + step) for key, step in (("minimum", -1), ("maximum", 1)) if key in schema)
    if schema["type"] == "boolean":
        yield "maybe"


def test_every_query_and_path_parameter_is_checked(admin, document):
    n_tried = 0
    for method, path, operation in document.operations():
        for param in operation.get("parameters", []):
            for value in wrong_values(param["schema"]):
                target = fill(path, operation, **{param["name"]: value}) if param["in"] == "path" else f"{fill(path, operation)}?{param['name']}={value}"
                code, body = admin.ask(method, target)
                assert code == 422, (method, target, code)
                assert [param["in"], param["name"]] in [problem["loc"] for problem in body["detail"]]
                document.check_answer(method, path, code, body)
                n_tried += 1
    assert n_tried > 30


def test_every_body_is_checked(admin, document):
    n_tried = 0
    for method, path, operation in document.operations():
        if "requestBody" not in operation:
            continue
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        example = operation["requestBody"]["content"]["application/json"]["example"]
        for name in schema["required"]:
            for wrong in ({}, {name: None}, {name: 5}, {name: ""}, {name: "!" * 5}, {name: "a" * 200}):
                code, body = admin.ask(method, fill(path, operation), wrong)
                assert code == 422 and ["body", name] in [p["loc"] for p in body["detail"]], (path, wrong)
        for text in ("", "[]", "null", '"a"'):
            assert admin.ask(method, fill(path, operation), text)[0] == 422, (path, text)
        for text in ("{", '{"strategy_id": "a"} x', '{"strategy_id": NaN}', "strategy_id=a"):
            code, body = admin.ask(method, fill(path, operation), text)
            assert code == 400 and "JSON" in body["detail"], (path, text)
            document.check_answer(method, path, code, body)
        assert admin.ask(method, fill(path, operation), json.dumps(example), Content_Type="text/plain")[0] == 415
        n_tried += 1
    assert n_tried >= 3


def test_answers_that_need_no_database_are_as_described(admin, document):
    for method, path, operation in document.operations():
        if method != "GET" or "{" in path or "application/json" not in operation["responses"]["200"]["content"]:
            continue
        code, body = admin.get(path + needed(operation))
        assert code in (200, 503)
        document.check_answer(method, path, code, body)


def test_answers_from_the_database_are_503_without_it(admin):
    for path in ("/api/v1/models", "/api/v1/models/v1", "/api/v1/signals", "/api/v1/quarantine", "/api/v1/training/runs",
                 "/api/v1/models/v1/verdicts", "/api/v1/monitoring/models/performance", "/api/v1/strategies/momentum_v1/performance/time-series"):
        code, body = admin.get(path)
        assert code == 503 and "database" in body["detail"], path
        assert admin.headers["Retry-After"]


# ---- health ----

def test_health_has_the_shape_callers_know(admin):
    code, body = admin.get("/health", key=None)
    assert code == 200 and body["status"] == "healthy" and body["timestamp"].endswith("Z")
    details = body["details"]
    assert (details["database"], details["message_queue"], details["model_storage"], details["active_models"]) == \
        ("connected", "connected", "accessible", 0)
    assert (body["pytorch_available"], body["device"], body["models_loaded"]) == (False, "cpu", 0)


@pytest.mark.parametrize("word, part", [("no-database", "database"), ("no-broker", "consume_connection"),
                                        ("no-storage", "model_storage"), ("old-schema", "schema"),
                                        ("no-events", "order-manager.order_events"), ("stopping", "service")])
def test_readiness_names_what_is_missing(word, part, document):
    with serving(word) as admin:
        code, body = admin.get("/health/ready", key=None)
        assert code == 503 and not body["ready"] and part in [missing["part"] for missing in body["missing"]]
        document.check_answer("GET", "/health/ready", code, body)
        assert admin.get("/health/live", key=None)[0] == 200
        code, body = admin.get("/health", key=None)
        document.check_answer("GET", "/health", code, body)
        assert code == (503 if word in ("no-database", "no-broker", "no-storage", "old-schema") else 200)


def test_an_optional_queue_that_is_missing_only_degrades(document):
    with serving("no-queue") as admin:
        assert admin.get("/health/ready")[0] == 200
        code, body = admin.get("/health")
        assert code == 200 and body["status"] == "degraded" and "ws-gateway.ticker" in body["details"]["problems"][0]


def test_monitoring_health_is_plain_truth(admin):
    assert admin.get("/api/v1/monitoring/health")[1] == {
        "database_connected": True, "message_queue_connected": True, "model_storage_accessible": True, "active_models": 0,
        "warmup_mode_enabled": True}


def test_metrics_are_prometheus_text_and_can_be_closed(admin):
    code, text = admin.get("/metrics", key=None)
    assert code == 200 and admin.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "alphaloop_http_requests_total" in text
    with serving("guard") as closed:
        assert closed.get("/metrics", key=None)[0] == 401
        assert closed.get("/metrics")[0] == 200


# ---- status and training ----

def test_status_tells_mode_samples_and_progress(document):
    with serving("training") as admin:
        status = admin.get("/api/v1/status")[1]
        document.check_answer("GET", "/api/v1/status", 200, status)
        assert (status["mode"], status["signals_per_minute"], status["pnl"]) == ("warmup", 24, 25)
        strategy = status["strategies"][0]
        assert strategy["samples"] == {"samples": 800, "n_eff": 612.5, "needed": 1000}
        assert (strategy["training"]["stage"], strategy["training"]["progress"]) == ("fitting", 0.4)
        training = admin.get("/api/v1/training/status")[1]
        document.check_answer("GET", "/api/v1/training/status", 200, training)
        assert training["is_training"] and training["buffered_events_count"] == 300 and training["next_scheduled_training"]


def test_status_with_a_model(document):
    with serving("model") as admin:
        status = admin.get("/api/v1/status")[1]
        document.check_answer("GET", "/api/v1/status", 200, status)
        strategy = status["strategies"][0]
        assert (status["mode"], strategy["active_version"], strategy["last_verdict"]["text"][:8]) == ("model", "v1", "promoted")


def test_rollout_tells_who_decides_and_what_scores_beside_it(admin, document):
    code, body = admin.get("/api/v1/rollout")
    assert code == 200 and body["total"] == 2
    document.check_answer("GET", "/api/v1/rollout", code, body)
    momentum, busy = body["items"]
    assert (momentum["active_version"], momentum["chosen_by"], busy["active_version"], busy["chosen_by"]) == ("v2", "evidence", None, None)
    canary, guard = momentum["shadows"]
    assert (canary["version"], canary["stage"], canary["share"]) == ("v3", "canary_5", 0.05)
    assert (canary["evidence"], canary["evidence_needed"], canary["cusum"]) == (40, 100, None)
    assert (guard["version"], guard["stage"], guard["cusum"], guard["cusum_threshold"]) == ("v1", "guard", 1.5, 9)
    assert guard["evidence"] is None and momentum["expires_at"] is not None and momentum["block_seconds"] == 120


def test_training_is_triggered(admin, document):
    code, body = admin.post("/api/v1/training/trigger", {"strategy_id": "momentum_v1"})
    assert (code, body) == (200, {"triggered": True, "message": "Training triggered successfully", "strategy_id": "momentum_v1"})
    code, body = admin.post("/api/v1/training/trigger", {"strategy_id": "busy_v1"})
    assert (code, body["triggered"], body["message"]) == (200, False, "too few samples")
    assert admin.post("/api/v1/training/trigger", {"strategy_id": "nobody"})[0] == 404


def test_training_is_cancelled(admin):
    assert admin.post("/api/v1/training/cancel", {"strategy_id": "momentum_v1"})[1]["cancelled"] is False
    with serving("training") as busy:
        assert busy.post("/api/v1/training/cancel", {"strategy_id": "momentum_v1"})[1]["cancelled"] is True


@pytest.mark.parametrize("version, code", [("v2", 422), ("v3", 409), ("v4", 503), ("v5", 500), ("v9", 404), ("v1", 503)])
def test_activation_answers_by_its_outcome(admin, document, version, code):
    got, body = admin.post(f"/api/v1/models/{version}/activate", {"strategy_id": "momentum_v1"})
    assert got == code, body
    if code != 500:
        document.check_answer("POST", "/api/v1/models/{version}/activate", code, body)


@pytest.mark.parametrize("version, code", [("v1", 200), ("v4", 503), ("v9", 404)])
def test_importance_answers_by_its_outcome(admin, document, version, code):
    got, body = admin.get(f"/api/v1/models/{version}/importance")
    assert got == code, body
    document.check_answer("GET", "/api/v1/models/{version}/importance", code, body)
    if code == 200:
        assert (body["rows"], body["features"][0]["feature"], body["features"][0]["weight"]) == (1000, "rsi_14", 7)


@pytest.mark.parametrize("run, code", [(1, 200), (2, 400), (3, 409), (4, 503), (5, 500), (6, 429), (7, 404)])
def test_tables_are_answered_by_their_outcome(admin, document, run, code):
    body = {"features": [{"x": 1}], "labels": [{"y": 1}]}
    for path in (f"/api/train?model_name=mean_regression&model_run_id={run}", f"/api/predict?model_run_id={run}"):
        got, answer = admin.post(path, body)
        assert got == code, answer
        if code != 500 and not (code == 404 and "train" in path):
            document.check_answer("POST", path.partition("?")[0], code, answer)


def test_rollback_answers_by_its_outcome(admin, document):
    assert admin.post("/api/v1/strategies/nobody/rollback")[0] == 404
    assert admin.post("/api/v1/strategies/momentum_v1/rollback")[0] == 409
    with serving("model") as serves:
        code, body = serves.post("/api/v1/strategies/momentum_v1/rollback")
        assert (code, body["active_version"], body["message"]) == (200, None, "back in warm-up")
        document.check_answer("POST", "/api/v1/strategies/{strategy_id}/rollback", code, body)


# ---- health at length ----

def test_every_component_is_told_in_detail(admin, document):
    code, body = admin.get("/health/detailed")
    assert code == 200 and body["status"] == "healthy"
    document.check_answer("GET", "/health/detailed", code, body)
    assert {"database", "message_queue", "market_data", "model_storage", "http", "loop", "system"} <= set(body["components"])
    assert body["components"]["http"]["response_seconds"]["count"] > 0
    system = body["components"]["system"]["figures"]
    assert system["cpu_share"] is None and system["memory_total_bytes"] == 8e9
    for name, component in body["components"].items():
        code, one = admin.get(f"/health/components/{name}")
        assert code == 200 and one["name"] == name and set(one["figures"]) == set(component["figures"])
        document.check_answer("GET", "/health/components/{name}", code, one)
    code, body = admin.get("/health/components/teapot")
    assert code == 404 and "database" in body["detail"]


@pytest.mark.parametrize("word, component, code, status", [
    ("no-database", "database", 503, "unhealthy"), ("old-schema", "database", 503, "unhealthy"),
    ("no-broker", "message_queue", 503, "unhealthy"), ("no-storage", "model_storage", 503, "unhealthy"),
    ("no-queue", "market_data", 200, "degraded"), ("full", "model_storage", 200, "degraded")])
def test_detailed_health_names_the_component_that_is_ill(document, word, component, code, status):
    with serving(word) as admin:
        got, body = admin.get("/health/detailed")
        document.check_answer("GET", "/health/detailed", got, body)
        assert (got, body["status"], body["components"][component]["status"]) == (code, status, status)
        assert body["components"][component]["detail"]
        assert admin.get("/health", key=None)[0] == code


def test_trends_are_means_of_equal_steps(admin, document):
    code, body = admin.get("/health/trends")
    document.check_answer("GET", "/health/trends", code, body)
    assert (body["hours"], body["interval_seconds"]) == (24, 300) and 120 <= len(body["data_points"]) <= 121
    points, summary = body["data_points"], body["summary"]["cpu_share"]
    assert [p["timestamp"] for p in points] == sorted(p["timestamp"] for p in points)
    assert (summary["min"], summary["max"], summary["last"]) == (0, 598, 598)
    known = [i for i in range(600) if i % 10 != 9]
    assert summary["mean"] == pytest.approx(sum(known) / len(known))
    assert points[0]["http_seconds"] is None and body["summary"]["http_seconds"]["mean"] is None
    hour = admin.get("/health/trends?hours=1")[1]
    assert hour["interval_seconds"] == 60 and 59 <= len(hour["data_points"]) <= 60
    shares = [p["cpu_share"] for p in hour["data_points"]]
    assert shares[-2] == 598 and shares[-1] is None
    assert admin.get("/health/trends?hours=168")[1]["interval_seconds"] == 2100


# ---- errors ----

def test_what_went_wrong_is_grouped_with_what_came_before(document):
    with serving() as admin:
        assert admin.get("/errors")[1] == {"items": [], "total": 0, "limit": 100, "offset": 0, "forgotten": 0}
        for _ in range(2):
            assert admin.post("/api/v1/models/v5/activate", {"strategy_id": "momentum_v1"}, X_Trace_ID="trace-5")[0] == 500
        code, body = admin.get("/errors")
        document.check_answer("GET", "/errors", code, body)
        group = next(item for item in body["items"] if item["event"] == "answered")
        assert (group["count"], group["level"], group["room"], group["trace_id"]) == (2, "error", "http", "trace-5")
        assert group["line"]["route"] == "POST /api/v1/models/{version}/activate" and group["line"]["status"] == 500
        assert group["first_at"] <= group["last_at"] and group["breadcrumbs"][-1]["timestamp"] <= group["last_at"]
        assert admin.get("/errors?level=warn&limit=1")[1]["total"] < body["total"]
        assert admin.get("/errors?offset=100")[1]["items"] == []


# ---- the rest ----

@pytest.mark.parametrize("query", ["start_time=2026-01-02T00:00:00Z&end_time=2026-01-01T00:00:00Z",
                                   "start_time=2026-01-01T00:00:00Z&end_time=2026-01-01T00:00:00Z",
                                   "start_time=2999-01-01T00:00:00Z"])
def test_time_series_refuse_windows_that_make_no_sense(admin, query):
    for path in ("/api/v1/models/v1/metrics/time-series", "/api/v1/strategies/momentum_v1/performance/time-series"):
        code, body = admin.get(f"{path}?{query}")
        assert code == 422 and body["detail"][0]["loc"] == ["query", "start_time"], body


def test_settings_show_no_secret():
    secret = "do-not-tell-anybody-this"
    with serving(MODEL_SERVICE_API_KEY=secret, RABBITMQ_PASSWORD=secret) as admin:
        body = admin.get("/api/v1/settings")[1]
        values = {item["name"]: item["value"] for item in body["items"]}
        assert values["MODEL_SERVICE_API_KEY"] == values["RABBITMQ_PASSWORD"] == "set"
        assert values["MODEL_SERVICE_PORT"] == "4500" and body["total"] == len(values)
        for path in ("/api/v1/settings", "/api/v1/strategies", "/api/v1/status", "/health", "/metrics", "/"):
            assert secret not in json.dumps(admin.get(path)[1])


def test_root_lists_the_routes(admin, document):
    body = admin.get("/")[1]
    assert body["service"] == "model-service" and body["status"] == "running"
    assert set(body["endpoints"]) == {path for _, path, _ in document.operations()}
    for _, path, operation in document.operations():
        assert operation["summary"] in body["endpoints"][path]


def test_features_and_strategies_are_listed(admin):
    catalogue = admin.get("/api/v1/features")[1]
    assert len(catalogue["columns"]) >= 25 and catalogue["indicators"]
    strategies = admin.get("/api/v1/strategies")[1]
    assert [s["strategy_id"] for s in strategies["items"]] == ["momentum_v1", "busy_v1"]
    assert strategies["items"][0]["config"]["assets"] == ["BTCUSDT", "ETHUSDT"]
