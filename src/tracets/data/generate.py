"""A generated curriculum: many kinds of multivariate windows with captions that are true of them.

For pre-training a model that shall read channels it never saw: names, units, levels and shapes vary far more than in
any one corpus. Sample i depends on (seed, i) alone, so that any part can be drawn again. A family of samples stands for
one site's archive: they share channels, units, length and step, and differ in what happens.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from tracets.data.captions import STYLES, with_captions
from tracets.data.captions.clock import step_seconds
from tracets.data.channel_types import ChannelType
from tracets.data.sites import Site, any_site, shape_site, simple_shape, weather_site
from tracets.errors import ConfigError
from tracets.types import Sample

Row = NDArray[np.float64]
Rng = np.random.Generator

_CYCLES = (86400.0, 604800.0, 365.2425 * 86400)


@dataclass(frozen=True)
class Curriculum:
    """What is generated. Shares are probabilities.

    Parameters
    ----------
    lengths, channels : (int, int)
        Smallest and largest number of steps (4 or more) and of channels (1 to 8).
    missing : float
        Share of channels with gaps; a twentieth of them is missing altogether.
    constant : float
        Share of channels that do not move.
    coupled : float
        Share of channels that follow another one, with a lag and either sign.
    known_start : float
        Share of samples with a start time.
    mixed : float
        Share of families whose channels come from any domain.
    family : int
        How many consecutive samples share a site, at least 1.
    days : float
        Share of families with a few quantities of the weather over six hours to a day, where lengths allow.
    shapes : float
        Share of families of one unnamed channel with a simple shape over 12 to 24 steps, where lengths allow.
    styles : (float, float, float, float)
        Weights of the styles of captions ("numbers", "crowd", "narrative", "report") among those that fit a sample:
        a crowd tells one or two channels, a report steps of an hour or more. Named in `metadata["style"]`.
    """

    lengths: tuple[int, int] = (12, 336)
    channels: tuple[int, int] = (1, 8)
    missing: float = 0.12
    constant: float = 0.02
    coupled: float = 0.4
    known_start: float = 0.75
    mixed: float = 0.2
    family: int = 1
    days: float = 0.15
    shapes: float = 0.1
    styles: tuple[float, float, float, float] = (0.4, 0.15, 0.3, 0.15)

    def __post_init__(self) -> None:
        if not 4 <= self.lengths[0] <= self.lengths[1]:
            raise ConfigError(f"lengths must be (low, high) with 4 <= low <= high, got {self.lengths}.")
        if not 1 <= self.channels[0] <= self.channels[1] <= 8:
            raise ConfigError(f"channels must be (low, high) with 1 <= low <= high <= 8, got {self.channels}.")
        if self.family < 1:
            raise ConfigError(f"family must be at least 1, got {self.family}.")
        for name in ("missing", "constant", "coupled", "known_start", "mixed", "days", "shapes"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} must be a share in [0, 1], got {getattr(self, name)}.")
        if len(self.styles) != len(STYLES) or min(self.styles) < 0 or sum(self.styles) <= 0:
            raise ConfigError(f"styles must be {len(STYLES)} weights, not all zero, got {self.styles}.")


def generate_samples(
    n: int, *, seed: int, captions: bool = True, split: str | None = "train", curriculum: Curriculum | None = None
) -> Iterator[Sample]:
    """Generate `n` samples, one at a time.

    Parameters
    ----------
    n : int
        How many; sample i is the same whatever `n`.
    seed : int
        Another seed, other samples.
    captions : bool, default=True
        Whether text and channel texts are made; series alone come several times faster.
    split : str or None, default="train"
        Written to every sample.
    curriculum : Curriculum or None
        None takes the defaults.

    Examples
    --------
    >>> [sample.n_channels for sample in generate_samples(2, seed=0)] == [
    ...     sample.n_channels for sample in generate_samples(2, seed=0, captions=False)]
    True
    """
    plan = curriculum or Curriculum()
    site = None
    for i in range(n):
        if site is None or i % plan.family == 0:
            site = _site(np.random.default_rng([seed, 0, i // plan.family]), plan)
        sample = _sample(f"generated-{seed}-{i}", site, np.random.default_rng([seed, 1, i]), plan, split)
        style = _style(sample, site, np.random.default_rng([seed, 2, i]), plan)
        sample = replace(sample, metadata={"style": style})
        yield with_captions(sample, seed=seed, style=style) if captions else sample


def more_of_sites(n: int, *, seed: int, families: int, curriculum: Curriculum) -> Iterator[Sample]:
    """`n` other windows of the first `families` sites of `generate_samples`, in turn, without captions."""
    sites = [_site(np.random.default_rng([seed, 0, k]), curriculum) for k in range(families)]
    for i in range(n):
        yield _sample(f"more-{seed}-{i}", sites[i % families], np.random.default_rng([seed, 3, i]), curriculum, "train")


def _style(sample: Sample, site: Site, rng: Rng, plan: Curriculum) -> str:
    """Draw a style that fits: a site of simple shapes is mostly told by a crowd, a day of weather as a narrative."""
    step = step_seconds(sample.freq)
    fits = (True, sample.n_channels <= 2, True, step is not None and step >= 3600 and not np.isnan(sample.values).all())
    favoured = {"shapes": (0.2, 4.0, 0.4, 0.0), "days": (1.0, 0.5, 3.0, 0.5)}.get(site.kind, (1.0, 1.0, 1.0, 1.0))
    weights = np.array(plan.styles) * fits * favoured
    if not weights.sum():
        return STYLES[0]
    return STYLES[rng.choice(len(STYLES), p=weights / weights.sum())]


def _site(rng: Rng, plan: Curriculum) -> Site:
    draw = rng.random()
    if draw < plan.days and (site := weather_site(rng, plan.lengths, plan.channels)) is not None:
        return site
    if draw > 1 - plan.shapes and (site := shape_site(rng, plan.lengths, plan.channels)) is not None:
        return site
    return any_site(rng, plan.lengths, plan.channels, plan.mixed)


def _sample(name: str, site: Site, rng: Rng, plan: Curriculum, split: str | None) -> Sample:
    if site.kind == "shapes":
        return Sample(
            name, simple_shape(site.n_steps, rng)[None].astype(np.float32), site.names, site.units, None, site.freq,
            split=split, domain=site.domain, source="tracets.data.generate",
        )  # fmt: skip
    step = step_seconds(site.freq)
    assert step is not None
    start = None
    if rng.random() < plan.known_start:
        minutes = int(rng.integers(0, 525600)) // 60 * 60 if rng.random() < 0.5 else int(rng.integers(0, 365)) * 1440
        if site.kind == "days":
            minutes = minutes // 360 * 360 if rng.random() < 0.8 else minutes
        start = datetime(int(rng.integers(1990, 2026)), 1, 1) + timedelta(minutes=minutes)
    first_hour = 0.0 if start is None else start.hour + start.minute / 60

    rows: list[Row] = []
    shapes: list[Row] = []
    for kind, (factor, offset) in zip(site.kinds, site.scales, strict=True):
        shape = _shape(kind, site.n_steps, step, first_hour, shapes, plan, rng)
        shapes.append(shape)
        rows.append(_with_gaps(_values(kind, shape, factor, offset, plan, rng), plan, rng))
    return Sample(
        name,
        np.array(rows, dtype=np.float32),
        site.names,
        site.units,
        start,
        site.freq,
        split=split,
        domain=site.domain,
        source="tracets.data.generate",
    )


def _shape(
    kind: ChannelType, n: int, step: float, first_hour: float, others: list[Row], plan: Curriculum, rng: Rng
) -> Row:
    """A standardised curve (n,): what the channel does, before level and unit."""
    t = np.arange(n)
    shape = np.zeros(n)
    if others and rng.random() < plan.coupled:
        leader = others[rng.integers(len(others))]
        lag = int(rng.integers(0, max(1, n // 14) + 1)) if rng.random() < 0.5 else 0
        followed = np.concatenate((np.full(lag, leader[0]), leader[: n - lag]))
        shape += rng.uniform(1.5, 5) * (1 if rng.random() < 0.6 else -1) * followed
    draw = rng.random(7)
    if draw[0] < 0.45:
        shape += rng.uniform(0.5, 2.5) * _trend(n, rng)
    per_day = 86400 / step
    if draw[1] < kind.daily and 4 <= per_day <= n * 1.2:
        peak = rng.normal(14.5, 2.5) if rng.random() < 0.8 else rng.uniform(0, 24)
        phase = 2 * np.pi * ((first_hour + t * step / 3600) - peak) / 24
        cycle = np.cos(phase) + rng.uniform(0, 0.5) * np.cos(2 * phase + rng.uniform(0, 6))
        cycle = np.maximum(cycle, rng.uniform(-0.5, 0.2)) if rng.random() < 0.25 else cycle
        shape += rng.uniform(0.7, 2.5) * cycle * (1 + 0.3 * _walk(n, rng))
    elif draw[1] < 0.35:
        known = [c / step for c in _CYCLES if 4 <= c / step <= n / 2.5]
        period = known[rng.integers(len(known))] if known and rng.random() < 0.6 else rng.uniform(4, max(5, n / 2))
        wave = np.sin(2 * np.pi * (t / period + rng.random()))
        shape += rng.uniform(0.7, 2.5) * (np.sign(wave) if rng.random() < 0.15 else wave)
    if draw[2] < 0.55:
        shape += rng.uniform(0.2, 1.5) * _walk(n, rng)
    if draw[3] < 0.12:
        shape += rng.uniform(2, 5) * (1 if rng.random() < 0.5 else -1) * (t >= rng.integers(n // 6, n - n // 6))
    if draw[4] < 0.12:
        centre, width = rng.uniform(0.05, 0.95) * n, rng.uniform(0.02, 0.15) * n
        shape += rng.uniform(2, 6) * (1 if rng.random() < 0.65 else -1) * np.exp(-0.5 * ((t - centre) / width) ** 2)
    noise = rng.normal(size=n) * (
        rng.uniform(0.05, 0.8) if kind.form == "noisy" else rng.choice((0.0, 0.03, 0.1, 0.25))
    )
    if draw[5] < 0.25:
        noise *= np.repeat(rng.uniform(0.1, 3.0, 3), [n // 3, n // 3, n - 2 * (n // 3)])
    shape += noise
    if draw[6] < 0.1:
        for place in rng.integers(1, n - 1, rng.integers(1, 4)):
            shape[place] += rng.uniform(5, 9) * (1 if rng.random() < 0.7 else -1)
    spread = shape.std()
    if spread < 1e-6:
        shape, spread = rng.normal(size=n), 1.0
    return (shape - shape.mean()) / spread


def _trend(n: int, rng: Rng) -> Row:
    """Piecewise linear with up to three turns."""
    turns = int(rng.choice((0, 1, 1, 2, 3), p=(0.35, 0.2, 0.2, 0.15, 0.1)))
    places = np.concatenate(([0.0], np.sort(rng.uniform(0.1, 0.9, turns)) * n, [n - 1.0]))
    sign = 1 if rng.random() < 0.5 else -1
    heights = np.cumsum([0.0, *(sign * (-1) ** i * rng.uniform(0.6, 1.6) for i in range(turns + 1))])
    if rng.random() < 0.2:
        heights[1:-1] = heights[0]
    return np.interp(np.arange(n), places, heights)


def _walk(n: int, rng: Rng) -> Row:
    walk = np.cumsum(rng.normal(size=n))
    return (walk - walk.mean()) / (walk.std() + 1e-9)


def _values(kind: ChannelType, shape: Row, factor: float, offset: float, plan: Curriculum, rng: Rng) -> Row:
    """Level, scale, limits and rounding of a sensor put on a shape."""
    n = len(shape)
    spread = float(np.exp(rng.uniform(np.log(kind.spread[0]), np.log(kind.spread[1]))))
    center = float(rng.uniform(*kind.center))
    if kind.form == "rain":
        row = _bursts(n, spread, rng)
    elif kind.form == "direction":
        row = (center + spread * shape) % 360
    elif kind.form == "count":
        row = rng.poisson(np.maximum(center + min(spread, center) * shape, 0.0)).astype(np.float64)
    else:
        row = center + spread * shape
    if rng.random() < plan.constant:
        row = np.full(n, 0.0 if kind.form == "rain" else float(row[0]))
    row = np.clip(row, kind.floor, kind.ceiling) if kind.floor is not None or kind.ceiling is not None else row
    decimals = kind.decimals
    if factor < 0.1:
        decimals += int(np.ceil(-np.log10(factor)))
    elif rng.random() < 0.15:
        decimals = max(0, decimals - 1)
    return np.round(row * factor + offset, decimals)


def _bursts(n: int, spread: float, rng: Rng) -> Row:
    """Zero most of the time; a few spells with gamma-distributed amounts."""
    row = np.zeros(n)
    for _ in range(int(rng.choice((0, 1, 1, 2, 3, 5), p=(0.08, 0.25, 0.2, 0.2, 0.17, 0.1)))):
        length = int(rng.integers(1, max(2, n // 8) + 1))
        begin = int(rng.integers(0, n - length + 1))
        row[begin : begin + length] += rng.gamma(0.9, 1.0, length) * spread * rng.lognormal(0, 0.7)
    return row


def _with_gaps(row: Row, plan: Curriculum, rng: Rng) -> Row:
    if rng.random() >= plan.missing:
        return row
    n, draw = len(row), rng.random()
    row = row.copy()
    if draw < 0.05:
        row[:] = np.nan
    elif draw < 0.6:
        length = int(rng.integers(1, max(2, n // 4) + 1))
        begin = int(rng.integers(0, n - length + 1))
        row[begin : begin + length] = np.nan
    else:
        row[rng.random(n) < rng.uniform(0.02, 0.3)] = np.nan
    return row
