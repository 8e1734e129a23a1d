"""The data of a table: the weather that comes with the package, or files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tracets.api.corpora import caption, read, weather
from tracets.api.forecast_evaluation import forecast_pairs
from tracets.errors import ConfigError
from tracets.files import Limits
from tracets.tables.machine import digest_of, digest_of_file
from tracets.tables.table import Size, Source
from tracets.types import AnyPath, Sample

if TYPE_CHECKING:
    from tracets.data.corpus import Corpus
    from tracets.data.pairs import Pair

SPLITS = ("train", "val", "test")
WEATHER = "weather"


def sources_of(data: Sequence[AnyPath], size: Size, *, limits: Limits) -> list[Source]:
    """Read the data, at most as many windows of each split as the size allows.

    The captions of the built-in weather are those of seed 0 whatever the seed of a table is: they are data.

    Raises
    ------
    DataError
        What is wrong in a file.
    ConfigError
        The same file twice.
    """
    if not data:
        few = fewer(weather(captions=False), size)  # the caption of a window does not depend on the others
        return [_of_corpus(WEATHER, caption(few), built_in=True)]
    paths = [Path(one) for one in data]
    return [_of_file(path, name, size, limits) for path, name in zip(paths, names_of(paths), strict=True)]


def names_of(paths: Sequence[Path]) -> list[str]:
    """What files are called in a table: the name without its ending, with as many folders before it as tell them apart.

    >>> names_of([Path("jena/samples.parquet"), Path("truce/samples.parquet")])
    ['jena/samples', 'truce/samples']
    """
    for depth in range(1, max(len(path.parts) for path in paths) + 1):
        names = ["/".join(path.with_suffix("").parts[-depth:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    raise ConfigError("the same data were given twice. Name each file once.")


def fewer(corpus: Corpus, size: Size) -> Corpus:
    """At most as many windows of each split as a size allows, spread evenly over it; other windows are left out."""
    kept: list[int] = []
    for split in SPLITS:
        rows = [i for i, own in enumerate(corpus.column("split")) if own == split]
        kept += _spread(rows, getattr(size, split))
    return corpus.select(sorted(kept))


def _spread(rows: list[int], most: int | None) -> list[int]:
    """At most so many of the rows, in order, spread evenly from the first on."""
    if most is None or len(rows) <= most:
        return rows
    return [rows[i * len(rows) // most] for i in range(most)]


def _of_corpus(name: str, corpus: Corpus, *, built_in: bool = False) -> Source:
    def pairs(horizon: int) -> Sequence[Pair]:
        from tracets.data.pairs import pairs_of_windows

        return pairs_of_windows(_with_split(corpus), horizon=horizon)

    freq, channels = (corpus[0].freq, corpus[0].channel_names) if len(corpus) else (None, ())
    return Source(name, digest_of(corpus), corpus, pairs, freq, built_in, channels)


def _of_file(path: Path, name: str, size: Size, limits: Limits) -> Source:
    if path.suffix.lower() in (".parquet", ".pq"):
        return _of_corpus(name, fewer(read(path, limits=limits), size))

    def pairs(horizon: int) -> Sequence[Pair]:
        found = forecast_pairs(path, horizon=horizon, limits=limits)
        kept: list[Pair] = []
        for split in SPLITS:
            own = [i for i, pair in enumerate(found) if pair.past.split == split]
            kept += [found[i] for i in _spread(own, getattr(size, split))]
        return kept

    first = pairs(1)  # what cannot be read is refused at the door
    freq, channels = (first[0].past.freq, first[0].past.channel_names) if first else (None, ())
    return Source(name, digest_of_file(path), None, pairs, freq, channels=channels)


def _with_split(corpus: Corpus) -> list[Sample]:
    return [sample for sample in corpus if sample.split in SPLITS]
