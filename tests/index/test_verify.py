"""`verify` notices whatever is not as it was written, and says which file and what mends it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tracets.errors import IndexFolderError
from tracets.index import IndexFolder
from tracets.index.opening import open_table
from tracets.index.state import State
from tracets.index.verify import verify


def flip(file, place=-1):
    content = bytearray(file.read_bytes())
    content[place] ^= 4
    file.write_bytes(content)


def files_of(index):
    """Every file that the table's version or searching reads, and where a byte may be flipped."""
    table = index.path / "rows.lance"
    return [*table.glob("data/*"), *table.glob("_deletions/*"), *index.mapped.folder.iterdir()]


def test_a_whole_index_has_no_problem(index, rows):
    assert verify(index.path)[1] == []
    index.upsert([rows("a", "e", seed=3, texts={"e": "New."})])
    index.refresh().delete(["b"])
    found, problems = verify(index.path)
    assert problems == [] and found.ids() == index.refresh().ids()


@pytest.mark.slow
def test_a_flipped_bit_in_any_file_is_noticed(index, rows):
    changed = index.upsert([rows("a", "e", seed=3, texts={"e": "New."})]).folder
    seen = set()
    for file in files_of(changed):
        if file.name in ("state-1.json", "hubness-1.npy") or not file.stat().st_size:
            continue  # of the version before
        whole = file.read_bytes()
        flip(file, len(whole) // 2)
        problems = verify(index.path)[1]
        assert problems, file
        assert any(file.name in problem.file for problem in problems) or "damaged" in str(problems[0]), file
        assert all("tracets index" in problem.fix or "verify once more" in problem.fix for problem in problems)
        file.write_bytes(whole)
        seen.add(file.parent.name)
        for made_again in set(index.path.glob("vectors-*")) - {changed.mapped.folder}:
            for part in made_again.iterdir():
                part.unlink()
            made_again.rmdir()
    assert seen == {"data", "_deletions", "vectors-rows.1"} and verify(index.path)[1] == []


def test_what_compact_mends_is_said_and_mended(index):
    flip(index.mapped.folder / "channels.f32")
    (first, *_) = verify(index.path)[1]
    assert str(first).startswith("vectors-rows.1/channels.f32: does not match its checksum. Make it again: tracets")
    index.compact()
    assert verify(index.path)[1] == []


def test_a_lost_data_file_is_named(index):
    data = next((index.path / "rows.lance" / "data").iterdir())
    data.unlink()
    problems = [str(problem) for problem in verify(index.path)[1]]
    assert problems[0].startswith(f"rows.lance/data/{data.name}: is gone. Restore the index from an export: tracets")


def test_rows_that_another_program_wrote_are_looked_at(index):
    """Checksums of what was written wrongly are right: the rows are read too."""
    table = open_table(index.path, "rows")
    row = table.search().where("id = 'a'").to_arrow()
    table.add(row)
    problems = [str(problem) for problem in verify(index.path)[1]]
    assert any("rows.lance: has 5 rows but 4 different ids" in said for said in problems)


def test_vectors_that_are_not_of_length_1_are_noticed(index, rows):
    long = rows("long", seed=2)
    index.add([replace(long, series=replace(long.series, sample=3 * long.series.sample))])
    problems = [str(problem) for problem in verify(index.path)[1]]
    assert any("vectors that are not finite or not of length 1" in said for said in problems)


def test_flat_files_are_compared_with_the_table_not_only_with_their_checksums(index):
    """A wrong file whose checksum was taken after it went wrong."""
    folder, state = index.mapped.folder, index.mapped.state
    vectors = np.fromfile(folder / "sample.f32", np.float32)
    vectors[:2] = vectors[1], vectors[0]
    vectors.tofile(folder / "sample.f32")
    import zlib

    sums = state.sums | {"sample.f32": zlib.crc32(vectors.tobytes())}
    replace(state, sums=sums).write(folder)
    assert [str(p).split(".")[0] for p in verify(index.path)[1]] == ["vectors-rows"]
    assert "sample: differs from the table" in str(verify(index.path)[1][0])


def test_a_mask_that_hides_a_row_is_noticed(index):
    changed = index.delete(["a"]).folder
    state = changed.mapped.state
    replace(state, mask=None, dead=0).write(changed.mapped.folder)
    assert any("counts 4 rows, the table has 3" in str(problem) for problem in verify(index.path)[1])


@pytest.mark.parametrize("damage", ["{", '{"version": 99}', "[]"])
def test_the_hint_of_the_newest_version(index, damage):
    hint = index.path / "rows.lance" / "_versions" / "latest_version_hint.json"
    assert json.loads(hint.read_text())["version"] == 1
    hint.write_text(damage)
    try:
        assert "Delete it" in str(verify(index.path)[1][0])
    except IndexFolderError as error:
        assert "damaged" in str(error)
    hint.unlink()
    assert verify(index.path)[1] == []


def test_an_index_that_cannot_be_opened_raises(tmp_path):
    with pytest.raises(IndexFolderError, match="there is no index folder"):
        verify(tmp_path / "nothing")


def test_a_state_survives_a_round_trip(index, rows):
    changed = index.upsert([rows("a", "e", seed=3)]).folder
    state = changed.mapped.state
    assert State.read(changed.mapped.folder / f"state-{state.version}.json") == state
    assert state.dead == 1 and state.mask is not None and IndexFolder.open(index.path).mapped.state == state
