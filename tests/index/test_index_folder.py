"""The index folder: what goes in comes out, it is written whole or not at all, and damage is named."""

import json
import shutil
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest

from tracets.errors import DataError, IndexFolderError, NotFound, QueryError
from tracets.index import IndexFolder, Manifest, Rows
from tracets.index.rows import end_of
from tracets.types import Sample, SeriesVectors, TextVectors

DIM, M = 12, 2


def unit(rng, *shape):
    x = rng.normal(size=(*shape, DIM)).astype(np.float32)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def rows_of(*samples, dim=DIM, m=M, seed=0):
    rng = np.random.default_rng(seed)
    written = [s for s in samples if s.text and s.text.strip()]
    sentences = tuple(unit(rng, 1 + i % 3)[:, :dim] for i in range(len(written)))
    channels = tuple(unit(rng, s.n_channels, m)[..., :dim] for s in samples)
    return Rows(
        samples,
        SeriesVectors(unit(rng, len(samples))[:, :dim], channels),
        TextVectors(unit(rng, len(written))[:, :dim], sentences, tuple(("x",) * len(s) for s in sentences)),
    )


def window(name, **given):
    return Sample(name, np.array([[1, np.nan, 3], [4, 5, 6]], np.float32), ("rain", "wind"), **given)


FULL = window(
    'it\'s "full"',
    units=("mm", None),
    start=datetime(2013, 11, 3, tzinfo=ZoneInfo("America/New_York")),
    freq="h",
    text="Rain falls.",
    channel_texts=("it rains", None),
    event_text="a storm",
    label="storm",
    split="test",
    domain="weather",
    source="a station",
    metadata={
        "entity": "ny",
        "n": 3,
        "x": 1.5,
        "ok": True,
        "day": date(2013, 3, 1),
        "when": datetime(2013, 3, 1, 6),
        "tags": ["a", "b"],
        "target": [[1.0, 2.0], [3.0]],
        "nothing": None,
        "Wind Speed": 7,
    },
)
BARE = Sample("bare", np.array([[7.0]], np.float32), ("load",))


def create(path, *batches, **options):
    given = {"model": "m", "fingerprint": "f", "sample_weight": 0.5} | options
    return IndexFolder.create(path, batches, **given)


def assert_same(found: Sample, given: Sample, columns):
    for name in ("id", "channel_names", "units", "start", "freq", "text", "channel_texts", "event_text", "label"):
        assert getattr(found, name) == getattr(given, name), name
    assert (found.split, found.domain, found.source) == (given.split, given.domain, given.source)
    np.testing.assert_array_equal(found.values, given.values)
    assert dict(found.metadata) == {name: given.metadata.get(name) for name in columns}
    if given.start is not None:
        assert found.start.utcoffset() == given.start.utcoffset()


def test_what_goes_in_comes_out(tmp_path):
    first, second = rows_of(FULL, BARE), rows_of(window("c", text="  "), window("d", text="Dry."), seed=1)
    index = create(tmp_path / "index", first, rows_of(window("b")), second)
    assert index.ids() == [FULL.id, "bare", "b", "c", "d"]
    assert len(index) == 5
    for found, given in zip(index.samples(["d", FULL.id, "bare"]), (second.samples[1], FULL, BARE), strict=True):
        assert_same(found, given, list(FULL.metadata))
    assert index.metadata_columns == list(FULL.metadata)

    stored = index.series()
    np.testing.assert_array_equal(stored.sample[[0, 1, 3, 4]], [*first.series.sample, *second.series.sample])
    assert stored.names == (("rain", "wind"), ("load",), *[("rain", "wind")] * 3)
    np.testing.assert_array_equal(stored.channels[: 3 * M], np.concatenate(first.series.channels).reshape(-1, DIM))
    np.testing.assert_array_equal(stored.channels[-4 * M :], np.concatenate(second.series.channels).reshape(-1, DIM))


