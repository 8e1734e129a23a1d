"""An encoder that can be followed by hand, for tests of where windows lie."""

from dataclasses import dataclass

import numpy as np
import pytest

from tracets.types import SeriesVectors, TextVectors


@dataclass(frozen=True)
class StatisticsEncoder:
    """A channel is (mean, spread, rise, 3) of its values, to length 1; a text is the four numbers it consists of."""

    name: str = "statistics"
    fingerprint: str = "5747"
    dim: int = 4
    sample_weight: float = 0.25

    def encode_texts(self, texts, *, batch_size=64):
        vectors = np.array([[float(word) for word in text.split()] for text in texts], np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return TextVectors(vectors, tuple(v[None] for v in vectors), tuple((t,) for t in texts))

    def encode_series(self, samples, *, batch_size=64):
        channels = []
        for sample in samples:
            rows = np.zeros((sample.n_channels, 1, 4), np.float32)
            for row, x in zip(rows, sample.values, strict=True):
                seen = x[~np.isnan(x)]
                if len(seen):
                    row[0] = [seen.mean(), seen.std(), seen[-1] - seen[0], 3]
            channels.append(rows / np.maximum(np.linalg.norm(rows, axis=2, keepdims=True), 1e-9))
        whole = np.stack([c.sum((0, 1)) for c in channels]) + 1e-6
        return SeriesVectors(whole / np.linalg.norm(whole, axis=1, keepdims=True), tuple(channels))


@pytest.fixture(scope="session")
def statistics_encoder():
    return StatisticsEncoder()


@pytest.fixture(scope="session")
def plants():
    """Three long series: one with two channels and a hole of 30 hours, one without times, one shorter than a window."""
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from tracets.types import Sample

    rng = np.random.default_rng(3)
    walk = np.cumsum(rng.normal(size=(2, 400)), axis=1)
    walk[:, 180:210] = np.nan
    berlin = datetime(2024, 3, 25, tzinfo=ZoneInfo("Europe/Berlin"))
    return [
        Sample("walk", walk, ("load", "wind"), ("MW", None), start=berlin, freq="h", metadata={"site": "north"}),
        Sample("steps", np.repeat(rng.normal(size=(1, 25)), 9, axis=1) * 3, ("load",), label="odd"),
        Sample("tiny", np.ones((1, 7)), ("wind",), start=berlin, freq="h"),
    ]


@pytest.fixture(scope="session")
def plant_index(tmp_path_factory, plants, statistics_encoder):
    from tracets.data.cutting import Cutting
    from tracets.retrieval.build import build_index

    path = tmp_path_factory.mktemp("plants") / "index"
    return build_index(Cutting(plants, lengths=[12, 30], strides=[3, 7]), statistics_encoder, path)
