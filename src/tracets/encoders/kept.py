"""Exports that nobody asked for: the first use of a model makes one, and the user's cache folder keeps it.

`<cache>/onnx/<key>` holds what `tracets.encoders.export.export_model` writes, in single precision. The key is made of
all that the graphs depend on, so that what was made of another state of a model is never found. Where a model proved to
have no export, `<key>.refused` says why.
"""

from __future__ import annotations

import contextlib
import errno
import filecmp
import hashlib
import logging
import math
import os
import shutil
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tracets.disk import write_whole
from tracets.encoders.checked import notes_folder
from tracets.encoders.onnx_model import EXPORT_FORMAT, SENTENCES, OnnxModel, is_whole
from tracets.encoders.registry import sentence_encoder_at
from tracets.encoders.seals import hash_of
from tracets.encoders.settings import DEFAULT_BACKBONE, ModelConfig
from tracets.errors import ModelError
from tracets.files import LIMITS, parse_json, read_bytes
from tracets.plain import build
from tracets.storage import cache_folder

if TYPE_CHECKING:
    from tracets.encoders.model import TraceModel

LOG = logging.getLogger("tracets")
MAKERS = ("torch", "transformers", "onnx", "onnxruntime")
"""Packages that write the graphs: another version may write them otherwise."""
LARGEST_DIFFERENCE = 1e-3
"""Of a kept export's vectors (length 1) from its model's; `base` comes to 1e-4."""
KEY = 24
"""Hex digits of a key."""
A_DAY = 86_400.0
UNUSED = 7 * A_DAY
SPARED = 3
"""Exports of other versions that stay whenever they were used: of an environment beside this one, say."""
ROOM = 4
"""Times the bytes of the weights that an export takes while it is made."""
TRACED = ("encoders", "nn")
"""Rooms of tracets whose code is traced: a change in them makes the exports anew, whoever forgets a version."""


def exports_folder() -> Path:
    """Where kept exports lie."""
    return cache_folder() / "onnx"


def key_of(folder: Path) -> str | None:
    """Hex digits that change with all that an export of a model folder depends on; imports no torch.

    These are its settings and weights, the sentence encoder, the code and the packages that make graphs; what all
    models share comes first (`maker_of`). None where they cannot be told from the disk alone: the folder is damaged, or
    its sentence encoder is named as a hub knows it.
    """
    try:
        settings = read_bytes(folder / "config.json", most=LIMITS.json_bytes, setting="json_bytes", error=ModelError)
        saved = parse_json(settings, where=str(folder), error=ModelError)
        config = build(ModelConfig, saved["model"], where="model")
        # not the fingerprint alone: weights may be damaged while the settings beside them are not
        parts = [maker_of(), _state_of(config.text.backbone), hash_of(folder / "model.safetensors")]
    except (OSError, ValueError, KeyError, TypeError, PackageNotFoundError):
        return None
    digest = hashlib.sha256(settings)
    for part in parts:
        digest.update(hashlib.sha256(part.encode()).digest())
    return parts[0] + digest.hexdigest()[: KEY - len(parts[0])]


def maker_of() -> str:
    """Hex digits that change with the code and the packages that make graphs: with them the names of exports begin."""
    digest = hashlib.sha256(EXPORT_FORMAT.encode())
    for part in [*(f"{name} {version(name)}" for name in MAKERS), *_sources()]:
        digest.update(hashlib.sha256(part.encode()).digest())
    return digest.hexdigest()[:8]


def find_kept(key: str | None) -> Path | None:
    """The kept export of this key; None where there is none, or a damaged one."""
    if key is None:
        return None
    folder = exports_folder() / key
    with contextlib.suppress(OSError):
        os.utime(folder)  # used just now: `prune` leaves it alone
    return folder if is_whole(folder) else None