def test_texts_belong_to_the_rows_that_have_one(tmp_path):
    samples = [window(str(i), text=f"text {i}" if i in (1, 2, 5) else None) for i in range(7)]
    rows = rows_of(*samples)
    index = create(tmp_path / "index", rows)
    found = index.texts()
    assert found.rows.tolist() == [1, 2, 5]
    assert found.n_sentences.tolist() == [1, 2, 3]
    np.testing.assert_array_equal(found.sample, rows.texts.sample)
    np.testing.assert_array_equal(found.sentences, np.concatenate(rows.texts.sentences))
    assert (len(index), index.n_texts) == (7, 3)


def test_manifest_names_model_shape_and_counts(tmp_path):
    create(tmp_path / "index", rows_of(FULL, BARE), model="base", fingerprint="abc", sample_weight=0.25)
    found = json.loads((tmp_path / "index" / "manifest.json").read_text())
    assert found.pop("created_by").startswith("tracets ")
    assert found == {
        "format": 2,
        "table": "rows",
        "model": "base",
        "fingerprint": "abc",
        "dim": DIM,
        "vectors_per_channel": M,
        "sample_weight": 0.25,
    }
    assert sorted(p.name for p in (tmp_path / "index").iterdir()) == [
        "manifest.json",
        "rows.lance",
        "vectors-rows.1",
    ]


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ("n >= 3", ["a", "b"]),
        ("n = 3 AND entity <> 'sf'", ["a"]),
        ("ok", ["a"]),
        ("x < 1.5 OR x IS NULL", ["b", "c"]),
        ("day >= date '2013-03-02'", ["b"]),
        ("when < timestamp '2013-03-01 07:00:00'", ["a"]),
        ("array_has(tags, 'z')", ["b"]),
        ("`Wind Speed` = 7", ["a"]),
        ("entity = 'o''hare'", ["b"]),
        ("start >= timestamp '2013-07-01T00:00:00'", ["b"]),
        ("\"end\" = timestamp '2013-07-01T02:00:00'", ["b"]),
        ("id IN ('a', 'c')", ["a", "c"]),
        ("false", []),
    ],
)
def test_filters_on_native_types(filtered, where, ids):
    assert [filtered.ids()[row] for row in filtered.select(where)] == ids


@pytest.fixture(scope="module")
def filtered(tmp_path_factory):
    zone = ZoneInfo("Europe/Vienna")
    facts = {"n": 3, "x": 1.5, "ok": True, "day": date(2013, 3, 1), "when": datetime(2013, 3, 1, 6), "tags": ["y"]}
    other = {"n": 4, "x": -1, "ok": False, "day": date(2013, 3, 2), "when": datetime(2014, 3, 1), "tags": ["y", "z"]}
    return create(
        tmp_path_factory.mktemp("filtered") / "index",
        rows_of(
            window(
                "a", start=datetime(2013, 6, 30, 23, tzinfo=zone), metadata=facts | {"entity": "ny", "Wind Speed": 7}
            )
        ),
        rows_of(window("b", start=datetime(2013, 7, 1, tzinfo=zone), freq="h", metadata=other | {"entity": "o'hare"})),
        rows_of(window("c")),
    )


def test_filter_errors_list_the_columns(filtered):
    with pytest.raises(
        QueryError, match="there is no column 'town'. The columns are id, channel_names, .*, n, x, ok, day"
    ) as caught:
        filtered.select("town = 'ny'")
    assert "vector" not in str(caught.value)
    assert "/" not in str(caught.value)
    for bad in ("n = ", "n", "ok = 'maybe'", "start > '2013-01-01'", ""):
        with pytest.raises(QueryError, match="cannot filter by"):
            filtered.select(bad)


