"""What splits know of one another, against a plain comparison of all pairs."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracets.data.corpus import Corpus
from tracets.data.leaks import Leaks, end_of, longest_run, runs, values_digest
from tracets.data.profile import describe
from tracets.types import Sample

BEGIN = datetime(2020, 1, 1, tzinfo=UTC)


def sample(id, split, *, hour=None, entity="a", text=None, value=None, n=4, freq="h"):
    start = None if hour is None else BEGIN + timedelta(hours=hour)
    values = np.full((1, n), abs(hash(id)) % 10**6 if value is None else value)
    return Sample(id, values, ("x",), start=start, freq=freq, text=text, split=split,
                  metadata={} if entity is None else {"entity": entity})  # fmt: skip


def leaks_of(*samples):
    found = Leaks()
    for one in samples:
        found.add(one, values_digest(one))
    return found.to_json()


def test_each_kind_by_hand():
    found = leaks_of(
        sample("a", "train", hour=0, text="same", value=1),
        sample("b", "test", hour=3, text="same", value=2),  # its text, and an hour
        sample("c", "test", hour=50, value=1),  # its values
        sample("d", "train", hour=4, text="same", value=3),  # overlaps b
        sample("e", "val", hour=3, entity="b", value=4),
        sample("f", None, hour=0, text="same", value=1),
    )
    assert found == {
        "values": 1, "texts": 1, "times": 2, "entities": 1,
        "examples": {"values": [["a", "c"]], "texts": [["a", "b"]], "times": [["a", "b"], ["b", "d"]]},
    }  # fmt: skip


def test_windows_that_touch_do_not_overlap():
    assert leaks_of(sample("a", "train", hour=0), sample("b", "test", hour=4))["times"] == 0
    assert leaks_of(sample("a", "train", hour=0), sample("b", "test", hour=3))["times"] == 1


def test_other_entities_and_channels_are_other_things():
    other = Sample("b", [[1.0] * 4], ("y",), start=BEGIN, freq="h", split="test", metadata={"entity": "a"})
    assert leaks_of(sample("a", "train", hour=0), other)["times"] == 0
    assert leaks_of(sample("a", "train", hour=0), sample("b", "test", hour=0, entity="c"))["times"] == 0
    assert leaks_of(sample("a", "train", hour=0, entity=None), sample("b", "test", hour=0, entity=None))["times"] == 1


rows = st.lists(
    st.tuples(st.sampled_from(["train", "val", "test"]), st.integers(0, 30), st.integers(1, 9), st.sampled_from("ab")),
    max_size=12,
)


@pytest.mark.slow
@settings(deadline=None)
@given(rows)
def test_overlaps_by_all_pairs(given):
    """A row counts when one of another split, earlier in the order of begins, ends after it begins."""
    samples = [sample(f"{i:02d}", split, hour=h, n=n, entity=e) for i, (split, h, n, e) in enumerate(given)]
    order = sorted(samples, key=lambda s: (s.start, s.start + timedelta(hours=s.n_steps), s.split, s.id))
    expected = sum(
        any(
            a.metadata == b.metadata and a.split != b.split and a.start + timedelta(hours=a.n_steps) > b.start
            for a in order[:i]
        )
        for i, b in enumerate(order)
    )
    assert leaks_of(*samples)["times"] == expected


@settings(deadline=None)
@given(st.lists(st.booleans(), max_size=30))
def test_runs_of_missing_steps(absent):
    found, length = [], 0
    for one in [*absent, False]:
        if one:
            length += 1
        elif length:
            found.append(length)
            length = 0
    row = np.array(absent, dtype=bool)
    assert (longest_run(row), runs(row)) == (max(found, default=0), len(found))


@pytest.mark.parametrize(
    ("start", "freq", "n", "end"),
    [
        (datetime(2021, 1, 1), "h", 25, datetime(2021, 1, 2, 1)),
        (datetime(2021, 2, 1), "MS", 12, datetime(2022, 2, 1)),
        (datetime(2021, 1, 31), "ME", 1, datetime(2021, 2, 28)),
        (datetime(2021, 1, 4), "W-MON", 2, datetime(2021, 1, 18)),
        (datetime(2021, 1, 4), "D", 3, datetime(2021, 1, 7)),
    ],
)
def test_ends_follow_the_calendar(start, freq, n, end):
    assert end_of(start, freq, n) == end


def test_missing_values_are_alike_whatever_their_bits():
    odd = np.array([[1.0, 0.0]], np.float32)
    odd.view(np.uint32)[0, 1] = 0x7FC00001
    samples = [Sample("a", [[1, np.nan]], ("x",), split="train"), Sample("b", odd, ("x",), split="test")]
    found = describe(Corpus.from_samples(samples))
    assert found["leaks"]["values"] == 1 and found["duplicates"]["values"] == 1


@pytest.mark.slow
def test_the_weather_that_comes_along_leaks_nothing():
    from tracets.data import weather_corpus

    found = describe(weather_corpus())["leaks"]
    assert (found["values"], found["texts"], found["times"], found["entities"]) == (0, 0, 0, 3)
