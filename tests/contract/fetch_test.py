"""The HTTP client of io/fetch against a server that fails in every way."""
import contextlib
import json
import os
import re
import subprocess
import threading

import pytest
from harness import eventually
from upstream_server import Fault, Reply, Upstream, http_date

PROGRAM = os.path.join(os.environ.get("BUILD_DIR", "build"), "tests", "helper", "fetch_lines")
QUICK = {"retry_min_ms": 2, "retry_max_ms": 10}


class Client:
    """The helper: ask() sends a command, answer(id) awaits its answer."""

    def __init__(self, **options):
        env = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        self.process = subprocess.Popen([PROGRAM, *[f"{name}={value}" for name, value in {**QUICK, **options}.items()]],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
        self.answers = {}
        self.n = 0

    def send(self, *words):
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        self.process.stdin.flush()

    def ask(self, url, upstream="a", header=None):
        self.n += 1
        self.send("get", self.n, upstream, url, *([header] if header else []))
        return str(self.n)

    def read(self):
        line = self.process.stdout.readline()
        assert line, "the helper ended: " + self.process.stderr.read()
        return json.loads(line)

    def answer(self, wanted):
        while wanted not in self.answers:
            got = self.read()
            self.answers[got["id"]] = got
        return self.answers.pop(wanted)

    def get(self, url, **more):
        return self.answer(self.ask(url, **more))

    def pool(self):
        self.send("pool")
        while "busy" not in (got := self.read()):
            self.answers[got["id"]] = got
        return got

    def metrics(self):
        self.send("metrics")
        while not isinstance(got := self.read(), str):
            self.answers[got["id"]] = got
        return {name: float(value) for name, value in re.findall(r"^(\w+(?:\{[^}]*\})?) (\S+)$", got, re.M)}

    def close(self):
        """End its input and return (exit code, what it logged): 0 means that every libuv handle was closed."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdin = None
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors


@contextlib.contextmanager
def client(**options):
    self = Client(**options)
    try:
        yield self
    finally:
        code, errors = self.close()
        assert code == 0, errors


def in_turn(*replies):
    """Answer the n-th request with the n-th of these, and all later ones with the last."""
    left, lock = list(replies), threading.Lock()

    def answer(_):
        with lock:
            return left.pop(0) if len(left) > 1 else left[0]
    return answer


def sockets_of(process, state):
    """TCP connections of a process in this state of /proc/net/tcp (1 established, 8 close wait)."""
    inodes = set()
    for fd in os.listdir(f"/proc/{process.pid}/fd"):
        with contextlib.suppress(OSError):
            inodes.add(os.readlink(f"/proc/{process.pid}/fd/{fd}"))
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table][1:]
    return sum(int(row[3], 16) == state and f"socket:[{row[9]}]" in inodes for row in rows)


def test_an_answer_comes_whole():
    body = {"text": "é" * 1000}
    with Upstream(lambda _: Reply(body)) as upstream, client() as fetch:
        got = fetch.get(upstream.url + "/x?a=1")
        assert (got["outcome"], got["status"], got["tries"], json.loads(got["body"])) == ("ok", 200, 1, body)
        request = upstream.requests[0]
        assert (request.method, request.path, request.query) == ("GET", "/x", {"a": "1"})
        assert request.headers["accept-encoding"] == "gzip" and request.headers["user-agent"] == "alphaloop"


def test_gzip_is_unpacked():
    with Upstream(lambda _: Reply([1] * 5000).gzipped()) as upstream, client() as fetch:
        got = fetch.get(upstream.url)
        assert got["outcome"] == "ok" and json.loads(got["body"]) == [1] * 5000


def test_a_post_carries_its_body():
    with Upstream(lambda request: Reply({"got": request.body.decode()})) as upstream, client() as fetch:
        fetch.send("post", "p", "a", upstream.url, '{"hello": "there"}')
        assert json.loads(fetch.answer("p")["body"]) == {"got": '{"hello": "there"}'}
        assert upstream.requests[0].method == "POST"


def test_connections_are_kept_alive():
    with Upstream(lambda _: Reply()) as upstream, client() as fetch:
        for _ in range(20):
            assert fetch.get(upstream.url)["outcome"] == "ok"
        assert upstream.n_connections == 1
        assert fetch.pool()["opened"] == 1


def test_many_calls_share_few_connections():
    gate = threading.Event()
    with Upstream(lambda _: Reply(pause=gate)) as upstream, client(per_upstream_max=6, keep_alive_max=3) as fetch:
        ids = [fetch.ask(upstream.url) for _ in range(40)]
        eventually(lambda: len(upstream.requests) == 6, "six running")
        pool = fetch.pool()
        assert (pool["running"], pool["waiting"], pool["busy"]) == (6, 34, 6)
        gate.set()
        assert {fetch.answer(one)["outcome"] for one in ids} == {"ok"}
        pool = fetch.pool()
        assert pool["running"] == pool["waiting"] == pool["busy"] == 0 and pool["idle"] <= 3
        eventually(lambda: sockets_of(fetch.process, 1) <= 3, "no more than three kept")


def test_all_upstreams_together_keep_the_bound():
    gate = threading.Event()
    with Upstream(lambda _: Reply(pause=gate)) as upstream, client(connections_max=5) as fetch:
        ids = [fetch.ask(upstream.url, upstream="ab"[i % 2]) for i in range(12)]
        eventually(lambda: len(upstream.requests) == 5, "five running")
        assert fetch.pool()["running"] == 5 and upstream.n_connections == 5
        gate.set()
        assert {fetch.answer(one)["outcome"] for one in ids} == {"ok"}


def test_too_many_calls_are_refused():
    gate = threading.Event()
    with Upstream(lambda _: Reply(pause=gate)) as upstream, client(calls_max=3) as fetch:
        ids = [fetch.ask(upstream.url) for _ in range(4)]
        assert fetch.answer(ids[3])["outcome"] == "refused"
        gate.set()
        assert {fetch.answer(one)["outcome"] for one in ids[:3]} == {"ok"}


def test_a_peer_that_leaves_leaves_nothing_in_close_wait():
    with Upstream(lambda _: Reply()) as upstream, client() as fetch:
        assert fetch.get(upstream.url)["outcome"] == "ok"
        eventually(lambda: fetch.pool()["idle"] == 1, "kept alive")
        upstream.hang_up()
        eventually(lambda: sockets_of(fetch.process, 1) == 0, "the connection ended")
        eventually(lambda: sockets_of(fetch.process, 8) == 0, "nothing waits to be closed")
        assert fetch.get(upstream.url)["outcome"] == "ok"
        assert upstream.n_connections == 2


@pytest.mark.parametrize("reply,outcome", [
    (Reply(status=500), "server_error"), (Reply(status=503), "server_error"), (Reply(status=429), "throttled"),
    (Reply(status=408), "server_error"), (Fault("reset"), "broken"), (Reply(b"[1, 2, 3]" * 50, cut=20), "broken"),
    (Fault("raw", b"SSH-2.0-OpenSSH_9\r\n\r\n"), "broken"), (Reply(b"<html>"), "garbage"), (Reply(b"{} {}"), "garbage"),
    (Fault("raw", b""), "broken"),
])
def test_what_may_pass_is_tried_again(reply, outcome):
    with Upstream(in_turn(reply, reply, Reply([7]))) as upstream, client() as fetch:
        got = fetch.get(upstream.url)
        assert (got["outcome"], got["tries"], got["body"]) == ("ok", 3, "[7]"), got
        assert fetch.metrics()[f'alphaloop_upstream_calls_total{{upstream="a",outcome="{outcome}"}}'] == 2
    with Upstream(lambda _: reply) as upstream, client(tries_max=3) as fetch:
        got = fetch.get(upstream.url)
        assert (got["outcome"], got["tries"], len(upstream.requests)) == (outcome, 3, 3), got


@pytest.mark.parametrize("reply,outcome", [
    (Reply(b'{"msg": "Invalid symbol."}', status=400), "rejected"), (Reply(status=404), "rejected"),
    (Reply(status=401), "rejected"), (Reply(status=302, headers=[("Location", "http://127.0.0.1:1/")]), "redirected"),
    (Reply(b"[]", content_type="text/html"), "wrong_type"), (Reply(b"[]", content_type=None), "wrong_type"),
    (Reply([1] * 100000), "too_large"), (Reply([1] * 100000).gzipped(), "too_large"),
])
def test_what_stays_so_is_not_tried_again(reply, outcome):
    with Upstream(lambda _: reply) as upstream, client(body_bytes_max=50000) as fetch:
        got = fetch.get(upstream.url)
        assert (got["outcome"], got["tries"], len(upstream.requests)) == (outcome, 1, 1), got
        if outcome == "rejected":
            assert got["body"] == reply.body.decode()


@pytest.mark.parametrize("after", ["1", lambda: http_date(2)], ids=["seconds", "date"])
def test_retry_after_is_honoured_by_every_call(after):
    value = after if isinstance(after, str) else after()
    with Upstream(in_turn(Reply(status=429, headers=[("Retry-After", value)]), Reply())) as upstream, client() as fetch:
        first = fetch.ask(upstream.url)
        eventually(lambda: upstream.requests, "the first request")
        eventually(lambda: fetch.pool()["waiting"] == 1, "it waits")
        second = fetch.ask(upstream.url)
        got = fetch.answer(first)
        assert (got["outcome"], got["tries"]) == ("ok", 2) and got["seconds"] > 0.5
        assert fetch.answer(second)["tries"] == 1
        assert len(upstream.requests) == 3


def test_a_retry_after_that_is_too_long_ends_the_call():
    with Upstream(lambda _: Reply(status=503, headers=[("Retry-After", "100000")])) as upstream, client() as fetch:
        got = fetch.get(upstream.url)
        assert (got["outcome"], got["tries"]) == ("server_error", 1)
        got = fetch.get(upstream.url)
        assert (got["outcome"], got["tries"], len(upstream.requests)) == ("throttled", 0, 1)
        assert fetch.get(upstream.url, upstream="b")["tries"] == 1


@pytest.mark.parametrize("reply,options", [
    (Fault("hang"), {"try_ms": 200}), (Reply([1] * 5000, drip=0.02), {"try_ms": 300}),
    (Reply([1] * 5000, drip=0.05), {"try_ms": 30000, "stall_ms": 1000}),
], ids=["silent", "slow", "stalled"])
def test_slow_upstreams_are_given_up(reply, options):
    with Upstream(lambda _: reply) as upstream, client(tries_max=1, **options) as fetch:
        assert fetch.get(upstream.url)["outcome"] == "timeout"


def test_the_whole_call_has_a_limit():
    with Upstream(lambda _: Reply(status=500)) as upstream, client(tries_max=1000, call_ms=300, breaker_failures=1000) as fetch:
        got = fetch.get(upstream.url)
        assert got["outcome"] == "server_error" and 1 < got["tries"] < 1000


def test_nobody_listens():
    with Upstream(lambda _: Reply()) as upstream:
        url = upstream.url
    with client() as fetch:
        got = fetch.get(url)
        assert (got["outcome"], got["tries"]) == ("unreachable", 4)


def test_a_breaker_leaves_one_upstream_alone_and_comes_back():
    down = threading.Event()
    down.set()
    with Upstream(lambda _: Reply(status=500) if down.is_set() else Reply()) as upstream, \
            client(tries_max=1, breaker_failures=3, breaker_open_ms=300) as fetch:
        assert [fetch.get(upstream.url)["outcome"] for _ in range(3)] == ["server_error"] * 3
        pool = fetch.pool()
        assert (pool["a"], pool["b"]) == ("open", "closed")
        got = fetch.get(upstream.url)
        assert (got["outcome"], got["tries"], len(upstream.requests)) == ("left_alone", 0, 3)
        assert fetch.get(upstream.url, upstream="b")["outcome"] == "server_error"
        down.clear()
        eventually(lambda: fetch.get(upstream.url)["outcome"] == "ok", "the probe")
        assert fetch.pool()["a"] == "closed"
        moves = {state: fetch.metrics()[f'alphaloop_upstream_breaker_moves_total{{upstream="a",state="{state}"}}']
                 for state in ("open", "half_open", "closed")}
        assert moves == {"open": 1, "half_open": 1, "closed": 1}


def test_a_cancelled_call_says_nothing():
    gate = threading.Event()
    with Upstream(lambda _: Reply(pause=gate)) as upstream, client() as fetch:
        gone = fetch.ask(upstream.url + "/gone")
        eventually(lambda: len(upstream.requests) == 1, "it runs")
        fetch.send("cancel", gone)
        stays = fetch.ask(upstream.url + "/stays")
        gate.set()
        assert fetch.answer(stays)["outcome"] == "ok"
        assert gone not in fetch.answers and fetch.pool()["running"] == 0


def test_closing_ends_what_runs_and_what_waits():
    with Upstream(lambda _: Fault("hang")) as upstream, Upstream(lambda _: Reply(status=429, headers=[("Retry-After", "30")])) as shy:
        fetch = Client(per_upstream_max=2)
        for _ in range(5):
            fetch.ask(upstream.url)
        fetch.ask(shy.url, upstream="b")
        eventually(lambda: len(upstream.requests) == 2 and shy.requests, "two run")
        fetch.process.stdin.close()
        answers = [json.loads(line) for line in fetch.process.stdout]
        assert [answer["outcome"] for answer in answers] == ["cancelled"] * 6
        assert fetch.process.wait(60) == 0


def test_bad_urls_are_refused():
    with client() as fetch:
        for url in ("ftp://127.0.0.1/x", "file:///etc/passwd", "gopher://127.0.0.1/", "x" * 5000, "http://a/" + "x" * 5000):
            assert fetch.get(url)["outcome"] == "refused", url
        assert fetch.get("http://")["outcome"] == "rejected"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("tls") / "both.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", path + ".key", "-out", path + ".crt"],
                   check=True, capture_output=True)
    with open(path, "w") as both:
        for part in (".key", ".crt"):
            both.write(open(path + part).read())
    return path


def test_certificates_are_verified(certificate):
    with Upstream(lambda _: Reply([1]), certificate=certificate) as upstream:
        with client() as fetch:
            got = fetch.get(upstream.url)
            assert (got["outcome"], got["tries"]) == ("untrusted", 1)
            assert not upstream.requests
        with client(ca_file=certificate + ".crt") as fetch:
            assert fetch.get(upstream.url)["outcome"] == "ok"
            assert fetch.get(upstream.url.replace("127.0.0.1", "localhost"))["outcome"] == "untrusted"
            upstream.hang_up()
            eventually(lambda: sockets_of(fetch.process, 8) == 0, "nothing waits to be closed")


def test_keys_reach_the_upstream_and_no_log():
    secret = "SECRET-0123456789"
    with Upstream(in_turn(Fault("reset"), Reply(status=401), Reply(b"<html>"))) as upstream:
        fetch = Client(breaker_failures=1, breaker_open_ms=1)
        for _ in range(4):
            fetch.get(f"{upstream.url}/?key={secret}", header=f"x-key: {secret}")
        fetch.get(f"http://127.0.0.1:1/?key={secret}")
        code, log = fetch.close()
        assert code == 0 and "upstream_fails" in log and secret not in log and "key=" not in log
        assert any(request.headers["x-key"] == secret for request in upstream.requests)
