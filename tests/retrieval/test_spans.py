"""Spans against a loop over all windows: suppression, merging, filters, several lengths, and short answers."""

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracets.data.cutting import Cutting
from tracets.errors import IndexFolderError, NotFound, QueryError
from tracets.retrieval import scores
from tracets.retrieval.build import build_index
from tracets.retrieval.places import Places, Stretch
from tracets.retrieval.search import search
from tracets.retrieval.spans import NEAR, apart, find_spans, span_to_json
from tracets.retrieval.stored import Index
from tracets.types import Query, Sample, Span

HIGH, RISING = "5 1 0 1", "0 1 5 1"


def steps_of(one):
    return {(one["series"], s) for s in range(one["first_step"], one["first_step"] + one["n_steps"])}


def greedy(windows, scored, *, k, overlap, taken=()):
    """The slow plain version: windows are dicts with series, first_step and n_steps; sets of steps are compared."""
    order = sorted(range(len(windows)), key=lambda i: -scored[i])  # stable: ties keep their order
    kept, held = [], [steps_of(one) for one in taken]
    for i in order:
        mine = steps_of(windows[i])
        if len(kept) < k and all(len(mine & other) <= overlap * min(len(mine), len(other)) for other in held):
            kept.append(i)
            held.append(mine)
    return kept


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.data())
def test_spans_are_those_of_a_loop_over_all_windows(data):
    n = data.draw(st.integers(1, 90))
    number = st.integers(0, 30)
    drawn = [data.draw(st.tuples(st.integers(0, 2), number, st.integers(1, 15))) for _ in range(n)]
    scored = np.array([data.draw(st.integers(-5, 5)) for _ in range(n)], np.float64) / 8
    kept = sorted(data.draw(st.sets(st.integers(0, n - 1))))
    k, overlap = data.draw(st.integers(1, 6)), data.draw(st.sampled_from([0.0, 0.25, 0.5, 0.9]))
    places = Places(("a", "b", "c"), *np.array(drawn, np.int64).T)
    taken = [Stretch(0, 5, 4)] if data.draw(st.booleans()) else []

    found = apart(
        lambda which, coarse: scored if which is None else scored[which], places, np.array(kept, np.int64), k=k,
        overlap=overlap, taken=taken, residual=0.0,
    )  # fmt: skip
    windows = [dict(zip(("series", "first_step", "n_steps"), drawn[i], strict=True)) for i in kept]
    before = [{"series": t.series, "first_step": t.first, "n_steps": t.n_steps} for t in taken]
    expected = greedy(windows, scored[kept], k=k, overlap=overlap, taken=before)
    assert [one.row for one in found] == [kept[i] for i in expected]
    assert [one.score for one in found] == scored[[one.row for one in found]].tolist()


def test_more_windows_are_asked_for_until_all_spans_are_found():
    """A hundred windows lie over the best place; the second one is behind all of them."""
    first = np.concatenate([np.arange(100), [500]])
    places = Places(("a",), np.zeros(101, np.int64), first, np.full(101, 120))
    scored, asked = np.linspace(1, 0, 101), []

    def score(which, *, coarse):
        asked.append(len(scored) if which is None else len(which))
        return scored if which is None else scored[which]

    found = apart(score, places, np.arange(101), k=2, overlap=0.0, taken=[], residual=0.0)
    assert [one.row for one in found] == [0, 100] and len(asked) > 1
    found = apart(score, places, np.arange(101), k=3, overlap=0.0, taken=[], residual=0.0)
    assert [one.row for one in found] == [0, 100]  # no third is left


@pytest.fixture(scope="module")
def windows(plants):
    return list(Cutting(plants, lengths=[12, 30], strides=[3, 7]))


def scores_of(windows, encoder, text):
    bank = scores.series_bank(encoder.encode_series(windows), [w.channel_names for w in windows])
    query = scores.text_bank(encoder.encode_texts([text]))
    return scores.text_to_series(query, bank, sample_weight=encoder.sample_weight)[0].astype(np.float64).round(6)


@pytest.mark.slow
@pytest.mark.parametrize("overlap", [0.0, 0.5])
@pytest.mark.parametrize("text", [HIGH, RISING])
def test_windows_of_all_lengths_compete_by_the_score_of_search(plant_index, windows, statistics_encoder, text, overlap):
    scored = scores_of(windows, statistics_encoder, text)
    expected = greedy([w.metadata for w in windows], scored, k=8, overlap=overlap)
    spans = find_spans(plant_index, statistics_encoder, Query(text), k=8, overlap=overlap)
    assert [s.id for s in spans] == [windows[i].id for i in expected]
    np.testing.assert_allclose([s.score for s in spans], scored[expected], atol=2e-6)
    assert len({s.n_steps for s in spans}) > 1 and [s.rank for s in spans] == list(range(1, 9))


