"""`alphaloop backtest` from the command line to its two files: on a market with a known edge, on one without, on real candles."""
import csv
import gzip
import html.parser
import json
import math
import os
import re
import subprocess

import pytest

BUILD = os.environ.get("BUILD_DIR", "build")
PROGRAM = os.environ.get("ALPHALOOP", os.path.join(BUILD, "alphaloop"))
MAKER = os.path.join(BUILD, "tests", "helper", "synthetic_csv")
DATA = os.environ.get("MARKET_DATA", "../shared/data/market")
STRATEGY = {"decision": {"interval_seconds": 10}, "epsilon": 0.02, "limits": {"rate": 100000, "burst": 1000},
            "training": {"new_samples": 700}}
NAMES = ["alphaloop", "warmup", "newest_challenger", "linear_baseline", "buy_and_hold", "always_flat"]


def run(directory, *args, expect=0, **environment):
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MODEL_", "TRADING_", "STRATEGY_"))}
    env.update(STRATEGY_CONFIG_DIR=str(directory), MODEL_TRAINING_MIN_DATASET_SIZE="300", WARMUP_SIGNAL_FREQUENCY="6", **environment)
    done = subprocess.run([os.path.abspath(PROGRAM), "backtest", *map(str, args)], env=env, cwd=directory, timeout=600, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    assert done.returncode == expect, done.stdout + done.stderr
    return done


def make_market(path, kind, seed, edge, hours, half_spread_bps=0.5):
    with open(path, "wb") as out:
        subprocess.run([MAKER, kind, str(seed), str(edge), str(hours), str(half_spread_bps)], stdout=out, check=True)
    return path


@pytest.fixture(name="room", scope="module")
def directory_with_strategy(tmp_path_factory):
    directory = tmp_path_factory.mktemp("backtest")
    (directory / "edge.json").write_text(json.dumps(STRATEGY))
    (directory / "default.json").write_text("{}")
    return directory


@pytest.fixture(name="edge", scope="module")
def report_of_market_with_edge(room):
    market = make_market(room / "made_btcusdt_edge.csv", "quotes", 7, 3, 9)
    run(room, "-q", "--check=1", "-s", "edge", "--json=edge.out", "--html=edge.html", market)
    return json.loads((room / "edge.out").read_text())


def test_an_edge_is_found_and_shown(edge):
    live, warmup = edge["policies"]["alphaloop"], edge["policies"]["warmup"]
    assert edge["edge"]["shown"] and edge["edge"]["verdict"].startswith("Edge shown")
    assert live["net_per_decision"]["low"] > max(0, warmup["net_per_decision"]["high"])
    assert live["hit_rate"]["value"] > live["base_rate"]
    assert "promote" in [t["verdict"] for t in edge["trainings"]]
    served = edge["served_model"]
    assert served["log_loss"] < served["log_loss_of_base_rate"] and served["brier_skill"]["low"] > 0
    assert served["roc_auc"] > 0.55 and served["rank_ic"] > 0.1


def test_the_return_is_forecast_better_than_by_no_change(edge):
    forecast = edge["served_model"]["return_forecast"]
    assert forecast["decisions"] == edge["policies"]["alphaloop"]["decisions"]
    assert forecast["r2_out_of_sample"]["low"] > 0 and forecast["rank_ic"]["low"] > 0.05
    assert forecast["mase"]["value"] < forecast["mase_of_naive"]["value"] and forecast["mae_skill"]["low"] > 0
    assert forecast["rmse_ratio"]["value"] ** 2 == pytest.approx(1 - forecast["r2_out_of_sample"]["value"], rel=1e-9)


def test_a_linear_model_stands_beside_every_challenger(edge):
    """On the same decisions and rows; the made edge is a sum, so it finds it too."""
    newest, linear = edge["policies"]["newest_challenger"], edge["policies"]["linear_baseline"]
    assert linear["decisions"] == newest["decisions"] and linear["base_rate"] == newest["base_rate"]
    assert linear["net_per_decision"]["low"] > 0
    assert linear["net_per_decision"] != newest["net_per_decision"]
    newest, linear = edge["newest_challenger"], edge["linear_baseline"]
    for key in ("rows", "base_rate", "log_loss_of_base_rate"):
        assert linear[key] == newest[key]
    assert linear["brier_skill"]["low"] > 0 and linear["roc_auc"] > 0.55 and linear["roc_auc"] != newest["roc_auc"]


def test_a_strategy_of_linear_models_is_its_own_baseline(room, edge):
    assert edge
    (room / "straight.json").write_text(json.dumps({**STRATEGY, "model": {"kind": "linear"}}))
    run(room, "-q", "--check=1", "-s", "straight", "--json=straight.out", room / "made_btcusdt_edge.csv")
    report = json.loads((room / "straight.out").read_text())
    assert report["strategies"][0]["model_kind"] == "linear"
    assert report["policies"]["newest_challenger"]["net_per_decision"]["low"] > 0
    assert report["policies"]["linear_baseline"] == report["policies"]["newest_challenger"]
    assert report["linear_baseline"] == report["newest_challenger"]
    assert report["importance"]["rows"] > 0 and report["look_ahead_check"]["passed"]


def test_models_decide_after_their_cut_only(edge):
    promoted = [t for t in edge["trainings"] if t["verdict"] == "promote"]
    assert edge["judged"]["from"] > promoted[0]["cut"]
    assert [t["cut"] for t in edge["trainings"]] == sorted(t["cut"] for t in edge["trainings"])


def test_the_look_ahead_check_stands_in_the_report(edge):
    check = edge["look_ahead_check"]
    assert check["passed"] is True and len(check["instants"]) == 1
    assert check["instants"][0]["decisions"] > 100 and check["instants"][0]["same"] is True


def test_no_edge_is_claimed_where_there_is_none(room):
    market = make_market(room / "made_btcusdt_none.csv", "quotes", 7, 0, 6)
    run(room, "-q", "--check=1", "-s", "edge", "--json=none.out", market)
    report = json.loads((room / "none.out").read_text())
    assert not report["edge"]["shown"] and report["edge"]["verdict"].startswith("No edge")
    assert "refuse" in [t["verdict"] for t in report["trainings"]]  # it was tried
    assert report["newest_challenger"]["brier_skill"]["high"] < 0.02
    assert report["newest_challenger"]["return_forecast"]["rank_ic"]["low"] < 0.01


def test_the_same_run_gives_the_same_bytes(room, edge):
    assert edge
    again = room / "again"
    again.mkdir()
    run(room, "-q", "--check=1", "-s", "edge", "--json=again/a.out", "--html=again/a.html", room / "made_btcusdt_edge.csv")
    assert (again / "a.out").read_bytes() == (room / "edge.out").read_bytes()
    assert (again / "a.html").read_bytes() == (room / "edge.html").read_bytes()
    run(room, "-q", "--check=0", "--seed=2", "-s", "edge", "--json=again/b.out", room / "made_btcusdt_edge.csv")
    assert (again / "b.out").read_bytes() != (room / "edge.out").read_bytes()


def test_standard_output_takes_the_json_alone(room):
    market = make_market(room / "made_btcusdt_short.csv", "trades", 1, 1, 0.2)
    done = run(room, "--check=0", "--json", market)
    report = json.loads(done.stdout)
    assert report["data"][0]["kind"] == "trades" and report["data"][0]["asset"] == "BTCUSDT"
    assert not report["edge"]["shown"]
    assert report["look_ahead_check"]["passed"] is None
    assert "%" in done.stderr


def test_the_curves_end_where_the_measures_say(edge):
    for name in NAMES:
        curve, total = edge["curves"][name], edge["policies"][name]["total_return"]
        assert math.isclose(curve[-1], total, rel_tol=1e-9, abs_tol=1e-12), name
        peak = fall = 0.0
        for value in curve:
            peak, fall = max(peak, value), max(fall, max(peak, value) - value)
        assert fall <= edge["policies"][name]["max_drawdown"] + 1e-12
    assert set(edge["curves"]["always_flat"]) == {0}


def test_holding_is_what_the_file_says(room):
    """Computed again from the candles: decisions are at their ends, at the close."""
    market = make_market(room / "made_btcusdt_1m.csv", "candles", 3, 1, 4)
    run(room, "-q", "--check=0", "--fee-bps=2", "--slippage-bps=1", "--half-spread-bps=0.5", "--json=hold.out", market)
    report = json.loads((room / "hold.out").read_text())
    with open(market, encoding="ascii") as text:
        closes = [float(row["close"]) for row in csv.DictReader(text)]
    policy = report["policies"]["buy_and_hold"]
    n = int(policy["decisions"])
    steps = [b / a - 1 for a, b in zip(closes[-n:], closes[-n + 1:])]
    cost = 1e-4 * (2 + 1 + 0.5)
    assert math.isclose(policy["total_return"], sum(steps) - 2 * cost, rel_tol=1e-5, abs_tol=1e-7)


def test_costs_cost(room):
    """Two runs of the warm-up policy that differ in the fee alone: the same trades, 2 x 9 bp less each."""
    market = make_market(room / "made_btcusdt_fee.csv", "candles", 5, 1, 4)
    means = []
    for fee in (1, 10):
        run(room, "-q", "--check=0", f"--fee-bps={fee}", "--slippage-bps=0", "--json=fee.out", market)
        policy = json.loads((room / "fee.out").read_text())["policies"]["warmup"]
        means.append((policy["trades"], policy["net_per_trade"]["value"]))
    assert means[0][0] == means[1][0] > 30
    assert math.isclose(means[0][1] - means[1][1], 18e-4, rel_tol=0.01)


def test_several_assets_and_strategies(room):
    one = make_market(room / "made_btcusdt_2.csv", "candles", 1, 1, 3)
    two = make_market(room / "made_ethusdt_2.csv", "candles", 2, 1, 3)
    run(room, "-q", "--check=1", "-s", "edge", "-s", "other", one, "--asset", f"SOLUSDT={two}", "--json=two.out")
    report = json.loads((room / "two.out").read_text())
    assert sorted(f["asset"] for f in report["data"]) == ["BTCUSDT", "SOLUSDT"]
    assert [s["strategy_id"] for s in report["strategies"]] == ["edge", "other"]
    assert all(s["decisions"] > 2 * 150 and s["decision_trigger"] == "candle" for s in report["strategies"])
    assert report["look_ahead_check"]["passed"] is True


@pytest.mark.parametrize("args,code,text", [
    ([], 2, "FILE"), (["nowhere_btcusdt_1h.csv"], 1, "nowhere"), (["prices.csv"], 2, "--asset"),
    (["--asset=BTCUSDT=strange.csv"], 1, "strange"), (["--fee-bps=x", "a_btcusdt_b.csv"], 2, "fee-bps"),
    (["--asset=BTCUSDT=empty.csv"], 1, "empty"), (["--asset=BT=x.csv"], 2, "NAME=FILE"),
    (["--promote=later", "a_btcusdt_b.csv"], 2, "at-once"),
])
def test_bad_usage_is_told(room, args, code, text):
    (room / "strange.csv").write_text("a,b\n1,2\n")
    (room / "empty.csv").write_text("ts_ms,price,qty,side\n")
    assert text in run(room, *args, expect=code).stderr


# ---- rollouts: a market that changes its mind after six hours, and back after fifteen ----

REGIMES = "3,-3@6,3@15"
HOURS = 16.25
RATE = 3 * 6  # decisions a minute: three assets, each every ten seconds


def regime_strategy(policy):
    """Taught at 06:00 and 12:00 on the last five hours."""
    return {**STRATEGY, "training": {"new_samples": 0, "schedule": "0 */6 * * *", "window_days": 0.22},
            "gate": {"dsr_min": 0, "pbo_max": 1}, "rollout": {"policy": policy}}


@pytest.fixture(name="regimes", scope="module")
def reports_of_a_market_with_regimes(room):
    """{name: report}: the same market with stages, without (the default of a strategy), and with --promote=at-once."""
    files = []
    for seed, asset in ((1, "BTCUSDT"), (2, "ETHUSDT"), (3, "SOLUSDT")):
        files.append(f"--asset={asset}={make_market(room / f'regimes_{seed}.csv', 'quotes', seed, REGIMES, HOURS)}")
    found = {}
    for name, policy, args in (("staged", "staged", ["--check=1"]), ("direct", "direct", ["--check=0"]),
                               ("at_once", "staged", ["--check=0", "--promote=at-once"])):
        (room / f"{name}.json").write_text(json.dumps(regime_strategy(policy)))
        done = run(room, "-q", "-s", name, f"--json={name}.out", f"--html={name}.html", *args, *files,
                   RETRAIN_ON_DEGRADATION="false", RETRAIN_JITTER_SECONDS="0")
        found[name] = {**json.loads((room / f"{name}.out").read_text()), "said": done.stdout, "page": (room / f"{name}.html").read_text()}
        assert [t["verdict"] for t in found[name]["trainings"]] == ["promote", "promote"], found[name]["trainings"]
    return found


def moves(report):
    return [(m["version"], m["stage"]) for m in report["rollout"]["moves"]]


def at(report, version, stage):
    """The minute of the day at which the version became that, for the first time."""
    when = next(m["at"] for m in report["rollout"]["moves"] if (m["version"], m["stage"]) == (version, stage))
    return int(when[11:13]) * 60 + int(when[14:16]) + float(when[17:19]) / 60


def decisions(report, version):
    return next(d["decisions"] for d in report["rollout"]["deciders"] if d["version"] == version)


def test_a_version_goes_through_the_stages_and_back(regimes):
    report = regimes["staged"]
    assert report["rollout"]["promote"] == "rollout"
    assert moves(report) == [("v1", "active"), ("v2", "shadow"), ("v2", "canary_5"), ("v2", "canary_25"), ("v1", "guard"),
                             ("v2", "active"), ("v2", "rolled_back"), ("v1", "active")]
    rows = report["rollout"]["moves"]
    assert [m["share"] for m in rows] == [1, 0, 0.05, 0.25, 0, 1, 0, 1]
    assert [m["why"] for m in rows] == ["gate", "gate", "evidence", "evidence", "evidence", "evidence", "guard", "guard"]
    for row in (rows[2], rows[3], rows[5]):  # each step has its evidence, and its honesty was asked for
        level = 0.05 * 6 / (math.pi ** 2 * 2 ** 2)
        assert float(re.search(r"for better e = (\S+)", row["verdict"])[1]) >= 1 / level
        assert re.search(r"of \d+ trades ECE", row["verdict"]) and row["against"] == "v1"
    assert "CUSUM" in rows[6]["verdict"] and rows[6]["against"] == "v1"
    assert 15 * 60 < at(report, "v2", "rolled_back") < HOURS * 60  # after the market changed, and soon
    assert report["rollout"]["standing"] == []
    assert report["look_ahead_check"]["passed"] is True


def test_a_canary_takes_its_share(regimes):
    """Binomial: n decisions of a stage, its share of them; four standard deviations."""
    report = regimes["staged"]
    stage = [at(report, "v2", name) for name in ("canary_5", "canary_25", "active", "rolled_back")]
    n = [RATE * (b - a) for a, b in zip(stage, stage[1:])]
    expected = 0.05 * n[0] + 0.25 * n[1] + n[2]
    deviation = math.sqrt(0.05 * 0.95 * n[0] + 0.25 * 0.75 * n[1])
    assert abs(decisions(report, "v2") - expected) < 4 * deviation + RATE
    assert abs(decisions(report, None) - RATE * at(report, "v1", "active")) <= RATE


def test_by_default_the_guard_alone_watches(regimes):
    report = regimes["direct"]
    assert moves(report) == [("v1", "active"), ("v1", "guard"), ("v2", "active"), ("v2", "rolled_back"), ("v1", "active")]
    assert at(report, "v2", "active") == 12 * 60 + 1 and 15 * 60 < at(report, "v2", "rolled_back") < HOURS * 60


def test_at_once_nobody_watches(regimes):
    """Whatever the strategy says: the newest that passed decides to the end."""
    report = regimes["at_once"]
    assert report["rollout"]["promote"] == "at-once"
    assert moves(report) == [("v1", "active"), ("v1", "retired"), ("v2", "active")]
    assert report["rollout"]["standing"] == []
    assert decisions(report, "v2") == decisions(regimes["direct"], "v2") + decisions(regimes["direct"], "v1") - decisions(report, "v1")


def test_the_judged_curve_is_of_those_that_decided(regimes):
    for report in regimes.values():
        models = [d for d in report["rollout"]["deciders"] if d["version"] is not None]
        earned = sum(d["trades"] * d["net_per_trade"] for d in models)
        live = report["policies"]["alphaloop"]
        assert report["curves"]["alphaloop"][-1] == pytest.approx(earned, rel=1e-5)
        assert live["trades"] == sum(d["trades"] for d in models)
        # and the probabilities judged as "served" are theirs: outcomes of both actions at nearly all of their decisions
        assert report["served_model"]["rows"] > 1.9 * live["decisions"]
    totals = {name: report["policies"]["alphaloop"]["total_return"] for name, report in regimes.items()}
    assert totals["direct"] > totals["at_once"]  # back to v1 was right


def test_the_rollout_is_told_in_words_and_on_the_page(regimes):
    report = regimes["staged"]
    when = next(m["at"] for m in report["rollout"]["moves"] if (m["version"], m["stage"]) == ("v2", "rolled_back"))
    assert re.search(rf"{when[:16].replace('T', '.')}.*v2: rolled_back \(0 % of decisions\), worse than v1", report["said"])
    assert re.search(r"v2: canary_5 \(5 % of decisions\), better than the incumbent", report["said"])
    page = Page(report["page"])
    shown = "".join(page.text)
    assert not page.problems and not page.open
    for row in report["rollout"]["moves"]:
        assert row["verdict"] in shown and row["stage"] in shown
    assert "at-once" in "".join(Page(regimes["at_once"]["page"]).text)


# ---- the page ----

class Page(html.parser.HTMLParser):
    VOID = {"meta", "br", "path", "circle", "rect"}

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.problems, self.text = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def test_the_page_needs_nothing_else(room, edge):
    assert edge
    text = (room / "edge.html").read_text()
    page = Page(text)
    assert text.startswith("<!DOCTYPE html>") and not page.problems and not page.open
    assert not re.search(r"https?:|//|@import|url\(|<script|<img|<link|\bsrc=|\bhref=", text)
    assert any(m.get("name") == "viewport" and "width=device-width" in m["content"] for m in page.all("meta"))
    assert "prefers-color-scheme:dark" in text and page.all("html")[0]["lang"] == "en"
    assert "nan" not in re.findall(r"[a-z]+", text.lower().replace("finance", ""))


def test_every_picture_can_be_heard_and_every_number_is_explained(room, edge):
    text = (room / "edge.html").read_text()
    page = Page(text)
    pictures = [svg for svg in page.all("svg") if svg.get("role") == "img"]
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    assert [p["aria-labelledby"].split()[0] for p in pictures] == ["equity-t", "drawdown-t", "calibration-t", "importance-t"]
    for picture in pictures:
        assert set(picture["aria-labelledby"].split()) <= ids
    for svg in page.all("svg"):
        assert svg.get("role") == "img" or svg.get("aria-hidden") == "true"
    shown = "".join(page.text)
    for name in list(edge["policies"]["alphaloop"]) + list(edge["policies"]) + list(edge["abstentions"]):
        assert name in shown
    for svg_path in re.findall(r' d="([^"]*)"', text):
        assert re.fullmatch(r"[MLHV0-9. -]*", svg_path), svg_path


def test_real_candles(room):
    path = os.path.join(DATA, "binance_ethusdt_1h.csv.gz")
    if not os.path.exists(path):
        pytest.skip(f"no real market data: {path} is not there (MARKET_DATA)")
    run(room, "-q", "--check=1", "--json=real.out", "--html=real.html", os.path.abspath(path))
    report = json.loads((room / "real.out").read_text())
    with gzip.open(path, "rt") as text:
        assert report["data"][0]["rows"] == sum(1 for _ in text) - 1
    assert report["data"][0]["interval_seconds"] == 3600 and report["strategies"][0]["horizon_seconds"] == 3600
    assert report["look_ahead_check"]["passed"] is True
    assert report["policies"]["alphaloop"]["decisions"] > 1000
    assert report["judged"]["decisions_without_outcome"] < 50
    assert not Page((room / "real.html").read_text()).problems
