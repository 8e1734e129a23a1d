"""The paper's tables and figures, and ours, each by one call of the front. Heavy imports wait for their use."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tracets.errors import ConfigError, NotFound, NothingMade, TracetsError
from tracets.files import LIMITS, Limits
from tracets.reproduction.ablation import ABLATION
from tracets.reproduction.classification import CLASSIFICATION
from tracets.reproduction.forecasting import FORECAST
from tracets.reproduction.probes import PROBES
from tracets.reproduction.rag import RAG
from tracets.reproduction.retrieval import RETRIEVAL, SERIES_TO_SERIES, ZERO_SHOT
from tracets.reproduction.speed import SPEED
from tracets.tables.table import SIZES, Line, Table
from tracets.types import AnyPath

if TYPE_CHECKING:
    from tracets.tables.report import TableReport

NAME = "tracets"
PACKAGE = Path(__file__).resolve().parents[1]
TABLES = {
    table.name: table
    for table in (RETRIEVAL, SERIES_TO_SERIES, PROBES, ZERO_SHOT, CLASSIFICATION, FORECAST, RAG, ABLATION, SPEED)
}
FIGURES = {
    "map": "planes", "similarity": "similarity", "cases": "cases", "attention": "attention", "mask": "masked",
    "negatives": "negatives", "retrieved": "retrieved",
}  # fmt: skip
"""Name -> the module of this room whose `FIGURE` it is, imported by its first use: they need NumPy, tables do not."""


def reproduce(
    table: str,
    out: AnyPath,
    *,
    size: str = "smoke",
    data: Sequence[AnyPath] = (),
    seed: int = 0,
    limits: Limits = LIMITS,
    progress: Callable[[str], None] | None = None,
) -> TableReport:
    """Make one table or figure of the paper or of ours, and write it to the folder `out`.

    Each row that is made is kept in `OUT/TABLE.jsonl` at once: a call that was cut off goes on there, and rows of the
    same data, size, seed and version are not made again. `OUT/TABLE.md`, `.json` and `.html` are written at the end,
    whole or not at all. Pictures are in the page, their numbers in the JSON.

    Parameters
    ----------
    table : str
        One of `reproducible()`.
    out : path
        A folder; made where it is missing.
    size : {"smoke", "cpu", "paper"}
        How much is trained and read: "smoke" to see that everything runs, "cpu" minutes a row, "paper" a day a row.
    data : sequence of path
        Corpora with splits; for the forecasts long series as well. None: the weather that comes with the package.
    seed : int, default=0
        Of trainings, of draws and of intervals.
    limits : Limits, optional
        As for `read`.
    progress : function, optional
        Called with a sentence after each step.

    Returns
    -------
    TableReport
        `to_markdown()`, and what was written.

    Raises
    ------
    NotFound
        No such table or figure.
    ConfigError
        No such size.
    DataError
        A file that cannot be read.
    NothingMade
        The data, the installation or the size allow no row of the table.

    Examples
    --------
    >>> report = tracets.reproduce("speed", "results")  # doctest: +SKIP
    >>> print(report.to_markdown())  # doctest: +SKIP
    """
    from tracets.reproduction.sources import sources_of
    from tracets.tables.machine import commit, machine
    from tracets.tables.report import TableReport as Report
    from tracets.tables.runs import Runs

    chosen = named(table)
    if size not in SIZES:
        raise ConfigError(f"size must be one of {', '.join(SIZES)}, got '{size}'.")
    much = SIZES[size]
    runs = Runs(Path(out) / f"{table}.jsonl")
    sources = sources_of(data, much, limits=limits)
    here: dict[str, Any] = {"machine": machine(), "commit": commit(PACKAGE), "version": version(NAME)}
    steps = chosen.steps(sources, much, seed)
    records: list[dict[str, Any]] = []
    left_out: list[tuple[str, str, str]] = []
    for step in steps:
        run = {
            "table": table, "source": step.source, "digest": step.digest, "step": step.name, "size": size,
            "settings": repr(much), "seed": seed, "version": here["version"],
        }  # fmt: skip
        record = runs.find(run)
        if record is None:
            began = time.monotonic()
            try:
                lines = step.make()
            except TracetsError as error:
                left_out.append((step.source, step.name, str(error)))
                _tell(progress, f"{table}: {step.source}, {step.name} not made: {error}")
                continue
            minutes = (time.monotonic() - began) / 60
            ended = datetime.now(UTC).isoformat(timespec="seconds")
            told = {"lines": [line.to_json() for line in lines], "minutes": round(minutes, 3), "ended": ended}
            record = run | told | here
            runs.add(record)
            _tell(progress, f"{table}: {step.source}, {step.name} ({minutes:.1f} min)")
        records.append(record)
    if not records:
        raise NothingMade(f"no row of table '{table}' could be made: {left_out[0][2]}")
    rows = [(record["source"], Line.from_json(line)) for record in records for line in record["lines"]]
    names = [source.name for source in sources if not source.built_in]
    report = Report(chosen, much, seed, names, rows, left_out, records)
    report.write(Path(out))
    return report


def named(name: str) -> Table:
    """The table or figure of that name. Raises NotFound."""
    if name in TABLES:
        return TABLES[name]
    if name not in FIGURES:
        raise NotFound(f"no table or figure '{name}'. Choose from: {', '.join(reproducible())}.")
    found: Table = importlib.import_module(f"{__name__}.{FIGURES[name]}").FIGURE
    return found


def reproducible(what: Literal["all", "tables", "figures"] = "all") -> list[str]:
    """Names of what `reproduce` makes, tables first, in the order of the command line.

    Parameters
    ----------
    what : {"all", "tables", "figures"}, default="all"
        Which of them.

    Returns
    -------
    list of str
        What `reproduce` takes.

    Examples
    --------
    >>> tracets.reproducible("figures")[:2]
    ['map', 'similarity']
    """
    return [*(TABLES if what != "figures" else ()), *(FIGURES if what != "tables" else ())]


def _tell(progress: Callable[[str], None] | None, text: str) -> None:
    if progress is not None:
        progress(text)
