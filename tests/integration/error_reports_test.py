"""Errors of a real worker at a service that speaks Sentry's protocol, played by a server of the test."""
import json

import harness
import pytest
from upstream_server import Reply, Upstream

KEY = "0123456789abcdef"


@pytest.fixture(name="queues", scope="module", autouse=True)
def neighbour_queues():
    harness.declare_neighbour_queues(harness.amqp_channel())


def envelopes(upstream):
    """(request, head, item, event) of every envelope that came."""
    found = []
    for request in list(upstream.requests):
        head, item, event = request.body.decode().splitlines()
        found.append((request, json.loads(head), json.loads(item), json.loads(event)))
        assert json.loads(item)["length"] == len(event.encode())
    return found


def serve(upstream, **settings):
    dsn = upstream.url.replace("http://", f"http://{KEY}@") + "/42"
    return harness.Worker(SENTRY_DSN=dsn, SENTRY_ENVIRONMENT="staging", TRADING_ASSETS="BTCUSDT", **settings)


def lose_the_database(worker):
    worker.await_ready()
    harness.stack("stop-db")
    try:
        harness.eventually(lambda: worker.get("/errors").json()["total"] > 0, "an error is noted")
    finally:
        harness.stack("start-db")


def test_an_error_is_reported_with_what_came_before():
    with Upstream(lambda request: Reply({"id": "1"})) as upstream, serve(upstream) as worker:
        lose_the_database(worker)
        worker.await_metric("alphaloop_error_reports_total", 1, result="sent")
        request, head, item, event = envelopes(upstream)[0]
        assert (request.method, request.path) == ("POST", "/api/42/envelope/")
        assert f"sentry_key={KEY}" in request.headers["x-sentry-auth"]
        assert head["event_id"] == event["event_id"] and item["type"] == "event"
        assert (event["environment"], event["level"], event["tags"]["service"]) == ("staging", "warning", "model-service")
        assert event["breadcrumbs"]["values"] and event["extra"]["line"]["event"] == event["fingerprint"][2]
        groups = {(g["room"], g["step"], g["event"]) for g in worker.get("/errors").json()["items"]}
        assert tuple(event["fingerprint"]) in groups
        assert worker.stop() == 0
        assert not any(KEY in line for line in worker.lines)


def test_a_group_is_told_once_a_minute():
    with Upstream(lambda request: Reply({"id": "1"})) as upstream, serve(upstream) as worker:
        lose_the_database(worker)
        worker.await_metric("alphaloop_error_reports_total", 1, result="sent")
        worker.await_ready()
        fingerprints = [tuple(event["fingerprint"]) for _, _, _, event in envelopes(upstream)]
        assert len(fingerprints) == len(set(fingerprints))


def test_a_service_that_is_away_costs_only_the_reports():
    with Upstream(lambda request: Reply("no", status=500)) as upstream, \
            serve(upstream, FETCH_TRIES_MAX=1) as worker:
        lose_the_database(worker)
        worker.await_metric("alphaloop_error_reports_total", 1, result="failed")
        worker.await_ready()
        assert worker.stop() == 0


def test_a_level_can_be_asked_for():
    with Upstream(lambda request: Reply({"id": "1"})) as upstream, serve(upstream, SENTRY_LEVEL="ERROR") as worker:
        lose_the_database(worker)
        worker.await_ready()
        assert {event["level"] for _, _, _, event in envelopes(upstream)} <= {"error"}
        assert any(g["level"] == "warn" for g in worker.get("/errors").json()["items"])


def test_a_dsn_that_is_none_stops_the_start_and_is_not_repeated():
    ended = harness.run("serve", SENTRY_DSN="https://secretsecret@host", MODEL_SERVICE_API_KEY="integration-test-key")
    assert ended.returncode == 2 and "SENTRY_DSN" in ended.stderr and "secretsecret" not in ended.stderr
