"""Rows with vectors by hand, and an index of four of them."""

import numpy as np
import pytest

from tracets.index import IndexFolder, Rows
from tracets.types import Sample, SeriesVectors, TextVectors

DIM, M = 6, 2


@pytest.fixture(scope="session")
def rows():
    """A function: rows of two channels from their ids; a seed draws the vectors, `texts` are by id, `n` is metadata."""

    def make(*ids, seed=0, texts=None, n=None):
        rng = np.random.default_rng(seed)

        def unit(*shape):
            x = rng.normal(size=(*shape, DIM)).astype(np.float32)
            return x / np.linalg.norm(x, axis=-1, keepdims=True)

        told = texts or {}
        samples = [
            Sample(
                name, np.full((2, 3), i + seed), ("rain", "wind"), text=told.get(name),
                label="even" if i % 2 == 0 else "odd", metadata={"n": i if n is None else n},
            )
            for i, name in enumerate(ids)
        ]  # fmt: skip
        k = len(told.keys() & set(ids))
        series = SeriesVectors(unit(len(ids)), tuple(unit(2, M) for _ in ids))
        return Rows(samples, series, TextVectors(unit(k), tuple(unit(2) for _ in range(k)), (("", ""),) * k))

    return make


@pytest.fixture
def index(tmp_path, rows):
    """Rows a to d; a and c have texts, with hubness."""
    return IndexFolder.create(
        tmp_path / "index", [rows("a", "b", "c", "d", texts={"a": "Rain.", "c": "Wind."})], model="m", fingerprint="f",
        sample_weight=0.5, hubness=lambda built: np.array([0.5, 0.25], np.float32),
    )  # fmt: skip
