"""Make the pictures of docs/reproduce.md in docs/pictures from what `tracets reproduce` wrote, with Chromium.

tracets reproduce figures --size cpu --out figures
python docs/drawn.py figures
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import unquote

import typer

from tracets.reproduction import named
from tracets.tables.drawing import curves, drawn
from tracets.tables.table import Line

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / "docs" / "pictures"
WIDTH, MOST_BYTES = 760, 150_000
ROWS = {
    "scores": ("similarity", "base, as it ships", 1),
    "case": ("cases", "text to series", 1),
    "space": ("map", "base, as it ships", 1),
}
"""Picture -> figure, row, and which picture of the row."""
CURVES = {"neighbours": ("retrieved", 1, "MSE")}
"""Picture -> figure, which of its panels, metric."""
SVG = "async (wide) => Plotly.toImage(document.querySelector('.plotly-graph-div'), {format: 'svg', ...wide})"


def main(folder: Annotated[Path, typer.Argument(help="What `tracets reproduce --out` wrote.")]) -> None:
    """Draw each picture whose figure is in the folder."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    from page import QUIET, chromium
    from playwright.sync_api import sync_playwright

    PLACE.mkdir(exist_ok=True)
    with sync_playwright() as run:
        browser = run.chromium.launch(executable_path=chromium(), args=QUIET)
        for name, figure in found(folder).items():
            page = browser.new_page()
            page.set_content(figure.to_html(include_plotlyjs=True), timeout=120_000)
            keep(page, PLACE / f"{name}.svg", height=figure.layout.height)


def found(folder: Path) -> dict[str, Figure]:
    """The figures of plotly, by the names of their pictures."""
    out = {}
    for name, (figure, row, place) in ROWS.items():
        if lines := lines_of(folder, figure):
            out[name] = drawn(next(line for line in lines if line.name == row).pictures[place])
    for name, (figure, place, metric) in CURVES.items():
        if lines := lines_of(folder, figure):
            out[name] = curves(named(figure).panels[place], [(line.name, line) for line in lines], metric)
    return out


def lines_of(folder: Path, figure: str) -> list[Line]:
    path = folder / f"{figure}.json"
    if not path.is_file():
        return []
    return [Line.from_json(row) for row in json.loads(path.read_text(encoding="utf-8"))["rows"]]


def keep(page: Any, path: Path, *, height: int) -> None:
    """As SVG, as the page draws it."""
    address = page.evaluate(SVG, {"width": WIDTH, "height": height})
    text = unquote(address.partition(",")[2])
    if len(text.encode()) > MOST_BYTES:
        raise SystemExit(f"{path} has {len(text.encode())} bytes, more than {MOST_BYTES}. Draw fewer points.")
    path.write_text(text + "\n", encoding="utf-8")
    typer.echo(f"{path.relative_to(ROOT)}: {len(text.encode())} bytes")


if __name__ == "__main__":
    typer.run(main)
