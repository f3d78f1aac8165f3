"""POST /risk-score against its formula, written down plainly with the statistics module, and against its documented errors."""
import math
import random
from statistics import fmean, linear_regression, pstdev, quantiles, stdev

import pytest
from admin_test import serving
from openapi_check import Document


@pytest.fixture(name="admin", scope="module")
def an_admin_port():
    with serving() as admin:
        admin.document = Document(admin.get("/openapi.json")[1])
        yield admin


def ask(admin, **body):
    code, answer = admin.post("/risk-score", {"symbol": "DOGE", **body})
    admin.document.check_answer("POST", "/risk-score", code, answer)
    return code, answer


def expected(prices):
    recent, week = prices[-30:], prices[-7:]
    mean = fmean(recent)
    parts = {"volatility": pstdev(recent) / mean, "swing": (max(week) - min(week)) / fmean(week),
             "trend": linear_regression(range(30), recent).slope / mean}
    score = sum(min(100, factor * abs(parts[name])) * weight
                for name, factor, weight in (("volatility", 200, 0.5), ("swing", 150, 0.3), ("trend", 500, 0.2)))
    pairs = list(zip(prices, prices[1:]))
    worst_of_20 = quantiles([after / before - 1 for before, after in pairs], n=20, method="inclusive")[0]
    drawdown = max(1 - prices[j] / prices[i] for i in range(len(prices)) for j in range(i, len(prices)))
    return score, {**parts, "return_volatility": stdev(math.log(after / before) for before, after in pairs),
                   "value_at_risk_95": max(0, -worst_of_20), "max_drawdown": drawdown}


def walks():
    source = random.Random(4)
    for n in (30, 31, 37, 90, 200):
        for sigma in (0.001, 0.01, 0.03, 0.1, 0.4):
            for drift in (-0.03, 0, 0.03):
                prices = [source.uniform(1e-6, 1e5)]
                while len(prices) < n:
                    prices.append(prices[-1] * math.exp(source.gauss(drift, sigma)))
                yield prices


def test_every_figure_is_its_formula(admin):
    levels = set()
    for prices in walks():
        code, answer = ask(admin, historical_prices=prices)
        score, figures = expected(prices)
        assert code == 200 and answer["symbol"] == "DOGE"
        for name, value in figures.items():
            assert answer[name] == pytest.approx(value, rel=1e-9, abs=1e-12), name
        assert answer["risk_score"] in {math.floor(score - 1e-9), math.floor(score + 1e-9)}
        assert answer["risk_level"] == ("conservative" if answer["risk_score"] < 30 else "moderate" if answer["risk_score"] < 70 else "degen")
        levels.add(answer["risk_level"])
    assert len(levels) == 3


def test_extremes(admin):
    flat = ask(admin, historical_prices=[7] * 30)[1]
    assert (flat["risk_score"], flat["risk_level"], flat["max_drawdown"], flat["value_at_risk_95"]) == (0, "conservative", 0, 0)
    wild = ask(admin, historical_prices=[1e-9] * 29 + [1])[1]
    assert (wild["risk_score"], wild["risk_level"], wild["value_at_risk_95"]) == (99, "degen", 0)  # no series has more: risk.h


def test_only_the_last_prices_make_the_score(admin):
    tail = [10 + i % 3 for i in range(30)]
    assert ask(admin, historical_prices=[1e6, 1] + tail)[1]["risk_score"] == ask(admin, historical_prices=tail)[1]["risk_score"]


@pytest.mark.parametrize("n", [0, 1, 29])
def test_too_few_prices(admin, n):
    assert ask(admin, historical_prices=[1.5] * n) == (400, {"detail": "Need at least 30 historical price points for risk scoring"})


@pytest.mark.parametrize("bad", [0, -1, 1e16, 1e-19])
def test_a_price_that_cannot_be(admin, bad):
    code, answer = ask(admin, historical_prices=[1.5] * 17 + [bad] + [1.5] * 20)
    assert code == 400 and answer["detail"].startswith("historical_prices[17] must be above 0")


@pytest.mark.parametrize("bad", [None, "1", True, [], {}])
def test_a_price_that_is_no_number(admin, bad):
    code, answer = ask(admin, historical_prices=[-1] + [1.5] * 28 + [bad])
    assert code == 422 and answer["detail"][0]["loc"] == ["body", "historical_prices"]
    assert "historical_prices[29] must be a number" in answer["detail"][0]["msg"]


@pytest.mark.parametrize("body, name", [({}, "historical_prices"), ({"historical_prices": 5}, "historical_prices"),
                                        ({"historical_prices": [1] * 10001}, "historical_prices"),
                                        ({"symbol": "../x", "historical_prices": [1] * 30}, "symbol"),
                                        ({"symbol": 7, "historical_prices": [1] * 30}, "symbol")])
def test_a_body_of_the_wrong_shape(admin, body, name):
    code, answer = ask(admin, **body)
    assert code == 422 and ["body", name] in [problem["loc"] for problem in answer["detail"]]
