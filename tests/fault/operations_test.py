"""What an operator does and meets: stopping, reloading, starting wrongly, notifying, doctor."""
import json
import os
import signal
import socket
import stat
import time

import harness
import load
import pytest
from harness import ORDER_EVENTS, SIGNALS, db, eventually, query

SPEED, DRAIN_SECONDS = 300, 10


@pytest.fixture(autouse=True)
def _broker():
    load.prepare_broker()
    yield
    harness.stack("start-db")
    harness.stack("start-broker")


def stop_timed(worker):
    started = time.monotonic()
    code = worker.stop(deadline=DRAIN_SECONDS + 5)
    assert time.monotonic() - started < DRAIN_SECONDS + 1, "it drained too long"
    return code


def events_of(worker):
    return [line for line in worker.lines if '"event":"stopped"' in line]


# ---- stopping ----

def test_sigterm_under_load_loses_nothing(tmp_path):
    seed = load.seed_of("sigterm")
    with harness.Worker(**load.market_settings(tmp_path, SPEED)) as worker, load.Tap() as tap, load.simulation(SPEED), \
            load.Orders(seed) as orders:
        worker.await_ready()
        for _ in range(3):
            n_signals, n_events = tap.n_taken, len(orders.stored())
            eventually(lambda: tap.n_taken > n_signals + 10, "signals", 60)  # pylint: disable=cell-var-from-loop
            eventually(lambda: len(orders.stored()) > n_events, "events")  # pylint: disable=cell-var-from-loop
            assert stop_timed(worker) == 0
            with db() as connection:
                assert query(connection, "SELECT count(*) FROM trading_signals WHERE status = 'pending'") == [(0,)]
            worker.start()
            worker.await_ready()
        orders.stop()
        orders.await_stored()
        assert stop_timed(worker) == 0
        assert events_of(worker)
    orders.check()
    tap.step(harness.amqp_channel())
    tap.check()


def test_sigterm_without_a_database():
    orders = load.Orders(load.seed_of("sigterm without a database"))
    with harness.Worker() as worker:
        worker.await_ready()
        harness.stack("stop-db")
        eventually(lambda: load.is_missing(worker, "database"), "the database is missed")
        orders.step(harness.amqp_channel())
        worker.await_metric("alphaloop_amqp_deliveries_total", len(orders.events), queue=ORDER_EVENTS)
        assert stop_timed(worker) == 0
        assert load.depth(ORDER_EVENTS) >= len(orders.events), "something was acknowledged that nobody keeps"
        harness.stack("start-db")
        worker.start()
        orders.await_stored()
        assert worker.stop() == 0
    orders.check()


def test_sigterm_without_a_broker(tmp_path):
    with harness.Worker(**load.market_settings(tmp_path, SPEED)) as worker, load.Tap() as tap:
        worker.await_ready()
        with load.simulation(SPEED):
            eventually(lambda: tap.n_taken > 10, "signals", 60)
        harness.stack("kill-broker")
        eventually(lambda: load.is_missing(worker, "consume_connection"), "the broker is missed")
        assert stop_timed(worker) == 0
        harness.stack("start-broker")
        worker.start()
        worker.await_ready()
        assert worker.stop() == 0
    tap.step(harness.amqp_channel())
    tap.check()


# ---- reloading ----

def test_sighup_takes_over_what_may_change_and_keeps_the_old_when_it_is_bad(tmp_path):
    env_file = tmp_path / "env"
    other = "another-key-of-24-letters"

    def write(level, key):
        env_file.write_text(f"MODEL_SERVICE_LOG_LEVEL={level}\nMODEL_SERVICE_API_KEY={key}\n")

    def codes(worker):
        return [worker.get("/api/v1/models", key=key).code for key in (first, other)]

    worker = harness.Worker("--env-file", str(env_file))
    first = worker.env.pop("MODEL_SERVICE_API_KEY")  # the environment would win over the file
    worker.env.pop("MODEL_SERVICE_LOG_LEVEL", None)
    write("INFO", first)
    with worker:
        worker.await_ready()
        assert codes(worker) == [200, 401]
        write("DEBUG", other)
        worker.process.send_signal(signal.SIGHUP)
        worker.await_log(event="settings_reloaded")
        assert codes(worker) == [401, 200]
        worker.await_log(level="debug")
        write("SHOUT", "short")
        worker.process.send_signal(signal.SIGHUP)
        kept = worker.await_log(event="settings_kept")
        assert "MODEL_SERVICE_LOG_LEVEL" in kept["problems"] and "MODEL_SERVICE_API_KEY" in kept["problems"]
        assert codes(worker) == [401, 200]
        assert worker.stop() == 0
        assert not any(key in line for key in (first, other) for line in worker.lines), "a secret is in the log"