@pytest.mark.slow
@pytest.mark.parametrize(
    "zone", [None, UTC, ZoneInfo("America/New_York"), timezone(timedelta(hours=5, minutes=30)), ZoneInfo("Asia/Tokyo")]
)
def test_time_zones_are_kept(tmp_path, zone):
    start = datetime(2013, 7, 1, 12, 30, tzinfo=zone)
    index = create(tmp_path / "index", rows_of(window("a", start=start, freq="30min"), window("b")), rows_of(BARE))
    a, b = index.samples(["a", "b"])
    assert (a.start, a.start.utcoffset(), a.start.isoformat()) == (start, start.utcoffset(), start.isoformat())
    assert b.start is None
    end = index.rows(["a"], ["end"])[0]["end"]
    assert end.isoformat() == (start + timedelta(hours=1)).isoformat()


def test_both_sides_of_the_hour_that_comes_twice(tmp_path):
    zone = ZoneInfo("America/New_York")
    times = [datetime(2013, 11, 3, 1, 30, tzinfo=zone, fold=fold) for fold in (0, 1)]
    index = create(tmp_path / "index", rows_of(*(window(str(i), start=t) for i, t in enumerate(times))))
    assert [s.start.isoformat() for s in index.samples(["0", "1"])] == [t.isoformat() for t in times]


@pytest.mark.parametrize(
    ("start", "freq", "steps", "end"),
    [
        ("2013-03-09T12:00:00-05:00", "h", 25, "2013-03-10T13:00:00-04:00"),
        ("2013-03-09T12:00:00-05:00", "D", 3, "2013-03-11T12:00:00-04:00"),
        ("2013-01-01T00:00:00-05:00", "MS", 4, "2013-04-01T00:00:00-04:00"),
        ("2013-01-15T00:00:00-05:00", "MS", 1, "2013-01-15T00:00:00-05:00"),
    ],
)
def test_end_is_the_time_of_the_last_step(start, freq, steps, end):
    zoned = datetime.fromisoformat(start).astimezone(ZoneInfo("America/New_York"))
    found = end_of(Sample("a", np.zeros((1, steps)), ("x",), start=zoned, freq=freq))
    assert found.isoformat() == end


def test_an_existing_folder_is_not_touched(tmp_path):
    create(tmp_path / "index", rows_of(FULL))
    with pytest.raises(IndexFolderError, match="exists. Choose another folder, .*overwrite"):
        create(tmp_path / "index", rows_of(BARE))
    assert IndexFolder.open(tmp_path / "index").ids() == [FULL.id]
    assert create(tmp_path / "index", rows_of(BARE), overwrite=True).ids() == ["bare"]
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "photo.jpg").write_text("mine")
    with pytest.raises(IndexFolderError, match="is not an index; it is left as it is"):
        create(tmp_path / "holiday", rows_of(BARE), overwrite=True)
    assert (tmp_path / "holiday" / "photo.jpg").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    assert len(create(tmp_path / "empty", rows_of(BARE))) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty", "holiday", "index"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_failure_midway_leaves_things_as_they_were(tmp_path, overwrite):
    path = tmp_path / "index"
    if overwrite:
        create(path, rows_of(FULL))

    def batches():
        yield rows_of(window("new"))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        IndexFolder.create(path, batches(), model="m", fingerprint="f", sample_weight=0.5, overwrite=overwrite)
    assert [p.name for p in tmp_path.iterdir()] == (["index"] if overwrite else [])
    if overwrite:
        assert IndexFolder.open(path).ids() == [FULL.id]


def test_add_appends(tmp_path):
    zone = ZoneInfo("Asia/Tokyo")
    create(
        tmp_path / "index", rows_of(window("a", text="x", start=datetime(2013, 1, 1, tzinfo=zone), metadata={"n": 1.5}))
    )
    more = rows_of(window("b", text="y", metadata={"n": 2}), BARE, seed=5)
    index = IndexFolder.open(tmp_path / "index").add([more]).folder
    assert index.ids() == ["a", "b", "bare"]
    assert index.manifest == IndexFolder.open(tmp_path / "index").manifest
    assert (len(index), index.n_texts) == (3, 2)
    np.testing.assert_array_equal(index.series().sample[1:], more.series.sample)
    assert index.texts().rows.tolist() == [0, 1]
    assert index.select("n > 1.8").tolist() == [1]
    for bad, message in (
        (rows_of(window("a")), "'a' comes twice"),
        (rows_of(window("c", metadata={"new": 1})), "no column 'new'"),
        (rows_of(window("c", metadata={"n": "many"})), "'n' does not fit double"),
        (rows_of(window("c", start=datetime(2013, 1, 1))), "'start' has time zone None, the index Asia/Tokyo"),
        (rows_of(window("c"), m=3), "2 a channel of width 12, got 3"),
    ):
        with pytest.raises(DataError, match=message):
            index.add([bad])
    assert IndexFolder.open(tmp_path / "index").ids() == ["a", "b", "bare"]


