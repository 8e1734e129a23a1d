"""`check_index_engine`: ours keeps its contract, and each breach of another one is named."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from tracets.index.lists import LISTS
from tracets.index.protocol import IndexEngine
from tracets.testing import check_index_engine


def test_our_own_engine_keeps_its_contract():
    check_index_engine(LISTS)


def write(vectors, folder):
    np.save(folder / "vectors.npy", vectors[:])


class Exact:
    """Compares with all vectors; with one thing wrong, where `wrong` is set."""

    def __init__(self, folder, wrong=""):
        self.vectors, self.wrong, self.folder, self.asked = np.load(folder / "vectors.npy"), wrong, folder, 0

    @property
    def efforts(self):
        return {"falling": (4, 2), "no effort": (), "zero": (0,)}.get(self.wrong, (64, 256))

    def candidates(self, queries, n, allowed, *, effort):
        self.asked += 1
        every = np.arange(len(self.vectors))
        blind = allowed is None or self.wrong == "blind"
        places = every if blind else every[allowed(every)]
        scores = queries @ self.vectors[places].T
        found = [places[np.argsort(-row)[: min(n, effort)]] for row in scores]
        if self.wrong == "writes":
            (self.folder / "log").write_text("asked")
        wrong = {
            "few": lambda: [p[:2] for p in found],
            "one less": lambda: found[1:],
            "scores": lambda: [p.astype(float) for p in found],
            "outside": lambda: [p + len(every) - 1 for p in found],
            "square": lambda: [p[None] for p in found],
            "company": lambda: [p[len(queries) > 1 :] for p in found],
            "moody": lambda: [p[self.asked > 50 :] for p in found],
        }
        return wrong.get(self.wrong, lambda: found)()


EXACT = IndexEngine("exact", "1", write, Exact, "")


def test_an_exact_engine_keeps_the_contract():
    check_index_engine(EXACT)


BREACHES = {
    "falling": r"efforts are whole numbers above 0, rising, one at least; got \[4, 2\]",
    "no effort": r"got \[\]",
    "zero": r"got \[0\]",
    "few": "it brings 20.0% of the 10 nearest vectors, expected 90%",
    "blind": "where 1 vector in 8 is allowed it brings",
    "one less": "40 queries have 40 arrays of places, got 39",
    "scores": "places are whole numbers, one axis of them, got float64",
    "square": "one axis of them, got int64 of shape",
    "outside": r"places lie in 0 to 2999, got 2999 to 59\d\d",
    "company": "in company than alone",
    "moody": "other vectors where several threads ask|opened again it brings other vectors|in company than alone",
    "writes": "asking changes the files of the folder",
}


@pytest.mark.slow
@pytest.mark.parametrize("wrong", BREACHES)
def test_each_breach_of_an_engine_is_named(wrong):
    with pytest.raises(AssertionError, match=BREACHES[wrong]):
        check_index_engine(replace(EXACT, open=partial(Exact, wrong=wrong)))


def test_what_an_engine_writes_is_looked_at():
    def hidden(vectors, folder):
        write(vectors, folder)
        (folder / ".cache").write_text("x")

    places = []

    def remembered(vectors, folder):
        write(vectors, folder)
        places.append(folder)

    with pytest.raises(AssertionError, match="writes at least one file into the folder"):
        check_index_engine(replace(EXACT, build=lambda vectors, folder: None))
    with pytest.raises(AssertionError, match="plain files whose names begin with no dot"):
        check_index_engine(replace(EXACT, build=hidden))
    with pytest.raises(FileNotFoundError):  # it looks for them where they were built, and the folder was moved
        check_index_engine(replace(EXACT, build=remembered, open=lambda folder: Exact(places[0])))
    with pytest.raises(AssertionError, match="a tracets.index.protocol.IndexEngine"):
        check_index_engine(Exact)
    with pytest.raises(AssertionError, match="must raise where its files are missing"):
        check_index_engine(replace(EXACT, open=lambda folder: Exact(folder) if any(folder.iterdir()) else None))
