"""The whole evaluation on pools whose answer is known."""

import json
import math

import numpy as np
import pytest

from tracets.encoders.protocol import PairEncoder
from tracets.errors import NotFound
from tracets.evaluate.pool import make_pool
from tracets.evaluate.retrieval import encoder_scores, evaluate_retrieval
from tracets.evaluate.scoring import ScoreMatrices, chance, per_query, summarise
from tracets.metrics import first_relevant, reciprocal_rank
from tracets.types import Sample

PAIR = {"P@1", "P@5", "P@10", "MRR", "median_rank"}
LABEL = {"P@1", "P@5", "MRR", "macro_P@1"}


def value(report, direction, target, metric):
    return report.scores[direction][target][metric].value


def test_stub_keeps_to_the_protocol(angle_encoder):
    assert isinstance(angle_encoder(), PairEncoder)


def test_perfect_encoder_finds_every_pair(make_window, angle_encoder):
    report = evaluate_retrieval([make_window(i) for i in range(12)], angle_encoder(), n_boot=20)
    for direction in ("text_to_series", "series_to_text"):
        assert value(report, direction, "pair", "P@1") == 1
        assert value(report, direction, "pair", "median_rank") == 1
        assert report.scores[direction]["pair"]["MRR"].low == 1


def test_wrong_texts_lower_the_figures_by_their_share(make_window, angle_encoder):
    report = evaluate_retrieval([make_window(i) for i in range(6)], angle_encoder(wrong=[2]), n_boot=50)
    assert value(report, "text_to_series", "pair", "P@1") == pytest.approx(5 / 6)
    assert value(report, "text_to_series", "pair", "P@5") < 1  # the opposite point comes last of six
    assert value(report, "text_to_series", "pair", "P@10") == 1
    found = report.scores["text_to_series"]["pair"]["P@1"]
    assert found.low < found.value <= found.high


def test_scores_are_those_of_search(make_window, angle_encoder):
    pool = make_pool([make_window(i) for i in range(5)])
    scores = encoder_scores(pool, angle_encoder())
    angles = np.arange(5)
    assert scores.text_to_series == pytest.approx(np.cos(angles[:, None] - angles), abs=1e-5)
    assert np.array_equal(scores.series_to_text, scores.text_to_series.T)
    assert scores.series_to_series.shape == (0, 0)  # no labels


def test_json_is_the_contract(make_window, angle_encoder):
    samples = [make_window(i, label="ab"[i % 2]) for i in range(8)] + [make_window(9, text=False, label="a")]
    found = evaluate_retrieval(samples, angle_encoder(), baselines=["random"], n_boot=20, seed=5).to_json()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["n"] == 8
    for block in (found, found["chance"], found["baselines"]["random"]):
        assert set(block["text_to_series"]) == set(block["series_to_text"]) == {"pair", "label"}
        assert set(block["series_to_series"]) == {"label"}
        for direction in ("text_to_series", "series_to_text"):
            assert set(block[direction]["pair"]) == PAIR
            assert set(block[direction]["label"]) == LABEL
        assert set(block["series_to_series"]["label"]) == LABEL
    low, high = found["intervals"]["baselines"]["random"]["text_to_series"]["pair"]["MRR"]
    assert 0 < low < found["baselines"]["random"]["text_to_series"]["pair"]["MRR"] < high < 1
    gap = found["paired"]["random"]["series_to_text"]
    assert gap["MRR_diff"] == pytest.approx(1 - found["baselines"]["random"]["series_to_text"]["pair"]["MRR"])
    assert set(found["paired"]["random"]["series_to_series"]) == {"P@1_diff", "low", "high"}
    assert found["provenance"] == {
        "model": "angle", "fingerprint": "0123", "split": "test", "seed": 5, "n_boot": 20, "block": 2,
        "n_without_text": 1, "n_duplicates": 0, "n_labelled": 9, "hubness": None,
    }  # fmt: skip


def test_without_labels_the_label_figures_are_null(make_window, angle_encoder):
    report = evaluate_retrieval([make_window(i) for i in range(4)], angle_encoder(), n_boot=5)
    found = report.to_json()
    assert found["series_to_series"]["label"] == dict.fromkeys(LABEL)
    assert found["intervals"]["text_to_series"]["label"]["P@1"] == [None, None]
    assert found["chance"]["text_to_series"]["label"]["MRR"] is None
    assert "| angle | - | - | - | - |" in report.to_table()


