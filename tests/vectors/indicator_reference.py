#!/usr/bin/python3
"""Reference values of every indicator, computed the slow and obvious way: each value from all inputs so far, straight from
the published formula, with nothing kept between steps. Independent of the C code: only the formulas are shared.

    indicator_reference.py            write tests/vectors/indicator/*.txt
    indicator_reference.py --check    exit 1 when a file is not what it would write

A function is named like its indicator and returns the value after the last input, or None while warming up or missing.
Inputs are made once from a seed, written to input_<feed>.txt, and read back from there, so that both sides see the same
decimal text.
"""
import datetime
import math
import pathlib
import random
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE / "indicator"
TABLES = HERE.parent.parent / "include" / "alphaloop" / "tbl"
SIGMA = 0.0005
EPOCH_MS = 1_700_000_000_000  # times are kept as seconds since then, so that no digit is lost in a double
NAN = float("nan")

# name -> (feed, [(option, default)], further cases)
INDICATORS = {}


def indicator(feed, options=(), cases=()):
    def register(function):
        INDICATORS[function.__name__] = (feed, list(options), list(cases), function)
        return function
    return register


def mean(values):
    return sum(values) / len(values)


def deviation(values):
    middle = mean(values)
    return 0.0 if len(set(values)) == 1 else math.sqrt(mean([(v - middle) ** 2 for v in values]))


def ema_series(values, period, alpha):
    """Means after each input from the period-th on, begun with a plain mean."""
    series = []
    for i in range(period - 1, len(values)):
        series.append(mean(values[:period]) if not series else series[-1] + alpha * (values[i] - series[-1]))
    return series


def ema(values, period):
    return ema_series(values, period, 2 / (period + 1))


def wilder(values, period):
    return ema_series(values, period, 1 / period)


def closes(candles):
    return [c["close"] for c in candles]


def log_steps(candles):
    c = closes(candles)
    return [math.log(b / a) for a, b in zip(c, c[1:])]


def scaled(log_return, seconds):
    return max(-20.0, min(20.0, log_return / max(SIGMA * math.sqrt(seconds / 60), 1e-8)))


# --- candles

@indicator("candle", [("lag", 1)], [[7]])
def log_return(candles, lag):
    return None if len(candles) < lag + 1 else math.log(candles[-1]["close"] / candles[-1 - lag]["close"])


@indicator("candle", [("lag", 1), ("period", 30)], [[4, 9], [12, 5]])
def scaled_return(candles, lag, period):
    if len(candles) < max(lag, period) + 1:
        return None
    usual = math.sqrt(mean([r * r for r in log_steps(candles)[-period:]]) * lag)
    moved = math.log(candles[-1]["close"] / candles[-1 - lag]["close"])
    return 0.0 if usual < 1e-12 else max(-20.0, min(20.0, moved / usual))


@indicator("candle", [("period", 10)], [[1]])
def roc(candles, period):
    return None if len(candles) < period + 1 else 100 * (candles[-1]["close"] / candles[-1 - period]["close"] - 1)


@indicator("candle", [("period", 14)], [[2], [5]])
def rsi(candles, period):
    if len(candles) < period + 1:
        return None
    c = closes(candles)
    changes = [b - a for a, b in zip(c, c[1:])]
    gain = wilder([max(x, 0) for x in changes], period)[-1]
    loss = wilder([max(-x, 0) for x in changes], period)[-1]
    if gain + loss == 0:
        return 50.0
    return 100.0 if loss == 0 else 100 - 100 / (1 + gain / loss)


@indicator("candle", [("fast", 12), ("slow", 26), ("signal", 9)], [[3, 7, 4]])
def macd_histogram(candles, fast, slow, signal):
    if len(candles) < slow + signal - 1:
        return None
    c = closes(candles)
    fasts, slows = ema(c, fast), ema(c, slow)
    macd = [f - s for f, s in zip(fasts[slow - fast:], slows)]
    return 1e4 * (macd[-1] - ema(macd, signal)[-1]) / c[-1]


@indicator("candle", [("fast", 12), ("slow", 26)], [[3, 7]])
def macd_line(candles, fast, slow):
    if len(candles) < slow:
        return None
    return 1e4 * (ema(closes(candles), fast)[-1] - ema(closes(candles), slow)[-1]) / candles[-1]["close"]


