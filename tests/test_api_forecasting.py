"""The front door to forecasts: series from files, contexts, pairs, frames and JSON."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tracets import api
from tracets.api.forecasting import default_context
from tracets.errors import DataError
from tracets.forecast.backbones import load_backbone
from tracets.types import LEVELS, Sample

START = datetime(2020, 1, 1, tzinfo=UTC)


def sample(n, freq="h", names=("a",)):
    return Sample("x", np.arange(n * len(names), dtype=float).reshape(len(names), n), names, start=START, freq=freq)


def test_the_context_is_two_seasons_two_horizons_or_96_steps_and_a_quarter_at_most():
    assert default_context(sample(2000), 24) == 96
    assert default_context(sample(2000), 100) == 200
    assert default_context(sample(2000, "W-MON"), 12) == 104
    assert default_context(sample(200), 24) == 50 and default_context(sample(3), 1) == 1


def test_long_series_of_time_mmd_are_read_whole(shared_data):
    [whole] = api.histories(shared_data / "time_mmd/raw/Energy.csv", channels=["u.s. gasoline price"])
    assert whole.values.shape == (1, 1622) and whole.channel_names == ("U.S. gasoline price",)


def test_channels_are_chosen_in_the_order_asked_for(tmp_path):
    file = tmp_path / "two.csv"
    file.write_text("time,a [m],b\n" + "".join(f"2020-01-{d:02d},{d},{2 * d}\n" for d in range(1, 9)))
    [found] = api.histories(file, channels=["b", "A"])
    assert found.channel_names == ("b", "a") and found.units == (None, "m")
    assert found.values[:, 0].tolist() == [2, 1]
    with pytest.raises(DataError, match="series 'two' has no channel 'c'. It has a, b"):
        api.histories(file, channels=["c"])


def test_pairs_of_a_file_are_split_by_time(tmp_path):
    file = tmp_path / "days.csv"
    file.write_text("time,a\n" + "".join(f"{START + timedelta(hours=i):%Y-%m-%d %H:%M},{i}\n" for i in range(100)))
    pairs = api.forecast_pairs(file, horizon=5, context=10, stride=5)
    assert [p.past.split for p in pairs] == ["train"] * 11 + ["val"] * 2 + ["test"] * 4
    assert pairs[-1].future[0].tolist() == [95, 96, 97, 98, 99]


def test_pairs_of_a_corpus_keep_their_split(corpus_file):
    pairs = api.forecast_pairs(corpus_file, horizon=6, context=12, channels=["rain"])
    assert [p.past.split for p in pairs] == ["train"] * 8 + ["val"] * 2 + ["test"] * 2
    past = pairs[0].past
    assert past.values.shape == (1, 12) and past.start.hour == 6 and pairs[0].first == 6 and pairs[0].horizon == 6
    with pytest.raises(DataError, match="window 'day-0' has 24 steps, none before a horizon of 24"):
        api.forecast_pairs(corpus_file, horizon=24)


def test_any_backbone_may_forecast():
    [found] = api.forecast([sample(48)], 3, model=load_backbone("last-value"))
    assert found.mean.tolist() == [[47, 47, 47]]


def test_a_forecast_as_a_frame_and_as_json():
    found = api.forecast([sample(48, names=("a", "b"))], 2, model=load_backbone("last-value"))
    frame = api.forecast_frame(found)
    assert list(frame.columns) == ["id", "time", "channel", "mean", *(f"q{level:g}" for level in LEVELS)]
    assert frame["channel"].tolist() == ["a", "a", "b", "b"] and frame["mean"].tolist() == [47, 47, 95, 95]
    assert frame["time"].iloc[0] == START + timedelta(hours=48)
    told = api.forecast_to_json(found[0])
    assert told["start"] == "2020-01-03T00:00:00+00:00" and told["channels"]["b"]["mean"] == [95, 95]
    unknown = api.forecast([sample(48, freq=None)], 2, model=load_backbone("last-value"))
    assert api.forecast_frame(unknown)["time"].tolist() == [1, 2]


def test_evaluation_needs_all_parts():
    series = [sample(60)]
    from tracets.data.pairs import pairs_of_windows

    with pytest.raises(DataError, match="split 'train' and of split 'test', got 0 and 0"):
        api.evaluate_forecast(pairs_of_windows(series, horizon=5))
