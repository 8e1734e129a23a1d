"""The page in a real browser: a question, a filter, a file, the reasons, a link; and that it needs no other host."""

import shutil
import socket
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime

import numpy as np
import pytest
import uvicorn

from tracets import api
from tracets.server.app import create_app
from tracets.server.settings import ServerSettings
from tracets.types import Sample

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
CSV = "time,rain [mm],wind speed [m/s]\n" + "".join(f"2020-06-01T{h:02}:00:00Z,{h % 5},{h}\n" for h in range(24))


@contextmanager
def served(index_folder, model_folder):
    """A service on a free port of this machine; its address."""
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


@pytest.fixture(scope="module")
def address(index_folder, model_folder):
    with served(index_folder, model_folder) as at:
        yield at


@pytest.fixture(scope="module")
def told_address(tmp_path_factory, minilm_model_folder):
    """A service of three windows with captions as we write them; one of their numbers is wrong."""
    windows = []
    for i in range(3):
        load = np.full(48, 20.0) + np.arange(48) % 3
        load[30 + i] = 90
        text = f"The load peaks at 90 MW at {5 + i:02}:00 on day 2." if i == 0 else None
        start = datetime(2020, 5, 1, tzinfo=UTC)
        windows.append(Sample(f"w{i}", load[None], ("load",), ("MW",), start=start, freq="h", text=text))
    folder = tmp_path_factory.mktemp("told") / "index"
    api.build_index(windows, api.load(minilm_model_folder), folder)
    with served(folder, minilm_model_folder) as at:
        yield at


@pytest.fixture
def page():
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
    assert all(url.startswith(("http://127.0.0.1:", "data:", "blob:")) for url in asked)