def test_a_span_is_the_hit_of_its_window_with_its_place(plant_index, statistics_encoder):
    best = find_spans(plant_index, statistics_encoder, Query(HIGH), k=3, where="series = 'walk'")[1]
    hit = next(h for h in search(plant_index, statistics_encoder, Query(HIGH), k=200) if h.id == best.id)
    assert isinstance(best, Span)
    assert (best.score, best.start, best.end, best.channels) == (hit.score, hit.start, hit.end, hit.channels)
    assert best.id == f"walk@{best.first_step}+{best.n_steps}" and best.metadata == {"entity": "walk", "site": "north"}
    told = span_to_json(best)
    assert list(told) == [
        "rank", "id", "score", "start", "end", "channels", "text", "label", "metadata", "series", "first_step",
        "n_steps",
    ]  # fmt: skip
    # 25 March to 31 March: the clocks went forward in between
    assert told["start"].endswith(("+01:00", "+02:00")) and told["series"] == "walk"


def test_places_in_the_hour_that_comes_twice_are_told_apart(tmp_path, statistics_encoder):
    start = datetime(2024, 10, 27, 1, tzinfo=ZoneInfo("Europe/Berlin"))
    one = Sample("a", np.array([[0, 0, 9, 9, 0, 0.0]]), ("x",), start=start, freq="h")
    index = build_index(Cutting([one], lengths=[2], strides=[1]), statistics_encoder, tmp_path / "index")
    found = {s["first_step"]: (s["start"], s["end"]) for s in map(
        span_to_json, find_spans(index, statistics_encoder, Query(HIGH), k=9, overlap=0.5))}  # fmt: skip
    assert found[2] == ("2024-10-27T02:00:00+01:00", "2024-10-27T03:00:00+01:00")
    assert found[1] == ("2024-10-27T02:00:00+02:00", "2024-10-27T02:00:00+01:00")
    (wide,) = find_spans(index, statistics_encoder, Query("1 9 9 1"), k=1, merge=True, where="first_step IN (1, 2)")
    assert wide.start.isoformat() == "2024-10-27T02:00:00+02:00"


def test_series_without_times_are_found_by_step(plant_index, statistics_encoder):
    (span,) = find_spans(plant_index, statistics_encoder, Query(HIGH), k=1, where="series = 'steps'")
    assert (span.start, span.end, span.label) == (None, None, "odd") and span.series == "steps"


def test_filters_and_channels_as_for_search(plant_index, windows, statistics_encoder):
    found = find_spans(plant_index, statistics_encoder, Query(HIGH), k=50, where="n_steps = 12 AND series = 'walk'")
    scored = scores_of(windows, statistics_encoder, HIGH)
    some = [i for i, w in enumerate(windows) if w.n_steps == 12 and w.metadata["series"] == "walk"]
    kept = greedy([windows[i].metadata for i in some], scored[some], k=50, overlap=0)
    assert [s.id for s in found] == [windows[some[i]].id for i in kept] and len(found) < 50

    class Named:  # the text about a channel is sent as "wind: ..."
        def __getattr__(self, name):
            return getattr(statistics_encoder, name)

        def encode_texts(self, texts, *, batch_size=64):
            return statistics_encoder.encode_texts([text.removeprefix("wind: ") for text in texts])

    spans = find_spans(plant_index, Named(), Query(channels={"Wind": RISING}), k=5)
    assert all(set(s.channels) == {"wind"} for s in spans) and {s.series for s in spans} <= {"walk", "tiny"}


def test_like_keeps_clear_of_the_window_it_came_from(plant_index, windows, statistics_encoder):
    spans = find_spans(plant_index, statistics_encoder, Query(like="walk@63+12"), k=200)
    mine = {("walk", s) for s in range(63, 75)}
    assert spans and not any(mine & steps_of(vars(s)) for s in spans)
    near = find_spans(plant_index, statistics_encoder, Query(like="walk@63+12"), k=200, overlap=0.8)
    assert "walk@66+12" in {s.id for s in near} and "walk@63+12" not in {s.id for s in near}


def test_a_series_of_any_length_is_compared_with_windows_of_all(plant_index, plants, statistics_encoder):
    part = Sample("asked", plants[0].values[:, 100:119], ("load", "wind"))
    best = find_spans(plant_index, statistics_encoder, Query(series=part), k=1)[0]
    assert best.series == "walk" and best.first_step < 119 and best.first_step + best.n_steps > 100


