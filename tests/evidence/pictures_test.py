"""The pictures of docs/learning.md are those the program makes now (`make pictures`), and can be read by everybody."""
import os
import pathlib
import re
import subprocess
import xml.etree.ElementTree

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.path.join(os.environ.get("BUILD_DIR", "build"), "tests", "pictures", "learning_pictures")
NUMBER = re.compile(r"(?<![#\w])-?\d+(?:\.\d+)?")
SVG = "{http://www.w3.org/2000/svg}"
KEPT = sorted((ROOT / "docs" / "pictures").glob("*.svg"))


@pytest.fixture(name="made", scope="module")
def pictures_made_now(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pictures")
    subprocess.run([PROGRAM, str(directory)], check=True, timeout=600, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return directory


def test_there_are_as_many_as_are_shown(made):
    text = (ROOT / "docs" / "learning.md").read_text()
    shown = re.findall(r"!\[[^]]{20,}\]\(pictures/(\w+\.svg)\)", text)
    assert sorted(shown) == sorted(p.name for p in made.iterdir()) == [p.name for p in KEPT]


@pytest.mark.parametrize("kept", KEPT, ids=lambda path: path.name)
def test_a_picture_is_not_stale(made, kept):
    """Another compiler or processor may round a coordinate the other way; a tenth of a pixel is no other picture."""
    old, new = kept.read_text(), (made / kept.name).read_text()
    assert NUMBER.sub("0", old) == NUMBER.sub("0", new), "run `make pictures`"
    far = [(a, b) for a, b in zip(NUMBER.findall(old), NUMBER.findall(new)) if abs(float(a) - float(b)) > 0.11]
    assert not far, "run `make pictures`"


@pytest.mark.parametrize("kept", KEPT, ids=lambda path: path.name)
def test_a_picture_needs_nothing_else_and_can_be_heard(kept):
    text = kept.read_text()
    root = xml.etree.ElementTree.fromstring(text)
    assert root.get("role") == "img" and root.get("aria-labelledby").split() == ["t", "d"]
    assert len(root.find(SVG + "title").text) > 10 and len(root.find(SVG + "desc").text) > 80
    assert "prefers-color-scheme:dark" in text and not re.search(r"<script|<image|href|url\(|@import|nan|inf\b", text)
    _, _, width, height = map(float, root.get("viewBox").split())
    for element in root.iter():
        for name, limit in (("x", width), ("cx", width), ("y", height), ("cy", height)):
            assert 0 <= float(element.get(name, 0)) <= limit, element.attrib
