"""What people see: notes on stderr, tables and JSON on stdout; and the options that commands share."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from tracets import api
from tracets.errors import STEERING, ConfigError, visible
from tracets.types import LEVELS, Classification, Forecast, Hit, Query, Span

Json = Annotated[bool, typer.Option("--json", help="Print JSON to stdout.")]
Model = Annotated[str, typer.Option(help="A model folder, or base, the model that ships.")]
Backend = Annotated[str | None, typer.Option(help="onnx or torch; default: onnx if the model can be exported.")]
NoHubness = Annotated[
    bool, typer.Option("--no-hubness", help="Leave the scores of texts that are near every window as they are.")
]
_LIMITS: ContextVar[tuple[str, ...]] = ContextVar("limits", default=())
_STEERING = re.compile(STEERING)
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]


def backend_of(given: str | None) -> Literal["torch", "onnx"] | None:
    """The backend that was asked for."""
    if given is None:
        return None
    if given == "torch":
        return "torch"
    if given == "onnx":
        return "onnx"
    raise ConfigError(f"--backend must be torch or onnx, got '{given}'.")


def set_limits(assignments: Sequence[str]) -> None:
    """Take what --file-limit said, before the command that it holds for."""
    if assignments:
        api.limits_of(assignments)  # refuses what is unknown
    _LIMITS.set(tuple(assignments))


def limits() -> api.Limits:
    """What files from outside may hold at most, in this run."""
    return api.limits_of(_LIMITS.get())


def note(text: str) -> None:
    """Say something about the progress, on stderr."""
    typer.echo(visible(text), err=True)


def printed(text: str) -> None:
    """Print a text in which names and reports from outside may stand: nothing in it steers the terminal."""
    typer.echo(visible(text))


def json_line(value: Mapping[str, Any]) -> None:
    """Print an object as one line of JSON; what could steer a terminal is escaped, which means the same."""
    typer.echo(_STEERING.sub(lambda found: json.dumps(found[0])[1:-1], json.dumps(value, ensure_ascii=False)))


def done(said: str, facts: Mapping[str, Any], *, as_json: bool) -> None:
    """End a command that writes a file: a sentence on stderr, or what was written as JSON."""
    if as_json:
        json_line(facts)
    else:
        note(said)


def wrote(corpus: api.Corpus, out: Path, *, as_json: bool, terms: str | None = None) -> None:
    """Write the corpus of a command and end it; `terms` are those of the archive that it comes from."""
    api.write(corpus, out)
    facts = {"out": str(out), "windows": len(corpus)} | ({} if terms is None else {"terms": terms})
    done(f"wrote {len(corpus)} windows to {out}", facts, as_json=as_json)


@contextmanager
def counting(what: str, total: int | None) -> Iterator[Callable[..., None]]:
    """A progress bar on stderr, where that is a terminal; the block gets a function that takes how many are done.

    The function takes the number of all as well, where that is not known before; without it the bar only says that
    something goes on.
    """
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done, total=None: None
        return
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done, total=None: progress.update(task, completed=done, total=total)


def table_of(values: Mapping[str, Any], *, title: str) -> None:
    """Print names and values as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=_cell(title), show_header=False)
    for name, value in values.items():
        table.add_row(_cell(name), _cell(_short(value)))
    Console().print(table)


