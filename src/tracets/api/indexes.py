"""Indexes that live: changed while others search, looked after, carried elsewhere. Heavy imports wait for their use."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracets.types import KEEP_SECONDS, LOOK_SECONDS, AnyPath, Sample

if TYPE_CHECKING:
    from tracets.encoders.protocol import PairEncoder
    from tracets.retrieval.build import Changed
    from tracets.retrieval.stored import Index
    from tracets.retrieval.watch import Seen


def add_to_index(
    index: AnyPath, corpus: Iterable[Sample], model: PairEncoder, *, progress: Callable[[int], None] | None = None
) -> Changed:
    """Encode windows and append them to the index in a folder, in one commit: all are there when this returns, or none.

    Parameters
    ----------
    index : path
        Whoever has it open goes on seeing what was there; `Index.refresh` shows the newest.
    corpus : iterable of Sample
        Must bring no metadata column that the index does not have.
    model : PairEncoder
        The one that the index was built with.
    progress : callable, optional
        Called with the number of windows encoded so far.

    Raises
    ------
    IndexFolderError
        Another model; or another process is writing and does not end.
    DataError
        An id that is already there, or columns that do not fit.

    Examples
    --------
    >>> add_to_index("plant.index", read("july.parquet"), load("base")).added  # doctest: +SKIP
    31
    """
    from tracets.retrieval.build import extend_index

    return extend_index(index, corpus, model, replace=False, progress=progress)


def upsert_index(
    index: AnyPath, corpus: Iterable[Sample], model: PairEncoder, *, progress: Callable[[int], None] | None = None
) -> Changed:
    """Add windows, or let them take the place of those with their ids; otherwise as `add_to_index`.

    Values and texts that a window of the same id holds already are not encoded again.
    """
    from tracets.retrieval.build import extend_index

    return extend_index(index, corpus, model, replace=True, progress=progress)


def delete_from_index(index: AnyPath, ids: Iterable[str]) -> Changed:
    """Delete the windows with these ids in one commit. Raises NotFound for an unknown id: nothing is deleted then."""
    from tracets.index import IndexFolder
    from tracets.retrieval.build import Changed as Changed_
    from tracets.retrieval.stored import Index as Index_

    written = IndexFolder.open(index).delete(ids)
    return Changed_(Index_(written.folder), added=0, replaced=0, deleted=written.deleted)


def delete_where(index: AnyPath, where: str) -> Changed:
    """Delete the windows for which an expression over the columns holds, such as "split = 'test'", in one commit.

    Raises
    ------
    QueryError
        An unknown column, or an expression that cannot be read.
    """
    from tracets.index import IndexFolder
    from tracets.retrieval.build import Changed as Changed_
    from tracets.retrieval.stored import Index as Index_

    written = IndexFolder.open(index).delete_where(where)
    return Changed_(Index_(written.folder), added=0, replaced=0, deleted=written.deleted)


def index_info(index: AnyPath) -> dict[str, Any]:
    """Counts, dimensions, model and fingerprint, versions, dead rows, format and bytes of an index."""
    from tracets.index import IndexFolder

    return IndexFolder.open(index).about()


def verify_index(index: AnyPath) -> list[str]:
    """Read an index whole; one sentence for each thing that is wrong, naming the file and the fix. Empty: all is well.

    Checked are the checksums of every file that the table or a search reads, the counts, that ids come once, that
    vectors are finite and of length 1, and that what searching maps equals the table.

    Raises
    ------
    IndexFolderError
        It cannot be opened at all.
    """
    from tracets.index.verify import verify

    return [str(problem) for problem in verify(Path(index))[1]]


def compact_index(index: AnyPath, *, keep_seconds: float = KEEP_SECONDS) -> Index:
    """Rewrite an index without its dead windows, and make the hubness of its texts (and its engine) anew.

    Parameters
    ----------
    keep_seconds : float, default=3600
        What was replaced less long ago stays on the disk for those who have it open. 0 breaks their filtered searches.
    """
    from tracets.retrieval.build import compact_index as compact

    return compact(index, keep_seconds=keep_seconds)


def export_index(index: AnyPath, out: AnyPath) -> int:
    """Write an index as one Parquet file, a corpus with its vectors, from which nothing is lost: how many windows.

    Raises
    ------
    IndexFolderError
        The index is damaged: damage is not exported.
    """
    from tracets.index import IndexFolder
    from tracets.index.transfer import export

    return export(IndexFolder.open(index), Path(out))


def restore_index(file: AnyPath, out: AnyPath, *, overwrite: bool = False) -> Index:
    """Write the index that was exported to a file: the same windows, vectors and hits, without the model.

    Raises
    ------
    DataError
        The file is not an export, or damaged.
    IndexFolderError
        `out` is taken.
    """
    from tracets.index.transfer import restore
    from tracets.retrieval.candidates import remake_engine
    from tracets.retrieval.stored import Index as Index_

    folder, engine = restore(Path(file), Path(out), overwrite=overwrite)
    restored = Index_(folder)
    if engine is None:
        return restored
    return remake_engine(restored, engine["name"], effort=engine["effort"], package=engine["package"])


def watch(
    folder: AnyPath,
    index: AnyPath,
    model: PairEncoder,
    *,
    once: bool = False,
    every: float = LOOK_SECONDS,
    report: Callable[[Seen], None] | None = None,
) -> None:
    """Index files as they arrive in a folder, each once; see `tracets.retrieval.watch.Watcher`.

    Parameters
    ----------
    once : bool, default=False
        Index what is there and return, instead of going on until the process ends.
    every : float, default=5
        Seconds between two looks.
    report : callable, optional
        Called with what became of each file.
    """
    from tracets.retrieval.watch import Watcher

    Watcher(Path(folder), Path(index), model, report=report or (lambda seen: None)).run(once=once, every=every)
