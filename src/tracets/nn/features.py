"""What instance normalisation takes away, and shapes a linear model can read, as features of each channel.

All functions read values (n, c, t) with `observed` (n, c, t) and never look at an unobserved value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

BLOCKS = 28
"""Relative time blocks: a multiple of 4 (quarters of a day) and of 7 (days of a week)."""
HALF_BLOCKS = 14
FOURIER = 12
"""Rates: the finest wave spans 1.6 % of a large number, so that 1012 hPa and 1017 hPa stand apart."""
VALUE_DIM = 1 + 2 * FOURIER
PARTS = (4, 7)
"""Quarters and sevenths, whose means a report of a day or of a week states."""
N_LEVELS = 13 + sum(PARTS)
HARMONICS = 16
LAGS = (1, 2, 3, 6, 12, 24, 48)
N_SHAPES = BLOCKS + 3 * HALF_BLOCKS + HARMONICS + len(LAGS) + 8
N_MOMENTS = 4
PLACE_TURNS = (1.0, 2.0, 4.0, 8.0, 16.0)
PLACE_DIM = 2 * len(PLACE_TURNS)
N_LATEST = 4
N_STATED = N_LEVELS + 3 + 3 * N_MOMENTS + N_LATEST
"""Numbers of `stated_numbers` for `N_MOMENTS` moments; each further moment adds three."""
DAY = 86_400.0
_SPREAD_FLOOR = 1e-6
_LARGEST = torch.finfo(torch.float32).max


def value_features(x: Tensor) -> Tensor:
    """Place numbers on a signed-log axis: (...) -> (..., VALUE_DIM), smooth, bounded, equal for text and series.

    asinh keeps the sign, is linear near 0 and logarithmic far out, so one axis serves -10.1 °C and 1013 hPa. Sines and
    cosines of doubling rates let a linear layer compare two numbers finely.

    Examples
    --------
    >>> value_features(torch.tensor([0.0])).shape
    torch.Size([1, 25])
    """
    axis = torch.asinh(x.clamp(-_LARGEST, _LARGEST))
    rates = (math.pi / 16) * 2.0 ** torch.arange(FOURIER, device=x.device)
    angles = axis[..., None] * rates
    return torch.cat([axis[..., None] / 5, angles.sin(), angles.cos()], dim=-1)


def location_and_spread(values: Tensor, observed: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (n, c) over what was observed; the spread of a constant channel is 1."""
    mean, spread = _mean_and_deviation(values.masked_fill(~observed, 0), observed.to(values.dtype))
    # relative to the level, as rounding is: a channel in a large unit may vary by 1e-9 and be no constant
    return mean, torch.where(spread > _SPREAD_FLOOR * mean.abs(), spread, torch.ones_like(spread))


def level_features(values: Tensor, observed: Tensor) -> Tensor:
    """The levels of each channel in raw units (n, c, N_LEVELS): what a caption states as numbers.

    Order: mean, spread, low, 10 %, median, 90 %, high, range, first, last, last less first, largest step, total, and
    the means of each quarter and of each seventh of what was observed.
    """
    values = values.masked_fill(~observed, 0)
    return _levels(values, observed, _Readings.of(values, observed))


def _levels(values: Tensor, observed: Tensor, readings: _Readings) -> Tensor:
    count = readings.count
    ordered = _sorted(values.masked_fill(~observed, torch.inf))
    shares = torch.tensor([0.0, 0.1, 0.5, 0.9, 1.0], device=values.device)
    where = (shares * (count - 1).clamp(min=0)[..., None]).round().long()
    low, tenth, median, ninetieth, high = ordered.gather(-1, where).unbind(-1)
    mean, spread = _mean_and_deviation(values, observed.to(values.dtype))
    both = observed[..., 1:] & observed[..., :-1]
    jump = _amax((values[..., 1:] - values[..., :-1]).abs() * both, like=mean)
    levels = [mean, spread, low, tenth, median, ninetieth, high, high - low, readings.first, readings.last]
    levels += [readings.last - readings.first, jump, values.sum(-1)]
    # one pass over the parts of all numbers of parts: a part of each is a row of these
    parts = math.lcm(*PARTS)
    at = (parts * (readings.rank - 1)).div(count.clamp(min=1)[..., None], rounding_mode="trunc").clamp(min=0)
    sums = values.new_zeros(*count.shape, parts).scatter_add(-1, at, values)
    stacked = [torch.stack(levels, -1)]
    for n_parts in PARTS:
        ends = torch.arange(n_parts + 1, device=values.device) * count[..., None]
        ends = (ends + n_parts - 1) // n_parts
        inside = ends[..., 1:] - ends[..., :-1]  # how many ranks fall into each part
        part = sums.unflatten(-1, (n_parts, -1)).sum(-1) / inside.clamp(min=1)
        stacked.append(torch.where(inside > 0, part, mean[..., None]))
    return torch.where((count > 0)[..., None], torch.cat(stacked, -1), 0.0)


