"""Refined spans: never worse, at a peak of the score, clear of one another, and nearer to a planted pattern."""

import numpy as np
import pytest

from tracets.data.cutting import Cutting
from tracets.retrieval import scores
from tracets.retrieval.build import build_index
from tracets.retrieval.places import Places, values_of
from tracets.retrieval.refine import MOVES
from tracets.retrieval.spans import find_spans
from tracets.types import Query, Sample

HIGH, RISING = "5 1 0 1", "0 1 5 1"


def score_of(window, encoder, text):
    bank = scores.series_bank(encoder.encode_series([window]), [window.channel_names])
    query = scores.text_bank(encoder.encode_texts([text]))
    return float(scores.text_to_series(query, bank, sample_weight=encoder.sample_weight)[0, 0])


@pytest.mark.slow
@pytest.mark.parametrize("text", [HIGH, RISING])
@pytest.mark.parametrize("overlap", [0.0, 0.5])
def test_no_span_scores_less_than_the_one_it_came_from(plant_index, statistics_encoder, text, overlap):
    plain = find_spans(plant_index, statistics_encoder, Query(text), k=7, overlap=overlap)
    spans = find_spans(plant_index, statistics_encoder, Query(text), k=7, overlap=overlap, refine=True)
    before = {s.id: s for s in plain}
    assert {s.id for s in spans} == set(before) and [s.rank for s in spans] == list(range(1, 8))
    assert [s.score for s in spans] == sorted((s.score for s in spans), reverse=True)
    assert all(s.score >= before[s.id].score for s in spans)
    assert sum(s.score > before[s.id].score for s in spans) >= 3
    for one in spans:  # a stored window may move by half its length at either edge
        old = before[one.id]
        half, end = old.n_steps // 2, one.first_step + one.n_steps
        assert old.first_step - half <= one.first_step and end <= old.first_step + old.n_steps + half
        assert one.n_steps >= half
        for other in spans:
            if other is not one and other.series == one.series:
                shared = min(end, other.first_step + other.n_steps) - max(one.first_step, other.first_step)
                assert shared <= overlap * min(one.n_steps, other.n_steps)


def test_the_score_and_the_channels_are_those_of_the_new_window(plant_index, statistics_encoder):
    spans = find_spans(plant_index, statistics_encoder, Query(HIGH), k=5, refine=True)
    for span, window in zip(spans, values_of(plant_index, spans), strict=True):
        assert span.score == pytest.approx(score_of(window, statistics_encoder, HIGH), abs=2e-6)
        assert (span.start, set(span.channels)) == (window.start, set(window.channel_names))


def test_no_single_step_would_raise_the_score(plant_index, plants, statistics_encoder):
    (span,) = find_spans(plant_index, statistics_encoder, Query(RISING), k=1, refine=True)
    whole = next(one for one in plants if one.id == span.series)
    tried = 0
    for left, right in MOVES:
        first, end = span.first_step + left, span.first_step + span.n_steps + right
        if 0 <= first and end <= whole.n_steps:
            window = Sample("x", whole.values[:, first:end], whole.channel_names)
            assert score_of(window, statistics_encoder, RISING) <= span.score + 2e-6
            tried += 1
    assert tried >= 4


def test_a_pattern_between_windows_is_found_exactly(tmp_path, statistics_encoder):
    values = np.random.default_rng(0).normal(size=(1, 300)) / 50
    values[0, 133:157] = np.linspace(-10, 10, 24)
    index = build_index(
        Cutting([Sample("a", values, ("x",))], lengths=[16, 40], strides=[8, 20]), statistics_encoder, tmp_path / "i"
    )
    pattern = Sample("q", np.linspace(-10, 10, 24)[None], ("x",))
    plain = find_spans(index, statistics_encoder, Query(series=pattern), k=1)[0]
    span = find_spans(index, statistics_encoder, Query(series=pattern), k=1, refine=True)[0]
    assert (plain.first_step, plain.n_steps) != (133, 24) and plain.score < span.score
    assert abs(span.first_step - 133) <= 1 and abs(span.first_step + span.n_steps - 157) <= 1


def test_two_spans_do_not_move_to_the_same_place(tmp_path, statistics_encoder):
    values = np.zeros((1, 40))
    values[0, 5:15] = np.linspace(-10, 10, 10)  # half in one window, half in the next
    cutting = Cutting([Sample("a", values, ("x",))], lengths=[10], strides=[10])
    index = build_index(cutting, statistics_encoder, tmp_path / "i")
    ramp = Sample("q", values[:, 5:15], ("x",))

    def steps(span):
        return set(range(span.first_step, span.first_step + span.n_steps))

    def found(where, k, like=None):
        query = Query(series=ramp, like=like)
        return find_spans(index, statistics_encoder, query, k=k, where=where, refine=True)

    one, other = (found(f"id = '{name}'", 1)[0] for name in ("a@0+10", "a@10+10"))
    assert steps(one) & steps(other) >= set(range(5, 15))  # each of them alone goes to the ramp
    first, second = found("first_step < 20", 2)
    assert {first.id, second.id} == {"a@0+10", "a@10+10"} and not steps(first) & steps(second)
    (clear,) = found("id = 'a@0+10'", 1, like="a@10+10")
    assert max(steps(clear)) < 10  # nor over the window that was asked about


def test_a_hole_that_no_window_holds_is_no_obstacle(tmp_path, statistics_encoder):
    """Steps 15 to 64 are in no window: around them values are missing, also before the first step that one holds."""
    from datetime import UTC, datetime

    values = np.random.default_rng(0).normal(size=(1, 120))
    values[0, 12:68] = np.nan
    whole = Sample("a", values, ("x",), start=datetime(2024, 1, 1, tzinfo=UTC), freq="h")
    cutting = Cutting([whole], lengths=[10], strides=[5], min_observed=0.5)
    index = build_index(cutting, statistics_encoder, tmp_path / "i")
    assert cutting.cut.uncovered == 50
    spans = find_spans(index, statistics_encoder, Query(HIGH), k=20, refine=True)
    assert len(Places.of(index)) == len(list(cutting)) and len(spans) >= 5
    for span, window in zip(spans, values_of(index, spans), strict=True):
        np.testing.assert_array_equal(
            window.values, values[:, span.first_step : span.first_step + span.n_steps].astype(np.float32)
        )
        assert (span.start - whole.start).total_seconds() == 3600 * span.first_step
