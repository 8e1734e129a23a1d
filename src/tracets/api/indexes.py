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

    Returns
    -------
    Changed
        The index as it is now, and how many windows that added.

    Raises
    ------
    IndexFolderError
        Another model; or another process is writing and does not end.
    DataError
        An id that is already there, or columns that do not fit.

    Examples
    --------
    >>> built = tracets.build_index(corpus.select(range(30)), model, "plant.index", overwrite=True)
    >>> tracets.add_to_index("plant.index", corpus.select(range(30, 40)), model).added
    10
    """
    from tracets.retrieval.build import extend_index

    return extend_index(index, corpus, model, replace=False, progress=progress)


def upsert_index(
    index: AnyPath, corpus: Iterable[Sample], model: PairEncoder, *, progress: Callable[[int], None] | None = None
) -> Changed:
    """Add windows, or let them take the place of those with their ids; otherwise as `add_to_index`.

    Values and texts that a window of the same id holds already are not encoded again.

    Parameters
    ----------
    index, corpus, model, progress
        As for `add_to_index`.

    Returns
    -------
    Changed
        The index as it is now, and how many windows that added and replaced.

    Raises
    ------
    IndexFolderError
        Another model; or another process is writing and does not end.
    DataError
        Columns that do not fit.

    Examples
    --------
    >>> built = tracets.build_index(corpus.select(range(30)), model, "plant.index", overwrite=True)
    >>> changed = tracets.upsert_index("plant.index", corpus.select(range(29, 32)), model)
    >>> changed.added, changed.replaced
    (2, 1)
    """
    from tracets.retrieval.build import extend_index

    return extend_index(index, corpus, model, replace=True, progress=progress)


def delete_from_index(index: AnyPath, ids: Iterable[str]) -> Changed:
    """Delete the windows with these ids in one commit.

    Parameters
    ----------
    index : path
        An index folder.
    ids : iterable of str
        As hits have them.

    Returns
    -------
    Changed
        The index as it is now, and how many windows were deleted.

    Raises
    ------
    NotFound
        An unknown id: nothing is deleted then.

    Examples
    --------
    >>> built = tracets.build_index(corpus.select(range(30)), model, "plant.index", overwrite=True)
    >>> tracets.delete_from_index("plant.index", ["plant-2024-01-05T00"]).deleted
    1
    """
    from tracets.index import IndexFolder
    from tracets.retrieval.build import Changed as Changed_
    from tracets.retrieval.stored import Index as Index_

    written = IndexFolder.open(index).delete(ids)
    return Changed_(Index_(written.folder), added=0, replaced=0, deleted=written.deleted)


def delete_where(index: AnyPath, where: str) -> Changed:
    """Delete the windows for which an expression over the columns holds, in one commit.

    Parameters
    ----------
    index : path
        An index folder.
    where : str
        Such as "split = 'test'"; see docs/filters.md.

    Returns
    -------
    Changed
        The index as it is now, and how many windows were deleted.

    Raises
    ------
    QueryError
        An unknown column, or an expression that cannot be read.

    Examples
    --------
    >>> built = tracets.build_index(corpus.select(range(30)), model, "plant.index", overwrite=True)
    >>> tracets.delete_where("plant.index", "split = 'val'").deleted
    6
    """
    from tracets.index import IndexFolder
    from tracets.retrieval.build import Changed as Changed_
    from tracets.retrieval.stored import Index as Index_

    written = IndexFolder.open(index).delete_where(where)
    return Changed_(Index_(written.folder), added=0, replaced=0, deleted=written.deleted)


def index_info(index: AnyPath) -> dict[str, Any]:
    """Counts, dimensions, model and fingerprint, versions, dead rows, format and bytes of an index.

    Parameters
    ----------
    index : path
        An index folder.

    Returns
    -------
    dict
        As `tracets index info --json` prints it.

    Raises
    ------
    IndexFolderError
        The index is missing, damaged or of another format.

    Examples
    --------
    >>> tracets.index_info("days.index")["windows"]
    40
    """
    from tracets.index import IndexFolder

    return IndexFolder.open(index).about()


def verify_index(index: AnyPath) -> list[str]:
    """Read an index whole; one sentence for each thing that is wrong, naming the file and the fix. Empty: all is well.

    Checked are the checksums of every file that the table or a search reads, the counts, that ids come once, that
    vectors are finite and of length 1, and that what searching maps equals the table.

    Parameters
    ----------
    index : path
        An index folder.

    Returns
    -------
    list of str
        One a problem.

    Raises
    ------
    IndexFolderError
        It cannot be opened at all.

    Examples
    --------
    >>> tracets.verify_index("days.index")
    []
    """
    from tracets.index.verify import verify

    return [str(problem) for problem in verify(Path(index))[1]]


def compact_index(index: AnyPath, *, keep_seconds: float = KEEP_SECONDS) -> Index:
    """Rewrite an index without its dead windows, and make the hubness of its texts (and its engine) anew.

    Parameters
    ----------
    index : path
        An index folder.
    keep_seconds : float, default=3600
        What was replaced less long ago stays on the disk for those who have it open. 0 breaks their filtered searches.

    Returns
    -------
    Index
        The new one.

    Examples
    --------
    >>> built = tracets.build_index(corpus.select(range(30)), model, "plant.index", overwrite=True)
    >>> changed = tracets.delete_where("plant.index", "split = 'val'")
    >>> len(tracets.compact_index("plant.index"))
    24
    """
    from tracets.retrieval.build import compact_index as compact

    return compact(index, keep_seconds=keep_seconds)


def export_index(index: AnyPath, out: AnyPath) -> int:
    """Write an index as one Parquet file, a corpus with its vectors, from which nothing is lost.

    Parameters
    ----------
    index : path
        An index folder.
    out : path
        The Parquet file.

    Returns
    -------
    int
        How many windows.

    Raises
    ------
    IndexFolderError
        The index is damaged: damage is not exported.

    Examples
    --------
    >>> tracets.export_index("days.index", "backup.parquet")
    40
    """
    from tracets.index import IndexFolder
    from tracets.index.transfer import export

    return export(IndexFolder.open(index), Path(out))


def restore_index(file: AnyPath, out: AnyPath, *, overwrite: bool = False) -> Index:
    """Write the index that was exported to a file: the same windows, vectors and hits, without the model.

    Parameters
    ----------
    file : path
        What `export_index` wrote.
    out : path
        A new folder.
    overwrite : bool, default=False
        Replace an index that is there.

    Returns
    -------
    Index
        Open, to be searched.

    Raises
    ------
    DataError
        The file is not an export, or damaged.
    IndexFolderError
        `out` is taken.

    Examples
    --------
    >>> n = tracets.export_index("days.index", "backup.parquet")
    >>> len(tracets.restore_index("backup.parquet", "again.index"))
    40
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
    """Index files as they arrive in a folder, each once; docs/indexes.md says what becomes of each.

    Parameters
    ----------
    folder : path
        Where files arrive.
    index : path
        An index folder; made where it is missing.
    model : PairEncoder
        As `load` gives it.
    once : bool, default=False
        Index what is there and return, instead of going on until the process ends.
    every : float, default=5
        Seconds between two looks.
    report : callable, optional
        Called with what became of each file.

    Examples
    --------
    >>> import pathlib
    >>> pathlib.Path("drop").mkdir()
    >>> tracets.write(corpus.select(range(3)), "drop/first.parquet")
    >>> tracets.watch("drop", "watched.index", model, once=True, report=print)
    drop/first.parquet: indexed 3 windows, 3 of them encoded
    """
    from tracets.retrieval.watch import Watcher

    Watcher(Path(folder), Path(index), model, report=report or (lambda seen: None)).run(once=once, every=every)