@indicator("candle", [("fast", 12), ("slow", 26), ("signal", 9)], [[3, 7, 4]])
def macd_signal(candles, fast, slow, signal):
    lines = [macd_line(candles[:n], fast, slow) for n in range(slow, len(candles) + 1)]
    if len(lines) < signal:
        return None
    prices = [line / 1e4 * candle["close"] for line, candle in zip(lines, candles[slow - 1:])]
    return 1e4 * ema(prices, signal)[-1] / candles[-1]["close"]


def bands(candles, period, width):
    c = closes(candles)[-period:]
    return mean(c), mean(c) - width * deviation(c), mean(c) + width * deviation(c)


@indicator("candle", [("period", 20), ("width", 2)], [[5, 1.5]])
def bollinger_position(candles, period, width):
    if len(candles) < period:
        return None
    _, lower, upper = bands(candles, period, width)
    return 0.5 if upper == lower else (candles[-1]["close"] - lower) / (upper - lower)


@indicator("candle", [("period", 20), ("width", 2)], [[5, 1.5]])
def bollinger_width(candles, period, width):
    if len(candles) < period:
        return None
    middle, lower, upper = bands(candles, period, width)
    return (upper - lower) / middle


@indicator("candle", [("side", 1), ("period", 20), ("width", 2)], [[-1, 5, 1.5]])
def bollinger_band(candles, side, period, width):
    if len(candles) < period:
        return None
    _, lower, upper = bands(candles, period, width)
    close = candles[-1]["close"]
    return (upper - close) / close if side == 1 else (close - lower) / close


def true_ranges(candles):
    return [max(b["high"] - b["low"], abs(b["high"] - a["close"]), abs(b["low"] - a["close"]))
            for a, b in zip(candles, candles[1:])]


@indicator("candle", [("period", 14)], [[1], [4]])
def atr_ratio(candles, period):
    return None if len(candles) < period + 1 else wilder(true_ranges(candles), period)[-1] / candles[-1]["close"]


def movements(candles):
    plus, minus = [], []
    for a, b in zip(candles, candles[1:]):
        up, down = b["high"] - a["high"], a["low"] - b["low"]
        plus.append(up if up > down and up > 0 else 0.0)
        minus.append(down if down > up and down > 0 else 0.0)
    return plus, minus


def directional_indexes(candles, period):
    plus, minus = movements(candles)
    ranges = wilder(true_ranges(candles), period)
    return [(100 * p / r, 100 * m / r) if r else (0.0, 0.0)
            for p, m, r in zip(wilder(plus, period), wilder(minus, period), ranges)]


@indicator("candle", [("period", 14)], [[3]])
def di_difference(candles, period):
    if len(candles) < period + 1:
        return None
    plus, minus = directional_indexes(candles, period)[-1]
    return plus - minus


@indicator("candle", [("side", 1), ("period", 14)], [[1, 3], [-1, 3]])
def directional_index(candles, side, period):
    if len(candles) < period + 1:
        return None
    plus, minus = directional_indexes(candles, period)[-1]
    return plus if side == 1 else minus


@indicator("candle", [("period", 14)], [[3]])
def adx(candles, period):
    if len(candles) < 2 * period:
        return None
    dx = [100 * abs(p - m) / (p + m) if p + m else 0.0 for p, m in directional_indexes(candles, period)]
    return wilder(dx, period)[-1]


@indicator("candle", [("period", 14), ("smooth", 3)], [[5, 1]])
def stochastic(candles, period, smooth):
    if len(candles) < period + smooth - 1:
        return None
    ks = []
    for back in range(smooth):
        end = len(candles) - back
        window = candles[end - period:end]
        low, high = min(c["low"] for c in window), max(c["high"] for c in window)
        ks.append(50.0 if high == low else 100 * (window[-1]["close"] - low) / (high - low))
    return mean(ks)


@indicator("candle", [("period", 20)], [[1], [6]])
def ema_distance(candles, period):
    return None if len(candles) < period else candles[-1]["close"] / ema(closes(candles), period)[-1] - 1


@indicator("candle", [("fast", 5), ("slow", 20)], [[2, 9]])
def ema_cross(candles, fast, slow):
    if len(candles) < slow:
        return None
    return ema(closes(candles), fast)[-1] / ema(closes(candles), slow)[-1] - 1


@indicator("candle", [("period", 20)], [[6]])
def sma_distance(candles, period):
    return None if len(candles) < period else candles[-1]["close"] / mean(closes(candles)[-period:]) - 1


@indicator("candle", [("period", 20)], [[4]])
def realised_volatility(candles, period):
    return None if len(candles) < period + 1 else math.sqrt(mean([r * r for r in log_steps(candles)[-period:]]))


