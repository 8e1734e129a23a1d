"""New windows from old ones: channels of different windows brought together, each on another level and scale.

Windows cut densely from one year overlap, so that a model can learn them by heart. These cannot be: what is said about
them follows from their own numbers only. They train; they never evaluate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from tracets.data.calendar import step_seconds
from tracets.data.captions import STYLES, with_captions
from tracets.errors import DataError
from tracets.types import FloatArray, Sample

SWAPPED = 0.5
"""Share of channels that come from another window."""
DECIMALS = 2
SHARES = (0.6, 0.0, 0.3, 0.1)
"""Of the styles of captions, in the order of `STYLES`; a crowd has no words for as many channels."""


def mixed_windows(samples: Sequence[Sample], n: int, *, seed: int, captions: bool = True) -> Iterator[Sample]:
    """Make `n` captioned windows from windows of one kind.

    1. draw a window  2. take about half of its channels from others  3. turn each by whole days, and put it on another
    level and scale  4. caption it, unless `captions` is False

    Parameters
    ----------
    samples : sequence of Sample
        Windows with the same channels and length; other kinds are refused.
    n, seed : int
        Window i is the same whatever `n`.

    Raises
    ------
    DataError
        No windows, or windows of several kinds.
    """
    kinds = {(s.channel_names, s.n_steps) for s in samples}
    if len(kinds) != 1:
        raise DataError(f"mixed_windows() expects windows of one kind (channels and length), got {len(kinds)} kinds.")
    for i in range(n):
        rng = np.random.default_rng([seed, 7, i])
        base = samples[int(rng.integers(len(samples)))]
        rows = []
        for c, unit in enumerate(base.units):
            giver = samples[int(rng.integers(len(samples)))] if rng.random() < SWAPPED else base
            rows.append(_moved(giver.values[c], unit, _steps_a_day(base), rng))
        window = replace(base, id=f"mixed-{seed}-{i}", values=np.stack(rows), event_text=None, label=None, metadata={})
        style = STYLES[int(rng.choice(len(STYLES), p=SHARES))]
        window = replace(window, metadata={"style": style})
        yield with_captions(window, seed=seed, style=style) if captions else window


def _moved(row: FloatArray, unit: str | None, day: int | None, rng: np.random.Generator) -> FloatArray:
    out = row.astype(np.float64)
    if day is not None and len(out) >= 2 * day:
        out = np.roll(out, day * rng.integers(len(out) // day))
    known = out[~np.isnan(out)]
    if not len(known):
        return row
    if known.min() >= 0 and (known == 0).any() or unit == "%":
        out = out * rng.lognormal(0, 0.5)  # amounts and shares keep their zero
    else:
        spread = max(float(known.std()), 1e-3 * abs(float(known.mean())))
        out = known.mean() + (out - known.mean()) * rng.lognormal(0, 0.35) + spread * rng.normal(0, 1.5)
        out = np.maximum(out, 0) if known.min() >= 0 else out
    if unit == "%":
        out = np.clip(out, 0, 100)
    return np.round(out, DECIMALS).astype(np.float32)


def _steps_a_day(sample: Sample) -> int | None:
    step = step_seconds(sample.freq)
    return round(86_400 / step) if step and step <= 43_200 else None
