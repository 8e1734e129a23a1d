"""Scales of rows: there and back, and what a window's own scale takes away."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tracets.forecast.pasts import past_rows
from tracets.forecast.scaling import BEYOND, N_LEVELS, Scaling, channel_scales, scale_rows
from tracets.types import Sample

SCALINGS = [Scaling(bend, location, 0.3) for bend in (None, 1.0, 0.1) for location in ("last", "mean")]


def rows_of(values, names=("a",)):
    values = np.asarray(values, float)
    samples = [
        Sample(str(i), v[None], names, start=datetime(2020, 1, 1, tzinfo=UTC), freq="h") for i, v in enumerate(values)
    ]
    return past_rows(samples, context=values.shape[1])


@pytest.mark.parametrize("scaling", SCALINGS)
def test_there_and_back(scaling):
    rng = np.random.default_rng(0)
    values = rng.normal(5, 2, (6, 20))
    rows = rows_of(values)
    scaled = scale_rows(rows, scaling, channel_scales(rows, scaling.bend))
    inside = rng.normal(5, 2, (6, 3))
    np.testing.assert_allclose(scaled.to_raw(scaled.to_scale(inside)), inside)
    np.testing.assert_allclose(scaled.to_raw(scaled.z), values)
    at_place = scaled.z[:, -1] if scaling.location == "last" else scaled.z.mean(1)
    np.testing.assert_allclose(at_place, 0, atol=1e-12)


def test_values_by_hand():
    """Of 0, 2, 4, 6 the channel's mean is 3 and its spread the root of 5; the row is scaled by 1 + .3² in squares."""
    rows = rows_of([[0, 2, 4, 6]])
    scaled = scale_rows(rows, Scaling(None, "last", 0.3), channel_scales(rows, None))
    spread, scale = np.sqrt(5), np.sqrt(1.09)
    np.testing.assert_allclose(scaled.scale, [[scale]])
    np.testing.assert_allclose(scaled.location, [[3 / spread]])
    np.testing.assert_allclose(scaled.z[0], np.array([-6, -4, -2, 0]) / spread / scale)
    np.testing.assert_allclose(scaled.levels[0, :4], [3 / spread / scale, 1 / scale, np.log(scale), 3 / spread])


def test_a_bent_axis_is_straight_near_zero_and_logarithmic_far_out():
    rows = rows_of([[-1e6, -1e-3, 1e-3, 1.0, 1.0, 1.0, 1.0, 1e6]])
    scaled = scale_rows(rows, Scaling(1.0, "mean", 0.3), channel_scales(rows, 1.0))
    axis = scaled.z * scaled.scale * scaled.spread
    small, large = (axis[0, b] - axis[0, a] for a, b in ((1, 2), (0, 7)))
    assert small == pytest.approx(2e-3, rel=1e-3)
    assert large == pytest.approx(2 * np.arcsinh(1e6))


@pytest.mark.parametrize("scaling", SCALINGS)
def test_the_scale_does_not_know_the_unit(scaling):
    rng = np.random.default_rng(1)
    values = rng.normal(5, 2, (6, 20))
    told = [scale_rows(r, scaling, channel_scales(r, scaling.bend)) for r in (rows_of(values), rows_of(1000 * values))]
    np.testing.assert_allclose(told[0].z, told[1].z, atol=1e-4)
    np.testing.assert_allclose(told[0].levels, told[1].levels, atol=1e-4)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_forecasts_are_cut_beyond_what_is_known_and_keep_their_order(scaling):
    rows = rows_of([[0, 1, 2, 3.0], [2, 3, 4, 10.0]])
    scaled = scale_rows(rows.at(np.array([0])), scaling, channel_scales(rows, scaling.bend))
    raw = scaled.to_raw(np.array([[-1e9, -1.0, 0.0, 1.0, 1e9]]))[0]
    assert raw[0] == -BEYOND * 10 and raw[-1] == 10 + BEYOND * 10
    assert (np.diff(raw) >= 0).all()


def test_an_unknown_channel_takes_the_place_of_its_own_window():
    rows = rows_of([[0, 2, 4, 6]], names=("stranger",))
    for scaling in SCALINGS:
        own = scale_rows(rows, scaling, {})
        as_known = scale_rows(rows, scaling, channel_scales(rows, scaling.bend))
        np.testing.assert_allclose(own.z, as_known.z)
        assert own.low == 0 and own.high == 6


def test_what_is_missing_is_told_and_does_not_count():
    rows = rows_of([[0, 2, np.nan, 4, np.nan]])
    scaled = scale_rows(rows, Scaling(None, "mean", 0.3), channel_scales(rows, None))
    assert scaled.levels.shape == (1, N_LEVELS)
    np.testing.assert_allclose(scaled.levels[0, 4:], [2 / 5, 1 / 5])
    np.testing.assert_allclose(scaled.mean, [[2.0]])


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(
    arrays(np.float64, (3, 8), elements=st.floats(-1e30, 1e30) | st.just(np.nan)),
    st.sampled_from(SCALINGS),
)
def test_never_nan(values, scaling):
    rows = rows_of(values)
    if not len(rows):
        return
    scaled = scale_rows(rows, scaling, channel_scales(rows, scaling.bend))
    assert np.isfinite(scaled.z).all() and np.isfinite(scaled.levels).all() and (scaled.scale > 0).all()
    raw = scaled.to_raw(np.array([[-1e6, 0.0, 1e6]] * len(rows)))
    assert np.isfinite(raw.astype(np.float32)).all()
