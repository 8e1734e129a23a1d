"""The paper's tables by one call: resumed by rows, honest about what is missing, equal to what the front measures."""

import json
from pathlib import Path

import pytest

from tracets import api, reproduction
from tracets.config import load_settings
from tracets.errors import ConfigError, DataError, MissingExtra, NotFound, NothingMade
from tracets.reproduction import sources, trainings
from tracets.tables.table import SIZES, Line, Panel, Size, Step, Table

DAYS = Size("smoke", train=4, val=1, test=9)


@pytest.fixture
def toy(monkeypatch):
    """A table of two steps that says how often each was made."""
    made, refusals = [], {}

    def steps(given, size, seed):
        def step(source, name):
            def make():
                made.append((source.name, name, seed))
                if name in refusals:
                    raise refusals[name]
                return [Line(name, {"all": {"n": [float(len(source.windows))]}})]

            return Step(source.name, source.digest, name, make)

        return [step(source, name) for source in given for name in ("first", "second")]

    table = Table("toy", "A toy", "Counts.", (), (), (Panel("all", ("n",)),), steps)
    monkeypatch.setattr(reproduction, "TABLES", {"toy": table})
    monkeypatch.setattr(reproduction, "FIGURES", {})
    return made, refusals


@pytest.mark.slow
def test_rows_that_stand_are_not_made_again(toy, corpus_file, other_corpus, tmp_path):
    made, _ = toy
    first = api.reproduce("toy", tmp_path, data=[corpus_file])
    assert made == [("days", "first", 0), ("days", "second", 0)]
    again = api.reproduce("toy", tmp_path, data=[corpus_file])
    assert len(made) == 2 and again.to_markdown() == first.to_markdown()
    assert [line.figures["all"]["n"] for _, line in again.rows] == [[12.0], [12.0]]
    api.reproduce("toy", tmp_path, data=[corpus_file], seed=1)
    api.reproduce("toy", tmp_path, data=[corpus_file], size="cpu")
    assert len(made) == 6
    api.reproduce("toy", tmp_path, data=[other_corpus])  # another text, under another name
    assert len(made) == 8


@pytest.mark.slow
def test_other_data_under_the_same_name_are_measured_anew(toy, corpus_file, tmp_path):
    made, _ = toy
    path = tmp_path / "days.parquet"
    api.write(api.read(corpus_file), path)
    api.reproduce("toy", tmp_path, data=[path])
    api.write(api.read(corpus_file).select(range(11)), path)
    report = api.reproduce("toy", tmp_path, data=[path])
    assert len(made) == 4 and [line.figures["all"]["n"] for _, line in report.rows] == [[11.0], [11.0]]


