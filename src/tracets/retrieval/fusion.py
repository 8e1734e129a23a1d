"""Two rankings of the same windows as one, by reciprocal rank fusion, and the ranking by the words of the texts.

Each ranking gives a window 1 / (60 + rank), and the sums are ranked. Scores of different kinds are never compared.

Source: Cormack, Clarke and Büttcher, Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods,
SIGIR 2009. Departs from it in the depth of the rankings; in that sums are divided by the largest one possible; and in
windows that the second ranking knows nothing of: their rank in the first stands for it, or they would be found no more
(docs/filters.md has the figures).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tracets.errors import QueryError
from tracets.retrieval.nearest import DECIMALS
from tracets.retrieval.scores import IntArray
from tracets.retrieval.stored import Index
from tracets.types import Query

RANK = 60
"""What is added to every rank; the paper's choice."""
DEPTH = 100
"""Windows of each ranking that count, or k where that is more."""


def fuse(
    first: IntArray, second: IntArray, *, silent: NDArray[np.bool_], k: int
) -> tuple[IntArray, NDArray[np.float64]]:
    """The k best windows of two rankings, best first, and their scores.

    Parameters
    ----------
    first, second : ndarray of int
        Windows, best first, none twice; a ranking may leave out any.
    silent : ndarray of bool, shape (len(first),)
        Windows of `first` that `second` knows nothing of: their rank in `first` counts for both.

    Returns
    -------
    ndarray of int, ndarray of float
        Scores in (0, 1], rounded to 6 decimals: 1 for a window that is first in both rankings. Equal sums keep the
        order of `first`, and below that of `second`.

    Examples
    --------
    >>> fuse(np.array([7, 8, 9]), np.array([9, 7]), silent=np.array([False, False, False]), k=2)
    (array([7, 9]), array([0.991935, 0.984127]))
    """
    different, places = np.unique(np.concatenate([first, second]), return_index=True)
    sums = np.zeros(len(different))
    sums[np.searchsorted(different, first)] += (1 + silent) / (RANK + 1 + np.arange(len(first)))
    sums[np.searchsorted(different, second)] += 1 / (RANK + 1 + np.arange(len(second)))
    best = np.lexsort((places, -sums))[:k]
    return different[best].astype(np.int64), (sums[best] * (RANK + 1) / 2).round(DECIMALS)


def by_words(index: Index, query: Query, kept: NDArray[np.bool_], *, k: int) -> IntArray:
    """The k windows whose texts answer the words of a query best by BM25, best first.

    Texts that share no word with it are left out; ties keep the order of the index. How rare a word is, is told from
    all texts of the index, filtered or not.

    Raises
    ------
    QueryError
        The query has no words.
    """
    said = " ".join([query.text or "", *query.channels, *query.channels.values()]).strip()
    if not said:
        raise QueryError("a hybrid search ranks texts by the words of the query. Give a text, or search without it.")
    rows, scores = index.text_rows, index.words.scores(said).round(DECIMALS)
    found = np.flatnonzero(kept[rows] & (scores > 0))
    return rows[found[np.argsort(-scores[found], kind="stable")[:k]]]
