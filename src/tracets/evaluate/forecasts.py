"""How good forecasts are: errors on the scale of the training part, and paired differences with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracets.data.calendar import season_of
from tracets.data.pairs import Pair, in_time_order
from tracets.errors import DataError, NotFound
from tracets.forecast.protocol import Backbone
from tracets.metrics import Interval, default_block, paired_bootstrap
from tracets.types import LEVELS, FloatArray

Floats = NDArray[np.float64]
SCALE = "mean and standard deviation of each channel over the training part of its series"


@dataclass(frozen=True)
class Errors:
    """Mean errors of one forecaster. `mse`, `mae` and `crps` are in standard deviations of the training part, `mase` in
    mean errors of the seasonal naive forecast inside it (NaN where that is 0 everywhere, or no training part is
    known). `coverage`: the share of values below each of `LEVELS`."""

    mse: float
    mae: float
    mase: float
    crps: float
    coverage: tuple[float, ...]


@dataclass(frozen=True)
class ForecastReport:
    """Forecasters measured on the same windows.

    Parameters
    ----------
    horizon, n : int
        Steps, and windows.
    forecasters : mapping
        Name -> errors; the first is the one that was asked about.
    reference : str
        Which of them the others are compared with.
    paired : mapping
        Name -> mean square error of it less that of the reference on the same windows, with its 95 % interval from a
        bootstrap over blocks of time; below 0 is better than the reference.
    retrieval : str
        What the first forecaster retrieves by, "none" where it does not.
    seed, n_boot, block
        How the intervals were drawn; `block` in windows of neighbouring times.
    """

    horizon: int
    n: int
    forecasters: Mapping[str, Errors]
    reference: str
    paired: Mapping[str, Interval]
    retrieval: str
    seed: int
    n_boot: int
    block: int

    @property
    def name(self) -> str:
        """The forecaster that was asked about."""
        return next(iter(self.forecasters))

    def to_json(self) -> dict[str, Any]:
        """Give the object of `tracets evaluate forecast --json`: plain numbers; null where a metric has no value."""
        gap = self.paired.get(self.name)
        return {
            "horizon": self.horizon,
            "n": self.n,
            **_plain(self.forecasters[self.name]),
            "scale": SCALE,
            "retrieval": self.retrieval,
            "paired": None if gap is None else _gap(gap),
            "reference": self.reference,
            "forecaster": self.name,
            "others": {
                name: _plain(errors) | {"paired": _gap(self.paired[name]) if name in self.paired else None}
                for name, errors in self.forecasters.items()
                if name != self.name
            },
            "provenance": {"seed": self.seed, "n_boot": self.n_boot, "block": self.block},
        }

    def to_table(self) -> str:
        """Draw a Markdown table, a row a forecaster."""
        lines = [
            f"{self.n} windows, horizon {self.horizon}. Errors in standard deviations of each channel's training part; "
            f"MASE in errors of the seasonal naive forecast there. Difference of MSE from {self.reference}, 95 % "
            f"interval: bootstrap over blocks of {self.block} windows in time order, {self.n_boot} draws, seed "
            f"{self.seed}.",
            "",
            "| forecaster | MSE | MAE | MASE | CRPS | below .1 / .5 / .9 | MSE less that of the reference |",
            "|---|---|---|---|---|---|---|",
        ]
        for name, e in self.forecasters.items():
            gap = self.paired.get(name)
            told = "" if gap is None else f"{gap.value:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]"
            below = " / ".join(f"{e.coverage[LEVELS.index(x)]:.2f}" for x in (0.1, 0.5, 0.9))
            lines.append(
                f"| {name} | {_figure(e.mse)} | {_figure(e.mae)} | {_figure(e.mase)} | {_figure(e.crps)} | {below} | "
                f"{told} |"
            )
        return "\n".join(lines) + "\n"


def evaluate_forecasts(
    pairs: Sequence[Pair],
    forecasters: Mapping[str, Backbone] | Sequence[Backbone],
    *,
    train: Sequence[Pair],
    reference: str | None = None,
    retrieval: str = "none",
    seed: int = 0,
    n_boot: int = 1000,
) -> ForecastReport:
    """Forecast windows by several forecasters and compare them with what followed.

    Parameters
    ----------
    pairs : sequence of Pair
        Windows to forecast, of one horizon. Unknown steps of their futures do not count.
    forecasters : mapping or sequence of Backbone
        Ready to be asked; the first is the one in question. Names of a mapping stand above their own.
    train : sequence of Pair
        The training part: where scales and naive errors come from, a channel of a series at a time. What it does not
        know of a series is taken from the channels of that name in all of it.
    reference : str, optional
        Compare with this one; by default with the last one, where there are two or more.
    retrieval : str
        Goes into the report.

    Raises
    ------
    DataError
        No windows, horizons that differ, nothing known of any future, or no training part.
    NotFound
        A reference that is no forecaster.

    Examples
    --------
    >>> evaluate_forecasts(test, [fitted, load_backbone("seasonal-naive")], train=train).to_table()  # doctest: +SKIP
    """
    named = dict(forecasters) if isinstance(forecasters, Mapping) else {f.name: f for f in forecasters}
    horizons = {pair.horizon for pair in pairs}
    if len(horizons) != 1 or not train:
        raise DataError(
            f"evaluation expects windows of one horizon and a training part, got {len(pairs)} windows with horizons "
            f"{sorted(horizons)} and {len(train)} training windows. Check the split."
        )
    if reference is not None and reference not in named:
        raise NotFound(f"reference '{reference}' is none of the forecasters: {', '.join(named)}.")
    pairs = in_time_order(pairs)
    [horizon] = horizons
    scales = training_scales(train)
    names = list(named)
    chosen = reference or (names[-1] if len(names) > 1 else None)
    found = {name: _measure(pairs, forecaster, scales, horizon) for name, forecaster in named.items()}
    block = default_block(len(pairs), overlap=_overlap(pairs, horizon))
    paired = {}
    if chosen is not None:
        known = np.isfinite(found[chosen][1])
        for name, (_, squares) in found.items():
            if name != chosen:
                paired[name] = paired_bootstrap(
                    squares[known],
                    found[chosen][1][known],
                    n_boot=n_boot,
                    seed=seed,
                    block=min(block, int(known.sum())),
                )
    return ForecastReport(
        horizon=horizon,
        n=len(pairs),
        forecasters={name: errors for name, (errors, _) in found.items()},
        reference=chosen or "",
        paired=paired,
        retrieval=retrieval,
        seed=seed,
        n_boot=n_boot,
        block=block,
    )


@dataclass(frozen=True)
class TrainingScale:
    """Standard deviation of a channel in the training part, and the mean error of its seasonal naive forecast there."""

    deviation: float
    naive: float


Key = tuple[str, str]


def training_scales(train: Sequence[Pair]) -> dict[Key, TrainingScale]:
    """Scales of each channel of each series, and under an empty series those of a channel's name in all series."""
    told: dict[Key, list[tuple[int, FloatArray]]] = {}
    seasons: dict[Key, int] = {}
    for pair in train:
        whole = np.concatenate([pair.past.values, pair.future], 1)
        for name, values in zip(pair.past.channel_names, whole, strict=True):
            key = (_entity(pair), name.casefold())
            seasons[key] = season_of(pair.past.freq)
            told.setdefault(key, []).append((pair.first, values))
    rows = {key: _on_grid(parts) for key, parts in told.items()}
    out = {key: TrainingScale(_deviation(row), _naive(row, seasons[key])) for key, row in rows.items()}
    for name in {name for _, name in rows}:
        own = [(row, out[key].naive) for key, row in rows.items() if key[1] == name]
        naive = [x for _, x in own if np.isfinite(x)]
        out["", name] = TrainingScale(
            _deviation(np.concatenate([row for row, _ in own])), float(np.mean(naive)) if naive else np.nan
        )
    return out