def test_a_run_that_was_cut_off_goes_on_where_it_was(toy, corpus_file, tmp_path):
    made, refusals = toy
    refusals["second"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        api.reproduce("toy", tmp_path, data=[corpus_file])
    assert [p.name for p in tmp_path.iterdir()] == ["toy.jsonl"]  # no half of a table
    refusals.clear()
    report = api.reproduce("toy", tmp_path, data=[corpus_file])
    assert [name for _, name, _ in made] == ["first", "second", "second"] and len(report.rows) == 2


@pytest.mark.slow
def test_what_cannot_be_made_is_said_and_tried_again(toy, corpus_file, tmp_path):
    made, refusals = toy
    refusals["first"] = MissingExtra("needs another package")
    said = []
    report = api.reproduce("toy", tmp_path, data=[corpus_file], progress=said.append)
    assert report.left_out == [("days", "first", "needs another package")]
    assert "days, first: not made. needs another package" in (tmp_path / "toy.md").read_text()
    assert said[0] == "toy: days, first not made: needs another package" and said[1].startswith("toy: days, second (")
    refusals["first"] = ConfigError("too few minutes")
    assert api.reproduce("toy", tmp_path, data=[corpus_file]).left_out == [("days", "first", "too few minutes")]
    refusals.clear()
    assert api.reproduce("toy", tmp_path, data=[corpus_file]).left_out == []
    refusals |= {"first": DataError("no labels"), "second": DataError("no labels")}
    with pytest.raises(NothingMade, match="no row of table 'toy' could be made: no labels"):
        api.reproduce("toy", tmp_path / "new", data=[corpus_file])


def test_what_is_wrong_is_refused_at_the_door(toy, corpus_file, csv_of_two_days, tmp_path):
    with pytest.raises(NotFound, match="no table or figure 'tables'. Choose from: toy"):
        api.reproduce("tables", tmp_path)
    with pytest.raises(ConfigError, match="size must be one of smoke, cpu, paper, got 'huge'"):
        api.reproduce("toy", tmp_path, size="huge")
    with pytest.raises(DataError, match="no such file"):
        api.reproduce("toy", tmp_path, data=[tmp_path / "none.parquet"])
    with pytest.raises(ConfigError, match="given twice"):
        api.reproduce("toy", tmp_path, data=[corpus_file, corpus_file])
    with pytest.raises(NothingMade, match="'load' holds long series, and this table needs windows"):
        api.reproduce("toy", tmp_path, data=[csv_of_two_days])
    assert not (tmp_path / "toy.md").exists()


def test_horizons_are_those_of_the_paper_by_the_step_of_the_data(csv_of_two_days, corpus_file):
    from tracets.reproduction.forecasting import horizons_of

    assert [horizons_of(f) for f in ("h", "4h", "D", "W-SUN", "MS", None)] == [
        (7, 24), (7, 24), (48, 336), (12, 48), (12, 48), (7, 24),
    ]  # fmt: skip
    for path in (csv_of_two_days, corpus_file):
        assert sources.sources_of([path], SIZES["smoke"], limits=api.Limits())[0].freq == "h"
    lines = {line.name: line.figures for line in reproduction.FORECAST.published}
    assert lines["TRACE, Health"] == {"12 steps ahead": {"MSE": [0.768]}, "48 steps ahead": {"MSE": [1.435]}}


@pytest.mark.parametrize("name", ["OT", "U.S. gasoline price"])
def test_the_target_of_time_mmd_is_forecast_alone_as_well(tmp_path, name):
    from tracets.reproduction.forecasting import alone

    rows = [f"2024-01-{1 + i // 24:02d} {i % 24:02d}:00,{i},{-i}" for i in range(240)]
    path = tmp_path / "energy.csv"
    path.write_text("\n".join([f"time,price,{name}", *rows]) + "\n")
    [source] = sources.sources_of([path], SIZES["smoke"], limits=api.Limits())
    steps = [step.name for step in reproduction.FORECAST.steps([source], SIZES["smoke"], 0)]
    assert steps == ["7 steps ahead", "24 steps ahead", f"7 steps ahead, {name} alone", f"24 steps ahead, {name} alone"]
    pairs = source.pairs(7)
    target = alone(pairs, name)
    assert len(target) == len(pairs) and {pair.past.channel_names for pair in target} == {(name,)}
    assert (target[0].future == -pairs[0].future[:1]).all() and (target[0].past.values == pairs[0].past.values[1]).all()
    assert alone(pairs, "load") == []


def test_names_tell_files_apart():
    assert sources.names_of([Path("a/x.parquet")]) == ["x"]
    assert sources.names_of([Path("a/x.parquet"), Path("b/x.parquet"), Path("b/y.csv")]) == ["a/x", "b/x", "b/y"]


def test_a_size_takes_windows_of_each_split_evenly(corpus_file):
    found = sources.fewer(api.read(corpus_file), DAYS)
    assert found.column("id") == ["day-0", "day-2", "day-4", "day-6", "day-8", "day-10", "day-11"]
    assert sources.fewer(api.read(corpus_file), SIZES["cpu"]).column("id") == api.read(corpus_file).column("id")


@pytest.mark.parametrize("size", SIZES.values(), ids=list(SIZES))
@pytest.mark.parametrize("recipe", [trainings.OURS, trainings.PAPER])
def test_the_settings_of_every_size_are_settings(size, recipe):
    budget = [] if size.steps is None else trainings.for_steps(size.steps)
    settings = load_settings(recipe, assignments=[*size.model, *budget])
    assert (settings.optim.max_steps is None) == (size.steps is None)
    assert (size.steps is None) != (size.minutes is None)


def test_every_setting_of_the_ablation_is_one_and_changes_something():
    from tracets.reproduction.ablation import COMMON, SETTINGS

    found = {
        setting.name: load_settings(setting.recipe, assignments=[*COMMON, *setting.assignments]) for setting in SETTINGS
    }
    assert len({repr(settings) for settings in found.values()}) == len(SETTINGS)
    assert found["causal attention"].model.series.attention == "causal"


def test_published_figures_have_a_column_to_stand_in():
    for table in map(reproduction.named, reproduction.reproducible()):
        columns = {panel.title: set(panel.metrics) for panel in table.panels}
        for line in table.published:
            for panel, values in line.figures.items():
                assert set(values) <= columns[panel], (table.name, line.name)
        assert table.shows and table.differs


def test_the_published_figures_of_retrieval_are_those_of_the_paper():
    lines = {line.name: line.figures for line in reproduction.RETRIEVAL.published}
    assert lines["TRACE"]["Series to text, pair"] == {"P@1": [0.441], "P@5": [0.7024], "MRR": [0.56]}
    assert lines["TS2Vec"]["Text to series, pair"]["P@1"] == [0.0742]


@pytest.fixture
def other_corpus(corpus_file, tmp_path):
    path = tmp_path / "others.parquet"
    api.write(api.read(corpus_file).select(range(1, 12)), path)
    return path


@pytest.fixture
def csv_of_two_days(tmp_path):
    lines = ["time,load"] + [f"2024-01-{1 + i // 24:02d} {i % 24:02d}:00,{(i * 7) % 24}" for i in range(24 * 30)]
    path = tmp_path / "load.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def figures(report, name):
    found = [line.figures for _, line in report.rows if line.name == name]
    assert found
    return {panel: values for one in found for panel, values in one.items()}


def test_minutes_are_counted_when_every_text_has_been_read(monkeypatch, corpus_file):
    made = []

    def train(corpus, out, *, assignments, backbone, init, recipe, seed):
        made.append((init, recipe, assignments, backbone))

    monkeypatch.setattr(trainings, "train", train)
    monkeypatch.setattr(trainings, "shared_backbone", lambda: "one")
    [source] = sources.sources_of([corpus_file], SIZES["cpu"], limits=api.Limits())
    trainings.trained_paper(source, SIZES["cpu"], seed=0)
    few = ["optim.max_steps=2", "optim.max_minutes=none", "optim.validate_every=2"]
    assert made == [("none", "paper", few, "one"), ("none", "paper", ["optim.max_minutes=8.0"], "one")]
    made.clear()
    trainings.trained_ours(source, SIZES["smoke"], seed=0)
    steps = ["optim.max_steps=3", "optim.max_minutes=none", "optim.validate_every=3"]
    assert made == [("base", "tune", steps, "one")]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("table", ["retrieval", "series-to-series", "zero-shot", "speed"])
def test_tables_of_a_small_corpus(table, tiny_base, corpus_file, tmp_path):
    report = api.reproduce(table, tmp_path / "out", data=[corpus_file])
    assert all("tracets[baselines]" in reason for _, _, reason in report.left_out)  # what is not installed
    steps = {run["step"] for run in report.runs}
    wanted = {
        "retrieval": {"base", "bm25", "paper", "ours"}, "series-to-series": {"base", "euclidean", "paper"},
        "zero-shot": {"base", "bm25"}, "speed": {"encoding by onnx", "encoding by torch", "finding"},
    }  # fmt: skip
    assert wanted[table] <= steps
    if table == "speed":
        assert figures(report, "base by onnx")["Encoding, per second"]["windows per second"][0] > 0
        assert figures(report, "base")["Series to series, all queries"]["queries"] == [2.0]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_ablation_rows_are_all_made(tiny_base, corpus_file, tmp_path):
    report = api.reproduce("ablation", tmp_path / "out", data=[corpus_file])
    names = [line.name for _, line in report.rows]
    assert names[:3] == ["chance", "ours", "no CIT"] and names[-1] == "recipe paper" and not report.left_out
    assert figures(report, "chance")["Text to series, pair"]["P@1"] == [0.5]  # two windows of split val


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_forecasts_of_a_file_are_those_of_the_front(tiny_base, csv_of_two_days, tmp_path):
    report = api.reproduce("forecast", tmp_path / "out", data=[csv_of_two_days], seed=1)
    pairs = sources.sources_of([csv_of_two_days], SIZES["smoke"], limits=api.Limits())[0].pairs(7)
    found = api.evaluate_forecast(pairs, seed=1, n_boot=20).to_json()
    mine = figures(report, "head on base")
    assert mine["7 steps ahead"]["MSE"] == [pytest.approx(found["mse"], rel=1e-4)]
    naive = figures(report, "last-value")
    assert naive["7 steps ahead"]["MASE"] == [found["others"]["last-value"]["mase"]]
    assert len(report.rows) == 6


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "onnx"])
def test_the_speed_of_reading_is_that_of_texts_never_read(tiny_base, monkeypatch, backend):
    from tracets.reproduction import speed

    loaded = []

    class Counting:
        def __init__(self, model):
            self.model, self.read = model, []
            loaded.append(self)

        def encode_texts(self, texts):
            self.read += texts
            return self.model.encode_texts(texts)

    monkeypatch.setattr(speed, "load", lambda name, backend: Counting(api.load(name, backend=backend)))
    assert all(speed._reading(["A dry week.", "Rain."], backend) > 0 for _ in range(2))
    assert [one.read for one in loaded] == [[speed.STRANGE, "A dry week.", "Rain."]] * 2
    assert loaded[0].model is not loaded[1].model


