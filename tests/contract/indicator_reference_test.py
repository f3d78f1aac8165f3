"""The reference vectors are what the independent implementation says today, and cover the whole table."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "vectors"))
import indicator_reference  # noqa: E402


def test_vectors_are_fresh():
    script = ROOT / "tests" / "vectors" / "indicator_reference.py"
    run = subprocess.run([sys.executable, str(script), "--check"], stdout=subprocess.PIPE, text=True)
    assert run.returncode == 0, run.stdout


def test_every_indicator_has_a_second_implementation():
    table = (ROOT / "include" / "alphaloop" / "tbl" / "indicators.def").read_text()
    assert re.findall(r"^INDICATOR\((\w+)\)", table, re.M) == sorted(indicator_reference.INDICATORS)
