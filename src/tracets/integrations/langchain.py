"""A retriever for LangChain: a question in words, and the windows that answer it as documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import ConfigDict, Field, PrivateAttr

from tracets.errors import MissingExtra
from tracets.integrations.passages import Finder, K
from tracets.types import AnyPath

try:
    from langchain_core.callbacks import CallbackManagerForRetrieverRun
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever
except ImportError as error:
    raise MissingExtra("the retriever for LangChain needs langchain-core: pip install 'tracets[langchain]'.") from error

if TYPE_CHECKING:
    from tracets.api import Filter, Index, PairEncoder


class TracetsRetriever(BaseRetriever):
    """Find windows of an index by a question in words.

    A document has the report of a window as its `page_content` (or, where there is none, its course told from its
    numbers), the window's id as its `id`, and as `metadata` plain values: id, rank, score, start, end (ISO 8601),
    channels (name -> score), label, sentence (the one of the report that comes closest to the question), reported
    (whether the text is a report) and metadata (the other columns of the index).

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
    tags, metadata : list of str, dict, optional
        As LangChain has them, for its callbacks.

    Raises
    ------
    IndexFolderError, NotFound, ModelError
        The index or its model is not there, or they do not belong together.
    ValueError
        k < 1, or an unknown `want`.

    Examples
    --------
    >>> retriever = TracetsRetriever("weather.index", k=3, where="entity = 'JFK'")  # doctest: +SKIP
    >>> retriever.invoke("a cold week with strong wind")[0].metadata["start"]  # doctest: +SKIP
    '2013-01-22T00:00:00-05:00'
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    index: Any
    model: Any
    k: int = Field(ge=1)
    where: Any
    want: Literal["series", "text"]
    hybrid: bool
    _finder: Finder = PrivateAttr()

    def __init__(
        self,
        index: AnyPath | Index,
        *,
        model: AnyPath | PairEncoder | None = None,
        k: int = K,
        where: str | Filter | None = None,
        want: Literal["series", "text"] = "series",
        hybrid: bool = False,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        fields: dict[str, Any] = {"index": index, "model": model, "k": k, "where": where, "want": want,
            "hybrid": hybrid, "tags": tags, "metadata": metadata}  # fmt: skip
        super().__init__(**fields)
        # not in a hook of pydantic, which would dress its errors up as errors of validation
        self._finder = Finder(index, model)

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        found = self._finder.find(query, k=self.k, where=self.where, want=self.want, hybrid=self.hybrid)
        return [Document(id=one.id, page_content=one.text, metadata=one.facts) for one in found]
