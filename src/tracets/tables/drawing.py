"""The pictures of a row, and rows that are points of curves, as figures of plotly."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from tracets.tables.table import Line, Panel, Picture
from tracets.types import Sample

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

DIGITS = 4
"""What a picture keeps of a number: more is not to be seen."""


def short(values: Any) -> list[Any]:
    """Numbers of an array as nested lists, with `DIGITS` digits that count; NaN is None.

    >>> short([[1.23456, float("nan")]])
    [[1.235, None]]
    """
    if isinstance(values, list | tuple | np.ndarray):
        return [short(one) if np.ndim(one) else _short(float(one)) for one in values]
    raise TypeError(f"short() expects an array or a list, got {type(values).__name__}")


def window(title: str, sample: Sample, *, scores: dict[str, float] | None = None, text: str = "") -> Picture:
    """A window as the picture "window": a panel a channel, with what each scored, under a line of text."""
    data = {
        "id": sample.id, "channel_names": list(sample.channel_names), "units": list(sample.units),
        "start": None if sample.start is None else sample.start.isoformat(), "freq": sample.freq,
        "values": short(sample.values), "scores": scores or {}, "text": text,
    }  # fmt: skip
    return Picture(title, "window", data)


def drawn(picture: Picture) -> Figure:
    """The figure of a picture.

    "points": `kinds`, as `tracets.figures.kinds_figure` takes them. "matrix": `values`, `rows`, `columns`, `named`.
    "window": what `window` gives. Each may have a `text` to stand above it.
    """
    from tracets.figures import kinds_figure, matrix_figure
    from tracets.plots import panels

    data = picture.data
    if picture.kind == "points":
        return kinds_figure(data["kinds"])
    if picture.kind == "matrix":
        return matrix_figure(data["values"], data["rows"], data["columns"], named=tuple(data["named"]))
    start = None if data["start"] is None else datetime.fromisoformat(data["start"])
    values = np.array(data["values"], dtype=np.float32)  # None becomes NaN
    sample = Sample(
        data["id"], values, tuple(data["channel_names"]), units=tuple(data["units"]), start=start, freq=data["freq"]
    )
    return panels(sample, data["scores"])


def curves(panel: Panel, named: Iterable[tuple[str, Line]], metric: str) -> Figure:
    """A panel over a number: rows with one are points of curves, others levels across; the paper's are among them."""
    from tracets.figures import curves_figure

    points: dict[str, list[tuple[float, Any]]] = {}
    levels: dict[str, float] = {}
    for name, line in named:
        values = line.figures.get(panel.title, {}).get(metric, ())
        if not values or values[0] is None:
            continue
        if line.at is None:
            levels[name] = values[0]
        else:
            points.setdefault(name.replace(line.name, line.curve), []).append((line.at, values))
    assert panel.over is not None
    return curves_figure(points, levels, over=panel.over, metric=metric)


def _short(value: float) -> float | None:
    return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None
