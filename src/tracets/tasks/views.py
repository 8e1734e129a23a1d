"""What a classifier may look at: vectors of the encoder, and the plain numbers of each channel, one row a window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from tracets.data.collate import collate
from tracets.encoders.inputs import CALENDAR_DIM, series_inputs
from tracets.encoders.protocol import PairEncoder
from tracets.errors import ConfigError, DataError
from tracets.nn.features import level_features
from tracets.nn.parts import summary
from tracets.nn.patterns import dilations, filled, occurrence, thresholds
from tracets.types import BoolArray, FloatArray, Sample, SeriesVectors

VIEWS = ("vectors", "whole", "levels", "shapes", "patterns")
"""vectors: those of the channels; whole: that of the sample; levels: means, extremes, quantiles, totals in raw units
and on a log axis, and the calendar; shapes: what a channel does, free of level and scale; patterns: how often short
shapes occur."""
FROM_ENCODER = ("vectors", "whole")
FROM_NUMBERS = ("levels", "shapes")


@dataclass(frozen=True)
class Layout:
    """How channels are laid side by side: by name, or pooled where windows do not all have the same channels.

    `names` are the channels in their order; None = mean and largest over the channels of a window.
    """

    names: tuple[str, ...] | None

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> Layout:
        """By name if all windows have the same names, in whatever order."""
        first = samples[0].channel_names
        same = all(s.channel_names == first or set(s.channel_names) == set(first) for s in samples)
        return cls(first if same else None)

    def check(self, samples: Sequence[Sample]) -> None:
        """Refuse windows of which nothing can be read. Raises DataError."""
        for sample in samples if self.names is not None else ():
            if not set(sample.channel_names) & set(self.names or ()):
                raise DataError(
                    f"window '{sample.id}' has the channels {_listed(sample.channel_names)}, and none of those learnt "
                    f"from ({_listed(self.names or ())}). Rename its channels, or fit on windows like it."
                )

    def lay(self, sample: Sample, rows: FloatArray, alive: BoolArray) -> FloatArray:
        """One row of a window from one a channel: (c, width) -> (width of all,); NaN for what is absent or dead."""
        if self.names is None:
            if not alive.any():
                return np.full(2 * rows.shape[1], np.nan, np.float32)
            return np.concatenate([rows[alive].mean(0), rows[alive].max(0)])
        out = np.full((len(self.names), rows.shape[1]), np.nan, np.float32)
        place = {name: i for i, name in enumerate(sample.channel_names)}
        for i, name in enumerate(self.names):
            at = place.get(name)
            if at is not None and alive[at]:
                out[i] = rows[at]
        return out.reshape(-1)

    def titles(self) -> list[str]:
        """What the parts of a row stand for: the channels, or the two ways to pool them."""
        return ["mean", "largest"] if self.names is None else list(self.names)


@dataclass(frozen=True, eq=False)
class Patterns:
    """The thresholds of the view "patterns": dilations, and (n_channels, n_dilations, 84, each), one row for all
    channels where these are pooled."""

    steps: tuple[int, ...]
    bounds: FloatArray

    @classmethod
    def of(cls, samples: Sequence[Sample], layout: Layout, *, seed: int) -> Patterns:
        """Draw them from training windows, which are stretched to one length for it.

        Notes
        -----
        Source: Dempster et al. (2021), "MiniRocket", arXiv:2012.08791. Departs from it: thresholds for each channel by
        itself, and the ends of a window are continued by their values.
        """
        rows = [filled(sample.values) for sample in samples]
        length = int(np.median([sample.n_steps for sample in samples]))
        steps, each = dilations(length, len(layout.names or (0,)), len(samples))
        bounds = []
        for i, name in enumerate(layout.names or (None,)):
            found = [
                _stretched(row, length)
                for sample, channels in zip(samples, rows, strict=True)
                for own, row in zip(sample.channel_names, channels, strict=True)
                if name is None or own == name
            ]
            bounds.append(thresholds(np.stack(found), steps, each=each, seed=seed + i))
        return cls(tuple(steps), np.stack(bounds))

    def read(self, samples: Sequence[Sample], layout: Layout, batch_size: int) -> list[FloatArray]:
        """Shares of steps of each channel, (c, n_dilations * 84 * each) a window."""
        width = int(np.prod(self.bounds.shape[1:]))
        out = [np.zeros((sample.n_channels, width), np.float32) for sample in samples]
        kinds: dict[tuple[int, int], list[tuple[int, int]]] = {}
        place = {name: k for k, name in enumerate(layout.names or ())}
        for i, sample in enumerate(samples):
            for c, name in enumerate(sample.channel_names):
                k = 0 if layout.names is None else place.get(name, -1)
                if k >= 0:
                    kinds.setdefault((k, sample.n_steps), []).append((i, c))
        whole = [filled(sample.values) for sample in samples]
        for (k, _), rows in kinds.items():
            bounds = torch.from_numpy(self.bounds[k])
            for begin in range(0, len(rows), batch_size):
                part = rows[begin : begin + batch_size]
                values = torch.from_numpy(np.stack([whole[i][c] for i, c in part]))
                for (i, c), found in zip(part, occurrence(values, list(self.steps), bounds).numpy(), strict=True):
                    out[i][c] = found
        return out


def check_views(views: Sequence[str]) -> tuple[str, ...]:
    """The views as a tuple. Raises ConfigError where there is none, one is unknown or stands twice."""
    chosen = tuple(views)
    if isinstance(views, str) or not chosen or len(set(chosen)) != len(chosen) or not set(chosen) <= set(VIEWS):
        raise ConfigError(f"views must be one or more of {', '.join(VIEWS)}, each once, got {views!r}.")
    return chosen


def read_views(
    encoder: PairEncoder,
    samples: Sequence[Sample],
    layout: Layout,
    views: Sequence[str],
    *,
    vectors: SeriesVectors | None = None,
    patterns: Patterns | None = None,
    batch_size: int = 64,
) -> dict[str, FloatArray]:
    """The views of n windows, (n, width) each; NaN where nothing is known, never an infinity.

    Parameters
    ----------
    vectors : SeriesVectors, optional
        What the encoder made of these windows, where it was asked before.
    patterns : Patterns, optional
        Those of the training windows; the view "patterns" needs them.
    """
    layout.check(samples)
    found: dict[str, list[FloatArray]] = {name: [] for name in views}
    if vectors is None and set(views) & set(FROM_ENCODER):
        vectors = encoder.encode_series(samples, batch_size=batch_size)
    numbers = _numbers(samples, batch_size) if set(views) & set(FROM_NUMBERS) else None
    occurring = patterns.read(samples, layout, batch_size) if patterns is not None and "patterns" in views else None
    for i, sample in enumerate(samples):
        alive = np.asarray(~np.isnan(sample.values).all(1))
        if vectors is not None and "vectors" in found:
            rows = vectors.channels[i]
            found["vectors"].append(layout.lay(sample, rows.reshape(len(rows), -1), alive))
        if vectors is not None and "whole" in found:
            found["whole"].append(vectors.sample[i])
        if numbers is not None:
            levels, shapes, calendar = numbers[i]
            if "levels" in found:
                found["levels"].append(np.concatenate([layout.lay(sample, levels, alive), calendar]))
            if "shapes" in found:
                found["shapes"].append(layout.lay(sample, shapes, alive))
        if occurring is not None:
            found["patterns"].append(layout.lay(sample, occurring[i], alive))
    return {name: _finite(np.stack(rows)) for name, rows in found.items()}


def feature_names(layout: Layout, views: Sequence[str], widths: Sequence[int]) -> list[str]:
    """One name a column of the views side by side: "vectors: load: 17"."""
    names: list[str] = []
    for view, width in zip(views, widths, strict=True):
        rest = CALENDAR_DIM if view == "levels" else 0
        parts = [] if view == "whole" else layout.titles()
        each = (width - rest) // len(parts) if parts else 0
        names += [f"{view}: {part}: {i}" for part in parts for i in range(each)]
        names += [f"whole: {i}" for i in range(width)] if view == "whole" else []
        names += [f"levels: calendar: {i}" for i in range(rest)]
    return names


@torch.inference_mode()
def _numbers(samples: Sequence[Sample], batch_size: int) -> list[tuple[FloatArray, FloatArray, FloatArray]]:
    """Levels (raw, on a log axis, share observed), shapes and calendar of each window; like ones are read together."""
    out: list[tuple[FloatArray, FloatArray, FloatArray]] = [(_NONE, _NONE, _NONE)] * len(samples)
    order = sorted(range(len(samples)), key=lambda i: samples[i].values.shape)
    for begin in range(0, len(order), batch_size):
        part = order[begin : begin + batch_size]
        batch = series_inputs(collate([samples[i] for i in part]))
        values, observed, steps, clock = map(
            torch.from_numpy, (batch.values, batch.observed, batch.n_steps, batch.clock)
        )
        levels = level_features(values, observed)
        share = observed.sum(-1, keepdim=True) / steps[:, None, None]
        both = torch.cat([levels, levels.asinh(), share], -1).numpy()
        shapes = summary(values, observed, steps, clock)[1].numpy()
        for k, i in enumerate(part):
            c = samples[i].n_channels
            out[i] = both[k, :c], shapes[k, :c], batch.calendar[k]
    return out


_NONE: FloatArray = np.zeros(0, np.float32)


def _stretched(row: FloatArray, length: int) -> FloatArray:
    if len(row) == length:
        return row
    return np.interp(np.linspace(0, len(row) - 1, length), np.arange(len(row)), row).astype(np.float32)


def _finite(values: NDArray[np.floating]) -> FloatArray:
    return np.where(np.isfinite(values), values, np.nan).astype(np.float32)


def _listed(names: Sequence[str], most: int = 6) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
