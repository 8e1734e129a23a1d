"""The scripts of benchmarks/: every row can be trained, and the table says what the runs found."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest
import typer

from tracets.config import load_settings

SCRIPTS = Path(__file__).resolve().parents[1] / "benchmarks"
pytestmark = pytest.mark.skipif(not SCRIPTS.is_dir(), reason="the benchmarks are not beside the tests")
SMALL = [
    "model.dim=16", "model.series.dim=16", "model.series.heads=2", "model.text.dim=16", "model.text.heads=2",
    "optim.batch_size=4",
]  # fmt: skip


def script(name):
    """A script, loaded from its file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SCRIPTS)
        spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        patch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        yield module


@pytest.fixture(scope="module")
def ablations():
    yield from script("ablations")


@pytest.fixture(scope="module")
def retrieval():
    yield from script("retrieval")


@pytest.fixture(scope="module")
def searching():
    yield from script("search")


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_every_search_is_measured_beside_the_exhaustive_one(searching, tmp_path, monkeypatch, capsys):
    """Of 300 drawn windows; with the first pass of a search that is large enough to have one."""
    monkeypatch.setattr("tracets.retrieval.nearest.AT_ONCE", 16)
    out = tmp_path / "search.jsonl"
    searching.main("300", out, n=3, kinds="sample,text,channel,series", folder=tmp_path, baselines=True, ann=True)
    cells = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(cells) == 2 * 4 * 3 == len(capsys.readouterr().out.splitlines()) - 2
    assert all(cell["recall"] == 1 for cell in cells if cell["search"] == "exact")
    assert all(0 < cell["recall"] <= 1 and cell["numpy_p50_ms"] > 0 for cell in cells)
    assert {cell["table_bytes_row"] > 14_000 for cell in cells} == {True}
    searching.main("300", out, n=3, kinds="text", folder=tmp_path, baselines=True, ann=False)
    assert len(out.read_text().splitlines()) == len(cells)


def test_every_row_is_a_setting_of_its_own(ablations):
    made = {row.name: load_settings(row.recipe, assignments=row.assignments) for row in ablations.ROWS}
    assert len(made) == len(ablations.ROWS) == len({repr(settings) for settings in made.values()})
    assert made["ours"] == load_settings("tune")


def record(row, seed, mrr, *, minutes=1.0):
    pair, chance = {"MRR": mrr, "P@1": mrr / 2}, {"MRR": 0.157, "P@1": 1 / 24}
    return {
        "row": row, "seed": seed, "minutes": minutes, "text_to_series": pair, "series_to_text": pair,
        "chance": {"text_to_series": chance, "series_to_text": chance},
    }  # fmt: skip


def test_the_table_has_mean_and_standard_deviation_over_seeds(ablations):
    runs = [record("ours", 0, 0.5), record("no CIT", 0, 0.25), record("ours", 1, 0.7, minutes=2.0)]
    assert ablations.table(runs).splitlines() == [
        "| | text to series: MRR | P@1 | series to text: MRR | P@1 | minutes | seeds |",
        "|---|---|---|---|---|---|---|",
        "| ours | .600 ± .141 | .300 ± .071 | .600 ± .141 | .300 ± .071 | 1.5 | 2 |",
        "| no CIT | .250 | .125 | .250 | .125 | 1.0 | 1 |",
        "| chance | .157 | .042 | .157 | .042 | | |",
    ]


def test_a_finished_run_is_not_made_again_and_a_torn_line_is_dropped(ablations, corpus_file, tmp_path, monkeypatch):
    made = []

    def measure(run, corpus):
        made.append((run["row"], run["seed"]))
        return run | record(run["row"], run["seed"], 0.5)

    monkeypatch.setattr(ablations, "measure", measure)
    out = tmp_path / "runs.jsonl"

    def run(**options):
        ablations.main(corpus_file, out, **{"seeds": "0", "rows": "ours,no CIT", "split": "val"} | options)

    run()
    assert made == [("ours", 0), ("no CIT", 0)]
    with out.open("a") as file:
        file.write('{"row": "ours", "se')
    run(seeds="0,1")
    assert made[2:] == [("ours", 1), ("no CIT", 1)]
    assert [json.loads(line)["seed"] for line in out.read_text().splitlines()] == [0, 0, 1, 1]
    run(rows="ours", steps=151)
    run(rows="ours", settings=["optim.batch_size=4"])
    assert len(made) == 6, "other steps or settings are other runs"


