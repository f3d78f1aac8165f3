"""The HTTP server against raw sockets and Python's own client: what it answers, and what it refuses to be told."""
import concurrent.futures
import contextlib
import gzip
import http.client
import json
import os
import re
import socket
import subprocess
import threading
import time

import pytest

PROGRAM = os.path.join(os.environ.get("BUILD_DIR", "build"), "tests", "helper", "http_serve")
KEY = "a-key-for-tests-only"
DEADLINE = 20


class Server:
    def __init__(self, **config):
        options = [f"{name}={value}" for name, value in config.items()]
        self.process = subprocess.Popen([PROGRAM, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def stop(self):
        """End its input and return (exit code, what it logged). 0 means that every libuv handle was closed."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdin = None
        _, errors = self.process.communicate(timeout=DEADLINE)
        return self.process.returncode, errors

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE)

    def client(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)

    def ask(self, method, path, body=None, **headers):
        client = self.client()
        with contextlib.closing(client):
            client.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = client.getresponse()
            answer.text = answer.read()
            return answer

    def waiting(self):
        return json.loads(self.ask("GET", "/waiting").text)


@contextlib.contextmanager
def serving(**config):
    server = Server(**config)
    try:
        yield server
    finally:
        code, errors = server.stop()
        assert code == 0, errors


@pytest.fixture(scope="module")
def server():
    with serving() as shared:
        yield shared


def eventually(condition):
    pause, end = threading.Event(), time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end
        pause.wait(0.01)


def read_all(sock):
    """Everything until the server closes."""
    received = b""
    while True:
        try:
            part = sock.recv(65536)
        except ConnectionResetError:
            return received
        if not part:
            return received
        received += part


def raw(server, data):
    with server.connect() as sock:
        sock.sendall(data)
        return read_all(sock)


def statuses(received):
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]


# ---- smuggling: one request in, one refusal out, nothing hidden runs ----

HIDDEN = b"GET /open HTTP/1.1\r\nHost: a\r\n\r\n"
SMUGGLING = {
    "two lengths": (400, b"POST /open HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(HIDDEN)),
    "two equal lengths": (400, b"POST /open HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n"),
    "length and chunked": (400, b"POST /open HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "blank before colon": (400, b"POST /open HTTP/1.1\r\nHost: a\r\nContent-Length : %d\r\n\r\n" % len(HIDDEN)),
    "tab before colon": (400, b"POST /open HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n"),
    "NUL in a value": (400, b"POST /open HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"),
    "NUL in a length": (400, b"POST /open HTTP/1.1\r\nHost: a\r\nContent-Length: 0\x001\r\n\r\n"),
    "NUL in the last value": (400, b"POST /open HTTP/1.1\r\nHost: a\0b\r\n\r\n"),
    "NUL in the target": (400, b"GET /open\0x HTTP/1.1\r\nHost: a\r\n\r\n"),
    "bare LF": (400, b"POST /open HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"),
    "bare CR": (400, b"POST /open HTTP/1.1\r\nHost: a\rX: y\r\n\r\n"),
    "folded line": (400, b"POST /open HTTP/1.1\r\nHost: a\r\n b\r\nX: y\r\n\r\n"),
    "two hosts": (400, b"POST /open HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    "no host": (400, b"POST /open HTTP/1.1\r\nX: a\r\n\r\n"),
    "two keys": (400, b"GET /closed HTTP/1.1\r\nHost: a\r\nX-API-Key: a-key-for-tests-only\r\nX-API-Key: b\r\n\r\n"),
    "unknown coding": (501, b"POST /open HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"),
    "coding list": (501, b"POST /open HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    "coding twice": (501, b"POST /open HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n"),
    "odd coding": (501, b"POST /open HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n"),
    "chunked in 1.0": (400, b"POST /open HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "broken escape": (400, b"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n"),
    "encoded NUL": (400, b"GET /open%00 HTTP/1.1\r\nHost: a\r\n\r\n"),
    "no path": (400, b"GET open HTTP/1.1\r\nHost: a\r\n\r\n"),
    "long target": (414, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"),
    "many headers": (431, b"GET /open HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 70 + b"\r\n"),
    "large headers": (431, b"GET /open HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 20000 + b"\r\n\r\n"),
}


@pytest.mark.parametrize("name", SMUGGLING)
def test_ambiguous_head_is_refused_and_nothing_behind_it_runs(server, name):
    status, head = SMUGGLING[name]
    received = raw(server, head + HIDDEN)
    assert statuses(received) == [status]
    assert b"Connection: close" in received
    assert json.loads(received.split(b"\r\n\r\n", 1)[1])["detail"]


@pytest.mark.parametrize("head", [b"Content-Length: -1", b"Content-Length: 0, 0", b"Content-Length: 99999999999999999999999",
                                  b"Content-Length:", b"no colon", b"N\0UL: a"])
def test_what_the_library_refuses_itself_is_400_too(server, head):
    received = raw(server, b"POST /open HTTP/1.1\r\nHost: a\r\n" + head + b"\r\n\r\n" + HIDDEN)
    assert received.startswith(b"HTTP/1.1 4") and b"hello" not in received


# ---- ordinary answers ----

def test_open_route_needs_no_key_and_closed_route_does(server):
    assert server.ask("GET", "/open").status == 200
    refused = server.ask("GET", "/closed")
    assert refused.status == 401 and "detail" in json.loads(refused.text)
    assert server.ask("GET", "/closed", X_API_Key=KEY + "x").status == 401
    assert server.ask("GET", "/closed", X_API_Key=KEY).status == 200


def test_unknown_path_is_404_only_for_those_with_the_key(server):
    assert server.ask("GET", "/nothing").status == 401
    assert server.ask("GET", "/nothing", X_API_Key=KEY).status == 404


def test_wrong_method_is_405_with_allow(server):
    answer = server.ask("DELETE", "/open")
    assert answer.status == 405 and answer.headers["Allow"] == "GET, HEAD, OPTIONS"


def test_options_lists_methods(server):
    answer = server.ask("OPTIONS", "/echo/a", X_API_Key=KEY)
    assert answer.status == 204 and answer.headers["Allow"] == "POST, OPTIONS"


def test_head_is_get_without_the_bytes(server):
    head, get = server.ask("HEAD", "/open"), server.ask("GET", "/open")
    assert head.status == 200 and head.text == b""
    assert head.headers["Content-Length"] == get.headers["Content-Length"] == str(len(get.text))


def test_trace_id_is_echoed_or_created(server):
    assert server.ask("GET", "/open", X_Trace_ID="abc-1").headers["X-Trace-ID"] == "abc-1"
    created = server.ask("GET", "/open").headers["X-Trace-ID"]
    assert re.fullmatch(r"[0-9a-f-]{36}", created)
    assert server.ask("GET", "/open", X_Trace_ID='a"b').headers["X-Trace-ID"] != 'a"b'


def test_parameters_arrive_typed(server):
    answer = server.ask("POST", "/echo/abc?count=3&since=2026-01-01T00:00:00", b'{"ratio": 0.5, "flag": true}',
                        X_API_Key=KEY, Content_Type="application/json")
    assert json.loads(answer.text) == {"name": "abc", "count": 3, "ratio": 0.5, "flag": True,
                                       "since": "2026-01-01T00:00:00.000000Z", "body_bytes": 28}


def test_bad_parameters_are_422_with_their_place(server):
    answer = server.ask("POST", "/echo/abc?count=11", b'{"ratio": "x"}', X_API_Key=KEY, Content_Type="application/json")
    assert answer.status == 422
    problems = json.loads(answer.text)["detail"]
    assert [(p["loc"], p["type"]) for p in problems] == [(["query", "count"], "less_than_equal"), (["body", "ratio"], "type_error")]
    assert all(p["msg"] for p in problems)


def test_a_handler_can_refuse_a_value(server):
    answer = server.ask("GET", "/refuse/x")
    assert answer.status == 422 and json.loads(answer.text)["detail"][0]["loc"] == ["path", "name"]


def test_a_body_of_another_type_is_415_and_the_connection_stays(server):
    client = server.client()
    client.request("POST", "/echo/abc", b"ratio=1", {"X-API-Key": KEY, "Content-Type": "text/plain"})
    first = client.getresponse()
    first.read()
    sock = client.sock
    client.request("GET", "/open")
    assert (first.status, client.getresponse().status, client.sock is sock) == (415, 200, True)
    client.close()


def test_one_connection_carries_many_requests(server):
    received = b""
    with server.connect() as sock:
        for _ in range(50):
            sock.sendall(HIDDEN)
        sock.sendall(b"GET /open HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        received = read_all(sock)
    assert statuses(received) == [200] * 51


def test_chunked_body_is_read(server):
    received = raw(server, b"POST /echo/abc HTTP/1.1\r\nHost: a\r\nX-API-Key: a-key-for-tests-only\r\nContent-Type: application/json\r\n"
                           b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n{\"rati\r\n6\r\no\":1 }\r\n0\r\n\r\n")
    assert statuses(received) == [200] and b'"body_bytes":12' in received


# ---- compression ----

@pytest.mark.parametrize("items", [500, 100000])
def test_large_answers_are_compressed_when_asked(server, items):
    plain = server.ask("GET", f"/big?items={items}")
    packed = server.ask("GET", f"/big?items={items}", Accept_Encoding="br;q=1, gzip;q=0.5")
    assert packed.headers["Content-Encoding"] == "gzip" and "Content-Encoding" not in plain.headers
    assert gzip.decompress(packed.text) == plain.text and len(packed.text) < len(plain.text)
    assert packed.headers["Vary"] == "Accept-Encoding"


def test_small_or_unwanted_answers_are_not_compressed(server):
    assert "Content-Encoding" not in server.ask("GET", "/open", Accept_Encoding="gzip").headers
    assert "Content-Encoding" not in server.ask("GET", "/big?items=500", Accept_Encoding="gzip;q=0").headers


# ---- answering later ----

def test_an_answer_may_come_later():
    with serving() as server, concurrent.futures.ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(server.ask, "GET", "/later") for _ in range(8)]
        eventually(lambda: server.waiting()["waiting"] == 8)
        assert json.loads(server.ask("GET", "/release").text) == {"released": 8}
        assert [json.loads(a.result(DEADLINE).text)["said"] for a in asked] == ["released"] * 8


def test_an_answer_inside_the_handler_counts_too(server):
    assert json.loads(server.ask("GET", "/at-once").text) == {"said": "at once"}


def test_an_answer_that_never_comes_is_503_and_its_promise_is_void():
    with serving(answer=50) as server:
        answer = server.ask("GET", "/never")
        assert answer.status == 503 and json.loads(answer.text)["detail"]
        assert json.loads(server.ask("GET", "/release").text) == {"released": 0}


def test_a_client_that_leaves_while_waiting_harms_nothing():
    with serving(answer=200) as server:
        with server.connect() as sock:
            sock.sendall(b"GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
            eventually(lambda: server.waiting()["waiting"] == 1)
        assert json.loads(server.ask("GET", "/release").text) == {"released": 1}
        eventually(lambda: server.waiting()["connections"] == 1)


# ---- bounds ----

def drip(sock, data):
    """Send byte by byte until the other side has had enough."""
    pause = threading.Event()
    with contextlib.suppress(OSError):
        while True:
            for byte in data:
                sock.sendall(bytes([byte]))
                pause.wait(0.005)


@pytest.mark.parametrize("opening", [b"", b"GET /op", b"GET /open HTTP/1.1\r\nHost: a\r\nX: "])
def test_slow_headers_are_hung_up_on(opening):
    with serving(header=150, idle=150) as server, server.connect() as sock:
        sock.sendall(opening)
        if opening:
            threading.Thread(target=drip, args=(sock, b"a"), daemon=True).start()
        assert read_all(sock) == b""


def test_slow_headers_on_a_kept_connection_are_hung_up_on():
    with serving(header=150, idle=150) as server, server.connect() as sock:
        sock.sendall(HIDDEN + b"GET /open HTTP/1.1\r\nX: ")
        threading.Thread(target=drip, args=(sock, b"a"), daemon=True).start()
        assert statuses(read_all(sock)) == [200]


def test_slow_body_is_hung_up_on():
    with serving(request=150) as server, server.connect() as sock:
        sock.sendall(b"POST /upload HTTP/1.1\r\nHost: a\r\nX-API-Key: a-key-for-tests-only\r\n"
                     b"Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
        threading.Thread(target=drip, args=(sock, b" "), daemon=True).start()
        assert read_all(sock) == b""


def test_a_reader_that_stops_reading_is_hung_up_on():
    with serving(request=150) as server, server.connect() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(b"GET /big?items=3000000 HTTP/1.1\r\nHost: a\r\n\r\n")
        assert sock.recv(1) == b"H"
        eventually(lambda: server.waiting()["connections"] == 1)


def post(server, n_bytes, **headers):
    body = b'{"data": "' + b"x" * (n_bytes - 12) + b'"}'
    return server.ask("POST", "/upload", body, X_API_Key=KEY, Content_Type="application/json", **headers)


def test_a_body_over_the_bound_is_413_and_one_at_the_bound_is_not(server):
    assert post(server, 8 << 20).status == 200
    assert post(server, (8 << 20) + 1).status == 413


def test_a_chunked_body_over_the_bound_is_413():
    with serving(body=1000) as server:
        client = server.client()
        client.request("POST", "/upload", iter([b"x" * 600] * 4), {"X-API-Key": KEY, "Content-Type": "application/json"},
                       encode_chunked=True)
        assert client.getresponse().status == 413
        client.close()


def test_a_body_announced_far_too_large_is_refused_unread(server):
    received = raw(server, b"POST /upload HTTP/1.1\r\nHost: a\r\nX-API-Key: a-key-for-tests-only\r\n"
                           b"Content-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n")
    assert statuses(received) == [413]


def test_expectation_is_refused_before_the_body(server):
    received = raw(server, b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n")
    assert statuses(received) == [401]


def test_all_bodies_together_are_bounded():
    with serving(bodies=1000) as server:
        assert post(server, 900).status == 200
        assert post(server, 900).status == 200  # the first one's bytes were given back
        assert post(server, 1100).status == 429


def test_connections_of_one_address_are_bounded():
    with serving(address=3) as server, contextlib.ExitStack() as stack:
        kept = [stack.enter_context(server.connect()) for _ in range(3)]
        for sock in kept:
            sock.sendall(HIDDEN)
            assert statuses(sock.recv(65536)) == [200]
        with server.connect() as sock:
            with contextlib.suppress(OSError):
                sock.sendall(HIDDEN)
            assert read_all(sock) == b""
        kept[0].close()
        eventually(lambda: statuses(raw(server, HIDDEN.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))) == [200])


# ---- stopping ----

def test_stopping_finishes_what_runs_and_takes_nothing_new():
    server = Server(drain=300)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        slow = pool.submit(server.ask, "GET", "/later")
        eventually(lambda: server.waiting()["waiting"] == 1)
        keeper = server.client()
        keeper.request("GET", "/open")
        keeper.getresponse().read()
        keeper.request("GET", "/stop")
        stopping = keeper.getresponse()
        assert stopping.status == 200 and stopping.headers["Connection"] == "close"
        stopping.read()
        with pytest.raises(ConnectionRefusedError):
            server.connect()
        assert not slow.done()
        code, errors = server.stop()
        assert slow.result(DEADLINE).status == 503
        assert code == 0, errors


def test_stopping_at_rest_is_immediate_and_closes_kept_connections():
    server = Server(drain=DEADLINE * 10000)
    with server.connect() as sock:
        sock.sendall(HIDDEN)
        assert statuses(sock.recv(65536)) == [200]
        code, errors = server.stop()
        assert code == 0, errors
        assert read_all(sock) == b""


def test_stopping_waits_for_an_answer_being_compressed():
    server = Server()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        large = [pool.submit(server.ask, "GET", "/big?items=300000", Accept_Encoding="gzip") for _ in range(4)]
        eventually(lambda: server.waiting()["connections"] > 1 or all(a.done() for a in large))
        code, errors = server.stop()
        assert code == 0, errors
        for answer in large:
            with contextlib.suppress(ConnectionError):  # those not accepted yet
                assert json.loads(gzip.decompress(answer.result(DEADLINE).text))[0] == 1015568748
