"""The page of the API: served whole by the service, whatever is installed and reached."""

import shutil
import socket
import threading
import time

import pytest
import uvicorn

from tracets.server.app import create_app
from tracets.server.keys import add_key
from tracets.server.routes import page
from tracets.server.settings import ServerSettings

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def test_the_page_of_the_api_names_no_other_host(client):
    found = client.get("/docs")
    assert found.status_code == 200 and found.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in found.headers["content-security-policy"] and "://" not in found.text
    for name, kind in (("swagger-ui-bundle.js", "text/javascript"), ("swagger-ui.css", "text/css")):
        found = client.get(f"/static/{name}")
        assert found.status_code == 200 and found.headers["content-type"].startswith(kind) and len(found.text) > 100_000
    assert client.get("/redoc").status_code == client.get("/static/redoc.standalone.js").status_code == 404


def test_without_the_package_the_page_says_what_to_install(client, monkeypatch):
    monkeypatch.setattr(page, "find_spec", lambda name: None)
    monkeypatch.setattr(page, "_swagger", page._swagger.__wrapped__)
    found = client.get("/static/swagger-ui.css")
    assert found.status_code == 501 and "pip install fastapi-offline" in found.json()["detail"]


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_request_is_tried_out_with_a_key(index_folder, model_folder, tmp_path):
    playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    key = add_key(tmp_path / "keys.json", "ann", "read")
    app = create_app(
        index_folder, settings=ServerSettings(port=port, keys=tmp_path / "keys.json"), model=str(model_folder)
    )
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    address, wrong, asked, refused = f"http://127.0.0.1:{port}", [], [], []
    with playwright.sync_playwright() as run:
        browser = run.chromium.launch(executable_path=CHROMIUM, args=("--no-sandbox", "--disable-gpu"))
        opened = browser.new_page()
        opened.set_default_timeout(30_000)
        opened.on("console", lambda message: message.type == "error" and wrong.append(message.text))
        opened.on("pageerror", lambda error: wrong.append(str(error)))
        opened.on("request", lambda request: asked.append(request.url))
        opened.on("response", lambda response: response.status >= 400 and refused.append(response.url))
        opened.on("dialog", lambda dialog: dialog.accept(key))
        opened.goto(f"{address}/docs")
        info = opened.locator("#operations-search-info_v1_info_get")
        info.wait_for()
        assert opened.locator(".opblock").count() == 18
        info.locator(".opblock-summary").click()
        info.get_by_role("button", name="Try it out").click()
        info.get_by_role("button", name="Execute").click()
        info.locator(".live-responses-table .microlight").first.wait_for()
        assert '"windows": 12' in info.locator(".live-responses-table").inner_text()
        browser.close()
    server.should_exit = True
    thread.join()
    assert refused == [f"{address}/openapi.json"]  # before the key was given
    assert [said for said in wrong if "status of 401" not in said] == []
    assert all(url.startswith((address, "data:", "blob:")) for url in asked)