def test_sighup_changes_what_is_decided_from_now_on(tmp_path):
    env_file = tmp_path / "env"

    def write(amount, horizon):
        env_file.write_text(f"WARMUP_MIN_AMOUNT={amount}\nWARMUP_MAX_AMOUNT={amount}\nMODEL_RETRAINING_SCHEDULE=daily\nRETRAIN_JITTER_SECONDS=0\n"
                            f"SIGNAL_GENERATION_RATE_LIMIT={amount}\n")
        return load.market_settings(tmp_path, SPEED, limits={"burst": 1000}, horizon_seconds=horizon)

    def amounts(n):
        harness.purge(channel, SIGNALS)
        return {harness.await_message(channel, SIGNALS, 60).json()["amount"] for _ in range(n)}

    def strategy(worker):
        return worker.get("/api/v1/strategies").json()["items"][0]["config"]

    channel = harness.amqp_channel()
    settings = write(200, 60)
    with harness.Worker("--env-file", str(env_file), **settings) as worker:
        worker.await_ready()
        with load.simulation(SPEED):
            assert amounts(3) == {200}
            assert strategy(worker)["limits"]["rate"] == 200
            scheduled = worker.get("/api/v1/training/status").json()["next_scheduled_training"]
            assert scheduled.endswith("T00:00:00.000000Z"), scheduled
            write(300, 61)
            worker.process.send_signal(signal.SIGHUP)
            told = worker.await_log(event="settings_reloaded")
            assert "WARMUP_MIN_AMOUNT is 300 now" in told["changes"] and "after the next start" in told["changes"]
            eventually(lambda: amounts(1) == {300}, "signals of the new amount")
            assert amounts(3) == {300}
            assert strategy(worker)["limits"]["rate"] == 300 and strategy(worker)["horizon_seconds"] == 60
            worker.process.send_signal(signal.SIGHUP)
            told = worker.await_log(event="settings_reloaded")
            assert told["n_changed"] == 0
        assert worker.stop() == 0


# ---- starting wrongly ----

def test_a_second_worker_on_the_same_port_says_so_and_ends():
    with harness.Worker() as worker:
        worker.await_ready()
        second = harness.run("serve", MODEL_SERVICE_HOST="127.0.0.1", MODEL_SERVICE_PORT=worker.port,
                             MODEL_STORAGE_PATH=worker.env["MODEL_STORAGE_PATH"], MODEL_SERVICE_API_KEY=worker.key)
        assert second.returncode == 1
        assert str(worker.port) in second.stderr and "in use" in second.stderr
        assert worker.get("/health", key=False).code == 200
        assert worker.stop() == 0


def test_bad_settings_are_listed_all_at_once():
    done = harness.run("serve", MODEL_SERVICE_PORT="70000", MODEL_SERVICE_LOG_LEVEL="loud", PREFETCH="many",
                       MODEL_SERVICE_API_KEY="short-key", MODEL_GATE_LEVEL="2")
    assert done.returncode == 2
    for name, value in (("MODEL_SERVICE_PORT", "70000"), ("MODEL_SERVICE_LOG_LEVEL", "loud"), ("PREFETCH", "many"),
                        ("MODEL_SERVICE_API_KEY", ""), ("MODEL_GATE_LEVEL", "2")):
        line = next((line for line in done.stderr.splitlines() if name in line), None)
        assert line and value in line, f"{name}: {done.stderr}"
    assert "short-key" not in done.stderr


def test_bad_lines_and_bad_values_are_listed_together(tmp_path):
    env_file = tmp_path / "env"
    env_file.write_text("not a line\nPREFETCH=many\n")
    done = harness.run("serve", "--env-file", str(env_file), MODEL_SERVICE_API_KEY="short", MODEL_SERVICE_HOST="no-address")
    assert done.returncode == 2
    for words in (str(env_file), "line 1", "PREFETCH=many", "MODEL_SERVICE_API_KEY", "MODEL_SERVICE_HOST=no-address"):
        assert done.stderr.count(words) == 1, done.stderr


