"""A live day is recorded and told again: the same signals, byte for byte, and a journal that was changed is noticed."""
import json
import os
import shutil

import harness
import load
import pytest
from harness import eventually, query

SPEED = 200
MARKET = {"MODEL_TRAINING_MIN_DATASET_SIZE": 300, "RETRAIN_NEW_SAMPLES": 400,
          "WARMUP_SIGNAL_FREQUENCY": 20, "RETRAIN_MIN_INTERVAL_SECONDS": 60}


def simulate(seconds, start, seed):
    done = harness.run("simulate", "--speed", str(SPEED), "--duration", str(seconds), "--start", start, "--seed", str(seed), "--edge", "3")
    assert done.returncode == 0, done.stderr


@pytest.fixture(name="day", scope="module")
def recorded_day(tmp_path_factory):
    """Two lives of a worker, so that the second one also begins with what the database kept."""
    room = tmp_path_factory.mktemp("journal")
    harness.run("migrate")
    channel = harness.amqp_channel()
    harness.declare_neighbour_queues(channel)
    harness.purge(channel)
    settings = dict(load.market_settings(room, SPEED), **MARKET, MODEL_STORAGE_PATH=str(room / "models"))
    journal = room / "journal.jsonl"
    for start, seed in (("2024-01-01T00:00:00Z", 1), ("2024-01-01T02:00:00Z", 2)):
        with harness.Worker("--journal", str(journal), **settings) as worker:
            worker.await_ready()
            simulate(2400, start, seed)
            eventually(lambda: harness.queue_depth(channel, harness.ORDER_EVENTS) == 0, "all order events")
            stopped = [line for line in worker.lines if "journal_stopped" in line]
            assert worker.metric("alphaloop_journal_recording") == 1, stopped
            worker.stop()
    with harness.db() as db:
        sent = query(db, "SELECT count(*) FROM trading_signals")[0][0]
    channel.connection.close()
    return room, journal, settings, sent


def lines_of(journal):
    with open(journal, encoding="utf-8") as text:
        return [json.loads(line) for line in text]


def replay(journal, settings, *args, expect=0):
    done = harness.run("replay", str(journal), *args, **settings)
    assert done.returncode == expect, done.stdout + done.stderr
    return done


def test_both_lives_replay_to_the_same_bytes(day):
    _, journal, settings, sent = day
    told = 0
    for path in (str(journal) + ".1", journal):
        signals = [line["texts"][0] for line in lines_of(path) if line["call"] == "decision" and "number" in line]
        done = replay(path, settings, "--print")
        assert done.stdout.splitlines() == signals and len(signals) > 50
        assert "the same byte for byte" in done.stderr and "breaks off" not in done.stderr
        told += len(signals)
    assert told == sent


def test_what_the_core_was_told_is_all_there(day):
    _, journal, _, _ = day
    first = {line["call"] for line in lines_of(str(journal) + ".1")}
    second = {line["call"] for line in lines_of(journal)}
    assert {"start", "market", "order", "position", "tick", "training_start", "training_end", "neighbours", "decision",
            "end"} <= first
    assert {"restore_cost", "restore_candle", "restore_training"} <= second
    assert lines_of(journal)[0]["call"] == "start" and os.stat(journal).st_mode & 0o777 == 0o600


def change(room, journal, edit):
    lines = lines_of(journal)
    edit(lines)
    path = room / "changed.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def nth(lines, call, n, **has):
    return [i for i, line in enumerate(lines) if line["call"] == call and all(line.get(k) == v for k, v in has.items())][n]


def test_a_changed_journal_is_noticed(day):
    room, journal, settings, _ = day

    def another_price(lines):
        i = nth(lines, "market", 200, number="1")
        body = json.loads(lines[i]["texts"][0])
        body["payload"]["b"][0][0] = str(float(body["payload"]["b"][0][0]) * 0.9)
        lines[i]["texts"][0] = json.dumps(body)

    def another_signal(lines):
        i = nth(lines, "decision", 3, number="1")
        lines[i]["texts"][0] = lines[i]["texts"][0].replace('"amount":', '"amount":1')

    def lost_line(lines):
        del lines[nth(lines, "decision", 20)]

    for edit in (another_price, another_signal, lost_line):
        done = replay(change(room, journal, edit), settings, expect=1)
        assert "recorded:" in done.stderr and "replayed:" in done.stderr and "line " in done.stderr


def test_other_settings_or_no_journal_are_refused(day):
    room, journal, settings, _ = day
    assert "settings" in replay(journal, dict(settings, STOP_LOSS_THRESHOLD_PCT="-1.5"), expect=1).stderr
    (room / "no.jsonl").write_text("{}\n")
    assert "line 1" in replay(room / "no.jsonl", settings, expect=1).stderr
    assert "nowhere" in replay(room / "nowhere", settings, expect=1).stderr


def test_a_killed_worker_leaves_what_can_be_replayed(day):
    room, journal, settings, _ = day
    path = room / "cut.jsonl"
    shutil.copy(journal, path)
    os.truncate(path, os.stat(journal).st_size * 2 // 3)
    done = replay(path, settings)
    assert "breaks off" in done.stdout and "the same byte for byte" in done.stdout


def test_a_full_disk_ends_the_recording_not_the_worker():
    with harness.Worker("--journal", "/dev/full", **MARKET) as worker:
        worker.await_ready()
        worker.await_log(event="journal_stopped")
        assert worker.metric("alphaloop_journal_recording") == 0
        assert worker.get("/health/live").code == 200
        worker.stop()


def test_the_bound_of_the_file_ends_the_recording(day):
    room, _, settings, _ = day
    channel = harness.amqp_channel()
    with harness.Worker("--journal", str(room / "small.jsonl"), JOURNAL_MAX_MB=1, **settings) as worker:
        worker.await_ready()
        simulate(1200, "2024-01-01T06:00:00Z", 3)
        worker.await_log(event="journal_stopped")
        worker.stop()
    channel.connection.close()
    assert os.stat(room / "small.jsonl").st_size < 2 << 20
    assert "breaks off" in replay(room / "small.jsonl", settings).stdout
