"""Options and notes of long series in `tracets index`, and of spans in `tracets search`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tracets import api
from tracets.cli.show import hits_table, json_line, limits, note
from tracets.errors import ConfigError, QueryError
from tracets.types import Span

if TYPE_CHECKING:
    from tracets.api import Cut, Cutting, Index

NAMED = 5
"""Series that a note names; --json names all."""

Lengths = Annotated[
    str | None, typer.Option(help="Cut long series into windows of so many steps; several as in 24,168.")
]
Strides = Annotated[
    str | None, typer.Option(help="Steps from one window to the next, for each --length; default: a quarter of it.")
]
MinObserved = Annotated[
    float, typer.Option(help="With --length: leave out windows with a smaller share observed, and wholly missing ones.")
]
Spans = Annotated[
    bool, typer.Option("--spans", help="Find places in the long series of an index that was built with --length.")
]
Overlap = Annotated[
    float, typer.Option(help="With --spans: the share of the shorter that two spans of a series may both hold.")
]
Merge = Annotated[
    bool, typer.Option("--merge", help="With --spans: cover overlapping windows that score nearly as well.")
]
Refine = Annotated[
    bool, typer.Option("--refine", help="With --spans: slide and stretch each span, step by step, to score higher.")
]


def cutting(
    file: Path,
    lengths: str,
    strides: str | None,
    min_observed: float,
    *,
    reader: str | None,
    freq: str | None,
    zone: str | None,
) -> Cutting:
    """The windows of the series in a file or folder, as the options say."""
    return api.cut(
        file,
        lengths=_integers(lengths, "--length"),
        strides=None if strides is None else _integers(strides, "--stride"),
        min_observed=min_observed,
        limits=limits(),
        reader=reader,
        freq=freq,
        zone=zone,
    )


def note_cut(cut: Cut) -> None:
    """Say what was cut, and what could not be cut as was asked."""
    each = ", ".join(f"{n} of {length} steps" for length, n in sorted(cut.by_length.items()))
    note(f"cut {cut.steps} steps of {cut.series} series into {cut.windows} windows: {each}")
    if cut.short:
        note(f"{_named(cut.short)} shorter than the shortest length: indexed whole, each as one window")
    if cut.left_out:
        note(f"left out {cut.left_out} windows that were observed too little; {cut.uncovered} steps are in no window")
    if cut.unobserved:
        note(f"{_named(cut.unobserved)} not in the index: nothing, or too little, was observed")
    if cut.texts:
        note(f"{cut.texts} texts are about a whole series; its windows do not get them")


def refuse_without_spans(*, overlap: float, merge: bool, refine: bool) -> None:
    """Options that mean nothing without --spans."""
    if overlap or merge or refine:
        raise QueryError("--overlap, --merge and --refine are for --spans. Add it.")


def show(opened: Index, spans: Sequence[Span], said: str, *, as_json: bool, plot: Path | None) -> None:
    """Print spans, and draw them."""
    if as_json:
        for span in spans:
            json_line(api.span_to_json(span))
    else:
        hits_table(spans, title=said)
    if plot is not None:
        api.plot_spans(opened, spans, said, plot)
        note(f"drew {len(spans)} spans in {plot}")


def _integers(given: str, option: str) -> list[int]:
    try:
        return [int(part) for part in given.split(",")]
    except ValueError:
        raise ConfigError(f"{option} must read as 24 or 24,168 (in steps), got '{given}'.") from None


def _named(series: Sequence[str]) -> str:
    some = ", ".join(f"'{name}'" for name in series[:NAMED])
    more = f" and {len(series) - NAMED} more" if len(series) > NAMED else ""
    return f"series {some}{more} {'is' if len(series) == 1 else 'are'}"
