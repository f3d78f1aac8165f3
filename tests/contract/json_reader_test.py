"""Our JSON reader and Python's strict one accept the same documents and read the same from them."""
import json
import os
import struct
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

HELPER = os.path.join(os.environ.get("BUILD_DIR", "build"), "tests/helper/json_lines")
MANY = settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def reader():
    process = subprocess.Popen([HELPER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(data):
        process.stdin.write(struct.pack(">I", len(data)) + data)
        process.stdin.flush()
        name, _, text = process.stdout.readline().partition(b" ")
        return name.decode(), text

    yield ask
    process.stdin.close()
    assert process.wait(10) == 0


class Number(str):
    """A number by its source text; never equal to a string."""

    def __eq__(self, other):
        return type(other) is Number and str.__eq__(self, other)

    __hash__ = str.__hash__


def refuse(name):
    raise ValueError(name)


def check_surrogates(value):
    json.dumps(value, ensure_ascii=False).encode("utf-8")  # halves of surrogate pairs do not encode


def members(pairs):
    """What counts of an object; what does not (NUL in the key, an earlier duplicate) must be well-formed all the same."""
    check_surrogates(pairs)
    return {key: value for key, value in pairs if "\0" not in key}


def strict(data):
    """What RFC 8259 and our bounds make of these bytes; ValueError when they are refused."""
    text = data.decode("utf-8")
    value = json.loads(text, parse_constant=refuse, parse_int=Number, parse_float=Number, object_pairs_hook=members)
    check_surrogates(value)
    return value


def depth_of(value):
    if isinstance(value, (dict, list)):
        items = value.values() if isinstance(value, dict) else value
        return 1 + max(map(depth_of, items), default=0)
    return 0


def agree(reader, data):
    name, text = reader(data)
    try:
        expected = strict(data)
    except (ValueError, RecursionError):
        assert name in ("EPARSE", "EINVAL"), (data, name)
        return
    if depth_of(expected) > 64:
        assert name == "ERANGE", (data, name)
        return
    assert name == "OK", (data, name)
    assert strict(text) == expected, (data, text)


DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-2**70, 2**70) | st.floats(allow_nan=False, allow_infinity=False) |
    st.text(st.characters(blacklist_categories=("Cs",))),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(st.characters(blacklist_categories=("Cs",))), inner, max_size=5),
    max_leaves=20)


@MANY
@given(DOCUMENTS, st.booleans(), st.sampled_from([None, 1]))
def test_documents_read_the_same(reader, document, ascii_only, indent):
    agree(reader, json.dumps(document, ensure_ascii=ascii_only, indent=indent).encode("utf-8"))


@MANY
@given(DOCUMENTS, st.booleans(), st.data())
def test_damaged_documents_are_refused_alike(reader, document, ascii_only, data):
    damaged = bytearray(json.dumps(document, ensure_ascii=ascii_only).encode("utf-8"))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(damaged)))
        cut = data.draw(st.integers(0, 2))
        damaged[at:at + cut] = data.draw(st.binary(max_size=2) | st.sampled_from(
            [b'"', b"\\", b"\\u", b"\\ud800", b"\\udc00", b",", b":", b"[", b"]", b"{", b"}", b".", b"e", b"-", b"+", b"0", b"\n", b"\0"]))
    agree(reader, bytes(damaged))


@MANY
@given(st.lists(st.sampled_from(list("{}[],:\"\\ \t\n0123456789.eE+-truefalsnl'/u") + ["\\u", "d83d", "null", '"a"']), max_size=14))
def test_json_like_text_is_read_alike(reader, parts):
    agree(reader, "".join(parts).encode("utf-8"))


@MANY
@given(st.from_regex(r"\A-?[0-9]{1,4}(\.[0-9]{0,3})?([eE][+-]?[0-9]{0,3})?\Z"))
def test_numbers_are_read_alike(reader, text):
    agree(reader, text.encode())


@MANY
@given(st.binary(max_size=8))
def test_bytes_in_strings_are_read_alike(reader, data):
    agree(reader, b'"' + data + b'"')


@pytest.mark.parametrize("document", [b'{"\\u0000\\ud800":1}', b'{"\\u0000":"\\ud800"}', b'{"a":"\\udc00","a":1}',
                                      b'{"\\u0000":{"a":[1,{}]},"b":2,"b":[3]}'])
def test_members_that_do_not_count_are_read_alike(reader, document):
    agree(reader, document)


@pytest.mark.parametrize("levels", [63, 64, 65, 200])
def test_depth_is_counted_alike(reader, levels):
    agree(reader, b"[" * levels + b"]" * levels)
    agree(reader, b'{"a":' * levels + b"1" + b"}" * levels)