def test_chance_of_pairs_is_the_closed_form(make_window):
    n = 20
    found = chance(make_pool([make_window(i) for i in range(n)]))["text_to_series"]["pair"]
    harmonic = sum(1 / i for i in range(1, n + 1))
    expected = {"P@1": 1 / n, "P@5": 5 / n, "P@10": 10 / n, "MRR": harmonic / n, "median_rank": (n + 1) / 2}
    assert found == pytest.approx(expected)


def test_constant_scores_give_chance_in_every_direction(make_window):
    labels = "aaaaabbbcc"
    pool = make_pool([make_window(i, steps=40, label=labels[i] if i < 10 else None) for i in range(13)])
    flat = np.zeros((13, 13), np.float32)
    found = summarise(pool, per_query(pool, ScoreMatrices(flat, flat, flat[:10, :10])), n_boot=5, seed=0)
    for direction, targets in chance(pool).items():
        for target, metrics in targets.items():
            got = {name: figure.value for name, figure in found[direction][target].items()}
            assert got == pytest.approx(metrics), (direction, target)


def test_labels_by_hand(make_window):
    pool = make_pool([make_window(i, label=label) for i, label in enumerate(["a", "a", "b", None])])
    # The unlabelled window 3 scores highest everywhere and must not count for labels.
    scores = np.array([[1, 2, 3, 9], [1, 2, 0, 9], [3, 2, 1, 9], [0, 0, 0, 9]], dtype=np.float32)
    same_kind = np.array([[9, 1, 2], [2, 9, 1], [1, 2, 9]], dtype=np.float32)
    found = per_query(pool, ScoreMatrices(text_to_series=scores, series_to_series=same_kind))
    across = found["text_to_series"]["label"]
    assert across.values["P@1"].tolist() == [0, 1, 0]
    assert across.values["P@5"] == pytest.approx([2 / 3, 2 / 3, 1 / 3])
    assert across.values["MRR"] == pytest.approx([1 / 2, 1, 1 / 3])
    assert across.figure("macro_P@1", np.arange(3)) == pytest.approx((1 / 2 + 0) / 2)
    assert found["text_to_series"]["pair"].values["MRR"] == pytest.approx([1 / 4, 1 / 2, 1 / 4, 1])
    kin = found["series_to_series"]["label"]  # "b" stands alone and is no query
    assert kin.values["P@1"].tolist() == [0, 1]
    assert set(found) == {"text_to_series", "series_to_series"}


def test_series_to_series_leaves_out_windows_that_share_time(make_window):
    pool = make_pool([make_window(i, label="a" if i < 2 else "b", steps=36) for i in range(4)])
    near = -np.abs(np.subtract.outer(np.arange(4.0), np.arange(4.0))).astype(np.float32)
    found = per_query(pool, ScoreMatrices(series_to_series=near))["series_to_series"]["label"]
    assert len(found) == 0  # each window's only mate overlaps it


def test_identical_texts_count_as_found(angle_encoder):
    def at(name, angle):
        values = np.array([[np.cos(angle)], [np.sin(angle)]])
        return Sample(name, values, ("across", "up"), text="angle 1")

    report = evaluate_retrieval([at("a", 1.0), at("b", 2.0), at("c", 3.0)], angle_encoder(), n_boot=5)
    assert report.n_duplicates == 3
    assert value(report, "text_to_series", "pair", "P@1") == 1
    assert report.chance["text_to_series"]["pair"]["P@1"] == 1  # nothing to tell apart: the report says so


def test_figures_depend_neither_on_the_order_of_the_pool_nor_on_the_run(make_window, angle_encoder):
    samples = [make_window(i, label="abc"[i % 3]) for i in range(15)]
    shuffled = [samples[i] for i in np.random.default_rng(0).permutation(15)]
    run = [evaluate_retrieval(s, angle_encoder(wrong=[3, 4]), n_boot=30).to_json() for s in (samples, shuffled)]
    assert run[0] == run[1]