@indicator("candle", [("period", 20)], [[1]])
def parkinson_volatility(candles, period):
    if len(candles) < period:
        return None
    return math.sqrt(mean([math.log(c["high"] / c["low"]) ** 2 for c in candles[-period:]]) / (4 * math.log(2)))


@indicator("candle", [("period", 20)], [[3]])
def garman_klass_volatility(candles, period):
    if len(candles) < period:
        return None
    parts = [0.5 * math.log(c["high"] / c["low"]) ** 2 - (2 * math.log(2) - 1) * math.log(c["close"] / c["open"]) ** 2
             for c in candles[-period:]]
    return math.sqrt(max(mean(parts), 0))


@indicator("candle", [("period", 20)], [[1]])
def rogers_satchell_volatility(candles, period):
    if len(candles) < period:
        return None
    parts = [math.log(c["high"] / c["close"]) * math.log(c["high"] / c["open"])
             + math.log(c["low"] / c["close"]) * math.log(c["low"] / c["open"]) for c in candles[-period:]]
    return math.sqrt(max(mean(parts), 0))


@indicator("candle", [("period", 10), ("range", 14)], [[12, 3]])
def momentum(candles, period, range):
    if len(candles) < max(period, range) + 1:
        return None
    unit = wilder(true_ranges(candles), range)[-1]
    return 0.0 if unit == 0 else (candles[-1]["close"] - candles[-1 - period]["close"]) / unit


@indicator("candle", [("fast", 5), ("slow", 30)], [[1, 8]])
def volatility_ratio(candles, fast, slow):
    if len(candles) < slow + 1:
        return None
    squares = [r * r for r in log_steps(candles)]
    usual = mean(squares[-slow:])
    return 1.0 if usual == 0 else math.sqrt(mean(squares[-fast:]) / usual)


@indicator("candle", [("period", 20)], [[5]])
def volume_zscore(candles, period):
    volumes = [c["volume"] for c in candles[-period:]]
    if len(volumes) < period or any(math.isnan(v) for v in volumes):
        return None
    return 0.0 if deviation(volumes) == 0 else (volumes[-1] - mean(volumes)) / deviation(volumes)


@indicator("candle", [("period", 20)], [[1], [7]])
def donchian_position(candles, period):
    if len(candles) < period:
        return None
    low, high = min(c["low"] for c in candles[-period:]), max(c["high"] for c in candles[-period:])
    return 0.5 if high == low else (candles[-1]["close"] - low) / (high - low)


@indicator("candle", [("side", 1), ("period", 20)], [[1, 1], [-1, 7]])
def donchian_band(candles, side, period):
    if len(candles) < period:
        return None
    close = candles[-1]["close"]
    if side == 1:
        return (max(c["high"] for c in candles[-period:]) - close) / close
    return (close - min(c["low"] for c in candles[-period:])) / close


@indicator("candle", [("period", 20)], [[1], [7]])
def donchian_width(candles, period):
    if len(candles) < period:
        return None
    low, high = min(c["low"] for c in candles[-period:]), max(c["high"] for c in candles[-period:])
    return 2 * (high - low) / (high + low)


@indicator("candle")
def candle_body(candles):
    c = candles[-1]
    return 0.0 if c["high"] == c["low"] else (c["close"] - c["open"]) / (c["high"] - c["low"])


def typical(candle):
    return (candle["high"] + candle["low"] + candle["close"]) / 3


@indicator("candle", [("period", 14)], [[3]])
def money_flow_index(candles, period):
    if len(candles) < period + 1:
        return None
    up = down = 0.0
    for a, b in list(zip(candles, candles[1:]))[-period:]:
        flow = typical(b) * b["volume"]
        if math.isnan(flow):
            return None
        up += flow if typical(b) > typical(a) else 0
        down += flow if typical(b) < typical(a) else 0
    return 50.0 if up + down == 0 else 100 * up / (up + down)


@indicator("candle", [("period", 20)], [[3]])
def vwap_distance(candles, period):
    window = candles[-period:]
    if len(window) < period or any(math.isnan(c["volume"]) for c in window):
        return None
    volume = sum(c["volume"] for c in window)
    return 0.0 if volume == 0 else candles[-1]["close"] * volume / sum(typical(c) * c["volume"] for c in window) - 1


@indicator("candle", [("period", 25)], [[4]])
def aroon(candles, period):
    window = candles[-period - 1:]
    if len(window) < period + 1:
        return None
    ages = range(len(window))
    since_high = min(ages, key=lambda age: (-window[-1 - age]["high"], age))
    since_low = min(ages, key=lambda age: (window[-1 - age]["low"], age))
    return 100 * (period - since_high) / period - 100 * (period - since_low) / period


