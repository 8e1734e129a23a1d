"""From samples to an index: every window and its text encoded, or taken over from what an index has already."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from dataclasses import replace as replace_fields
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from tracets.encoders.protocol import PairEncoder
from tracets.index import IndexFolder, Rows
from tracets.index.lists import LISTS
from tracets.index.manifest import FILE as MANIFEST
from tracets.index.registry import engine_named
from tracets.index.transfer import EXPORTED
from tracets.retrieval.candidates import add_engine, remake_engine
from tracets.retrieval.hubness import choose_bank, text_hubness
from tracets.retrieval.reuse import Sparing
from tracets.retrieval.stored import Index
from tracets.types import KEEP_SECONDS, LISTED, FloatArray, Sample

ROWS_A_BATCH = 512


@dataclass(frozen=True, eq=False)
class Changed:
    """An index after a change, and how many windows that added, replaced by their ids and deleted."""

    index: Index
    added: int
    replaced: int
    deleted: int


def build_index(
    samples: Iterable[Sample],
    encoder: PairEncoder,
    path: str | os.PathLike[str],
    *,
    batch_size: int = 64,
    overwrite: bool = False,
    update: bool = False,
    ann: bool | str | None = None,
    progress: Callable[[int], None] | None = None,
) -> Index:
    """Encode windows and their texts, and write them to an index folder, whole or not at all.

    With them goes the hubness of every text over the other windows, where there are at least two; see `search`.

    Parameters
    ----------
    samples : iterable of Sample
        Read once, in batches of 512. Windows without text are found by their values alone.
    path : path
        The folder to be; see `IndexFolder.create`.
    batch_size : int, default=64
        How many the encoder takes at once; changes nothing but speed and memory.
    update : bool, default=False
        Replace an index that is at `path` by one of these windows, and encode only windows and texts that it does not
        hold: the rest of the vectors are taken over, by what they were made from and not by their ids.
    ann : bool or str, optional
        Give the index an engine, see `add_engine`: inverted lists, or the one of this name. By default lists, from
        `LISTED` windows on.
    progress : callable, optional
        Called with the number of windows done so far, after each batch.

    Raises
    ------
    IndexFolderError
        `path` is taken and neither `overwrite` nor `update` is set, or holds an index of another model to update.
    DataError
        No windows, an id that comes twice, or columns that cannot be stored.
    NotFound
        No such index engine; names those that there are.
    """
    if isinstance(ann, str):
        engine_named(ann)  # refused before hours of encoding
    before = None
    if update and (Path(path) / MANIFEST).is_file():
        before = IndexFolder.open(path)
        before.check_model(encoder.name, encoder.fingerprint)
    sparing = _sparing(before, encoder, batch_size)
    batches = (_encoded(block, sparing) for block in _blocks(samples))
    folder = IndexFolder.create(
        path,
        _counted(batches, progress),
        model=encoder.name,
        fingerprint=encoder.fingerprint,
        sample_weight=encoder.sample_weight,
        overwrite=overwrite or update,
        hubness=hubness_of,
    )
    built = Index(folder, (sparing.n_series, sparing.n_texts))
    if ann is None:
        ann = len(built) >= LISTED
    return add_engine(built, LISTS.name if ann is True else ann, encoder=encoder) if ann else built


def extend_index(
    path: str | os.PathLike[str],
    samples: Iterable[Sample],
    encoder: PairEncoder,
    *,
    replace: bool,
    batch_size: int = 64,
    progress: Callable[[int], None] | None = None,
) -> Changed:
    """Encode windows and add them to an index in one commit, see `IndexFolder.add` and `IndexFolder.upsert`.

    Windows and texts that a window of the same id holds already are not encoded again.

    Parameters
    ----------
    replace : bool
        Windows take the place of those with their ids; otherwise such an id is refused.
    samples, encoder, batch_size, progress
        As for `build_index`. Encoding comes before the lock is taken: others may write meanwhile.

    Raises
    ------
    IndexFolderError
        The index was built with another model, or another process does not end writing.
    DataError
        An id that comes twice, or columns that the index does not have. Nothing was written.
    """
    before = IndexFolder.open(path)
    before.check_model(encoder.name, encoder.fingerprint)
    encoded = [0, 0]

    def batches() -> Iterator[Rows]:
        for block in _blocks(samples):
            sparing = _sparing(before if replace else None, encoder, batch_size, ids=[s.id for s in block])
            yield _encoded(block, sparing)
            encoded[0] += sparing.n_series
            encoded[1] += sparing.n_texts

    rows = _counted(batches(), progress)
    written = before.upsert(rows) if replace else before.add(rows)
    index = Index(written.folder, (encoded[0], encoded[1]))
    return Changed(index, added=written.added, replaced=written.replaced, deleted=0)


def compact_index(path: str | os.PathLike[str], *, keep_seconds: float = KEEP_SECONDS) -> Index:
    """Rewrite an index without its dead windows, with the hubness of its texts, and its engine where it has one."""
    before = IndexFolder.open(path)
    chosen, had = before.manifest, before.mapped.state.engine
    compacted = Index(before.compact(keep_seconds=keep_seconds, hubness=hubness_of))
    if had is None and not chosen.engine or not len(compacted):
        return compacted
    if had is None:  # its files were lost, or never finished
        return remake_engine(compacted, chosen.engine, effort=None, package=chosen.engine_package)
    return remake_engine(compacted, had.engine, effort=had.effort, package=had.package)


def _sparing(
    before: IndexFolder | None, encoder: PairEncoder, batch_size: int, *, ids: Sequence[str] | None = None
) -> Sparing:
    return Sparing(
        before,
        encode_series=partial(encoder.encode_series, batch_size=batch_size),
        encode_texts=partial(encoder.encode_texts, batch_size=batch_size),
        dim=encoder.dim,
        ids=ids,
    )


def _blocks(samples: Iterable[Sample]) -> Iterator[list[Sample]]:
    given = map(_as_given, samples)
    while block := list(islice(given, ROWS_A_BATCH)):
        yield block


def _as_given(sample: Sample) -> Sample:
    """A window of an export of an index, without what the index had made of it; any other as it is."""
    if "channel_vectors" not in sample.metadata:
        return sample
    return replace_fields(sample, metadata={k: v for k, v in sample.metadata.items() if k not in EXPORTED})


def _encoded(block: Sequence[Sample], sparing: Sparing) -> Rows:
    return Rows(block, sparing.series(block), sparing.texts([s.text for s in block if s.text and s.text.strip()]))


def _counted(batches: Iterable[Rows], progress: Callable[[int], None] | None) -> Iterator[Rows]:
    done = 0
    for rows in batches:
        yield rows
        done += len(rows.samples)
        if progress is not None:
            progress(done)


def hubness_of(folder: IndexFolder) -> FloatArray | None:
    """How near each text of the index is to its windows, its own left out."""
    index = Index(folder)
    rows, texts = index.texts
    if not len(rows):
        return None
    bank = choose_bank(len(index.series))
    place = np.full(len(index.series), -1, dtype=np.int64)
    place[bank] = np.arange(len(bank))
    weight = folder.manifest.sample_weight
    return text_hubness(texts, index.series.take(bank), sample_weight=weight, own=place[rows])
