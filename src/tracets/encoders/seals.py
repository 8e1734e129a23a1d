"""Settings of folders that know whether they are those that were written.

`config.json` may hold a seal: a hash of all else in it, hashes of the files beside it among them. A folder from before
there were seals is read as it is, if it has no setting that such a folder never had (a seal whose name is damaged).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from tracets.errors import ModelError
from tracets.files import open_bytes, read_json

SEAL = "seal"


def sealed(config: dict[str, Any]) -> dict[str, Any]:
    """The settings with their seal; they must be what JSON can hold."""
    return config | {SEAL: _seal_of(json.loads(json.dumps(config)))}


def read_config(path: Path, *, what: str) -> dict[str, Any]:
    """The table in a config.json; nothing is known of its seal yet.

    Raises
    ------
    ModelError
        No file, none of JSON, or one with something else than a table.
    """
    saved = read_json(path, error=ModelError)
    if not isinstance(saved, dict):
        raise ModelError(f"{what} is damaged: '{path}' holds no table of settings. Copy it again.")
    return saved


def is_kind(folder: str | os.PathLike[str], kind: str) -> bool:
    """Whether the settings of a folder are those of a "classifier" or a "forecaster", of whatever format version."""
    try:
        saved = read_config(Path(folder) / "config.json", what=f"'{folder}'")
    except ModelError:
        return False
    return str(saved.get("format")).startswith(kind)


def check_seal(saved: dict[str, Any], *, what: str, before: Collection[str]) -> None:
    """Refuse settings that are not those that were written; `before` names the settings of folders without a seal.

    Raises
    ------
    ModelError
        The seal does not fit, or there is none and a setting that no folder without a seal has.
    """
    strange = sorted(set(saved) - set(before))
    if SEAL in saved:
        if saved[SEAL] != _seal_of({name: value for name, value in saved.items() if name != SEAL}):
            raise ModelError(f"{what} is damaged: its settings are not those it was saved with. Copy it again.")
    elif strange:
        raise ModelError(f"{what} is damaged: its settings hold '{strange[0]}' and no seal. Copy it again.")


def hash_of(path: Path) -> str:
    """The SHA-256 of a file in hex digits. Raises ModelError where there is no regular file."""
    with open_bytes(path, error=ModelError) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


def _seal_of(saved: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(saved, sort_keys=True).encode()).hexdigest()
