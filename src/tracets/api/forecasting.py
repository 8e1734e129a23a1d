"""Forecasts: fitted, made, drawn and measured. Heavy imports wait for their use."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tracets.files import LIMITS, Limits
from tracets.types import AnyPath, Forecast, Sample

if TYPE_CHECKING:
    from tracets.data.series import Series
    from tracets.encoders.protocol import PairEncoder
    from tracets.forecast.protocol import Backbone
    from tracets.forecast.rag import RagForecaster
    from tracets.retrieval.stored import Index
    from tracets.tasks.forecaster import TraceForecaster

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

    Returns
    -------
    list of Sample
        Whole series.

    Raises
    ------
    DataError
        What is wrong in the file, or a channel that is not there.

    Examples
    --------
    >>> [history] = tracets.histories("plant.csv", channels=["load"])
    >>> history.values.shape
    (1, 960)
    """
    if (series := long_series(path, reader=reader, freq=freq, zone=zone, limits=limits)) is not None:
        whole = [one.to_sample() for one in series]
    else:
        from tracets.data import readers

        whole = list(readers.read(path, reader=reader, freq=freq, zone=zone, limits=limits))
    return [with_channels(sample, channels) for sample in whole]


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
    seed : int, default=0
        Of trainings; "linear" draws nothing.

    Returns
    -------
    TraceForecaster
        A `Backbone`; `save_forecaster` keeps it.

    Raises
    ------
    DataError
        A series that is too short for one window and what follows it, or of which nothing can be learnt.

    Examples
    --------
    >>> forecaster = tracets.fit_forecaster(tracets.histories("plant.csv"), horizon=24)
    >>> [ahead] = forecaster.forecast(tracets.histories("plant.csv"), 24)
    >>> ahead.mean.shape
    (2, 24)
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

    Parameters
    ----------
    name : str
        A family, and a checkpoint where it takes one: "seasonal-naive", "chronos-bolt:FOLDER".
    trust_remote_code : bool, default=False
        Let a checkpoint run code of its own.

    Returns
    -------
    Backbone
        Its `forecast(pasts, horizon)` gives a `Forecast` a window.

    Raises
    ------
    NotFound
        No such family, or no such checkpoint.
    MissingExtra
        Its package is not installed.

    Examples
    --------
    >>> tracets.load_backbone("seasonal-naive").name
    'seasonal-naive'
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
    horizon : int
        Steps to forecast.
    retrieval : "series" or "series+text", default="series"
        What neighbours are found by.
    top : int, default=8
        Neighbours, at least 1.

    Returns
    -------
    RagForecaster
        A `Backbone`.

    Raises
    ------
    IndexFolderError
        The index was built with another model.
    DataError
        No window of the index is followed by another of its series.

    Examples
    --------
    >>> history = tracets.histories("plant.csv")
    >>> naive = tracets.load_backbone("seasonal-naive")
    >>> rag = tracets.with_neighbours(naive, index, model, history, horizon=24)
    >>> [ahead] = rag.forecast(history, 24)
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

    Parameters
    ----------
    index, encoder
        Windows with start and freq, of which some follow others; the model that the index was built with.
    horizon : int
        Steps that followed.
    top : int, default=8
        Neighbours, at least 1.

    Returns
    -------
    RagForecaster
        Its `neighbours(samples)` gives a tuple of `Neighbour` a window, nearest first.

    Raises
    ------
    IndexFolderError
        The index was built with another model.
    DataError
        No window of the index is followed by another.

    Examples
    --------
    >>> rag = tracets.neighbours_in(index, model, horizon=24, top=3)
    >>> [found] = rag.neighbours([corpus[30]])
    >>> len(found)
    3
    """
    from tracets.forecast.backbones import load_backbone as load
    from tracets.forecast.neighbours import Memory
    from tracets.forecast.rag import RagForecaster as Rag

    return Rag(load("last-value"), Memory.of_index(index, encoder, horizon), top=top)


def is_forecaster(path: AnyPath) -> bool:
    """Whether a folder holds a fitted forecaster, as `save_forecaster` writes it.

    Parameters
    ----------
    path : path
        Any.

    Examples
    --------
    >>> tracets.is_forecaster("days.index")
    False
    """
    from tracets.tasks.forecaster_folder import is_forecaster as is_one

    return is_one(path)


def load_forecaster(path: AnyPath) -> TraceForecaster:
    """Read a fitted forecaster.

    Parameters
    ----------
    path : path
        As `save_forecaster` wrote it.

    Returns
    -------
    TraceForecaster
        A `Backbone`.

    Raises
    ------
    NotFound
        It or its encoder is missing.
    ModelError
        A damaged folder.

    Examples
    --------
    >>> fitted = tracets.fit_forecaster(tracets.histories("plant.csv"), horizon=24)
    >>> tracets.save_forecaster(fitted, "plant-forecaster")
    >>> tracets.load_forecaster("plant-forecaster").name == fitted.name
    True
    """
    from tracets.tasks.forecaster_folder import load_forecaster as load

    return load(path)


def save_forecaster(forecaster: TraceForecaster, path: AnyPath) -> None:
    """Write a fitted forecaster to a folder: config.json and head.safetensors, and its encoder where that was tuned.

    Parameters
    ----------
    forecaster : TraceForecaster
        Fitted.
    path : path
        A new folder.

    Examples
    --------
    >>> fitted = tracets.fit_forecaster(tracets.histories("plant.csv"), horizon=12)
    >>> tracets.save_forecaster(fitted, "half-days")
    >>> tracets.is_forecaster("half-days")
    True
    """
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
    horizon : int
        Steps to forecast, at least 1.
    model : str, path or Backbone, default="base"
        A forecaster that is ready, the folder of one, or an encoder: then a head is fitted on the series themselves
        (`fit_forecaster`).
    context : int, optional
        For an encoder: see `fit_forecaster`.

    Returns
    -------
    list of Forecast
        One a series, in raw units.

    Raises
    ------
    DataError
        Series that are too short, or of which nothing can be learnt.
    ConfigError
        A horizon that the forecaster cannot reach.

    Examples
    --------
    >>> from tracets import api  # tracets.forecast is the package's room of forecasts
    >>> [ahead] = api.forecast(tracets.histories("plant.csv"), horizon=24)
    >>> ahead.quantiles.shape
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


def long_series(
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


def with_channels(sample: Sample, channels: Sequence[str]) -> Sample:
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
