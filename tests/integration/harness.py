"""What integration tests share: the broker, the database and the worker of this test program.

tools/run-tests gives each test program a virtual host, a database and a key through the environment. Nothing here sleeps
for a fixed time: it awaits a log line, a message, an answer or a condition, each with a deadline.
"""
import contextlib
import json
import logging
import os
import queue
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid
from datetime import datetime, timezone

import pika
import psycopg2

PROGRAM = os.environ.get("ALPHALOOP", "build/alphaloop")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEADLINE = float(os.environ.get("TEST_DEADLINE", "30"))  # seconds; generous, because machines are shared

ORDER_EVENTS = "order-manager.order_events"
SIGNALS = "model-service.trading_signals"
POSITIONS = "position-manager.position_updated"
MARKET_QUEUES = ["ws-gateway.ticker", "ws-gateway.orderbook", "ws-gateway.kline", "ws-gateway.trades"]
logging.getLogger("pika").setLevel(logging.CRITICAL)  # a broker that is away is part of many tests

GATEWAY_ARGUMENTS = {"x-message-ttl": 86400000, "x-max-length": 100000, "x-overflow": "drop-head"}


def eventually(condition, what="condition", deadline=DEADLINE):
    """Wait until condition() is true (or returns something true) and return that."""
    pause, end = threading.Event(), time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {deadline:.0f} s; last value {value!r}")
        pause.wait(0.02)


def stack(*args):
    """tools/stack of this run's instance: stop-db, start-db, kill-broker, ..."""
    subprocess.run([os.path.join(ROOT, "tools", "stack"), *args], check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL)


# ---- broker ----

def amqp_connection():
    credentials = pika.PlainCredentials(os.environ["RABBITMQ_USER"], os.environ["RABBITMQ_PASSWORD"])
    return pika.BlockingConnection(pika.ConnectionParameters(
        os.environ["RABBITMQ_HOST"], int(os.environ["RABBITMQ_PORT"]), os.environ["RABBITMQ_VHOST"], credentials,
        heartbeat=0, connection_attempts=50, retry_delay=0.2))


def amqp_channel(confirm=True):
    channel = amqp_connection().channel()
    if confirm:
        channel.confirm_delivery()
    return channel


def declare_neighbour_queues(channel):
    """The queues as ws-gateway, order-manager and position-manager declare them."""
    for name in (ORDER_EVENTS, SIGNALS, POSITIONS):
        channel.queue_declare(name, durable=True)
    for name in MARKET_QUEUES:
        channel.queue_declare(name, durable=True, arguments=GATEWAY_ARGUMENTS)


def purge(channel, *names):
    for name in names or (ORDER_EVENTS, SIGNALS, POSITIONS, *MARKET_QUEUES):
        channel.queue_purge(name)


def queue_depth(channel, name):
    """Messages that are ready (not those delivered and unacknowledged)."""
    return channel.queue_declare(name, passive=True).method.message_count


class Message:
    def __init__(self, method, properties, body):
        self.method, self.properties, self.body = method, properties, body

    def json(self):
        return json.loads(self.body)


def take_message(channel, name):
    """The next message of a queue, acknowledged, or None."""
    method, properties, body = channel.basic_get(name, auto_ack=True)
    return Message(method, properties, body) if method else None


def await_message(channel, name, deadline=DEADLINE):
    return eventually(lambda: take_message(channel, name), f"a message in {name}", deadline)


def publish(channel, name, body, headers=None):
    if not isinstance(body, (bytes, str)):
        body = json.dumps(body)
    channel.basic_publish("", name, body, pika.BasicProperties(content_type="application/json", delivery_mode=2,
                                                               headers=headers))


# ---- database ----

@contextlib.contextmanager
def db():
    connection = psycopg2.connect(host=os.environ["POSTGRES_HOST"], port=os.environ["POSTGRES_PORT"],
                                  dbname=os.environ["POSTGRES_DB"], user=os.environ["POSTGRES_USER"],
                                  password=os.environ["POSTGRES_PASSWORD"],
                                  options=f"-c search_path={os.environ.get('POSTGRES_SCHEMA', 'alphaloop')},public")
    connection.autocommit = True
    try:
        yield connection
    finally:
        connection.close()


