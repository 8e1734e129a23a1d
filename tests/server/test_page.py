"""The page in a real browser: a question, a filter, a file, the reasons, a link; and that it needs no other host."""

import shutil
import socket
import threading
import time

import pytest
import uvicorn

from tracets.server.app import create_app
from tracets.server.settings import ServerSettings

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
CSV = "time,rain [mm],wind speed [m/s]\n" + "".join(f"2020-06-01T{h:02}:00:00Z,{h % 5},{h}\n" for h in range(24))


@pytest.fixture(scope="module")
def address(index_folder, model_folder):
    """A service on a free port of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = create_app(index_folder, settings=ServerSettings(port=port), model=str(model_folder))
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def page(address):
    playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    with playwright.sync_playwright() as run:
        browser = run.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        opened = browser.new_context().new_page()
        opened.set_default_timeout(30_000)
        wrong, asked = [], []
        opened.on("console", lambda message: message.type in ("error", "warning") and wrong.append(message.text))
        opened.on("pageerror", lambda error: wrong.append(str(error)))
        opened.on("request", lambda request: asked.append(request.url))
        yield opened
        browser.close()
    # a browser says by itself that a filter was refused, which the walk asks for
    assert [said for said in wrong if "status of 422" not in said] == []
    assert all(url.startswith((address, "data:", "blob:")) for url in asked)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_walk_through_the_page(page, address):
    page.goto(address)
    page.wait_for_selector("#about:has-text('12 windows')")
    page.fill("#text", "heavy rain")
    page.keyboard.press("Enter")
    page.wait_for_selector("#said:has-text('8 hits')")
    first = page.inner_text(".hit:first-child h2")
    page.wait_for_selector(".hit:first-child .plot .main-svg")
    assert "#text=heavy+rain" in page.url

    page.click(".hit:first-child [data-do=why]")
    page.wait_for_selector(".hit:first-child .reasons td:has-text('heavy rain')")
    assert page.locator(".hit:first-child .words mark").count() == 1

    page.click("#more summary")
    page.fill("#where", "label = 'stormy'")
    page.keyboard.press("Enter")
    page.wait_for_selector("#said:has-text('6 hits'):has-text('That is all')")
    assert page.locator(".facts:has-text('stormy')").count() == 6
    page.fill("#where", "colour = 1")
    page.keyboard.press("Enter")
    page.wait_for_selector("#said.wrong:has-text('colour')")
    page.fill("#where", "")

    shared = page.context.new_page()
    shared.goto(f"{address}/#text=heavy+rain")
    shared.wait_for_selector("#said:has-text('8 hits')")
    assert shared.inner_text(".hit:first-child h2") == first and shared.input_value("#text") == "heavy rain"
    shared.close()

    page.set_input_files("#file", {"name": "today.csv", "mimeType": "text/csv", "buffer": CSV.encode()})
    page.wait_for_selector("#series-said:has-text('Searching by today.csv: rain, wind speed, 24 steps')")
    page.wait_for_selector("#said:has-text('8 hits')")

    page.click(".hit:nth-child(2) [data-do=like]")
    page.wait_for_selector("#like-said:not([hidden])")
    page.wait_for_selector("#said:has-text('8 hits')")
    page.click(".hit:nth-child(1) [data-do=compare]")
    page.click(".hit:nth-child(2) [data-do=compare]")
    page.wait_for_selector("#comparison .main-svg")
    page.click("#show-map")
    page.wait_for_selector("#map .main-svg")


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_what_a_text_says_is_never_markup(page, address):
    page.goto(f"{address}/#text=%3Cimg+src%3Dx+onerror%3Dalert(1)%3E")
    page.wait_for_selector("#said:has-text('8 hits')")
    assert page.locator("img").count() == 0
    page.click(".hit:first-child [data-do=why]")
    page.wait_for_selector(".reasons td:has-text('onerror')")
    assert page.locator("img").count() == 0


def test_the_page_allows_its_own_files_only(client):
    found = client.get("/")
    assert (
        found.status_code == 200 and "default-src 'none'; script-src 'self'" in found.headers["content-security-policy"]
    )
    assert client.get("/static/main.js").headers["content-type"].startswith("text/javascript")
    assert "plotly" in client.get("/static/plotly.min.js").text[:500]
    for name in ("../settings.py", "..%2Fsettings.py", "nothing.js", "index.html/../../app.py"):
        assert client.get(f"/static/{name}").status_code == 404
