"""An upstream that answers as told and fails in every way: the server of the tests of fetching.

    with Upstream(answer) as upstream:      # answer(request) -> Reply or Fault
        upstream.url, upstream.requests, upstream.n_connections ...

It speaks HTTP/1.1 over plain sockets, so that it can break the protocol on purpose.
"""
import contextlib
import gzip
import json
import socket
import ssl
import struct
import threading
import time
import urllib.parse


class Request:
    def __init__(self, method, target, headers, body, connection):
        self.method, self.headers, self.body, self.connection = method, headers, body, connection
        self.path, _, query = target.partition("?")
        self.query = {name: values[0] for name, values in urllib.parse.parse_qs(query).items()}


class Reply:
    """A whole answer; `cut` bytes are left out of its end, after which the connection is closed; `pause` is waited for first."""

    def __init__(self, body=b"{}", status=200, content_type="application/json", headers=(), cut=0, close=False,
                 pause=None, drip=0):
        if not isinstance(body, bytes):
            body = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.status, self.content_type, self.headers, self.cut, self.close = status, content_type, list(headers), cut, close
        self.body, self.pause, self.drip = body, pause, drip

    def gzipped(self):
        self.body = gzip.compress(self.body)
        self.headers.append(("Content-Encoding", "gzip"))
        return self

    def text(self):
        head = [f"HTTP/1.1 {self.status} X", f"Content-Length: {len(self.body)}"]
        if self.content_type:
            head.append(f"Content-Type: {self.content_type}")
        head += [f"{name}: {value}" for name, value in self.headers]
        whole = "\r\n".join(head).encode() + b"\r\n\r\n" + self.body
        return whole[:len(whole) - self.cut]


class Fault:
    """`reset` the connection, `hang` until the test ends, or send raw `bytes` and close."""

    def __init__(self, what, raw=b""):
        self.what, self.raw = what, raw


class Upstream:
    def __init__(self, answer, certificate=None):
        self.answer, self.requests, self.lock = answer, [], threading.Lock()
        self.n_connections, self.released = 0, threading.Event()
        self.sockets = []
        self.tls = None
        if certificate:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(certificate)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.released.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self.listener.close()
        self.hang_up()

    def hang_up(self):
        """Close every connection from this side."""
        with self.lock:
            sockets, self.sockets = self.sockets, []
        for sock in sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_WR)
                sock.close()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.n_connections += 1
                number = self.n_connections
            threading.Thread(target=self.serve, args=(sock, number), daemon=True).start()

    def serve(self, sock, number):
        with contextlib.suppress(OSError, ValueError):
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
            with self.lock:
                self.sockets.append(sock)
            reader = sock.makefile("rb")
            while self.one(sock, reader, number):
                pass
        with contextlib.suppress(OSError):
            sock.close()

    def one(self, sock, reader, number):
        line = reader.readline()
        if not line:
            return False
        method, target, _ = line.decode().split()
        headers = {}
        while (line := reader.readline().strip()):
            name, _, value = line.decode().partition(":")
            headers[name.strip().lower()] = value.strip()
        body = reader.read(int(headers.get("content-length", 0)))
        request = Request(method, target, headers, body, number)
        with self.lock:
            self.requests.append(request)
        reply = self.answer(request)
        return self.fail(sock, reply) if isinstance(reply, Fault) else self.reply(sock, reply)

    def reply(self, sock, reply):
        if reply.pause:
            reply.pause.wait(60)
        whole = reply.text()
        if reply.drip:  # byte by byte, until the client has had enough
            for i in range(len(whole)):
                sock.sendall(whole[i:i + 1])
                if self.released.wait(reply.drip):
                    return False
        sock.sendall(whole)
        if reply.cut or reply.close:
            sock.shutdown(socket.SHUT_RDWR)
            return False
        return True

    def fail(self, sock, fault):
        if fault.what == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif fault.what == "hang":
            self.released.wait(60)
        else:
            sock.sendall(fault.raw)
        return False


def http_date(seconds_from_now):
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + seconds_from_now))


class Market:
    """One asset's candles as three upstreams tell them: answer(request) is Binance, Bybit or CoinGecko by its path. Bars in
    `holes` (times in ms) do not exist."""

    STEPS = {"1m": 60_000, "1": 60_000, "1h": 3600_000, "60": 3600_000, "1d": 86400_000, "D": 86400_000}

    def __init__(self, holes=(), listed_ms=0):
        self.holes, self.listed_ms, self.page_max = set(holes), listed_ms, 1000

    def candle(self, ms):
        """open, high, low, close, volume, exactly representable."""
        base = 1000 + ms // 60_000 % 997
        return base, base + 2, base - 1.5, base + 0.25, ms // 60_000 % 13

    def bars(self, first, last, step):
        begin = max(first, self.listed_ms)
        begin += -begin % step
        return [ms for ms in range(begin, min(last, int(time.time() * 1000)) + 1, step) if ms not in self.holes]

    def answer(self, request):
        query = request.query
        if request.path == "/api/v3/klines":
            if query["symbol"] != "BTCUSDT":
                return Reply({"code": -1121, "msg": "Invalid symbol."}, status=400)
            step = self.STEPS[query["interval"]]
            bars = self.bars(int(query["startTime"]), int(query["endTime"]), step)[:min(self.page_max, int(query["limit"]))]
            return Reply([[ms, *map(str, self.candle(ms)), ms + step - 1, "0", 1, "0", "0", "0"] for ms in bars])
        if request.path == "/v5/market/kline":
            if query["symbol"] != "BTCUSDT":
                return Reply({"retCode": 10001, "retMsg": "Not supported symbols", "result": {}, "time": 1})
            bars = self.bars(int(query["start"]), int(query["end"]), self.STEPS[query["interval"]])[-int(query["limit"]):]
            rows = [[str(ms), *map(str, self.candle(ms)), "0"] for ms in reversed(bars)]
            return Reply({"retCode": 0, "retMsg": "OK", "result": {"category": "spot", "symbol": "BTCUSDT", "list": rows}, "time": 1})
        if request.path == "/api/v3/coins/bitcoin/market_chart/range":
            hour, late = 3600_000, 7_000  # a price seven seconds after each full hour
            prices = [[ms + hour + late, self.candle(ms)[3]]
                      for ms in self.bars(int(query["from"]) * 1000 - hour, int(query["to"]) * 1000 - hour - late, hour)]
            return Reply({"prices": prices, "market_caps": prices, "total_volumes": prices}).gzipped()
        return Reply({"status": {"error_code": 404}}, status=404)
