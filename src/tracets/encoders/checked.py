"""Whether an export is what was written: its files are hashed at their first use, and again when one has changed.

Hashing the graphs of `base` takes 0.1 s, and reading them for what they point to some more, which a search from the
shell would feel. So what was checked is noted in the user's cache folder, by the path, with the sizes and times of the
files as they were then.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tracets.encoders.seals import SEAL, hash_of
from tracets.errors import ModelError, TracetsError
from tracets.files import read_json, size_of
from tracets.storage import cache_folder

SOON = 2.0
"""Seconds; a file that was written so shortly before it was checked could change again without its times telling."""


def notes_folder() -> Path:
    """Where it is noted what was checked."""
    return cache_folder() / "checked"


def check_files(folder: Path, saved: dict[str, Any], names: tuple[str, ...]) -> None:
    """Refuse an export with a file that is not the one written, or with a graph that reads other files.

    Parameters
    ----------
    folder : Path
    saved : dict
        Its settings, whose seal was checked.
    names : tuple of str
        Its files.

    Raises
    ------
    ModelError
        Which file, and what to do.
    """
    note = notes_folder() / f"{hashlib.sha256(os.fsencode(folder.absolute())).hexdigest()[:24]}.json"
    now = time.time()
    states = {name: _state(folder / name) for name in names}
    seen = {"seal": saved.get(SEAL), "files": states}
    if _noted(note) == seen:
        return
    hashes = saved.get("sha256", {})
    for name in names:
        path = folder / name
        if size_of(path, error=ModelError) != saved["sizes"].get(name):
            raise ModelError(f"'{path}' is damaged: it has another size than it was written with. Export it anew.")
        if hashes and hash_of(path) != hashes.get(name):
            raise ModelError(f"'{path}' is damaged: it is not what was written. Export the model anew.")
        if path.suffix == ".onnx":
            _refuse_pointers(path)
    if all(now - state[1] / 1e9 > SOON for state in states.values()):
        _write(note, seen)


def _state(path: Path) -> list[int]:
    size_of(path, error=ModelError)
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def _noted(note: Path) -> Any:
    try:
        return read_json(note, error=ModelError)
    except TracetsError:
        return None


def _write(note: Path, seen: dict[str, Any]) -> None:
    from tracets.disk import write_whole

    with contextlib.suppress(OSError):  # then it is checked again
        note.parent.mkdir(parents=True, exist_ok=True)
        write_whole(note, json.dumps(seen).encode())


def _refuse_pointers(path: Path) -> None:
    """Refuse a graph whose weights lie in other files: they may be any file of this machine."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        parts: list[Any] = [onnx.load(str(path), load_external_data=False)]
    except (DecodeError, ValueError, OSError) as error:
        raise ModelError(f"'{path}' is damaged: it is no ONNX graph. Export the model anew.") from error
    while parts:
        part = parts.pop()
        if isinstance(part, onnx.TensorProto):
            if part.data_location == onnx.TensorProto.EXTERNAL or part.external_data:
                raise ModelError(f"'{path}' keeps weights in other files, which is not read. Export the model anew.")
            continue
        for field, value in part.ListFields():
            if field.message_type is not None:
                parts += value if isinstance(value, Sequence) else [value]
