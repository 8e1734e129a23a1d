"""Several rankings of the same windows as one, by reciprocal rank fusion, and the ranking by the words of the texts.

Each ranking gives a window 1 / (60 + rank), and the sums are ranked. Scores of different kinds are never compared.

Source: Cormack, Clarke and Büttcher, Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods,
SIGIR 2009. Departs from it in the depth of the rankings, and in that sums are divided by the largest one possible.
"""

from __future__ import annotations

from collections.abc import Sequence

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


def fuse(rankings: Sequence[IntArray], *, k: int) -> tuple[IntArray, NDArray[np.float64]]:
    """The k best windows of several rankings, best first, and their scores.

    Parameters
    ----------
    rankings : sequence of ndarray of int
        Windows, best first, none twice; a ranking may leave out any.

    Returns
    -------
    ndarray of int, ndarray of float
        Scores in (0, 1], rounded to 6 decimals: 1 for a window that is first in all rankings. Equal sums keep the order
        of the first ranking, and below that of the second, and so on.

    Examples
    --------
    >>> fuse([np.array([7, 8, 9]), np.array([9, 7])], k=2)
    (array([7, 9]), array([0.991935, 0.984127]))
    """
    windows = np.concatenate([np.zeros(0, np.int64), *rankings])
    different, first = np.unique(windows, return_index=True)
    sums = np.zeros(len(different))
    for ranking in rankings:
        sums[np.searchsorted(different, ranking)] += 1 / (RANK + 1 + np.arange(len(ranking)))
    best = np.lexsort((first, -sums))[:k]
    return different[best].astype(np.int64), (sums[best] * (RANK + 1) / len(rankings)).round(DECIMALS)


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