def shape_features(values: Tensor, observed: Tensor, n_steps: Tensor) -> Tensor:
    """The shape of each channel, free of level and scale but for the share of exact zeros (n, c, N_SHAPES).

    Block means, lows, highs and spreads over relative time, trend and curvature, autocorrelation, spectrum, and shares
    (missing, zero, near the low, near the high).
    """
    n, c, t = values.shape
    mean, spread = location_and_spread(values, observed)
    seen = observed.to(values.dtype)
    z = _asinh(((values - mean[..., None]) / spread[..., None]).masked_fill(~observed, 0))
    steps = torch.arange(t, device=values.device)
    place = ((steps + 0.5) / n_steps[:, None]).clamp(max=1.0)  # (n, t), relative time in (0, 1]

    means, lows, highs, spreads = _blocks(z, observed, place)

    count = observed.sum(-1).clamp(min=1)
    waves = 2 * math.pi * place[..., None] * torch.arange(1, HARMONICS + 1, device=values.device)  # (n, t, h)
    real, imaginary = z @ waves.cos(), z @ waves.sin()
    spectrum = torch.log1p((real.square() + imaginary.square()).sqrt() / count[..., None].sqrt())

    variance = z.square().sum(-1) / count
    correlations = torch.stack([_autocorrelation(z, seen, lag, variance) for lag in LAGS], -1)

    centred = (place[:, None] - 0.5) * seen
    slope = (z * centred).sum(-1) / centred.square().sum(-1).clamp(min=1e-6)
    bow = (z * (centred.square() - 1 / 12)).sum(-1) / count * 12  # z is 0 where nothing was observed
    moves = (z[..., 1:] - z[..., :-1]) * (seen[..., 1:] * seen[..., :-1]) if t > 1 else z * 0
    up = moves.clamp(min=0).sum(-1) / moves.abs().sum(-1).clamp(min=1e-6)
    roughness = moves.abs().sum(-1) / count
    low, high = z.masked_fill(~observed, torch.inf).amin(-1), z.masked_fill(~observed, -torch.inf).amax(-1)
    near = 0.05 * (high - low)
    at_floor = ((z <= (low + near)[..., None]) & observed).sum(-1) / count
    at_ceiling = ((z >= (high - near)[..., None]) & observed).sum(-1) / count
    zero = ((values == 0) & observed).sum(-1) / count
    share = observed.sum(-1) / n_steps[:, None]
    rest = torch.stack([slope / 4, bow, up, roughness, at_floor, at_ceiling, zero, share], -1)  # 8

    out = torch.cat([means, lows, highs, spreads, spectrum, correlations, rest], -1)
    alive = observed.any(-1)
    return torch.where(alive[..., None], out, torch.zeros_like(out))


def moments(values: Tensor, observed: Tensor) -> Tensor:
    """The steps at which a channel is lowest and highest, and the ends of its steepest rise and fall (n, c, 4)."""
    low = values.masked_fill(~observed, torch.inf).argmin(-1)
    high = values.masked_fill(~observed, -torch.inf).argmax(-1)
    if values.shape[-1] == 1:
        return torch.stack([low, high, high, low], -1)
    both = observed[..., 1:] & observed[..., :-1]
    move = values[..., 1:] - values[..., :-1]
    rise = move.masked_fill(~both, -torch.inf).argmax(-1) + 1
    fall = move.masked_fill(~both, torch.inf).argmin(-1) + 1
    moved = both.any(-1)  # where no two neighbours were observed, the extremes stand for the moves
    return torch.stack([low, high, torch.where(moved, rise, high), torch.where(moved, fall, low)], -1)