def profile_tables(found: Mapping[str, Any], *, title: str) -> None:
    """Print what `describe` found: the whole as a table of names and values, then a row a channel."""
    from rich.console import Console
    from rich.table import Table

    of_channels = ("channels", "units", "missing_by_channel", "gaps", "values")
    table_of({name: value for name, value in found.items() if name not in of_channels and value != {}}, title=title)
    table = Table(box=None, padding=(0, 1))
    table.add_column("channel", overflow="fold")
    for name in ("windows", "missing", "longest gap", "low", "mean", "high"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, rows in found["channels"].items():
        unit = ", ".join(found["units"].get(name, ()))
        missing, gap = found["missing_by_channel"][name], found["gaps"].get(name, {}).get("longest", 0)
        range_ = found["values"].get(name, {"low": "", "mean": "", "high": ""}).values()
        numbers = (rows, missing, gap, *range_)
        table.add_row(_cell(f"{name} [{unit}]" if unit else name), *(_short(number) for number in numbers))
    Console().print(table)


def hits_table(hits: Sequence[Hit], *, title: str) -> None:
    """Print hits: when, how well, by which channels, and the beginning of the text."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=_cell(title), title_justify="left", box=None, expand=True, padding=(0, 1))
    table.add_column("#", no_wrap=True)
    table.add_column("score", no_wrap=True)
    table.add_column("window", no_wrap=True)
    table.add_column("label: channels that count most; text", no_wrap=True, ratio=1)
    for hit in hits:
        best = sorted(hit.channels.items(), key=lambda item: -item[1])[:3]
        matched = ", ".join(f"{name} {score:.2f}" for name, score in best)
        window = hit.place
        window += f"\n{hit.start:%Y-%m-%d %H:%M}" if hit.start else ""
        window += f" to {hit.end:%Y-%m-%d %H:%M}" if isinstance(hit, Span) and hit.end else ""
        said = "\n".join(part for part in (f"{hit.label}: {matched}" if hit.label else matched, hit.text) if part)
        table.add_row(str(hit.rank), f"{hit.score:.3f}", _cell(window), _cell(said))
    Console().print(table)


def labels_table(found: Sequence[Classification], *, title: str) -> None:
    """Print the label of each window and how probable it is, and the next most probable class."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=_cell(title), title_justify="left", box=None, padding=(0, 1))
    for name in ("window", "label", "probability", "next"):
        table.add_column(name, no_wrap=name != "label")
    for one in found:
        told = (one.label,) if isinstance(one.label, str) else one.label
        rest = sorted((p, name) for name, p in one.probabilities.items() if name not in told)[-1:]
        chances = ", ".join(f"{one.probabilities[name]:.2f}" for name in told)
        following = "".join(f"{name} {p:.2f}" for p, name in rest)
        table.add_row(_cell(one.id), _cell(", ".join(told) or "none"), chances, _cell(following))
    Console().print(table)


def described(query: Query) -> str:
    """A query in one line, for titles."""
    parts = [query.text, query.series and f"series {query.series.id}", query.like and f"like {query.like}"]
    parts += [f"{name}: {text}" for name, text in query.channels.items()]
    return "; ".join(part for part in parts if part)


def _cell(text: str) -> str:
    """Text from outside as a cell or title of a table: neither markup nor what steers a terminal."""
    from rich.markup import escape

    return escape(visible(text))


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_short(part)}" for name, part in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_short, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def shares(given: str) -> tuple[float, float, float]:
    """Three shares with commas, as in 0.7,0.1,0.2."""
    try:
        train, val, test = (float(part) for part in given.split(","))
    except ValueError:
        raise ConfigError(
            f"--split must read as 0.7,0.1,0.2 (to learn, to choose, to measure), got '{given}'."
        ) from None
    return train, val, test


def forecast_table(forecast: Forecast) -> None:
    """Print the mean of every channel and step, with the range that holds four of five values."""
    from rich.console import Console
    from rich.table import Table

    low, high = LEVELS.index(0.1), LEVELS.index(0.9)
    begin = "" if forecast.start is None else f", from {forecast.start:%Y-%m-%d %H:%M} by {forecast.freq}"
    table = Table(box=None, padding=(0, 1))
    table.add_column("step", justify="right")
    for name, unit in zip(forecast.channel_names, forecast.units, strict=True):
        table.add_column(_cell(f"{name}, {unit}" if unit else name), justify="right")
    for h in range(forecast.horizon):
        cells = [
            f"{forecast.mean[c, h]:.4g} ({forecast.quantiles[low, c, h]:.4g} to {forecast.quantiles[high, c, h]:.4g})"
            for c in range(len(forecast.channel_names))
        ]
        table.add_row(str(h + 1), *cells)
    printed(f"{forecast.id}{begin}")  # as the title of the table it would be broken to its width
    Console().print(table)
