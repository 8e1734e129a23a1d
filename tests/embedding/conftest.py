"""A corpus of three files in two folders, and the vectors of it that a plain loop makes."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from tracets.data import Corpus
from tracets.types import Sample


def window(name, *, channels=2, steps=24, seed=0, **more):
    values = np.random.default_rng([seed, *name.encode()]).normal(size=(channels, steps)).astype(np.float32)
    return Sample(name, values, ("load", "rain", "wind")[:channels], **more)


def write(path, samples, *, rows_a_group=5):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(Corpus.from_samples(samples).table, path, row_group_size=rows_a_group)


@pytest.fixture
def corpus(tmp_path):
    """37 windows: two row groups of 5, two of 5 and one of 2, and two of 5 and 5 with other channels."""
    folder = tmp_path / "corpus"
    write(folder / "a.parquet", [window(f"a{i}", text="hot" if i else None) for i in range(10)])
    write(folder / "b" / "b.parquet", [window(f"b{i}", channels=3, steps=30) for i in range(12)])
    write(folder / "b" / "c.parquet", [window(f"c{i}", channels=1, steps=17) for i in range(15)])
    (folder / "notes.txt").write_text("no corpus")
    write(folder / ".hidden.parquet", [window("hidden")])
    write(folder / "_old" / "x.parquet", [window("old")])
    return folder
