"""Indexes files as they arrive in a folder, each once, and picks up where a kill left it.

1. leave files that are still being written  2. tell by size, time and content whether one is new  3. read it  4. one
commit replaces its windows by their ids  5. one more deletes windows that it no longer has  6. the ledger says so.
After a kill, 3 to 6 happen again, which changes nothing that is done already: ids are never doubled.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from tracets.data.readers import read
from tracets.disk import digest_of
from tracets.encoders.protocol import PairEncoder
from tracets.errors import DataError, IndexFolderError, TracetsError
from tracets.index.manifest import FILE as MANIFEST
from tracets.retrieval.build import build_index, compact_index, extend_index
from tracets.retrieval.ledger import Entry, Ledger
from tracets.retrieval.stored import Index
from tracets.types import Sample

QUIET = 2.0
"""Seconds since a file was last written to, before it is read."""
MOST_FRAGMENTS = 200
"""Files in the table, at most, before it is compacted: every commit adds one."""
UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".download", "~")
"""Endings of names that a file has until it is whole."""
LOCK = ".watch.lock"


@dataclass(frozen=True)
class Seen:
    """What became of a file: "indexed", "same" (another file has its content), "refused" or "waiting"."""

    file: str
    outcome: Literal["indexed", "same", "refused", "waiting"]
    windows: int = 0
    encoded: int = 0
    deleted: int = 0
    reason: str = ""

    def __str__(self) -> str:
        if self.outcome == "indexed":
            gone = f", {self.deleted} that it no longer has deleted" if self.deleted else ""
            return f"{self.file}: indexed {self.windows} windows, {self.encoded} of them encoded{gone}"
        if self.outcome == "same":
            return f"{self.file}: has the content of {self.reason}, which is indexed already"
        if self.outcome == "refused":
            return f"{self.file}: set aside: {self.reason}"
        return f"{self.file}: is still being written to; left for the next look"

    def to_json(self) -> dict[str, Any]:
        """As one line of `tracets watch --json`."""
        return asdict(self)


class Watcher:
    """Keeps an index in step with the files of a folder.

    A file whose content changes has its windows replaced, and those that it no longer has deleted. One that is removed
    keeps its windows. One that cannot be read, or brings an id of another file, is set aside until it changes.

    Parameters
    ----------
    folder : Path
        Looked through with its subfolders; hidden files and names such as "x.part" are left out.
    index : Path
        Made from the first file that can be read where there is none.
    encoder : PairEncoder
    report : callable
        Called with what became of each file that is new, or has changed.
    quiet : float, default=2
        Seconds since a file was last written to, before it is read.

    Raises
    ------
    IndexFolderError
        The index is of another model, or another process watches for it.
    """

    def __init__(
        self, folder: Path, index: Path, encoder: PairEncoder, *, report: Callable[[Seen], None], quiet: float = QUIET
    ) -> None:
        if not folder.is_dir():
            raise DataError(f"there is no folder '{folder}' to watch. Make it, or check the path.")
        self.folder, self.index, self.encoder, self.report, self.quiet = folder, index, encoder, report, quiet
        self._ledger: Ledger | None = None
        self._lock: Any = None
        if (index / MANIFEST).is_file():
            Index.open(index).folder.check_model(encoder.name, encoder.fingerprint)

    def run(self, *, once: bool, every: float) -> None:
        """Look again and again, or `once` (and a second time for files that were still being written)."""
        try:
            while True:
                waiting = self.look()
                if once:
                    if waiting:
                        time.sleep(self.quiet)
                        for file in self.look():
                            self.report(Seen(str(file), "waiting"))
                    return
                time.sleep(every)
        finally:
            if self._lock is not None:
                self._lock.release()

    def look(self) -> list[Path]:
        """Index what is new and whole; the files that are still being written to."""
        waiting = []
        for file in self._files():
            try:
                stat = file.stat()
                if self._known(file, stat.st_size, stat.st_mtime_ns):
                    continue
                if time.time() - stat.st_mtime < self.quiet:
                    waiting.append(file)
                    continue
                entry = Entry(str(file.resolve()), stat.st_size, stat.st_mtime_ns, digest_of(file), "indexed")
            except FileNotFoundError:  # removed meanwhile
                continue
            except OSError as error:
                self.report(Seen(str(file), "refused", reason=f"{error.strerror}. Check its permissions."))
                continue
            if not self._settle(file, entry):
                waiting.append(file)
        return waiting

    def _settle(self, file: Path, entry: Entry) -> bool:
        """Do what is to be done with a file; False where it changed meanwhile."""
        ledger = self._open_ledger()
        last = ledger.last.get(entry.file) if ledger is not None else None
        if ledger is not None and last is not None and last.sha256 == entry.sha256 and ledger.stands(last):
            ledger.append(replace(last, size=entry.size, mtime_ns=entry.mtime_ns))
            return True
        twin = None if ledger is None else ledger.twin(entry.sha256, other_than=entry.file)
        if ledger is not None and twin is not None and not ledger.brought(entry.file):
            ledger.append(replace(entry, outcome="same", reason=twin))
            self.report(Seen(str(file), "same", reason=twin))
            return True
        try:
            samples = list(read(file))
            stat = file.stat()
            if (stat.st_size, stat.st_mtime_ns) != (entry.size, entry.mtime_ns):
                return False
            self._index(file, replace(entry, ids=tuple(sample.id for sample in samples)), samples)
        except IndexFolderError:
            raise
        except Exception as error:  # whatever is in a file, the others go on
            known = isinstance(error, TracetsError)
            reason = " ".join(str(error).split()) if known else f"cannot be read ({type(error).__name__}: {error})"
            ledger = self._open_ledger()
            if ledger is not None:  # without an index there is no place to note it: it is tried again
                kept = tuple(sorted(ledger.brought(entry.file)))
                ledger.append(replace(entry, outcome="refused", ids=kept, reason=reason))
            self.report(Seen(str(file), "refused", reason=reason))
        return True

    def _index(self, file: Path, entry: Entry, samples: list[Sample]) -> None:
        ledger = self._open_ledger()
        if ledger is None:
            index = build_index(samples, self.encoder, self.index)
            ledger = self._open_ledger()
            assert ledger is not None
        else:
            taken = ledger.owner(entry.ids, other_than=entry.file)
            if taken is not None and taken[0] in Index.open(self.index).folder.ids():
                raise DataError(
                    f"{file}: window '{taken[0]}' came with {taken[1]}; ids are unique in an index. Rename the window, "
                    f"or the file that names it."
                )
            ledger.append(replace(entry, outcome="started"))
            index = extend_index(self.index, samples, self.encoder, replace=True).index
        gone = ledger.brought(entry.file) - set(entry.ids)
        gone &= set(index.folder.ids()) if gone else set()
        if gone:
            index.folder.delete(sorted(gone))
        ledger.append(entry)
        encoded = (index.embedded or (0, 0))[0]
        self.report(Seen(str(file), "indexed", len(samples), encoded, len(gone)))
        if sum(name.startswith("data/") for name in index.folder.mapped.state.files) > MOST_FRAGMENTS:
            compact_index(self.index)

    def _known(self, file: Path, size: int, mtime_ns: int) -> bool:
        ledger = self._open_ledger()
        last = None if ledger is None else ledger.last.get(str(file.resolve()))
        if ledger is None or last is None or (last.size, last.mtime_ns) != (size, mtime_ns):
            return False
        return ledger.stands(last)

    def _files(self) -> Iterator[Path]:
        inside = self.index.resolve()
        for path in sorted(self.folder.rglob("*")):
            parts = path.relative_to(self.folder).parts
            hidden = any(part.startswith(".") for part in parts) or path.name.lower().endswith(UNFINISHED)
            if not hidden and path.is_file() and not path.resolve().is_relative_to(inside):
                yield path

    def _open_ledger(self) -> Ledger | None:
        """The ledger of the index as it is now; None where there is no index yet."""
        if not (self.index / MANIFEST).is_file():
            return None
        if self._lock is None:
            from filelock import FileLock, Timeout

            lock = FileLock(self.index / LOCK, timeout=0)
            try:
                lock.acquire()
            except Timeout as error:
                raise IndexFolderError(
                    f"another tracets watch fills index '{self.index}'. Stop it, or let it watch both folders."
                ) from error
            self._lock = lock
        if self._ledger is None:
            self._ledger = Ledger(self.index, Index.open(self.index).folder.manifest.table)
        return self._ledger
