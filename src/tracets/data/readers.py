"""One door for files: the readers by name, told apart by what is in the file."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tracets.data.corpus import Corpus, read_corpus
from tracets.data.csv_files import is_long, read_long_csv, read_wide_csv
from tracets.data.series import Series, series_from_sample
from tracets.data.sources.line_protocol import read_line_protocol
from tracets.data.sources.reports import tell
from tracets.data.sources.source import Reading, Source
from tracets.data.time_mmd import is_time_mmd, read_time_mmd
from tracets.data.trace_layout import is_trace_layout, read_trace_layout
from tracets.errors import ConfigError, NotFound
from tracets.files import LIMITS, Limits, kind_at, size_of
from tracets.plugins import installed

GROUP = "tracets.readers"
ADDRESS = re.compile(
    r"(postgres|postgresql|timescaledb|sqlite|mysql|mariadb|mssql|oracle|prometheus|influx)(\+\w+)?:/", re.I
)
"""How what is no file begins; a path has lost the second slash."""


@dataclass(frozen=True)
class Reader:
    """How files of one layout are recognised and read. Exactly one of `windows` and `series` is given.

    Parameters
    ----------
    name : str
        What `reader=` and `--reader` call it.
    recognises : callable
        Whether a file is of this layout; must not raise.
    windows : callable, optional
        For layouts that hold windows: (path, *, limits) -> Corpus.
    series : callable, optional
        For layouts that hold long series: (path, *, freq, zone, limits) -> list of Series.
    """

    name: str
    recognises: Callable[[Path], bool]
    windows: Callable[..., Corpus] | None = None
    series: Callable[..., list[Series]] | None = None

    def __post_init__(self) -> None:
        if (self.windows is None) == (self.series is None):
            raise ConfigError(f"reader '{self.name}' must have either windows= or series=.")


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() in (".parquet", ".pq")


def _is_csv(path: Path) -> bool:
    return path.suffix.lower() in (".csv", ".tsv", ".txt")


# The first that recognises a file reads it, so the particular come before the general.
BUILT_IN = (
    Reader("trace", is_trace_layout, windows=read_trace_layout),
    Reader("corpus", _is_parquet, windows=read_corpus),
    Reader("time-mmd", is_time_mmd, windows=read_time_mmd),
    Reader("csv-long", lambda path: _is_csv(path) and is_long(path), series=read_long_csv),
    Reader("csv-wide", _is_csv, series=read_wide_csv),
    Reader("line-protocol", lambda path: path.suffix.lower() == ".lp", series=read_line_protocol),
)


@lru_cache(maxsize=1)
def known_readers() -> dict[str, Reader]:
    """All readers by name: installed ones (entry points of the group "tracets.readers") first, then the built-in.

    Raises
    ------
    ConfigError
        Two readers have the same name.
    """
    found = installed(GROUP, BUILT_IN, kind="readers")
    ours = {reader.name for reader in BUILT_IN}
    return dict(sorted(found.items(), key=lambda item: item[0] in ours))


def read(
    path: str | os.PathLike[str] | Source,
    *,
    reader: str | None = None,
    freq: str | None = None,
    zone: str | None = None,
    limits: Limits = LIMITS,
) -> Corpus:
    """Read any file or source as a corpus; a long series becomes one sample of its whole length.

    Parameters
    ----------
    path : str, path or Source
        Corpus Parquet, wide or long CSV, Time-MMD's numerical CSV, TRACE's published Parquet, InfluxDB line protocol;
        or a database or server (`tracets.data.sources`), whose reports become texts.
    reader : str, optional
        One of `known_readers()`; found from the file where it is not given.
    freq : str, optional
        For CSV and sources: the grid to put irregular stamps on, as a pandas offset.
    zone : str, optional
        For CSV and sources: the time zone of stamps without an offset, or to show those with one in.
    limits : Limits
        What the file may hold at most: see docs/security.md.

    Raises
    ------
    DataError
        No such file, or content that breaks its layout; names file, series and row, with the fix.
    NotFound
        No such reader, or none that knows the file.

    Examples
    --------
    >>> corpus = read("plant.csv", zone="Europe/Berlin")  # doctest: +SKIP
    """
    if isinstance(path, Source):
        reading = _reading(path, reader, freq, zone, limits)
        return Corpus.from_samples(tell([s.to_sample() for s in reading.series], reading.reports)[0], limits=limits)
    file = Path(path)
    chosen = _choose(file, reader)
    if chosen.windows is None:
        series = read_series(file, reader=chosen.name, freq=freq, zone=zone, limits=limits)
        return Corpus.from_samples((s.to_sample() for s in series), limits=limits)
    _refuse_series_options(chosen, file, freq, zone)
    return chosen.windows(file, limits=limits)


def read_series(
    path: str | os.PathLike[str] | Source,
    *,
    reader: str | None = None,
    freq: str | None = None,
    zone: str | None = None,
    limits: Limits = LIMITS,
) -> list[Series]:
    """Read any file or source as long series, for cutting windows; parameters and errors as for `read`.

    Windows of a corpus become series of their own; each needs a start and a freq.
    """
    return list(begin(path, reader=reader, freq=freq, zone=zone, limits=limits).series)


def begin(
    path: str | os.PathLike[str] | Source,
    *,
    reader: str | None = None,
    freq: str | None = None,
    zone: str | None = None,
    limits: Limits = LIMITS,
) -> Reading:
    """The long series of a file or source, one after the other, with the reports about them; see `read_series`."""
    if isinstance(path, Source):
        return _reading(path, reader, freq, zone, limits)
    return Reading(iter(_series_of_file(Path(path), reader, freq, zone, limits)))


def _reading(source: Source, reader: str | None, freq: str | None, zone: str | None, limits: Limits) -> Reading:
    if reader is not None:
        raise ConfigError(f"{source}: a reader is for files, and this is none. Leave reader '{reader}' out.")
    return source.reading(freq=freq, zone=zone, limits=limits)


def _series_of_file(file: Path, reader: str | None, freq: str | None, zone: str | None, limits: Limits) -> list[Series]:
    chosen = _choose(file, reader)
    if chosen.series is not None:
        return chosen.series(file, freq=freq, zone=zone, limits=limits)
    _refuse_series_options(chosen, file, freq, zone)
    assert chosen.windows is not None
    return [series_from_sample(sample) for sample in chosen.windows(file, limits=limits)]


def _choose(file: Path, name: str | None) -> Reader:
    if ADDRESS.match(str(file)):  # not repeated: it may hold a password
        raise ConfigError(
            "this is the address of a database or server, and a file is wanted. Read it by tracets.source(...) in "
            "Python, or cut it into windows first: tracets data windows ADDRESS --out FILE."
        )
    known = known_readers()
    if name is not None:
        if name not in known:
            raise NotFound(f"there is no reader '{name}'. Use one of {', '.join(known)}.")
        return known[name]
    size_of(file)
    for reader in known.values():
        if reader.recognises(file):
            return reader
    kind = kind_at(file)
    seen = f" (it looks like {kind})" if kind else ""
    raise NotFound(f"no reader knows '{file}'{seen}. Name one of {', '.join(known)} with reader=, or convert the file.")


def _refuse_series_options(reader: Reader, file: Path, freq: str | None, zone: str | None) -> None:
    if freq is not None or zone is not None:
        raise ConfigError(
            f"{file}: freq and zone are for CSV series; reader '{reader.name}' has its own. Leave them out."
        )
