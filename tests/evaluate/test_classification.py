"""The report of a classification against scikit-learn and by hand."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from sklearn import metrics

from tracets.errors import DataError
from tracets.evaluate.classification import evaluate_classification
from tracets.types import Sample


def windows(n):
    """Days, the last one first: the report orders them by time."""
    starts = [datetime(2020, 1, 1) + timedelta(days=n - i) for i in range(n)]
    return [Sample(f"d{i}", np.zeros((1, 24)), ("x",), start=start, freq="h") for i, start in enumerate(starts)]


def told(n=200, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.choice(["a", "b", "c"], n, p=[0.6, 0.3, 0.1])
    chances = rng.dirichlet([1, 1, 1], n) + 0.8 * (labels[:, None] == np.array(["a", "b", "c"]))
    return labels, chances / chances.sum(1, keepdims=True)


def test_every_metric_is_that_of_scikit_learn():
    labels, chances = told()
    report = evaluate_classification(windows(200), labels, chances, ["a", "b", "c"], prior=[0.6, 0.3, 0.1], n_boot=50)
    found = np.array(["a", "b", "c"])[chances.argmax(1)]
    assert report.scores["accuracy"].value == pytest.approx(metrics.accuracy_score(labels, found))
    assert report.scores["macro_f1"].value == pytest.approx(metrics.f1_score(labels, found, average="macro"))
    assert report.scores["balanced_accuracy"].value == pytest.approx(metrics.balanced_accuracy_score(labels, found))
    assert report.scores["log_loss"].value == pytest.approx(metrics.log_loss(labels, chances))
    precision, recall, f1, n = metrics.precision_recall_fscore_support(labels, found)
    for k, name in enumerate("abc"):
        figures = report.classes[name]
        assert (figures.precision, figures.recall, figures.f1, figures.n) == pytest.approx(
            (precision[k], recall[k], f1[k], n[k])
        )
    for interval in report.scores.values():
        assert interval.low <= interval.value <= interval.high and interval.low < interval.high


def test_chance_is_the_commonest_class_of_training():
    labels = ["a"] * 6 + ["b"] * 4
    chances = np.tile([0.5, 0.5], (10, 1))
    report = evaluate_classification(windows(10), labels, chances, ["a", "b"], prior=[0.25, 0.75], n_boot=10)
    assert report.chance["accuracy"] == 0.4 and report.chance["balanced_accuracy"] == 0.5
    assert report.chance["macro_f1"] == pytest.approx(0.5 * 2 * 0.4 / 1.4)
    assert report.chance["log_loss"] == pytest.approx(-0.6 * np.log(0.25) - 0.4 * np.log(0.75))
    assert report.chance["ece"] == pytest.approx(0.75 - 0.4)


def test_calibration_error_by_hand():
    """Ten windows told with .95, nine of them rightly; ten with .55, five of them: gaps of .05 both."""
    chances = np.array([[0.95, 0.05]] * 10 + [[0.55, 0.45]] * 10)
    labels = ["a"] * 9 + ["b"] + ["a"] * 5 + ["b"] * 5
    report = evaluate_classification(windows(20), labels, chances, ["a", "b"], prior=[0.5, 0.5], n_boot=10)
    assert report.scores["ece"].value == pytest.approx(0.05)


def test_labels_never_seen_in_training_are_counted_and_always_wrong():
    chances = np.tile([0.9, 0.1], (4, 1))
    report = evaluate_classification(windows(4), ["a", "a", "z", "a"], chances, ["a", "b"], prior=[1, 0], n_boot=10)
    assert report.n_unknown == 1 and report.scores["accuracy"].value == 0.75
    assert report.scores["log_loss"].value == pytest.approx((-3 * np.log(0.9) - np.log(1e-6)) / 4)
    assert report.classes["z"].recall == 0 and report.classes["z"].n == 1
    assert report.to_json()["classes"]["z"]["precision"] is None


def test_several_labels_a_window():
    labels = [["a"], ["a", "b"], [], ["b"]]
    chances = np.array([[0.9, 0.2], [0.8, 0.4], [0.3, 0.1], [0.2, 0.7]])
    report = evaluate_classification(
        windows(4), labels, chances, ["a", "b"], prior=[0.5, 0.5], multilabel=True, n_boot=10
    )
    truth = np.array([[1, 0], [1, 1], [0, 0], [0, 1]])
    assert report.scores["accuracy"].value == 0.75
    assert report.scores["macro_f1"].value == pytest.approx(metrics.f1_score(truth, chances > 0.5, average="macro"))
    assert report.scores["balanced_accuracy"].value == pytest.approx((1 + 0.5) / 2)
    right = np.where(truth == 1, chances, 1 - chances)
    assert report.scores["log_loss"].value == pytest.approx(-np.log(right).mean())


def test_json_and_table_say_the_same():
    labels, chances = told(60)
    about = {"model": "tiny", "weights": {"levels": 0.5}}
    report = evaluate_classification(
        windows(60), labels, chances, ["a", "b", "c"], prior=[0.6, 0.3, 0.1], n_boot=20, seed=3, about=about
    )
    said = report.to_json()
    assert said["n"] == 60 and said["provenance"] == {**about, "seed": 3, "n_boot": 20, "block": 4}
    assert said["intervals"]["accuracy"][0] <= said["accuracy"] <= said["intervals"]["accuracy"][1]
    table = report.to_table()
    assert "model tiny, weights (levels 0.50), seed 3" in table
    assert f"| model | {said['accuracy']:.3f} [" in table and f"| chance | {said['chance']['accuracy']:.3f} |" in table
    assert f"| b | {said['classes']['b']['n']} |" in table


@pytest.mark.slow
def test_windows_without_a_time_are_drawn_one_by_one():
    timeless = [Sample(f"w{i}", np.zeros((1, 4)), ("x",)) for i in range(30)]
    report = evaluate_classification(timeless, ["a", "b"] * 15, np.full((30, 2), 0.5), ["a", "b"], prior=[0.5, 0.5])
    assert report.about["block"] == 1


def test_what_cannot_be_measured_is_refused():
    chances = np.full((2, 2), 0.5)
    with pytest.raises(DataError, match=r"probabilities \(n, 2\), got 0"):
        evaluate_classification([], [], chances, ["a", "b"], prior=[1, 0])
    with pytest.raises(DataError, match="got 2, 2 and"):
        evaluate_classification(windows(2), ["a", "b"], chances[:, :1], ["a", "b"], prior=[1, 0])
    with pytest.raises(DataError, match="must lie in"):
        evaluate_classification(windows(2), ["a", "b"], chances * np.nan, ["a", "b"], prior=[1, 0])
