"""Shadows, canaries and rollbacks of a real worker: what a decision's versions would have done is stored, and a worker that starts
finds its rollouts where the tables say they are, goes on from there, and tells why over HTTP and the exchange.

The history is written by the test, so that its numbers are known: blocks of two horizons (120 s) in which one version
abstained and the other bought."""
import random
import time
import uuid
from datetime import datetime, timezone

import harness
import learnable
import load
import pytest
from events_test import Listener
from harness import db, eventually, query
from openapi_check import Document

BLOCK_NS = 120 * 10**9
FIRST_BLOCK = learnable.START_NS // BLOCK_NS
ROLLOUT = {"policy": "staged", "false_alarm_days": 5}


@pytest.fixture(name="config", scope="module")
def prepared(tmp_path_factory):
    """v1 and v2 are there, made from the same rows; v1 passed the gate when nothing served."""
    folder = tmp_path_factory.mktemp("rollout")
    config = learnable.prepare(folder, edge=1.0)
    load.strategy_folder(folder, features=learnable.FEATURES, rollout=ROLLOUT,
                         training={"window_days": 3650, "canaries": False})
    with harness.Worker(**config) as worker:
        worker.await_ready()
        first, second = learnable.train(worker), learnable.train(worker)
        assert (first["outcome"], second["outcome"]) == ("activated", "rejected"), (first, second)
        assert worker.stop() == 0
    return {"settings": config, "versions": [first["version"], second["version"]]}


@pytest.fixture(name="versions")
def two_versions(config):
    with db() as connection:
        query(connection, "UPDATE model_versions SET state = 'refused' WHERE strategy_id = 'often'")
        query(connection, "DELETE FROM shadow_scores")
        query(connection, "DELETE FROM rollout_verdicts WHERE why <> 'gate' OR stage NOT IN ('offline_passed', 'rejected')")
    return config["versions"]


def serve(config):
    return harness.Worker(**config["settings"])


def begin_market():
    """One message of the market, three days after the samples begin: from then on its time is known."""
    then = datetime.fromtimestamp(learnable.START_NS / 1e9 + 3 * 86400, timezone.utc).isoformat().replace("+00:00", "Z")
    message = harness.ticker()
    message["timestamp"] = message["received_at"] = then
    harness.publish(harness.amqp_channel(), "ws-gateway.ticker", message)


def stand(version, state, stage, against, why, at_ns=0):
    with db() as connection:
        query(connection, "UPDATE model_versions SET state = %s WHERE version = %s", state, version)
        query(connection, "INSERT INTO rollout_verdicts (strategy_id, version, stage, against, why, verdict, n_blocks, at_ns, created_at)"
              " VALUES ('often', %s, %s, %s, %s, 'as the test wants it', 0, %s, now())", version, stage, against, why, at_ns)


def settle(serving, beside, stage, outcomes, q=None):
    """One settled decision a block: the serving version takes the side, or the one beside it; the other abstains. What they say is
    q, or how often such trades won."""
    q = sum(net > 0 for _, net in outcomes) / len(outcomes) if q is None else q
    with db() as connection:
        for block, (who, net) in enumerate(outcomes, FIRST_BLOCK):
            decision, t0 = str(uuid.uuid4()), block * BLOCK_NS + 10**9
            for version, place in ((serving, "active"), (beside, stage)):
                query(connection, "INSERT INTO shadow_scores VALUES (%s, %s, 'often', 'BTCUSDT', %s, %s, %s, 0, 0, 1, %s, %s)",
                      decision, version, place, "buy" if version == who else None, q, t0, block)
            query(connection, f"INSERT INTO samples ({learnable.COLUMNS}) VALUES (%s, 'buy', 'often', 'BTCUSDT', 2, %s, %s, %s, %s, 0,"
                  " %s, 1, 1, 1, false, false, false, '\\x00', '\\x00')", decision, t0, t0 + 10**9, t0 + 10**9, net, net)


def rollout(worker):
    return worker.get("/api/v1/rollout").json()["items"][0]


def state(worker):
    """All of it but the words of the verdicts, which are found again at the next look."""
    now = rollout(worker)
    return {**now, "shadows": [{**item, "verdict": None} for item in now["shadows"]]}


def shadow(worker):
    shadows = rollout(worker)["shadows"]
    assert len(shadows) == 1, shadows
    return shadows[0]


def verdicts(worker, version):
    return worker.get(f"/api/v1/models/{version}/verdicts").json()


def earnings(n, mean, seed):
    chance = random.Random(seed)
    return [mean + chance.gauss(0, abs(mean)) for _ in range(n)]


