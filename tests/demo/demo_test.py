"""tools/demo as a person sees it: from warm-up to a promoted model, and Ctrl-C leaves nothing running."""
import glob
import gzip
import json
import os
import pathlib
import shutil
import signal
import subprocess
import threading

import pytest

import harness

ROOT = pathlib.Path(harness.ROOT)
PATIENCE = 900  # seconds; an idle two-core machine needs about 100


class Demo:
    def __init__(self, folder, **settings):
        self.folder = folder
        env = dict(os.environ, DEMO_DIR=str(folder), TERM="dumb", **settings)
        env.pop("STACK_DIR", None)
        self.process = subprocess.Popen([str(ROOT / "tools" / "demo")], env=env, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
        self.lines = []
        threading.Thread(target=lambda: self.lines.extend(self.process.stdout), daemon=True).start()

    def log(self):
        path = self.folder / "serve.log"
        if not path.exists():
            return []
        return [json.loads(line) for line in path.read_text().splitlines() if line.startswith("{") and line.endswith("}")]

    def await_event(self, wanted, what):
        def seen():
            assert self.process.poll() is None, "".join(self.lines)
            return any(wanted(entry) for entry in self.log())
        harness.eventually(seen, what, PATIENCE)

    def interrupt(self):
        """What Ctrl-C does: SIGINT to the whole foreground group."""
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(90)


def processes_of(folder):
    """Command lines of living processes that name the folder, or the place of the servers' data, in their command line or
    environment."""
    places = [str(folder).encode(), str((folder / "stack" / "data").resolve()).encode()]
    found = []
    for path in glob.glob("/proc/[0-9]*"):
        try:
            text = pathlib.Path(path, "cmdline").read_bytes() + pathlib.Path(path, "environ").read_bytes()
        except OSError:
            continue
        if any(place in text for place in places) and int(os.path.basename(path)) != os.getpid():
            found.append(text[:80])
    return found


def wipe_stack(folder):
    env = dict(os.environ, STACK_DIR=str(folder / "stack"))
    subprocess.run([str(ROOT / "tools" / "stack"), "wipe"], env=env, check=True, stdout=subprocess.DEVNULL)


@pytest.fixture
def folder():
    path = ROOT / "var" / "test" / "demo"
    wipe_stack(path)
    shutil.rmtree(path, ignore_errors=True)
    yield path
    wipe_stack(path)


def is_model_mode(entry):
    return entry.get("event") == "mode_changed" and entry.get("mode") == "model"


def test_demo_goes_from_warmup_to_a_promoted_model_and_stops_on_ctrl_c(folder):
    demo = Demo(folder)
    demo.await_event(is_model_mode, "a promoted model")
    demo.interrupt()
    harness.eventually(lambda: not processes_of(folder), "nothing is left running", 20)
    assert any("admin port: http://127.0.0.1:" in line for line in demo.lines)


def test_demo_replays_candles_from_a_gzipped_file(folder, tmp_path):
    data = tmp_path / "made_btcusdt_1h.csv.gz"
    with gzip.open(data, "wt") as out:
        out.write("ts_ms,open,high,low,close,volume\n")
        for i in range(2000):
            price = 100 + (i * 7919) % 13
            out.write(f"{1700000000000 // 3600000 * 3600000 + i * 3600000},{price},{price + 1},{price - 1},{price},5\n")
    demo = Demo(folder, DATA=str(data))
    demo.await_event(lambda entry: entry.get("event") == "signal_published", "a signal")
    demo.interrupt()
    harness.eventually(lambda: not processes_of(folder), "nothing is left running", 20)
    assert any("candles of BTCUSDT, interval 3600 s" in line for line in demo.lines)
