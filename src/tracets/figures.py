"""Figures of plotly for notebooks and pages: a hit, the windows of a corpus, maps of vectors, matrices, curves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from tracets.errors import DataError
from tracets.plots import COLUMNS, GAP, MARGIN, PANEL, STEP, panels
from tracets.types import FloatArray, Hit, Sample

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

TITLE = 46  # pixels
NAMED = ("label", "split", "domain", "source", "id")
"""What windows can be coloured by beside their metadata."""
COLORS = ("#c2410c", "#0369a1", "#15803d", "#7e22ce", "#b45309", "#be123c", "#0f766e", "#4d7c0f", "#64748b")
"""The last is for what has no group of its own."""
OTHER = "other"
MOST_PANELS = 12
SAID = 80
"""Characters of a text beside a point."""
SYMBOLS = ("circle", "x", "diamond", "square")
"""Of the kinds of points of a map, in their order."""
LOW, HIGH = "#f8fafc", "#0369a1"
CELL = 22  # pixels


def hit_figure(hit: Hit, sample: Sample) -> Figure:
    """A hit as a figure with a panel a channel; `sample` is its window."""
    figure = panels(sample, hit.channels)
    told = [f"{hit.rank}. {hit.place}", f"score {hit.score:.3f}", hit.label]
    figure.update_layout(
        title={"text": escape(" · ".join(part for part in told if part)), "font_size": 14, "x": 0.01},
        height=figure.layout.height + TITLE, margin_t=MARGIN + TITLE,
    )  # fmt: skip
    return figure


def corpus_figure(samples: Sequence[Sample], *, by: str) -> Figure:
    """Windows over one another from their first step on, a panel a channel, coloured by what they are.

    Of many channels, the `MOST_PANELS` that most windows have are drawn.

    Raises
    ------
    DataError
        No windows, or `by` names nothing that they have.
    """
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    groups = groups_of(samples, by)
    counts = Counter(name for sample in samples for name in sample.channel_names)
    names = [name for name, _ in counts.most_common(MOST_PANELS)]
    n_columns = min(COLUMNS, len(names))
    n_rows = -(-len(names) // n_columns)
    height = n_rows * PANEL + (n_rows - 1) * GAP
    figure = make_subplots(
        rows=n_rows, cols=n_columns, vertical_spacing=GAP / height, horizontal_spacing=0.05,
        subplot_titles=[escape(name) for name in names],
    )  # fmt: skip
    colors, told = colors_of(groups), set()
    for sample, group in zip(samples, groups, strict=True):
        for name, unit, values in zip(sample.channel_names, sample.units, sample.values, strict=True):
            if name not in names:
                continue
            c = names.index(name)
            place = {"row": c // n_columns + 1, "col": c % n_columns + 1}
            line = {"color": colors[group], "width": 1}
            figure.add_trace(
                go.Scatter(
                    y=values, mode="lines", line=line, opacity=0.6, connectgaps=False, name=escape(group),
                    legendgroup=escape(group), showlegend=group not in told, hovertext=escape(sample.id),
                ),
                **place,
            )  # fmt: skip
            told.add(group)
            figure.update_yaxes(title_text=escape(unit or ""), title_standoff=2, **place)
            if c >= len(names) - n_columns:
                figure.update_xaxes(title_text=STEP, title_standoff=4, **place)
    figure.update_annotations(font_size=13)
    drawn = f"{len(samples)} windows" + (
        f", {len(names)} of {len(counts)} channels" if len(counts) > len(names) else ""
    )
    return _with_title(figure, drawn, by, height=height + 2 * MARGIN + TITLE)


def map_figure(points: FloatArray, samples: Sequence[Sample], *, by: str) -> Figure:
    """Windows as points of a plane (n, 2), coloured by what they are; a point says its id and the start of its text.

    Raises
    ------
    DataError
        `by` names nothing that they have.
    """
    import plotly.graph_objects as go

    groups = groups_of(samples, by)
    colors = colors_of(groups)
    figure = go.Figure()
    for group, color in colors.items():
        rows = [i for i, own in enumerate(groups) if own == group]
        said = [f"{escape(samples[i].id)}<br>{escape((samples[i].text or '')[:SAID])}" for i in rows]
        marker = {"color": color, "size": 6, "opacity": 0.7}
        x, y = points[rows, 0], points[rows, 1]
        figure.add_trace(
            go.Scatter(x=x, y=y, mode="markers", marker=marker, name=escape(group), text=said, hoverinfo="text+name")
        )
    figure.update_xaxes(title_text="first main direction", zeroline=False)
    figure.update_yaxes(title_text="second main direction", zeroline=False, scaleanchor="x")
    return _with_title(figure, f"{len(samples)} windows", by, height=520)


def kinds_figure(kinds: Mapping[str, Mapping[str, Sequence[Any]]]) -> Figure:
    """Points of several kinds in one plane: colour tells the group, shape the kind.

    Parameters
    ----------
    kinds : mapping
        Kind, such as "series" -> x, y, group and said (what a point says), each a sequence with an entry a point.
    """
    import plotly.graph_objects as go

    colors = colors_of([group for points in kinds.values() for group in points["group"]])
    figure = go.Figure()
    for (kind, points), symbol in zip(kinds.items(), SYMBOLS, strict=False):
        for group, color in colors.items():
            rows = [i for i, own in enumerate(points["group"]) if own == group]
            if not rows:
                continue
            x, y = ([points[axis][i] for i in rows] for axis in ("x", "y"))
            said = [escape(str(points["said"][i])[:SAID]) for i in rows]
            marker = {"color": color, "size": 6, "opacity": 0.7, "symbol": symbol}
            name = escape(f"{group}, {kind}")
            figure.add_trace(
                go.Scatter(x=x, y=y, mode="markers", marker=marker, name=name, text=said, hoverinfo="text+name")
            )
    figure.update_xaxes(title_text="first main direction", zeroline=False)
    figure.update_yaxes(title_text="second main direction", zeroline=False, scaleanchor="x")
    return _laid_out(figure, height=520)


def matrix_figure(
    values: Sequence[Sequence[float | None]], rows: Sequence[str], columns: Sequence[str], *, named: tuple[str, str]
) -> Figure:
    """A matrix as a field of colours, the first row on top; `named` says what a row and what a column is."""
    import plotly.graph_objects as go

    scale = [[0, LOW], [1, HIGH]]
    down, across = ([f"{i}. {escape(name)}" for i, name in enumerate(each, start=1)] for each in (rows, columns))
    figure = go.Figure(go.Heatmap(z=values, x=across, y=down, colorscale=scale, colorbar={"thickness": 12}))
    figure.update_xaxes(title_text=escape(named[1]), type="category", automargin=True, tickangle=-90)
    figure.update_yaxes(title_text=escape(named[0]), type="category", autorange="reversed", automargin=True)
    return _laid_out(figure, height=max(320, CELL * len(rows) + 200))


def curves_figure(
    curves: Mapping[str, Sequence[tuple[float, Sequence[float | None]]]],
    levels: Mapping[str, float],
    *,
    over: str,
    metric: str,
) -> Figure:
    """Curves over a number, on a logarithmic axis, with their intervals; levels are dashed lines across.

    Parameters
    ----------
    curves : mapping
        Name -> (where, its value or its value with the ends of its interval) a point.
    levels : mapping
        Name -> a value that does not depend on the number.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    places = sorted({at for points in curves.values() for at, _ in points})
    for (name, points), color in zip(curves.items(), COLORS, strict=False):
        x, values = [at for at, _ in points], [found[0] for _, found in points]
        ends = [found if len(found) == 3 and None not in found else [found[0]] * 3 for _, found in points]
        above, below = ([abs(end[at] - end[0]) for end in ends] for at in (2, 1))  # type: ignore[operator]
        spread = {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "thickness": 1}
        line = {"color": color, "width": 1.6}
        figure.add_trace(go.Scatter(x=x, y=values, mode="lines+markers", line=line, error_y=spread, name=escape(name)))
    for name, value in levels.items():
        line = {"color": COLORS[-1], "width": 1.4, "dash": "dash"}
        x = [places[0], places[-1]]
        figure.add_trace(go.Scatter(x=x, y=[value, value], mode="lines", line=line, name=escape(name)))
    figure.update_xaxes(title_text=escape(over), type="log", tickvals=places, ticktext=[f"{at:g}" for at in places])
    figure.update_yaxes(title_text=escape(metric))
    return _laid_out(figure, height=360)


