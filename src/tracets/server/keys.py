"""API keys: made once, shown once, kept as hashes."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from tracets.errors import ConfigError, NotFound, TracetsError

Scope = Literal["read", "write"]
SCOPES: tuple[Scope, ...] = ("read", "write")
LOG = logging.getLogger("tracets.server")
PREFIX = "tk_"
FRESH_S = 1.0
BYTES = 32


@dataclass(frozen=True)
class Key:
    """What is known of a key: its name, what it may do ("write" may also read), and the SHA-256 of the key.

    A key is random (256 bits), so that a plain hash is as good as a slow one.
    """

    name: str
    scope: Scope
    sha256: str
    created: str


def read_keys(path: Path) -> list[Key]:
    """The keys of a file.

    Raises
    ------
    NotFound
        No such file.
    ConfigError
        It is not a file of keys.
    """
    if not path.is_file():
        raise NotFound(f"there is no file of keys '{path}'. Make one: tracets keys add {path} --name NAME")
    try:
        found = [Key(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))["keys"]]
        sound = all(len(bytes.fromhex(key.sha256)) == 32 and key.scope in SCOPES and key.name for key in found)
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"'{path}' is not a file of keys ({type(error).__name__}). Make a new one.") from error
    if not sound:
        raise ConfigError(f"'{path}' is not a file of keys: an entry has no name, scope or hash. Make a new one.")
    return found


class KeyFile:
    """A file of keys, read again when it changes.

    It is looked at once in `FRESH_S` at most. While it cannot be read, the keys that it last had go on to count, and
    the log says so, once for each change.

    Raises
    ------
    NotFound, ConfigError
        As `read_keys`, when it is opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._state, self._keys, self._looked = _state_of(path), read_keys(path), time.monotonic()

    @property
    def keys(self) -> list[Key]:
        """The keys as they are now, or were `FRESH_S` ago."""
        if time.monotonic() - self._looked >= FRESH_S:
            self._looked, state = time.monotonic(), _state_of(self.path)
            if state != self._state:
                self._state = state
                try:
                    self._keys = read_keys(self.path)
                    LOG.info(json.dumps({"keys": len(self._keys), "reread": True}))
                except (TracetsError, OSError) as error:
                    LOG.error(json.dumps({"error": type(error).__name__, "keys": "those read before still count"}))
        return self._keys


def _state_of(path: Path) -> tuple[int, ...] | None:
    """What changes with every change of a file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def add_key(path: Path, name: str, scope: Scope) -> str:
    """Make a key, keep its hash in the file, and return the key: it cannot be shown again.

    Raises
    ------
    ConfigError
        The name is taken or empty.
    """
    known = read_keys(path) if path.exists() else []
    if not name.strip() or any(key.name == name for key in known):
        raise ConfigError(f"'{path}' has a key '{name}' already, or the name is empty. Choose another name.")
    secret = PREFIX + secrets.token_urlsafe(BYTES)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    _write(path, [*known, Key(name, scope, _hash(secret), created)])
    return secret


def remove_key(path: Path, name: str) -> None:
    """Take a key out of the file. Raises NotFound for an unknown name."""
    known = read_keys(path)
    if all(key.name != name for key in known):
        raise NotFound(f"'{path}' has no key '{name}'; it has {', '.join(key.name for key in known) or 'none'}.")
    _write(path, [key for key in known if key.name != name])


def find(keys: Sequence[Key], secret: str) -> Key | None:
    """The key that was presented; None for one that is not known. Takes as long whichever it is."""
    asked, found = _hash(secret), None
    for key in keys:
        if hmac.compare_digest(key.sha256, asked):
            found = key
    return found


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _write(path: Path, keys: Sequence[Key]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    text = json.dumps({"keys": [asdict(key) for key in keys]}, indent=2) + "\n"
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(temporary, path)
