"""The pictures of docs/examples: what `--plot` and `map` have drawn, by Chromium, as JPEG in docs/pictures."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 1240
SHOTS = {
    "health": {"flu-hit": ("hits.html", 1), "flu-forecast": ("forecast.html", 1)},
    "energy": {"gasoline-hit": ("hits.html", 1), "gasoline-forecast": ("forecast.html", 1)},
    "environment": {"air-spikes": ("spikes.html", 3), "air-forecast": ("forecast.html", 1)},
    "ecg": {"ecg-hit": ("hits.html", 1), "ecg-map": ("map.html", 0)},
}
"""Page -> picture -> the file, and how many of its sections are shown; 0: all of it."""


def draw(name: str) -> None:
    """Open the files of a page, which lie in the working folder, and keep what is to be seen."""
    sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "docs")]
    from page import QUIET, chromium
    from pictures import keep
    from playwright.sync_api import sync_playwright

    with sync_playwright() as run:
        browser = run.chromium.launch(executable_path=chromium(), args=QUIET)
        for picture, (file, sections) in SHOTS[name].items():
            page = browser.new_page(viewport={"width": WIDTH, "height": 600})
            page.set_default_timeout(300_000)  # beside other work
            page.goto(Path(file).resolve().as_uri())
            page.wait_for_selector(".main-svg")
            last = f"document.querySelectorAll('section')[{sections - 1}]" if sections else "document.body"
            height = page.evaluate(f"Math.ceil({last}.getBoundingClientRect().bottom) + 8")
            page.set_viewport_size({"width": WIDTH, "height": height})
            page.wait_for_timeout(500)
            keep(page, ROOT / "docs" / "pictures" / f"{picture}.jpg")
