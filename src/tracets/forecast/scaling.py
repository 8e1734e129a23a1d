"""The scale that a row is forecast on: a straight or bent axis, its own location and spread, and the way back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tracets.forecast.pasts import PastRows

Floats = NDArray[np.float64]

Location = Literal["last", "mean"]

LARGEST = float(np.finfo(np.float32).max)
N_LEVELS = 6
SCALE_ROWS = 1000
"""Rows that the scale of a channel is taken of, evenly: neighbouring windows overlap."""
BEYOND = 2.0
"""Forecasts are cut that many ranges beyond the lowest and the highest value known of a channel."""


@dataclass(frozen=True)
class Scaling:
    """How rows are scaled.

    `bend`: None leaves values as they are; otherwise they go through asinh(x / (bend * median |x|)): straight near 0,
    logarithmic far out, for negative values too, as the encoder's axis. `location`: the last known value, or the mean.
    `floor`: what is added to a row's own spread (in squares), in spreads of the channel, so that a calm window does not
    make the target explode.
    """

    bend: float | None = None
    location: Location = "last"
    floor: float = 0.3


@dataclass(frozen=True)
class ChannelScale:
    """What is known of a channel by its name: where its axis bends, mean and spread on it, lowest and highest value."""

    knee: float
    mean: float
    spread: float
    low: float
    high: float


def channel_scales(rows: PastRows, bend: float | None) -> dict[str, ChannelScale]:
    """Scales of the channels of rows, by name."""
    names = np.array(rows.names, object)
    low, high = _bounds(rows)
    out = {}
    for name in dict.fromkeys(rows.names):
        own = np.flatnonzero(names == name)
        some = own[:: max(1, len(own) // SCALE_ROWS)]
        values = rows.filled[some][rows.known[some]]
        knee = float(_knee(values[None])[0, 0])
        axis = _bent(values, bend, knee)
        spread = float(axis.std()) or 1.0
        out[name] = ChannelScale(knee, float(axis.mean()), spread, float(low[own].min()), float(high[own].max()))
    return out


@dataclass(frozen=True, eq=False)
class ScaledRows:
    """Rows on their own scale: `z` (m, context), and what leads there and back, each (m, 1).

    `location` and `scale` are in spreads of the channel around its mean, on the axis. `levels` (m, N_LEVELS) say what
    the scale takes away, `beside` (m, company * BESIDE) the last values of all channels in spreads of the row.
    """

    z: Floats
    location: Floats
    scale: Floats
    levels: Floats
    beside: Floats
    bend: float | None
    knee: Floats
    mean: Floats
    spread: Floats
    low: Floats
    high: Floats

    def at(self, rows: NDArray[np.int64]) -> ScaledRows:
        """Some of the rows."""
        arrays = {f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name != "bend"}
        return ScaledRows(bend=self.bend, **arrays)

    def to_scale(self, values: Floats) -> Floats:
        """Raw values (m, h) on the scale of the rows."""
        axis = (_bent(values, self.bend, self.knee) - self.mean) / self.spread
        scaled: Floats = (axis - self.location) / self.scale
        return scaled

    def to_raw(self, z: Floats) -> Floats:
        """Values (m, h) on the scale of the rows, in raw units again; keeps their order."""
        axis = (z * self.scale + self.location) * self.spread + self.mean
        if self.bend is not None:
            axis = np.sinh(axis.clip(-80, 80)) * self.knee * self.bend
        room = BEYOND * (self.high - self.low)
        raw: Floats = axis.clip(np.maximum(self.low - room, -LARGEST), np.minimum(self.high + room, LARGEST))
        return raw


def scale_rows(rows: PastRows, scaling: Scaling, channels: Mapping[str, ChannelScale]) -> ScaledRows:
    """Put rows on their own scales. A channel whose name is not known takes the place of its own window's values."""
    stranger = [name for name in rows.names if name not in channels]
    own = {}
    if stranger:
        lone = np.array([name not in channels for name in rows.names])
        low, high = _bounds(rows)
        knee = _knee(np.where(rows.known, rows.filled, np.nan))
        mean, spread = _moments(_bent(rows.filled, scaling.bend, knee), rows.known)
        own = {"knee": knee, "mean": mean, "spread": spread, "low": low, "high": high}
    known = {}
    for what in ("knee", "mean", "spread", "low", "high"):
        table = {name: getattr(channel, what) for name, channel in channels.items()}
        known[what] = np.array([table.get(name, np.nan) for name in rows.names])[:, None]
        if stranger:
            known[what] = np.where(lone[:, None], own[what], known[what])
    low, high = _bounds(rows)
    axis = (_bent(rows.filled, scaling.bend, known["knee"]) - known["mean"]) / known["spread"]
    middle, deviation = _moments(axis, rows.known)
    location = axis[:, -1:] if scaling.location == "last" else middle
    scale = np.sqrt(deviation**2 + scaling.floor**2)
    return ScaledRows(
        z=(axis - location) / scale,
        location=location,
        scale=scale,
        levels=_levels(rows, location, scale),
        beside=_beside(rows, scaling.bend, channels)[rows.window] / scale,
        bend=scaling.bend,
        knee=known["knee"],
        mean=known["mean"],
        spread=known["spread"],
        low=np.minimum(low, known["low"]),
        high=np.maximum(high, known["high"]),
    )


def _levels(rows: PastRows, location: Floats, scale: Floats) -> Floats:
    """What the scale takes away, (m, N_LEVELS): level and spread in those of the channel, what is missing and since
    when. With the first two, a linear map of `z` can do all that one of the values themselves could."""
    age = rows.known[:, ::-1].argmax(1)[:, None] / rows.known.shape[1] if len(rows) else scale
    share = 1 - rows.known.mean(1, keepdims=True)
    return np.concatenate([location / scale, 1 / scale, np.log(scale), location, share, age], 1)


def _beside(rows: PastRows, bend: float | None, channels: Mapping[str, ChannelScale]) -> Floats:
    """The last values of all channels known by name, in spreads around their means, (n, company * steps); 0 where
    nothing is known."""
    out = np.zeros(rows.beside.shape)
    for i, name in enumerate(rows.company):
        if (channel := channels.get(name)) is not None:
            out[:, i] = (_bent(rows.beside[:, i], bend, channel.knee) - channel.mean) / channel.spread
    return np.nan_to_num(out).reshape(len(out), -1)


def _bent(values: Floats, bend: float | None, knee: Floats | float) -> Floats:
    return values if bend is None else np.arcsinh(values / (bend * knee))


def _knee(values: Floats) -> Floats:
    """The median size of each row's values (m, 1), those that are 0 or missing left out; 1 where nothing is left."""
    size = np.where(values == 0, np.nan, np.abs(values))
    some = np.isfinite(size).any(1)
    knee = np.ones((len(size), 1))
    knee[some] = np.nanmedian(size[some], axis=1, keepdims=True)
    return knee


def _moments(values: Floats, known: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Mean and deviation of the known values of each row, (m, 1); every row knows one."""
    count = known.sum(1, keepdims=True)
    mean = np.where(known, values, 0).sum(1, keepdims=True) / count
    deviation = np.sqrt(np.where(known, (values - mean) ** 2, 0).sum(1, keepdims=True) / count)
    return mean, deviation


def _bounds(rows: PastRows) -> tuple[Floats, Floats]:
    return rows.filled.min(1, keepdims=True, initial=np.inf), rows.filled.max(1, keepdims=True, initial=-np.inf)
