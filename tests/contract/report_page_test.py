"""The backtest's page as a browser shows it: light and dark, on a phone and wide; and the pictures of the documents."""
import json
import pathlib
import re

import pytest

import backtest_test
import browser

ROOT = pathlib.Path(__file__).resolve().parents[2]
PICTURES = sorted((ROOT / "docs" / "pictures").glob("*.svg"))
VIEWS = [(360, False), (360, True), (1280, False), (1280, True)]
TAB, ENTER, RIGHT = ("Tab", 9), ("Enter", 13), ("ArrowRight", 39)

if browser.PROGRAM is None:
    pytest.skip("no chromium: the page was not looked at (tools/setup test installs it)", allow_module_level=True)

# Contrast as WCAG 2.1 defines it; a colour behind an element is that of the nearest ancestor that has one.
TOOLS = r"""
(() => {
  const parts = c => c.match(/[\d.]+/g).map(Number);
  const light = c => { const [r, g, b] = parts(c).map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
                       return .2126 * r + .7152 * g + .0722 * b; };
  const clear = c => { const p = parts(c); return p.length == 4 && p[3] == 0; };
  const behind = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
                        if (!clear(c)) return c; } return "rgb(255, 255, 255)"; };
  window.contrast = (a, b) => { const x = light(a), y = light(b); return (Math.max(x, y) + .05) / (Math.min(x, y) + .05); };
  window.behind = behind;
  window.texts = () => { const found = [], walk = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) { const node = walk.currentNode, e = node.parentElement;
      if (node.data.trim() && !e.closest("style,script,title,desc,head") && e.getClientRects().length) found.push([node.data.trim(), e]); }
    return found; };
})()
"""


@pytest.fixture(name="chromium", scope="module")
def one_browser_for_all():
    with browser.Browser() as chromium:
        yield chromium


@pytest.fixture(name="reports", scope="module")
def reports_of_two_markets(tmp_path_factory):
    """{name: (page, what its JSON says)}: a market with an edge, and one too short for a model."""
    room = tmp_path_factory.mktemp("page")
    (room / "edge.json").write_text(json.dumps(backtest_test.STRATEGY))
    made = {}
    for name, kind, hours in (("edge", "quotes", 9), ("short", "candles", 0.5)):
        market = backtest_test.make_market(room / f"made_btcusdt_{name}.csv", kind, 7, 3, hours)
        backtest_test.run(room, "-q", "--check=1", "-s", "edge", f"--json={name}.out", f"--html={name}.html", market)
        made[name] = (room / f"{name}.html", json.loads((room / f"{name}.out").read_text()))
    return made


@pytest.fixture(name="page", params=[(n, *v) for n in ("edge", "short") for v in VIEWS], scope="module",
                ids=lambda p: f"{p[0]}-{p[1]}-{'dark' if p[2] else 'light'}")
def every_view_of_every_report(request, chromium, reports):
    name, width, dark = request.param
    page = chromium.open(reports[name][0], width, dark)
    page.name, page.width, page.dark, page.says = name, width, dark, reports[name][1]
    page.run(TOOLS)
    return page


def test_it_loads_quietly_and_alone(page):
    assert page.requests() == [page.url]
    assert not page.complaints()
    assert page.run("document.contentType + document.compatMode") == "text/htmlCSS1Compat"


