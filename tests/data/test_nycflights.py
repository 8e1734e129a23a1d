"""The default weather: real numbers, checked against the raw file by the standard library."""

import csv
import math
import statistics
from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tracets.data.nycflights import CHANNELS, nyc_weather, weather_corpus, weather_file, weather_label, weather_windows
from tracets.errors import ConfigError
from tracets.types import Sample


@pytest.fixture(scope="module")
def stations():
    return nyc_weather()


@pytest.fixture(scope="module")
def corpus():
    return weather_corpus()


@pytest.fixture(scope="module")
def raw():
    with weather_file().open() as file:
        return {(r["origin"], datetime.fromisoformat(r["time_hour"])): r for r in csv.DictReader(file)}


@pytest.mark.slow
def test_every_value_is_the_raw_one_in_si_units(stations, raw):
    convert = {
        "temperature": lambda r: (float(r["temp"]) - 32) / 1.8,
        "dew point": lambda r: (float(r["dewp"]) - 32) / 1.8,
        "relative humidity": lambda r: float(r["humid"]),
        "wind speed": lambda r: float(r["wind_speed"]) * 1609.344 / 3600,
        "precipitation": lambda r: float(r["precip"]) * 25.4,
        "pressure": lambda r: float(r["pressure"]),
        "visibility": lambda r: float(r["visib"]) * 1.609344,
    }
    assert [s.id for s in stations] == ["EWR", "JFK", "LGA"]
    differing = []
    for series in stations:
        assert series.values.shape == (7, 8760) and series.channel_names == tuple(convert) == tuple(CHANNELS)
        assert series.units == ("°C", "°C", "%", "m/s", "mm", "hPa", "km") and series.metadata == {"entity": series.id}
        time = datetime(2013, 1, 1, 5, tzinfo=UTC)  # midnight in New York
        for step in range(0, 8760):
            row = raw.get((series.id, time))
            for name, got in zip(convert, series.values[:, step], strict=True):
                try:
                    want = convert[name](row)
                except (ValueError, TypeError):  # "NA", or no row for this hour
                    want = math.nan
                if not (math.isnan(got) and math.isnan(want)) and not abs(got - want) < 2e-3:
                    differing.append((series.id, time.isoformat(), name))
            time += timedelta(hours=1)
    assert differing == [
        ("EWR", "2013-02-12T08:00:00+00:00", "wind speed"),
        ("JFK", "2013-05-09T02:00:00+00:00", "temperature"),
        ("JFK", "2013-05-09T02:00:00+00:00", "dew point"),
    ]


def test_the_outliers_are_gaps(stations):
    wind = stations[0].values[list(CHANNELS).index("wind speed")]
    assert np.nanmax(wind) < 20 and stations[0].times[0].isoformat() == "2013-01-01T00:00:00-05:00"
    assert stations[0].times[-1].isoformat() == "2013-12-31T23:00:00-05:00"


def test_the_default_corpus(corpus):
    assert Counter(corpus.column("split")) == {"train": 1272, "val": 144, "test": 258}
    assert Counter(corpus.column("entity")) == dict.fromkeys(["EWR", "JFK", "LGA"], 558)
    assert corpus.ids[:2] == ["EWR-2013-01-01T00", "EWR-2013-01-01T12"] and "EWR-2013-10-03T00" in corpus.ids
    first = corpus[0]
    assert first.values.shape == (7, 168) and first.freq == "h" and first.domain == "weather"
    assert first.start.isoformat() == "2013-01-01T00:00:00-05:00" and first.start.tzinfo.key == "America/New_York"


def test_no_split_overlaps_another(corpus):
    spans = {}
    for start, split in zip(corpus.column("start"), corpus.column("split"), strict=True):
        begin = start.astimezone(UTC)
        low, high = spans.get(split, (begin, begin))
        spans[split] = min(low, begin), max(high, begin + timedelta(hours=168))
    assert spans["train"][1] <= spans["val"][0] < spans["val"][1] <= spans["test"][0]


def test_labels_are_spread(corpus):
    for split, share in {"train": 0.3, "test": 0.4}.items():
        counts = Counter(corpus.split(split).column("label"))
        assert len(counts) >= 6 and max(counts.values()) < share * sum(counts.values()), counts


@pytest.mark.slow
def test_coarser_resolutions():
    corpus = weather_corpus(resolutions=["4-hourly", "daily"])
    assert set(zip(corpus.column("freq"), corpus.column("split"), strict=True)) == {
        ("4h", "train"), ("4h", "val"), ("4h", "test"), ("D", "train"),
    }  # fmt: skip
    assert corpus[0].id == "EWR-4h-2013-01-01T00" and corpus[0].metadata == {"entity": "EWR"}
    assert corpus[len(corpus) - 1].values.shape == (7, 180)
    with pytest.raises(ConfigError, match=r"unknown resolutions \['weekly'\]; choose some of hourly, 4-hourly, daily"):
        weather_corpus(resolutions=["weekly"])


@pytest.mark.slow
def test_four_hours_are_a_mean_and_precipitation_a_sum(stations):
    coarse = weather_windows(resolutions=["4-hourly"]).samples[0]
    hours = stations[0].values[:, 4:8].astype(float)
    for name, want, row in zip(CHANNELS, coarse.values[:, 1], hours, strict=True):
        assert want == pytest.approx((sum if name == "precipitation" else statistics.fmean)(row.tolist()), rel=1e-5)


BASE = {"temperature": 10.0, "dew point": 5.0, "relative humidity": 50.0, "wind speed": 4.0, "precipitation": 0.0,
        "pressure": 1015.0, "visibility": 16.0}  # fmt: skip


@pytest.mark.parametrize(
    ("channel", "values", "label"),
    [
        ("precipitation", [30], "heavy rain"), ("precipitation", [29, 0.5], "rain"), ("precipitation", [4.9], "fair"),
        ("temperature", [-3], "freezing"), ("temperature", [-2.9], "fair"), ("temperature", [32], "hot"),
        ("wind speed", [12.5], "windy"), ("visibility", [1.9] * 6, "low visibility"), ("visibility", [1.9] * 5, "fair"),
        ("temperature", [np.nan] * 168, "fair"),
    ],
)  # fmt: skip
def test_label_rules(channel, values, label):
    table = np.repeat(np.array([*BASE.values()], np.float32)[:, None], 168, axis=1)
    table[list(BASE).index(channel), : len(values)] = values
    assert weather_label(Sample("x", table, tuple(BASE), freq="h")) == label
