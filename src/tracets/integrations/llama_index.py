"""A retriever for LlamaIndex: a question in words, and the windows that answer it as nodes with scores."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

from tracets.errors import MissingExtra, QueryError
from tracets.integrations.passages import Finder, K
from tracets.types import AnyPath

try:
    from llama_index.core.callbacks import CallbackManager
    from llama_index.core.retrievers import BaseRetriever
    from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
except ImportError as error:
    raise MissingExtra(
        "the retriever for LlamaIndex needs llama-index-core: pip install 'tracets[llama-index]'."
    ) from error

if TYPE_CHECKING:
    from tracets.api import Filter, Index, PairEncoder

FOR_PEOPLE = ["id", "rank", "score", "channels", "sentence", "reported"]
"""Facts that a language model is not told with the text: it needs when and what, not how well it was found."""


class TracetsRetriever(BaseRetriever):
    """Find windows of an index by a question in words.

    A node has the report of a window as its text (or, where there is none, its course told from its numbers), the
    window's id as its `node_id`, and as `metadata` plain values: id, rank, score, start, end (ISO 8601), channels
    (name -> score), label, sentence (the one of the report that comes closest to the question), reported (whether the
    text is a report) and metadata (the other columns of the index).

    Parameters
    ----------
    index : path or tracets.Index
        An index, open or not; what others write to it is seen.
    model : str, path or PairEncoder, optional
        By default the one that the index was built with.
    k : int, default=5
        1 <= k.
    where : str or tracets.Filter, optional
        SQL such as "entity = 'JFK'", or ``tracets.col("entity") == "JFK"``.
    want : "series" or "text"
        Rank windows by their values, or by their reports.
    hybrid : bool, default=False
        Rank by the words of the reports too.
    callback_manager : CallbackManager, optional
        As LlamaIndex has it.

    Raises
    ------
    IndexFolderError, NotFound, ModelError
        The index or its model is not there, or they do not belong together.
    QueryError
        k < 1, or an unknown `want`.

    Examples
    --------
    >>> retriever = TracetsRetriever("weather.index", k=3, where="entity = 'JFK'")  # doctest: +SKIP
    >>> retriever.retrieve("a cold week with strong wind")[0].metadata["start"]  # doctest: +SKIP
    '2013-01-22T00:00:00-05:00'
    """

    def __init__(
        self,
        index: AnyPath | Index,
        *,
        model: AnyPath | PairEncoder | None = None,
        k: int = K,
        where: str | Filter | None = None,
        want: Literal["series", "text"] = "series",
        hybrid: bool = False,
        callback_manager: CallbackManager | None = None,
    ) -> None:
        if k < 1:
            raise QueryError(f"TracetsRetriever expects k of at least 1, got {k}.")
        if want not in ("series", "text"):
            raise QueryError(f"TracetsRetriever can want 'series' or 'text', got '{want}'.")
        self._finder = Finder(index, model)
        self.k, self.where, self.want, self.hybrid = k, where, want, hybrid
        super().__init__(callback_manager=callback_manager)

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        found = self._finder.find(
            query_bundle.query_str, k=self.k, where=self.where, want=self.want, hybrid=self.hybrid
        )
        return [
            NodeWithScore(
                node=TextNode(
                    id_=one.id, text=one.text, metadata=one.facts, excluded_llm_metadata_keys=FOR_PEOPLE,
                    excluded_embed_metadata_keys=list(one.facts),
                ),
                score=one.score,
            )
            for one in found
        ]  # fmt: skip

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._retrieve, query_bundle)
