"""Channels and their own texts as vectors, each with the window and the channel that it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tracets.errors import DataError
from tracets.types import FloatArray, Sample

if TYPE_CHECKING:
    from tracets.encoders.protocol import PairEncoder


@dataclass(frozen=True, eq=False)
class Channels:
    """m channels that have a text, window by window.

    `vectors`, `sentences`: of each channel and of its text, (k, d). `window` (m,): the place of its window; `names`,
    `texts`: what it is called and what is said of it.
    """

    vectors: Sequence[FloatArray]
    sentences: Sequence[FloatArray]
    window: NDArray[np.int64]
    names: Sequence[str]
    texts: Sequence[str]

    def scores(self) -> FloatArray:
        """Late interaction of each text (row) with each channel: the mean of its sentences' best cosines, (m, m)."""
        from tracets.retrieval.scores import flatten, late_interaction

        dim = self.vectors[0].shape[-1]
        return late_interaction(flatten(self.sentences, dim), flatten(self.vectors, dim))

    def means(self) -> tuple[FloatArray, FloatArray]:
        """One vector of length 1 a channel and one a text, each (m, d)."""
        return _mean(self.vectors), _mean(self.sentences)


def channels_of(samples: Sequence[Sample], model: PairEncoder) -> Channels:
    """Encode the channels of windows and their texts; channels without a text or without a value are left out.

    Raises
    ------
    DataError
        Fewer than two have both.
    """
    found = [
        (i, c, text)
        for i, sample in enumerate(samples)
        for c, text in enumerate(sample.channel_texts)
        if text and text.strip() and not np.isnan(sample.values[c]).all()
    ]
    if len(found) < 2:
        raise DataError("no channel has a text of its own. Write some: tracets data caption.")
    series = model.encode_series(samples)
    texts = model.encode_texts([text for _, _, text in found])
    return Channels(
        [np.reshape(series.channels[i][c], (-1, series.sample.shape[1])) for i, c, _ in found],
        list(texts.sentences),
        np.array([i for i, _, _ in found]),
        [samples[i].channel_names[c] for i, c, _ in found],
        [text for _, _, text in found],
    )


def _mean(groups: Sequence[FloatArray]) -> FloatArray:
    means = np.stack([group.mean(axis=0) for group in groups])
    length = np.linalg.norm(means, axis=1, keepdims=True)
    found: FloatArray = (means / np.where(length > 0, length, 1)).astype(np.float32)
    return found