def moment_places(when: Tensor, n_steps: Tensor) -> Tensor:
    """Where in the window something happens, as sines and cosines: (n, c, m) steps -> (n, c, m, PLACE_DIM).

    A negative step stands for nothing: its place is 0.
    """
    place = (when + 0.5) / n_steps[:, None, None]
    angles = math.pi * place[..., None] * torch.tensor(PLACE_TURNS, device=when.device)
    return torch.cat([angles.sin(), angles.cos()], -1) * (when >= 0)[..., None]


def moment_numbers(when: Tensor, clock: Tensor) -> Tensor:
    """When something happens, as a report would say it: local hour, day of the window, number of the step.

    Parameters
    ----------
    when : Tensor of shape (n, c, m)
        Steps; a negative one stands for nothing.
    clock : Tensor of shape (n, 2)
        Seconds from midnight to the first step, and seconds a step; NaN = unknown.

    Returns
    -------
    Tensor
        (n, c, m, 3); NaN where hour or day are unknown, or mean nothing at this step, and for nothing.
    """
    first, step = (part[:, None, None] for part in clock.unbind(-1))
    seconds = first.nan_to_num() + when * step.nan_to_num()
    day = torch.where(step < 7 * DAY, (seconds / DAY).floor() + 1, torch.nan)
    hour = torch.where((step < DAY) & ~first.isnan(), seconds.remainder(DAY) / 3600, torch.nan)
    return torch.stack([hour, day, when + 1.0], -1).masked_fill((when < 0)[..., None], torch.nan)


def stated_numbers(values: Tensor, observed: Tensor, n_steps: Tensor, when: Tensor, clock: Tensor) -> Tensor:
    """Every number of a channel that a text may state, in a fixed order (n, c, N_STATED); NaN = unknown.

    The levels, the shares missing, zero and at the highest value in %, hour, day and step of each moment, and what a
    bulletin says of the latest reading.
    """
    count = observed.sum(-1)
    zero = ((values == 0) & observed).sum(-1) / count.clamp(min=1)
    high = values.masked_fill(~observed, -torch.inf).amax(-1)
    top = ((values >= high[..., None]) & observed).sum(-1) / count.clamp(min=1)
    shares = 100 * torch.stack([1 - count / n_steps[:, None], zero, top], -1)
    readings = _Readings.of(values, observed)
    levels = _levels(values.masked_fill(~observed, 0), observed, readings)
    numbers = [levels, shares, moment_numbers(when, clock).flatten(2), _latest(readings)]
    return torch.cat(numbers, -1).masked_fill((count == 0)[..., None], torch.nan)


def latest_numbers(values: Tensor, observed: Tensor) -> Tensor:
    """The reading before the last one, the size of the last change, that change in % and the change since the first
    reading in % (n, c, N_LATEST); NaN = unknown, such as a share of 0."""
    return _latest(_Readings.of(values, observed))


def _latest(readings: _Readings) -> Tensor:
    unknown = readings.first.new_full((), torch.nan)
    first, last = (torch.where(readings.count > 0, x, unknown) for x in (readings.first, readings.last))
    before = torch.where(readings.count > 1, readings.before, unknown)
    changes = [100 * (last - base) / torch.where(base == 0, unknown, base.abs()) for base in (before, first)]
    return torch.stack([before, (last - before).abs(), *changes], -1)


@dataclass(frozen=True)
class _Readings:
    """The observed values of each channel in their order: rank (n, c, t), from 1; their count, and the first, the last
    and the last but one (n, c). What stands for one that is not there means nothing."""

    rank: Tensor
    count: Tensor
    first: Tensor
    last: Tensor
    before: Tensor

    @classmethod
    def of(cls, values: Tensor, observed: Tensor) -> _Readings:
        rank = observed.long().cumsum(-1)
        count = rank[..., -1]
        places = [
            observed.to(values.dtype).argmax(-1),
            rank.argmax(-1),
            (rank >= count[..., None] - 1).int().argmax(-1),
        ]
        first, last, before = values.gather(-1, torch.stack(places, -1)).unbind(-1)
        return cls(rank, count, first, last, before)


def stated_features(numbers: Tensor) -> Tensor:
    """Numbers on the signed-log axis (..., VALUE_DIM); unknown ones are 0."""
    known = (~numbers.isnan()).to(numbers.dtype)[..., None]
    return value_features(numbers.nan_to_num()) * known


