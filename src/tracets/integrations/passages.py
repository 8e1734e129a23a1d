"""Hits as passages for pipelines around language models: a text, and plain facts about the window it stands for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tracets import api
from tracets.types import AnyPath, Query

if TYPE_CHECKING:
    from tracets.api import Filter, Index, PairEncoder

K = 5
"""How many passages a retriever gives by default."""


@dataclass(frozen=True)
class Passage:
    """A stored window as a text with facts.

    `text` is the window's report, or, where it has none, its course said in words from its numbers (`reported` tells
    which). `facts` holds plain values alone: id, rank, score, start, end (ISO 8601), channels (name -> score), label,
    sentence (the one of the report that comes closest to the question), reported, metadata (the other columns).
    """

    id: str
    score: float
    text: str
    facts: dict[str, Any]


class Finder:
    """Answers questions in words from one index; what others write to it is seen.

    Parameters
    ----------
    index : path or Index
        An index, open or not.
    model : str, path or PairEncoder, optional
        By default the one that the index was built with.

    Raises
    ------
    IndexFolderError, NotFound, ModelError
        The index or its model is not there, or they do not belong together.
    """

    def __init__(self, index: AnyPath | Index, model: AnyPath | PairEncoder | None) -> None:
        self._index = api.open_index(index) if isinstance(index, str | os.PathLike) else index
        if model is None or isinstance(model, str | os.PathLike):
            self._model = api.model_of(self._index, model=model)
        else:
            self._index.folder.check_model(model.name, model.fingerprint)
            self._model = model

    def find(
        self,
        question: str,
        *,
        k: int,
        where: str | Filter | None,
        want: Literal["series", "text"],
        hybrid: bool,
    ) -> list[Passage]:
        """The k windows that answer a question best, best first; see `tracets.search`."""
        index = self._index = self._index.refresh()
        hits = api.search(index, self._model, Query(question), want=want, k=k, where=where, hybrid=hybrid)
        silent = [hit.id for hit in hits if not (hit.text and hit.text.strip())]
        said = {sample.id: sample.text or "" for sample in api.caption_samples(api.stored(index, silent))}
        passages = []
        for hit in hits:
            closest = None if hit.id in said else api.explain(index, self._model, hit.id, question).stored
            facts = api.hit_to_json(hit) | {
                "sentence": closest and closest.sentence,
                "reported": hit.id not in said,
            }
            text = said.get(hit.id) or facts["text"] or ""
            del facts["text"]
            passages.append(Passage(hit.id, facts["score"], text, facts))
        return passages
