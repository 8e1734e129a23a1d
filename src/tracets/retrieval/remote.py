"""An index that is made on this machine and kept in an object store."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import replace

from tracets.encoders.protocol import PairEncoder
from tracets.errors import IndexFolderError
from tracets.index.remote import is_taken, rewritten
from tracets.retrieval.build import build_index
from tracets.retrieval.stored import Index
from tracets.types import Sample


def build_remote_index(
    samples: Iterable[Sample],
    encoder: PairEncoder,
    where: str | os.PathLike[str],
    *,
    batch_size: int = 64,
    overwrite: bool = False,
    update: bool = False,
    ann: bool | str | None = None,
    progress: Callable[[int], None] | None = None,
) -> Index:
    """Build an index on this machine, send it to an object store, and open it there; see `build_index`.

    One last object makes it visible; until then an index that is there stays as it is.

    Raises
    ------
    StorageError
        The store cannot be written, or another process wrote the index meanwhile.
    """
    url = os.fspath(where)
    if is_taken(url) and not (overwrite or update):
        raise IndexFolderError(
            f"index '{url}' exists. Choose another place, encode only what is new to it (update), or write it anew "
            f"(overwrite)."
        )
    with rewritten(url, copied=update) as folder:
        built = build_index(
            samples, encoder, folder, batch_size=batch_size, update=update, ann=ann, progress=progress
        )  # fmt: skip
    return replace(Index.open(url), embedded=built.embedded)
