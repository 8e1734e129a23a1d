"""Vectors of windows, in tables, files and folders. Heavy imports wait for their use."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Literal

from tracets.types import AnyPath, Sample

if TYPE_CHECKING:
    import pyarrow as pa

    from tracets.embedding import VectorFolder
    from tracets.encoders.backends import Backend
    from tracets.encoders.protocol import PairEncoder


def embed(corpus: Iterable[Sample], model: PairEncoder, *, batch_size: int = 64) -> pa.Table:
    """Vectors of every window as a table: id, vector, channel_names, channel_vectors.

    Parameters
    ----------
    corpus : iterable of Sample
        A corpus, or windows from anywhere; each is read once.
    model : PairEncoder
        As `load` gives it.
    batch_size : int, default=64
        Windows encoded at a time.

    Returns
    -------
    pyarrow.Table
        A row a window: `vector` (dim,) of the whole; `channel_vectors` (n_channels, dim), one a channel: the mean of
        the channel's vectors, of length 1; zero where nothing was observed.

    Examples
    --------
    >>> vectors = tracets.embed(corpus, model)
    >>> vectors.column_names, len(vectors) == len(corpus)
    (['id', 'vector', 'channel_names', 'channel_vectors'], True)
    """
    from tracets.embedding import embed as embed_

    return embed_(corpus, model, batch_size=batch_size)


def embed_to_file(
    corpus: Iterable[Sample],
    model: PairEncoder,
    out: AnyPath,
    *,
    batch_size: int = 64,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Write what `embed` gives to a Parquet file, whole or not at all, 512 windows in memory at a time.

    Parameters
    ----------
    corpus : iterable of Sample
        A corpus, or windows from anywhere; each is read once.
    model : PairEncoder
        As `load` gives it.
    out : path
        The Parquet file.
    batch_size : int, default=64
        Windows encoded at a time.
    progress : callable, optional
        Called with the number of windows done so far.

    Returns
    -------
    int
        How many windows there were.

    Raises
    ------
    DataError
        There are none.

    Examples
    --------
    >>> tracets.embed_to_file(corpus, model, "vectors.parquet")
    40
    """
    from tracets.embedding import embed_to_file as embed_to_file_

    return embed_to_file_(corpus, model, out, batch_size=batch_size, progress=progress)


def embed_folder(
    corpus: AnyPath,
    model: AnyPath,
    out: AnyPath,
    *,
    engine: Literal["local", "ray"] = "local",
    backend: Backend | None = None,
    batch_size: int = 64,
    workers: int | None = None,
    cpus: float = 1.0,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> VectorFolder:
    """Write the vectors of every corpus file below a folder or bucket to a folder or bucket.

    Each file is cut into parts at its row groups, and the vectors of a part are one fragment. Fragments count once the
    manifest names them, which is written last. A second call goes on where the first was cut off; after one that ended
    it encodes only files that are new or have changed. docs/scaling.md says how to run it on several machines.

    Parameters
    ----------
    corpus, out : path or URL
        A folder of corpus files (Parquet), or one such file; a folder to be. `s3://bucket/folder` and the like too.
    model : path
        Its folder, or a model that ships by its name: every process loads it by itself.
    engine : "local" or "ray"
        This process; or a pool of encoders by Ray Data, on the cluster that RAY_ADDRESS names or on this machine's
        cores. Both give the same vectors.
    backend : "torch" or "onnx", optional
        As for `load`.
    batch_size : int, default=64
        Windows encoded at a time.
    workers : int, optional
        With "ray": encoders at a time, at most, by default as many as there is room for.
    cpus : float, default=1
        With "ray": processors that one encoder takes. Below 1, more encoders share one.
    overwrite : bool, default=False
        Replace vectors of another model.
    progress : callable, optional
        Called with the number of windows done so far and of all, after each part.

    Returns
    -------
    VectorFolder
        Its `dataset()` and `table()` read the vectors; `open_vectors` opens the folder again.

    Raises
    ------
    DataError
        No corpus files, a file or row that breaks the corpus contract, an id that comes twice, or vectors of another
        model at `out`.
    StorageError
        A folder or bucket cannot be read or written.
    MissingExtra
        Engine "ray" without the extra `ray`.

    Examples
    --------
    >>> folder = tracets.embed_folder("days.parquet", "base", "vectors")
    >>> len(folder.table())
    40
    """
    from tracets.embedding import embed_folder as embed_folder_

    return embed_folder_(
        corpus, model, out, engine=engine, backend=backend, batch_size=batch_size, workers=workers, cpus=cpus,
        overwrite=overwrite, progress=progress,
    )  # fmt: skip


def open_vectors(path: AnyPath) -> VectorFolder:
    """Open a folder that `embed_folder` wrote.

    Parameters
    ----------
    path : path or URL
        The folder.

    Returns
    -------
    VectorFolder
        Its `dataset()` and `table()` read the vectors.

    Raises
    ------
    DataError
        None has been finished there.

    Examples
    --------
    >>> made = tracets.embed_folder("days.parquet", "base", "vectors")
    >>> tracets.open_vectors("vectors").table().column_names[:2]
    ['id', 'vector']
    """
    from tracets.embedding import VectorFolder as VectorFolder_

    return VectorFolder_.open(path)