@pytest.mark.slow
def test_hubness_of_the_texts_is_kept_until_rows_are_added(tmp_path):
    seen = []

    def hubness(index):
        seen.append((index.path.name, index.ids(), (tmp_path / "index").exists()))
        return np.array([0.25], np.float32)

    index = create(tmp_path / "index", rows_of(FULL, BARE), hubness=hubness)
    assert seen[0][0] != "index" and seen[0][1:] == ([FULL.id, "bare"], False)
    assert index.hubness().tolist() == [0.25]
    assert create(tmp_path / "none", rows_of(BARE), hubness=lambda index: None).hubness() is None
    file = index.path / "vectors-rows.1" / "hubness-1.npy"
    for damage in (np.zeros(2, np.float32), np.zeros(1), np.full(1, np.nan, np.float32), None):
        if damage is None:
            file.write_bytes(b"\x93NUMPY")
        else:
            np.save(file, damage)
        with pytest.raises(IndexFolderError, match="damaged.*tracets index CORPUS"):
            index.hubness()
    create(index.path, rows_of(FULL, BARE), hubness=hubness, overwrite=True)
    assert IndexFolder.open(index.path).add([rows_of(window("b", text="y"))]).folder.hubness() is None


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        ([], "no windows to index"),
        ([rows_of(FULL), rows_of(BARE, FULL)], "comes twice"),
        ([rows_of(FULL), rows_of(BARE, dim=8)], "of width 12, got 2 of width 8"),
        ([rows_of(window("a", metadata={"end": "x"}))], "may not be called 'end'"),
        ([rows_of(window("a", metadata={"a.b": 1}))], "may not be called 'a.b'"),
        ([rows_of(window("a", metadata={"n": 1}), window("b", metadata={"n": "x"}))], "'n' cannot be stored"),
        ([rows_of(window("a", metadata={"n": 1})), rows_of(window("b", metadata={"n": "x"}))], "changes its type"),
        ([rows_of(window("a", metadata={"n": 1, "N": 1}))], "'n' and 'N' differ by case only"),
        ([rows_of(window("a", start=datetime(2013, 1, 1), freq="often"))], "freq 'often' is not a pandas offset"),
        (
            [rows_of(window("a", start=datetime(2013, 1, 1)), window("b", start=datetime(2013, 1, 1, tzinfo=UTC)))],
            "several time zones",
        ),
        (
            [
                rows_of(window("a", start=datetime(2013, 1, 1))),
                rows_of(window("b", start=datetime(2013, 1, 1, tzinfo=UTC))),
            ],
            "changes its type.*start",
        ),
    ],
)
def test_rows_that_cannot_be_stored(tmp_path, batches, message):
    with pytest.raises(DataError, match=message):
        create(tmp_path / "index", *batches)
    assert list(tmp_path.iterdir()) == []


def test_vectors_must_match_the_samples():
    good = rows_of(FULL, BARE)
    with pytest.raises(DataError, match="2 samples, 1 of them with text, came with vectors of 1 series and 1 texts"):
        Rows(good.samples, SeriesVectors(good.series.sample[:1], good.series.channels[:1]), good.texts)
    with pytest.raises(DataError, match="'bare' has 1 channels but channel vectors of shape"):
        Rows(good.samples, SeriesVectors(good.series.sample, good.series.channels[:1] * 2), good.texts)
    with pytest.raises(DataError, match="not finite"):
        Rows(good.samples, SeriesVectors(good.series.sample * np.nan, good.series.channels), good.texts)


