"""A table that was made: as JSON, Markdown and a page of pictures, all three or none."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracets.errors import visible
from tracets.tables.table import Line, Panel, Size, Table

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

PAPER = "paper: "
"""Before the names of rows that are the paper's."""


@dataclass(frozen=True)
class TableReport:
    """What `tracets reproduce` gives for one table.

    Parameters
    ----------
    table, size, seed : Table, Size, int
        What was asked for.
    data : sequence of str
        Names of the files that were given; none: the built-in weather.
    rows : sequence of (source, Line)
        In the order of the table, each with the data that it was measured on.
    left_out : sequence of (source, step, reason)
        What the data or the installation do not allow.
    runs : sequence of mapping
        A record for each step: source, digest, minutes, when, version, commit and machine.
    """

    table: Table
    size: Size
    seed: int
    data: Sequence[str]
    rows: Sequence[tuple[str, Line]]
    left_out: Sequence[tuple[str, str, str]]
    runs: Sequence[Mapping[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """Give the object of `tracets reproduce --json`: plain numbers; null where a metric has no value."""
        return {
            "table": self.table.name,
            "title": self.table.title,
            "size": self.size.name,
            "seed": self.seed,
            "minutes": round(sum(run["minutes"] for run in self.runs), 2),
            "data": self._data(),
            "rows": [{"source": source, **line.to_json()} for source, line in self.rows],
            "published": [line.to_json() for line in self.table.published],
            "differs": list(self.table.differs),
            "left_out": [{"source": s, "step": step, "reason": reason} for s, step, reason in self.left_out],
            "runs": [{k: v for k, v in run.items() if k != "lines"} for run in self.runs],
        }

    def to_markdown(self) -> str:
        """Draw the page: what is shown, a table a panel, what differs, and where the figures come from."""
        parts = [f"# {self.table.title}", self.table.shows, self.size.note]
        for panel in self._panels():
            parts += [f"## {panel.title}", self._panel(panel)]
        notes = [f"- {name}: {line.note}" for name, line in self._named() if line.note]
        notes += [f"- {source}, {step}: not made. {reason}" for source, step, reason in self.left_out]
        if notes:
            parts += ["## Remarks", "\n".join(notes)]
        if self.table.differs:
            parts += ["## What differs from the paper", "\n".join(f"- {one}" for one in self.table.differs)]
        parts += ["## Where the figures come from", "\n".join(f"- {one}" for one in self._provenance())]
        return "\n\n".join(parts) + "\n"

    def write(self, folder: Path) -> None:
        """Write NAME.md, NAME.json and NAME.html to a folder: each is whole or not there, and none is kept alone."""
        from tracets.plots import plot_rows

        folder.mkdir(parents=True, exist_ok=True)
        made = {kind: folder / f"{self.table.name}.{kind}" for kind in ("md", "json", "html")}
        unfinished = {kind: path.with_name(f".{path.name}.{os.getpid()}") for kind, path in made.items()}
        panels = {p.title: (p.metrics[0], self._drawn(p)) for p in self._panels() if p.over is None}
        try:
            unfinished["md"].write_text(self.to_markdown(), encoding="utf-8")
            text = json.dumps(self.to_json(), ensure_ascii=False, indent=1) + "\n"
            unfinished["json"].write_text(text, encoding="utf-8")
            about = " ".join([self.size.note, *self.table.differs, *self._provenance()]).replace("`", "")
            plot_rows(self.table.title, about, panels, unfinished["html"], pictures=self._pictures())
            for kind, path in made.items():
                os.replace(unfinished[kind], path)
        finally:
            for path in unfinished.values():
                path.unlink(missing_ok=True)

    def _data(self) -> dict[str, str]:
        return {run["source"]: run["digest"] for run in self.runs}

    def _panels(self) -> list[Panel]:
        """Those that have a row of ours, or are to be shown without."""
        return [p for p in self.table.panels if p.alone or any(p.title in line.figures for _, line in self.rows)]

    def _named(self) -> Iterator[tuple[str, Line]]:
        """The paper's rows, then ours, with the data before their names where there are several."""
        for line in self.table.published:
            yield PAPER + line.name, line
        several = len({source for source, _ in self.rows}) > 1
        for source, line in self.rows:
            yield f"{source}, {line.name}" if several else line.name, line

    def _panel(self, panel: Panel) -> str:
        lines = ["| | " + " | ".join(panel.metrics) + " |", "|---|" + "---|" * len(panel.metrics)]
        for name, line in self._named():
            if values := line.figures.get(panel.title):
                cells = [_cell(m, values.get(m, ())) for m in panel.metrics]
                lines.append(f"| {_plain(name)} | " + " | ".join(cells) + " |")
        return "\n".join(lines)

    def _drawn(self, panel: Panel) -> dict[str, Sequence[float | None]]:
        metric = panel.metrics[0]
        found = {name: line.figures.get(panel.title, {}).get(metric, ()) for name, line in self._named()}
        return {name: values for name, values in found.items() if values and values[0] is not None}

    def _pictures(self) -> list[tuple[str, str, Figure]]:
        """Curves over a number, every metric; then the pictures of our rows. Each with its heading and a text."""
        from tracets.tables.drawing import curves, drawn

        found = [
            (f"{panel.title}: {metric}", "", curves(panel, self._named(), metric))
            for panel in self._panels()
            if panel.over is not None
            for metric in panel.metrics
        ]
        several = len({source for source, _ in self.rows}) > 1
        for source, line in self.rows:
            for one in line.pictures:
                heading = f"{source}, {line.name}" if several else line.name
                found.append((f"{heading}: {one.title}", one.data.get("text", ""), drawn(one)))
        return found

    def _provenance(self) -> list[str]:
        asked = f"tracets reproduce {self.table.name} --size {self.size.name} --seed {self.seed}"
        told = ["`" + " ".join([asked, *(f"--data {visible(name)}" for name in self.data)]) + "`"]
        told += [f"Data {name}: sha256 {digest}." for name, digest in self._data().items()]
        minutes = sum(run["minutes"] for run in self.runs)
        codes = dict.fromkeys(
            f"tracets {run['version']}" + (f", commit {run['commit']}" if run["commit"] else "") for run in self.runs
        )
        days = sorted({run["ended"][:10] for run in self.runs})
        told.append(f"{minutes:.1f} minutes, runs: {len(self.runs)}, ended {' and '.join(dict.fromkeys(days))}.")
        told += [f"{code}." for code in codes]
        machines = dict.fromkeys(
            ", ".join(f"{k} {v}" for k, v in run["machine"].items() if v is not None) for run in self.runs
        )
        return told + [f"Machine: {one}." for one in machines]


def _plain(text: str) -> str:
    """A name from outside as the cell of a table."""
    return visible(text).replace("|", "\\|")


def _cell(metric: str, values: Sequence[float | None]) -> str:
    if not values or values[0] is None:
        return "-"
    shown = [_figure(metric, v) for v in values]
    return shown[0] if len(shown) == 1 else f"{shown[0]} [{shown[1]}, {shown[2]}]"


def _figure(metric: str, value: float | None) -> str:
    if value is None:
        return "-"
    if metric in ("n", "queries", "median rank") or abs(value) >= 100:
        return f"{value:.1f}".removesuffix(".0")
    return f"{value:.3f}"