def query(connection, sql, *args):
    with connection.cursor() as cursor:
        cursor.execute(sql, args or None)
        return cursor.fetchall() if cursor.description else cursor.rowcount


# ---- the program ----

def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run(role, *args, deadline=120, **settings):
    """One role to its end. Settings are environment variables; None removes one."""
    env = dict(os.environ)
    for name, value in settings.items():
        env.pop(name, None)
        if value is not None:
            env[name] = str(value)
    return subprocess.run([PROGRAM, role, *args], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=deadline, cwd=ROOT)


class Answer:
    def __init__(self, code, headers, body):
        self.code, self.headers, self.body = code, headers, body

    def json(self):
        return json.loads(self.body)


class Worker:
    """`alphaloop serve` with settings, its log lines, and its admin port.

        with harness.Worker(TRADING_ASSETS="BTCUSDT") as worker:
            worker.await_ready()
            worker.get("/api/v1/models").json()
    """

    def __init__(self, *args, role="serve", **settings):
        self.folder = tempfile.TemporaryDirectory(prefix="alphaloop-")
        self.port = free_port()
        self.args, self.role = args, role
        self.env = dict(os.environ, MODEL_SERVICE_HOST="127.0.0.1", MODEL_SERVICE_PORT=str(self.port),
                        MODEL_STORAGE_PATH=os.path.join(self.folder.name, "models"))
        self.env.setdefault("MODEL_SERVICE_API_KEY", "integration-test-key")
        self.env.update({name: str(value) for name, value in settings.items()})
        self.key = self.env["MODEL_SERVICE_API_KEY"]
        self.process = self.reader = None
        self.lines = []
        self.news = queue.Queue()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, failed, *_):
        self.stop()
        if failed:
            print("".join(self.lines[-200:]))
        self.folder.cleanup()
        if not failed:
            self.check_sanitizers()

    def check_sanitizers(self):
        """A sanitized worker's complaints, of which those about leaks come after its last word."""
        if self.reader is not None:
            self.reader.join(DEADLINE)
        complaints = [line for line in self.lines if "Sanitizer" in line or "runtime error:" in line]
        assert not complaints, "".join(self.lines[-200:])

    def start(self):
        self.process = subprocess.Popen([PROGRAM, self.role, *self.args], env=self.env, cwd=ROOT, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.news = queue.Queue()  # of this start: what an earlier one said is only in self.lines
        self.reader = threading.Thread(target=self._read, args=(self.process.stderr, self.news), daemon=True)
        self.reader.start()

    def _read(self, stream, news):
        for line in stream:
            self.lines.append(line)
            news.put(line)
        news.put(None)

    def await_log(self, deadline=DEADLINE, **fields):
        """The next unread log line that has all these fields: await_log(event="connected", room="amqp")."""
        end = time.monotonic() + deadline
        while True:
            try:
                line = self.news.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no log line with {fields} within {deadline:.0f} s") from None
            if line is None:
                raise AssertionError(f"the worker ended without a log line with {fields}")
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                if all(entry.get(name) == value for name, value in fields.items()):
                    return entry

    def request(self, method, path, body=None, key=True, headers=None):
        """An HTTP answer whatever its code; ConnectionError while nobody listens."""
        headers = dict(headers or {})
        if key:
            headers["X-API-Key"] = self.key if key is True else key
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read())
        except urllib.error.URLError as error:
            raise ConnectionError(str(error.reason)) from None

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, body=None, **options):
        return self.request("POST", path, body if body is not None else {}, **options)

    def _is_ready(self):
        assert self.process.poll() is None, f"the worker ended with {self.process.returncode}:\n" + "".join(self.lines[-50:])
        with contextlib.suppress(ConnectionError, OSError):
            return self.get("/health/ready", key=False).code == 200
        return False

    def await_ready(self, deadline=DEADLINE):
        eventually(self._is_ready, "the worker is ready", deadline)
        return self

    def metric(self, name, **labels):
        """Sum of a metric's series that have these labels; 0 when absent."""
        total = 0.0
        for line in self.get("/metrics").body.decode().splitlines():
            series, _, value = line.rpartition(" ")
            if series.partition("{")[0] == name and all(f'{k}="{v}"' in series for k, v in labels.items()):
                total += float(value)
        return total

    def await_metric(self, name, at_least, deadline=DEADLINE, **labels):
        return eventually(lambda: self.metric(name, **labels) >= at_least, f"{name} >= {at_least}", deadline)

    def kill(self):
        """kill -9, and the corpse collected."""
        self.process.kill()
        self.process.wait()

    def stop(self, how=signal.SIGTERM, deadline=30):
        """End it politely; returns the exit code."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(deadline)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"the worker did not end within {deadline} s of signal {how}") from None
        return self.process.returncode


# ---- messages as the neighbours send them ----

def now_text(offset_seconds=0.0):
    return datetime.fromtimestamp(time.time() + offset_seconds, timezone.utc).isoformat().replace("+00:00", "Z")


def order_event(signal_id, event_type="filled", order_id=None, asset="BTCUSDT", side="buy", quantity="0.01000000",
                filled="0.01000000", price="50000.00000000", fees="0.05000000", **fields):
    """The nested shape of contract 3.1; further top-level fields by keyword."""
    now = now_text()
    event = {
        "event_id": str(uuid.uuid4()), "event_type": event_type, "timestamp": now, "trace_id": uuid.uuid4().hex,
        "order": {
            "id": str(uuid.uuid4()), "order_id": order_id or str(uuid.uuid4()), "signal_id": signal_id, "asset": asset,
            "side": side, "order_type": "market", "quantity": quantity, "price": None, "status": event_type,
            "filled_quantity": filled, "average_price": price if filled not in (None, "0") else None, "fees": fees,
            "created_at": now, "updated_at": now, "executed_at": now, "is_dry_run": False,
        },
        "execution_details": {"execution_latency_seconds": 0.1, "fill_percentage": 100.0, "remaining_quantity": "0E-8"},
        "market_conditions": {"spread": "1.0", "volume_24h": "1000.0", "volatility": "0.001"},
    }
    event.update(fields)
    return event


def gateway_message(kind, symbol, payload, ts=None):
    topic = {"ticker": "tickers", "orderbook": "orderbook.50", "kline": "kline.1", "trades": "publicTrade"}[kind]
    now = ts or now_text()
    return {"event_id": str(uuid.uuid4()), "event_type": kind, "topic": f"{topic}.{symbol}", "timestamp": now,
            "received_at": now, "payload": payload, "trace_id": uuid.uuid4().hex}


def ticker(symbol="BTCUSDT", price=50000.0, spread=1.0, volume=1000.0):
    return gateway_message("ticker", symbol, {
        "symbol": symbol, "lastPrice": str(price), "volume24h": str(volume), "bid1Price": str(price - spread / 2),
        "ask1Price": str(price + spread / 2), "bid1Size": "1.5", "ask1Size": "1.5"})


def order_book(symbol="BTCUSDT", price=50000.0, spread=1.0, levels=10):
    step = spread / 2
    return gateway_message("orderbook", symbol, {
        "s": symbol, "b": [[str(price - step * (i + 1)), "1.0"] for i in range(levels)],
        "a": [[str(price + step * (i + 1)), "1.0"] for i in range(levels)]})


def candle(symbol="BTCUSDT", start_ms=None, price=50000.0, interval="1", confirm=True):
    start_ms = start_ms if start_ms is not None else int(time.time() // 60 * 60 - 60) * 1000
    return gateway_message("kline", symbol, {
        "start": start_ms, "open": str(price), "high": str(price * 1.0005), "low": str(price * 0.9995), "close": str(price),
        "volume": "10.0", "interval": interval, "confirm": confirm})
