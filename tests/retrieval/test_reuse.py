"""A second build encodes only what has changed, and gives what a build from nothing gives."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tracets.errors import IndexFolderError
from tracets.index import IndexFolder
from tracets.retrieval.build import build_index
from tracets.retrieval.reuse import series_digest
from tracets.retrieval.search import search
from tracets.retrieval.stored import Index
from tracets.types import Query, Sample, SeriesVectors, TextVectors


@dataclass(frozen=True)
class Counting:
    """Vectors by the hash of what they are made from; keeps the windows and texts it was asked for."""

    fingerprint: str = "f"
    windows: list = field(default_factory=list)
    texts: list = field(default_factory=list)
    name: str = "counting"
    dim: int = 4
    sample_weight: float = 0.5

    def unit(self, seed: bytes, *shape):
        x = np.random.default_rng(list(seed)).normal(size=(*shape, 4)).astype(np.float32)
        return x / np.linalg.norm(x, axis=-1, keepdims=True)

    def encode_series(self, samples, *, batch_size=64):
        self.windows.extend(s.id for s in samples)
        channels = [self.unit(b"c" + series_digest(s), s.n_channels, 2) for s in samples]
        for s, vectors in zip(samples, channels, strict=True):
            vectors[np.isnan(s.values).all(axis=1)] = 0
        return SeriesVectors(np.stack([self.unit(series_digest(s)) for s in samples]), tuple(channels))

    def encode_texts(self, texts, *, batch_size=64):
        self.texts.extend(texts)
        sentences = tuple(self.unit(t.encode(), t.count(".")) for t in texts)
        return TextVectors(
            np.stack([self.unit(b"t" + t.encode()) for t in texts]),
            sentences,
            tuple(("x",) * len(s) for s in sentences),
        )

    def seen(self):
        found = list(self.windows), list(self.texts)
        self.windows.clear(), self.texts.clear()
        return found


def corpus():
    rng = np.random.default_rng(0)
    samples = []
    for i in range(9):
        values = rng.normal(size=(2, 6)).astype(np.float32)
        values[0, i % 6] = np.nan
        if i == 3:
            values[1] = np.nan
        samples.append(
            Sample(
                f"w{i}", values, ("rain", "wind"), ("mm", None), start=datetime(2020, 3, 1 + i, tzinfo=UTC), freq="h",
                text=f"Day {i}. Dry." if i % 2 else None, label="a", metadata={"n": i},
            )
        )  # fmt: skip
    return samples


def same(one: Index, other: Index):
    assert one.ids == other.ids
    for a, b in ((one.folder.series(), other.folder.series()), (one.folder.texts(), other.folder.texts())):
        for name in ("sample", "channels", "sentences", "rows", "n_sentences"):
            if hasattr(a, name):
                np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    for a, b in zip(one.folder.samples(one.ids), other.folder.samples(one.ids), strict=True):
        assert (a.text, a.label, a.metadata, a.start) == (b.text, b.label, b.metadata, b.start)
    np.testing.assert_array_equal(one.hubs, other.hubs)


@pytest.mark.slow
def test_only_what_changed_is_encoded(tmp_path, monkeypatch):
    monkeypatch.setattr("tracets.retrieval.build.ROWS_A_BATCH", 4)
    encoder, path, before = Counting(), tmp_path / "index", corpus()
    first = build_index(before, encoder, path, update=True)
    assert first.embedded == (9, 4) and len(encoder.seen()[0]) == 9
    assert build_index(before, encoder, path, update=True).embedded == (0, 0)
    assert encoder.seen() == ([], [])

    values = before[2].values.copy()
    values[1, 0] += 1
    now = [
        replace(before[8], id="moved", label="b", metadata={"n": -1}),  # nothing that vectors are made from
        replace(before[2], values=values),
        replace(before[1], text="Day 1. Wet. Cold."),
        replace(before[3], channel_texts=("it rains", None)),
        replace(before[4], units=("cm", None)),
        replace(before[5], start=before[5].start + timedelta(hours=1)),
        replace(before[6], text="Day 7. Dry."),  # said of another window
        replace(before[0], id="new", values=before[0].values + 1, text="New."),
    ]
    updated = build_index(iter(now), encoder, path, update=True)
    assert encoder.seen() == (["w2", "w4", "w5", "new"], ["Day 1. Wet. Cold.", "New."])
    assert updated.embedded == (4, 2)
    same(Index.open(path), build_index(now, encoder, tmp_path / "fresh"))
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["fresh", "index"]
    assert search(updated, encoder, Query("Day 7. Dry."), want="text", k=1)[0].id == "w6"


def test_an_index_of_another_model_is_not_updated(tmp_path):
    build_index(corpus(), Counting(), tmp_path / "index")
    with pytest.raises(IndexFolderError, match="'counting'.*build the index anew"):
        build_index(corpus(), Counting("g"), tmp_path / "index", update=True)
    with pytest.raises(IndexFolderError, match="encode only what is new to it"):
        build_index(corpus(), Counting(), tmp_path / "index")


def test_a_failed_update_leaves_the_index(tmp_path):
    build_index(corpus(), Counting(), tmp_path / "index")

    def broken():
        yield corpus()[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_index(broken(), Counting(), tmp_path / "index", update=True)
    assert len(IndexFolder.open(tmp_path / "index")) == 9 and len(list(tmp_path.iterdir())) == 1


@pytest.mark.slow
@pytest.mark.parametrize("zone", [None, UTC, ZoneInfo("Europe/Vienna"), timezone(timedelta(hours=5, minutes=30)), UTC])
def test_a_window_is_known_again_after_it_was_stored(tmp_path, zone):
    encoder = Counting()
    start = datetime(2013, 11, 3, 1, 30, tzinfo=zone, fold=1)
    samples = [Sample("a", np.array([[1.5, np.nan]]), ("x",), start=start, freq="30min"), Sample("b", [[1]], ("y",))]
    build_index(samples, encoder, tmp_path / "index")
    assert build_index(samples, encoder, tmp_path / "index", update=True).embedded == (0, 0)
