"""Which part of a window is highest, lowest, calm or moving, as features of each channel; and how often it repeats.

A linear layer can compare block means, but "the calmest third" or "the highest day" is a maximum over several of them,
and days and parts of the day lie elsewhere in every window. All functions read values (n, c, t) with `observed`
(n, c, t) and never look at an unobserved value; `clock` (n, 2) is as in `tracets.nn.features`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from tracets.nn.features import DAY, moment_places, moments, shape_features, stated_numbers
from tracets.nn.spectrum import lagged_products

RELATIVE = (3, 4, 7)
"""Thirds, quarters and sevenths of the window."""
DAYPARTS = 4
"""Night, morning, afternoon and evening, of six hours each."""
DAYS = 10
"""Calendar days of the window that are told apart; later ones are left out."""
N_PARTS = 3 * (sum(RELATIVE) + DAYPARTS + DAYS) + 5 * 3 + 2 * DAYPARTS + 1
N_MORE_MOMENTS = 3
N_RHYTHM = 5
_SHARP = 8.0
_LONGEST_DAYPART_WINDOW = 2 * DAY


def summary(values: Tensor, observed: Tensor, n_steps: Tensor, clock: Tensor) -> tuple[Tensor, Tensor]:
    """All that is told of each channel by features: what a text may state, and shapes and places without a level.

    Parameters are those of `all_parts`.

    Returns
    -------
    tuple of Tensor
        (n, c, N_STATED + 3 * N_MORE_MOMENTS + N_RHYTHM) numbers, NaN = unknown; (n, c, others) shapes, places and
        parts, 0 where nothing is known.
    """
    more, rhythm, parts = all_parts(values, observed, n_steps, clock)
    when = torch.cat([moments(values, observed), more], -1)
    stated = stated_numbers(values, observed, n_steps, when, clock)
    others = [shape_features(values, observed, n_steps), moment_places(when, n_steps).flatten(2), parts]
    return torch.cat([stated, rhythm], -1), torch.cat(others, -1)


def all_parts(values: Tensor, observed: Tensor, n_steps: Tensor, clock: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Further moments, numbers of the rhythm, and what stands out where.

    Parameters
    ----------
    values, observed : Tensor of shape (n, c, t)
    n_steps : Tensor of shape (n,)
        The length of each window without padding.
    clock : Tensor of shape (n, 2)
        Seconds from midnight to the first step, and seconds a step; NaN = unknown.

    Returns
    -------
    tuple of Tensor
        (n, c, N_MORE_MOMENTS) steps, -1 for none; (n, c, N_RHYTHM) numbers that a text may state, NaN = unknown;
        (n, c, N_PARTS) features free of level and scale, 0 where nothing is known.
    """
    x = _in_range(values, observed)
    hour, day = _clock_parts(values.shape[-1], clock)
    lag, strength = _cycle(x, observed, n_steps)
    return (
        _more_moments(x, observed, n_steps),
        _rhythm(x, observed, clock, day, lag, strength),
        _parts(x, observed, n_steps, clock, hour, day, strength),
    )


def _parts(
    x: Tensor, observed: Tensor, n_steps: Tensor, clock: Tensor, hour: Tensor, day: Tensor, strength: Tensor
) -> Tensor:
    """What stands out where, free of level and scale (n, c, N_PARTS).

    For thirds, quarters, sevenths, parts of the day and days: the mean in the range of the channel, and how much each
    part is the highest and the lowest one (a sharp softmax). For thirds: fitted change, range, roughness, and which is
    the roughest and the calmest; for parts of the day, in windows of at most two days: fitted change and range. Last,
    the strength of the cycle that `_rhythm` tells. 0 where nothing is known.
    """
    t = x.shape[-1]
    place = ((torch.arange(t, device=x.device) + 0.5) / n_steps[:, None]).clamp(max=1.0)  # (n, t)
    numbers = [*((place * k).long().clamp(max=k - 1) for k in RELATIVE), hour, day]
    sizes = [*RELATIVE, DAYPARTS, DAYS]
    members = [_members(number, k) for number, k in zip(numbers, sizes, strict=True)]
    thirds, in_daypart = members[0], members[3]

    # one product for the means of all parts, then the parts of a group side by side, the groups one below the other
    seen = observed.to(x.dtype)
    mean, inside = _means(x, seen, torch.cat(members, -1))
    widest = max(sizes)
    means, filled = (
        torch.stack([F.pad(part, (0, widest - part.shape[-1])) for part in whole.split(sizes, -1)], 2)
        for whole in (mean, inside)
    )  # (n, c, groups, widest)
    highest, lowest = _extreme_parts(means, filled)
    centred = torch.where(filled, means - 0.5, 0.0)
    found = [part[:, :, i, :k] for i, k in enumerate(sizes) for part in (centred, highest, lowest)]

    both = seen[..., 1:] * seen[..., :-1]
    moves = (x[..., 1:] - x[..., :-1]) * both
    moved, drift, square = _sums([both, moves, moves.square()], thirds[:, 1:])
    drift, square, moved_at = drift / moved.clamp(min=1), square / moved.clamp(min=1), moved > 0
    rough = (square - drift.square()).clamp(min=1e-10).log() / 2
    change, ranges = _movement(x, observed, torch.cat([thirds, in_daypart], -1), place)
    k = RELATIVE[0]
    found += [change[..., :k], ranges[..., :k], torch.where(moved_at, rough / 4, 0.0)]
    found += [torch.where(moved_at, share, 0.0) for share in _softest(rough, moved_at, sharp=4.0)]
    short = (n_steps * clock[:, 1].nan_to_num(torch.inf) <= _LONGEST_DAYPART_WINDOW)[:, None, None]
    found += [torch.where(short, part[..., k:], 0.0) for part in (change, ranges)]
    found.append(strength[..., None])
    return torch.where(observed.any(-1, keepdim=True), torch.cat(found, -1), 0.0)


