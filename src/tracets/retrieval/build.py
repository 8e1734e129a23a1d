"""From samples to an index: every window and its text encoded, or taken over from the index that is replaced."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from tracets.encoders.protocol import PairEncoder
from tracets.index import IndexFolder, Rows
from tracets.index.manifest import FILE as MANIFEST
from tracets.retrieval.candidates import add_lists
from tracets.retrieval.hubness import choose_bank, text_hubness
from tracets.retrieval.reuse import Sparing
from tracets.retrieval.stored import Index
from tracets.types import FloatArray, Sample

ROWS_A_BATCH = 512


def build_index(
    samples: Iterable[Sample],
    encoder: PairEncoder,
    path: str | os.PathLike[str],
    *,
    batch_size: int = 64,
    overwrite: bool = False,
    update: bool = False,
    ann: bool = False,
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
    ann : bool, default=False
        Give the index inverted lists, see `add_lists`: worth it past some 200,000 windows.
    progress : callable, optional
        Called with the number of windows done so far, after each batch.

    Raises
    ------
    IndexFolderError
        `path` is taken and neither `overwrite` nor `update` is set, or holds an index of another model to update.
    DataError
        No windows, an id that comes twice, or columns that cannot be stored.
    """
    before = None
    if update and (Path(path) / MANIFEST).is_file():
        before = IndexFolder.open(path)
        before.check_model(encoder.name, encoder.fingerprint)
    sparing = Sparing(
        before,
        encode_series=partial(encoder.encode_series, batch_size=batch_size),
        encode_texts=partial(encoder.encode_texts, batch_size=batch_size),
        dim=encoder.dim,
    )

    def batches() -> Iterator[Rows]:
        given, done = iter(samples), 0
        while block := list(islice(given, ROWS_A_BATCH)):
            texts = [s.text for s in block if s.text and s.text.strip()]
            yield Rows(block, sparing.series(block), sparing.texts(texts))
            done += len(block)
            if progress is not None:
                progress(done)

    folder = IndexFolder.create(
        path,
        batches(),
        model=encoder.name,
        fingerprint=encoder.fingerprint,
        sample_weight=encoder.sample_weight,
        overwrite=overwrite or update,
        hubness=_hubness,
    )
    built = Index(folder, (sparing.n_series, sparing.n_texts))
    return add_lists(built) if ann else built


def _hubness(folder: IndexFolder) -> FloatArray | None:
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
