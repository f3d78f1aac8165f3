"""The admin port of a real worker: every answer as described, health that follows the broker and the database, a new key
on SIGHUP."""
import re
import signal

import harness
import pytest
from openapi_check import Document

OPEN = {"/health", "/health/live", "/health/ready", "/metrics", "/web/{file}"}


@pytest.fixture(scope="module")
def worker():
    harness.declare_neighbour_queues(harness.amqp_channel())
    with harness.Worker(TRADING_STRATEGIES="momentum_v1", TRADING_ASSETS="BTCUSDT") as running:
        yield running.await_ready()


@pytest.fixture(scope="module")
def document(worker):
    document = Document(worker.get("/openapi.json").json())
    document.check()
    return document


def fill(path, operation):
    """A path with its parameters by their examples: for most of them there is nothing yet."""
    examples = {p["name"]: str(p["example"]) for p in operation.get("parameters", []) if p["in"] == "path"}
    return re.sub(r"{(\w+)}", lambda match: examples[match[1]], path)


def needed(operation):
    """The query without which a route cannot answer, by its examples."""
    given = [f"{p['name']}={p['example']}" for p in operation.get("parameters", []) if p["in"] == "query" and p["required"]]
    return "?" + "&".join(given) if given else ""


def test_every_get_route_answers_as_described(worker, document):
    for method, path, operation in document.operations():
        if method != "GET":
            continue
        answer = worker.get(fill(path, operation) + needed(operation))
        if path == "/api/v1/prices":
            assert answer.code == 503, answer.body  # off unless a setting says where from
        elif path == "/predict/{model}/{horizon}":
            assert answer.code == 400, answer.body  # the document's code for a model that has no history
        else:
            assert answer.code == 200 or (answer.code == 404 and "{" in path and path != "/web/{file}"), (path, answer.body)
        if "application/json" in operation["responses"][str(answer.code)]["content"]:
            document.check_answer(method, path, answer.code, answer.json())


def test_every_closed_route_asks_for_the_key(worker, document):
    for method, path, operation in document.operations():
        code = worker.request(method, fill(path, operation), key=False).code
        assert (code == 401) == (path not in OPEN), (method, path, code)


def test_detailed_health_knows_the_machine(worker):
    storage = harness.eventually(
        lambda: (c := worker.get("/health/components/model_storage").json())["figures"]["disk_free_bytes"] and c, "no disk seen")
    assert storage["status"] in ("healthy", "degraded") and storage["figures"]["disk_total_bytes"] > storage["figures"]["disk_free_bytes"]
    body = worker.get("/health/detailed").json()
    assert body["components"]["database"]["response_seconds"]["count"] > 0
    assert body["components"]["system"]["figures"]["memory_resident_bytes"] > 1e6


def test_what_does_not_exist_is_404_or_409(worker):
    assert worker.post("/api/v1/training/trigger", {"strategy_id": "nobody"}).code == 404
    assert worker.post("/api/v1/training/cancel", {"strategy_id": "nobody"}).code == 404
    assert worker.post("/api/v1/models/v999/activate", {"strategy_id": "momentum_v1"}).code == 404
    assert worker.post("/api/v1/strategies/nobody/rollback").code == 404
    assert worker.post("/api/v1/strategies/momentum_v1/rollback").code == 409


def test_health_follows_the_database(worker, document):
    harness.stack("stop-db")
    try:
        answer = harness.eventually(lambda: (a := worker.get("/health/ready", key=False)).code == 503 and a, "not ready")
        assert "database" in [part["part"] for part in answer.json()["missing"]]
        document.check_answer("GET", "/health/ready", 503, answer.json())
        assert worker.get("/health", key=False).code == 503 and worker.get("/health/live", key=False).code == 200
        assert worker.get("/api/v1/models").code == 503
    finally:
        harness.stack("start-db")
    harness.eventually(lambda: worker.get("/health/ready", key=False).code == 200, "ready again")


def test_a_new_key_is_taken_over_on_sighup(tmp_path):
    key = tmp_path / "key"
    key.write_text("the-first-key-of-all\n")
    with harness.Worker(MODEL_SERVICE_API_KEY="", MODEL_SERVICE_API_KEY_FILE=key) as worker:
        worker.key = "the-first-key-of-all"
        worker.await_ready()
        assert worker.get("/api/v1/status").code == 200
        key.write_text("the-second-key-of-all\n")
        worker.process.send_signal(signal.SIGHUP)
        harness.eventually(lambda: worker.get("/api/v1/status", key="the-second-key-of-all").code == 200, "the new key")
        assert worker.get("/api/v1/status", key="the-first-key-of-all").code == 401


def test_watch_shows_the_worker(worker):
    shown = harness.run("watch", "--once", MODEL_SERVICE_PORT=worker.port, MODEL_SERVICE_HOST="127.0.0.1",
                        MODEL_SERVICE_API_KEY=worker.key)
    assert shown.returncode == 0 and "momentum_v1" in shown.stdout, shown.stderr
    refused = harness.run("watch", "--once", MODEL_SERVICE_PORT=worker.port, MODEL_SERVICE_HOST="127.0.0.1",
                          MODEL_SERVICE_API_KEY="not-the-key-of-this-worker")
    assert refused.returncode == 1 and "KEY" in refused.stderr
