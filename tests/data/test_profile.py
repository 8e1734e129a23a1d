"""The profile of a corpus, counted by hand."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest

from tracets.data.corpus import Corpus
from tracets.data.profile import describe
from tracets.types import Sample

NAN = np.nan


def test_by_hand():
    start = datetime(2020, 1, 2, tzinfo=UTC)
    samples = [
        Sample("a", [[1, NAN]], ("x",), units=("m",), start=start, freq="h", text="same", label="l", split="train"),
        Sample("b", [[1, NAN]], ("x",), start=start.replace(day=1), text="same", metadata={"k": 1}),
        Sample("c", [[NAN, NAN, NAN], [1, 2, 3]], ("x", "y"), channel_texts=("t", None), event_text="e", split="train"),
    ]
    got = describe(Corpus.from_samples(samples))
    assert json.loads(json.dumps(got)) == got
    assert got == {
        "rows": 3,
        "channels": {"x": 3, "y": 1},
        "units": {"x": ["m"]},
        "channels_per_row": {"min": 1, "median": 1.0, "max": 2},
        "steps_per_row": {"min": 2, "median": 2.0, "max": 3},
        "freq": {"": 2, "h": 1},
        "splits": {"train": 2, "": 1},
        "labels": {"": 2, "l": 1},
        "domains": {"": 3},
        "start": {
            "first": "2020-01-01T00:00:00+00:00",
            "last": "2020-01-02T00:00:00+00:00",
            "zone": "UTC",
            "missing": 1,
        },
        "missing": pytest.approx(5 / 10),
        "missing_by_channel": {"x": pytest.approx(5 / 7), "y": 0.0},
        "empty_channels": 1,
        "gaps": {"x": {"count": 2, "longest": 1}},
        "text": pytest.approx(2 / 3),
        "event_text": pytest.approx(1 / 3),
        "channel_texts": pytest.approx(1 / 4),
        "distinct_texts": 1,
        "text_chars": {"min": 4, "median": 4.0, "max": 4},
        "duplicates": {"values": 1, "texts": 1},
        "leaks": {"values": 0, "texts": 0, "times": 0, "entities": 0, "examples": {}},
        "values": {"x": {"low": 1.0, "mean": 1.0, "high": 1.0}, "y": {"low": 1.0, "mean": 2.0, "high": 3.0}},
        "metadata": {"k": "int64"},
        "kinds": {},
    }


def test_columns_that_tell_kinds_apart_are_counted():
    def told(i):
        told = "a sentence about it that is longer than a kind"
        return {"kind": ("report", "search", None)[min(i // 2, 2)], "place": f"p{i}", "n": i % 2, "told": told}

    corpus = Corpus.from_samples(Sample(f"s{i}", [[float(i)]], ("x",), metadata=told(i)) for i in range(13))
    assert describe(corpus)["kinds"] == {"kind": {"": 9, "report": 2, "search": 2}}
    assert len(describe(corpus.select(range(12)))["kinds"]["place"]) == 12


def test_the_same_numbers_under_other_names_are_no_duplicate():
    samples = [Sample("a", [[1.0]], ("x",)), Sample("b", [[1.0]], ("y",))]
    assert describe(Corpus.from_samples(samples))["duplicates"] == {"values": 0, "texts": 0}


def test_no_rows():
    empty = Corpus.from_samples([Sample("a", [[1.0]], ("x",))]).split("val")
    assert (describe(empty)["rows"], describe(empty)["steps_per_row"], describe(empty)["missing"]) == (0, {}, 0.0)
