"""Which windows are asked about, in which order, and which share time."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from tracets.errors import DataError
from tracets.evaluate.pool import make_pool
from tracets.types import Sample


def test_windows_stand_in_time_order_with_unknown_starts_last(make_window):
    pool = make_pool([make_window(5, start=False), make_window(3), make_window(1, text=False), make_window(2)])
    assert [s.id for s in pool.samples] == ["w1", "w2", "w3", "w5"]
    assert pool.paired.tolist() == [1, 2, 3]
    assert pool.texts == ["angle 2", "angle 3", "angle 5"]


def test_zones_are_compared_as_moments():
    def at(name, start):
        return Sample(name, np.zeros((1, 2)), ("x",), start=start, freq="h", text=name)

    noon_utc = datetime(2020, 1, 1, 12, tzinfo=UTC)
    later_in_ny = datetime(2020, 1, 1, 8, tzinfo=timezone(timedelta(hours=-5)))  # 13:00 UTC
    naive_first = datetime(2020, 1, 1, 11, 59)
    pool = make_pool([at("ny", later_in_ny), at("utc", noon_utc), at("naive", naive_first)])
    assert [s.id for s in pool.samples] == ["naive", "utc", "ny"]


def test_overlap_needs_shared_time_and_the_same_place(make_window):
    long = [make_window(i, steps=48) for i in range(3)]  # two days long, one day apart
    elsewhere = make_window(1, steps=48, entity="boston")
    pool = make_pool([*long, elsewhere, make_window(9, start=False)])
    assert [s.metadata["entity"] for s in pool.samples] == ["ny", "ny", "boston", "ny", "ny"]
    assert pool.overlap.astype(int).tolist() == [
        [1, 1, 0, 0, 0],
        [1, 1, 0, 1, 0],
        [0, 0, 1, 0, 0],
        [0, 1, 0, 1, 0],
        [0, 0, 0, 0, 1],
    ]


def test_windows_that_touch_do_not_overlap(make_window):
    pool = make_pool([make_window(i) for i in range(4)])
    assert np.array_equal(pool.overlap, np.eye(4, dtype=bool))


def test_blocks_grow_with_the_overlap(make_window):
    assert make_pool([make_window(i) for i in range(400)]).block == 7  # 400^(1/3)
    assert make_pool([make_window(i, steps=24 * 10) for i in range(400)]).block == 19  # nine before, nine after, itself


def test_duplicated_texts_are_counted_with_even_white_space():
    texts = ["dry  week", "dry week ", "wet week", "Dry week"]
    pool = make_pool([Sample(str(i), np.zeros((1, 2)), ("x",), text=t) for i, t in enumerate(texts)])
    assert pool.n_duplicates == 2


def test_too_few_texts_are_refused(make_window):
    with pytest.raises(DataError, match="at least 2 windows with a text, got 1 among 3"):
        make_pool([make_window(0), make_window(1, text=False), make_window(2, text=False)])
    with pytest.raises(DataError, match="at least 2 windows with a text, got 0 among 0"):
        make_pool([])
