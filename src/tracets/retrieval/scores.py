"""The score of texts and series against stored texts and series. NumPy only.

Score = `sample_weight` * cosine of the sample vectors + (1 - `sample_weight`) * late interaction, where late
interaction is the mean over a query's sentences (or channels) of their best cosine with any vector of the item. All
vectors have length 1, so a dot product is a cosine; a zero vector is a channel with nothing observed and matches
nothing. `tracets.nn` holds the same in torch for training.

Stored vectors may be quantised (`tracets.index.quantised`): no score is then off by more than their residual.

The matrices of cosines are made in blocks of at most `BLOCK_BYTES`, whatever the number of stored windows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from tracets.index.quantised import Quantised
from tracets.types import FloatArray, SeriesVectors, TextVectors

IntArray = NDArray[np.int64]

NO_MATCH = -1.0
"""The score of an item that has nothing to match: the lowest cosine, so that it never passes one that has."""

BLOCK_BYTES = 64 << 20

SMALL_GROUP = 8
"""Groups of equal size up to this one are reduced vector by vector, which is some four times as fast as reduceat."""


@dataclass(frozen=True, eq=False)
class Groups:
    """Vectors of several groups, end to end: group g is `vectors[offsets[g]:offsets[g + 1]]` and may be empty.

    `vectors` (v, d) float32 or quantised, none of them zero; `offsets` (n_groups + 1,) int64, rising, from 0 to v.
    """

    vectors: FloatArray
    offsets: IntArray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def sizes(self) -> IntArray:
        return np.diff(self.offsets)

    def between(self, first: int, last: int) -> Groups:
        """Groups first to last (exclusive), as a view."""
        start, stop = self.offsets[first], self.offsets[last]
        return Groups(self.vectors[start:stop], self.offsets[first : last + 1] - start)

    def take(self, which: IntArray) -> Groups:
        """The groups `which`, copied, in that order."""
        sizes = self.offsets[which + 1] - self.offsets[which]
        offsets = _offsets(sizes)
        rows = np.arange(offsets[-1]) + np.repeat(self.offsets[which] - offsets[:-1], sizes)
        return Groups(self.vectors[rows], offsets)


@dataclass(frozen=True, eq=False)
class Names(Sequence[tuple[str, ...]]):
    """The channel names of n series, of which most have the same: series i has `kinds[which[i]]`."""

    kinds: tuple[tuple[str, ...], ...]
    which: IntArray

    @classmethod
    def of(cls, names: Sequence[Sequence[str]]) -> Names:
        """Gather the names of each series, kinds in the order in which they come first."""
        if isinstance(names, Names):
            return names
        kinds: dict[tuple[str, ...], int] = {}
        which = [kinds.setdefault(tuple(n), len(kinds)) for n in names]
        return cls(tuple(kinds), np.array(which, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.which)

    def __getitem__(self, i: Any) -> Any:
        """The names of series i, or the `Names` of a slice or of an array of series."""
        return self.kinds[self.which[i]] if isinstance(i, int | np.integer) else Names(self.kinds, self.which[i])


@dataclass(frozen=True, eq=False)
class SeriesBank:
    """n series laid out for scoring.

    `sample` (n, d); `channels` one group a channel, the channels of a series in a row; `firsts` (n + 1,): series i owns
    channel groups firsts[i] to firsts[i + 1]; `names[i]` the channel names of series i.
    """

    sample: FloatArray
    channels: Groups
    firsts: IntArray
    names: Names

    def __len__(self) -> int:
        return len(self.sample)

    @cached_property
    def by_series(self) -> Groups:
        """All channel vectors of a series as one group."""
        return Groups(self.channels.vectors, self.channels.offsets[self.firsts])

    @cached_property
    def spellings(self) -> dict[str, str]:
        """Every channel name in the bank, casefolded, with the spelling that came first."""
        found: dict[str, str] = {}
        for names in self.names.kinds:
            for name in names:
                found.setdefault(name.casefold(), name)
        return found

    @cached_property
    def codes(self) -> IntArray:
        """The position of each channel's name in `spellings`, (n_channels_in_all,)."""
        position = {folded: code for code, folded in enumerate(self.spellings)}
        codes = np.array([position[name.casefold()] for names in self.names.kinds for name in names], dtype=np.int64)
        begin = _offsets(np.array([len(names) for names in self.names.kinds], dtype=np.int64))[self.names.which]
        return codes[np.arange(self.firsts[-1]) + np.repeat(begin - self.firsts[:-1], np.diff(self.firsts))]

    @cached_property
    def owners(self) -> IntArray:
        """The series that each channel belongs to, (n_channels_in_all,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.firsts))

    def code(self, name: str) -> int:
        """The code of a channel name, whatever its case; -1 when no series has it."""
        folded = name.casefold()
        return list(self.spellings).index(folded) if folded in self.spellings else -1

    def take(self, which: IntArray) -> SeriesBank:
        """The bank of the series `which`, copied, in that order."""
        sizes = self.firsts[which + 1] - self.firsts[which]
        firsts = _offsets(sizes)
        channels = np.arange(firsts[-1]) + np.repeat(self.firsts[which] - firsts[:-1], sizes)
        return SeriesBank(self.sample[which], self.channels.take(channels), firsts, self.names[which])

    def one(self, i: int) -> SeriesBank:
        """The bank of series i alone."""
        first, last = self.firsts[i], self.firsts[i + 1]
        firsts = np.array([0, last - first], dtype=np.int64)
        return SeriesBank(self.sample[i : i + 1], self.channels.between(first, last), firsts, self.names[i : i + 1])


@dataclass(frozen=True, eq=False)
class TextBank:
    """n texts laid out for scoring: `sample` (n, d) and `sentences`, one group a text."""

    sample: FloatArray
    sentences: Groups

    def __len__(self) -> int:
        return len(self.sample)

    def take(self, which: IntArray) -> TextBank:
        """The bank of the texts `which`, copied, in that order."""
        return TextBank(self.sample[which], self.sentences.take(which))


def flatten(groups: Sequence[FloatArray], dim: int) -> Groups:
    """Lay groups of vectors, each of shape (..., dim), end to end; zero vectors are left out.

    >>> flatten([np.eye(2, dtype=np.float32), np.zeros((1, 2), np.float32)], 2).offsets
    array([0, 2, 2])
    """
    flat = [np.asarray(group, dtype=np.float32).reshape(-1, dim) for group in groups]
    vectors = np.concatenate(flat) if flat else np.zeros((0, dim), np.float32)
    return drop_zeros(vectors, np.array([len(rows) for rows in flat], dtype=np.int64))


def drop_zeros(vectors: FloatArray, sizes: IntArray) -> Groups:
    """Groups of the given sizes over vectors (v, d) laid end to end, without the zero vectors."""
    live = vectors.any(axis=1)
    if live.all():
        return Groups(vectors, _offsets(sizes))
    upto = np.concatenate([[0], np.cumsum(live)]).astype(np.int64)
    return Groups(vectors[live], upto[_offsets(sizes)])


def series_bank(vectors: SeriesVectors, names: Sequence[Sequence[str]]) -> SeriesBank:
    """Lay out what an encoder made of n series, whose channels have these names."""
    dim = vectors.sample.shape[1]
    channels = flatten([channel for series in vectors.channels for channel in series], dim)
    firsts = _offsets(np.array([len(series) for series in vectors.channels], dtype=np.int64))
    return SeriesBank(vectors.sample, channels, firsts, Names.of(names))


def text_bank(vectors: TextVectors) -> TextBank:
    """Lay out what an encoder made of n texts."""
    return TextBank(vectors.sample, flatten(vectors.sentences, vectors.sample.shape[1]))


def text_to_series(
    queries: TextBank, items: SeriesBank, *, sample_weight: float, block_bytes: int = BLOCK_BYTES
) -> FloatArray:
    """Score each text against each series: (n_texts, n_series), in [-1, 1].

    Late interaction: the mean over the text's sentences of the best cosine with any channel vector of the series.
    """
    if sample_weight == 1:
        return _clip(products(queries.sample, items.sample))
    late = late_interaction(queries.sentences, items.by_series, block_bytes=block_bytes)
    return combine(products(queries.sample, items.sample), late, sample_weight)


def series_to_text(
    queries: SeriesBank, items: TextBank, *, sample_weight: float, block_bytes: int = BLOCK_BYTES
) -> FloatArray:
    """Score each series against each text: (n_series, n_texts), the transpose of `text_to_series`."""
    late = late_interaction(items.sentences, queries.by_series, block_bytes=block_bytes).T
    return combine(products(queries.sample, items.sample), late, sample_weight)


def text_to_text(
    queries: TextBank, items: TextBank, *, sample_weight: float, block_bytes: int = BLOCK_BYTES
) -> FloatArray:
    """Score each text against each stored text: (n_queries, n_texts); each query sentence takes its best match."""
    late = late_interaction(queries.sentences, items.sentences, block_bytes=block_bytes)
    return combine(products(queries.sample, items.sample), late, sample_weight)


def series_to_series(
    queries: SeriesBank, items: SeriesBank, *, sample_weight: float, block_bytes: int = BLOCK_BYTES
) -> FloatArray:
    """Score each series against each stored series: (n_queries, n_series).

    Late interaction: the mean over the query's channels of the cosine with the channel of the same name, whatever its
    case, or with the best channel where the item has none of that name with anything observed.
    """
    late = np.full((len(queries), len(items)), NO_MATCH, dtype=np.float32)
    for i in range(len(queries) if sample_weight < 1 else 0):
        query = queries.one(i)
        wanted = np.array([items.code(name) for name in query.names[0]], dtype=np.int64)
        live = query.channels.sizes > 0
        limit = block_bytes // (4 * max(1, len(live)))
        for lo, hi in _blocks(items.firsts, limit) if live.any() else ():
            first, last = items.firsts[lo], items.firsts[hi]
            block = items.channels.between(first, last)
            pairs = late_interaction(query.channels, block, block_bytes=block_bytes)
            owners = items.owners[first:last] - lo
            matched = _by_name(
                pairs, wanted, items.codes[first:last], block.sizes > 0, owners, items.firsts[lo : hi + 1]
            )
            late[i, lo:hi] = matched[live].mean(axis=0)
    return combine(products(queries.sample, items.sample), late, sample_weight)


def channel_to_series(sentences: Groups, items: SeriesBank, name: str, *, block_bytes: int = BLOCK_BYTES) -> FloatArray:
    """Score texts about one named channel against that channel only: (n_texts, n_series).

    The mean over a text's sentences of the best cosine with the channel's vectors. The sample vector has no part in it:
    it speaks of the other channels too. `NO_MATCH` where a series lacks the channel.
    """
    scores = np.full((len(sentences), len(items)), NO_MATCH, dtype=np.float32)
    which = np.flatnonzero(items.codes == items.code(name))
    limit = block_bytes // (4 * items.channels.vectors.shape[1])
    for lo, hi in _blocks(_offsets(items.channels.sizes[which]), limit):
        late = late_interaction(sentences, items.channels.take(which[lo:hi]), block_bytes=block_bytes)
        for row, found in zip(scores, late, strict=True):
            np.maximum.at(row, items.owners[which[lo:hi]], found)
    return scores


def without_each_channel(items: SeriesBank) -> SeriesBank:
    """Each series as often as it has channels, each time with one of them emptied: a bank of n_channels_in_all series.

    >>> bank = series_bank(SeriesVectors(np.eye(2)[:1], (np.eye(2)[:, None],)), [("a", "b")])
    >>> without_each_channel(bank).channels.vectors
    array([[0., 1.],
           [1., 0.]], dtype=float32)
    """
    owners, channels = items.owners, items.channels
    width = np.diff(items.firsts)[owners]  # of the series that each channel belongs to
    firsts = _offsets(width)
    groups = np.arange(firsts[-1]) + np.repeat(items.firsts[owners] - firsts[:-1], width)
    emptied = groups == np.repeat(np.arange(len(channels)), width)
    sizes = np.where(emptied, 0, channels.sizes[groups])
    offsets = _offsets(sizes)
    rows = np.arange(offsets[-1]) + np.repeat(channels.offsets[groups] - offsets[:-1], sizes)
    return SeriesBank(items.sample[owners], Groups(channels.vectors[rows], offsets), firsts, items.names[owners])


def pieces(items: SeriesBank, block_bytes: int = BLOCK_BYTES) -> Iterator[IntArray]:
    """Series in runs whose `without_each_channel` takes at most so much memory, or of one series."""
    vectors = np.diff(items.by_series.offsets) * np.diff(items.firsts)
    for lo, hi in _blocks(_offsets(vectors), block_bytes // (4 * items.sample.shape[1])):
        yield np.arange(lo, hi)


def falls(late: FloatArray, without: FloatArray) -> FloatArray:
    """What late interaction loses without each channel, (n_channels,). All of it where nothing that is left can answer.

    `late` is the score of the series of each channel, or (1,) of the one series there is; `without` (n_channels,) those
    of `without_each_channel`.

    >>> falls(np.float32([0.5]), np.float32([0.5, 0.25, -1.0]))
    array([0.  , 0.25, 0.5 ], dtype=float32)
    """
    return np.where((without <= NO_MATCH) & (late > NO_MATCH), late, late - without).astype(np.float32)


def late_interaction(queries: Groups, items: Groups, *, block_bytes: int = BLOCK_BYTES) -> FloatArray:
    """Mean over a query's vectors of the best cosine with any vector of an item: (n_queries, n_items).

    `NO_MATCH` where either has no vector.

    >>> one, two = flatten([np.eye(2)], 2), flatten([np.eye(2)[:1], np.zeros((1, 2))], 2)
    >>> late_interaction(one, two)
    array([[ 0.5, -1. ]], dtype=float32)
    """
    out = np.full((len(queries), len(items)), NO_MATCH, dtype=np.float32)
    widest = max(len(items), int(items.sizes.max(initial=1)), 1)
    for lo, hi in _blocks(queries.offsets, block_bytes // (4 * widest)):
        block = queries.between(lo, hi)
        filled = block.sizes > 0
        if filled.any():
            best = _best(block.vectors, items, block_bytes)  # (vectors in block, n_items)
            sums = np.add.reduceat(best, block.offsets[:-1][filled], axis=0)
            out[lo:hi][filled] = sums / block.sizes[filled, None]
    return out


def standing_for(vectors: Quantised) -> FloatArray:
    """Quantised vectors in the place of an array in a bank: they are cut and taken from alike, and `products` knows
    them. Nothing else may be done with them."""
    return cast(FloatArray, vectors)


def products(queries: FloatArray | Quantised, items: FloatArray | Quantised) -> FloatArray:
    """The cosine of each query vector (q, d) with each item vector (v, d): (q, v). One side may be quantised."""
    if isinstance(queries, Quantised):
        return products(items, queries).T
    return items.products(queries) if isinstance(items, Quantised) else queries @ items.T


def combine(sample: FloatArray, late: FloatArray, sample_weight: float) -> FloatArray:
    """The score, in [-1, 1]: `sample_weight` of the sample cosine and the rest of late interaction, of one shape."""
    return _clip(sample_weight * sample + (1.0 - sample_weight) * late)


def _best(queries: FloatArray, items: Groups, block_bytes: int) -> FloatArray:
    """Best cosine of each query vector (q, d) with any vector of each group: (q, n_groups)."""
    out = np.full((len(queries), len(items)), NO_MATCH, dtype=np.float32)
    for lo, hi in _blocks(items.offsets, block_bytes // (4 * len(queries))):
        block = items.between(lo, hi)
        if len(block.vectors):
            out[:, lo:hi] = _max_by_group(products(queries, block.vectors), block.offsets)
    return out


def _max_by_group(scores: FloatArray, offsets: IntArray) -> FloatArray:
    """Maximum over each group of columns: (q, v) -> (q, n_groups); `NO_MATCH` for an empty group."""
    out = np.full((len(scores), len(offsets) - 1), NO_MATCH, dtype=np.float32)
    sizes = np.diff(offsets)
    size = int(sizes[0]) if len(sizes) else 0
    if 0 < size <= SMALL_GROUP and (sizes == size).all():
        out[:] = scores[:, ::size]
        for i in range(1, size):
            np.maximum(out, scores[:, i::size], out=out)
        return out
    # reduceat reads a group of size zero as one element, so that only the filled ones may be handed to it
    filled = sizes > 0
    if filled.any():
        out[:, filled] = np.maximum.reduceat(scores, offsets[:-1][filled], axis=1)
    return out


def _by_name(
    pairs: FloatArray, wanted: IntArray, codes: IntArray, live: NDArray[np.bool_], owners: IntArray, firsts: IntArray
) -> FloatArray:
    """Reduce channel pairs (q, channels) to (q, n_series): the channel with the wanted code, else the best one."""
    best = _max_by_group(pairs, firsts - firsts[0])
    for row, code in enumerate(wanted):
        same = np.flatnonzero((codes == code) & live)
        named = np.full(best.shape[1], -np.inf, dtype=np.float32)
        np.maximum.at(named, owners[same], pairs[row, same])
        best[row] = np.where(np.isfinite(named), named, best[row])
    return best


def _blocks(offsets: IntArray, limit: int) -> Iterator[tuple[int, int]]:
    """Cut groups into runs lo to hi with at most `limit` vectors and `limit` groups each, but at least one group."""
    n, lo = len(offsets) - 1, 0
    limit = max(1, limit)
    while lo < n:
        hi = int(np.searchsorted(offsets, offsets[lo] + limit, side="right")) - 1
        hi = min(n, max(lo + 1, min(hi, lo + limit)))
        yield lo, hi
        lo = hi


def _offsets(sizes: IntArray) -> IntArray:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _clip(scores: FloatArray) -> FloatArray:
    return np.clip(scores, -1.0, 1.0).astype(np.float32, copy=False)
