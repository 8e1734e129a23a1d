"""`tracets forecast` and `tracets evaluate forecast`: from a file to numbers, and bad input."""

import csv
import json
from datetime import datetime, timedelta

import numpy as np
import pytest

from tracets import api

H = 6


def write(path, columns, *, begin=datetime(2021, 3, 1), step=timedelta(hours=1)):
    n = len(next(iter(columns.values())))
    lines = [",".join(["time", *columns])]
    for i in range(n):
        cells = ["" if np.isnan(values[i]) else f"{values[i]:.4f}" for values in columns.values()]
        lines.append(",".join([f"{begin + i * step:%Y-%m-%d %H:%M}", *cells]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def plant(tmp_path_factory):
    """Ten days of hourly load, a daily wave, beside a temperature."""
    rng, steps = np.random.default_rng(0), np.arange(240)
    load = 100 + 10 * np.sin(2 * np.pi * steps / 24) + 0.3 * rng.normal(size=240)
    columns = {"load [MW]": load, "temperature [°C]": 8 + steps / 20}
    return write(tmp_path_factory.mktemp("plant") / "plant.csv", columns)


@pytest.fixture(scope="module")
def kept(tmp_path_factory, plant, model_folder):
    """A forecaster of the load that was fitted before."""
    folder = tmp_path_factory.mktemp("forecasters") / "kept"
    api.save_forecaster(api.fit_forecaster(api.histories(plant, channels=["load"]), H, model=model_folder), folder)
    return folder


def wave(begin):
    return 100 + 10 * np.sin(2 * np.pi * (begin + np.arange(H)) / 24)


@pytest.mark.slow
def test_a_forecast_from_a_file_alone(tracets, plant, model_folder):
    result = tracets("forecast", model_folder, "--series", plant, "--horizon", H, "--json")
    assert result.code == 0 and result.out.count("\n") == 1
    found = json.loads(result.out)
    assert (found["id"], found["start"], found["freq"]) == ("plant", "2021-03-11T00:00:00", "h")
    assert list(found["channels"]) == ["load", "temperature"] and len(found["levels"]) == 9
    load = found["channels"]["load"]
    assert np.abs(np.array(load["mean"]) - wave(240)).max() < 2
    quantiles = np.array(load["quantiles"])
    assert quantiles.shape == (9, H) and (np.diff(quantiles, axis=0) >= 0).all()
    assert result.err.startswith("fitted on ") and "reads the last" in result.err


@pytest.mark.slow
def test_a_forecaster_is_kept_drawn_and_asked_again(tracets, plant, model_folder, tmp_path):
    kept, out, plot = (tmp_path / name for name in ("kept", "out.csv", "out.html"))
    first = tracets("forecast", model_folder, "--series", plant, "--horizon", H, "--channel", "load",
                    "--save", kept, "--out", out, "--plot", plot)  # fmt: skip
    assert (first.code, first.out) == (0, "") and f"wrote {H} rows to {out}" in first.err
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["time"] for row in rows][:2] == ["2021-03-11 00:00:00", "2021-03-11 01:00:00"]
    assert list(rows[0]) == ["id", "time", "channel", "mean", *(f"q0.{i}" for i in range(1, 10))]
    assert "Plotly.newPlot" in plot.read_text(encoding="utf-8")

    again = tracets("forecast", kept, "--series", plant, "--horizon", 3, "--channel", "load", "--json")
    assert (again.code, again.err) == (0, "")
    told = json.loads(again.out)["channels"]["load"]["mean"]
    np.testing.assert_allclose(told, [float(row["mean"]) for row in rows[:3]], rtol=1e-5)


def test_the_table_has_a_row_a_step(tracets, plant, kept):
    result = tracets("forecast", kept, "--series", plant, "--horizon", 3, "--channel", "load")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0].startswith("plant, from 2021-03-11 00:00 by h")
    assert [line.split()[0] for line in lines[-3:]] == ["1", "2", "3"] and " to " in lines[-1]


def test_channels_that_tell_nothing_are_continued_flat(tracets, tmp_path, kept):
    steps = np.arange(120.0)
    columns = {"wave": np.sin(steps / 4), "flat": np.full(120, 7.0), "gone": np.full(120, np.nan)}
    result = tracets("forecast", kept, "--series", write(tmp_path / "odd.csv", columns), "--horizon", 2, "--json")
    found = json.loads(result.out)["channels"]
    assert found["flat"]["mean"] == [7, 7] and found["gone"]["mean"] == [0, 0]
    assert found["flat"]["quantiles"] == [[7, 7]] * 9 and np.isfinite(found["wave"]["mean"]).all()


def test_bad_input_is_named_with_the_fix(refused, tracets, plant, model_folder, tmp_path):
    forecast = ("forecast", model_folder, "--series")
    assert "has no channel 'rain'. It has load, temperature" in refused(
        *forecast, plant, "--horizon", 2, "--channel", "rain"
    )
    assert "no window of 60 steps with 500 after it: the longest of 1 series has 240" in refused(
        *forecast, plant, "--horizon", 500
    )
    assert "no window of 250 steps with 2 after it" in refused(*forecast, plant, "--horizon", 2, "--context", 250)
    flat = write(tmp_path / "flat.csv", {"load": np.full(96, 5.0)})
    assert "no window to learn from: in each of them every channel is constant" in refused(
        *forecast, flat, "--horizon", 2
    )
    (tmp_path / "empty.csv").write_text("")
    assert "empty" in refused(*forecast, tmp_path / "empty.csv", "--horizon", 2)
    assert "no such file" in refused(*forecast, tmp_path / "nothing.csv", "--horizon", 2)
    assert "tuning must be one of linear" in refused(*forecast, plant, "--horizon", 2, "--tuning", "some")


