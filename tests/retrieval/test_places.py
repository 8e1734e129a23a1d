"""Stretches put together from the windows of an index, against the series that they were cut from."""

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracets.data.cutting import Cutting, placed
from tracets.errors import QueryError
from tracets.retrieval.build import build_index
from tracets.retrieval.places import Places, Stretch, _raw, stitched, values_of
from tracets.retrieval.spans import find_spans
from tracets.types import Query, Sample

places_strategy = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 30), st.integers(1, 9)), min_size=1, max_size=30)


@pytest.mark.slow
@given(places_strategy, st.integers(0, 35), st.integers(1, 12))
def test_a_cover_holds_every_step_that_any_window_holds_with_as_few_windows_as_can_be(drawn, first, n):
    places, stretch = Places(("a", "b"), *np.array(drawn, np.int64).T), Stretch(1, first, n)
    cover = places.covering(stretch)

    def held(rows):
        return {s for r in rows for s in range(drawn[r][1], sum(drawn[r][1:])) if stretch.first <= s < stretch.end}

    inside = [r for r, place in enumerate(drawn) if place[0] == 1]
    assert held(cover) == held(inside) and set(cover) <= set(inside)
    left, fewest = held(inside), 0
    while left:  # the window that holds the first step that is left, and reaches furthest
        reach = max(sum(drawn[r][1:]) for r in inside if drawn[r][1] <= min(left) < sum(drawn[r][1:]))
        left, fewest = {s for s in left if s >= reach}, fewest + 1
    assert len(cover) == fewest
    np.testing.assert_array_equal(
        places.shared(np.arange(len(drawn)), stretch), [len(held([r])) if drawn[r][0] == 1 else 0 for r in
                                                        range(len(drawn))]
    )  # fmt: skip


@pytest.mark.parametrize("kind", [pa.int64(), pa.int32(), pa.float64()])
def test_columns_are_read_in_pieces_of_any_kind(kind):
    whole = pa.array(range(20)).cast(kind)
    pieces = pa.chunked_array([whole.slice(3, 5), whole.slice(0, 0), whole.slice(11)])
    assert _raw(pieces).tolist() == [*range(3, 8), *range(11, 20)]
    assert _raw(whole.slice(18)).tolist() == [18, 19]


def test_stitched_values_and_times_are_those_of_the_series(plant_index, plants):
    places = Places.of(plant_index)
    times = pd.date_range(plants[0].start, periods=400, freq="h")
    wanted = [(0, 400), (1, 1), (145, 30), (170, 50), (186, 14), (363, 37)]
    number = places.names.index("walk")
    for (first, n), sample in zip(
        wanted, stitched(plant_index, places, [Stretch(number, *w) for w in wanted]), strict=True
    ):
        np.testing.assert_array_equal(sample.values, plants[0].values[:, first : first + n])
        assert (sample.id, sample.channel_names, sample.units) == (f"walk@{first}+{n}", ("load", "wind"), ("MW", None))
        assert sample.start == times[first] and sample.start.utcoffset() == times[first].utcoffset()
        assert sample.metadata == {"entity": "walk", "site": "north", "series": "walk", "first_step": first,
                                   "n_steps": n}  # fmt: skip
    (steps,) = stitched(plant_index, places, [Stretch(places.names.index("steps"), 5, 100)])
    assert steps.start is None and steps.label == "odd"
    np.testing.assert_array_equal(steps.values, plants[1].values[:, 5:105])


def test_a_stretch_may_begin_and_end_where_no_window_holds_a_step(tmp_path, statistics_encoder):
    start = datetime(2024, 3, 30, 20, tzinfo=ZoneInfo("Europe/Berlin"))
    whole = Sample("a", np.arange(20.0)[None], ("x",), start=start, freq="h")
    middle = [w for w in Cutting([whole], lengths=[4], strides=[4]) if w.metadata["first_step"] == 8]
    index = build_index(middle, statistics_encoder, tmp_path / "index")
    (found,) = stitched(index, Places.of(index), [Stretch(0, 3, 12)])
    np.testing.assert_array_equal(found.values[0], [np.nan] * 5 + [8, 9, 10, 11] + [np.nan] * 3)
    assert found.start.isoformat() == "2024-03-30T23:00:00+01:00"  # 8 steps in lies 5:00 of the summer


def test_values_of_spans(plant_index, plants, statistics_encoder):
    spans = find_spans(plant_index, statistics_encoder, Query("5 1 0 1"), k=40, merge=True)
    assert {s.series for s in spans} == {"walk", "steps", "tiny"}
    whole = {one.id: one.values for one in plants}
    for span, found in zip(spans, values_of(plant_index, spans), strict=True):
        expected = whole[span.series][:, span.first_step : span.first_step + span.n_steps]
        np.testing.assert_array_equal(found.values, expected)


def test_windows_without_a_place_among_others_are_refused(tmp_path, statistics_encoder, plants):
    cut, loose = (
        list(Cutting(plants[2:], lengths=[4])),
        Sample("loose", np.ones((1, 4)), ("wind",), start=plants[2].start),
    )
    index = build_index([*cut, loose], statistics_encoder, tmp_path / "index")
    with pytest.raises(QueryError, match="1 of the 5 windows of index .* do not say where in a series they lie"):
        Places.of(index)


def test_windows_of_one_series_with_other_channels_are_refused(tmp_path, statistics_encoder):
    one = list(Cutting([Sample("a", np.ones((1, 8)), ("x",))], lengths=[4], strides=[4]))
    other = placed(Sample("b", np.ones((1, 4)), ("y",)), series="a", first_step=8)
    index = build_index([*one, other], statistics_encoder, tmp_path / "index")
    with pytest.raises(QueryError, match="'a@4\\+4' and 'a@8\\+4' are of one series but have different channels"):
        stitched(index, Places.of(index), [Stretch(0, 6, 4)])
