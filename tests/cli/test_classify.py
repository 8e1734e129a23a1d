"""`tracets classify` and `tracets evaluate classify`, end to end with the tiny model."""

import json

import pytest

from tracets import api


@pytest.fixture(scope="module")
def classifier(corpus_file, model_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("classifiers") / "days"
    api.fit_classifier(api.read(corpus_file), model=model_folder).save(folder)
    return folder


@pytest.mark.slow
def test_learn_tell_and_measure(tracets, corpus_file, model_folder, tmp_path):
    out = tmp_path / "days"
    learnt = tracets("classify", corpus_file, "--model", model_folder, "--out", out, "--neighbours", 2, "--json")
    assert learnt.code == 0, learnt
    said = json.loads(learnt.out)
    assert said["out"] == str(out) and said["classes"] == ["fair", "stormy"] and said["n_trained"] == 5 * 2 * 8
    assert set(said["weights"]) == {"vectors", "whole", "levels", "shapes", "patterns", "neighbours"}
    told = tracets("classify", corpus_file, "--model", out, "--where", "split = 'test'", "--json")
    rows = [json.loads(line) for line in told.out.splitlines()]
    assert [row["id"] for row in rows] == ["day-10", "day-11"] and told.err == ""
    for row in rows:
        assert sum(row["probabilities"].values()) == pytest.approx(1)
        assert row["label"] == max(row["probabilities"], key=row["probabilities"].get)
    measured = tracets("evaluate", "classify", corpus_file, "--model", out, "--n-boot", 20, "--json")
    report = json.loads(measured.out)
    true = {"day-10": "fair", "day-11": "stormy"}
    assert report["accuracy"] == sum(row["label"] == true[row["id"]] for row in rows) / 2
    assert report["n"] == 2 and report["provenance"]["split"] == "test"


@pytest.mark.slow
def test_an_encoder_learns_before_it_is_measured(tracets, corpus_file, model_folder, classifier):
    fresh = tracets("evaluate", "classify", corpus_file, "--model", model_folder, "--n-boot", 20, "--json")
    kept = tracets("evaluate", "classify", corpus_file, "--model", classifier, "--n-boot", 20, "--json")
    one, two = (json.loads(x.out) for x in (fresh, kept))
    assert {name: one[name] for name in ("accuracy", "log_loss")} == {
        name: two[name] for name in ("accuracy", "log_loss")
    }
    assert (
        "| class | windows |" in tracets("evaluate", "classify", corpus_file, "--model", classifier, "--n-boot", 5).out
    )


def test_people_get_a_table(tracets, corpus_file, classifier):
    out = tracets("classify", corpus_file, "--model", classifier, "--where", "split = 'test'").out
    assert "day-10" in out and "probability" in out


@pytest.mark.slow
def test_another_column_and_other_settings(tracets, corpus_file, model_folder, tmp_path):
    learnt = tracets(
        "classify", corpus_file, "--model", model_folder, "--out", tmp_path / "c", "--label", "entity", "--balanced",
        "--tuning", "adapter", "--json",
    )  # fmt: skip
    assert json.loads(learnt.out)["classes"] == ["ny", "sf"]
    fitted = api.load_classifier(tmp_path / "c")
    assert (fitted.tuning, fitted.class_weight) == ("adapter", "balanced")


@pytest.mark.slow
def test_misuse_names_the_fix(refused, corpus_file, model_folder, classifier, tmp_path, csv_file):
    assert "Learn them first: tracets classify CORPUS --out FOLDER" in refused("classify", corpus_file)
    assert "no classifier in" in refused("classify", corpus_file, "--model", model_folder)
    assert "is a classifier already" in refused("classify", corpus_file, "--model", classifier, "--out", tmp_path / "x")
    assert "no column 'kind'" in refused(
        "evaluate", "classify", corpus_file, "--model", model_folder, "--label", "kind"
    )
    assert "--tuning must be" in refused("evaluate", "classify", corpus_file, "--tuning", "some")
    assert "Fill the columns split and label" in refused("classify", csv_file, "--out", tmp_path / "x")
    assert "exists already" in refused("classify", corpus_file, "--model", model_folder, "--out", classifier)
    assert "no window of split 'val'" in refused(
        "evaluate", "classify", corpus_file, "--model", classifier, "--split", "val", "--where", "split = 'test'"
    )
    assert "none of those learnt from (rain, wind speed)" in refused("classify", csv_file, "--model", classifier)


@pytest.mark.slow
def test_several_labels_come_as_lists(tracets, corpus_file, model_folder, tmp_path):
    from dataclasses import replace

    from tracets.data import Corpus, write_corpus

    marked = [
        replace(s, metadata={"kinds": [s.label, *(["late"] if i % 4 > 1 else [])]})
        for i, s in enumerate(api.read(corpus_file))
    ]
    write_corpus(Corpus.from_samples(marked), tmp_path / "kinds.parquet")
    ran = tracets("classify", tmp_path / "kinds.parquet", "--model", model_folder, "--label", "kinds", "--out",
                  tmp_path / "c")  # fmt: skip
    assert ran.code == 0 and f"evaluate classify {tmp_path / 'kinds.parquet'} --model" in ran.err
    row = json.loads(
        tracets("classify", tmp_path / "kinds.parquet", "--model", tmp_path / "c", "--json").out.split("\n")[0]
    )
    assert row["label"] == [name for name, chance in row["probabilities"].items() if chance > 0.5]
    assert set(row["probabilities"]) == {"fair", "late", "stormy"}
    report = tracets("evaluate", "classify", tmp_path / "kinds.parquet", "--model", tmp_path / "c", "--label", "kinds",
                     "--n-boot", 5, "--json")  # fmt: skip
    assert set(json.loads(report.out)["classes"]) == {"fair", "late", "stormy"}


@pytest.mark.slow
def test_importing_the_package_brings_no_estimator():
    import subprocess
    import sys

    code = (
        "import sys, tracets; tracets.read; heavy = [m for m in ('sklearn', 'torch', 'numpy') if m in sys.modules]; "
        "print(heavy, tracets.TraceClassifier.__name__, 'sklearn' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[] TraceClassifier True\n"
