"""An export loses nothing: what is restored from it is the index."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from tracets.data import read_corpus
from tracets.errors import DataError, IndexFolderError
from tracets.index import IndexFolder
from tracets.index.transfer import export, restore
from tracets.index.verify import verify


def test_it_is_restored_bit_by_bit(index, rows, tmp_path):
    file = tmp_path / "index.parquet"
    assert export(index, file) == 4
    restored, probes = restore(file, tmp_path / "restored", overwrite=False)
    assert probes is None and restored.ids() == index.ids() and restored.manifest.bound == index.manifest.bound
    assert restored._table.schema.equals(index._table.schema, check_metadata=True)
    assert restored._table.to_arrow().equals(index._table.to_arrow())
    for name in ("sample", "channels", "text_sample", "sentences"):
        np.testing.assert_array_equal(getattr(restored.mapped, name).exact, getattr(index.mapped, name).exact)
    np.testing.assert_array_equal(restored.hubness(), index.hubness())
    assert verify(restored.path)[1] == []


@pytest.mark.slow
def test_dead_rows_are_not_exported(index, rows, tmp_path):
    index.delete(["b"])
    changed = index.refresh().upsert([rows("a", seed=5)]).folder
    assert export(changed, tmp_path / "x.parquet") == 3
    restored, _ = restore(tmp_path / "x.parquet", tmp_path / "restored", overwrite=False)
    assert restored.ids() == ["c", "d", "a"] == changed.ids() and restored.live.all()
    assert restored.hubness() is None


def test_an_export_is_a_corpus(index, tmp_path):
    export(index, tmp_path / "x.parquet")
    corpus = read_corpus(tmp_path / "x.parquet")
    assert corpus.ids == ["a", "b", "c", "d"] and corpus.column("text") == ["Rain.", None, "Wind.", None]
    np.testing.assert_array_equal(corpus[1].values, index.samples(["b"])[0].values)


def test_what_is_no_export_or_damaged_is_refused(index, tmp_path):
    export(index, tmp_path / "x.parquet")
    with pytest.raises(DataError, match="no such file"):
        restore(tmp_path / "nothing.parquet", tmp_path / "r", overwrite=False)
    plain = pq.read_table(tmp_path / "x.parquet").replace_schema_metadata(None)
    pq.write_table(plain, tmp_path / "plain.parquet")
    with pytest.raises(DataError, match="is not the export of an index. .* tracets index .*plain.parquet --out"):
        restore(tmp_path / "plain.parquet", tmp_path / "r", overwrite=False)
    content = bytearray((tmp_path / "x.parquet").read_bytes())
    content[len(content) // 3] ^= 16
    (tmp_path / "broken.parquet").write_bytes(content)
    with pytest.raises(DataError, match="cannot be read .*export again"):
        restore(tmp_path / "broken.parquet", tmp_path / "r", overwrite=False)
    with pytest.raises(IndexFolderError, match="exists"):
        restore(tmp_path / "x.parquet", index.path, overwrite=False)
    assert not (tmp_path / "r").exists() and IndexFolder.open(index.path).ids() == index.ids()


def test_damage_is_not_exported(index, tmp_path):
    data = next((index.path / "rows.lance" / "data").iterdir())
    content = bytearray(data.read_bytes())
    content[50] ^= 1
    data.write_bytes(content)
    with pytest.raises(IndexFolderError, match="does not match its checksum. Restore the index from an export"):
        export(index, tmp_path / "x.parquet")
    assert not (tmp_path / "x.parquet").exists()