def test_the_environment_wins_over_the_env_file(tmp_path):
    env_file, secret = tmp_path / "env", tmp_path / "secret"
    secret.write_text("from-a-secret-file\n")
    env_file.write_text("MODEL_RETRAINING_SCHEDULE=daily\nMODEL_SERVICE_API_KEY=from-the-env-file\nMODEL_GATE=accuracy\n"
                        f"TRADING_ASSETS_FILE={tmp_path / 'absent'}\n")

    def settings(**environment):
        done = harness.run("settings", "--json", "--env-file", str(env_file), **environment)
        assert done.returncode == 0, done.stderr
        return {row["name"]: (row["value"], row["origin"]) for row in json.loads(done.stdout)}

    found = settings(MODEL_SERVICE_API_KEY=None, TRADING_ASSETS="BTCUSDT")
    assert found["MODEL_RETRAINING_SCHEDULE"] == ("daily", "env file")
    assert found["MODEL_SERVICE_API_KEY"] == ("set", "env file")
    assert found["TRADING_ASSETS"] == ("BTCUSDT", "environment")
    found = settings(MODEL_RETRAINING_SCHEDULE="", MODEL_SERVICE_API_KEY=None, MODEL_SERVICE_API_KEY_FILE=str(secret),
                     MODEL_GATE="evidence", TRADING_ASSETS="BTCUSDT")
    assert found["MODEL_RETRAINING_SCHEDULE"] == ("", "default")
    assert found["MODEL_SERVICE_API_KEY"] == ("set", "file")
    assert found["MODEL_GATE"] == ("evidence", "environment")


@pytest.mark.parametrize("arguments", [["backtest", "candles.csv"], ["backtest"], ["replay"], ["why"], ["help", "no-such-role"], ["no-such-role"],
                                       ["serve", "--no-such-option"], ["doctor", "argument"], ["train"], ["train", "--strategy", "nobodys"]])
def test_bad_usage_is_said_in_words_with_code_2(arguments):
    done = harness.run(*arguments)
    assert done.returncode == 2 and done.stdout == "" and done.stderr


def test_a_missing_key_stops_the_start():
    done = harness.run("serve", MODEL_SERVICE_API_KEY=None)
    assert done.returncode == 2 and "MODEL_SERVICE_API_KEY" in done.stderr


# ---- computing without publishing ----

def test_no_publish_stores_everything_and_nothing_leaves(tmp_path):
    with harness.Worker("--no-publish", **load.market_settings(tmp_path, SPEED)) as worker, db() as connection:
        worker.await_ready()
        before = query(connection, "SELECT count(*) FROM trading_signals")[0][0]
        published = query(connection, "SELECT count(*) FROM trading_signals WHERE status = 'published'")[0][0]
        taken = load.depth(SIGNALS)
        with load.simulation(SPEED):
            eventually(lambda: query(connection, "SELECT count(*) FROM trading_signals")[0][0] >= before + 50, "decisions", 60)
        assert worker.get("/health", key=False).json()["details"]["publishing"] is False
        assert stop_timed(worker) == 0
        assert load.depth(SIGNALS) == taken
        assert query(connection, "SELECT count(*) FROM trading_signals WHERE status = 'published'")[0][0] == published


# ---- systemd ----

def test_systemd_is_told_of_readiness_reload_and_the_end(tmp_path):
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(path)
        notify.settimeout(harness.DEADLINE)

        def await_word(word):
            while word not in notify.recv(4096).decode().split("\n"):
                pass

        with harness.Worker(NOTIFY_SOCKET=path, WATCHDOG_USEC="200000") as worker:
            await_word("READY=1")
            worker.await_ready()
            await_word("WATCHDOG=1")
            worker.process.send_signal(signal.SIGHUP)
            await_word("RELOADING=1")
            await_word("READY=1")
            worker.process.send_signal(signal.SIGTERM)
            await_word("STOPPING=1")
            assert worker.stop() == 0


# ---- doctor ----

def failures(**settings):
    done = harness.run("doctor", **settings)
    lines = done.stdout.splitlines()
    found = {}
    for number, line in enumerate(lines):
        if line.startswith("FAIL"):
            mend = next((text for text in lines[number + 1:] if text.strip().startswith("mend:")), "")
            found[line[6:20].strip()] = (line[20:], mend)
    assert done.returncode == (1 if found else 0), done.stdout
    assert os.environ["POSTGRES_PASSWORD"] not in done.stdout + done.stderr
    return found


