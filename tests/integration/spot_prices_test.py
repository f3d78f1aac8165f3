"""The newest prices through a real worker: one call for several assets, kept while fresh, told while stale, never invented."""
import concurrent.futures
import json

import harness
import pytest
from upstream_server import Reply, Upstream

QUICK = {"FETCH_TRIES_MAX": 1, "PRICE_RETRY_SECONDS": 1}


@pytest.fixture(name="queues", scope="module", autouse=True)
def neighbour_queues():
    harness.declare_neighbour_queues(harness.amqp_channel())


class Exchange:
    """Binance's prices: each answer is one more than the last."""

    def __init__(self):
        self.price, self.is_down, self.asked = 100, False, []

    def __call__(self, request):
        names = json.loads(request.query["symbols"])
        self.asked.append(names)
        if self.is_down:
            return Reply("down", status=500)
        self.price += 1
        return Reply([{"symbol": name, "price": f"{self.price}.50000000"} for name in names if name != "NOSUCH"])


@pytest.fixture(name="exchange")
def an_exchange():
    return Exchange()


def serve(upstream, **settings):
    return harness.Worker(PRICE_UPSTREAM="binance", FETCH_BINANCE_URL=upstream.url, TRADING_ASSETS="BTCUSDT", **{**QUICK, **settings})


def prices(worker, *assets):
    answer = worker.get("/api/v1/prices?assets=" + ",".join(assets))
    assert answer.code == 200, answer.body
    return answer.json()["items"]


def component(worker):
    return worker.get("/health/components/upstreams").json()


def test_assets_of_one_window_go_in_one_call(exchange):
    with Upstream(exchange) as upstream, serve(upstream, PRICE_WINDOW_MS=1000) as worker:
        worker.await_ready()
        prices(worker, "BTCUSDT")  # warmed at the start: nobody asks again
        assert exchange.asked == [["BTCUSDT"]]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda asset: prices(worker, asset), ["ETHUSDT", "SOLUSDT", "XRPUSDT", "BTCUSDT"]))
        assert [a[0]["asset"] for a in answers] == ["ETHUSDT", "SOLUSDT", "XRPUSDT", "BTCUSDT"]
        assert [a[0]["state"] for a in answers] == ["fresh"] * 4 and answers[0][0]["price"] == 102.5
        assert sorted(exchange.asked[1]) == ["ETHUSDT", "SOLUSDT", "XRPUSDT"] and len(exchange.asked) == 2
        assert component(worker)["figures"]["assets_per_call"] == 2
        assert worker.metric("alphaloop_price_calls_total") == 2 and worker.metric("alphaloop_price_assets_asked_total") == 4


def test_a_stale_price_is_told_at_once_and_asked_for_again(exchange):
    with Upstream(exchange) as upstream, serve(upstream, PRICE_FRESH_SECONDS=1) as worker:
        worker.await_ready()
        first = harness.eventually(lambda: (p := prices(worker, "BTCUSDT")[0])["price"] and p, "a price")
        stale = harness.eventually(lambda: (p := prices(worker, "BTCUSDT")[0])["state"] == "stale" and p, "a stale price")
        assert stale["price"] >= first["price"] and stale["age_seconds"] >= 1
        harness.eventually(lambda: (p := prices(worker, "BTCUSDT")[0])["state"] == "fresh" and p["price"] > stale["price"], "a newer price")
        assert worker.metric("alphaloop_price_answers_total", state="stale") >= 1


def test_an_exchange_that_is_down_leaves_what_is_known(exchange):
    with Upstream(exchange) as upstream, serve(upstream, PRICE_FRESH_SECONDS=1, FETCH_BREAKER_FAILURES=1) as worker:
        worker.await_ready()
        known = harness.eventually(lambda: (p := prices(worker, "BTCUSDT")[0])["price"] and p, "a price")
        exchange.is_down = True
        unknown, = prices(worker, "ETHUSDT")
        assert (unknown["state"], unknown["price"], unknown["fetched_at"]) == ("failed", None, None)
        stale = harness.eventually(lambda: (p := prices(worker, "BTCUSDT")[0])["state"] == "stale" and p, "a stale price")
        assert stale["price"] == known["price"]
        ill = component(worker)
        assert (ill["status"], ill["state"], ill["detail"]) == ("degraded", "open", "binance")
        assert worker.get("/health/detailed").json()["status"] == "degraded" and worker.get("/health/ready", key=False).code == 200


def test_an_asset_that_the_exchange_does_not_tell_is_not_invented(exchange):
    with Upstream(exchange) as upstream, serve(upstream) as worker:
        worker.await_ready()
        items = prices(worker, "BTCUSDT", "NOSUCH", "BTCUSDT")
        assert [(i["asset"], i["state"]) for i in items] == [("BTCUSDT", "fresh"), ("NOSUCH", "failed")]
        assert worker.stop() == 0


def test_without_an_upstream_it_says_so():
    with harness.Worker(TRADING_ASSETS="BTCUSDT") as worker:
        worker.await_ready()
        answer = worker.get("/api/v1/prices?assets=BTCUSDT")
        assert answer.code == 503 and "PRICE_UPSTREAM" in answer.json()["detail"]
        assert component(worker)["state"] == "off"
        for query in ("", "?assets=", "?assets=a", "?assets=" + ",".join(f"ASSET{i}" for i in range(51))):
            assert worker.get("/api/v1/prices" + query).code == 422, query
