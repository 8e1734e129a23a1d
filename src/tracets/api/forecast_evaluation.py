"""How good a forecaster is, measured on a file. Heavy imports wait for their use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracets.api.forecasting import (
    default_context,
    histories,
    is_forecaster,
    load_forecaster,
    long_series,
    with_channels,
)
from tracets.files import LIMITS, Limits
from tracets.types import AnyPath

if TYPE_CHECKING:
    from tracets.data.pairs import Pair
    from tracets.evaluate.forecasts import ForecastReport
    from tracets.forecast.protocol import Backbone

FORECAST_SPLIT = (0.7, 0.1, 0.2)


def forecast_pairs(
    path: AnyPath,
    *,
    horizon: int,
    context: int | None = None,
    channels: Sequence[str] = (),
    split: tuple[float, float, float] = FORECAST_SPLIT,
    stride: int = 1,
    limits: Limits = LIMITS,
) -> list[Pair]:
    """Windows of a file and what followed them, each with its split.

    Windows of a corpus are parted into their last `horizon` steps and `context` steps before them, and keep their
    split.

    Parameters
    ----------
    path : path
        Long series, or a corpus.
    horizon : int
        Steps that follow.
    context : int, optional
        Steps of a window; by default `default_context` of the shortest series, of a corpus all that there are.
    channels : sequence of str
        Only these, in this order; none: all.
    split : (float, float, float), default=(.7, .1, .2)
        Shares of train, val and test in the time of long series.
    stride : int, default=1
        Steps from one window of a long series to the next.
    limits : Limits, optional
        As for `read`.

    Returns
    -------
    list of Pair
        `past` is a sample, `future` (n_channels, horizon) what followed.

    Raises
    ------
    DataError
        What is wrong in the file, a channel that is not there, or series that are too short.

    Examples
    --------
    >>> pairs = tracets.forecast_pairs("plant.csv", horizon=24, context=96)
    >>> pairs[0].past.values.shape, pairs[0].future.shape
    ((2, 96), (2, 24))
    """
    from tracets.data.pairs import cut_pairs, pairs_of_windows
    from tracets.data.windows import split_by_fractions

    series = long_series(path, limits=limits)
    if series is None:
        windows = histories(path, channels=channels, limits=limits)
        return pairs_of_windows(windows, horizon=horizon, context=context)
    from tracets.data.series import series_from_sample

    chosen = [series_from_sample(with_channels(one.to_sample(), channels)) for one in series]
    steps = context or min(default_context(one.to_sample(), horizon) for one in chosen)
    return cut_pairs(chosen, context=steps, horizon=horizon, stride=stride, split=split_by_fractions(chosen, split))


def evaluate_forecast(
    pairs: Sequence[Pair],
    *,
    model: AnyPath | Backbone = "base",
    tuning: str = "linear",
    seed: int = 0,
    n_boot: int = 1000,
    retrieval: str = "none",
) -> ForecastReport:
    """Fit on the windows of split "train", choose on "val", and measure on "test", beside naive forecasts.

    Parameters
    ----------
    pairs : sequence of Pair
        As `forecast_pairs` gives them.
    model : str, path or Backbone
        An encoder, to put a head on; or a forecaster that is ready, or the folder of one.
    tuning : {"linear", "adapter", "full"}
        For an encoder.
    seed, n_boot : int
        Of trainings and intervals; how many resamples make an interval.
    retrieval : str
        Goes into the report, for a forecaster that retrieves.

    Returns
    -------
    ForecastReport
        `to_table()` for people, `to_json()` for programs.

    Raises
    ------
    DataError
        No windows to learn from or to measure on.

    Examples
    --------
    >>> pairs = tracets.forecast_pairs("plant.csv", horizon=24, context=96, stride=4)
    >>> report = tracets.evaluate_forecast(pairs, n_boot=50)
    >>> print(report.to_table().splitlines()[2])
    | forecaster | MSE | MAE | MASE | CRPS | below .1 / .5 / .9 | MSE less that of the reference |
    """
    from tracets.errors import DataError
    from tracets.evaluate.forecasts import evaluate_forecasts
    from tracets.forecast.backbones import load_backbone
    from tracets.tasks.forecaster import TraceForecaster as Forecaster

    train, test = ([p for p in pairs if p.past.split == part] for part in ("train", "test"))
    if not train or not test:
        raise DataError(
            f"evaluation needs windows of split 'train' and of split 'test', got {len(train)} and {len(test)}. Give a "
            f"split, or longer series."
        )
    if not isinstance(model, str | Path):
        ready: Any = model
    elif is_forecaster(model):
        ready = load_forecaster(model)
    else:
        ready = Forecaster(model=str(model), tuning=tuning, seed=seed).fit(list(pairs))  # type: ignore[arg-type]
    others = [load_backbone(name) for name in ("last-value", "seasonal-naive")]
    return evaluate_forecasts(
        test, [ready, *others], train=train, reference="seasonal-naive", retrieval=retrieval, seed=seed, n_boot=n_boot
    )