@indicator("candle", [("period", 20)], [[5]])
def cci(candles, period):
    prices = [typical(c) for c in candles[-period:]]
    if len(prices) < period:
        return None
    if len(set(prices)) == 1:
        return 0.0
    return (prices[-1] - mean(prices)) / (0.015 * mean([abs(p - mean(prices)) for p in prices]))


@indicator("candle", [("period", 10)], [[3]])
def efficiency_ratio(candles, period):
    if len(candles) < period + 1:
        return None
    c = closes(candles)[-period - 1:]
    return ratio(c[-1] - c[0], sum(abs(b - a) for a, b in zip(c, c[1:])))


@indicator("candle", [("period", 20), ("range", 10), ("width", 2)], [[3, 6, 1.5]])
def keltner_position(candles, period, range, width):
    if len(candles) < max(period, range + 1):
        return None
    middle, half = ema(closes(candles), period)[-1], width * wilder(true_ranges(candles), range)[-1]
    return 0.5 if half == 0 else (candles[-1]["close"] - (middle - half)) / (2 * half)


@indicator("candle", [("side", 1), ("period", 20), ("range", 10), ("width", 2)], [[-1, 3, 6, 1.5]])
def keltner_band(candles, side, period, range, width):
    if len(candles) < max(period, range + 1):
        return None
    middle, half = ema(closes(candles), period)[-1], width * wilder(true_ranges(candles), range)[-1]
    close = candles[-1]["close"]
    return (middle + half - close) / close if side == 1 else (close - (middle - half)) / close


@indicator("candle", [("period", 20), ("range", 10), ("width", 2)], [[3, 6, 1.5]])
def keltner_width(candles, period, range, width):
    if len(candles) < max(period, range + 1):
        return None
    middle, half = ema(closes(candles), period)[-1], width * wilder(true_ranges(candles), range)[-1]
    return ((middle + half) - (middle - half)) / middle


@indicator("candle", [("period", 20)], [[3]])
def chaikin_money_flow(candles, period):
    window = candles[-period:]
    if len(window) < period or any(math.isnan(c["volume"]) for c in window):
        return None
    multiplier = [ratio(2 * c["close"] - c["high"] - c["low"], c["high"] - c["low"]) for c in window]
    return ratio(sum(m * c["volume"] for m, c in zip(multiplier, window)), sum(c["volume"] for c in window))


@indicator("candle", [("period", 13)], [[1], [4]])
def force_index(candles, period):
    forces = [(b["close"] - a["close"]) * b["volume"] for a, b in zip(candles, candles[1:])]
    known = [f for f in forces if not math.isnan(f)]
    if len(known) < period:
        return None
    return ratio(ema(known, period)[-1], ema([abs(f) for f in known], period)[-1])


def normal_cdf(z):
    return (1 + math.erf(z / math.sqrt(2))) / 2


@indicator("candle", [("period", 20)], [[6]])
def bulk_volume_imbalance(candles, period):
    if len(candles) < 2 * period:
        return None
    c = closes(candles)
    changes = [b - a for a, b in zip(c, c[1:])]
    bought = sold = 0.0
    for i in range(len(changes) - period, len(changes)):
        volume, spread = candles[i + 1]["volume"], deviation(changes[i + 1 - period:i + 1])
        if math.isnan(volume):
            return None
        buys = normal_cdf(changes[i] / spread) if spread > 0 else 0.5
        bought += volume * buys
        sold += volume * (1 - buys)
    return ratio(bought - sold, bought + sold)


@indicator("candle", [("period", 20)], [[3]])
def obv_trend(candles, period):
    if len(candles) < period + 1:
        return None
    net = total = 0.0
    for a, b in list(zip(candles, candles[1:]))[-period:]:
        if math.isnan(b["volume"]):
            return None
        total += b["volume"]
        net += b["volume"] if b["close"] > a["close"] else -b["volume"] if b["close"] < a["close"] else 0
    return ratio(net, total)


@indicator("candle", [("period", 9)], [[1], [3]])
def trix(candles, period):
    if len(candles) < 3 * period - 1:
        return None
    third = ema(ema(ema(closes(candles), period), period), period)
    return 1e4 * (third[-1] / third[-2] - 1)


