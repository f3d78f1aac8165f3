"""A day on which settings and a strategy change under the worker is replayed to its end."""
import json
import shutil
import signal

import harness
from harness import query

SETTINGS = {"CLOCK": "market", "CLOCK_SPEED": 200, "RETRAIN_NEW_SAMPLES": 0}


def trade(hour, which):
    """Markets until there are signals of the kind: on a machine that is busy all of a fast one may be stale."""
    with harness.db() as db:
        for n in range(10):
            done = harness.run("simulate", "--speed", "200", "--duration", "600", "--start", f"2024-01-02T{hour + n:02}:00:00Z",
                               "--seed", str(n))
            assert done.returncode == 0, done.stderr
            if query(db, f"SELECT count(*) FROM trading_signals WHERE {which}")[0][0] > 20:
                return
    raise AssertionError(f"no signals with {which}")


def test_a_day_with_a_reload_replays_to_its_end(tmp_path):
    harness.run("migrate")
    channel = harness.amqp_channel()
    harness.declare_neighbour_queues(channel)
    journal, before, now, strategies = (tmp_path / name for name in ("journal.jsonl", "before.env", "now.env", "strategies"))
    for folder, cooldown in (("old", 5), ("new", 2)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "momentum_v1.json").write_text(json.dumps({"limits": {"cooldown_seconds": cooldown}}))
    strategies.symlink_to("old")
    before.write_text("WARMUP_SIGNAL_FREQUENCY=20\nWARMUP_MAX_AMOUNT=1000\nWARMUP_MIN_AMOUNT=500\n")
    shutil.copy(before, now)
    settings = dict(SETTINGS, MODEL_STORAGE_PATH=str(tmp_path / "models"), STRATEGY_CONFIG_DIR=str(strategies))
    with harness.Worker("--journal", str(journal), "--env-file", str(now), **settings) as worker:
        worker.await_ready()
        trade(0, "amount >= 500")
        now.write_text("WARMUP_SIGNAL_FREQUENCY=60\nWARMUP_MAX_AMOUNT=400\nWARMUP_MIN_AMOUNT=100\n")
        strategies.unlink()
        strategies.symlink_to("new")
        worker.process.send_signal(signal.SIGHUP)
        worker.await_log(event="settings_reloaded")
        trade(12, "amount <= 400")
        assert worker.stop() == 0
    done = harness.run("replay", str(journal), "--print", "--env-file", str(before),
                       **dict(settings, STRATEGY_CONFIG_DIR=str(tmp_path / "old")))
    assert done.returncode == 0, done.stderr
    assert "the same byte for byte" in done.stderr and "breaks off" not in done.stderr
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    (reload,) = [i for i, line in enumerate(lines) if line["call"] == "reload"]
    amounts = [[float(json.loads(line["texts"][0])["amount"]) for line in part if line["call"] == "decision" and "number" in line]
               for part in (lines[:reload], lines[reload:])]
    assert min(amounts[0]) >= 500 and max(amounts[1]) <= 400 and len(amounts[0]) + len(amounts[1]) == len(done.stdout.splitlines())
    channel.connection.close()
