"""What instance normalisation takes away, and shapes a linear model can read, as features of each channel.

All functions read values (n, c, t) with `observed` (n, c, t) and never look at an unobserved value.
"""

from __future__ import annotations

import math

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
    count = observed.sum(-1).clamp(min=1)
    mean = values.masked_fill(~observed, 0).sum(-1) / count
    centred = (values - mean[..., None]).masked_fill(~observed, 0)
    spread = (centred.square().sum(-1) / count).sqrt()
    # relative to the level, as rounding is: a channel in a large unit may vary by 1e-9 and be no constant
    return mean, torch.where(spread > _SPREAD_FLOOR * mean.abs(), spread, torch.ones_like(spread))


def level_features(values: Tensor, observed: Tensor) -> Tensor:
    """The levels of each channel in raw units (n, c, N_LEVELS): what a caption states as numbers.

    Order: mean, spread, low, 10 %, median, 90 %, high, range, first, last, last less first, largest step, total, and
    the means of each quarter and of each seventh of what was observed.
    """
    values = values.masked_fill(~observed, 0)
    count = observed.sum(-1)
    last = (count - 1).clamp(min=0)
    ordered = values.masked_fill(~observed, torch.inf).sort(-1).values

    def at(share: float) -> Tensor:
        where = (share * last).round().long()
        return ordered.gather(-1, where[..., None]).squeeze(-1)

    mean, _ = location_and_spread(values, observed)
    spread = ((values - mean[..., None]).masked_fill(~observed, 0).square().sum(-1) / count.clamp(min=1)).sqrt()
    low, high = at(0.0), at(1.0)
    steps = torch.arange(values.shape[-1], device=values.device)
    begin = torch.where(observed, steps, values.shape[-1]).amin(-1).clamp(max=values.shape[-1] - 1)
    end = torch.where(observed, steps, -1).amax(-1).clamp(min=0)
    first = values.gather(-1, begin[..., None]).squeeze(-1)
    final = values.gather(-1, end[..., None]).squeeze(-1)
    both = observed[..., 1:] & observed[..., :-1]
    jump = _amax((values[..., 1:] - values[..., :-1]).abs() * both, like=mean)
    total = values.sum(-1)
    levels = [mean, spread, low, at(0.1), at(0.5), at(0.9), high, high - low, first, final, final - first, jump, total]
    rank = observed.long().cumsum(-1) - 1
    for n_parts, number in ((n, k) for n in PARTS for k in range(n)):
        inside = observed & ((n_parts * rank // count.clamp(min=1)[..., None]) == number)
        part = values.masked_fill(~inside, 0).sum(-1) / inside.sum(-1).clamp(min=1)
        levels.append(torch.where(inside.any(-1), part, mean))
    stacked = torch.stack(levels, -1)
    return torch.where((count > 0)[..., None], stacked, torch.zeros_like(stacked))


def shape_features(values: Tensor, observed: Tensor, n_steps: Tensor) -> Tensor:
    """The shape of each channel, free of level and scale but for the share of exact zeros (n, c, N_SHAPES).

    Block means, lows, highs and spreads over relative time, trend and curvature, autocorrelation, spectrum, and shares
    (missing, zero, near the low, near the high).
    """
    n, c, t = values.shape
    mean, spread = location_and_spread(values, observed)
    z = torch.where(observed, (values - mean[..., None]) / spread[..., None], torch.zeros_like(values))
    z = torch.asinh(z)
    steps = torch.arange(t, device=values.device)
    place = ((steps + 0.5) / n_steps[:, None]).clamp(max=1.0)  # (n, t), relative time in (0, 1]

    blocks, halves = (members((place * k).long().clamp(max=k - 1), k) for k in (BLOCKS, HALF_BLOCKS))
    means = _filled(*means_of_parts(z, observed, blocks))
    half_means, seen = means_of_parts(z, observed, halves)
    half_means, squares = (_filled(m, seen) for m in (half_means, means_of_parts(z.square(), observed, halves)[0]))
    lows, highs = (_filled(m, seen) for m in extremes_of_parts(z, observed, halves))
    spreads = (squares - half_means.square()).clamp(min=0).sqrt()

    count = observed.sum(-1).clamp(min=1)
    waves = 2 * math.pi * place[:, None, :, None] * torch.arange(1, HARMONICS + 1, device=values.device)  # (n, 1, t, h)
    real, imaginary = (torch.einsum("nct,nth->nch", z, f(waves).squeeze(1)) for f in (torch.cos, torch.sin))
    spectrum = torch.log1p((real.square() + imaginary.square()).sqrt() / count[..., None].sqrt())

    variance = z.square().sum(-1) / count
    correlations = torch.stack([_autocorrelation(z, observed, lag, variance) for lag in LAGS], -1)

    centred = (place[:, None] - 0.5) * observed
    slope = (z * centred).sum(-1) / centred.square().sum(-1).clamp(min=1e-6)
    bow = (z * (centred.square() - 1 / 12) * observed).sum(-1) / count * 12
    both = observed[..., 1:] & observed[..., :-1]
    moves = (z[..., 1:] - z[..., :-1]) * both if t > 1 else z * 0
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
    numbers = [level_features(values, observed), shares, moment_numbers(when, clock).flatten(2)]
    numbers.append(latest_numbers(values, observed))
    return torch.cat(numbers, -1).masked_fill((count == 0)[..., None], torch.nan)


def latest_numbers(values: Tensor, observed: Tensor) -> Tensor:
    """The reading before the last one, the size of the last change, that change in % and the change since the first
    reading in % (n, c, N_LATEST); NaN = unknown, such as a share of 0."""
    rank, count = observed.long().cumsum(-1), observed.sum(-1, keepdim=True)

    def reading(number: Tensor) -> Tensor:
        found = values.masked_fill(~(observed & (rank == number)), 0).sum(-1)
        return torch.where((number >= 1).squeeze(-1) & (count > 0).squeeze(-1), found, torch.nan)

    first, before, last = reading(torch.ones_like(count)), reading(count - 1), reading(count)
    changes = [100 * (last - base) / torch.where(base == 0, torch.nan, base.abs()) for base in (before, first)]
    return torch.stack([before, (last - before).abs(), *changes], -1)


def stated_features(numbers: Tensor) -> Tensor:
    """Numbers on the signed-log axis (..., VALUE_DIM); unknown ones are 0."""
    return value_features(numbers.nan_to_num()) * ~numbers.isnan()[..., None]


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


def members(part: Tensor, n_parts: int) -> Tensor:
    """(n, t) numbers of parts to (n, t, n_parts) of 0 and 1; numbers out of range belong to none."""
    return (part[..., None] == torch.arange(n_parts, device=part.device)).float()


def means_of_parts(x: Tensor, observed: Tensor, parts: Tensor) -> tuple[Tensor, Tensor]:
    """The mean over each part of what was observed (n, c, parts), and where there is one; parts as of `members`."""
    count = observed.float() @ parts
    return (x * observed) @ parts / count.clamp(min=1), count > 0


def extremes_of_parts(x: Tensor, observed: Tensor, parts: Tensor) -> tuple[Tensor, Tensor]:
    """The lowest and the highest observed value of each part (n, c, parts); infinite where there is none."""
    low, high = [], []
    for k in range(parts.shape[-1]):
        outside = ~(observed & (parts[:, None, :, k] > 0))
        low.append(x.masked_fill(outside, torch.inf).amin(-1))
        high.append(x.masked_fill(outside, -torch.inf).amax(-1))
    return torch.stack(low, -1), torch.stack(high, -1)


def _filled(part: Tensor, seen: Tensor) -> Tensor:
    """Give each block without a value (n, c, blocks) that of the last one before it, else of the first one behind."""
    n_blocks = part.shape[-1]
    order = torch.arange(n_blocks, device=part.device)
    # a cumulative maximum, in operations that every backend has
    before = torch.where(seen[..., None, :] & (order[:, None] >= order), order, -1).amax(-1)
    first = torch.where(seen, order, n_blocks - 1).amin(-1, keepdim=True)
    return torch.where(seen, part, torch.zeros_like(part)).gather(-1, torch.where(before >= 0, before, first))


def _autocorrelation(z: Tensor, observed: Tensor, lag: int, variance: Tensor) -> Tensor:
    if lag >= z.shape[-1]:
        return torch.zeros_like(variance)
    both = observed[..., lag:] & observed[..., :-lag]
    product = (z[..., lag:] * z[..., :-lag] * both).sum(-1) / both.sum(-1).clamp(min=1)
    return product / variance.clamp(min=1e-6)
