"""The journal tells a core again all that the worker told it, or a replay differs and nobody knows why. So every door of the core
that changes its state must be in it: replay.c goes through it, and wherever else the app goes through it, a line is added first.

The doors are read from the headers: functions of pipeline.h and rollout.h that take a pipeline they may change. Those of
rollout_move.h go through several of them, which are recorded each for itself."""
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROOM = ROOT / "include/alphaloop/pipeline"
HEADERS = [ROOM / "pipeline.h", ROOM / "rollout.h"]
BUNDLES = [ROOM / "rollout_move.h"]
ASKING = {"pipeline_schema_hash", "pipeline_active_version", "pipeline_feature_set", "pipeline_is_cooling",
          "rollout_is_staged"}  # change nothing
LIFE = {"pipeline_destroy"}
NEAR = 12  # lines between the line of the journal and the call


def doors(headers):
    found = set()
    for header in headers:
        text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
        found |= set(re.findall(r"\b(\w+)\(\s*struct pipeline \*", text))
    return sorted(found - ASKING - LIFE)


def test_the_doors_are_found():
    assert len(doors(HEADERS)) > 25 and len(doors(BUNDLES)) > 1


def app_files():
    """The worker's: a backtest and the replay drive cores of their own."""
    return [path for path in sorted((ROOT / "src/app").glob("*.c"))
            if not path.name.startswith("backtest") and path.name != "replay.c"]


def unrecorded(door, path):
    lines = path.read_text().splitlines()
    calls = [i for i, line in enumerate(lines) if re.search(rf"\b{door}\(", line)]
    return [f"{path.name}:{i + 1}" for i in calls if not any("journal_add" in line for line in lines[max(0, i - NEAR):i])]


@pytest.mark.parametrize("door", doors(HEADERS))
def test_a_door_of_the_core_is_replayed(door):
    assert re.search(rf"\b{door}\(", (ROOT / "src/app/replay.c").read_text()), f"replay.c never calls {door}()"


@pytest.mark.parametrize("door", doors(HEADERS + BUNDLES))
def test_a_door_of_the_core_is_in_the_journal(door):
    missed = [place for path in app_files() for place in unrecorded(door, path)]
    assert not missed, f"{door}() is called and not recorded at {missed}"


def test_every_row_is_replayed_and_recorded():
    rows = re.findall(r"^JOURNAL\((\w+)", (ROOT / "include/alphaloop/tbl/journal_calls.def").read_text(), flags=re.M)
    replay = (ROOT / "src/app/replay.c").read_text()
    told = "".join(path.read_text() for path in app_files())
    for row in rows:
        assert f"case JOURNAL_{row}:" in replay
        assert f"JOURNAL_{row}" in told, f"nothing writes {row}"