@indicator("candle", [("period", 14)], [[4]])
def williams_r(candles, period):
    if len(candles) < period:
        return None
    low, high = min(c["low"] for c in candles[-period:]), max(c["high"] for c in candles[-period:])
    return -50.0 if high == low else -100 * (high - candles[-1]["close"]) / (high - low)


@indicator("candle", [("period", 20)], [[4]])
def wma_distance(candles, period):
    if len(candles) < period:
        return None
    weights = list(range(1, period + 1))
    return candles[-1]["close"] / (sum(w * c for w, c in zip(weights, closes(candles)[-period:])) / sum(weights)) - 1


# --- trades: the moment is half a second after the last one

def warm(inputs, now, seconds):
    return now - inputs[0]["ts"] >= seconds


def fading(trades, now, seconds, amount):
    return sum(amount(t) * math.exp(-(now - t["ts"]) / seconds) for t in trades)


def ratio(part, whole, empty=0.0):
    return empty if whole == 0 else part / whole


@indicator("trade", [("seconds", 60)], [[5]])
def trade_imbalance(trades, now, seconds):
    if not warm(trades, now, seconds):
        return None
    return ratio(fading(trades, now, seconds, lambda t: t["side"] * t["qty"]), fading(trades, now, seconds, lambda t: t["qty"]))


@indicator("trade", [("seconds", 60)], [[5]])
def trade_count_imbalance(trades, now, seconds):
    if not warm(trades, now, seconds):
        return None
    return ratio(fading(trades, now, seconds, lambda t: t["side"]), fading(trades, now, seconds, lambda t: 1))


def rate(trades, now, seconds, amount):
    age = now - trades[0]["ts"]
    return fading(trades, now, seconds, amount) / (seconds * (1 - math.exp(-age / seconds)))


@indicator("trade", [("fast", 10), ("slow", 300)], [[3, 20]])
def trade_flow(trades, now, fast, slow):
    if not warm(trades, now, fast):
        return None
    return ratio(rate(trades, now, fast, lambda t: t["side"] * t["qty"]), rate(trades, now, slow, lambda t: t["qty"]))


@indicator("trade", [("fast", 10), ("slow", 300)], [[3, 20]])
def trade_rate_ratio(trades, now, fast, slow):
    if not warm(trades, now, fast):
        return None
    return ratio(rate(trades, now, fast, lambda t: 1), rate(trades, now, slow, lambda t: 1))


USUAL = {}  # a rate at a trade's own time depends on nothing later: kept, or this file would take minutes


def usual_rate(trades, i, memory):
    key = (id(trades[i]), memory)
    if key not in USUAL:
        USUAL[key] = rate(trades[:i + 1], trades[i]["ts"], memory, lambda t: t["qty"])
    return USUAL[key]


@indicator("trade", [("buckets", 50), ("seconds", 5), ("memory", 600)], [[10, 3, 60], [40, 0.1, 30]])
def vpin(trades, now, buckets, seconds, memory):
    """On the axis of traded volume: every trade is a stretch of one sign, every bucket a stretch across them."""
    if not warm(trades, now, buckets * seconds):
        return None
    stretches, end = [], 0.0
    for i, trade in enumerate(trades):
        if trade["ts"] - trades[0]["ts"] >= seconds:
            stretches.append((i, end, end + trade["qty"], trade["side"]))
            end += trade["qty"]
    full, begin, at = [], 0.0, 0
    while stretches:
        while stretches[at][2] < begin - 1e-12:
            at += 1
        size = seconds * usual_rate(trades, stretches[at][0], memory)
        if begin + size > end:
            break
        net, k = 0.0, at
        while k < len(stretches) and stretches[k][1] < begin + size:
            net += stretches[k][3] * (min(stretches[k][2], begin + size) - max(stretches[k][1], begin))
            k += 1
        full.append((abs(net), size))
        begin += size
    if len(full) < buckets:
        return None
    return sum(net for net, _ in full[-buckets:]) / sum(size for _, size in full[-buckets:])


@indicator("trade", [("seconds", 60)], [[5]])
def trade_vwap_distance(trades, now, seconds):
    if not warm(trades, now, seconds):
        return None
    volume = fading(trades, now, seconds, lambda t: t["qty"])
    vwap = fading(trades, now, seconds, lambda t: t["qty"] * t["price"]) / volume
    return scaled(math.log(trades[-1]["mid"] / vwap), seconds)


# --- quotes: the moment is a quarter of a second after the last one