def test_another_model_is_refused(tmp_path):
    index = create(tmp_path / "index", rows_of(FULL), model="base", fingerprint="abc")
    index.check_model("a copy under another name", "abc")
    with pytest.raises(IndexFolderError, match="built with model 'base'.*abc.*model 'mine'.*def"):
        index.check_model("mine", "def")


def test_unknown_id(tmp_path):
    index = create(tmp_path / "index", rows_of(FULL))
    with pytest.raises(NotFound, match="no window with id 'nobody'"):
        index.samples([FULL.id, "nobody"])
    with pytest.raises(NotFound, match="no window with id 'nobody'"):
        index.series("nobody")


def test_the_vectors_of_one_row(tmp_path):
    rows = rows_of(BARE, FULL, window("c"))
    found = create(tmp_path / "index", rows).series(FULL.id)
    assert found.names == (("rain", "wind"),)
    np.testing.assert_array_equal(found.sample, rows.series.sample[1:2])
    np.testing.assert_array_equal(found.channels.reshape(2, M, DIM), rows.series.channels[1])


def damage_manifest(**change):
    def damage(folder):
        found = json.loads((folder / "manifest.json").read_text())
        found = {k: v for k, v in (found | change).items() if v is not None}
        (folder / "manifest.json").write_text(json.dumps(found))

    return damage


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (shutil.rmtree, "there is no index folder"),
        (lambda folder: (folder / "manifest.json").unlink(), "is not an index: it has no manifest.json"),
        (lambda folder: (folder / "manifest.json").write_text("{"), "manifest.json cannot be read"),
        (lambda folder: (folder / "manifest.json").write_text("[]"), "manifest.json cannot be read"),
        (damage_manifest(format=3), "has format 3; tracets .* reads formats 1 to 2"),
        (damage_manifest(dim="12"), "wrong 'dim'"),
        (damage_manifest(fingerprint=None), "wrong 'fingerprint'"),
        (damage_manifest(extra=1), "wrong 'extra'"),
        (damage_manifest(dim=13), "says vectors of width 13, they have 12"),
        (damage_manifest(table="../rows"), "wrong 'table'"),
        (lambda folder: shutil.rmtree(folder / "rows.lance"), "damaged"),
        (lambda folder: shutil.rmtree(folder / "rows.lance" / "_versions"), "damaged"),
    ],
)
def test_damage_is_named_with_the_fix(tmp_path, damage, message):
    create(tmp_path / "index", rows_of(FULL, BARE))
    damage(tmp_path / "index")
    with pytest.raises(IndexFolderError, match=message) as caught:
        IndexFolder.open(tmp_path / "index")
    assert "tracets index CORPUS --model MODEL --out" in str(caught.value)


def test_lost_data_files_are_named_when_read(tmp_path):
    index = create(tmp_path / "index", rows_of(FULL, BARE))
    shutil.rmtree(tmp_path / "index" / "rows.lance" / "data")
    with pytest.raises(IndexFolderError, match="damaged"):
        IndexFolder.open(index.path).series()


def test_vectors_are_fixed_size_lists(tmp_path):
    index = create(tmp_path / "index", rows_of(FULL, BARE))
    schema = index._table.schema
    vector = pa.list_(pa.float32(), DIM)
    assert schema.field("vector").type == schema.field("text_vector").type == vector
    assert schema.field("channel_vectors").type == schema.field("sentence_vectors").type == pa.list_(vector)
    assert schema.field("start").type == pa.timestamp("us", "America/New_York")
    assert schema.field("day").type == pa.date32()


def test_manifest_survives_a_round_trip(tmp_path):
    manifest = Manifest("m", "f", 3, 2, 1, "tracets 0", "rows-a1")
    manifest.write(tmp_path)
    assert Manifest.read(tmp_path) == manifest
    assert [p.name for p in tmp_path.iterdir()] == ["manifest.json"]
