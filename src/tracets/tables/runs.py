"""Runs as JSON lines that outlive a kill: a step that stands there is not made again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tracets.errors import DataError

IDENTITY = ("table", "source", "digest", "step", "size", "settings", "seed", "version")
"""What makes two runs the same run."""


class Runs:
    """The runs of one file, oldest first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.records = _read(path)

    def find(self, run: Mapping[str, Any]) -> dict[str, Any] | None:
        """The latest record of a run: all of `IDENTITY` is equal."""
        same = (r for r in reversed(self.records) if all(r.get(name) == run[name] for name in IDENTITY))
        return next(same, None)

    def add(self, record: Mapping[str, Any]) -> None:
        """Keep a run that has ended."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
        self.records.append(dict(record))


def _read(path: Path) -> list[dict[str, Any]]:
    """The records of a file; what a kill cut off in the last line is removed from it."""
    if not path.is_file():
        return []
    text = path.read_bytes()
    whole = text[: text.rfind(b"\n") + 1]
    if whole != text:
        path.write_bytes(whole)
    found = []
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict):
            raise DataError(f"{path}, line {number}: is no run of this command. Move the file away, or another --out.")
        found.append(record)
    return found
