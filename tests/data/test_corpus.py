"""The corpus file: what goes in comes out, and what breaks the contract is named."""

import importlib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracets.data import Corpus, read_corpus, write_corpus
from tracets.errors import DataError
from tracets.types import Sample

NEW_YORK = ZoneInfo("America/New_York")


def full(name="a", **more):
    fields = {
        "values": np.array([[1.5, np.nan, 3], [0.1, 2, -4]], np.float32),
        "channel_names": ("load", "température"),
        "units": ("MW", None),
        "start": datetime(2013, 3, 10, 1, 30, tzinfo=NEW_YORK),
        "freq": "30min",
        "text": "It rises.",
        "channel_texts": (None, "It falls."),
        "event_text": "storm",
        "label": "rain",
        "split": "train",
        "domain": "energy",
        "source": "made up",
        "metadata": {"entity": "ny", "n": 3, "share": 0.5, "ok": True, "alt_texts": ["one", "two"], "none": None},
    }
    return Sample(name, **(fields | more))


def assert_same(one: Sample, two: Sample):
    np.testing.assert_array_equal(one.values, two.values)
    assert one.values.dtype == two.values.dtype == np.float32
    for name in Sample.__dataclass_fields__:
        if name != "values":
            assert getattr(one, name) == getattr(two, name), name


