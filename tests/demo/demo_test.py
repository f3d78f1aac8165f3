"""tools/demo as a person sees it: from warm-up to a promoted model, and Ctrl-C leaves nothing running."""
import fcntl
import glob
import gzip
import json
import os
import pathlib
import pty
import select
import shutil
import signal
import subprocess
import termios
import threading

import pytest

import harness

ROOT = pathlib.Path(harness.ROOT)
PATIENCE = 900  # seconds; an idle two-core machine needs about 100


class Demo:
    def __init__(self, folder, terminal=False, **settings):
        self.folder = folder
        ours, theirs = pty.openpty() if terminal else os.pipe()
        env = dict(os.environ, DEMO_DIR=str(folder), TERM="dumb", **settings)
        env.pop("STACK_DIR", None)
        self.process = subprocess.Popen([str(ROOT / "tools" / "demo")], env=env, stdin=subprocess.DEVNULL,
                                        stdout=theirs, stderr=theirs, start_new_session=True,
                                        preexec_fn=lambda: terminal and fcntl.ioctl(theirs, termios.TIOCSCTTY, 0))
        os.close(theirs)
        self.output, self.text = ours, ""
        self.is_listening = True
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        while self.is_listening:
            readable, _, _ = select.select([self.output], [], [], 0.1)
            try:
                chunk = os.read(self.output, 65536) if readable else None
            except OSError:  # how a terminal says that nobody writes any more
                return
            if chunk == b"":
                return
            self.text += (chunk or b"").decode(errors="replace")

    def stop_listening(self):
        """What becomes of a closed terminal, or of a pipe whose reader has gone."""
        self.is_listening = False
        self.reader.join()
        os.close(self.output)

    def log(self):
        path = self.folder / "serve.log"
        if not path.exists():
            return []
        return [json.loads(line) for line in path.read_text().splitlines() if line.startswith("{") and line.endswith("}")]

    def await_event(self, wanted, what):
        def seen():
            assert self.process.poll() is None, self.text
            return any(wanted(entry) for entry in self.log())
        harness.eventually(seen, what, PATIENCE)

    def await_text(self, wanted):
        def seen():
            assert self.process.poll() is None, self.text
            return wanted in self.text
        harness.eventually(seen, wanted, PATIENCE)

    def interrupt(self):
        """What Ctrl-C does: SIGINT to the whole foreground group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def assert_gone(self, place):
        self.process.wait(90)
        self.reader.join(20)
        harness.eventually(lambda: not processes_of(self.folder, place), "nothing is left running", 20)
        assert not place.exists() and not (self.folder / "stack" / "data").is_symlink()


def data_place(folder):
    """Where broker and database store: elsewhere when their user cannot reach a checkout of root's."""
    return (folder / "stack" / "data").resolve()


def processes_of(folder, place):
    """Command lines of living processes that name the folder, or the place of the servers' data, in their command line or
    environment."""
    places = [str(folder).encode(), str(place).encode()]
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
    place = data_place(folder)
    assert processes_of(folder, place)
    demo.interrupt()
    demo.assert_gone(place)
    assert "admin port: http://127.0.0.1:" in demo.text
    assert "logs and models stay" in demo.text and (folder / "serve.log").exists()


def test_demo_stops_when_its_terminal_ends(folder):
    demo = Demo(folder, terminal=True)
    demo.await_text("Ctrl-C stops everything")
    place = data_place(folder)
    demo.stop_listening()
    demo.assert_gone(place)


def test_demo_stops_on_ctrl_c_when_nobody_reads_its_output_any_more(folder):
    demo = Demo(folder)
    demo.await_text("Ctrl-C stops everything")
    place = data_place(folder)
    demo.stop_listening()  # as tee, which the same Ctrl-C ended
    demo.interrupt()
    demo.assert_gone(place)


def test_demo_removes_no_directory_that_is_not_its_own(tmp_path):
    precious = tmp_path / "precious.txt"
    precious.write_text("kept")
    demo = Demo(tmp_path)
    assert demo.process.wait(90) == 1
    demo.reader.join(20)
    assert "is not empty and not of an earlier demo" in demo.text
    assert precious.read_text() == "kept"


def test_demo_replays_candles_from_a_gzipped_file(folder, tmp_path):
    data = tmp_path / "made_btcusdt_1h.csv.gz"
    with gzip.open(data, "wt") as out:
        out.write("ts_ms,open,high,low,close,volume\n")
        for i in range(2000):
            price = 100 + (i * 7919) % 13
            out.write(f"{1700000000000 // 3600000 * 3600000 + i * 3600000},{price},{price + 1},{price - 1},{price},5\n")
    demo = Demo(folder, DATA=str(data))
    demo.await_event(lambda entry: entry.get("event") == "signal_published", "a signal")
    place = data_place(folder)
    demo.interrupt()
    demo.assert_gone(place)
    assert "candles of BTCUSDT, interval 3600 s" in demo.text
