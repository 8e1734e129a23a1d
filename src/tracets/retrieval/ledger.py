"""What `watch` has done with each file: lines that are only appended, so that a kill costs the last one at most.

It lies in the index folder and counts for its table alone: an index that is built anew has seen no file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

FILE = "watched.jsonl"

Outcome = Literal["started", "indexed", "same", "refused"]


@dataclass(frozen=True)
class Entry:
    """A file as it was when something became of it.

    `size` and `mtime_ns` let it pass without being read again; `ids` are the windows it brought, or was about to bring
    ("started"); `reason` why it was refused, or which file has the same content.
    """

    file: str
    size: int
    mtime_ns: int
    sha256: str
    outcome: Outcome
    ids: tuple[str, ...] = field(default=())
    reason: str = ""


class Ledger:
    """The entries of one table of an index, the last one of each file."""

    def __init__(self, index: Path, table: str) -> None:
        self.path, self.table = index / FILE, table
        self.last: dict[str, Entry] = {}
        self.unsettled: dict[str, set[str]] = {}
        lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines() if self.path.is_file() else []
        for line in lines:
            entry = _read(line, table)
            if entry is not None:
                self._take(entry)

    def append(self, entry: Entry) -> None:
        """Keep an entry, on the disk when this returns."""
        said = json.dumps({"table": self.table} | asdict(entry), ensure_ascii=True)
        with self.path.open("ab") as file:
            torn = file.tell() > 0 and not self._ends_whole()
            file.write((b"\n" if torn else b"") + said.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._take(entry)

    def brought(self, file: str) -> set[str]:
        """The ids that a file has brought, or may have brought before a kill."""
        last = self.last.get(file)
        return set(last.ids if last is not None else ()) | self.unsettled.get(file, set())

    def owner(self, ids: Iterable[str], *, other_than: str) -> tuple[str, str] | None:
        """An id among some, and another file that brought it; None where there is none."""
        wanted = set(ids)
        for file, entry in self.last.items():
            if file != other_than and Path(file).is_file():
                for name in entry.ids:
                    if name in wanted:
                        return name, file
        return None

    def twin(self, sha256: str, *, other_than: str) -> str | None:
        """Another file whose content, as it was indexed last, is the same."""
        for file, entry in self.last.items():
            if file != other_than and entry.outcome == "indexed" and entry.sha256 == sha256:
                return file
        return None

    def stands(self, entry: Entry) -> bool:
        """Whether an entry still says what there is to do: one that has the content of another file needs that one."""
        if entry.outcome != "same":
            return True
        twin = self.last.get(entry.reason)
        return twin is not None and twin.outcome == "indexed" and twin.sha256 == entry.sha256

    def _take(self, entry: Entry) -> None:
        if entry.outcome == "started":
            self.unsettled.setdefault(entry.file, set()).update(entry.ids)
            return
        self.last[entry.file] = entry
        self.unsettled.pop(entry.file, None)

    def _ends_whole(self) -> bool:
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read() == b"\n"


def _read(line: str, table: str) -> Entry | None:
    """An entry of this table; None for a line that a kill cut off, or of another table."""
    try:
        found = json.loads(line)
        if found.pop("table") != table:
            return None
        return Entry(**found | {"ids": tuple(found["ids"])})
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