def _measure(
    pairs: Sequence[Pair], forecaster: Backbone, scales: Mapping[Key, TrainingScale], horizon: int
) -> tuple[Errors, Floats]:
    """Mean errors, and the mean square error of each window (NaN where nothing of its future is known)."""
    found = forecaster.forecast([pair.past for pair in pairs], horizon)
    squares = np.full(len(pairs), np.nan)
    sums = np.zeros(4)
    counts = np.zeros(4)
    below, n_known = np.zeros(len(LEVELS)), 0
    levels = np.array(LEVELS)[:, None, None]
    for i, (pair, forecast) in enumerate(zip(pairs, found, strict=True)):
        own = [_scale(scales, pair, name) for name in pair.past.channel_names]
        deviation = np.array([s.deviation for s in own])[:, None]
        naive = np.array([s.naive for s in own])[:, None]
        truth = pair.future.astype(np.float64)
        off = truth - forecast.mean
        at_levels = truth - forecast.quantiles
        pinball = 2 * np.maximum(levels * at_levels, (levels - 1) * at_levels).mean(0)
        parts = ((off / deviation) ** 2, np.abs(off) / deviation, np.abs(off) / naive, pinball / deviation)
        for k, part in enumerate(parts):
            known = np.isfinite(part)
            sums[k] += part[known].sum()
            counts[k] += known.sum()
        if np.isfinite(parts[0]).any():
            squares[i] = np.nanmean(parts[0])
        known = np.isfinite(truth)
        below += (at_levels[:, known] <= 0).sum(1)
        n_known += int(known.sum())
    if not counts[0]:
        raise DataError(
            "nothing is known of what followed these windows, or no training part varies: nothing to measure."
        )
    mse, mae, mase, crps = (s / c if c else np.nan for s, c in zip(sums, counts, strict=True))
    coverage = tuple(float(x) for x in below / n_known)
    return Errors(float(mse), float(mae), float(mase), float(crps), coverage), squares