def test_an_unknown_row_lists_the_rows(ablations):
    with pytest.raises(typer.BadParameter, match="no row 'nothing'; known: ours, no CIT"):
        ablations.chosen("ours,nothing")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_row_trains_and_is_measured(ablations, corpus_file, tmp_path, capsys):
    out = tmp_path / "runs.jsonl"
    ablations.main(corpus_file, out, steps=4, seeds="0", rows="", split="val", settings=SMALL)
    runs = [json.loads(line) for line in out.read_text().splitlines()]
    assert [run["row"] for run in runs] == [row.name for row in ablations.ROWS]
    assert all(run["n"] == 2 and 0 < run["text_to_series"]["MRR"] <= 1 for run in runs)
    assert len(capsys.readouterr().out.splitlines()) == len(runs) + 3


def ranked(mrr):
    return {"pair": {"P@1": mrr / 2, "P@5": mrr, "P@10": mrr, "MRR": mrr, "median_rank": 3.0}}


def of_pool(model, mrr, *, minutes=0.0, baselines=()):
    both = {d: ranked(mrr) for d in ("text_to_series", "series_to_text")}
    bounds = {d: {"pair": {"MRR": [mrr - 0.1, mrr + 0.1]}} for d in both}
    return {
        "corpus": "truce", "pool": "", "model": model, "minutes": minutes, "n": 56, **both,
        "chance": {d: ranked(0.0625) for d in both}, "baselines": {b: both for b in baselines},
        "intervals": {**bounds, "baselines": {b: bounds for b in baselines}},
    }  # fmt: skip


def test_the_table_of_corpora_has_chance_baselines_and_models(retrieval):
    lines = retrieval.table(
        [of_pool("base", 0.25, baselines=["ridge"]), of_pool("ours", 0.5, minutes=4.2)]
    ).splitlines()
    assert lines[2].startswith("| truce (56) | chance |  | .062 | .031 | .062 | .062 | 3 | .062")
    assert lines[3].startswith("|  | ridge |  | .250 [.150, .350] | .125 |")
    assert lines[4].startswith("|  | base |  | .250 [.150, .350] |")
    assert lines[5].startswith("|  | ours | 4 | .500 [.400, .600] | .250 | .500 | .500 | 3 | .500 [.400, .600] |")


def test_without_a_folder_only_the_weather_is_there(retrieval, tmp_path):
    from tracets.errors import DataError

    assert [retrieval.load(task, None) for task in retrieval.CORPORA if task.file] == [None] * 8
    with pytest.raises(DataError, match="no such file"):
        retrieval.load(retrieval.CORPORA[3], tmp_path)


@pytest.fixture(scope="module")
def forecasting():
    yield from script("forecasting")


def test_the_table_of_forecasts_has_a_row_a_forecaster_and_the_published_one(forecasting):
    def record(name, horizon, forecaster, mse):
        return {"set": name, "horizon": horizon, "forecaster": forecaster, "mse": mse, "mase": None}

    runs = [record("Energy", 12, "tracets", 0.0615), record("Energy", 12, "last-value", 0.0841),
            record("weather", 7, "tracets", 0.25)]  # fmt: skip
    assert forecasting.table(runs, "mse").splitlines() == [
        "| mse | Energy 12 | weather 7 |",
        "|---|---|---|",
        "| tracets | 0.061 | 0.250 |",
        "| last-value | 0.084 |  |",
        "| TRACE, as published | 0.113 | 0.623 |",
    ]
    assert forecasting.table(runs, "mase").splitlines()[2] == "| tracets | - | - |"


def test_series_are_exported_on_the_scale_of_their_training_part(forecasting, tmp_path):
    import numpy as np

    one = forecasting.PUBLISHED[-1]
    forecasting.export(one, forecasting.series_of("weather", None), tmp_path)
    with np.load(tmp_path / "weather-24.npz") as found:
        assert found["values"].shape == (21, 8760) and found["horizon"] == 24 and found["stride"] == one.stride
        learnt = found["values"][:, : found["val"]]
        np.testing.assert_allclose(np.nanmean(learnt, 1), 0, atol=1e-3)
        np.testing.assert_allclose(np.nanstd(learnt, 1), 1, atol=1e-3)
        assert found["val"] < found["test"] < 8760
    assert forecasting.series_of("Energy", None) is None


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_forecasters_are_measured_once(forecasting, tmp_path, monkeypatch):
    few = forecasting.Set("weather", 6, (24,), 0.6, 96)
    monkeypatch.setattr(forecasting, "PUBLISHED", (few,))
    out = tmp_path / "runs.jsonl"
    for _ in range(2):
        forecasting.main(
            None,
            out,
            forecasters="last-value;tracets, last steps only",
            only="",
            unseen=False,
            seed=0,
            threads=1,
            exported=None,
        )
    [naive, ours] = [json.loads(line) for line in out.read_text().splitlines()]
    assert (naive["forecaster"], ours["forecaster"]) == ("last-value", "tracets, last steps only")
    assert naive["n"] == ours["n"] > 0 and ours["n_fitted"] > 0 and ours["reference"] == "seasonal-naive"
