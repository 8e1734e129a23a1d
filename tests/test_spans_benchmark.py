"""The script that measures where spans are placed: what it plants, what it counts, and its intervals."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

from tracets.types import Query, Sample, Span

SCRIPTS = Path(__file__).resolve().parents[1] / "benchmarks"
pytestmark = pytest.mark.skipif(not SCRIPTS.is_dir(), reason="the benchmarks are not beside the tests")


@pytest.fixture(scope="module")
def spans():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SCRIPTS)
        yield importlib.import_module("spans")


def test_a_planted_pattern_is_where_the_truth_says(spans):
    series, questions = spans.planted(4, seed=1)
    assert [q["text"].text for q in questions] == list(spans.PATTERNS.values())
    for one, question in zip(series, questions, strict=True):
        name, first, length = question["truth"]
        assert name == one.id and spans.SHORTEST <= length <= spans.LONGEST
        assert question["series"].series.n_steps == length
        quiet = np.delete(one.values[0], np.arange(first, first + length))
        assert 80 < quiet.min() and quiet.max() < 120
    drop, ramp, flat, swings = (
        one.values[0, q["truth"][1] :][: q["truth"][2]] for one, q in zip(series, questions, strict=True)
    )
    assert drop.max() < 65 and ramp.max() > 150 and np.ptp(flat) == 0 and np.ptp(swings) > 70


def test_questions_about_the_weather_are_stretches_of_its_validation_part(spans):
    series, questions = spans.weather(3, seed=0)
    whole = {one.id: one for one in series}
    for question in questions:
        name, first, length = question["truth"]
        noisy = question["series"].series
        part = whole[name].values[:, first : first + length]
        np.testing.assert_allclose(np.nanmean(noisy.values - part), 0, atol=0.5)
        assert noisy.values.shape == part.shape and question["text"].text
    assert {one.start.year for one in series} == {2013} and len(series) == 3


def test_intersection_over_union_of_each_mode(spans, monkeypatch):
    lengths = {"plain": (10, 20), "merged": (0, 40), "refined": (12, 18)}

    def found(index, encoder, query, *, k, where, merge=False, refine=False):
        assert (k, where) == (1, "series = 'a'")
        first, n = lengths["merged" if merge else "refined" if refine else "plain"]
        return [Span(1, "x", 0.5, None, None, {}, None, None, {}, "a", first, n)]

    monkeypatch.setattr(spans.api, "find_spans", found)
    got = spans._placed(None, None, Query("x"), "a", 15, 10)
    assert (got["plain"], got["merged"], got["refined"]) == (10 / 20, 10 / 40, 10 / 18)
    assert got["merged_steps"] == 4
    told = spans._summary([got, got], seed=0)
    assert told["plain"] == {"iou": [0.5, 0.5, 0.5], "half": 1.0, "steps_to_true": 2.0}
    assert told["merged"]["gain"] == [-0.25, -0.25, -0.25]
    mean, low, high = spans._interval(np.arange(100.0), 0)
    assert mean == 49.5 and 43 < low < 46 and 53 < high < 56


@pytest.mark.slow
def test_a_long_series_is_measured(spans, monkeypatch, model_folder, tmp_path):
    from tracets import api

    encoder = api.load(model_folder)
    monkeypatch.setattr(spans.api, "load", lambda name: encoder)
    spans.long(steps=3000, channels=1, seed=0, model="tiny", out=tmp_path / "out.jsonl")
    (record,) = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert (record["windows"], record["uncovered"]) == (497 + 119, 0) and record["index_peak_mb"] > 50
    assert isinstance(spans.planted(1, 0)[0][0], Sample)
