"""Forecasts: fitted, made, drawn and measured. Heavy imports wait for their use."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tracets.files import LIMITS, Limits
from tracets.types import LEVELS, AnyPath, Forecast, Neighbour, Sample

if TYPE_CHECKING:
    from tracets.data.pairs import Pair
    from tracets.data.series import Series
    from tracets.encoders.protocol import PairEncoder
    from tracets.evaluate.forecasts import ForecastReport
    from tracets.forecast.protocol import Backbone
    from tracets.forecast.rag import RagForecaster
    from tracets.retrieval.stored import Index
    from tracets.tasks.forecaster import TraceForecaster

FORECAST_SPLIT = (0.7, 0.1, 0.2)
HELD_OUT = 0.15
"""Share of a history, its end, that a head is chosen by and that a gate learns from."""
FEWEST_STEPS = 96
MOST_WINDOWS = 20_000
GATE_CONTEXT = 256
"""Steps of a past that the backbone is shown while the gate learns, at least, where the history is long enough."""
GATE_WINDOWS = 128
SHORT_HISTORY = 40
"""Windows; fewer than these are worth a warning."""
LOG = logging.getLogger("tracets")


def histories(
    path: AnyPath,
    *,
    channels: Sequence[str] = (),
    reader: str | None = None,
    freq: str | None = None,
    zone: str | None = None,
    limits: Limits = LIMITS,
) -> list[Sample]:
    """Read a file as whole series, one sample each, for forecasting what comes after them.

    Parameters
    ----------
    path : path
        As for `read`. Of Time-MMD's numerical CSV the series is read, not its windows.
    channels : sequence of str
        Only these, in this order; none: all.
    reader, freq, zone, limits
        As for `read`.

    Raises
    ------
    DataError
        What is wrong in the file, or a channel that is not there.
    """
    if (series := _long_series(path, reader=reader, freq=freq, zone=zone, limits=limits)) is not None:
        whole = [one.to_sample() for one in series]
    else:
        from tracets.data import readers

        whole = list(readers.read(path, reader=reader, freq=freq, zone=zone, limits=limits))
    return [_with_channels(sample, channels) for sample in whole]


def default_context(history: Sample, horizon: int) -> int:
    """Steps of a window where nobody says: two seasons, two horizons or 96, whichever is most; at most a quarter of the
    history."""
    from tracets.data.calendar import season_of

    wanted = max(2 * season_of(history.freq), 2 * horizon, FEWEST_STEPS)
    return max(1, min(wanted, history.n_steps // 4))


def fit_forecaster(
    history: Iterable[Sample],
    horizon: int,
    *,
    model: AnyPath = "base",
    context: int | None = None,
    tuning: str = "linear",
    refit: bool = True,
    seed: int = 0,
) -> TraceForecaster:
    """Fit a forecaster on windows of series, the last 15 % of them to choose by, and then once more on all of them.

    Parameters
    ----------
    history : iterable of Sample
        Whole series; windows are cut from each.
    horizon : int
        Steps to forecast.
    model : str or path
        The encoder.
    context : int, optional
        Steps of a window; by default `default_context` of the shortest series.
    tuning : {"linear", "adapter", "full"}
        See `TraceForecaster`. Only "linear" is fitted once more.
    refit : bool, default=True
        Fit once more. Not where `with_neighbours` shall learn from the errors on the windows that were chosen by.

    Returns
    -------
    TraceForecaster
        A `Backbone`; `save_forecaster` keeps it.

    Raises
    ------
    DataError
        A series that is too short for one window and what follows it, or of which nothing can be learnt.
    """
    from tracets.data.pairs import cut_pairs
    from tracets.data.series import series_from_sample
    from tracets.tasks.forecaster import TraceForecaster as Forecaster

    told = list(history)
    steps = context or min((default_context(sample, horizon) for sample in told), default=1)
    series = [series_from_sample(sample) for sample in told]
    room = sum(max(0, s.n_steps - steps - horizon + 1) for s in series)
    pairs = cut_pairs(series, context=steps, horizon=horizon, stride=max(1, -(-room // MOST_WINDOWS)))
    if len(pairs) < SHORT_HISTORY:
        LOG.warning(
            "only %d windows of %d steps to learn from: the forecast is little more than naive", len(pairs), steps
        )
    forecaster = Forecaster(
        horizon, model=str(model), tuning=tuning, context=steps, validation=HELD_OUT,  # type: ignore[arg-type]
        refit=refit and tuning == "linear", seed=seed,
    )  # fmt: skip
    return forecaster.fit(pairs)


def load_backbone(name: str, *, trust_remote_code: bool = False) -> Backbone:
    """A forecaster of others by its name, such as "fracast" or "chronos-bolt:FOLDER"; see docs/backbones.md.

    Raises
    ------
    NotFound
        No such family, or no such checkpoint.
    MissingExtra
        Its package is not installed.
    """
    from tracets.forecast.backbones import load_backbone as load

    return load(name, trust_remote_code=trust_remote_code)


def with_neighbours(
    forecaster: Backbone,
    index: Index,
    encoder: PairEncoder,
    history: Sequence[Sample],
    horizon: int,
    *,
    retrieval: Literal["series", "series+text"] = "series",
    top: int = 8,
) -> RagForecaster:
    """Let what followed the most similar windows of an index add to a forecaster, as far as that has paid.

    The gate learns from the last 15 % of the history, which the heads of `fit_forecaster` are chosen by. It stays shut
    where errors do not fall there beyond chance, or where the history is too short to say; see `tracets.forecast.rag`.

    Parameters
    ----------
    forecaster : Backbone
        Not one that was fitted to the end of the same history: it would seem better there than it is.
    index, encoder
        Windows with start and freq, of which some follow others; the model that the index was built with.
    history : sequence of Sample
        Whole series.

    Raises
    ------
    IndexFolderError
        The index was built with another model.
    DataError
        No window of the index is followed by another of its series.
    """
    from tracets.data.pairs import cut_pairs, in_time_order
    from tracets.data.series import series_from_sample
    from tracets.errors import DataError
    from tracets.forecast.neighbours import Memory
    from tracets.forecast.rag import RagForecaster as Rag

    rag = Rag(forecaster, Memory.of_index(index, encoder, horizon), retrieval=retrieval, top=top)
    shortest = min(sample.n_steps for sample in history)
    context = min(max(rag.memory.n_steps, GATE_CONTEXT), shortest // 2)
    try:
        pairs = cut_pairs([series_from_sample(sample) for sample in history], context=context, horizon=horizon)
    except DataError:
        LOG.warning("the history is too short to learn what neighbours are worth: they are left aside")
        return rag
    late = in_time_order(pairs)[-max(round(HELD_OUT * len(pairs)), 1) :]
    return rag.fit(late[:: max(1, len(late) // GATE_WINDOWS)])


def neighbours_in(index: Index, encoder: PairEncoder, horizon: int, *, top: int = 8) -> RagForecaster:
    """What can be asked for the windows of an index that others are like, and what followed: `neighbours(samples)`.

    All values of the index are read into memory: keep it while you ask.

    Raises
    ------
    IndexFolderError
        The index was built with another model.
    DataError
        No window of the index is followed by another.
    """
    from tracets.forecast.backbones import load_backbone as load
    from tracets.forecast.neighbours import Memory
    from tracets.forecast.rag import RagForecaster as Rag

    return Rag(load("last-value"), Memory.of_index(index, encoder, horizon), top=top)


def is_forecaster(path: AnyPath) -> bool:
    """Whether a folder holds a fitted forecaster, as `save_forecaster` writes it."""
    from tracets.tasks.forecaster_folder import is_forecaster as is_one

    return is_one(path)


def load_forecaster(path: AnyPath) -> TraceForecaster:
    """Read a fitted forecaster. Raises NotFound or ModelError where it or its encoder is missing or damaged."""
    from tracets.tasks.forecaster_folder import load_forecaster as load

    return load(path)


def save_forecaster(forecaster: TraceForecaster, path: AnyPath) -> None:
    """Write a fitted forecaster to a folder: config.json and head.safetensors, and its encoder where that was tuned."""
    from tracets.tasks.forecaster_folder import save_forecaster as save

    save(forecaster, path)


def forecast(
    history: Sequence[Sample], horizon: int, *, model: AnyPath | Backbone = "base", context: int | None = None
) -> list[Forecast]:
    """Continue series by `horizon` steps each.

    Parameters
    ----------
    history : sequence of Sample
        Whole series, or windows.
    model : str, path or Backbone, default="base"
        A forecaster that is ready, the folder of one, or an encoder: then a head is fitted on the series themselves
        (`fit_forecaster`).
    context : int, optional
        For an encoder: see `fit_forecaster`.

    Raises
    ------
    DataError
        Series that are too short, or of which nothing can be learnt.
    ConfigError
        A horizon that the forecaster cannot reach.

    Examples
    --------
    >>> [ahead] = forecast(histories("load.csv"), horizon=24)  # doctest: +SKIP
    >>> ahead.quantiles.shape  # doctest: +SKIP
    (9, 2, 24)
    """
    if not isinstance(model, str | Path):
        ready: Any = model
    elif is_forecaster(model):
        ready = load_forecaster(model)
    else:
        ready = fit_forecaster(history, horizon, model=model, context=context)
    found: list[Forecast] = ready.forecast(history, horizon)
    return found


def forecast_to_json(forecast: Forecast) -> dict[str, Any]:
    """A forecast as one line of `tracets forecast --json`."""
    return {
        "id": forecast.id,
        "start": None if forecast.start is None else forecast.start.isoformat(),
        "freq": forecast.freq,
        "levels": list(LEVELS),
        "channels": {
            name: {"mean": forecast.mean[c].tolist(), "quantiles": forecast.quantiles[:, c].tolist()}
            for c, name in enumerate(forecast.channel_names)
        },
        "neighbours": list(forecast.neighbours),
    }


def forecast_frame(forecasts: Sequence[Forecast]) -> Any:
    """Forecasts as a pandas frame, a row a step: id, time (or step, from 1), channel, mean, and a column a level."""
    import pandas as pd

    from tracets.data.calendar import to_offset

    rows = []
    for one in forecasts:
        steps: Any = range(1, one.horizon + 1)
        if one.start is not None and one.freq is not None:
            steps = pd.date_range(one.start, periods=one.horizon, freq=to_offset(one.freq))
        for c, name in enumerate(one.channel_names):
            told = {"id": one.id, "time": steps, "channel": name, "mean": one.mean[c]}
            rows.append(pd.DataFrame(told | {f"q{level:g}": one.quantiles[k, c] for k, level in enumerate(LEVELS)}))
    return pd.concat(rows, ignore_index=True)


def plot_forecasts(
    forecasts: Sequence[Forecast],
    history: Sequence[Sample],
    path: AnyPath,
    *,
    truth: Mapping[str, Any] | None = None,
    neighbours: Sequence[Sequence[Neighbour]] = (),
) -> None:
    """Draw forecasts after the last steps of their series in one HTML page that needs no network.

    `truth`: id -> what followed, (n_channels, horizon), where it is known. `neighbours`: of each series in `history`,
    as `RagForecaster.neighbours(history)` gives them.
    """
    from tracets import plots

    like = {sample.id: found for sample, found in zip(history, neighbours, strict=bool(neighbours))}
    plots.plot_forecasts(forecasts, history, path, truth=truth or {}, neighbours=like)


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

    Long series are cut every `stride` steps and split by time in the shares of `split`; windows of a corpus are parted
    into their last `horizon` steps and `context` steps before them, and keep their split.
    """
    from tracets.data.pairs import cut_pairs, pairs_of_windows
    from tracets.data.windows import split_by_fractions

    series = _long_series(path, limits=limits)
    if series is None:
        windows = histories(path, channels=channels, limits=limits)
        return pairs_of_windows(windows, horizon=horizon, context=context)
    from tracets.data.series import series_from_sample

    chosen = [series_from_sample(_with_channels(one.to_sample(), channels)) for one in series]
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
    retrieval : str
        Goes into the report, for a forecaster that retrieves.

    Raises
    ------
    DataError
        No windows to learn from or to measure on.
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