def _scale(scales: Mapping[Key, TrainingScale], pair: Pair, name: str) -> TrainingScale:
    unknown = TrainingScale(np.nan, np.nan)
    return scales.get((_entity(pair), name.casefold())) or scales.get(("", name.casefold()), unknown)


def _entity(pair: Pair) -> str:
    return str(pair.past.metadata.get("entity", pair.past.id))


def _on_grid(parts: Sequence[tuple[int, FloatArray]]) -> Floats:
    """Stretches of one row, with the step at which each begins, put together; NaN where there is none."""
    begin, end = min(at for at, _ in parts), max(at + len(values) for at, values in parts)
    row = np.full(end - begin, np.nan)
    for at, values in parts:
        row[at - begin : at - begin + len(values)] = values
    return row


def _deviation(row: Floats) -> float:
    known = row[np.isfinite(row)]
    return float(known.std()) or np.nan if len(known) else np.nan


def _naive(row: Floats, season: int) -> float:
    """Mean size of the differences over a season; over a step where the row is no longer than a season."""
    lag = season if len(row) > season else 1
    gaps = np.abs(row[lag:] - row[:-lag])
    gaps = gaps[np.isfinite(gaps)]
    return float(gaps.mean()) or np.nan if len(gaps) else np.nan


def _overlap(pairs: Sequence[Pair], horizon: int) -> int:
    """How many windows in a row share a step of their futures with one window."""
    first = [pair.first for pair in pairs if _entity(pair) == _entity(pairs[0])]
    stride = int(np.median(np.diff(first))) if len(first) > 1 else horizon
    side_by_side = len(pairs) / len(first)
    return max(1, round(side_by_side * -(-horizon // max(stride, 1))))


def _plain(errors: Errors) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: None if np.isnan(value) else value
        for name, value in (("mse", errors.mse), ("mae", errors.mae), ("mase", errors.mase), ("crps", errors.crps))
    }
    return found | {"coverage": dict(zip(map(str, LEVELS), errors.coverage, strict=True))}


def _gap(gap: Interval) -> dict[str, float]:
    return {"mse_diff": gap.value, "low": gap.low, "high": gap.high}


def _figure(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.3f}"