def test_a_sample_comes_back_from_the_file_as_it_was(tmp_path):
    bare = Sample("b", np.zeros((1, 7)), ("x",), metadata=dict.fromkeys(full().metadata))
    write_corpus(Corpus.from_samples([full(), bare]), tmp_path / "new" / "corpus.parquet")
    corpus = read_corpus(tmp_path / "new" / "corpus.parquet")
    assert len(corpus) == 2 and corpus.ids == ["a", "b"]
    assert_same(corpus[0], full())
    assert_same(corpus[-1], bare)
    assert corpus[0].start.tzinfo.key == "America/New_York"
    assert [s.id for s in corpus] == ["a", "b"]
    with pytest.raises(IndexError, match="corpus index 2 is out of range for 2 samples"):
        corpus[2]


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(
            st.integers(1, 3),
            st.integers(1, 5),
            st.none() | st.text(max_size=5),
            st.none() | st.datetimes(datetime(1800, 1, 1), datetime(2100, 1, 1)),
            st.none() | st.lists(st.integers(-5, 5), max_size=3),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_any_samples_survive_the_table(rows):
    rng = np.random.default_rng(0)
    samples = []
    for i, (c, t, text, start, numbers) in enumerate(rows):
        values = rng.normal(size=(c, t)).astype(np.float32)
        values[rng.random((c, t)) < 0.2] = np.nan
        names = tuple(f"c{j}" for j in range(c))
        samples.append(Sample(str(i), values, names, text=text, start=start, metadata={"numbers": numbers}))
    for one, two in zip(Corpus.from_samples(samples), samples, strict=True):
        assert_same(one, two)


@pytest.mark.parametrize("zone", [None, UTC, timezone(timedelta(hours=5, minutes=30)), NEW_YORK])
def test_the_zone_of_start_is_kept(zone):
    start = datetime(2013, 11, 3, 1, 15, tzinfo=zone)
    kept = Corpus.from_samples([full(start=start)])[0].start
    assert kept == start and kept.utcoffset() == start.utcoffset()


def test_the_second_one_o_clock_of_the_night_of_the_clock_change_is_kept():
    start = datetime(2013, 11, 3, 1, 15, tzinfo=NEW_YORK, fold=1)
    kept = Corpus.from_samples([full(start=start)])[0].start
    assert kept.timestamp() == start.timestamp() and kept.utcoffset() == timedelta(hours=-5)


def test_two_zones_in_one_file_are_refused():
    samples = [full("a"), full("b", start=datetime(2020, 1, 1))]
    with pytest.raises(DataError, match="'a' starts in time zone America/New_York, sample 'b' in None; .*one zone"):
        Corpus.from_samples(samples)


def test_columns_selecting_and_splits():
    corpus = Corpus.from_samples([full(str(i), split=s) for i, s in enumerate(["train", "test", None, "test"])])
    assert corpus.split("test").ids == ["1", "3"] and len(corpus.split("val")) == 0
    assert corpus.select([3, 0]).ids == ["3", "0"]
    assert corpus.column("alt_texts") == [["one", "two"]] * 4 and corpus.column("split")[2] is None
    assert corpus.metadata_names == ["entity", "n", "share", "ok", "alt_texts", "none"]
    with pytest.raises(DataError, match="no column 'entitty'. It has: id, values"):
        corpus.column("entitty")
    with pytest.raises(DataError, match="there is no split 'dev'. Use one of train, val, test"):
        corpus.split("dev")


def test_metadata_is_fit_for_json():
    table = pa.table(
        {
            "id": ["a"],
            "values": [[[1.0]]],
            "channel_names": [["x"]],
            "when": pa.array([datetime(2020, 1, 2, 3)]),
            "day": pa.array([date(2020, 1, 2)]),
            "nan": [float("nan")],
            "nested": [[{"k": [1.0, float("inf")]}]],
        }
    )
    assert dict(Corpus(table)[0].metadata) == {
        "when": "2020-01-02T03:00:00",
        "day": "2020-01-02",
        "nan": None,
        "nested": [{"k": [1.0, None]}],
    }


def test_other_arrow_types_of_the_same_thing_are_read(tmp_path):
    table = pa.table(
        {
            "values": pa.array([[[1, None], [3, 4]]], pa.large_list(pa.list_(pa.float64(), 2))),
            "id": pa.array(["a"], pa.large_string()),
            "channel_names": pa.array([["x", "y"]], pa.large_list(pa.large_string())),
            "start": pa.array([datetime(2020, 1, 1)], pa.timestamp("ns")),
            "label": pa.array(["l"]).dictionary_encode(),
            "text": pa.nulls(1),
        }
    )
    pq.write_table(table, tmp_path / "c.parquet")
    sample = read_corpus(tmp_path / "c.parquet")[0]
    np.testing.assert_array_equal(sample.values, np.array([[1, np.nan], [3, 4]], np.float32))
    assert (sample.start, sample.label, sample.text) == (datetime(2020, 1, 1), "l", None)


def raw(**columns):
    good = {"id": ["a", "b"], "values": [[[1.0, 2.0]], [[3.0], [4.0]]], "channel_names": [["x"], ["x", "y"]]}
    return pa.table({k: v for k, v in (good | columns).items() if v is not None})


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"values": None},
            "needs the columns id, values, channel_names; missing: values. It has: id, channel_names. Re",
        ),
        ({"id": ["a", "a"]}, "row 1 repeats id 'a' of row 0. Make ids unique"),
        ({"id": ["a", None]}, "row 1 has no id"),
        ({"id": ["", "a"]}, "row 0 has no id"),
        ({"id": [1, 2]}, r"column 'id' must hold text \(string\), has int64. Convert it"),
        ({"values": [[[1.0]], [[1.0, 2.0], [3.0]]]}, r"row 1 \(id 'b'\): channel 1 has 1 steps, channel 0 has 2"),
        ({"values": [[[1.0]], [[1.0], None]]}, r"row 1 \(id 'b'\): channel 1 is null or empty"),
        ({"values": [None, [[1.0], [2.0]]]}, r"row 0 \(id 'a'\): has no values"),
        ({"values": [[[1.0]], [[1.0, 0.0], [2.0, -np.inf]]]}, r"row 1 \(id 'b'\): channel 1, step 1 is infinite. Repl"),
        ({"values": [1.0, 2.0]}, "column 'values' must be list<.*, has double"),
        ({"channel_names": [["x"], ["x"]]}, r"row 1 \(id 'b'\): 1 channel_names for 2 channels"),
        ({"channel_names": [["x"], ["x", "x"]]}, r"row 1 \(id 'b'\): channel_names must be distinct"),
        ({"channel_names": [[" "], ["x", "y"]]}, r"row 0 \(id 'a'\): channel_names must be distinct and non-empty"),
        ({"channel_texts": [None, ["t"]]}, r"row 1 \(id 'b'\): channel_texts has 1 entries for 2 channels. Use null"),
        ({"units": [["m", "s"], None]}, r"row 0 \(id 'a'\): units has 2 entries for 1 channels"),
        ({"split": [None, "dev"]}, r"row 1 \(id 'b'\): split is 'dev'. Use one of train, val, test"),
        ({"freq": ["h", "often"]}, r"row 1 \(id 'b'\): freq 'often' is not a positive pandas offset"),
        ({"start": ["2020", "2021"]}, "column 'start' must hold timestamps, has string. Convert it"),
        ({"id": [], "values": [], "channel_names": []}, "the corpus is empty"),
    ],
)
def test_what_breaks_the_contract_is_named(tmp_path, columns, message):
    file = tmp_path / "bad.parquet"
    pq.write_table(raw(**columns), file)
    with pytest.raises(DataError, match="bad.parquet: .*" + message):
        read_corpus(file)


def test_rows_are_counted_over_row_groups(tmp_path):
    table = pa.concat_tables([raw(), raw(id=["c", "d"], values=[[[1.0]], [[1.0], [np.inf]]])])
    pq.write_table(table, tmp_path / "c.parquet", row_group_size=1)
    with pytest.raises(DataError, match=r"row 3 \(id 'd'\): channel 1, step 0 is infinite"):
        read_corpus(tmp_path / "c.parquet")


def test_a_file_that_is_no_corpus(tmp_path):
    with pytest.raises(DataError, match="no such file: '.*nowhere.parquet'"):
        read_corpus(tmp_path / "nowhere.parquet")
    (tmp_path / "text.parquet").write_text("id,values\n")
    with pytest.raises(DataError, match="text.parquet: cannot be read as Parquet"):
        read_corpus(tmp_path / "text.parquet")


