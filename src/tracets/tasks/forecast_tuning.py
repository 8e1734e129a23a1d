"""Gradient training of a forecast head, and of the series tower under it: a task for `tracets.training.loop`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tracets.data.collate import collate
from tracets.encoders.model import TraceModel
from tracets.encoders.series import SeriesBatch, to_series_batch
from tracets.forecast.head import ForecastHead, forecast_loss, pinball
from tracets.nn.device import to_device
from tracets.training.order import BatchOrder
from tracets.types import Sample

VALIDATED = 2048
"""Rows that a validation looks at, evenly taken."""


@dataclass(frozen=True, eq=False)
class HeadRows:
    """What the head learns from: features (m, width), targets (m, horizon) on the rows' scale (NaN = unknown), which
    window and channel each row is, and its vectors (m, vectors) where the encoder is frozen."""

    features: Tensor
    targets: Tensor
    window: NDArray[np.int64]
    channel: NDArray[np.int64]
    vectors: Tensor | None

    def at(self, rows: NDArray[np.int64]) -> HeadRows:
        """Some of the rows."""
        chosen = torch.from_numpy(rows)
        vectors = None if self.vectors is None else self.vectors[chosen]
        return HeadRows(self.features[chosen], self.targets[chosen], self.window[rows], self.channel[rows], vectors)


@dataclass(frozen=True, eq=False)
class HeadBatch:
    """Rows, and the windows they come from where the tower has to read them."""

    rows: HeadRows
    series: SeriesBatch | None


class TuneTask:
    """Means by square error, quantiles by pinball loss; validated on other windows, with the error of the start as 1.

    Parameters
    ----------
    encoder : TraceModel or None
        None: the vectors of `rows` are used, as they are. Otherwise its series tower is read at each step, and what of
        it is not frozen is trained.
    learn, val : ndarray
        Places of rows.
    """

    monitor = "score"

    def __init__(
        self,
        head: ForecastHead,
        encoder: TraceModel | None,
        pasts: Sequence[Sample],
        rows: HeadRows,
        *,
        learn: NDArray[np.int64],
        val: NDArray[np.int64],
        batch_size: int,
        seed: int,
    ) -> None:
        self.head, self.encoder, self.pasts, self.rows = head, encoder, pasts, rows
        self.of_window: dict[int, list[int]] = {}
        for row in learn.tolist():
            self.of_window.setdefault(int(rows.window[row]), []).append(row)
        self.windows = list(self.of_window)
        self.order = BatchOrder((pasts[w].values.shape for w in self.windows), batch_size=batch_size, seed=seed)
        self.val = val[np.linspace(0, len(val) - 1, min(VALIDATED, len(val))).round().astype(int)]
        self.batch_size = batch_size
        self.start: tuple[float, float] | None = None

    @property
    def module(self) -> nn.Module:
        return self.head if self.encoder is None else nn.ModuleList([self.head, self.encoder.series])

    def prepare(self) -> None:
        """Nothing to do beforehand."""

    def batch(self, step: int) -> HeadBatch:
        """The rows of some windows, a function of seed and step."""
        chosen = [self.windows[int(i)] for i in self.order.rows_at(step)]
        return self._batch_of(np.array([row for w in chosen for row in self.of_window[w]], np.int64))

    def loss(self, batch: HeadBatch, *, progress: float) -> dict[str, Tensor]:
        """The loss on the rows' own scale."""
        mean, quantiles = self._forecast(batch)
        return {"loss": forecast_loss(mean, quantiles, batch.rows.targets)}

    def validate(self) -> dict[str, float]:
        """`score` is less the mean of square error and pinball loss, each as a share of that of the start."""
        found, size = [], 8 * self.batch_size
        for begin in range(0, len(self.val), size):
            batch = self._batch_of(self.val[begin : begin + size])
            mean, quantiles = self._forecast(batch)
            off = (batch.rows.targets - mean).square().nanmean()
            found.append((float(off), float(pinball(quantiles, batch.rows.targets)), len(batch.rows.window)))
        weights = [n for _, _, n in found]
        error, width = (float(np.average([f[i] for f in found], weights=weights)) for i in (0, 1))
        if self.start is None:
            self.start = (max(error, 1e-12), max(width, 1e-12))
        return {"score": -(error / self.start[0] + width / self.start[1]) / 2, "mse": error, "pinball": width}

    def _batch_of(self, rows: NDArray[np.int64]) -> HeadBatch:
        found = to_device(self.rows.at(rows), self.head.curves.device)
        if self.encoder is None:
            return HeadBatch(found, None)
        windows, place = np.unique(found.window, return_inverse=True)
        series = to_series_batch(collate([self.pasts[w] for w in windows]), self.encoder.backbone)
        return HeadBatch(HeadRows(found.features, found.targets, place, found.channel, None), series)

    def _forecast(self, batch: HeadBatch) -> tuple[Tensor, Tensor]:
        rows, vectors = batch.rows, batch.rows.vectors
        if self.encoder is not None and batch.series is not None:
            whole, channels = self.encoder.series(to_device(batch.series, self.encoder.device))
            window, channel = torch.from_numpy(rows.window), torch.from_numpy(rows.channel)
            vectors = torch.cat([channels[window, channel].flatten(1), whole[window]], 1)
        mean, quantiles = self.head(rows.features, vectors)
        return mean, quantiles
