"""What a notebook shows of samples, hits, indexes and reasons: small HTML, made of texts and numbers alone.

Standard library only, so that the words of every room (`tracets.types`) can be shown. Texts come from files and may
hold anything: each is escaped here, and nowhere else; only what this module made itself is a `Markup`. No scripts and
no style sheets: it shows in notebooks that are not trusted, and takes the colours of the page around it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from tracets.errors import visible

MOST_CHARS = 600
"""Of a text that is shown below a card."""
IN_TABLE, ONE_LINE = 200, 32
"""Characters of a text in a table, and of one that is not broken."""
MOST_ROWS = 12
"""Rows of a table of channels."""
WIDTH, HEIGHT, BINS = 180, 28, 90
COLOR = "#c2410c"
CELL = "text-align:left;padding:2px 10px 2px 0;vertical-align:top;unicode-bidi:isolate"


class Markup(str):
    """HTML that this module made; any other text is escaped when it is shown."""


def card(title: str, facts: Mapping[str, object], *parts: str | None) -> str:
    """A title, facts in one line (those that are None are left out), and parts below: tables, or texts."""
    told = " · ".join(f"{_text(name)}: {_text(str(value))}" for name, value in facts.items() if value is not None)
    shown = [part if isinstance(part, Markup) else _text(part) for part in parts if part]
    below = "".join(f"<div style='margin-top:4px'>{part}</div>" for part in shown)
    return Markup(
        f"<div style='margin:4px 0'><div style='unicode-bidi:isolate'><b>{_text(title)}</b></div>"
        f"<div style='opacity:.7;unicode-bidi:isolate'>{told}</div>{below}</div>"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str | float | None]], *, most: int = MOST_ROWS) -> Markup:
    """Rows of texts and numbers (to 4 digits; None is empty) under a head; of more than `most`, the first."""
    shown: list[str] = []
    more = 0
    for row in rows:
        if len(shown) < most:
            shown.append("".join(_boxed(value) for value in row))
        else:
            more += 1
    names = "".join(f"<th style='{CELL}'>{_text(name)}</th>" for name in head)
    body = "".join(f"<tr>{row}</tr>" for row in shown)
    note = f"<div style='opacity:.7'>and {more} more</div>" if more else ""
    return Markup(f"<table><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table>{note}")


def line(values: Sequence[float]) -> Markup:
    """The course of a channel as a small picture. NaN is a gap; of many steps, the least and most of each part show."""
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return Markup("<i>nothing observed</i>")
    low, high, n = min(known), max(known), len(values)
    runs: list[list[str]] = [[]]
    for at, value in _thinned(values):
        if math.isfinite(value):
            x = WIDTH * (at / (n - 1) if n > 1 else 0.5)
            y = HEIGHT * (1 - (value - low) / (high - low) if high > low else 0.5)
            runs[-1].append(f"{x:.1f},{y:.1f}")
        elif runs[-1]:
            runs.append([])
    drawn = "".join(
        f"<polyline points='{' '.join(run)}'/>" if len(run) > 1 else f"<circle cx='{run[0].split(',')[0]}' "
        f"cy='{run[0].split(',')[1]}' r='1.2'/>"
        for run in runs
        if run
    )  # fmt: skip
    return Markup(
        f"<svg width='{WIDTH}' height='{HEIGHT}' viewBox='-2 -2 {WIDTH + 4} {HEIGHT + 4}' role='img' "
        f"aria-label='from {low:.4g} to {high:.4g}' fill='none' stroke='{COLOR}' stroke-width='1.2'>{drawn}</svg>"
    )


def bar(share: float, most: float) -> Markup:
    """A number as a bar, beside the largest of its kind; nothing below 0 or where all are 0."""
    width = round(90 * max(share, 0.0) / most) if most > 0 else 0
    return Markup(f"<span style='display:inline-block;height:9px;width:{width}px;background:{COLOR}'></span>")


def _thinned(values: Sequence[float]) -> Iterable[tuple[int, float]]:
    """At most two steps of each of `BINS` parts: the least and the most, in their order; a part of gaps is one."""
    n = len(values)
    if n <= 2 * BINS:
        return enumerate(values)
    kept: list[tuple[int, float]] = []
    for b in range(BINS):
        part = range(b * n // BINS, (b + 1) * n // BINS)
        known = [i for i in part if math.isfinite(values[i])]
        ends = {min(known, key=values.__getitem__), max(known, key=values.__getitem__)} if known else {part[0]}
        kept += [(i, values[i]) for i in sorted(ends)]
    return kept


def _boxed(value: str | float | None) -> str:
    kept = isinstance(value, str) and not isinstance(value, Markup) and len(value) <= ONE_LINE
    return f"<td style='{CELL}{';white-space:nowrap' if kept else ''}'>{_cell(value)}</td>"


def _cell(value: str | float | None) -> str:
    if value is None:
        return ""
    if isinstance(value, Markup):
        return value
    return _text(value, most=IN_TABLE) if isinstance(value, str) else ("" if math.isnan(value) else f"{value:.4g}")


def _text(text: str, *, most: int = MOST_CHARS) -> str:
    cut = text if len(text) <= most else f"{text[:most]} [...]"
    return escape(visible(cut))