@indicator("quote", [("seconds", 60)], [[7]])
def mid_return(quotes, now, seconds):
    if now - quotes[0]["ts"] < 1.1 * seconds + 1e-9:
        return None
    bucket_ms = seconds * 100
    edge_ms = (EPOCH_MS + round(now * 1000) - seconds * 1000) // bucket_ms * bucket_ms
    then = [q for q in quotes if EPOCH_MS + round(q["ts"] * 1000) < edge_ms]
    if not then or now - then[-1]["ts"] > 2 * seconds + 60:
        return None
    return scaled(math.log(quotes[-1]["mid"] / then[-1]["mid"]), seconds)


def mean_over_time(quotes, now, seconds, value):
    """A value holds until the next one; the first is taken to have held for ever."""
    total = value(quotes[0]) * math.exp(-(now - quotes[0]["ts"]) / seconds)
    ends = [q["ts"] for q in quotes[1:]] + [now]
    for quote, end in zip(quotes, ends):
        total += value(quote) * (math.exp(-(now - end) / seconds) - math.exp(-(now - quote["ts"]) / seconds))
    return total


@indicator("quote", [("seconds", 60)], [[5]])
def mid_mean_distance(quotes, now, seconds):
    if not warm(quotes, now, seconds):
        return None
    return scaled(math.log(quotes[-1]["mid"]) - mean_over_time(quotes, now, seconds, lambda q: math.log(q["mid"])), seconds)


@indicator("quote", [("seconds", 60)], [[5]])
def quote_volatility_ratio(quotes, now, seconds):
    if not warm(quotes, now, seconds):
        return None
    total = sum(math.log(b["mid"] / a["mid"]) ** 2 * math.exp(-(now - b["ts"]) / seconds) for a, b in zip(quotes, quotes[1:]))
    norm = seconds * (1 - math.exp(-(now - quotes[0]["ts"]) / seconds))
    return min(100.0, math.sqrt(60 * total / norm) / SIGMA)


def spread(quote):
    return (quote["ask"] - quote["bid"]) / quote["mid"]


@indicator("quote")
def spread_bps(quotes, now):
    return 1e4 * spread(quotes[-1])


@indicator("quote", [("seconds", 300)], [[5]])
def spread_ratio(quotes, now, seconds):
    return None if not warm(quotes, now, seconds) else spread(quotes[-1]) / mean_over_time(quotes, now, seconds, spread)