def test_a_shadow_steps_up_on_what_the_tables_say_and_a_restart_keeps_it(config, versions):
    v1, v2 = versions
    stand(v1, "active", "active", None, "gate")
    stand(v2, "candidate", "shadow", v1, "gate")
    settle(v1, v2, "shadow", [(v2, net) for net in earnings(60, 0.001, 1)])
    with serve(config) as worker:
        worker.await_ready()
        eventually(lambda: shadow(worker)["stage"] == "canary_5", "the step")
        now = shadow(worker)
        assert (now["version"], now["share"], now["blocks"], now["attempt"]) == (v2, 0.05, 58, 2)
        assert (rollout(worker)["active_version"], rollout(worker)["chosen_by"]) == (v1, "evidence")
        story = verdicts(worker, v2)
        Document(worker.get("/openapi.json").json()).check_answer("GET", "/api/v1/models/{version}/verdicts", 200, story)
        assert [item["stage"] for item in story["items"]] == ["rejected", "shadow", "canary_5"] and story["stage"] == "canary_5"
        step = story["items"][-1]
        assert (step["why"], step["against"], step["blocks"]) == ("evidence", v1, 58)
        assert step["numbers"]["evidence_better"] >= step["numbers"]["evidence_needed"] > 1
        assert "better than the incumbent" in step["verdict"] and "; of 60 trades ECE" in step["verdict"]
        assert step["numbers"]["ece_surely"] <= 0.05 and step["numbers"]["interval_coverage"] is None
        before = state(worker)
        worker.kill()
    with serve(config) as worker:
        worker.await_ready()
        again = shadow(worker)
        assert [again[key] for key in ("version", "stage", "blocks")] == [v2, "canary_5", 58]
        eventually(lambda: state(worker) == before, "the same state as before it was killed")
        assert len(verdicts(worker, v2)["items"]) == 3  # it does not step twice on the same blocks
        assert worker.stop() == 0


def test_a_shadow_that_earns_more_and_does_not_keep_its_word_waits(config, versions):
    v1, v2 = versions
    stand(v1, "active", "active", None, "gate")
    stand(v2, "candidate", "shadow", v1, "gate")
    settle(v1, v2, "shadow", [(v2, net) for net in earnings(60, 0.001, 1)], q=0.2)
    with serve(config) as worker:
        worker.await_ready()
        eventually(lambda: "waits: " in (shadow(worker)["verdict"] or ""), "the step is asked for")
        now = shadow(worker)
        assert now["stage"] == "shadow" and "surely off by more than 0.05; of 60 trades ECE" in now["verdict"], now
        assert [item["stage"] for item in verdicts(worker, v2)["items"]] == ["rejected", "shadow"]
        assert worker.stop() == 0


def test_a_shadow_that_is_worse_is_refused(config, versions):
    v1, v2 = versions
    stand(v1, "active", "active", None, "gate")
    stand(v2, "candidate", "shadow", v1, "gate")
    settle(v1, v2, "shadow", [(v2, net) for net in earnings(60, -0.001, 2)])
    listener = Listener()
    with serve(config) as worker:
        worker.await_ready()
        event = listener.until("model.rejected")[-1]
        assert event["version"] == v2 and "surely worse than the incumbent" in event["reason"]
        assert verdicts(worker, v2)["stage"] == "rejected" and rollout(worker)["shadows"] == []
        with db() as connection:
            assert query(connection, "SELECT state FROM model_versions WHERE version = %s", v2) == [("refused",)]
        assert worker.stop() == 0


def test_a_serving_model_that_is_worse_than_its_guard_is_rolled_back(config, versions):
    v1, v2 = versions
    stand(v1, "retired", "guard", v2, "evidence")
    stand(v2, "active", "active", v1, "evidence")
    settle(v2, v1, "guard", [(v2, net) for net in earnings(60, 0.001, 3) + earnings(60, -0.002, 4)])
    listener = Listener()
    with serve(config) as worker:
        worker.await_ready()
        begin_market()
        event = listener.until("model.rolled_back")[-1]
        assert (event["version"], event["why"]) == (v1, "guard") and f"worse than {v1}" in event["reason"]
        eventually(lambda: rollout(worker)["cooling_until"] is not None, "the cool-down")
        story = verdicts(worker, v2)
        assert story["stage"] == "rolled_back" and story["items"][-1]["numbers"]["cusum"] >= story["items"][-1]["numbers"]["cusum_threshold"]
        assert learnable.active_version(worker) == v1 and rollout(worker)["shadows"] == []
        before = rollout(worker)
        assert before["cooling_until"].startswith("2023-01-05T")  # a day of the market, which is not that of the wall
        worker.kill()
    with serve(config) as worker:
        worker.await_ready()
        assert state(worker) == before
        begin_market()
        channel = harness.amqp_channel()
        eventually(lambda: harness.queue_depth(channel, "ws-gateway.ticker") == 0, "the ticker is taken")
        assert state(worker) == before
        assert worker.stop() == 0