def sound(tmp_path, **settings):
    return {"MODEL_STORAGE_PATH": str(tmp_path / "models"), "MODEL_SERVICE_API_KEY": "k" * 24, **settings}


def test_doctor_finds_nothing_wrong(tmp_path):
    assert harness.run("migrate").returncode == 0
    assert not failures(**sound(tmp_path))


def test_doctor_names_a_wrong_database_password(tmp_path):
    what, mend = failures(**sound(tmp_path, POSTGRES_PASSWORD="wrong"))["database"]
    assert "password" in what and "POSTGRES_PASSWORD" in mend


def test_doctor_names_a_wrong_database_port(tmp_path):
    port = harness.free_port()
    what, mend = failures(**sound(tmp_path, POSTGRES_PORT=port))["database"]
    assert str(port) in what and "POSTGRES_PORT" in mend


def test_doctor_names_a_wrong_broker_password(tmp_path):
    what, mend = failures(**sound(tmp_path, RABBITMQ_PASSWORD="wrong"))["broker"]
    assert os.environ["RABBITMQ_USER"] in what and "RABBITMQ_PASSWORD" in mend


def test_doctor_names_a_wrong_broker_port(tmp_path):
    port = harness.free_port()
    what, mend = failures(**sound(tmp_path, RABBITMQ_PORT=port))["broker"]
    assert str(port) in what and "RABBITMQ_PORT" in mend


def test_doctor_names_what_is_not_there(tmp_path):
    what, mend = failures(**sound(tmp_path, POSTGRES_DB="no_such_database"))["database"]
    assert "no_such_database" in what and "createdb" in mend and "no_such_database" in mend
    what, mend = failures(**sound(tmp_path, RABBITMQ_VHOST="no-such-vhost"))["broker"]
    assert "no-such-vhost" in what and "rabbitmqctl add_vhost no-such-vhost" in mend


def test_doctor_tells_a_newer_schema_from_a_strange_one(tmp_path):
    names = {name: f"doctor_{name}" for name in ("newer", "strange")}
    for name in names.values():
        assert harness.run("migrate", POSTGRES_SCHEMA=name).returncode == 0
    with db() as connection:
        query(connection, "INSERT INTO doctor_newer.schema_migrations (number, name, sha256) VALUES (999, '999_future', 'x')")
        query(connection, "UPDATE doctor_strange.schema_migrations SET sha256 = 'x' WHERE number = 2")
    what, mend = failures(**sound(tmp_path, POSTGRES_SCHEMA=names["newer"]))["schema"]
    assert "999_future" in what and "newer program" in mend
    what, mend = failures(**sound(tmp_path, POSTGRES_SCHEMA=names["strange"]))["schema"]
    assert "checksum" in what and "POSTGRES_SCHEMA" in mend
    for name in names.values():  # serve and migrate refuse both, also when they may migrate
        for role in ("serve", "migrate"):
            done = harness.run(role, POSTGRES_SCHEMA=name, MODEL_SERVICE_PORT=harness.free_port(), **sound(tmp_path))
            assert done.returncode == 1 and "schema" in done.stderr or "checksum" in done.stderr, (role, done.stderr)


def test_doctor_lists_bad_settings_one_a_line(tmp_path):
    what, _ = failures(**sound(tmp_path, PREFETCH="x", MODEL_GATE="none"))["settings"]
    assert "PREFETCH=x" in what or "MODEL_GATE=none" in what


def test_doctor_names_a_model_store_that_cannot_be_written(tmp_path):
    store = tmp_path / "file"
    store.write_text("in the way")
    store.chmod(stat.S_IRUSR)
    what, mend = failures(**sound(tmp_path, MODEL_STORAGE_PATH=str(store / "models")))["model store"]
    assert str(store) in what and "MODEL_STORAGE_PATH" in mend


def test_doctor_names_a_schema_that_is_not_there(tmp_path):
    _, mend = next(iter(failures(**sound(tmp_path, POSTGRES_SCHEMA="nobody_made_this")).values()))
    assert "alphaloop migrate" in mend


def test_an_old_schema_is_not_served_unless_it_may_be_migrated():
    done = harness.run("serve", POSTGRES_SCHEMA="too_old", AUTO_MIGRATE="false", MODEL_SERVICE_PORT=harness.free_port())
    assert done.returncode == 1 and "migrate" in done.stderr