@indicator("quote", [("seconds", 300)], [[10]])
def spread_rank(quotes, now, seconds):
    if not warm(quotes, now, seconds):
        return None
    piece_ms, cents = seconds * 20, {}
    for q in quotes:
        cents[(EPOCH_MS + round(q["ts"] * 1000)) // piece_ms] = round(100 * (q["ask"] - q["bid"]))
    newest = (EPOCH_MS + round(now * 1000)) // piece_ms
    samples = [value for piece, value in cents.items() if newest - piece < 50]
    last = round(100 * (quotes[-1]["ask"] - quotes[-1]["bid"]))
    return mean([1.0 if s < last else 0.5 if s == last else 0.0 for s in samples]) if samples else None


def sized(quotes):
    return [q for q in quotes if not math.isnan(q["bid_qty"]) and not math.isnan(q["ask_qty"])]


@indicator("quote", [("seconds", 10)], [[45]])
def top_imbalance(quotes, now, seconds):
    if not warm(quotes, now, seconds) or not sized(quotes):
        return None
    return mean_over_time(sized(quotes), now, seconds,
                          lambda q: ratio(q["bid_qty"] - q["ask_qty"], q["bid_qty"] + q["ask_qty"]))


@indicator("quote", [("seconds", 10)], [[45]])
def order_flow_imbalance(quotes, now, seconds):
    known = sized(quotes)
    if not warm(quotes, now, seconds) or not known:
        return None
    net = gross = 0.0
    for a, b in zip(known, known[1:]):
        e = 0.0
        e += b["bid_qty"] if b["bid"] >= a["bid"] else 0
        e -= a["bid_qty"] if b["bid"] <= a["bid"] else 0
        e -= b["ask_qty"] if b["ask"] <= a["ask"] else 0
        e += a["ask_qty"] if b["ask"] >= a["ask"] else 0
        fade = math.exp(-(now - b["ts"]) / seconds)
        net += e * fade
        gross += abs(e) * fade
    return ratio(net, gross)


# --- what is read from the moment alone

@indicator("book", [("levels", 1)], [[3], [200]])
def book_imbalance(books, now, levels):
    bids, asks = books[-1]
    b, a = sum(q for _, q in bids[:levels]), sum(q for _, q in asks[:levels])
    return (b - a) / (b + a)


@indicator("book", [("levels", 1)], [[3], [50]])
def microprice_offset(books, now, levels):
    bids, asks = books[-1]
    mid = (bids[0][0] + asks[0][0]) / 2
    both = list(zip(bids, asks))[:levels]
    price = sum(b[0] * a[1] + a[0] * b[1] for b, a in both) / sum(b[1] + a[1] for b, a in both)
    return (price - mid) / (asks[0][0] - bids[0][0])


@indicator("book", [("levels", 5)], [[1], [50]])
def depth_price_offset(books, now, levels):
    bids, asks = books[-1]
    orders = [order for pair in list(zip(bids, asks))[:levels] for order in pair]
    price = sum(p * q for p, q in orders) / sum(q for _, q in orders)
    return (price - (bids[0][0] + asks[0][0]) / 2) / (asks[0][0] - bids[0][0])


@indicator("position")
def position_size(positions, now):
    return None if not positions[-1]["known"] else max(-10.0, min(10.0, positions[-1]["size"]))


@indicator("position")
def position_pnl(positions, now):
    return None if not positions[-1]["known"] else positions[-1]["pnl"]


@indicator("position")
def open_orders(positions, now):
    return None if not positions[-1]["known"] else positions[-1]["orders"]


@indicator("clock", [("seconds", 86400), ("quarter", 0)])
def time_cycle(times, now, seconds, quarter):
    turn = 2 * math.pi * (times[-1] % seconds) / seconds
    return math.cos(turn) if quarter else math.sin(turn)


@indicator("clock", [("quarter", 0)])
def month_cycle(times, now, quarter):
    at = datetime.datetime.fromtimestamp(times[-1], datetime.timezone.utc)
    begin = at.replace(day=1, hour=0, minute=0, second=0)
    end = begin.replace(year=begin.year + begin.month // 12, month=begin.month % 12 + 1)
    turn = 2 * math.pi * ((at - begin) / (end - begin))
    return math.cos(turn) if quarter else math.sin(turn)


# --- inputs

def make_candles(rng):
    close, lines = 100.0, []
    for i in range(220):
        if 60 <= i < 95:
            lines.append(f"{close:.4f} {close:.4f} {close:.4f} {close:.4f} 0")
            continue
        opening = round(close * math.exp(rng.gauss(0, 0.0004)), 4)
        close = round(opening * math.exp(rng.gauss(0.0002 if i < 40 else -0.0001, 0.002)), 4)
        high = round(max(opening, close) * (1 + abs(rng.gauss(0, 0.001))), 4)
        low = round(min(opening, close) * (1 - abs(rng.gauss(0, 0.001))), 4)
        volume = "nan" if i in (110, 113) else f"{rng.lognormvariate(3, 0.8):.3f}"
        lines.append(f"{opening:.4f} {high:.4f} {low:.4f} {close:.4f} {volume}")
    return lines


def make_trades(rng):
    ts, mid, lines = EPOCH_MS, 100.0, []
    for i in range(260):
        ts += 90_000 if i == 100 else rng.choice([0, 40, 300, 1200, 4000])
        mid *= math.exp(rng.gauss(0, 0.0002))
        side = rng.choice([1, 1, 1, -1, -1, 0])
        lines.append(f"{ts} {mid + 0.01 * side:.4f} {rng.lognormvariate(0, 1):.4f} {side} {mid:.5f}")
    return lines


def make_quotes(rng):
    ts, mid, lines = EPOCH_MS, 100.0, []
    for i in range(180):
        ts += 150_000 if i == 120 else rng.choice([50, 200, 700, 2500, 6000])
        mid *= math.exp(rng.gauss(0, 0.0002))
        bid = math.floor(mid * 100 - rng.random()) / 100
        ask = bid + rng.choice([0.01, 0.02, 0.02, 0.05])
        sizes = "nan nan" if i < 3 or i == 50 else f"{rng.lognormvariate(1, 1):.3f} {rng.lognormvariate(1, 1):.3f}"
        lines.append(f"{ts} {bid:.2f} {ask:.2f} {sizes}")
    return lines


def make_books(rng):
    lines = []
    for i in range(40):
        bid, n_bids, n_asks = 100 + round(rng.gauss(0, 1), 2), rng.randint(1, 8), rng.randint(1, 8)
        bids = [f"{bid - 0.01 * k:.2f}:{rng.lognormvariate(1, 1):.3f}" for k in range(n_bids)]
        asks = [f"{bid + 0.02 + 0.01 * k:.2f}:{rng.lognormvariate(1, 1):.3f}" for k in range(n_asks)]
        lines.append(" ".join(bids) + " | " + " ".join(asks))
    return lines


def make_positions(rng):
    return ["0 0 0 0", "1 0 0 0"] + [f"1 {rng.gauss(0, 4):.4f} {rng.gauss(0, 2):.4f} {rng.randint(0, 5)}" for _ in range(20)]


def make_times(rng):
    return ["0", "86400", "21600"] + [str(rng.randint(0, 2_000_000_000)) for _ in range(40)]


def read_candle(line):
    values = [float(v) for v in line.split()]
    return dict(zip(("open", "high", "low", "close", "volume"), values))


def read_trade(line):
    ts, price, qty, side, mid = (float(v) for v in line.split())
    return {"ts": (ts - EPOCH_MS) / 1000, "price": price, "qty": qty, "side": side, "mid": mid}


def read_quote(line):
    ts, bid, ask, bid_qty, ask_qty = (float(v) for v in line.split())
    return {"ts": (ts - EPOCH_MS) / 1000, "bid": bid, "ask": ask, "mid": (bid + ask) / 2, "bid_qty": bid_qty, "ask_qty": ask_qty}


def read_book(line):
    return [[tuple(float(v) for v in level.split(":")) for level in side.split()] for side in line.split("|")]


def read_position(line):
    known, size, pnl, orders = (float(v) for v in line.split())
    return {"known": known, "size": size, "pnl": pnl, "orders": orders}


# feed -> (make, read, moment after the last input or None)
FEEDS = {
    "candle": (make_candles, read_candle, None),
    "trade": (make_trades, read_trade, lambda last: last["ts"] + 0.5),
    "quote": (make_quotes, read_quote, lambda last: last["ts"] + 0.25),
    "book": (make_books, read_book, lambda last: 0),
    "position": (make_positions, read_position, lambda last: 0),
    "clock": (make_times, float, lambda last: last),
}


def rows_of_table():
    """indicator -> option lists used by named columns."""
    rows = {}
    for line in (TABLES / "features.def").read_text().splitlines():
        match = re.match(r"FEATURE\((\w+),\s*(\w+),\s*[\w|]+,\s*([-\w]+),\s*([-\w]+),\s*([-\w]+)\)", line)
        if match:
            rows.setdefault(match[2], []).append(match.groups()[2:])
    return rows


def cases_of(name):
    _, options, further, _ = INDICATORS[name]
    cases = [[default for _, default in options]] + further
    for row in rows_of_table().get(name, []):
        texts = list(row) + ["D"]
        cases.append([default if text == "D" else float(text) for text, (_, default) in zip(texts, options)])
    unique = []
    for case in cases:
        case = [int(v) if v == int(v) else v for v in case]
        if case not in unique:
            unique.append(case)
    return unique


def values_of(name, case, inputs):
    feed, _, _, function = INDICATORS[name]
    moment = FEEDS[feed][2]
    for n in range(1, len(inputs) + 1):
        seen = inputs[:n]
        value = function(seen, *case) if moment is None else function(seen, moment(seen[-1]), *case)
        yield "nan" if value is None else f"{value:.13g}"


def text_of(name, inputs):
    feed, options, _, _ = INDICATORS[name]
    lines = [f"# {name}: values after each line of input_{feed}.txt, by tests/vectors/indicator_reference.py", f"feed {feed}"]
    for case in cases_of(name):
        lines.append(" ".join(["case"] + [f"{key}={value}" for (key, _), value in zip(options, case)]))
        values = list(values_of(name, case, inputs))
        lines += [" ".join(values[i:i + 10]) for i in range(0, len(values), 10)]
    return "\n".join(lines) + "\n"


def files():
    inputs = {}
    for seed, (feed, (make, read, _)) in enumerate(FEEDS.items()):
        lines = make(random.Random(seed))
        inputs[feed] = [read(line) for line in lines]
        yield f"input_{feed}.txt", "\n".join(lines) + "\n"
    for name in sorted(INDICATORS):
        yield f"{name}.txt", text_of(name, inputs[INDICATORS[name][0]])


def main(args):
    OUT.mkdir(exist_ok=True)
    stale = 0
    for name, text in files():
        path = OUT / name
        if path.exists() and path.read_text() == text:
            continue
        stale += 1
        print(f"{path}: {'stale' if args == ['--check'] else 'written'}")
        if args != ["--check"]:
            path.write_text(text)
    return 1 if stale and args == ["--check"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