def test_baselines_see_no_window_of_the_pool_and_no_test_window(make_window, angle_encoder, monkeypatch):
    seen = {}

    def spy(pool, *, train, seed):
        seen["ids"], seen["seed"] = [s.id for s in train], seed
        return ScoreMatrices(text_to_series=np.zeros((3, 3), np.float32))

    monkeypatch.setattr("tracets.evaluate.baselines.BASELINES", {"spy": spy})
    pool = [make_window(i) for i in range(3)]
    others = [make_window(10, split="train"), make_window(11, split="val"), make_window(12), pool[0]]
    report = evaluate_retrieval(pool, angle_encoder(), baselines=["spy"], train=others, seed=7, n_boot=5)
    assert seen == {"ids": ["w10", "w11"], "seed": 7}
    assert set(report.baselines["spy"]) == {"text_to_series"}
    assert report.paired["spy"]["text_to_series"].value == pytest.approx(1 - (1 + 1 / 2 + 1 / 3) / 3)


def test_hubness_over_training_windows_is_taken_off_series_to_text_alone(make_window, angle_encoder):
    pool = [make_window(i) for i in range(6)]
    train = [make_window(i, split="train") for i in range(20, 23)]
    others = [*train, make_window(30, split="val"), make_window(31), pool[0]]
    encoder = angle_encoder(wrong=[2])
    raw, corrected = (encoder_scores(make_pool(pool), encoder, bank=bank) for bank in ((), train))
    angles = np.array([0, 1, 2 + np.pi, 3, 4, 5])
    hubs = np.cos(angles[:, None] - np.arange(20, 23)).mean(axis=1)
    assert corrected.series_to_text == pytest.approx(raw.series_to_text - 0.5 * hubs, abs=1e-5)
    assert np.array_equal(corrected.text_to_series, raw.text_to_series)

    def run(**options):
        return evaluate_retrieval(pool, encoder, n_boot=5, **options).to_json()

    found = run(train=others)
    assert found["provenance"]["hubness"] == {"weight": 0.5, "neighbours": 3, "bank": 3}
    assert found == run(train=others[::-1])
    assert found["text_to_series"] == run()["text_to_series"]
    assert run() == run(train=others, hubness=False) == run(train=others[3:]) == run(train=[train[0]])
    assert "over 3 training windows" in evaluate_retrieval(pool, encoder, n_boot=5, train=others).to_table()


def test_unknown_baseline_is_refused_before_any_work(make_window):
    with pytest.raises(NotFound, match="'bm52'. Choose from: random, bm25, caption, ridge, euclidean, dtw"):
        evaluate_retrieval([make_window(0), make_window(1)], None, baselines=["bm52"])


def test_table_shows_chance_baselines_and_model(make_window, angle_encoder):
    samples = [make_window(i, label="ab"[i % 2]) for i in range(8)]
    table = evaluate_retrieval(samples, angle_encoder(), baselines=["random", "euclidean"], n_boot=20).to_table()
    lines = table.splitlines()
    assert lines[0].startswith("Pool: 8 windows with a text (0 without, 0 with")
    assert "| Text to series, pair | P@1 | P@5 | P@10 | MRR | median_rank |" in lines
    assert "| chance | 0.125 | 0.625 | 1.000 | 0.340 | 4.5 |" in lines
    assert (
        lines.count(
            "| angle | 1.000 [1.000, 1.000] | 1.000 [1.000, 1.000] | 1.000 [1.000, 1.000] | 1.000 [1.000, 1.000] "
            "| 1.0 [1.0, 1.0] |"
        )
        == 2
    )
    assert sum(line.startswith("| euclidean |") for line in lines) == 1  # series to series only
    assert sum(line.startswith("| random |") for line in lines) == 5


def test_reciprocal_rank_of_a_random_order_is_near_chance(make_window):
    n = 400
    scores = np.random.default_rng(0).random((n, n))
    mrr = reciprocal_rank(first_relevant(scores, np.eye(n, dtype=bool))).mean()
    assert mrr == pytest.approx(sum(1 / i for i in range(1, n + 1)) / n, abs=3 * math.sqrt(1.6 / n / n))