def test_an_alarm_that_rang_is_remembered(config, versions):
    """Until another version decides: not being worse is enough to replace this one."""
    v1, v2 = versions
    stand(v1, "active", "active", None, "gate")
    stand(v2, "candidate", "shadow", v1, "gate")
    settle(v1, v2, "shadow", [(v2, net) for net in earnings(10, 0.001, 5)])
    then = learnable.START_NS + 2 * learnable.N_DECISIONS * learnable.STEP_NS
    settings = dict(config["settings"], RETRAIN_ON_DEGRADATION="true", RETRAIN_DEGRADATION_WINDOW=30, RETRAIN_MIN_INTERVAL_SECONDS=0)
    with db() as connection, harness.Worker(**config["settings"]) as worker:
        worker.await_ready()
        calm = state(worker)
        assert calm["is_weak"] is False
        assert worker.stop() == 0
        query(connection, "UPDATE training_schedule SET last_training_ns = %s", then)
        learnable.insert(learnable.outcomes(v1, 40, 0.8, then + 10**9, learnable.stored_hash()), learnable.COLUMNS + ", model_version, confidence")
    with harness.Worker(**settings) as worker:
        worker.await_ready()
        begin_market()  # before it nobody knows whether a training is due
        eventually(lambda: rollout(worker)["is_weak"], "the alarm")
        with db() as connection:
            eventually(lambda: query(connection, "SELECT 1 FROM training_runs WHERE trigger = 'degradation'"), "its training")
        worker.kill()
    with harness.Worker(**config["settings"]) as worker:  # which does not listen to alarms: it has not rung again
        worker.await_ready()
        eventually(lambda: state(worker) == {**calm, "is_weak": True}, "the alarm, and all else as before")
        assert worker.post(f"/api/v1/models/{v2}/activate", {"strategy_id": "often"}).code == 200
        assert rollout(worker)["is_weak"] is False
        worker.kill()
    with harness.Worker(**config["settings"]) as worker:
        worker.await_ready()
        assert rollout(worker)["is_weak"] is False
        with db() as connection:
            query(connection, "DELETE FROM samples WHERE model_version IS NOT NULL")
        assert worker.stop() == 0


def test_every_decision_is_scored_by_every_version(config, versions):
    v1, v2 = versions
    stand(v1, "active", "active", None, "gate")
    stand(v2, "candidate", "shadow", v1, "gate")
    scored = ("SELECT b.propensity, b.side, d.side FROM shadow_scores a JOIN shadow_scores b USING (decision_id)"
              " JOIN (SELECT decision_id, side FROM abstentions UNION ALL SELECT signal_id, side FROM trading_signals) d USING (decision_id)"
              " WHERE a.version = %s AND a.stage = 'active' AND b.version = %s AND b.stage = 'shadow'")
    with serve(config) as worker, load.simulation(learnable.SPEED):
        worker.await_ready()
        with db() as connection:
            rows = eventually(lambda: (rows := query(connection, scored, v1, v2)) and len(rows) > 20 and rows, "scores", 90)
        assert all(0 < propensity <= 1 for propensity, _, _ in rows)
        by_hand = worker.post(f"/api/v1/models/{v2}/activate", {"strategy_id": "often"})
        assert by_hand.code == 200 and rollout(worker)["chosen_by"] == "a person" and rollout(worker)["shadows"] == []
        assert verdicts(worker, v1)["stage"] == "retired" and verdicts(worker, v2)["items"][-1]["why"] == "manual"
        assert worker.stop() == 0


def test_scores_that_no_rollout_reads_go_by_age(config, versions):
    """Blocks of two minutes: 4096 of them are not six days. A row that is one day old stays, though one day is all that is asked."""
    v1, _ = versions
    day_ns, now_ns = 86400 * 10**9, time.time_ns()
    with db() as connection:
        for strategy, age in (("often", 1.5), ("often", 5), *(("often", 7 + n) for n in range(5))):
            query(connection, "INSERT INTO shadow_scores VALUES (%s, %s, %s, 'BTCUSDT', 'shadow', NULL, 0.5, 0, 0, 1, %s, 0)",
                  str(uuid.uuid4()), v1, strategy, now_ns - int(age * day_ns))
        query(connection, "DELETE FROM abstentions")
        for seconds, asset, days in ((60, "OLDUSDT", 5), (60, "NEWUSDT", 2), (3600, "OLDUSDT", 5), (3600, "OLDUSDT", 3)):
            query(connection, "INSERT INTO candles VALUES (%s, %s, now() - make_interval(days => %s), 1, 1, 1, 1, 1)", asset, seconds, days)
    with harness.Worker(**dict(config["settings"], CLOCK="wall", SHADOW_SCORES_KEEP_DAYS=1, ABSTENTIONS_KEEP_DAYS=1, CANDLES_KEEP_DAYS=1)) as worker:
        worker.await_ready()
        worker.await_metric("alphaloop_rows_pruned_total", 5, table="shadow_scores")
        with db() as connection:
            left = query(connection, "SELECT strategy_id, round((%s - decided_at_ns) / 86400e9, 1) FROM shadow_scores ORDER BY 2", now_ns)
        assert [(name, float(age)) for name, age in left] == [("often", 1.5), ("often", 5.0)]
        assert worker.metric("alphaloop_rows_pruned_total", table="abstentions") == 0
        worker.await_metric("alphaloop_history_candles_missing", 47, asset="OLDUSDT", interval="1h")
        with db() as connection:  # hours are what forecasts are made from; of minutes two days and more are kept
            assert query(connection, "SELECT asset, interval_seconds FROM candles WHERE asset IN ('OLDUSDT', 'NEWUSDT') ORDER BY 1, 2") == [
                ("NEWUSDT", 60), ("OLDUSDT", 3600), ("OLDUSDT", 3600)]
        assert worker.stop() == 0
