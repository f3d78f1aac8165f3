"""Price history over HTTP: candles in and out, what there is and what is missing, as a client sees it."""
import contextlib
import http.client
import json
import os
import subprocess
from datetime import datetime, timedelta, timezone

import pytest
from openapi_check import Document

import harness

PROGRAM = os.path.join(os.environ.get("BUILD_DIR", "build"), "tests", "helper", "admin_serve")
KEY = "a-key-for-tests-only"
NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
PATH = "/api/v1/history/{asset}/candles"


class Admin:
    def __init__(self):
        self.process = subprocess.Popen([PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def ask(self, method, path, body=None):
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=harness.DEADLINE)
        with contextlib.closing(client):
            client.request(method, path, None if body is None else json.dumps(body),
                           {"X-API-Key": KEY, "Content-Type": "application/json"})
            answer = client.getresponse()
            return answer.status, json.loads(answer.read())

    def post(self, candles, asset="BTCUSDT", interval="1h"):
        return self.ask("POST", f"/api/v1/history/{asset}/candles", {"interval": interval, "candles": candles})


@pytest.fixture(scope="module")
def admin():
    assert harness.run("migrate").returncode == 0
    shared = Admin()
    harness.eventually(lambda: shared.ask("GET", "/api/v1/history")[0] == 200, "the database")
    yield shared
    shared.process.stdin.close()
    assert shared.process.wait(harness.DEADLINE) == 0


@pytest.fixture(scope="module")
def document(admin):
    return Document(admin.ask("GET", "/openapi.json")[1])


@pytest.fixture(autouse=True)
def db(admin):
    with harness.db() as connection:
        harness.query(connection, "TRUNCATE candles")
        yield connection


def stamp(hour):
    return (NOON + timedelta(hours=hour)).strftime("%Y-%m-%dT%H:%M:%S.000000Z")


def candle(hour, close=101.5, volume=3.25):
    return {"timestamp": stamp(hour), "open": 100, "high": 102, "low": 99.5, "close": close, "volume": volume}


def test_candles_posted_come_back_the_same(admin, document):
    sent = [candle(0), candle(1, 100.123456789012), candle(2, volume=None)]
    code, body = admin.post(sent)
    assert code == 200 and (body["received"], body["new"], body["changed"]) == (3, 3, 0), body
    document.check_answer("POST", PATH, 200, body)
    code, body = admin.ask("GET", "/api/v1/history/BTCUSDT/candles?interval=60m")
    assert code == 200 and body["items"] == sent and body["interval"] == "1h", body
    document.check_answer("GET", PATH, 200, body)
    assert admin.post(sent)[1] | {"new": 0, "changed": 0} == admin.post(sent)[1]  # nothing to do
    sent[1]["close"] = 99.75
    assert admin.post(sent[1:])[1]["changed"] == 1


def test_a_range_is_the_newest_of_it_oldest_first(admin):
    assert admin.post([candle(i) for i in range(10)])[0] == 200

    def hours(query):
        code, body = admin.ask("GET", f"/api/v1/history/BTCUSDT/candles?interval=1h&{query}")
        assert code == 200, body
        return [item["timestamp"] for item in body["items"]]

    assert hours("limit=3") == [stamp(i) for i in (7, 8, 9)]
    assert hours(f"start_time={stamp(2)}&end_time={stamp(5)}") == [stamp(i) for i in (2, 3, 4)]
    assert hours(f"end_time={stamp(5)}&limit=1") == [stamp(4)]
    assert admin.ask("GET", "/api/v1/history/BTCUSDT/candles?interval=1d")[1]["items"] == []


def test_what_there_is_and_what_is_missing(admin, document):
    admin.post([candle(i) for i in (0, 1, 5, 6, 8)])
    admin.post([candle(0)], asset="ETHUSDT", interval="1d")
    code, body = admin.ask("GET", "/api/v1/history")
    document.check_answer("GET", "/api/v1/history", 200, body)
    assert [(s["asset"], s["interval"], s["candles"], s["made"], s["gaps"], s["missing"]) for s in body["items"]] == [
        ("BTCUSDT", "1h", 5, 0, 2, 4), ("ETHUSDT", "1d", 1, 0, 0, 0)]
    assert (body["items"][0]["first"], body["items"][0]["last"]) == (stamp(0), stamp(8))
    assert [s["asset"] for s in admin.ask("GET", "/api/v1/history?asset=ETHUSDT")[1]["items"]] == ["ETHUSDT"]
    code, body = admin.ask("GET", "/api/v1/history/BTCUSDT/gaps?interval=1h")
    document.check_answer("GET", "/api/v1/history/{asset}/gaps", 200, body)
    assert body["items"] == [{"from": stamp(2), "to": stamp(5), "missing": 3}, {"from": stamp(7), "to": stamp(8), "missing": 1}]


@pytest.mark.parametrize("index, field, value, why", [
    (1, "close", "x", "must be a number"), (0, "low", 0, "above 0"), (2, "high", 99, "below open or close"),
    (2, "timestamp", stamp(1), "later than"), (1, "timestamp", "2030", "must be a time"), (0, "volume", -1, "at least 0"),
    (2, "timestamp", "2200-01-01T00:00:00Z", "is not over")])
def test_a_wrong_field_is_named_and_nothing_is_stored(admin, document, db, index, field, value, why):
    sent = [candle(i) for i in range(3)]
    sent[index][field] = value
    code, body = admin.post(sent)
    assert code == 422 and body["detail"][0]["loc"] == ["body", "candles", str(index), field], body
    assert why in body["detail"][0]["msg"]
    document.check_answer("POST", PATH, 422, body)
    assert harness.query(db, "SELECT count(*) FROM candles") == [(0,)]


def test_what_is_no_list_of_candles_is_refused(admin):
    for candles in ([], [candle(0)] * 2001, "x", None):
        code, body = admin.post(candles)
        assert code == 422 and body["detail"][0]["loc"] == ["body", "candles"], (candles, body)
    assert admin.post([7])[1]["detail"][0]["loc"] == ["body", "candles", "0"]
    for interval in ("", "0m", "3x", "-1h", "99999d"):
        code, body = admin.post([candle(0)], interval=interval)
        assert code == 422 and body["detail"][0]["loc"] == ["body", "interval"], (interval, body)
    assert admin.post([candle(0)], asset="btc")[0] == 422
    assert admin.ask("GET", "/api/v1/history/BTCUSDT/candles")[0] == 422  # no interval


def test_as_many_candles_as_one_request_takes(admin, db):
    sent = [candle(i - 3000) for i in range(2000)]
    assert admin.post(sent)[1]["new"] == 2000
    assert admin.ask("GET", "/api/v1/history/BTCUSDT/candles?interval=1h&limit=10000")[1]["items"] == sent