def _long_series(
    path: AnyPath,
    *,
    reader: str | None = None,
    freq: str | None = None,
    zone: str | None = None,
    limits: Limits = LIMITS,
) -> list[Series] | None:
    """The long series of a file; None where it holds windows."""
    from tracets.data import readers
    from tracets.data.time_mmd import is_time_mmd, read_numbers

    file = Path(path)
    if reader in (None, "time-mmd") and is_time_mmd(file):
        return [read_numbers(file, limits=limits)]
    if reader is None and file.suffix.lower() in (".parquet", ".pq"):
        return None
    return readers.read_series(file, reader=reader, freq=freq, zone=zone, limits=limits)


def _with_channels(sample: Sample, channels: Sequence[str]) -> Sample:
    from dataclasses import replace

    from tracets.errors import DataError

    if not channels:
        return sample
    place = {name.casefold(): c for c, name in enumerate(sample.channel_names)}
    unknown = [name for name in channels if name.casefold() not in place]
    if unknown:
        raise DataError(
            f"series '{sample.id}' has no channel '{unknown[0]}'. It has {', '.join(sample.channel_names)}."
        )
    chosen = [place[name.casefold()] for name in channels]
    return replace(
        sample,
        values=sample.values[chosen],
        channel_names=tuple(sample.channel_names[c] for c in chosen),
        units=tuple(sample.units[c] for c in chosen),
        channel_texts=tuple(sample.channel_texts[c] for c in chosen),
    )