def test_from_samples_refuses_what_a_table_cannot_hold():
    with pytest.raises(DataError, match="got no samples"):
        Corpus.from_samples([])
    with pytest.raises(DataError, match="row 1 repeats id 'a' of row 0"):
        Corpus.from_samples([full(), full()])
    with pytest.raises(DataError, match="metadata 'n' mixes types"):
        Corpus.from_samples([full(metadata={"n": 1}), full("b", metadata={"n": "two"})])
    with pytest.raises(DataError, match="metadata may not be named 'label'"):
        Corpus.from_samples([full(metadata={"label": "x"})])
    with pytest.raises(DataError, match="metadata cannot hold a object"):
        Corpus.from_samples([full(metadata={"x": object()})])


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    file = tmp_path / "c.parquet"
    write_corpus(Corpus.from_samples([full("old")]), file)

    def broken(table, path, **options):
        Path(path).write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(pq, "write_table", broken)
    with pytest.raises(OSError, match="disk full"):
        write_corpus(Corpus.from_samples([full("new")]), file)
    assert read_corpus(file).ids == ["old"] and [p.name for p in tmp_path.iterdir()] == ["c.parquet"]


def test_where_agrees_with_python():
    rng = np.random.default_rng(1)
    samples = [
        replace(
            full(str(i)),
            label=[None, "rain", "fair"][rng.integers(3)],
            start=datetime(2013, 1, 1 + i, tzinfo=NEW_YORK),
            metadata={
                "entity": ["ny", "sf"][rng.integers(2)],
                "n": int(rng.integers(5)),
                "odd name": i / 2,
                "none": None,
            },
        )
        for i in range(30)
    ]
    corpus = Corpus.from_samples(samples)
    for sql, keep in {
        "entity = 'ny' AND n > 2": lambda s: s.metadata["entity"] == "ny" and s.metadata["n"] > 2,
        "label IS NULL": lambda s: s.label is None,
        "label IN ('rain', 'fair') OR n = 0": lambda s: s.label is not None or s.metadata["n"] == 0,
        "`odd name` >= 7": lambda s: s.metadata["odd name"] >= 7,
        "start < timestamp '2013-01-05T00:30:00'": lambda s: s.start < datetime(2013, 1, 5, 0, 30, tzinfo=NEW_YORK),
        "none IS NULL": lambda s: True,
        "id = 'nobody'": lambda s: False,
    }.items():
        assert corpus.where(sql).ids == [s.id for s in samples if keep(s)], sql


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("station = 'x'", "cannot filter by \"station = 'x'\": there is no column 'station'.*are id, .*entity"),
        ("n >", 'cannot filter by "n >": expected a value .*, found the end, at character 4. Allowed are =, '),
        ("n", "column 'n' holds numbers, got True"),
        ("values IS NULL", "no column 'values'"),
    ],
)  # fmt: skip
def test_where_says_what_is_wrong(sql, message):
    with pytest.raises(DataError, match=message):
        Corpus.from_samples([full()]).where(sql)


@pytest.mark.slow
def test_all_evaluation_corpora_are_read(shared_data):
    files = sorted(shared_data.glob("*/samples*.parquet"))
    rows = {str(f.relative_to(shared_data)): len(read_corpus(f)) for f in files}
    assert rows["jena_weather_captioned/samples.parquet"] == 1815 and rows["time_mmd/samples.parquet"] == 5836
    assert len(rows) == 8
    jena = read_corpus(shared_data / "jena_weather_captioned" / "samples.parquet")[3]
    assert jena.values.shape == (5, 48) and len(jena.metadata["alt_texts"]) >= 1 and jena.channel_texts[0]


def test_a_large_corpus_is_read_from_a_mapped_file_without_a_name(corpus_file, monkeypatch, tmp_path):
    small = read_corpus(corpus_file)
    room = importlib.import_module("tracets.data.corpus")
    monkeypatch.setattr(room, "IN_MEMORY", 1)
    monkeypatch.setattr(room, "ROWS_AT_ONCE", 5)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = pa.total_allocated_bytes()
    large = read_corpus(corpus_file)
    train, picked = large.split("train"), large.select([3, 11, 0])
    assert pa.total_allocated_bytes() - before < small.table.nbytes, "values are not in memory"
    for mapped, held in ((large, small), (train, small.split("train"))):
        assert mapped.table.drop(["values"]).equals(held.table.drop(["values"]))
    assert picked.ids == [small.ids[i] for i in (3, 11, 0)] and len(large.select([])) == 0
    for a, b in zip(large, small, strict=True):
        np.testing.assert_array_equal(a.values, b.values)
        assert (a.id, a.channel_names, a.units, a.start, a.text, a.metadata) == (
            b.id, b.channel_names, b.units, b.start, b.text, b.metadata,
        )  # fmt: skip
    assert list(tmp_path.iterdir()) == []
