"""Batches: padding on the right, zeros where nothing was observed."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tracets.data.collate import collate
from tracets.errors import DataError
from tracets.types import Sample


def sample(values, **more):
    values = np.asarray(values, np.float32)
    return Sample(more.pop("id", "x"), values, tuple(f"c{i}" for i in range(len(values))), **more)


def test_by_hand():
    start = datetime(2020, 1, 1, tzinfo=UTC)
    nan = np.nan
    batch = collate([sample([[1, nan, 3]], freq="h", start=start), sample([[4, 5], [nan, nan]], units=("m", None))])
    assert batch.values.tolist() == [[[1, 0, 3], [0, 0, 0]], [[4, 5, 0], [0, 0, 0]]]
    assert batch.observed.tolist() == [
        [[True, False, True], [False] * 3],
        [[True, True, False], [False] * 3],
    ]
    assert batch.channel_valid.tolist() == [[True, False], [True, False]]
    assert batch.n_steps.tolist() == [3, 2]
    assert batch.step_seconds[0] == 3600 and np.isnan(batch.step_seconds[1])
    assert batch.start == (start, None)
    assert batch.channel_names == (("c0",), ("c0", "c1")) and batch.units == ((None,), ("m", None))
    assert batch.values.dtype == np.float32 and batch.n_steps.dtype == np.int64 and len(batch) == 2


def test_no_samples():
    with pytest.raises(DataError, match="at least one sample, got none"):
        collate([])


shapes = st.tuples(st.integers(1, 4), st.integers(1, 6))
floats = st.one_of(st.floats(-1e6, 1e6, width=32), st.just(np.float32(np.nan)))


@pytest.mark.slow
@given(st.lists(shapes.flatmap(lambda s: arrays(np.float32, s, elements=floats)), min_size=1, max_size=5))
def test_every_value_is_found_again_and_nothing_else(all_values):
    batch = collate([sample(v) for v in all_values])
    for i, values in enumerate(all_values):
        c, t = values.shape
        seen = np.where(batch.observed[i], batch.values[i], np.nan)
        np.testing.assert_array_equal(seen[:c, :t], values)
        assert not batch.observed[i, c:].any() and not batch.observed[i, :, t:].any()
    assert not batch.values[~batch.observed].any()
