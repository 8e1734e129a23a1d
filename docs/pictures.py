"""Make the pictures of the page in docs/pictures: Chromium on the demo's index, whose weather is CC0.

tracets demo --out demo
python docs/pictures.py demo/weather.index
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / "docs" / "pictures"
MOST_BYTES = 150_000
QUESTION = "A sharp drop in temperature near the end. Wind peaks late."


def main(index: Annotated[Path, typer.Argument(help="The index of the demo.")]) -> None:
    """Open the page four times and keep what is to be seen."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    from page import QUIET, chromium, served
    from playwright.sync_api import sync_playwright

    PLACE.mkdir(exist_ok=True)
    with served(index) as address, sync_playwright() as run:
        browser = run.chromium.launch(executable_path=chromium(), args=QUIET)
        for name, (width, height, scheme, steps) in SHOTS.items():
            size = {"width": width, "height": height}
            page = browser.new_context(viewport=size, color_scheme=scheme).new_page()
            page.goto(f"{address}/#text={QUESTION.replace(' ', '+')}&k=4")
            page.wait_for_selector(".hit:first-child .checked:not([hidden])")
            page.wait_for_selector(".hit:first-child .shapelayer path", state="attached")
            steps(page)
            page.wait_for_timeout(1500)
            keep(page, PLACE / f"{name}.jpg")


def keep(page: Any, path: Path) -> None:
    """As JPEG, the best quality that stays below `MOST_BYTES`."""
    for quality in range(85, 20, -5):
        page.screenshot(path=path, type="jpeg", quality=quality)
        if path.stat().st_size < MOST_BYTES:
            typer.echo(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes, quality {quality}")
            return
    raise SystemExit(f"{path} stays above {MOST_BYTES} bytes. Make the picture smaller.")


def why(page: Any) -> None:
    page.click(".hit:first-child [data-do=why]")
    page.wait_for_selector(".hit:first-child .numbers")
    page.evaluate("document.querySelector('#query').remove(); scrollTo(0, 0)")


def fan(page: Any) -> None:
    page.click(".hit:first-child [data-do=next]")
    page.wait_for_selector(".hit:first-child .next .main-svg")
    page.locator(".hit:first-child .next").evaluate("(element) => element.scrollIntoView()")


def shown_map(page: Any) -> None:
    page.click("#show-map")
    page.wait_for_selector("#map .main-svg")


def narrow(page: Any) -> None:
    page.locator(".hit:first-child").evaluate("(element) => element.scrollIntoView()")


SHOTS = {
    "why": (1240, 900, "light", why),
    "fan": (1240, 520, "dark", fan),
    "map": (1240, 880, "light", shown_map),
    "narrow": (390, 844, "dark", narrow),
}

if __name__ == "__main__":
    typer.run(main)
