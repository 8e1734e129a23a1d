"""Every change of an index: a build in a folder beside it, or one commit to its table that nobody sees half of.

1. what comes is checked and spooled  2. the lock  3. a commit that a killed writer left is finished  4. one LanceDB
commit, which is the change  5. what searching reads follows it, is synced and published in one rename. A process that
is killed before 4 changed nothing; one that is killed after it changed all, and the next to open the index does 5.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tracets.disk import digest_of, remove_leftovers, sync
from tracets.errors import DataError, IndexFolderError
from tracets.index import sweep
from tracets.index.derive import free
from tracets.index.lock import writing
from tracets.index.manifest import FILE, FORMAT, TABLE, Manifest, tracets_version
from tracets.index.mapped import Mapped
from tracets.index.opening import current, made, newest, open_table, or_damaged, or_unfinished, or_unwritten
from tracets.index.rows import Rows, unify
from tracets.index.spool import Spool
from tracets.index.state import EnginePart, Part
from tracets.index.sums import refuse_damage
from tracets.types import FloatArray

METADATA = b"tracets"
"""Key of the table's schema metadata under which it keeps what binds it to its model."""


def check_free(target: Path, *, overwrite: bool) -> None:
    """Refuse a folder that is taken."""
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if not (target / FILE).is_file():
        raise IndexFolderError(f"'{target}' exists and is not an index; it is left as it is. Choose another folder.")
    if not overwrite:
        raise IndexFolderError(
            f"index '{target}' exists. Choose another folder, encode only what is new to it (update), or write it anew "
            f"(overwrite)."
        )


def build(
    target: Path,
    fill: Callable[[Spool], Spool],
    bind: Callable[[Spool], Manifest],
    *,
    overwrite: bool,
    finish: Callable[[Path], None],
) -> None:
    """Write an index beside `target` and let it take its place.

    Parameters
    ----------
    fill : callable
        Fills the spool with all rows.
    bind : callable
        Gives the manifest, once the rows are known.
    finish : callable
        Called with the folder of the new index before it takes its place.
    """
    check_free(target, overwrite=overwrite)
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(target.parent, f".{target.name}.building")
    building = target.parent / f".{target.name}.building-{os.getpid()}"
    shutil.rmtree(building, ignore_errors=True)
    try:
        building.mkdir()
        with Spool.beside(building) as spool:
            fill(spool)
            if not spool.ids:
                raise DataError("there are no windows to index. Check the corpus and its filters.")
            taken = (target / FILE).is_file()
            name = f"{TABLE}-{uuid.uuid4().hex[:12]}" if taken else TABLE
            manifest = replace(bind(spool), table=name)
            or_unwritten(target, lambda: _write_table(building, spool, manifest))
        manifest.write(building)
        or_unwritten(target, lambda: made(building, manifest, building))
        finish(building)
        _put_in_place(building, target, manifest, overwrite=overwrite)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def manifest_of(model: str, fingerprint: str, sample_weight: float) -> Callable[[Spool], Manifest]:
    """The manifest for the rows of a spool."""
    return lambda spool: Manifest(
        model=model, fingerprint=fingerprint, dim=spool.dim, vectors_per_channel=spool.vectors_per_channel,
        sample_weight=float(sample_weight), created_by=f"tracets {tracets_version()}",
    )  # fmt: skip


@contextmanager
def changing(index: Path, *, patience: float) -> Iterator[tuple[Manifest, Mapped]]:
    """Hold the lock of an index of this format, with what it holds now."""
    Manifest.read(index)  # its message says more than that of a lock in a folder that is not there
    with writing(index, patience=patience):
        manifest, mapped = current(index, locked=True)
        if manifest.format != FORMAT:
            manifest = replace(manifest, format=FORMAT)
            manifest.write(index)
        yield manifest, mapped
        sweep.leftovers(index, manifest)


def put(index: Path, batches: Iterable[Rows], *, replacing: bool, patience: float) -> tuple[int, int]:
    """Add rows in one commit: how many were added and how many replaced others of the same id.

    Parameters
    ----------
    replacing : bool
        Rows take the place of those with their ids; otherwise an id that is there is refused.
    """
    manifest = Manifest.read(index)
    with Spool.beside(index) as spool:
        spool.dim, spool.vectors_per_channel = manifest.dim, manifest.vectors_per_channel
        spool.take(batches)
        if not spool.ids:
            return 0, 0
        with changing(index, patience=patience) as (now, mapped):
            if now.bound != manifest.bound:
                raise IndexFolderError(
                    f"index '{index}' was built anew with model '{now.model}' meanwhile; the rows come from "
                    f"'{manifest.model}'. Encode them again."
                )
            ids = pa.array(spool.ids, pa.string())
            there = places_of(mapped, ids)
            if len(there) and not replacing:
                taken = mapped.facts["id"][int(there[0])].as_py()
                raise DataError(
                    f"id '{taken}' comes twice: the index has it already; ids are unique in an index. Rename it, or "
                    f"replace the row (upsert)."
                )
            table = open_table(index, now.table)
            rows = spool.reader(table.schema)
            if len(there):
                merge = table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all()
                or_unwritten(index, lambda: merge.execute(rows, on_bad_vectors="null"))
            else:
                or_unwritten(index, lambda: table.add(rows, on_bad_vectors="null"))
            or_unfinished(index, lambda: made(index, now, index))
        return len(ids) - len(there), len(there)