def _more_moments(x: Tensor, observed: Tensor, n_steps: Tensor) -> Tensor:
    """The steps at which the smoothed channel is lowest and highest, and the middle of its longest gap (n, c, 3).

    Smoothed over a sixth of the window. -1 without a gap.
    """
    n, c, t = x.shape
    steps = torch.arange(t, device=x.device)
    half = (n_steps // 12)[:, None]
    begin, end = (steps - half).clamp(min=0), (steps + half + 1).clamp(max=t)  # (n, t)

    to, since = (at[:, None].expand(n, c, t) for at in (end, begin))

    def around(row: Tensor) -> Tensor:
        sums = F.pad(row.cumsum(-1), (1, 0))  # (n, c, t + 1)
        return sums.gather(-1, to) - sums.gather(-1, since)

    count = around(observed.to(x.dtype))
    smooth = around(x.double()).float() / count.clamp(min=1)  # x is 0 where nothing was observed
    valid = (steps < n_steps[:, None])[:, None]
    usable = valid & (count > 0)
    smooth = _coarse(smooth)
    low = smooth.masked_fill(~usable, torch.inf).argmin(-1)
    high = smooth.masked_fill(~usable, -torch.inf).argmax(-1)
    rank = observed.long().cumsum(-1)
    # the step of the k-th reading, and -1 for none yet
    seen_at = torch.full((n, c, t + 1), -1, dtype=torch.long, device=x.device)
    seen_at = seen_at.scatter(-1, torch.where(observed, rank, 0), torch.where(observed, steps, -1))
    run = torch.where(valid & ~observed, steps - seen_at.gather(-1, rank), 0)
    at, longest = run.argmax(-1), run.amax(-1)
    return torch.stack([low, high, torch.where(longest > 0, at - (longest - 1) // 2 - (longest - 1) % 2, -1)], -1)


def _rhythm(x: Tensor, observed: Tensor, clock: Tensor, day: Tensor, lag: Tensor, strength: Tensor) -> Tensor:
    """Numbers of a channel's rhythm that a text may state (n, c, N_RHYTHM); NaN = unknown.

    The day of the window with the highest mean and that with the lowest, and the length of the cycle in steps, hours
    and days.
    """
    mean, seen = _means(x, observed.to(x.dtype), _members(day, DAYS))
    several, mean = seen.sum(-1) > 1, _coarse(mean)
    top, bottom = (
        torch.where(several, place.float() + 1, torch.nan)
        for place in (mean.masked_fill(~seen, -1).argmax(-1), mean.masked_fill(~seen, 2).argmin(-1))
    )
    steps = torch.where(strength > 0, lag.float(), torch.nan)
    seconds = steps * clock[:, 1, None]
    return torch.stack([top, bottom, steps, seconds / 3600, seconds / DAY], -1)


def _coarse(x: Tensor) -> Tensor:
    """Without the last digits, which differ from one way of summing to another: the first of equals is the first."""
    return (x * 2**14).round()


def _in_range(values: Tensor, observed: Tensor) -> Tensor:
    """0 at the lowest and 1 at the highest observed value; 0 for a constant and where nothing was observed."""
    low = values.masked_fill(~observed, torch.inf).amin(-1, keepdim=True)
    high = values.masked_fill(~observed, -torch.inf).amax(-1, keepdim=True)
    spread = high - low
    varies = observed & (spread > 1e-6 * torch.maximum(low.abs(), high.abs()))
    return torch.where(varies, (values - low) / spread, 0.0).nan_to_num().clamp(0, 1)


def _clock_parts(t: int, clock: Tensor) -> tuple[Tensor, Tensor]:
    """The part of the day and the day of the window of every step (n, t); -1 where unknown or without meaning."""
    first, step = clock[:, :1], clock[:, 1:]
    seconds = first.nan_to_num() + torch.arange(t, device=clock.device) * step.nan_to_num()
    fine = step < DAY
    hour = torch.where(fine & ~first.isnan(), seconds.remainder(DAY) / 3600 // (24 / DAYPARTS), -1)
    return hour.long(), torch.where(fine, (seconds / DAY).floor(), -1).clamp(max=DAYS).long()


def _members(part: Tensor, n_parts: int) -> Tensor:
    """(n, t) numbers of parts to (n, t, n_parts) of 0 and 1; numbers out of range belong to none."""
    return (part.float()[..., None] == torch.arange(n_parts, device=part.device).float()).float()


def _sums(rows: list[Tensor], members: Tensor) -> tuple[Tensor, ...]:
    """The sum of each of some (n, c, t) over each part (n, c, parts), in one product."""
    return (torch.cat(rows, 1) @ members).chunk(len(rows), 1)


def _means(x: Tensor, seen: Tensor, members: Tensor) -> tuple[Tensor, Tensor]:
    """The mean of each part (n, c, parts), and where there is one; x is 0 where `seen` is 0 and not 1."""
    count, total = _sums([seen, x], members)
    return total / count.clamp(min=1), count > 0


def _extreme_parts(mean: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """How much each part is the highest and the lowest, in the range of the parts; 0 where fewer than two are seen."""
    low = mean.masked_fill(~seen, torch.inf).amin(-1, keepdim=True)
    high = mean.masked_fill(~seen, -torch.inf).amax(-1, keepdim=True)
    spread = high - low
    varies = (seen.sum(-1, keepdim=True) > 1) & (spread > 1e-4)
    relative = torch.where(varies & seen, (mean - low) / spread, 0.0)
    highest, lowest = _softest(relative, seen, sharp=_SHARP)
    return torch.where(varies, highest, 0.0), torch.where(varies, lowest, 0.0)


def _softest(x: Tensor, seen: Tensor, *, sharp: float) -> tuple[Tensor, Tensor]:
    """Softmax over the parts of x and of -x; parts that are not seen have no share."""

    def shares(x: Tensor) -> Tensor:
        return (sharp * x).masked_fill(~seen, -1e4).softmax(-1).masked_fill(~seen, 0.0)

    return shares(x), shares(-x)


def _movement(x: Tensor, observed: Tensor, members: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
    """The change of a fitted line across each part, and the range in it (n, c, parts); 0 where fewer than two steps."""
    seen = observed.to(x.dtype)
    at = place[:, None] * seen
    count, total, places, products, squares = _sums([seen, x, at, x * at, at * place[:, None]], members)
    enough, few = count > 1, count.clamp(min=1)
    mean_x, mean_at = total / few, places / few
    both = products / few - mean_x * mean_at
    variance = (squares / few - mean_at.square()).clamp(min=1e-9)
    length = (12 * variance * (count - 1).clamp(min=0) / (count + 1)).sqrt()  # from the first to the last, if evenly
    change = torch.where(enough, (both / variance * length).clamp(-2, 2), 0.0)
    outside = torch.where(members > 0, 0.0, torch.inf)  # (n, t, parts)
    top, bottom = x.masked_fill(~observed, -torch.inf), x.masked_fill(~observed, torch.inf)
    ranges = [(top - out[:, None]).amax(-1) - (bottom + out[:, None]).amin(-1) for out in outside.unbind(-1)]
    return change, torch.where(enough, torch.stack(ranges, -1), 0.0)


def _cycle(x: Tensor, observed: Tensor, n_steps: Tensor) -> tuple[Tensor, Tensor]:
    """The lag (n, c) of the first high peak of the autocorrelation after it fell below zero, and its height.

    After the fitted line is removed; peaks of .3 and more that fit twice into the window count. Height 0 without any.
    """
    t = x.shape[-1]
    seen = observed.float()
    count = seen.sum(-1, keepdim=True).clamp(min=1)
    steps = torch.arange(t, device=x.device) / t
    centre = (steps * seen).sum(-1, keepdim=True) / count
    rest = (x - x.sum(-1, keepdim=True) / count) * seen  # x is 0 where nothing was observed
    way = (steps - centre) * seen
    rest = rest - way * ((rest * way).sum(-1, keepdim=True) / way.square().sum(-1, keepdim=True).clamp(min=1e-6))
    sums = lagged_products(rest)
    lags = torch.arange(t, device=x.device)
    overlap = n_steps[:, None, None] / (n_steps[:, None, None] - lags).clamp(min=1)
    power = sums[..., :1]
    acf = torch.where(power > 1e-4 * count, sums / power.clamp(min=1e-9) * overlap, 0.0)
    fallen = (acf < 0).long().cumsum(-1) > 0
    before, after = acf.roll(1, -1), acf.roll(-1, -1)
    fits = (lags >= 3) & (lags <= n_steps[:, None, None] / 2) & (n_steps >= 8)[:, None, None]
    peak = fallen & fits & (acf >= before) & (acf >= after) & (acf >= 0.3)
    height = torch.where(peak, acf, 0.0).amax(-1, keepdim=True)
    lag = (peak & (acf >= 0.9 * height)).float().argmax(-1)
    return lag, height.squeeze(-1).clamp(max=1.5)