def test_merged_spans_are_those_of_a_loop(plant_index, windows, statistics_encoder):
    scored = scores_of(windows, statistics_encoder, HIGH)
    median = np.median(scored)
    left, expected = set(range(len(windows))), []
    for _ in range(6):
        best = min(left, key=lambda i: (-scored[i], i))
        span, level = steps_of(windows[best].metadata), median + NEAR * (scored[best] - median)
        grown = True
        while grown:
            grown = False
            for i, window in enumerate(windows):
                mine = steps_of(window.metadata)
                wider = span | mine
                if scored[i] >= level and mine & span and mine - span and not any(wider & e[1] for e in expected):
                    span, grown = wider, True
        expected.append((windows[best].id, span))
        left -= {i for i in left if steps_of(windows[i].metadata) & span}
    spans = find_spans(plant_index, statistics_encoder, Query(HIGH), k=6, merge=True)
    assert [(s.id, steps_of(vars(s))) for s in spans] == expected
    assert max(s.n_steps for s in spans) > 30
    plain = find_spans(plant_index, statistics_encoder, Query(HIGH), k=6)
    assert (spans[0].score, spans[0].id) == (plain[0].score, plain[0].id)
    assert find_spans(plant_index, statistics_encoder, Query(HIGH), k=2, merge=True) == spans[:2]


def test_a_merged_span_has_the_times_of_its_ends(plant_index, plants, statistics_encoder):
    import pandas as pd

    spans = find_spans(plant_index, statistics_encoder, Query(HIGH), k=20, merge=True, where="series = 'walk'")
    times = pd.date_range(plants[0].start, periods=400, freq="h")
    wide = [s for s in spans if s.n_steps > 30]
    assert wide
    for span in wide:
        assert (span.start, span.end) == (times[span.first_step], times[span.first_step + span.n_steps - 1])


def test_a_filter_that_keeps_nothing_gives_no_spans(plant_index, statistics_encoder):
    for options in ({}, {"merge": True}, {"refine": True}):
        assert find_spans(plant_index, statistics_encoder, Query(HIGH), where="series = 'none'", **options) == []


@pytest.mark.slow
def test_windows_that_were_deleted_are_no_place(tmp_path, windows, statistics_encoder):
    index = build_index(windows, statistics_encoder, tmp_path / "i")
    best = find_spans(index, statistics_encoder, Query(HIGH), k=1)[0]
    gone = [w.id for w in windows if w.metadata["series"] == best.series]
    changed = Index(index.folder.delete(gone).folder)
    left = [w for w in windows if w.id not in gone]
    anew = build_index(left, statistics_encoder, tmp_path / "anew")
    for options in ({}, {"merge": True}, {"refine": True}):
        found = find_spans(changed, statistics_encoder, Query(HIGH), k=3, **options)
        expected = find_spans(anew, statistics_encoder, Query(HIGH), k=3, **options)
        # an index keeps its columns when the windows that had them are gone
        found, expected = ([span_to_json(one) | {"metadata": None} for one in some] for some in (found, expected))
        assert found == expected


def test_an_update_encodes_only_the_windows_that_changed(tmp_path, statistics_encoder):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(1, 62))
    first = Cutting([Sample("a", values[:, :50], ("x",))], lengths=[10], strides=[5])
    build_index(first, statistics_encoder, tmp_path / "index")
    longer = Cutting([Sample("a", values, ("x",))], lengths=[10], strides=[5])
    built = build_index(longer, statistics_encoder, tmp_path / "index", update=True)
    assert len(built) == 12 and built.embedded == (3, 0)  # 45+10, 50+10 and the last one, 52+10


def test_what_cannot_be_asked_is_refused(plant_index, statistics_encoder, tmp_path, plants):
    def refused(error, match, index=plant_index, encoder=statistics_encoder, query=None, **options):
        with pytest.raises(error, match=match):
            find_spans(index, encoder, query or Query(HIGH), **options)

    refused(QueryError, "k of at least 1", k=0)
    refused(QueryError, "overlap must be at least 0 and below 1", overlap=1.0)
    refused(QueryError, "Choose merge or refine", merge=True, refine=True)
    refused(NotFound, "no window with id 'none'", query=Query(like="none"))
    refused(QueryError, "the query is empty", query=Query())
    other = type(statistics_encoder)(name="other", fingerprint="0")
    refused(IndexFolderError, "was built with model 'statistics'", encoder=other)
    uncut = build_index(plants, statistics_encoder, tmp_path / "uncut")
    refused(QueryError, "3 of the 3 windows .* do not say where in a series they lie", index=uncut)
