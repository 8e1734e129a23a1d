"""How long the page takes, in Chromium on this machine: a JSON line, and the figures on stdout.

    tracets demo --out demo
    python benchmarks/page.py demo/weather.index --n 20

Starts a service of the index, then opens the page in a fresh browser context for each question, so that nothing is in
its cache. Milliseconds are counted in the page, from the moment at which it begins to load with the question in its
address (a shared link), to the first hit in the list, to the first drawn course, and to its first marked time span;
`asked` is from the key Enter to the first hit, when the page is open already. Each question is new to the service.
"""

from __future__ import annotations

import json
import platform
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import numpy as np
import typer

WHAT = ("rises", "falls", "peaks", "swings up and down", "drops suddenly", "stays level", "recovers")
WHEN = ("early on", "in the middle", "near the end", "on the first day", "overnight")
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


def chromium() -> str | None:
    """The browser of this machine."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@contextmanager
def served(index: Path) -> Iterator[str]:
    """A service of the index on a free port; its address."""
    import uvicorn

    from tracets.server.app import create_app
    from tracets.server.settings import ServerSettings

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(
        uvicorn.Config(create_app(index, settings=ServerSettings(port=port)), port=port, log_level="warning")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def questions(channels: list[str], n: int) -> list[str]:
    """`n` questions, each another one."""
    every = [f"the {name} {what} {when}" for when in WHEN for what in WHAT for name in channels]
    return every[:: max(1, len(every) // n)][:n]


def opened(browser: Any, address: str, question: str) -> dict[str, float]:
    """Milliseconds from the beginning of loading to what is there."""
    # the page's policy refuses the expressions by which Playwright waits
    page = browser.new_context(viewport={"width": 1240, "height": 900}, bypass_csp=True).new_page()
    page.goto(f"{address}/#text={quote(question)}")
    found = {}
    for name, ready in (
        ("first_hit", "document.querySelector('.hit h2 .id')?.textContent"),
        ("first_course", "document.querySelector('.hit .plot .main-svg')"),
        ("numbers_and_spans", "document.querySelector('.hit .checked:not([hidden]), .hit .plot .shapelayer path')"),
    ):
        page.wait_for_function(ready, polling="raf", timeout=30_000)
        found[name] = page.evaluate("performance.now()")
    began = page.evaluate(
        "() => { document.querySelectorAll('.hit').forEach((hit) => hit.remove()); return performance.now(); }"
    )
    page.fill("#text", f"{question}, slowly")
    page.press("#text", "Enter")
    page.wait_for_function("document.querySelector('.hit h2 .id')?.textContent", polling="raf", timeout=30_000)
    found["asked"] = page.evaluate("performance.now()") - began
    page.context.close()
    return found


def main(
    index: Annotated[Path, typer.Argument(help="The index to serve.")],
    n: int = 20,
    out: Annotated[Path, typer.Option(help="JSON lines; runs are added.")] = Path("page.jsonl"),
) -> None:
    """Open the page n times and time it."""
    from playwright.sync_api import sync_playwright

    from tracets import api

    asked = questions(api.open_index(index).channel_names, n)
    with served(index) as address, sync_playwright() as run:
        browser = run.chromium.launch(executable_path=chromium(), args=QUIET)
        times = [opened(browser, address, question) for question in asked]
        version = browser.version
    told: dict[str, Any] = {"index": str(index), "n": n, "chromium": version, "machine": platform.machine()}
    for name in times[0]:
        some = np.array([one[name] for one in times])
        told[name] = {"first": some[0], "median": float(np.median(some)), "most": some.max()}
        print(f"{name:18} first {some[0]:6.0f} ms, median {np.median(some):6.0f}, most {some.max():6.0f}")
    with out.open("a") as file:
        file.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    typer.run(main)