def test_it_never_scrolls_sideways(page):
    wide, seen = page.run("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide <= seen == page.width
    assert page.run("""[...document.querySelectorAll("body *")].filter(e => !e.parentElement.closest(".wide, svg")
        && e.getBoundingClientRect().right > innerWidth + .5).map(e => e.outerHTML.slice(0, 80))""") == []
    assert page.run("[...document.querySelectorAll('caption')].every(e => e.getBoundingClientRect().right <= innerWidth)")
    if page.width > 1200:  # on a phone tables may, inside their own frame
        assert page.run("""[...document.querySelectorAll(".wide")].filter(e => e.scrollWidth > e.clientWidth)
            .map(e => e.getAttribute("aria-label"))""") == []


def test_heads_stand_over_their_columns(page):
    page.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.run("""[...document.querySelectorAll("table")].flatMap(t => [...t.rows].slice(1).flatMap(r => [...r.cells]
        .filter((c, i) => (getComputedStyle(c).textAlign == "right") != (getComputedStyle(t.rows[0].cells[i]).textAlign == "right"))
        .map(c => t.caption.textContent + ": " + c.textContent)))""") == []
    page.run("document.querySelectorAll('details').forEach(d => d.open = false)")


def test_every_figure_is_drawn(page):
    figures = page.run("""[...document.querySelectorAll("svg[role=img]")].map(s => { const r = s.getBoundingClientRect();
        return {id: s.getAttribute("aria-labelledby"), width: r.width, height: r.height,
          shapes: [...s.querySelectorAll(".line, .bar, .bar0, .dot")].map(e => { const b = e.getBBox(); return b.width + b.height; }),
          painted: [...s.querySelectorAll(".line, .bar, .bar0, .dot")].every(e => { const c = getComputedStyle(e);
            return [c.fill, c.stroke].some(p => p != "none"); }),
          letters: Math.min(...[...s.querySelectorAll("text")].map(t => parseFloat(getComputedStyle(t).fontSize) * r.width / s.viewBox.baseVal.width)),
          outside: [...s.querySelectorAll("text, path, rect, circle")].filter(e => { const b = e.getBBox(), v = s.viewBox.baseVal;
            return b.x < -1 || b.y < -1 || b.x + b.width > v.width + 1 || b.y + b.height > v.height + 1; }).map(e => e.outerHTML)}; })""")
    expected = ["equity", "drawdown"] + ["calibration", "importance"] * (page.name == "edge")
    assert [f["id"] for f in figures] == [f"{name}-t {name}-d" for name in expected]
    for figure in figures:
        assert figure["width"] > 300 and figure["height"] > 100, figure
        assert figure["shapes"] and min(figure["shapes"]) > 0 and figure["painted"], figure
        assert figure["outside"] == [] and figure["letters"] >= 8, figure


def test_figures_and_tables_can_be_heard(page):
    page.call("Accessibility.enable")
    nodes = [n for n in page.call("Accessibility.getFullAXTree")["nodes"] if not n["ignored"]]
    named = [(n["role"]["value"], n.get("name", {}).get("value", ""), n.get("description", {}).get("value", "")) for n in nodes]
    images = [(name, text) for role, name, text in named if role == "image"]
    assert len(images) == page.run("document.querySelectorAll('svg[role=img]').length")
    assert all(len(name + text) > 60 for name, text in images), images
    for role in ("region", "table", "main", "heading"):
        assert [name for r, name, _ in named if r == role], role
    assert all(name for r, name, _ in named if r in ("region", "table", "heading"))


def table(page, caption):
    """Rows of texts, head first; small print (intervals, explanations) stands behind a line break."""
    return page.run(f"""[...[...document.querySelectorAll("table")].find(t => t.caption.textContent == {json.dumps(caption)}).rows]
        .map(r => [...r.cells].map(c => c.innerText.trim() || c.textContent.trim()))""")


def numbers(text):
    """"+5.05 bp\n+3.07 bp to +7.09 bp" -> the fractions it stands for, and the size of its last digit."""
    unit = {"bp": 1e-4, "%": 1e-2}
    found = re.findall(r"([-+]?\d+(?:\.(\d+))?)(?: (bp|%))?", text)
    return [(float(value) * unit.get(u, 1), 10.0 ** -len(digits) * unit.get(u, 1)) for value, digits, u in found]


def check_cell(text, said):
    if isinstance(said, dict):
        said = [said["value"], said["low"], said["high"]]
    said = [v for v in (said if isinstance(said, list) else [said]) if v is not None]
    if not said:
        assert text == "not known"
    shown = numbers(text)
    assert len(shown) == len(said), (text, said)
    for (value, digit), exact in zip(shown, said):
        assert abs(value - exact) <= 0.5001 * digit, (text, said)


def test_tables_say_what_the_json_says(page):
    head, *rows = table(page, "Measures of each policy on the same stretch of time")
    assert head[1:] == list(page.says["policies"])
    assert [row[0].split("\n")[0] for row in rows] == list(page.says["policies"]["alphaloop"])
    for name, *cells in rows:
        for policy, text in zip(head[1:], cells):
            said = page.says["policies"][policy]  # null: the run has nothing to say of it
            check_cell(text, said and said[name.split("\n")[0]])
    names = {"partial fills": "partial_fills", "realized": "realized_pnl", "unrealized": "unrealized_pnl",
             "deepest fall": "max_drawdown"}
    rows = [(row[0].split("\n")[0], row[1]) for row in table(page, "Orders and money")[1:]]
    assert [names.get(name, name) for name, _ in rows] == list(page.says["account"])
    for name, text in rows:
        check_cell(text, page.says["account"][names.get(name, name)])
    assert [numbers(row[3])[0][0] for row in table(page, "Files")[1:]] == [f["rows"] for f in page.says["data"]]
    if page.says["abstentions"]:
        shown = {row[0]: int(row[1]) for row in table(page, "Why it stayed flat, and how often")[1:]}
        assert shown == page.says["abstentions"]


def test_probabilities_say_what_the_json_says(page):
    if page.name == "short":
        assert "No model said anything" in page.run("document.body.innerText")
        return
    rows = table(page, "Probability said and share of gains that came, in ten bins")[1:]
    bins = page.says["newest_challenger"]["calibration"]
    assert len(rows) == len(bins) == 10
    for row, said in zip(rows, bins):
        check_cell(row[0], said["n"])
        check_cell(row[1], said["q"])
        check_cell(row[2], said["share"])
    names = {"rows": "rows", "base rate": "base_rate", "log loss": "log_loss", "log loss of the base rate": "log_loss_of_base_rate",
             "log loss gain": "log_loss_gain", "Brier skill": "brier_skill", "ECE": "ece", "AUC": "roc_auc", "rank IC": "rank_ic_interval"}
    for caption, which in (("Newest challenger, on outcomes it had not seen", "newest_challenger"),
                           ("Model that decided, on outcomes it had not seen", "served_model")):
        rows = table(page, caption)[1:]
        assert [row[0].split("\n")[0] for row in rows] == list(names)
        for name, text in rows:
            check_cell(text, page.says[which][names[name.split("\n")[0]]])
        returns = page.says[which]["return_forecast"]
        rows = table(page, caption.split(",")[0] + ": forecast of the return, costs aside")[1:]
        assert [row[0].split("\n")[0] for row in rows] == list(returns)
        for name, text in rows:
            check_cell(text, returns[name.split("\n")[0]])


def test_text_stands_out(page):
    """AA: 4.5 to 1 for text, 3 to 1 for what is drawn."""
    page.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    weak = page.run("""texts().map(([text, e]) => [text.slice(0, 40),
        contrast(e.closest("svg") ? getComputedStyle(e).fill : getComputedStyle(e).color, behind(e))]).filter(t => t[1] < 4.5)""")
    assert weak == []
    faint = page.run("""[...document.querySelectorAll("svg .line, svg .bar, svg .bar0, svg .dot")].map(e => { const c = getComputedStyle(e);
        return [e.outerHTML.slice(0, 60), contrast(c.stroke != "none" ? c.stroke : c.fill, behind(e))]; }).filter(t => t[1] < 3)""")
    assert faint == []
    back = page.run("getComputedStyle(document.body).backgroundColor")
    assert page.run(f"contrast({json.dumps(back)}, 'rgb(255, 255, 255)')") > 10 if page.dark else back == "rgb(255, 255, 255)"
    page.run("document.querySelectorAll('details').forEach(d => d.open = false)")


def test_the_keyboard_reaches_everything(page):
    """Tab goes through tables and what opens, in order; what has the focus shows it; Enter opens; arrows move a wide table."""
    page.run("document.activeElement.blur(); window.scrollTo(0, 0)")
    wanted = page.run("""[...document.querySelectorAll("[tabindex], summary")].filter(e => e.checkVisibility())
        .map(e => e.getAttribute("aria-label") || e.innerText)""")
    reached = []
    for _ in wanted:
        page.press(*TAB)
        name, outline, contrast = page.run("""(() => { const e = document.activeElement, c = getComputedStyle(e);
            return [e.getAttribute("aria-label") || e.innerText, c.outlineStyle != "none" && parseFloat(c.outlineWidth) > 0,
                    contrast(c.outlineColor, behind(e))]; })()""")
        reached.append(name)
        assert outline and contrast >= 3, name
        if page.run("document.activeElement.tagName") == "SUMMARY":
            page.press(*ENTER)
            assert page.run("document.activeElement.parentElement.open"), name
            page.press(*ENTER)
    assert reached == wanted
    if page.width < 600:
        page.run("""document.querySelector("[aria-label^='Measures of each policy']").focus()""")
        page.press(*RIGHT)
        assert page.run("""new Promise(done => { const e = document.activeElement, look = () => e.scrollLeft > 0 ? done(true)
            : requestAnimationFrame(look); look(); })""")


# ---- pictures of the documents ----

@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.stem)
def test_a_picture_can_be_read(chromium, path, dark):
    page = chromium.open(path, 760, dark)
    page.run(TOOLS)
    assert page.requests() == [page.url] and not page.complaints()
    texts = page.run("""[...document.querySelectorAll("text")].map(t => { const b = t.getBBox();
        return [t.textContent, b.x, b.y, b.x + b.width, b.y + b.height]; })""")
    width, height = page.run("(v => [v.width, v.height])(document.documentElement.viewBox.baseVal)")
    assert texts
    for text, left, top, right, bottom in texts:
        assert left >= 0 and top >= 0 and right <= width and bottom <= height, text
    for i, (a, *p) in enumerate(texts):
        for b, *q in texts[i + 1:]:
            apart = p[2] <= q[0] or q[2] <= p[0] or p[3] <= q[1] + 3 or q[3] <= p[1] + 3
            assert apart, f"{a!r} lies on {b!r}"
    weak = page.run("""(back => [...document.querySelectorAll("text, .line, .f0, .f1, .f2")].map(e => { const c = getComputedStyle(e);
        const isText = e.tagName == "text", paint = isText || c.stroke == "none" ? c.fill : c.stroke;
        return [e.outerHTML.slice(0, 60), contrast(paint, back) / (isText ? 4.5 : 3)]; }).filter(t => t[1] < 1))(
        getComputedStyle(document.querySelector(".back")).fill)""")
    assert weak == []
