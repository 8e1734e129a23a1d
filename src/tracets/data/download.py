"""Files from the network: fetched once, resumed where they broke off, checked, and kept in the user's cache folder.

A file at `https://host/a/b.csv` is kept as `<folder>/host/a/b.csv`. Beside it `.b.csv.json` says its length, SHA-256
and what the server called this state of it; a file is held against that before each use. What is half received waits
as `.b.csv.part` for the next attempt, of this run or a later one. A file that somebody put in its place by hand counts
as received, which is how a machine without a network is served.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import logging
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from tracets.errors import ConfigError, DownloadError
from tracets.files import parse_json

LOG = logging.getLogger("tracets")
CHUNK = 1 << 20
LONGEST_WAIT = 300.0
"""Seconds between two attempts at most, whatever a server asks for."""
GONE = (404, 410)
AGAIN = (408, 425, 429, 500, 502, 503, 504)
GB = 10**9
PAGES = (".html", ".htm", ".xml")
MARKUP = (b"<html", b"<!doctype html", b"<?xml")
HEAD = 512
"""Bytes in which a page shows itself."""


class _Again(Exception):
    """An attempt failed in a way that the next may not; `wait` in seconds, where the server named it."""

    def __init__(self, why: str, wait: float | None = None) -> None:
        super().__init__(why)
        self.wait = wait


class _Kept(Exception):
    """The server says that what is kept is still so."""


@dataclass
class _Run:
    """What this run has done so far: bytes received, the time of the last request, files that were asked for."""

    n_bytes: int = 0
    last: float = float("-inf")
    asked: set[str] = field(default_factory=set)


@dataclass(frozen=True, eq=False)
class Downloads:
    """Fetches files of the web into a folder, politely.

    Parameters
    ----------
    folder : Path
        Where files are kept.
    offline : bool, default=False
        Ask no server; a file that is not kept is an error that names it and its place.
    refresh : bool, default=False
        Ask once a run whether a kept file is still what the server has.
    pause : float, default=0.5
        Seconds between two requests at least.
    attempts : int, default=6
        For each file, with growing waits between them.
    file_bytes, total_bytes : int
        What one file, and all files of this run, may come to.
    timeout : float, default=60
        Seconds without a byte after which an attempt is given up.
    sleep : callable
        Waits some seconds.

    Raises
    ------
    ConfigError
        A number out of its range.

    Examples
    --------
    >>> Downloads(Path("cache")).place("https://example.org/a/b.csv").as_posix()
    'cache/example.org/a/b.csv'
    """

    folder: Path
    offline: bool = False
    refresh: bool = False
    pause: float = 0.5
    attempts: int = 6
    file_bytes: int = 4 * GB
    total_bytes: int = 20 * GB
    timeout: float = 60.0
    sleep: Callable[[float], None] = time.sleep
    _run: _Run = field(default_factory=_Run, repr=False)

    def __post_init__(self) -> None:
        if self.pause < 0 or self.attempts < 1 or min(self.file_bytes, self.total_bytes) < 1 or self.timeout <= 0:
            raise ConfigError(
                f"downloads need pause >= 0, attempts >= 1, sizes >= 1 and timeout > 0, got pause={self.pause}, "
                f"attempts={self.attempts}, file_bytes={self.file_bytes}, total_bytes={self.total_bytes}, "
                f"timeout={self.timeout}."
            )

    @property
    def received(self) -> int:
        """Bytes that came over the network so far."""
        return self._run.n_bytes

    def place(self, url: str) -> Path:
        """Where the file of a URL is kept.

        Raises
        ------
        DownloadError
            Not http or https, or a URL with a query or with `..` in its path.
        """
        parts = urlsplit(url)
        names = [unquote(name) for name in parts.path.split("/") if name]
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or ".." in names:
            raise DownloadError(f"'{url}' is no address of a file. Write it as https://host/folder/file.")
        if parts.path.endswith("/") or not names:
            names.append("index.html")
        host = parts.hostname + (f"_{parts.port}" if parts.port else "")
        return self.folder.joinpath(host, *(quote(name, safe=" ()+,=@") for name in names))

    def get(self, url: str, *, begins: bytes = b"", sha256: str | None = None) -> Path:
        """The file of a URL on this disk.

        Parameters
        ----------
        begins : bytes
            What the file must begin with. Whatever it is, a page that says "log in first" is refused, unless the
            address is that of a folder or of a page.
        sha256 : str, optional
            Hex digits that the content must have.

        Raises
        ------
        DownloadError
            There is no such file, or it cannot be had; says why, and what to do.
        """
        found = self.find(url, begins=begins, sha256=sha256)
        if found is None:
            raise DownloadError(f"there is no file '{url}' (the server says 404). Check the name, or the base URL.")
        return found

    def find(self, url: str, *, begins: bytes = b"", sha256: str | None = None) -> Path | None:
        """As `get`, with None for a file that the server does not have; that too is remembered."""
        from filelock import FileLock

        place = self.place(url)
        if self.offline:
            known = self._known(place, sha256)
            if known is None:
                raise DownloadError(
                    f"offline, and '{url}' is not kept. Run once with a network, or put the file at '{place}'."
                )
            return self._given(place, known)
        place.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(str(_beside(place, "lock"))):
            known = self._known(place, sha256)
            if known is None or (self.refresh and url not in self._run.asked):
                known = self._fetched(url, place, known, begins, sha256)
            self._run.asked.add(url)
        return self._given(place, known)

    def hash_of(self, url: str) -> str:
        """SHA-256 of a file that `get` or `find` gave."""
        return str((_read_note(_beside(self.place(url), "json")) or {}).get("sha256"))

    def discard(self, url: str) -> None:
        """Forget a file; it is fetched again when it is asked for."""
        place = self.place(url)
        _remove(place, _beside(place, "json"))

    def _given(self, place: Path, known: dict[str, Any]) -> Path | None:
        return None if known.get("absent") else place

    def _known(self, place: Path, sha256: str | None) -> dict[str, Any] | None:
        """What is known of a kept file; None where it must be fetched. A damaged file is told and not taken."""
        note = _read_note(_beside(place, "json"))
        if not place.is_file():
            return note if note is not None and note.get("absent") else None
        found = _hash(place)
        expected = sha256 or (note or {}).get("sha256") or found
        if found != expected:
            if self.offline:
                raise DownloadError(f"'{place}' is not what it was when it came. Delete it, and run with a network.")
            LOG.warning("'%s' is not what it was when it came; it is fetched again", place)
            return None
        if note is None or note.get("absent"):
            note = {"bytes": place.stat().st_size, "sha256": found}
            _write_note(_beside(place, "json"), note)
        return note

    def _fetched(
        self, url: str, place: Path, known: dict[str, Any] | None, begins: bytes, sha256: str | None
    ) -> dict[str, Any]:
        why = ""
        for attempt in range(self.attempts):
            pause = self._run.last + self.pause - time.monotonic()
            if pause > 0:
                self.sleep(pause)
            try:
                note = self._asked(url, place, known, sha256)
                if not note.get("absent"):
                    _check_beginning(place, url, begins)
                _write_note(_beside(place, "json"), note)
                return note
            except _Kept:
                assert known is not None
                return known
            except _Again as problem:
                why, wait = str(problem), problem.wait
                LOG.info("'%s': %s", url, why)
                if attempt + 1 < self.attempts:
                    self.sleep(min(2.0**attempt if wait is None else wait, LONGEST_WAIT))
            finally:
                self._run.last = time.monotonic()
        raise DownloadError(
            f"cannot download '{url}' in {self.attempts} attempts: {why}. What came so far is kept; check the network "
            f"and run the command again, which goes on there."
        )

    def _asked(self, url: str, place: Path, known: dict[str, Any] | None, sha256: str | None) -> dict[str, Any]:
        """One attempt: ask for the rest of the file, receive it, and put it in its place."""
        part, part_note = _beside(place, "part"), _beside(place, "part.json")
        state: str | None = (_read_note(part_note) or {}).get("state")
        have = part.stat().st_size if part.is_file() and state else 0
        headers = {"User-Agent": _agent(), "Accept-Encoding": "identity"}
        if have and state:
            headers |= {"Range": f"bytes={have}-", "If-Range": state}
        elif known is not None and not known.get("absent"):
            headers |= _conditions(known)
        try:
            with _OPENER.open(urllib.request.Request(url, headers=headers), timeout=self.timeout) as answer:
                have = self._whole_from(answer, have, url)
                state = _state_of(answer.headers)
                if state:
                    _write_note(part_note, {"state": state})
                self._receive(answer, part, have, url)
                etag, changed = answer.headers.get("ETag"), answer.headers.get("Last-Modified")
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 304:
                raise _Kept from None
            if error.code in GONE:
                _remove(part, part_note, place)
                return {"absent": True}
            if error.code == 416:  # the file is shorter than what we have of it
                _remove(part, part_note)
                raise _Again("the file is another now") from None
            if error.code in AGAIN:
                raise _Again(f"the server says {error.code} {error.reason}", _retry_after(error.headers)) from None
            raise DownloadError(
                f"cannot download '{url}': the server says {error.code} {error.reason}. Open the address in a browser "
                f"to see what it wants."
            ) from None
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, DownloadError):
                raise
            reason = getattr(error, "reason", None) or error
            raise _Again(" ".join(str(reason).split()) or type(error).__name__) from error
        found = _hash(part)
        if sha256 is not None and found != sha256:
            _remove(part, part_note)
            raise _Again(f"its SHA-256 is {found}, not {sha256}")
        n_bytes = part.stat().st_size
        os.replace(part, place)
        part_note.unlink(missing_ok=True)
        return {"url": url, "bytes": n_bytes, "sha256": found, "etag": etag, "changed": changed}

    def _whole_from(self, answer: Any, have: int, url: str) -> int:
        """From which byte on this answer goes: where we were, or 0."""
        if answer.status != 206:
            return 0
        told = answer.headers.get("Content-Range", "")
        if not told.startswith(f"bytes {have}-"):
            raise DownloadError(f"'{url}': asked for bytes from {have} on, the server sent '{told}'. Try a mirror.")
        return have

    def _receive(self, answer: Any, part: Path, have: int, url: str) -> None:
        told = answer.headers.get("Content-Length")
        whole = have + int(told) if told is not None and told.isdigit() else None
        self._check(have, (whole or 0) - have, url)
        with part.open("ab" if have else "wb") as file:
            while data := answer.read(CHUNK):
                file.write(data)
                have += len(data)
                self._run.n_bytes += len(data)
                self._check(have, 0, url)
        if whole is not None and have != whole:
            raise _Again(f"it broke off after {have} of {whole} bytes")

    def _check(self, have: int, to_come: int, url: str) -> None:
        if have + to_come > self.file_bytes:
            raise DownloadError(
                f"'{url}' has {have + to_come} bytes or more, and a file may have {self.file_bytes}. Is it the right "
                f"one?"
            )
        if self._run.n_bytes + to_come > self.total_bytes:
            raise DownloadError(
                f"'{url}' would bring this run past the {self.total_bytes / GB:g} GB that it may download. Run it "
                f"again to go on, with a larger --max-download to go further."
            )


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from https to http."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if req.type == "https" and not newurl.startswith("https:"):
            raise DownloadError(f"'{req.full_url}' leads to '{newurl}', which is not https. Check the address.")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    """http and https alone: no address may name a file of this disk."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(), urllib.request.HTTPHandler(), urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(), _Redirects(), urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):  # fmt: skip
        opener.add_handler(handler)
    return opener


