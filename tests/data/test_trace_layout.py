"""The layout that TRACE's authors publish: a tiny file of it."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tracets.data.trace_layout import CHANNELS, is_trace_layout, read_trace_layout
from tracets.errors import DataError


def npy(array, **options):
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def tiny(folder, *, name="train.parquet", arrays=None, event="2", **columns):
    described = {c: f"{c} falls." for c in CHANNELS} | {
        "DATE": "2019-05-01",
        "location": "Erie, PA",
        "labels": "stormy",
    }
    table = {
        "timeseries": [npy(a) for a in (arrays or [np.arange(35.0).reshape(7, 5), np.full((7, 3), np.nan)])],
        "description": [described, described | {"wind_u": None, "labels": None}],
        "events": [{"event_type": event, "narrative": "Trees were blown down."}, None],
    }
    pq.write_table(pa.table(table | columns), folder / name)
    return folder / name


def test_by_hand(tmp_path):
    path = tiny(tmp_path)
    assert is_trace_layout(path)
    corpus = read_trace_layout(path)
    assert corpus.ids == ["train-0", "train-1"] and corpus.column("split") == ["train", "train"]
    first, second = corpus
    np.testing.assert_array_equal(first.values, np.arange(35, dtype=np.float32).reshape(7, 5))
    assert first.channel_names == (
        "temperature", "precipitation", "relative humidity", "visibility", "wind u", "wind v", "sky code",
    )  # fmt: skip
    assert first.channel_texts[2] == "relative_humidity falls." and second.channel_texts[4] is None
    assert first.text == "Location: Erie, PA. Time: 2019-05-01. Weather: stormy. " + " ".join(
        f"{c} falls." for c in CHANNELS
    )
    assert second.text.startswith("Location: Erie, PA. Time: 2019-05-01. temperature falls.")
    assert (first.event_text, first.label) == ("Trees were blown down.", "event 2")
    assert (second.event_text, second.label) == (None, "none")
    assert first.metadata == {"location": "Erie, PA", "date": "2019-05-01"} and second.n_steps == 3


def test_event_types_can_be_named(tmp_path):
    path = tiny(tmp_path, name="bank.parquet")
    corpus = read_trace_layout(path, event_names=["flood", "hail", "wind"])
    assert corpus.column("label") == ["wind", "none"] and corpus.column("split") == [None, None]
    with pytest.raises(DataError, match="row 0: event_type 2 has no name among the 1 given"):
        read_trace_layout(path, event_names=["flood"])
    assert read_trace_layout(tiny(tmp_path, event="Hail")).column("label") == ["Hail", "none"]


def test_refusals(tmp_path):
    pickled = npy(np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="row 1: timeseries is not the bytes of a numeric .npy array"):
        read_trace_layout(tiny(tmp_path, timeseries=[npy(np.zeros((7, 2))), pickled]))
    with pytest.raises(DataError, match="row 0: timeseries is not the bytes"):
        read_trace_layout(tiny(tmp_path, timeseries=[npy(np.zeros((7, 9)))[:-8], b""]))
    with pytest.raises(DataError, match=r"row 0: timeseries must have shape \(7, n_steps\), got \(5, 2\)"):
        read_trace_layout(tiny(tmp_path, arrays=[np.zeros((5, 2))] * 2))
    pq.write_table(pa.table({"timeseries": [b""]}), tmp_path / "other.parquet")
    assert not is_trace_layout(tmp_path / "other.parquet")
    with pytest.raises(DataError, match="other.parquet: lacks description, events; it has timeseries"):
        read_trace_layout(tmp_path / "other.parquet")
    with pytest.raises(DataError, match="no such file"):
        read_trace_layout(tmp_path / "nowhere.parquet")
