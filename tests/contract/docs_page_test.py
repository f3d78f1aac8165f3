"""GET /docs in a real browser: it asks for the key, shows every route, tries one, and loads nothing from elsewhere."""
import pytest
from admin_test import KEY, serving
from browser import PROGRAM, Browser
from openapi_check import Document

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="chromium is not installed")


@pytest.fixture(scope="module")
def admin():
    with serving() as shared:
        yield shared


@pytest.fixture(scope="module")
def browser():
    with Browser() as shared:
        yield shared


def open_docs(admin, browser, width=1200, dark=False):
    return browser.open(f"http://127.0.0.1:{admin.port}/docs", width=width, dark=dark)


def give_key(page, key):
    page.run("document.getElementById('key').focus()")
    page.call("Input.insertText", text=key)
    page.press("Enter", 13)


def enter(page):
    give_key(page, KEY)
    page.until("document.querySelector('.opblock') !== null")


def test_a_program_without_the_key_is_refused_and_a_browser_is_asked(admin):
    code, body = admin.get("/docs", key=None)
    assert (code, body["detail"]) == (401, "an X-API-Key header is needed")
    assert admin.get("/docs", key="wrong-key-for-tests", Accept="text/html")[0] == 401
    code, text = admin.get("/docs", key=None, Accept="text/html,application/xhtml+xml,*/*;q=0.8")
    assert code == 401 and 'id="key-form"' in text
    assert admin.get("/docs") == (200, text)
    assert "frame-ancestors 'none'" in admin.headers["Content-Security-Policy"]


def test_files_are_kept_by_the_browser_until_they_change(admin):
    code, text = admin.get("/web/docs.js", key=None)
    assert code == 200 and "X-API-Key" in text and admin.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert admin.get("/web/docs.js", key=None, If_None_Match=admin.headers["ETag"])[0] == 304
    assert admin.get("/web/docs.js", key=None, If_None_Match='"other"')[0] == 200
    assert admin.get("/web/docs.html", key=None)[0] == 200
    assert admin.get("/web/LICENSE", key=None)[0] == 404


def test_a_wrong_key_is_said_and_the_right_one_shows_every_route(admin, browser):
    page = open_docs(admin, browser)
    assert page.run("document.querySelectorAll('.opblock').length") == 0
    give_key(page, "not-the-right-key-at-all")
    page.until("document.getElementById('said').value !== ''")
    assert page.run("document.getElementById('said').value") == "this key is wrong"
    page.run("document.getElementById('key').value = ''")
    enter(page)
    routes = sum(1 for _ in Document(admin.get("/openapi.json")[1]).operations())
    page.until(f"document.querySelectorAll('.opblock').length === {routes}")
    assert page.run("document.getElementById('key').value") == ""


def test_a_route_is_tried_with_the_key(admin, browser):
    page = open_docs(admin, browser)
    enter(page)
    route = "#operations-training-get_api_v1_training_status"
    answer = f"{route} .live-responses-table tr.response"
    page.run(f"document.querySelector('{route} .opblock-summary-control').click()")
    page.until(f"document.querySelector('{route} .execute') !== null")
    page.run(f"document.querySelector('{route} .execute').click()")
    page.until(f"document.querySelector('{answer}') !== null")
    assert page.run(f"document.querySelector('{answer} .response-col_status').innerText").strip().startswith("200")
    assert "is_training" in page.run(f"document.querySelector('{answer} .response-col_description').innerText")


def test_the_key_is_asked_for_once_in_a_tab(admin, browser):
    page = open_docs(admin, browser)
    enter(page)
    page.reload()
    page.until("document.querySelector('.opblock') !== null")


@pytest.mark.parametrize("width, dark", [(1200, False), (360, False), (1200, True)])
def test_nothing_comes_from_elsewhere_and_nothing_complains(admin, browser, width, dark):
    page = open_docs(admin, browser, width, dark)
    enter(page)
    here = f"http://127.0.0.1:{admin.port}/"
    assert {url for url in page.requests() if not url.startswith((here, "data:"))} == set()
    assert [c for c in page.complaints() if c.get("entry", {}).get("url") != here + "docs"] == []
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    assert page.run("document.documentElement.classList.contains('dark-mode')") == dark