_OPENER = _opener()


def _agent() -> str:
    try:
        return f"tracets/{version('tracets')}"
    except PackageNotFoundError:
        return "tracets"


def _beside(place: Path, what: str) -> Path:
    return place.with_name(f".{place.name}.{what}")


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _state_of(headers: Any) -> str | None:
    """A name of this state of a file that is good enough to put two parts together by."""
    etag: str | None = headers.get("ETag")
    if etag and not etag.startswith("W/"):
        return etag
    changed: str | None = headers.get("Last-Modified")
    return changed


def _conditions(known: dict[str, Any]) -> dict[str, str]:
    named = {"If-None-Match": known.get("etag"), "If-Modified-Since": known.get("changed")}
    return {name: value for name, value in named.items() if value}


def _retry_after(headers: Any) -> float | None:
    told = headers.get("Retry-After", "")
    if told.isdigit():
        return float(told)
    with contextlib.suppress(ValueError, TypeError):
        return max(parsedate_to_datetime(told).timestamp() - time.time(), 0.0)
    return None


def _check_beginning(place: Path, url: str, begins: bytes) -> None:
    with place.open("rb") as file:
        head = file.read(HEAD)
    if not head.startswith(begins):
        wrong = f"it begins with {head[: len(begins)]!r}, not {begins!r}"
    elif place.suffix not in PAGES and head.removeprefix(b"\xef\xbb\xbf").lstrip()[:14].lower().startswith(MARKUP):
        wrong = "it is a page of HTML"
    else:
        return
    place.unlink()
    raise DownloadError(
        f"'{url}' is not the kind of file that was wanted: {wrong}. Open the address in a browser to see what is there."
    )


def _read_note(path: Path) -> dict[str, Any] | None:
    try:
        note = parse_json(path.read_bytes(), where=str(path), error=DownloadError)
    except (OSError, DownloadError):  # none, or half of one: the file says enough
        return None
    return note if isinstance(note, dict) else None


def _write_note(path: Path, note: dict[str, Any]) -> None:
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    unfinished.write_text(json.dumps(note))
    os.replace(unfinished, path)


def _remove(*files: Path) -> None:
    for file in files:
        file.unlink(missing_ok=True)