def remove(index: Path, choose: Callable[[Manifest, Mapped], NDArray[np.int64]], *, patience: float) -> int:
    """Delete the rows at the places that `choose` gives for the index as it is now, in one commit: how many."""
    with changing(index, patience=patience) as (manifest, mapped):
        places = choose(manifest, mapped)
        if len(places):
            table = open_table(index, manifest.table)
            numbers = ", ".join(str(n) for n in mapped.row_ids[places].tolist())
            or_unwritten(index, lambda: table.delete(f"_rowid IN ({numbers})"))
            or_unfinished(index, lambda: made(index, manifest, index))
        return len(places)


def compact(index: Path, *, keep_seconds: float, patience: float, finish: Callable[[Path], None]) -> None:
    """Rewrite table and flat files without dead rows, and remove what nobody has read for `keep_seconds`."""
    with changing(index, patience=patience) as (manifest, mapped):
        refuse_damage(index, manifest, mapped)
        table = open_table(index, manifest.table)
        or_unwritten(index, lambda: table.optimize(cleanup_older_than=_cutoff(table, keep_seconds)))
        or_unfinished(index, lambda: made(index, manifest, index, fresh=True))
        finish(index)
        sweep.old(index, manifest, keep_seconds)


def add_hubness(index: Path, hubness: FloatArray) -> None:
    """Keep the hubness of the texts of an index whose lock the caller holds, or that nobody else knows."""
    mapped = or_damaged(index, lambda: newest(index, Manifest.read(index)))
    assert mapped is not None
    file = mapped.folder / f"hubness-{mapped.state.version}.npy"
    np.save(file, hubness.astype(np.float32), allow_pickle=False)
    sync([file])
    replace(mapped.state, hubness=Part(file.name, digest_of(file), len(hubness))).write(mapped.folder)


def add_engine(index: Path, version: int, made: Path, part: EnginePart, *, patience: float) -> None:
    """Keep what an engine made of a version of the index in the folder `made`, which is moved.

    Parameters
    ----------
    part : EnginePart
        Without what is known once it is kept: folder, files, rows and vectors.

    Raises
    ------
    IndexFolderError
        The index has changed since.
    """
    with changing(index, patience=patience) as (manifest, mapped):
        if mapped.state.version != version:
            raise IndexFolderError(
                f"index '{index}' changed while the engine '{part.engine}' was built. Compact it: tracets index "
                f"compact {index}"
            )
        state, home = mapped.state, free(mapped.folder, f"engine-{version}")
        files = sorted(path for path in made.rglob("*") if path.is_file())
        sync([*files, *sorted({path.parent for path in files})])
        os.replace(made, home)
        sync([mapped.folder])
        names = [path.relative_to(made).as_posix() for path in files]
        parts = tuple(Part(f"{home.name}/{name}", digest_of(home / name), state.rows) for name in names)
        kept = replace(part, folder=home.name, parts=parts, rows=state.rows, vectors=len(mapped.channels.coarse))
        replace(state, engine=kept).write(mapped.folder)
        replace(
            manifest, engine=part.engine, engine_version=part.version, engine_package=part.package
        ).write(index)  # fmt: skip


def places_of(mapped: Mapped, ids: pa.Array) -> NDArray[np.int64]:
    """The places of the live rows that have one of some ids, rising."""
    import pyarrow.compute as pc

    among = pc.is_in(mapped.facts["id"], value_set=ids).to_numpy(zero_copy_only=False)
    return np.flatnonzero(np.asarray(among, dtype=bool) & mapped.live)


def _cutoff(table: Any, keep_seconds: float) -> timedelta:
    """How old a version may be: all are kept from the one on that was the newest `keep_seconds` ago."""
    if keep_seconds <= 0:
        return timedelta(milliseconds=1)  # of nothing at all LanceDB warns, and the caller was told
    now, times = datetime.now(), sorted(version["timestamp"].replace(tzinfo=None) for version in table.list_versions())
    past = [at for at in times if now - at >= timedelta(seconds=keep_seconds)]
    return now - past[-1] + timedelta(seconds=1) if past else timedelta(days=36500)


def _write_table(building: Path, spool: Spool, manifest: Manifest) -> None:
    import json

    import lancedb

    schema = unify(spool.schemas)
    schema = schema.with_metadata({METADATA: json.dumps(manifest.bound, sort_keys=True).encode()})
    # With the schema named LanceDB infers nothing from column names; "null" lets the vector of a missing text be null.
    rows = spool.reader(schema)
    lancedb.connect(building).create_table(manifest.table, rows, schema=schema, on_bad_vectors="null")


def _put_in_place(building: Path, target: Path, manifest: Manifest, *, overwrite: bool) -> None:
    """An index that is there gets a second table first, and becomes the new one by the rename of one file."""
    if not (target / FILE).is_file():
        try:
            os.replace(building, target)
        except OSError:
            check_free(target, overwrite=False)  # another process was faster
            raise
        sync([target.parent])
        return
    with writing(target):
        check_free(target, overwrite=overwrite)
        for path in sorted(building.iterdir()):
            if path.is_dir() and path.suffix == ".lance" or path.name.startswith("vectors-"):
                os.replace(path, target / path.name)
        sync([target])
        manifest.write(target)
        sweep.leftovers(target, manifest)