def groups_of(samples: Sequence[Sample], by: str) -> list[str]:
    """What each window is, by its label or another column: the most frequent groups, and `OTHER` for the rest.

    Raises
    ------
    DataError
        No windows, or none has such a column.

    Examples
    --------
    >>> groups_of([Sample("a", [[0]], ("x",), label="calm"), Sample("b", [[0]], ("x",))], "label")
    ['calm', 'no label']
    """
    if not samples:
        raise DataError("there are no windows to draw. Check the filter.")
    known = [*NAMED, *dict.fromkeys(name for sample in samples for name in sample.metadata)]
    if by not in known:
        raise DataError(f"windows cannot be coloured by '{by}': they have {', '.join(known)}.")
    values = [getattr(sample, by) if by in NAMED else sample.metadata.get(by) for sample in samples]
    named = [f"no {by}" if value is None else str(value) for value in values]
    return few_groups(named)


def few_groups(names: Sequence[str]) -> list[str]:
    """The names themselves where there is a colour for each, else the most frequent ones and `OTHER` for the rest."""
    counts = Counter(names)
    if len(counts) <= len(COLORS):
        return list(names)
    kept = {name for name, _ in counts.most_common(len(COLORS) - 1)}
    return [name if name in kept else OTHER for name in names]


def colors_of(groups: Sequence[str]) -> dict[str, str]:
    """A colour for each group, the most frequent first."""
    names = sorted(Counter(groups).items(), key=lambda item: (item[0] == OTHER, -item[1], item[0]))
    return {name: COLORS[-1] if name == OTHER else COLORS[i] for i, (name, _) in enumerate(names)}


def evenly(n: int, most: int) -> list[int]:
    """`most` numbers below n, evenly among them and rising; all where there are no more.

    >>> evenly(9, 3)
    [0, 4, 8]
    """
    rows: list[int] = np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.int64)).tolist() if n else []
    return rows


def _laid_out(figure: Figure, *, height: int) -> Figure:
    figure.update_layout(
        template="plotly_white", height=height, font_size=11, legend_itemsizing="constant", showlegend=True,
        margin={"l": 50, "r": 12, "t": MARGIN, "b": MARGIN},
    )  # fmt: skip
    return figure


def _with_title(figure: Figure, drawn: str, by: str, *, height: int) -> Figure:
    title: dict[str, Any] = {"text": escape(f"{drawn}, by {by}"), "font_size": 14, "x": 0.01}
    figure.update_layout(
        template="plotly_white", title=title, height=height, font_size=11, legend_itemsizing="constant",
        margin={"l": 50, "r": 12, "t": MARGIN + TITLE, "b": MARGIN},
    )  # fmt: skip
    return figure
