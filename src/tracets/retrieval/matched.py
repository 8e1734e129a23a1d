"""Which part of a channel made a sentence match: the stretch without which their cosine falls most.

Stretches of a quarter, an eighth and a sixteenth of the window, half overlapping, are made missing in turn and the
window is encoded anew: some 55 times for each channel that is asked about. A fall counts as far as it exceeds the
median one of stretches as long, so that what any gap costs is not taken for a reason; the stretch that exceeds it most
is the part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from tracets.encoders.protocol import PairEncoder
from tracets.index.rows import end_of
from tracets.types import FloatArray, MatchedPart, Sample

SCALES = (4, 8, 16)
"""A stretch is the window's length over one of these."""
SHORTEST = 2
"""Steps of a stretch, at least."""
LEAST_STEPS = 8
"""Shorter windows are not taken apart."""
LEAST = 0.01
"""Cosine by which the fall must exceed the usual one: below, no part of the channel counts more than others."""
MOST_ENCODED = 400
"""Windows encoded for one explanation, at most: the channels that come first are asked about."""
MOST_VALUES = 4_000_000
"""Values in these windows, at most."""
DECIMALS = 6


@dataclass(frozen=True, eq=False)
class Asked:
    """A sentence, as a vector (d,) of length 1, and the place of the channel that it matches."""

    vector: FloatArray
    channel: int

    def cosine(self, channels: FloatArray) -> float:
        """With the channel, among the vectors (n_channels, m, d) of a window; 0 where it has nothing observed."""
        return float((channels[self.channel] @ self.vector).max())


def matched_parts(encoder: PairEncoder, sample: Sample, asked: Sequence[Asked]) -> list[MatchedPart | None]:
    """The part of its channel that each sentence matches, in their order.

    None where no stretch counts more than others do, in a window of fewer than `LEAST_STEPS` steps, and for channels
    that `MOST_ENCODED` and `MOST_VALUES` leave no room for: those that are named first go first.

    Parameters
    ----------
    sample : Sample
        The window, with its values.
    asked : sequence of Asked

    Examples
    --------
    >>> matched_parts(encoder, window, [Asked(vector, 0)])[0].first_step  # doctest: +SKIP
    96
    """
    tried = stretches(sample.n_steps)
    room = min(MOST_ENCODED, MOST_VALUES // sample.values.size) - 1
    channels = list(dict.fromkeys(one.channel for one in asked))[: max(0, room) // max(1, len(tried))]
    if not tried or not channels:
        return [None] * len(asked)
    variants = [without(sample, channel, first, n) for channel in channels for first, n in tried]
    found = encoder.encode_series([sample, *variants]).channels
    parts: list[MatchedPart | None] = []
    for one in asked:
        if one.channel not in channels:
            parts.append(None)
            continue
        begin = 1 + channels.index(one.channel) * len(tried)
        cosines = [one.cosine(found[i]) for i in (0, *range(begin, begin + len(tried)))]
        falls = cosines[0] - np.array(cosines[1:])
        parts.append(_part(sample, one.channel, tried, falls.round(DECIMALS)))
    return parts


def stretches(n_steps: int) -> list[tuple[int, int]]:
    """The stretches of a window that are tried, as (first step, steps), longest first.

    >>> stretches(8)
    [(0, 2), (1, 2), (2, 2), (3, 2), (4, 2), (5, 2), (6, 2)]
    >>> len(stretches(168))
    55
    """
    if n_steps < LEAST_STEPS:
        return []
    found = []
    for length in sorted({max(SHORTEST, n_steps // scale) for scale in SCALES}, reverse=True):
        stride = (length + 1) // 2
        firsts = [*range(0, n_steps - length, stride), n_steps - length]
        found += [(first, length) for first in firsts]
    return found


def without(sample: Sample, channel: int, first: int, n_steps: int) -> Sample:
    """The window with some steps of a channel missing."""
    values = sample.values.copy()
    values[channel, first : first + n_steps] = np.nan
    return replace(sample, values=values)


def _part(
    sample: Sample, channel: int, tried: Sequence[tuple[int, int]], falls: NDArray[np.float64]
) -> MatchedPart | None:
    lengths = np.array([n for _, n in tried])
    usual = np.array([np.median(falls[lengths == n]) for n in lengths])
    seen = [not np.isnan(sample.values[channel, first : first + n]).all() for first, n in tried]
    best = int(np.argmax(np.where(seen, falls - usual, -np.inf)))
    if not seen[best] or falls[best] - usual[best] < LEAST or falls[best] <= 0:
        return None
    first, n = tried[best]
    return MatchedPart(
        first, n, time_of(sample, first), time_of(sample, first + n - 1), float(falls[best]), float(usual[best])
    )


def time_of(sample: Sample, step: int) -> datetime | None:
    """When a step of the window is; None where its start or freq is not known."""
    return end_of(replace(sample, values=sample.values[:, : step + 1]))
