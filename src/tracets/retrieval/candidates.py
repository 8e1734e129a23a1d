"""Windows that a question may be about, by the index engine of an index: the first stage of an approximate search.

The engine brings vectors near each vector of the question, and with them the windows that they belong to; sample
vectors, where they count, are all compared. The second stage scores these windows in full.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tracets.data.captions import caption
from tracets.encoders.protocol import PairEncoder
from tracets.errors import ConfigError, IndexFolderError, NotFound, SearchedExactly
from tracets.index.protocol import Finder
from tracets.index.quantised import Widened
from tracets.index.registry import OpenEngine, brought_by, built, engine_named
from tracets.index.state import EnginePart
from tracets.retrieval.nearest import nearest
from tracets.retrieval.questions import Part, SeriesPart, TextPart, score_of_series
from tracets.retrieval.scores import Groups, IntArray, SeriesBank, TextBank, products, text_bank
from tracets.retrieval.stored import Index
from tracets.types import BoolArray, FloatArray

BROUGHT = 4096
"""Windows that one vector of a question brings, at most."""
WANTED = 0.95
"""Recall that an engine is asked to look more thoroughly for."""
ASKED = 50


def add_engine(
    index: Index, name: str = "lists", *, effort: int | None = None, encoder: PairEncoder | None = None
) -> Index:
    """Build an index engine (see `tracets.index.protocol`) over an index and measure what a search finds with it.

    Asked are up to 50 of the stored texts and a sentence of each; where there are none, captions of as many windows, or
    these windows themselves without an `encoder`. The recall that is kept is the share of the 10 best windows of the
    exact search among the 10 best of the approximate one, of the texts or of the sentences, whichever is lower. Windows
    that are added later are unknown to the engine and always candidates, which costs time, not recall; `compact` builds
    it anew. An index without any channel vector stays as it is.

    Parameters
    ----------
    name : str
        One of `tracets.index.registry.known_engines()`.
    effort : int, optional
        How thoroughly it looks, as the engine counts it (for lists, how many each vector of a question looks into). By
        default the first of the engine's efforts that finds .95, or the last.

    Raises
    ------
    NotFound
        No such engine.
    IndexFolderError
        It cannot be built, or the index was changed meanwhile.
    """
    engine = engine_named(name)
    vectors = Widened(index.folder.mapped.channels.coarse)
    if not len(vectors):
        return index
    with built(engine, vectors, index.folder.path) as folder:
        try:
            finder = engine.open(folder)
            efforts = list(finder.efforts) if effort is None else [effort]
            if not efforts:
                raise ValueError("it names no effort")
        except Exception as error:  # code of a stranger
            raise failed(name, error) from error
        recall, package = _measure(index, encoder), brought_by(engine)
        for asked in efforts:
            made = EnginePart(name, engine.version, package, int(asked), 0.0)
            made = replace(made, recall=recall(finder, made))
            if made.recall >= WANTED:
                break
        del finder  # no file may be open while the folder moves
        return Index(index.folder.keep_engine(folder, made), index.embedded)


def remake_engine(index: Index, name: str, *, effort: int | None, package: str) -> Index:
    """`add_engine` for an index that had this one; where it is not installed, the index is left to an exact search.

    Warns
    -----
    SearchedExactly
        The engine is not installed, or its package cannot be loaded; names the package.
    """
    try:
        return add_engine(index, name, effort=effort)
    except (NotFound, ConfigError) as error:
        missing = "is not installed" if isinstance(error, NotFound) else f"cannot be used ({error})"
        said = f"index '{index.folder.path}' is searched exactly: its index engine '{name}' of package '{package}' "
        warnings.warn(SearchedExactly(f"{said}{missing}. Install it and compact the index."), stacklevel=2)
        return index


def _measure(index: Index, encoder: PairEncoder | None) -> Callable[[Finder, EnginePart], float]:
    """A function from an engine and its effort to its recall; the exact search is made once for all of them."""
    windows, n, residual = np.flatnonzero(index.live), len(index.live), index.residuals[0]
    asked = [[(score_of_series(index, [part]), part) for part in parts] for parts in _questions(index, encoder)]
    best = [[nearest(score, windows, n=n, k=10, residual=residual)[0] for score, _ in kind] for kind in asked]

    def recall(finder: Finder, made: EnginePart) -> float:
        engine = OpenEngine(finder, replace(made, rows=n, vectors=len(index.series.channels.vectors)))
        recalls = [1.0]
        for kind, expected in zip(asked, best, strict=True):
            shares = []
            for (score, part), wanted in zip(kind, expected, strict=True):
                near = candidates(index, engine, [part], index.live)
                found, _ = nearest(score, near, n=n, k=10, residual=residual)
                shares.append(len(np.intersect1d(wanted, found)) / len(wanted))
            recalls += [float(np.mean(shares))] if shares else []
        return min(recalls)

    return recall


def _questions(index: Index, encoder: PairEncoder | None) -> list[list[Part]]:
    """Some stored texts, or captions where nothing is stored, and a sentence of each; or some stored windows."""
    rng = np.random.default_rng(0)
    rows, texts = index.texts
    told = np.flatnonzero(index.live[rows] & (texts.sentences.sizes > 0))
    if len(told):
        banks = [texts.take(np.array([i])) for i in rng.permutation(told)[:ASKED]]
    else:
        windows = rng.permutation(np.flatnonzero(index.live))[:ASKED]
        if encoder is None:
            return [[SeriesPart(index.series.one(int(i))) for i in windows]]
        ids = [fact["id"] for fact in index.folder.facts(windows, ["id"])]
        said = [caption(sample).text for sample in index.folder.samples(ids)]
        banks = [text_bank(encoder.encode_texts([text])) for text in said]
    chosen = [bank.sentences.vectors[[rng.integers(len(bank.sentences.vectors))]] for bank in banks]
    ends = np.array([0, 1], dtype=np.int64)
    sentences = [TextBank(b.sample, Groups(one, ends)) for b, one in zip(banks, chosen, strict=True)]
    return [[TextPart(bank) for bank in kind] for kind in (banks, sentences)]


def candidates(index: Index, engine: OpenEngine, parts: list[Part], kept: BoolArray) -> IntArray:
    """The windows, rising, that an engine brings for a question among those that are `kept` (n,)."""
    late = np.arange(engine.part.rows, len(kept))
    found, items = [late[kept[late]]], index.coarse_series
    for part in parts:
        channel = part.channel if isinstance(part, TextPart) else None
        vectors = part.bank.sentences.vectors if isinstance(part, TextPart) else part.bank.channels.vectors
        found.append(by_engine(engine, vectors, items, kept, channel=channel))
        if channel is None and index.folder.manifest.sample_weight > 0:
            found.append(by_sample(part.bank.sample[0], items, kept))
    return np.unique(np.concatenate(found))


def by_engine(
    engine: OpenEngine, vectors: FloatArray, items: SeriesBank, kept: BoolArray, *, channel: str | None
) -> IntArray:
    """The windows with the best channel vectors for any query vector (q, d), as far as the engine brings them.

    Parameters
    ----------
    items : SeriesBank
        The windows of the index, quantised; the engine may know the first of them alone.
    kept : ndarray of bool, shape (n,)
        The windows that count.
    channel : str or None
        Only vectors of the channel of this name count.

    Raises
    ------
    IndexFolderError
        The engine fails, or brings places that there are not.
    """
    ends, part = items.by_series.offsets, engine.part

    def among(rows: IntArray, places: IntArray) -> BoolArray:
        live = kept[rows]
        if channel is not None:
            groups = np.searchsorted(items.channels.offsets, places, side="right") - 1
            live &= items.codes[groups] == items.code(channel)
        return live

    def allowed(places: IntArray) -> BoolArray:
        return among(np.searchsorted(ends, places, side="right") - 1, places)

    found: list[IntArray] = [np.zeros(0, np.int64)]
    if not len(vectors):
        return found[0]
    every = channel is None and bool(kept[: part.rows].all())
    asked = np.ascontiguousarray(vectors, np.float32)
    try:
        brought = engine.finder.candidates(
            asked, min(BROUGHT, part.vectors), None if every else allowed, effort=part.effort
        )
        near = [np.asarray(places).astype(np.int64, casting="same_kind") for places in brought]
        if len(near) != len(asked) or any(len(p) and not 0 <= p.min() <= p.max() < part.vectors for p in near):
            raise ValueError(f"it must bring, for each of {len(asked)} queries, places below {part.vectors}")
    except Exception as error:  # code of a stranger
        raise failed(part.engine, error) from error
    for vector, places in zip(asked, near, strict=True):
        rows = np.searchsorted(ends, places, side="right") - 1
        live = among(rows, places)
        rows, places = rows[live], places[live]
        found.append(rows[_highest(products(vector[None], items.channels.vectors[places])[0])])
    return np.unique(np.concatenate(found))


def failed(engine: str, error: Exception) -> IndexFolderError:
    """The error for an engine that raises, or brings what cannot be."""
    return IndexFolderError(
        f"the index engine '{engine}' failed ({type(error).__name__}: {error}). Search exactly (--exact), or report it "
        f"to whoever wrote it."
    )


def by_sample(vector: FloatArray, items: SeriesBank, kept: BoolArray) -> IntArray:
    """The windows with the best sample vectors for a query's (d,)."""
    rows = np.flatnonzero(kept)
    return np.sort(rows[_highest(products(vector[None], items.sample)[0][rows])])


def _highest(scores: FloatArray) -> IntArray:
    if len(scores) <= BROUGHT:
        return np.arange(len(scores), dtype=np.int64)
    return np.argpartition(-scores, BROUGHT - 1)[:BROUGHT]