def prune(root: Path, maker: str, *, now: float) -> None:
    """Delete exports of other versions, but for the `SPARED` used last and those used within `UNUSED` seconds.

    What a process left that was killed goes after a day. Whoever else prunes, or uses an export, at the same time is
    not disturbed: an export is renamed before it is deleted, and back if it was used in between.
    """
    if not root.is_dir():
        return
    others = [path for path in root.iterdir() if len(path.name) == KEY and not path.name.startswith(maker)]
    by_use = sorted(((_used(path), path) for path in others if path.is_dir()), reverse=True)
    for used, path in by_use[SPARED:]:
        if now - used > UNUSED:
            _discard(path, now)
    for path in [*root.glob("*.refused"), *notes_folder().glob("*.json")]:
        if now - _used(path) > UNUSED and not path.name.startswith(maker):
            path.unlink(missing_ok=True)
    for path in [*root.glob(".making-*"), *root.glob(".gone-*")]:
        if now - _used(path) > A_DAY:
            shutil.rmtree(path, ignore_errors=True)


def _discard(path: Path, now: float) -> None:
    gone = path.with_name(f".gone-{path.name}-{os.getpid()}")
    with contextlib.suppress(OSError):  # another process was faster
        os.rename(path, gone)
        if now - _used(gone) > UNUSED:
            shutil.rmtree(gone, ignore_errors=True)
        else:
            os.rename(gone, path)


def _used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return math.inf


def keep_export(model: TraceModel, folder: Path, key: str | None) -> Path:
    """Export a model and keep it under the key that its folder had before it was loaded.

    The export appears whole or not at all, whoever else makes the same.

    Raises
    ------
    ModelError
        The model cannot be exported, its key cannot be told, or the export gives other vectors.
    OSError
        The cache folder cannot be written, or its disk is too full.
    """
    from tracets.encoders.export import check_exportable, export_model, largest_difference

    check_exportable(model)
    if key is None or key != key_of(folder):  # or its files changed while they were read
        raise ModelError(
            f"no export of model '{model.name}' can be kept: its files change, or its sentence encoder "
            f"'{model.backbone.name}' is not on this disk. Make one with tracets export {model.name} --out FOLDER."
        )
    root = exports_folder()
    root.mkdir(parents=True, exist_ok=True)
    refused = root / f"{key}.refused"
    if refused.is_file():
        raise ModelError(read_bytes(refused, most=LIMITS.json_bytes, error=ModelError).decode("utf-8", "replace"))
    weights = [*model.parameters(), *model.backbone.loaded()[0].parameters()]
    if shutil.disk_usage(root).free < ROOM * sum(weight.nbytes for weight in weights):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(root))
    with TemporaryDirectory(dir=root, prefix=".making-") as temporary:
        LOG.warning("preparing model '%s' for this machine, once: some seconds, kept in %s", model.name, root)
        building, target = Path(temporary) / key, root / key
        try:
            export_model(model, building)
            difference = largest_difference(model, OnnxModel(building, name=model.name))
            if not difference <= LARGEST_DIFFERENCE:
                raise ModelError(f"an export of this model gives vectors that are {difference:.2g} off. Use torch.")
        except ModelError as error:  # told by the next load without the work
            write_whole(refused, str(error).encode())
            raise
        _share_sentences(building, root)
        if target.exists() and not is_whole(target):
            shutil.rmtree(target, ignore_errors=True)
        with contextlib.suppress(OSError):
            prune(root, maker_of(), now=time.time())
        try:
            os.replace(building, target)
        except OSError:
            if not is_whole(target):  # else another process was faster
                raise
    return target


def _share_sentences(export: Path, root: Path) -> None:
    """Give the graph of the sentence encoder, most of an export, the place on the disk that an equal one has.

    Where the disk has no hard links, every export keeps a copy of its own.
    """
    own, link = export / SENTENCES, export / "link"
    with contextlib.suppress(OSError):
        for other in root.glob(f"*/{SENTENCES}"):
            if filecmp.cmp(own, other, shallow=False):
                os.link(other, link)
                os.replace(link, own)
                return


def _state_of(backbone: str) -> str:
    if backbone == DEFAULT_BACKBONE:
        return f"{backbone} {version(backbone)}"
    folder = Path(sentence_encoder_at(backbone))
    if not folder.is_dir():
        raise ValueError(f"'{backbone}' is not on this disk")
    stats = {path.relative_to(folder).as_posix(): path.stat() for path in folder.rglob("*") if path.is_file()}
    return str(sorted((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats.items()))


def _sources() -> list[str]:
    package = Path(__file__).parents[1]
    return [path.read_text(encoding="utf-8") for room in TRACED for path in sorted((package / room).glob("*.py"))]
