"""Our decimals agree with Python's on every text and on exact arithmetic with one rounding half to even."""
import os
import re
import subprocess
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

HELPER = os.path.join(os.environ.get("BUILD_DIR", "build"), "tests/helper/decimal_lines")
MANY = settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
GRAMMAR = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\Z")
LIMIT = 10**20  # 10^12 in units of 10^-8


@pytest.fixture(scope="module")
def ask():
    process = subprocess.Popen([HELPER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def call(*words):
        process.stdin.write(" ".join(words) + "\n")
        process.stdin.flush()
        return process.stdout.readline().rstrip("\n")

    yield call
    process.stdin.close()
    assert process.wait(10) == 0


def units_of(value):
    """The nearest whole number of units, half to even, of a Fraction."""
    return round(value * 10**8)  # Fraction rounds half to even


def text_of(units):
    sign, digits = "-" * (units < 0), str(abs(units)).rjust(9, "0")
    return f"{sign}{digits[:-8]}.{digits[-8:]}"


def expected(value):
    units = units_of(value)
    return text_of(units) if abs(units) < LIMIT else "ERANGE"


def expected_of(text):
    """An exponent like e99999999 would make a number that takes minutes; the answer is known without it."""
    number = Decimal(text)
    if number.is_zero() or number.adjusted() < -40:
        return text_of(0)
    return "ERANGE" if number.adjusted() > 40 else expected(Fraction(number))


NUMBERS = st.from_regex(r"\A[+-]?[0-9]{0,14}(\.[0-9]{0,12})?([eE][+-]?[0-9]{1,2})?\Z")
AMOUNTS = st.integers(-(LIMIT - 1), LIMIT - 1) | st.integers(-10**12, 10**12) | st.integers(-1000, 1000)
POSITIVE = st.integers(0, LIMIT - 1) | st.integers(0, 10**12) | st.integers(0, 1000)


@MANY
@given(NUMBERS | st.text("0123456789.eE+-_xn ", max_size=12))
def test_texts_are_read_alike(ask, text):
    if " " in text or not text:
        return
    answer = ask("parse", text)
    if not GRAMMAR.match(text):
        assert answer == "EPARSE", text
        return
    assert answer == expected_of(text), text


@MANY
@given(st.text("0123456789", min_size=1, max_size=12), st.text("0123456789", min_size=1, max_size=80), st.integers(-12, 12))
def test_long_fractions_are_rounded_once(ask, whole, fraction, exponent):
    text = f"{whole}.{fraction}e{exponent}"
    assert ask("parse", text) == expected(Fraction(Decimal(text))), text


@MANY
@given(AMOUNTS, AMOUNTS)
def test_products_and_quotients_are_rounded_once(ask, a, b):
    x, y = Fraction(a, 10**8), Fraction(b, 10**8)
    assert ask("mul", text_of(a), text_of(b)) == expected(x * y)
    assert ask("div", text_of(a), text_of(b)) == (expected(x / y) if b else "EINVAL")


@MANY
@given(POSITIVE, POSITIVE, POSITIVE, POSITIVE)
def test_prices_of_increments_are_rounded_once(ask, q1, p1, more, p2):
    q2 = q1 + more
    if q2 >= LIMIT:
        return
    answer = ask("price", text_of(q1), text_of(p1), text_of(q2), text_of(p2))
    if more == 0:
        assert answer == "EINVAL"
        return
    units = round(Fraction(q2 * p2 - q1 * p1, more))
    fits = q2 * p2 >= q1 * p1 and 0 < units < LIMIT
    assert answer == (text_of(units) if fits else "ERANGE")


def test_python_agrees_with_itself():
    """The yardstick: Fraction and Decimal round the same way."""
    for text in ("0.000000005", "0.000000015", "-0.000000025", "1.0E-7"):
        quantized = Decimal(text).quantize(Decimal("1e-8"), ROUND_HALF_EVEN, Context(prec=60))
        assert Fraction(quantized) * 10**8 == units_of(Fraction(Decimal(text)))
