"""An open index as banks of vectors to score: those that are stored, and their copies in one byte a number.

Banks hold every place of the mapped files, so that they need no memory of their own; `Index.live` says which of them
are windows of the index (see `tracets.index.mapped`).
"""

from __future__ import annotations

import hashlib
import os
import warnings
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tracets import reprs
from tracets.errors import IndexFolderError, NotFound, SearchedExactly
from tracets.index import IndexFolder
from tracets.index.registry import OpenEngine, open_engine
from tracets.index.words import Words, kept_words
from tracets.retrieval.scores import Groups, Names, SeriesBank, TextBank, standing_for
from tracets.storage import is_url
from tracets.types import BoolArray, FloatArray


@dataclass(frozen=True, eq=False)
class Index:
    """An open index folder, with its vectors memory-mapped: opening it reads none of them.

    `embedded` says how many windows and how many texts had to be encoded by the `build_index` that gave this index; it
    is None for one that was opened.
    """

    folder: IndexFolder
    embedded: tuple[int, int] | None = None

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Index:
        """Open an index as it is now: a folder, or one in an object store (`s3://bucket/index`), mirrored in the cache.

        Raises
        ------
        IndexFolderError
            The index is missing, damaged or of a newer format.
        StorageError
            The store cannot be read.
        """
        if is_url(path):
            from tracets.index.remote import mirror

            path = mirror(os.fspath(path))
        return cls(IndexFolder.open(path))

    def refresh(self) -> Index:
        """The newest version of the index: this one where nothing was written since it was opened."""
        found = self.folder.refresh()
        return self if found is self.folder else Index(found)

    def __len__(self) -> int:
        return len(self.folder)

    def _repr_html_(self) -> str:
        """What a notebook shows: where it is, of which model, and what its windows are."""
        facts = {"model": self.model, "windows": len(self), "texts": self.folder.n_texts}
        rows = [("channels", ", ".join(self.channel_names)), ("columns", ", ".join(self.folder.columns))]
        return reprs.card(os.fspath(self.folder.path), facts, reprs.table(("", ""), rows))

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The ids of all windows, in the order in which they were indexed."""
        return tuple(self.folder.ids())

    @property
    def live(self) -> BoolArray:
        """Which places of the banks hold windows, (n_places,); the others are dead and are no answer to anything."""
        return self.folder.live

    @cached_property
    def series(self) -> SeriesBank:
        """The vectors of all places as they are stored, laid out for scoring."""
        found = self.folder.mapped
        widths = np.array([len(names) for names in found.kinds], dtype=np.int64)
        firsts = np.concatenate([[0], np.cumsum(widths[found.kind])]).astype(np.int64)
        channels = Groups(found.channels.exact, found.offsets)
        return SeriesBank(found.sample.exact, channels, firsts, Names(found.kinds, found.kind))

    @cached_property
    def coarse_series(self) -> SeriesBank:
        """The same in one byte a number."""
        found = self.folder.mapped
        channels = Groups(standing_for(found.channels.coarse), found.offsets)
        return replace(self.series, sample=standing_for(found.sample.coarse), channels=channels)

    @cached_property
    def texts(self) -> tuple[NDArray[np.int64], TextBank]:
        """The places that have a text, dead ones among them, and the vectors of these texts as they are stored."""
        found = self.folder.mapped
        return found.text_rows, TextBank(found.text_sample.exact, Groups(found.sentences.exact, found.text_offsets))

    @cached_property
    def coarse_texts(self) -> TextBank:
        """The vectors of these texts in one byte a number."""
        found = self.folder.mapped
        sentences = Groups(standing_for(found.sentences.coarse), found.text_offsets)
        return TextBank(standing_for(found.text_sample.coarse), sentences)

    @property
    def text_rows(self) -> NDArray[np.int64]:
        """The windows that have a text, rising; dead places are not among them."""
        rows = self.texts[0]
        return rows[self.live[rows]]

    @cached_property
    def words(self) -> Words:
        """The words of the texts of `text_rows`, in their order; made and kept in the index folder where missing."""
        rows, folder = self.text_rows, self.folder
        key = hashlib.sha256(folder.mapped.state.manifest.encode() + rows.tobytes()).hexdigest()[:16]
        return kept_words(folder.path, key, lambda: [row["text"] for row in folder.facts(rows, ["text"])])

    @cached_property
    def engine(self) -> OpenEngine | None:
        """What brings the candidates of an approximate search; None for an index that is searched exactly.

        Warns
        -----
        SearchedExactly
            An engine was built that cannot be used here; says which package is missing, or what else to do.
        """
        part = self.folder.mapped.state.engine
        try:
            return None if part is None else open_engine(self.folder.mapped.folder, part)
        except IndexFolderError as error:
            said = f"index '{self.folder.path}' is searched exactly: {error}."
            warnings.warn(SearchedExactly(said), stacklevel=3)
            return None

    @property
    def residuals(self) -> tuple[float, float]:
        """How far a score of windows, and one of texts, by these coarse vectors may be off."""
        found = self.folder.mapped
        return (
            max(found.sample.coarse.residual, found.channels.coarse.residual),
            max(found.text_sample.coarse.residual, found.sentences.coarse.residual),
        )

    @cached_property
    def hubs(self) -> FloatArray | None:
        """The hubness of each text (`tracets.retrieval.hubness`), (n_texts,); None for an index without it."""
        return self.folder.hubness()

    @cached_property
    def spellings(self) -> dict[str, str]:
        """Every channel name of a live window, casefolded, with the spelling that came first."""
        names = self.series.names
        kinds, first = np.unique(names.which[self.live], return_index=True)
        found: dict[str, str] = {}
        for kind in kinds[np.argsort(first)]:
            for name in names.kinds[kind]:
                found.setdefault(name.casefold(), name)
        return found

    @property
    def channel_names(self) -> list[str]:
        """Every channel name in the index, in the spelling that came first."""
        return list(self.spellings.values())

    @property
    def model(self) -> str:
        """The model that made the vectors: a shipped model's name, or what its folder was called."""
        return self.folder.manifest.model

    def row(self, name: str) -> int:
        """The place of an id. Raises NotFound for an id that is not in the index."""
        try:
            return self.folder.row(name)
        except NotFound:
            some = self.folder.facts(np.flatnonzero(self.live)[:1], ["id"])
            like = f"its ids are like '{some[0]['id']}'" if some else "it has no windows"
            raise NotFound(f"index '{self.folder.path}' has no window with id '{name}'; {like}.") from None
