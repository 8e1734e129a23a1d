"""What a table of results is: rows of numbers under heads, and pictures, made step by step. Standard library only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from tracets.data.corpus import Corpus
    from tracets.data.pairs import Pair

SizeName = Literal["smoke", "cpu", "paper"]
Figures = Mapping[str, Mapping[str, Sequence[float | None]]]
"""Panel -> metric -> the value, or the value and its 95 % interval."""


@dataclass(frozen=True)
class Picture:
    """What is drawn of a row, as plain numbers and texts: `tracets.tables.drawing` knows the kinds and their data."""

    title: str
    kind: Literal["points", "matrix", "window"]
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """A row: its name, its figures, and a remark.

    `at`, `curve`: where a panel is drawn over a number (`Panel.over`), the row's, and which curve it is a point of; a
    row without one is a level across all. `pictures`: of this row.
    """

    name: str
    figures: Figures
    note: str = ""
    at: float | None = None
    curve: str = ""
    pictures: Sequence[Picture] = ()

    def to_json(self) -> dict[str, Any]:
        """Give plain lists and numbers; what a row of a table does not have is left out."""
        figures = {panel: {m: list(v) for m, v in values.items()} for panel, values in self.figures.items()}
        found: dict[str, Any] = {"row": self.name, "figures": figures, "note": self.note}
        if self.at is not None:
            found |= {"at": self.at, "curve": self.curve}
        if self.pictures:
            found["pictures"] = [{"title": p.title, "kind": p.kind, "data": p.data} for p in self.pictures]
        return found

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Line:
        """Read what `to_json` gave."""
        pictures = tuple(Picture(**one) for one in saved.get("pictures", ()))
        return cls(saved["row"], saved["figures"], saved["note"], saved.get("at"), saved.get("curve", ""), pictures)


@dataclass(frozen=True)
class Panel:
    """A part of a table with a head of its own: `metrics` in the order of the columns; the first is drawn.

    `alone`: shown even where only the paper has figures for it. `over`: what `Line.at` is, where rows are points of
    curves and not bars.
    """

    title: str
    metrics: tuple[str, ...]
    alone: bool = False
    over: str | None = None


@dataclass(frozen=True)
class Size:
    """How much is read and trained for a table.

    `train`, `val`, `test`: windows of each split of a corpus at most, spread evenly; None: all. `steps`, `minutes`: of
    each training, one of the two. `ablation_steps`: of each row of the ablation. `limit`: windows that probes ask
    about. `n_boot`: draws of an interval. `repeats`: of what is timed, the fastest counts. `model`: settings of a
    model that starts from nothing. `note`: said in the table.
    """

    name: SizeName
    train: int | None = None
    val: int | None = None
    test: int | None = None
    steps: int | None = None
    minutes: float | None = None
    ablation_steps: int = 100
    limit: int = 100
    n_boot: int = 1000
    repeats: int = 3
    model: tuple[str, ...] = ()
    note: str = ""


SIZES: Mapping[str, Size] = {
    "smoke": Size(
        "smoke", train=40, val=16, test=24, steps=3, ablation_steps=2, limit=4, n_boot=20, repeats=1,
        model=("model.dim=16", "model.series.dim=16", "model.series.layers=1", "model.text.dim=16"),
        note="Size `smoke` shows that everything runs. Its trainings have a few steps: its figures say nothing.",
    ),
    "cpu": Size("cpu", minutes=8.0, note="Size `cpu`: minutes of one machine without a GPU."),
    "paper": Size(
        "paper", minutes=24 * 60.0, ablation_steps=20_000, limit=2000,
        model=("model.dim=384", "model.series.dim=384", "model.series.layers=6", "model.series.heads=6"),
        note="Size `paper`: the width and depth of the paper, and a day for each training. The authors of this package "
        "have not run it.",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Source:
    """A corpus to measure on.

    `corpus` is None where the file holds no windows but long series. `pairs`: windows of it, or cut from the series,
    and what followed them, by horizon. `freq`, `channels`: the step and the channels of the first series. `built_in`:
    the weather that comes with the package.
    """

    name: str
    digest: str
    corpus: Corpus | None
    pairs: Callable[[int], Sequence[Pair]]
    freq: str | None = None
    built_in: bool = False
    channels: tuple[str, ...] = ()

    @property
    def windows(self) -> Corpus:
        """The corpus, for tables that need one. Raises DataError for a file of long series."""
        if self.corpus is None:
            from tracets.errors import DataError

            raise DataError(
                f"'{self.name}' holds long series, and this table needs windows with splits. Make them: tracets data "
                f"windows."
            )
        return self.corpus


@dataclass(frozen=True)
class Step:
    """What is made, kept and resumed as a whole: one training or evaluation, and the rows that it gives.

    `make` may raise a TracetsError (what the data, the installation or the size do not allow): the table then says why
    these rows are missing.
    """

    source: str
    digest: str
    name: str
    make: Callable[[], Sequence[Line]]


@dataclass(frozen=True)
class Table:
    """A table of the paper or of ours; or a figure, whose numbers stand in a table too.

    Parameters
    ----------
    name, title : str
        For the command line; for people.
    shows : str
        What it measures, and which table of the paper it answers to.
    differs : tuple of str
        What is not as in the paper.
    published : tuple of Line
        The paper's figures (arXiv:2506.09114), in the metrics of the panels.
    panels : tuple of Panel
        What is measured.
    steps : function
        (sources, size, seed) -> what to make, in order; nothing is made before it is asked for.
    """

    name: str
    title: str
    shows: str
    differs: tuple[str, ...]
    published: tuple[Line, ...]
    panels: tuple[Panel, ...]
    steps: Callable[[Sequence[Source], Size, int], Sequence[Step]]
