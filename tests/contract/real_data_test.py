"""tools/real-data: its tables and words from reports made by hand, and what it does without data or with next to none."""
import importlib.machinery
import importlib.util
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "real-data"
MAKER = os.path.join(os.environ.get("BUILD_DIR", "build"), "tests", "helper", "synthetic_csv")


@pytest.fixture(name="tool", scope="module")
def tool_as_module():
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader("real_data", str(TOOL))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("real_data", loader))
    loader.exec_module(module)
    return module


def value(middle, low=None, high=None):
    return {"value": middle, "low": low, "high": high}


def policy(net, low, high, trades):
    return {"decisions": 44, "net_per_trade": value(4e-4, 1e-4, 7e-4), "net_per_decision": value(net, low, high), "trades": trades}


def report(edge=False, skill=(0.01, 0.005, 0.015), net=(2e-4, 1e-4, 3e-4), linear=True):
    """What a backtest says, as far as the page looks at it."""
    returns = {"decisions": 50, "mase": value(1.5, 1.4, 1.6), "mase_of_naive": value(1.51, 1.4, 1.7),
               "mae_skill": value(-0.01, -0.02, -0.005), "rmse_ratio": value(0.99, 0.98, 1.0),
               "r2_out_of_sample": value(0.02, 0.0, 0.04), "rank_ic": value(0.03, 0.01, 0.05)}
    forecast = {"rows": 100, "log_loss": 0.69, "log_loss_of_base_rate": 0.692, "log_loss_gain": value(0.002, 0.001, 0.003),
                "brier_skill": value(*skill), "rank_ic_interval": value(0.04, -0.01, 0.09), "return_forecast": returns}
    found = {"data": [{"rows": 1000}], "edge": {"shown": edge, "verdict": "?"},
             "options": {"seed": 1, "fee_bps": 1, "half_spread_bps": 0.5, "slippage_bps": 0.2, "latency_min_ms": 30,
                         "latency_mean_ms": 120, "reject_probability": 0.02, "partial_probability": 0.15},
             "trainings": [{"version": "v1", "verdict": "promote" if edge else "refuse", "reason": "refused: why"}],
             "policies": {"alphaloop": policy(*net, 40), "warmup": policy(-1e-4, -2e-4, -0.5e-4, 90),
                          "newest_challenger": policy(*net, 30), "buy_and_hold": policy(1e-5, -1e-4, 1e-4, 1),
                          "always_flat": policy(0, 0, 0, 0)},
             "newest_challenger": forecast}
    if linear:
        found["linear_baseline"] = {**forecast, "brier_skill": value(-0.01, -0.02, -0.005)}
        found["policies"]["linear_baseline"] = policy(0, 0, 0, 0)
    return found


def short_report():
    r = report(net=(None, None, None))
    r["trainings"], r["newest_challenger"], r["linear_baseline"] = [], {"rows": 0}, {"rows": 0}
    r["policies"]["newest_challenger"] = r["policies"]["linear_baseline"] = None
    return r


def row_of(text, name, which=0):
    found = [line for line in text.splitlines() if line.startswith(f"| `{name}` |")]
    return [cell.strip() for cell in found[which].strip("|").split("|")][1:]


FAILED = {"failed": "why | not", "cpu_seconds": 1}
REPORTS = {"a_1h.csv.gz": report(edge=True), "b_1d.csv": report(net=(0.0, 0.0, 0.0)), "c_trades.csv.gz": short_report(),
           "d_5m.csv": FAILED}
HORIZONS = {("a_1h.csv.gz", 3): report(), ("e_1h.csv.gz", 3): short_report(), ("d_1h.csv", 3): FAILED}


def test_every_row_has_every_column(tool):
    for text in (tool.probability_table(REPORTS, "newest_challenger"), tool.probability_table(REPORTS, "linear_baseline"),
                 tool.utility_table(REPORTS), tool.horizon_table(HORIZONS)):
        assert len({line.count("|") for line in text.splitlines()}) == 1, text


