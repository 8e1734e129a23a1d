"""A folder of vectors: fragments, and a manifest whose one writing makes them visible. What is done is not done again.

`_fragments/NAME.parquet` holds the vectors of one part of the corpus; `_manifest.json`, written last, lists the
fragments that count. A reader goes by the manifest, and sees all vectors of a corpus or those that were there before.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

from tracets.embedding.on_ray import encode_on_ray
from tracets.embedding.parts import FRAGMENTS, READERS, Part, corpus_files, encode_part, is_done, plan_parts
from tracets.embedding.vectors import vector_schema
from tracets.encoders.backends import Backend
from tracets.encoders.backends import load as load_encoder
from tracets.errors import ConfigError, DataError
from tracets.storage import Location, is_url
from tracets.types import AnyPath

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset

MANIFEST = "_manifest.json"
FORMAT = 1
Engine = Literal["local", "ray"]


@dataclass(frozen=True, eq=False)
class VectorFolder:
    """The vectors of a corpus, as a manifest lists them; `encoded` says how many windows this run had to encode."""

    place: Location
    manifest: dict[str, Any]
    encoded: int = 0

    @classmethod
    def open(cls, path: AnyPath) -> VectorFolder:
        """Open a folder of vectors.

        Raises
        ------
        DataError
            There is none, it has not been finished, or another version wrote it.
        """
        place = Location.of(path)
        found = _read_manifest(place)
        if found is None:
            raise DataError(
                f"'{place.shown}' holds no finished vectors: it has no {MANIFEST}. Run tracets embed CORPUS --out "
                f"{place.shown}, which goes on where it was cut off."
            )
        return cls(place, found)

    def __len__(self) -> int:
        return int(self.manifest["rows"])

    def dataset(self) -> pyarrow.dataset.Dataset:
        """All vectors as an Arrow data set, which reads fragment by fragment."""
        from pyarrow import dataset

        names = [f"{self.place.path}/{FRAGMENTS}/{entry['fragment']}" for entry in self.manifest["fragments"]]
        schema = vector_schema(self.manifest["dim"])
        return dataset.dataset(names, schema=schema, format="parquet", filesystem=self.place.system)

    def table(self) -> pa.Table:
        """All vectors in memory, in the order of the corpus: its files by name, their rows in order."""
        return self.dataset().to_table()


def embed_folder(
    corpus: AnyPath,
    model: AnyPath,
    out: AnyPath,
    *,
    engine: Engine = "local",
    backend: Backend | None = None,
    batch_size: int = 64,
    workers: int | None = None,
    cpus: float = 1.0,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> VectorFolder:
    """Write the vectors of every corpus file below a folder or bucket; see `tracets.api.embed_folder`."""
    if engine not in ("local", "ray"):
        raise ConfigError(f"engine must be 'local' or 'ray', got {engine!r}")
    if (workers is not None and workers < 1) or not cpus > 0:
        raise ConfigError(f"workers must be at least 1 and cpus above 0, got {workers}, {cpus}")
    source, only = _source(corpus)
    target, encoder = Location.of(out), load_encoder(model, backend=backend)
    before = _read_manifest(target)
    if before is not None and before["fingerprint"] != encoder.fingerprint and not overwrite:
        raise DataError(
            f"'{target.shown}' holds vectors of model '{before['model']}' (fingerprint {before['fingerprint']}), not "
            f"of '{encoder.name}' (fingerprint {encoder.fingerprint}). Choose another folder, or replace "
            f"it (overwrite)."
        )
    parts = plan_parts(source, corpus_files(source, only), encoder.fingerprint)
    with ThreadPoolExecutor(READERS) as pool:
        there = list(pool.map(lambda part: is_done(part, target), parts))
    todo = [part for part, done in zip(parts, there, strict=True) if not done]
    total, finished = sum(part.rows for part in parts), sum(part.rows for part in parts) - sum(p.rows for p in todo)

    def count(rows: int) -> None:
        nonlocal finished
        finished += rows
        if progress is not None:
            progress(finished, total)

    if todo and engine == "ray":
        encode_on_ray(
            todo, source, target, model=_absolute(model), backend=backend, fingerprint=encoder.fingerprint,
            batch_size=batch_size, workers=workers, cpus=cpus, done=count,
        )  # fmt: skip
    elif todo:
        for part in todo:
            encode_part(part, source, target, encoder, batch_size=batch_size)
            count(part.rows)
    manifest = _commit(target, parts, before, model=encoder.name, fingerprint=encoder.fingerprint, dim=encoder.dim)
    return VectorFolder(target, manifest, sum(part.rows for part in todo))


def _source(corpus: AnyPath) -> tuple[Location, str | None]:
    """The folder of a corpus, and the one file of it that is meant."""
    shown = os.fspath(corpus)
    if not shown.endswith(".parquet") or os.path.isdir(shown):
        return Location.of(shown), None
    folder, name = shown.rsplit("/", 1) if is_url(shown) else os.path.split(shown)
    return Location.of(folder or "."), name


def _absolute(model: AnyPath) -> str:
    """A model as another process finds it."""
    return os.path.abspath(model) if os.path.isdir(model) else os.fspath(model)


def _read_manifest(target: Location) -> dict[str, Any] | None:
    data = target.read(MANIFEST)
    if data is None:
        return None
    try:
        found: dict[str, Any] = json.loads(data)
        if found["format"] == FORMAT:
            return found
        reason = f"has format {found['format']}, this version reads {FORMAT}"
    except (ValueError, KeyError, TypeError):
        reason = "cannot be read"
    raise DataError(f"'{target.shown}/{MANIFEST}' {reason}. Write the vectors to another folder.")


def _commit(
    target: Location, parts: list[Part], before: dict[str, Any] | None, *, model: str, fingerprint: str, dim: int
) -> dict[str, Any]:
    """Make the fragments of all parts the vectors of the folder, in one write.

    Fragments that the manifest before listed stay for those who read them; older ones go.
    """
    sizes = {entry.name.rpartition("/")[2]: entry.size for entry in target.files() if entry.name.startswith(FRAGMENTS)}
    lost = [part for part in parts if part.fragment not in sizes]
    if lost:
        raise DataError(
            f"{len(lost)} of {len(parts)} fragments are not in '{target.shown}', such as that of row {lost[0].begin} "
            f"of {lost[0].file}. Were they removed, or is the folder not the same one on all machines? Run it again."
        )
    manifest = {
        "format": FORMAT,
        "created_by": f"tracets {version('tracets')}",
        "model": model,
        "fingerprint": fingerprint,
        "dim": dim,
        "rows": sum(part.rows for part in parts),
        "fragments": [
            {"fragment": p.fragment, "rows": p.rows, "bytes": sizes[p.fragment], "file": p.file, "begin": p.begin}
            for p in parts
        ],
    }
    target.write(MANIFEST, json.dumps(manifest, indent=1).encode())
    kept = {part.fragment for part in parts} | {entry["fragment"] for entry in (before or {}).get("fragments", ())}
    for name in sizes.keys() - kept:
        target.remove(f"{FRAGMENTS}/{name}")
    return manifest
