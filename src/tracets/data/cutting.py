"""Long series cut into overlapping windows of several lengths, as a stream: what a search for places reads.

Unlike `tracets.data.windows`, which makes examples to learn from, nothing may be missed here: every step lies in a
window of every length that the series is long enough for, and whatever could not be cut so is counted and named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tracets.data.series import observed_share, series_from_sample
from tracets.errors import ConfigError, DataError
from tracets.types import Sample

PLACE = ("series", "first_step", "n_steps")
"""The columns that say where a window lies in its series."""

OVERLAP = 4
"""Windows that share a step where no stride is given."""


@dataclass
class Cut:
    """What became of the series that were cut so far.

    `series`, `steps` and `windows` are counts, `by_length` the windows of each length. `short` names the series that
    are shorter than the shortest length: each is one window of its own length. `left_out` counts windows that were
    observed too little, `uncovered` the steps that no window holds because of that, and `unobserved` names the series
    of which no window is left. `texts` counts texts about a whole series, which its windows do not get.
    """

    series: int = 0
    steps: int = 0
    windows: int = 0
    by_length: Counter[int] = field(default_factory=Counter)
    short: list[str] = field(default_factory=list)
    left_out: int = 0
    uncovered: int = 0
    unobserved: list[str] = field(default_factory=list)
    texts: int = 0

    def to_json(self) -> dict[str, Any]:
        """The same as plain values, lengths rising."""
        by_length = {str(length): n for length, n in sorted(self.by_length.items())}
        return {**vars(self), "by_length": by_length}


class Cutting:
    """The windows of long series, one after the other; a series is asked for when the one before is done with.

    Parameters
    ----------
    series : iterable of Sample
        Each a whole series, with or without times, with channels of its own. Read once for each pass over the windows.
    lengths : sequence of int
        Steps of a window; several are cut side by side.
    strides : sequence of int, optional
        Steps from one window to the next: one for each length, or one for all. A quarter of each length where it is not
        given. The last window of a length ends with the series, and so may overlap the one before it more.
    min_observed : float, default=0
        Windows with a smaller share of observed values, in [0, 1], and those with nothing observed, are left out.

    Attributes
    ----------
    cut : Cut
        The counts of the pass that is under way, or of the last one.

    Raises
    ------
    ConfigError
        No length, a length or stride below 1, a stride that would skip steps, or another number of strides.
    DataError
        In a pass: a series with a metadata column of the names in `PLACE`, or with a start that is not on its freq.

    Examples
    --------
    >>> day = Sample("ny", np.zeros((1, 10)), ("load",))
    >>> [window.id for window in Cutting([day], lengths=[4, 8], strides=[3, 4])]
    ['ny@0+4', 'ny@3+4', 'ny@6+4', 'ny@0+8', 'ny@2+8']
    """

    def __init__(
        self,
        series: Iterable[Sample],
        *,
        lengths: Sequence[int],
        strides: Sequence[int] | None = None,
        min_observed: float = 0.0,
    ) -> None:
        if strides is None:
            strides = [max(1, length // OVERLAP) for length in lengths]
        given = list(strides) * len(lengths) if len(strides) == 1 else list(strides)
        if not lengths or len(set(lengths)) < len(lengths) or len(given) != len(lengths):
            raise ConfigError(
                f"cutting needs different lengths, and one stride for each or one for all, got lengths "
                f"{list(lengths)} and strides {list(strides)}."
            )
        for length, stride in zip(lengths, given, strict=True):
            if not 1 <= stride <= length:
                raise ConfigError(
                    f"windows of {length} steps every {stride}: the stride must be from 1 to the length, so that no "
                    f"step is skipped."
                )
        if not 0 <= min_observed <= 1:
            raise ConfigError(f"min_observed must be in [0, 1], got {min_observed}.")
        self._series, self._min_observed = series, min_observed
        self._grids = sorted(zip(lengths, given, strict=True))
        self.cut = Cut()

    def __iter__(self) -> Iterator[Sample]:
        self.cut = Cut()
        for one in self._series:
            yield from self._windows(one)
            del one  # the next series is read without this one in memory

    def _windows(self, one: Sample) -> Iterator[Sample]:
        taken = [name for name in PLACE if name in one.metadata]
        if taken:
            raise DataError(
                f"series '{one.id}' has a metadata column '{taken[0]}', which is where windows are placed. Rename it."
            )
        cut, n = self.cut, one.n_steps
        cut.series += 1
        cut.steps += n
        grids = [(length, stride) for length, stride in self._grids if length <= n]
        if not grids:
            grids = [(n, n)]
            cut.short.append(one.id)
        cut.texts += any(text and text.strip() for text in (one.text, *one.channel_texts)) and grids[0][0] < n
        covered, before, at = np.zeros(n, bool), cut.windows, Slicer(one)
        for length, stride in grids:
            for first in firsts(n, length, stride):
                seen = observed_share(one.values[:, first : first + length])
                if seen == 0 or seen < self._min_observed:
                    cut.left_out += 1
                    continue
                covered[first : first + length] = True
                cut.windows += 1
                cut.by_length[length] += 1
                yield placed(at(first, length), series=one.id, first_step=first)
        cut.uncovered += int(n - covered.sum())
        if cut.windows == before:
            cut.unobserved.append(one.id)


def firsts(n_steps: int, length: int, stride: int) -> list[int]:
    """Where windows begin: every `stride` steps, and one that ends with the series; none where it is too short.

    >>> firsts(10, 4, 3), firsts(11, 4, 3), firsts(3, 4, 1)
    ([0, 3, 6], [0, 3, 6, 7], [])
    """
    found = list(range(0, n_steps - length + 1, stride))
    if found and found[-1] != n_steps - length:
        found.append(n_steps - length)
    return found


def placed(window: Sample, *, series: str, first_step: int) -> Sample:
    """A window with the id and the columns that say where in which series it lies."""
    place = dict(zip(PLACE, (series, first_step, window.n_steps), strict=True))
    return replace(
        window,
        id=f"{series}@{first_step}+{window.n_steps}",
        metadata={"entity": series} | dict(window.metadata) | place,
    )


class Slicer:
    """Parts of a series, copied, with the time at which each begins; the whole of it keeps its texts, a part does not.

    A series without start or freq has parts without times.

    >>> Slicer(Sample("ny", np.arange(4.0)[None], ("load",)))(1, 2).values.tolist()
    [[1.0, 2.0]]
    """

    def __init__(self, series: Sample) -> None:
        self._series = series
        self._wordless = replace(series, text=None, channel_texts=())
        timed = series.start is not None and series.freq is not None
        self._times = series_from_sample(series).times if timed else None

    def __call__(self, first: int, n_steps: int) -> Sample:
        return replace(
            self._series if n_steps == self._series.n_steps else self._wordless,
            values=self._series.values[:, first : first + n_steps].copy(),
            start=None if self._times is None else self._times[first].to_pydatetime(),
        )