def patch_levels(patches: Tensor, observed: Tensor) -> Tensor:
    """Mean, low and high of each patch in raw units, on the signed-log axis (..., 3 * VALUE_DIM).

    patches and observed (..., patch); 0 where nothing was observed.
    """
    count = observed.sum(-1)
    mean = patches.masked_fill(~observed, 0).sum(-1) / count.clamp(min=1)
    low, high = patches.masked_fill(~observed, torch.inf).amin(-1), patches.masked_fill(~observed, -torch.inf).amax(-1)
    alive = count > 0
    levels = torch.stack([torch.where(alive, x, torch.zeros_like(mean)) for x in (mean, low, high)], -1)
    return (value_features(levels) * alive[..., None, None]).flatten(-2)


def _amax(x: Tensor, *, like: Tensor) -> Tensor:
    return x.amax(-1) if x.shape[-1] else torch.zeros_like(like)


def _mean_and_deviation(values: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """Over what was observed; `values` are 0 elsewhere, `seen` is 1 or 0."""
    count = seen.sum(-1).clamp(min=1)
    mean = values.sum(-1) / count
    return mean, (((values - mean[..., None]) * seen).square().sum(-1) / count).sqrt()


def _sorted(x: Tensor) -> Tensor:
    traced = torch.compiler.is_compiling() or torch.onnx.is_in_onnx_export()
    if x.device.type != "cpu" or traced or x.requires_grad:
        return x.sort(-1).values
    return torch.from_numpy(np.sort(x.numpy(), axis=-1))  # some ten times as fast


def _asinh(x: Tensor) -> Tensor:
    """asinh of numbers whose squares are finite: several times as fast as torch's, which has no vectorised one."""
    size = x.abs()
    square = size.square()
    return torch.log1p(size + square / (1 + (1 + square).sqrt())) * x.sign()


def _blocks(z: Tensor, observed: Tensor, place: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Means of the blocks (n, c, BLOCKS); lows, highs and spreads of the half blocks, which are two blocks each.

    z is 0 where nothing was observed. An empty block repeats its neighbour.
    """
    n, c, t = z.shape
    index = (place * BLOCKS).long().clamp(max=BLOCKS - 1)[:, None].expand(n, c, t)
    seen, total, squares = (
        z.new_zeros(n, c, BLOCKS).scatter_add(-1, index, x) for x in (observed.to(z.dtype), z, z.square())
    )
    bounds = [
        z.new_full((n, c, BLOCKS), bound).scatter_reduce(-1, index, z.masked_fill(~observed, bound), how)
        for bound, how in ((torch.inf, "amin"), (-torch.inf, "amax"))
    ]
    (means,) = _filled(seen, total / seen.clamp(min=1))
    seen, total, squares = (x.unflatten(-1, (HALF_BLOCKS, 2)).sum(-1) for x in (seen, total, squares))
    low, high = bounds[0].unflatten(-1, (-1, 2)).amin(-1), bounds[1].unflatten(-1, (-1, 2)).amax(-1)
    mean, square, low, high = _filled(seen, total / seen.clamp(min=1), squares / seen.clamp(min=1), low, high)
    return means, low, high, (square - mean.square()).clamp(min=0).sqrt()


def _filled(seen: Tensor, *blocks: Tensor) -> list[Tensor]:
    """Blocks (n, c, k) where an empty one repeats the one before, or, at the begin, the one after."""
    filled, n_blocks = seen > 0, seen.shape[-1]
    order = torch.arange(n_blocks, device=seen.device)
    # a cumulative maximum, in operations that every backend has
    before = torch.where(filled[..., None, :] & (order[:, None] >= order), order, -1).amax(-1)
    first = torch.where(filled, order, n_blocks - 1).amin(-1, keepdim=True)
    source = torch.where(before >= 0, before, first)
    return [torch.where(filled, block, 0.0).gather(-1, source) for block in blocks]


def _autocorrelation(z: Tensor, seen: Tensor, lag: int, variance: Tensor) -> Tensor:
    if lag >= z.shape[-1]:
        return torch.zeros_like(variance)
    both = (seen[..., lag:] * seen[..., :-lag]).sum(-1).clamp(min=1)
    product = (z[..., lag:] * z[..., :-lag]).sum(-1) / both
    return product / variance.clamp(min=1e-6)