def test_cells_say_numbers_with_intervals(tool):
    assert row_of(tool.probability_table(REPORTS, "newest_challenger"), "a_1h") == [
        "1000", "1", "100", "0.6900 / 0.6920", "+0.0020 (+0.0010 to +0.0030)", "+0.0100 (+0.0050 to +0.0150)",
        "+0.0400 (-0.0100 to +0.0900)", "+0.0200 (+0.0000 to +0.0400)", "+0.0300 (+0.0100 to +0.0500)"]
    assert row_of(tool.utility_table(REPORTS), "a_1h") == [
        "44", "+2.00 (+1.00 to +3.00)", "+2.00 (+1.00 to +3.00), 30 trades of +4.00", "0, no trade", "-1.00 (-2.00 to -0.50)",
        "+0.10 (-1.00 to +1.00)", "+0.00", "1", "**yes**"]
    assert row_of(tool.horizon_table(HORIZONS), "a_1h")[:5] == ["3", "trees", "50", "1.5000 (1.4000 to 1.6000)", "1.5100"]
    assert row_of(tool.horizon_table(HORIZONS), "a_1h", 1)[1] == "linear"


def test_what_is_not_known_is_said(tool):
    text = tool.probability_table(REPORTS, "linear_baseline")
    assert "no model: too few outcomes" in row_of(text, "c_trades") and "failed: why / not" in row_of(text, "d_5m")
    assert "–" in row_of(tool.utility_table(REPORTS), "c_trades")
    assert "failed: why / not" in row_of(tool.horizon_table(HORIZONS), "d_1h")


def test_a_baseline_nobody_reported_has_no_column(tool):
    text = tool.page({"a_1d.csv": report(linear=False)}, {}, "2020-02-02", "a machine", 60)
    assert "linear, no gate" not in text and "Probabilities: linear" not in text and "trees, no gate" in text


def test_words_count_what_the_intervals_say(tool):
    text = " ".join(tool.summary(REPORTS).split())
    assert "An edge after costs is shown on 1 of the 2 files** a model could be made of: 1 (`a_1h`)." in text
    assert "The gate promoted a model on 1 (`a_1h`)." in text
    assert "Trees, of 2 files: Brier skill surely above 0 on 2 (`a_1h`, `b_1d`), below on 0." in text
    assert "a sure gain after costs on 1 (`a_1h`), a sure loss on 0, not one trade on 0." in text
    assert "Linear, of 2 files: Brier skill surely above 0 on 0, below on 2 (`a_1h`, `b_1d`)." in text
    assert "not one trade on 2." in text
    assert "a trade in basis points: `a_1h` trees +4.00. A trade was taken to cost 3.4 there and back" in text
    assert "Warm-up alone surely loses on 2 of 2" in text and "Buy-and-hold surely gains on 0" in text
    assert "| trees | 3 | 1 | 0 | 0 | 0 | 1 (`a_1h`) | 1 (`a_1h`) | 0 |" in tool.horizon_summary(HORIZONS)
    page = " ".join(tool.page(REPORTS, HORIZONS, "2020-02-02", "a machine", 120).split())
    assert "2 minutes of one core" in page and "fee of 1 bp each way" in page and "None" not in page and "nan" not in page


def call(data, tmp_path):
    env = {**os.environ, "MARKET_DATA": str(data)}
    return subprocess.run([TOOL, f"--page={tmp_path}/page.md", f"--work={tmp_path}/work"], env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=300, check=False)


def test_without_data_it_says_so_and_writes_nothing(tmp_path):
    done = call(tmp_path / "nowhere", tmp_path)
    assert done.returncode == 0 and "SKIPPED" in done.stderr and not (tmp_path / "page.md").exists()


def test_a_file_too_short_is_a_row(tmp_path):
    with open(tmp_path / "made_btcusdt_quotes.csv", "wb") as out:
        subprocess.run([MAKER, "quotes", "1", "0", "0.05", "0.5"], stdout=out, check=True)
    (tmp_path / "made_btcusdt_fills.csv").write_text("not what a backtest reads\n")
    done = call(tmp_path, tmp_path)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "page.md").read_text()
    assert "no model: too few outcomes" in page and "btcusdt_fills" not in page and "shown on 0 of the 0 files" in page