@pytest.mark.slow
def test_texts_for_the_retrieval_of_forecasts_know_nothing_of_the_future(corpus_file):
    from dataclasses import replace

    from tracets.reproduction.rag import _told_anew

    [source] = sources.sources_of([corpus_file], SIZES["smoke"], limits=api.Limits())
    pairs = source.pairs(6)
    assert "A burst of" in pairs[0].past.text  # of the whole window
    told = _told_anew(pairs)
    assert all("A burst of" not in pair.past.text for pair in told)
    others = _told_anew([replace(pair, future=pair.future + 9) for pair in pairs])
    assert [pair.past.text for pair in others] == [pair.past.text for pair in told]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_retrieval_for_forecasts_stands_beside_none(tiny_base, csv_of_two_days, tmp_path):
    report = api.reproduce("rag", tmp_path / "out", data=[csv_of_two_days])
    names = [line.name for _, line in report.rows]
    assert names[:4] == [
        f"head on base, {way}" for way in ("no retrieval", "series", "series and text", "random neighbours")
    ]
    ahead = [figures(report, name)["24 steps ahead"] for name in names]
    for plain, *ways in (ahead[:4], ahead[4:]):
        for way in ways:  # all rows are of the same windows
            gap = way["MSE less that without retrieval"][0]
            assert gap == pytest.approx(way["MSE"][0] - plain["MSE"][0], abs=0.05)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif("base" not in api.shipped_models(), reason="no model ships in this tree yet")
