"""The pool that a retrieval evaluation ranks: windows in time order, who has a text, a label, and who shares time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC

import numpy as np
from numpy.typing import NDArray

from tracets.data.calendar import step_seconds
from tracets.errors import DataError
from tracets.metrics import Bools, default_block
from tracets.types import Sample

Positions = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Pool:
    """The windows under evaluation, in time order, so that a block bootstrap keeps neighbours together.

    `paired` and `labelled` are positions in `samples` of the windows with a text and with a label. `overlap`
    (n_samples, n_samples) is True where two windows of the same place share time, and on the diagonal. `block` is the
    length of the bootstrap's blocks.
    """

    samples: tuple[Sample, ...]
    paired: Positions
    labelled: Positions
    overlap: Bools
    block: int

    @property
    def texts(self) -> list[str]:
        """The texts of the paired windows, with white space made even."""
        return [" ".join((self.samples[i].text or "").split()) for i in self.paired]

    def labels(self, positions: Positions) -> list[str | None]:
        return [self.samples[i].label for i in positions]

    @property
    def n_duplicates(self) -> int:
        """How many paired windows have a text that another one has too."""
        _, counts = np.unique(self.texts, return_counts=True)
        return int(counts[counts > 1].sum())


def make_pool(samples: Sequence[Sample]) -> Pool:
    """Order the windows by time and find out what can be asked of them.

    Raises
    ------
    DataError
        Fewer than two windows have a text.
    """
    order, shares_time = by_time(samples)
    ordered = tuple(samples[i] for i in order)
    paired = [i for i, sample in enumerate(ordered) if sample.text and sample.text.strip()]
    if len(paired) < 2:
        raise DataError(
            f"evaluating retrieval needs at least 2 windows with a text, got {len(paired)} among {len(ordered)}. "
            f"Check --split and --where, or write captions with `tracets data caption`."
        )
    places = [(s.domain, s.source, str(s.metadata.get("entity"))) for s in ordered]
    same_place = np.array([{p: c for c, p in enumerate(dict.fromkeys(places))}[place] for place in places])
    return Pool(
        samples=ordered,
        paired=np.array(paired, dtype=np.int64),
        labelled=np.array([i for i, sample in enumerate(ordered) if sample.label], dtype=np.int64),
        overlap=(shares_time & (same_place[:, None] == same_place)) | np.eye(len(ordered), dtype=bool),
        block=default_block(len(paired), overlap=usual_overlap(shares_time)),
    )


def by_time(samples: Sequence[Sample]) -> tuple[list[int], Bools]:
    """The order of windows in time, those of an unknown time last, and which of them, so ordered, share time (n, n)."""
    spans = [span(sample) for sample in samples]
    order = sorted(range(len(samples)), key=lambda i: (np.isnan(spans[i][0]), spans[i][0], i))
    begin, end = np.array([spans[i] for i in order]).reshape(-1, 2).T
    with np.errstate(invalid="ignore"):
        return order, (begin[:, None] < end[None, :]) & (begin[None, :] < end[:, None])


def usual_overlap(shares_time: Bools) -> int:
    """How many windows share time with one, in the median: what blocks of a bootstrap should hold."""
    return round(float(np.median(shares_time.sum(axis=1))))


def span(sample: Sample) -> tuple[float, float]:
    """First and last time in seconds since 1970, the end exclusive; NaN where it is not known."""
    if sample.start is None:
        return float("nan"), float("nan")
    zoned = sample.start if sample.start.tzinfo else sample.start.replace(tzinfo=UTC)
    return zoned.timestamp(), zoned.timestamp() + sample.n_steps * step_seconds(sample.freq)