def test_a_fitted_forecaster_says_what_it_cannot(refused, plant, kept, tmp_path):
    assert f"fitted for {H} steps, 9 were asked for" in refused("forecast", kept, "--series", plant, "--horizon", 9)
    short = write(tmp_path / "short.csv", {"load": np.arange(5.0)})
    assert "window 'short' has 5 steps; forecaster" in refused("forecast", kept, "--series", short, "--horizon", 4)


def test_options_of_a_fit_are_not_for_a_fitted_one(refused, plant, kept):
    forecast = ("forecast", kept, "--series", plant, "--horizon", 2)
    for options in (("--context", 24), ("--tuning", "full")):
        assert "is fitted already: --context and --tuning are for a fit" in refused(*forecast, *options)


def test_a_short_history_is_warned_of(tracets, tmp_path, model_folder):
    steps = np.arange(40)
    result = tracets(
        "forecast", model_folder, "--series", write(tmp_path / "s.csv", {"a": np.sin(steps / 3)}), "--horizon", 4
    )
    assert result.code == 0 and "only 27 windows of 10 steps to learn from" in result.err


@pytest.mark.slow
def test_evaluation_of_long_series(tracets, plant, model_folder):
    evaluate = ("evaluate", "forecast", plant, "--model", model_folder, "--horizon", H, "--context", 48, "--n-boot", 20)
    result = tracets(*evaluate, "--channel", "load", "--json")
    assert (result.code, result.err, result.out.count("\n")) == (0, "", 1)
    found = json.loads(result.out)
    assert {"horizon", "n", "mse", "mae", "mase", "crps", "scale", "retrieval", "paired"} <= set(found)
    assert found["horizon"] == H and found["n"] == 240 - 192 - H + 1 and found["retrieval"] == "none"
    assert found["mse"] < found["others"]["last-value"]["mse"]


def test_a_table_of_an_evaluation(tracets, plant, kept):
    evaluate = ("evaluate", "forecast", plant, "--model", kept, "--horizon", H, "--context", 60, "--n-boot", 20)
    table = tracets(*evaluate, "--split", "0.5,0.25,0.25", "--stride", 3, "--channel", "load").out
    assert f"{(60 - H) // 3 + 1} windows, horizon {H}." in table and "| last-value |" in table


@pytest.mark.slow
def test_evaluation_of_a_corpus_keeps_its_splits(tracets, corpus_file, model_folder):
    result = tracets(
        "evaluate", "forecast", corpus_file, "--model", model_folder, "--horizon", 4, "--n-boot", 20, "--json"
    )
    assert result.code == 0 and json.loads(result.out)["n"] == 2


def test_evaluation_names_what_is_wrong(refused, plant, model_folder):
    evaluate = ("evaluate", "forecast", plant, "--model", model_folder, "--horizon", H)
    assert "must read as 0.7,0.1,0.2" in refused(*evaluate, "--split", "most")
    assert "split fractions must be >= 0 and sum to 1" in refused(*evaluate, "--split", "0.7,0.1,0.1")
    assert "has no channel 'x'" in refused(*evaluate, "--channel", "x")
    assert "split 'train' and of split 'test', got" in refused(*evaluate, "--split", "1,0,0")


@pytest.fixture(scope="module")
def bumps(tmp_path_factory, model_folder):
    """A flat series whose rises are always followed by the same fall: 40 days in an index, the next 40 in a file."""
    folder, n = tmp_path_factory.mktemp("bumps"), 80 * 24
    level = 0.05 * np.random.default_rng(0).normal(size=n)
    for day in range(0, n, 24):
        level[day + 9 : day + 12] += [1, 2, 3]
        level[day + 12 : day + 16] += [6, -6, 6, -6]
    level = level[:-12]  # the last rise is all that is known of the last day
    past = write(folder / "past.csv", {"level": level[: n // 2]}, begin=datetime(2021, 1, 1))
    now = write(folder / "now.csv", {"level": level[n // 2 :]}, begin=datetime(2021, 1, 1) + timedelta(hours=n // 2))
    windows = api.windows(past, length=12, stride=4, min_observed=0)
    api.build_index(windows, api.load(model_folder, backend="torch"), folder / "past.index")
    return now, folder / "past.index"


@pytest.mark.slow
def test_what_followed_the_neighbours_is_mixed_in(tracets, bumps, model_folder):
    now, index = bumps
    asked = ["forecast", model_folder, "--series", now, "--horizon", 4, "--backbone", "last-value", "--json"]
    alone, helped = (tracets(*asked, *more) for more in ([], ["--index", index]))
    plain, mixed = (json.loads(result.out) for result in (alone, helped))
    assert alone.err == "" and plain["neighbours"] == []
    assert "neighbours of 237 windows is mixed in: squared error -" in helped.err
    assert len(mixed["neighbours"]) == 8 and mixed["neighbours"][0].startswith("past-2021-")
    truth = np.array([6, -6, 6, -6])
    errors = [np.abs(np.array(found["channels"]["level"]["mean"]) - truth).mean() for found in (plain, mixed)]
    assert errors[1] < 0.5 * errors[0]
    none = tracets(*asked, "--index", index, "--retrieval", "none")
    assert json.loads(none.out) == plain


def test_a_backbone_has_no_head_to_keep(refused, plant, model_folder, tmp_path):
    asked = ["forecast", model_folder, "--series", plant, "--horizon", H, "--backbone"]
    assert "Leave one of the two out" in refused(*asked, "last-value", "--save", tmp_path / "x")
    assert "no backbone" in refused(*asked, "nobody")