@pytest.mark.parametrize("table", ["retrieval", "probes", "classification"])
def test_smoke_on_the_built_in_weather_by_the_model_that_ships(table, tmp_path):
    report = api.reproduce(table, tmp_path)
    saved = json.loads((tmp_path / f"{table}.json").read_text(encoding="utf-8"))
    assert saved == report.to_json() and (tmp_path / f"{table}.md").read_text(encoding="utf-8") == report.to_markdown()
    assert saved["data"].keys() == {"weather"} and "<svg" not in (tmp_path / f"{table}.html").read_text()[:100]
    few = sources.fewer(api.weather(), SIZES["smoke"])
    if table == "retrieval":
        found = api.evaluate_retrieval(few, api.load(), baselines=["bm25"], n_boot=20).to_json()
        own = figures(report, "base, as it ships")["Text to series, pair"]
        assert own["MRR"] == [
            found["text_to_series"]["pair"]["MRR"],
            *found["intervals"]["text_to_series"]["pair"]["MRR"],
        ]
        assert own["median rank"][0] == found["text_to_series"]["pair"]["median_rank"]
        words = figures(report, "bm25")["Series to text, label"]
        assert words["macro_P@1"][0] == found["baselines"]["bm25"]["series_to_text"]["label"]["macro_P@1"]
        assert figures(report, "chance")["Text to series, pair"]["P@1"] == [pytest.approx(1 / 24)]
    elif table == "probes":
        found = api.evaluate_probes(few, api.load(), limit=4, n_boot=20).to_json()
        level = found["captions"]["level"]
        assert figures(report, "level")["One fact of a sentence swapped"] == {
            "accuracy": [level["accuracy"], level["low"], level["high"]], "n": [level["n"]],
        }  # fmt: skip
        placebo = figures(report, "placebo_text")["Order, statistics and placebos"]
        assert placebo["n"] == [found["placebo_text"]["n"]]
    else:
        found = api.evaluate_classify(few, neighbours=10, n_boot=20).to_json()
        own = figures(report, "base, frozen, with neighbours")["Labels of split test"]
        assert own["accuracy"] == [found["accuracy"], *found["intervals"]["accuracy"]]
        assert own["macro F1"][0] == found["macro_f1"]