def until(page, said):
    """Wait for an expression to be true; the page's policy refuses those of Playwright's own waiting."""
    for _ in range(300):
        if page.evaluate(said):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"never true: {said}")


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_walk_through_the_page(page, address):
    page.goto(address)
    page.wait_for_selector("#about:has-text('12 windows')")
    page.wait_for_selector("#said:has-text('Ask in words')")
    assert page.locator("#examples button").count() == 3
    page.fill("#text", "heavy rain")
    page.keyboard.press("Enter")
    page.wait_for_selector("#said:has-text('8 hits')")
    first = page.inner_text(".hit:first-child h2 .id")
    page.wait_for_selector(".hit:first-child .plot .main-svg")
    assert "#text=heavy+rain" in page.url and not page.is_visible("#examples")

    page.click(".hit:first-child [data-do=why]")
    page.wait_for_selector(".hit:first-child .reasons td:has-text('heavy rain')")
    assert page.locator(".hit:first-child .words mark").count() == 1
    # the text is no caption of ours: its number is told, and not checked
    assert page.inner_text(".hit:first-child .checked") == "Numbers of this text: 1 not checked."
    assert page.locator(".hit:first-child .words .number.not-checked").count() == 1

    page.fill("#where", "label = 'stormy'")
    page.keyboard.press("Enter")
    page.wait_for_selector("#said:has-text('6 hits'):has-text('That is all')")
    assert page.locator(".facts:has-text('stormy')").count() == 6
    page.click(".hit:first-child .chip:has-text('entity: sf')")
    page.wait_for_selector("#said:has-text('6 hits')")
    assert page.input_value("#where") == "(label = 'stormy') and \"entity\" = 'sf'"
    page.fill("#where", "colour = 1")
    page.keyboard.press("Enter")
    page.wait_for_selector("#said.wrong:has-text('colour')")
    assert page.locator(".hit").count() == 0
    page.click("#clear-filters")
    page.wait_for_selector("#said:has-text('8 hits')")

    shared = page.context.new_page()
    shared.goto(f"{address}/#text=heavy+rain")
    shared.wait_for_selector("#said:has-text('8 hits')")
    assert shared.inner_text(".hit:first-child h2 .id") == first and shared.input_value("#text") == "heavy rain"
    shared.close()
    page.click("#share")
    page.wait_for_selector("#said:has-text('link')")

    page.set_input_files("#file", {"name": "today.csv", "mimeType": "text/csv", "buffer": CSV.encode()})
    page.wait_for_selector("#series-said:has-text('Searching by today.csv: rain, wind speed, 24 steps')")
    page.wait_for_selector("#said:has-text('8 hits')")
    page.click("#clear-series")

    page.click(".hit:nth-child(2) [data-do=like]")
    until(page, "document.getElementById('like').value !== ''")
    page.wait_for_selector("#said:has-text('8 hits')")
    page.click(".hit:nth-child(1) [data-do=compare]")
    page.click(".hit:nth-child(2) [data-do=compare]")
    page.wait_for_selector("#comparison .main-svg")
    assert page.locator("[data-do=compare][aria-pressed=true]").count() == 2
    page.click("#comparison button")
    assert not page.is_visible("#comparison")
    page.click("#show-map")
    page.wait_for_selector("#map .main-svg")
    assert page.locator("#map .legendtext").all_text_contents() == ["fair (6)", "stormy (6)", "hits"]
    page.evaluate(
        "document.querySelector('#map .js-plotly-plot').emit('plotly_click', {points: [{customdata: 'day-3'}]})"
    )
    page.wait_for_selector("#opened .hit[data-id='day-3'] .main-svg")


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_time_range_and_a_stored_window_that_is_named(page, address):
    page.goto(f"{address}/#text=rain&from=2020-05-04&to=2020-05-06")
    page.wait_for_selector("#said:has-text('3 hits'):has-text('That is all')")
    assert sorted(page.locator(".hit h2 .id").all_inner_texts()) == ["day-3", "day-4", "day-5"]
    page.fill("#to", "2020-05-01")
    page.wait_for_selector("#said.wrong:has-text('Swap them')")
    page.click("#clear-filters")
    page.wait_for_selector("#said:has-text('8 hits')")
    page.fill("#text", "")
    page.focus("#like")
    page.wait_for_selector("#stored option", state="attached")
    assert page.locator("#stored option").count() == 12
    page.fill("#like", "day-7")
    page.keyboard.press("Enter")
    page.wait_for_selector("#said:has-text('8 hits')")
    assert "day-7" not in page.locator(".hit h2 .id").all_inner_texts() and "like=day-7" in page.url


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_keys_go_from_hit_to_hit_and_do_what_buttons_do(page, address):
    page.goto(f"{address}/#text=rain")
    page.wait_for_selector("#said:has-text('8 hits')")
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.dataset.id") == page.inner_text(".hit:nth-child(2) h2 .id")
    page.keyboard.press("w")
    page.wait_for_selector(".hit:nth-child(2) .reasons table")
    page.keyboard.press("k")
    page.keyboard.press("c")
    assert page.get_attribute(".hit:nth-child(1) [data-do=compare]", "aria-pressed") == "true"
    page.keyboard.press("?")
    page.wait_for_selector("#keys[open]")
    page.keyboard.press("Escape")
    page.keyboard.press("m")
    page.wait_for_selector("#map .main-svg")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "text"
    page.keyboard.type("jwm")
    assert page.input_value("#text").endswith("jwm") and page.is_visible("#map")


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_parts_of_the_series_and_numbers_are_marked(page, told_address):
    page.goto(f"{told_address}/#text=The+load+peaks+at+90+MW.&k=3")
    page.wait_for_selector("#said:has-text('3 hits')")
    card = ".hit[data-id='w0']"
    page.wait_for_selector(f"{card} .words .number.agrees:text-is('90 MW')")
    assert page.locator(f"{card} .words .number.differs").all_inner_texts() == ["at 05:00 on day 2"]
    assert page.inner_text(f"{card} .checked") == "Numbers of this text: 1 agree with the values, 1 differ."
    page.locator(card).focus()
    page.keyboard.press("w")
    page.wait_for_selector(f"{card} .numbers li:has-text('by the values day 2, 06:00')")
    shapes = f'document.querySelector("{card} .js-plotly-plot").layout.shapes.map((s) => [s.x0, s.x1])'
    request = {"id": "w0", "query": "The load peaks at 90 MW."}
    place = page.request.post(f"{told_address}/v1/explain", data=request).json()["sentences"][0]["place"]
    until(page, f"{shapes}.length === 1")
    assert page.evaluate(shapes) == [[place["start"][:19], place["end"][:19]]]
    label = page.get_attribute(f"{card} .plot", "aria-label")
    assert f'marked: "The load peaks at 90 MW." by load, {place["start"][:16].replace("T", " ")}' in label
    page.click(f"{card} .numbers button:has-text('90 MW')")
    until(page, f"{shapes}.length === 3")  # a step has a line in its stretch
    assert page.evaluate(shapes)[1] == ["2020-05-02T06:00:00"] * 2


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_places_in_long_series_are_asked_for_where_the_service_has_them(page, address):
    """Whatever this service has: its document, its columns and its answer are given here."""
    asked = []

    def spans(route):
        asked.append(route.request.post_data_json)
        hit = {"rank": 1, "id": "day-3", "score": 0.5, "start": "2020-05-04T02:00:00+00:00", "end": None, "text": None,
               "channels": {"rain": 0.5}, "label": None, "metadata": {}, "series": "sf", "first_step": 2,
               "n_steps": 4}  # fmt: skip
        route.fulfill(json={"spans": [hit]})

    def info(route):
        told = route.fetch().json()
        route.fulfill(json=told | {"columns": [*told["columns"], "first_step"]})

    schemas = {"SearchRequest": {"properties": {"hybrid": {}}}}
    page.route("**/openapi.json", lambda route: route.fulfill(
        json={"paths": {"/v1/spans": {}}, "components": {"schemas": schemas}}))  # fmt: skip
    page.route("**/v1/spans", spans)
    page.route("**/v1/info", info)
    page.goto(f"{address}/#text=rain&k=3")
    page.click("#more summary")
    page.check("#find-label input")
    assert page.is_visible("#hybrid-label")
    page.focus("#text")
    page.keyboard.press("Enter")
    page.wait_for_selector(".hit:only-child .facts:has-text('in sf, steps 2 to 5')")
    assert asked == [{"k": 3, "text": "rain"}] and "find=spans" in page.url
    page.reload()
    page.wait_for_selector(".hit:only-child .facts:has-text('in sf')")
    assert page.is_checked("#find-label input")


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_control_has_a_name_and_texts_have_contrast(page, address, scheme):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(f"{address}/#text=rain")
    page.wait_for_selector(".hit:first-child .plot .main-svg")
    assert page.evaluate(NAMELESS) == []
    # what is wider than the screen would scroll sideways
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    poor = page.evaluate(CONTRAST)
    assert poor == []


NAMELESS = """() => {
  const named = (e) => e.textContent.trim() || e.getAttribute("aria-label") || e.labels?.length || e.hidden;
  const controls = document.querySelectorAll("button, input, select, [role=img], canvas, section");
  return [...controls].filter((e) => !named(e)).map((e) => e.id);
}"""
CONTRAST = """() => {
  const linear = (v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const parse = (c) => (c.match(/[\\d.]+/g) ?? []).map(Number);
  const ground = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length === 3 || c[3] > 0.99) return c.slice(0, 3); } return [255, 255, 255]; };
  const poor = [];
  for (const e of document.querySelectorAll("h1, h2, h3, p, a, button, label, li, span, summary, mark")) {
    if (!e.innerText?.trim() || e.closest(".js-plotly-plot, .skip") || !e.offsetParent) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color).slice(0, 3)), light(ground(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(`${e.tagName}.${e.className} ${e.innerText.slice(0, 20)} ${ratio.toFixed(2)}`);
  }
  return poor;
}"""


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
