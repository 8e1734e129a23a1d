"""Asking a server over HTTP: bounded in time and bytes, without redirects, and without a secret in any message."""

from __future__ import annotations

import ipaddress
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from tracets.errors import ConfigError, MissingExtra, SourceError
from tracets.files import Limits
from tracets.types import ANSWER_SECONDS

LOG = logging.getLogger("tracets")
MOST_OF_ERROR = 65_536
"""Bytes of an answer that is an error."""


@dataclass(frozen=True)
class Login:
    """How to log in: a token, or a user and password; none of them is ever printed."""

    token: str | None = field(default=None, repr=False)
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.token is not None and self.user is not None:
            raise ConfigError("log in by a token, or by a user and password, not by both.")


@dataclass(frozen=True)
class Server:
    """A server by its address.

    Parameters
    ----------
    url : str
        http:// or https://, perhaps with user:password@ and a path.
    scheme : str
        Of the header `Authorization` where `login` has a token, such as "Bearer".
    timeout : float
        Seconds for the connection and between two parts of an answer; a whole answer may take ten times as long.
    """

    url: str = field(repr=False)
    scheme: str
    login: Login = Login()
    timeout: float = ANSWER_SECONDS

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            ok = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            ok = False
        if not ok:
            raise ConfigError("the address of a server must read as http://host:port or https://host:port.")
        if not self.timeout > 0:
            raise ConfigError(f"timeout must be > 0 seconds, got {self.timeout}.")

    def __str__(self) -> str:
        """The address without user and password."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"

    def ask(
        self,
        path: str,
        *,
        limits: Limits,
        query: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        body: Any = None,
        accept: str = "application/json",
    ) -> bytes:
        """The answer to a GET, or to a POST of a form or of JSON.

        Raises
        ------
        SourceError
            The server cannot be reached, redirects, refuses (with what it says), is too slow or says too much.
        MissingExtra
            httpx is not installed.
        """
        httpx = _httpx()
        headers, auth = {"Accept": accept}, None
        parts = urlsplit(self.url)
        user, password = self.login.user, self.login.password
        if parts.username is not None:
            user, password = unquote(parts.username), unquote(parts.password or "")
        if self.login.token is not None:
            headers["Authorization"] = f"{self.scheme} {self.login.token}"
        elif user is not None:
            auth = (user, password or "")
        if parts.scheme == "http" and (auth or self.login.token) and not _is_near(parts.hostname or ""):
            LOG.warning("%s: the token or password goes over the network unencrypted; https:// would hide it", self)
        method = "GET" if form is None and body is None else "POST"
        try:
            with (
                httpx.Client(timeout=self.timeout, follow_redirects=False) as client,
                client.stream(
                    method, f"{self}{path}", params=query, data=form, json=body, headers=headers, auth=auth
                ) as answer,
            ):
                if answer.status_code != 200:
                    raise self._refused(answer)
                return self._read(answer, limits)
        except httpx.TimeoutException as error:
            raise SourceError(
                f"{self}: no answer within {self.timeout:g} s. Ask for less, or give it longer (timeout=)."
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SourceError(f"{self}: cannot be asked ({error}). Check the address, and that it runs.") from error

    def _read(self, answer: Any, limits: Limits) -> bytes:
        """The body, unpacked, and no more of it than may be."""
        parts, size, until = [], 0, time.monotonic() + 10 * self.timeout
        for part in answer.iter_bytes():
            size += len(part)
            parts.append(part)
            limits.check("text_bytes", size, "bytes or more in one answer", where=str(self), error=SourceError)
            if time.monotonic() > until:
                raise SourceError(f"{self}: the answer took longer than {10 * self.timeout:g} s. Ask for less.")
        return b"".join(parts)

    def _refused(self, answer: Any) -> SourceError:
        code = answer.status_code
        if 300 <= code < 400:
            to = urlsplit(answer.headers.get("Location", ""))
            said = f"{to.scheme}://{to.hostname}" if to.hostname else "another address"
            return SourceError(f"{self}: redirects to {said}, where no token is sent. Give the address it means.")
        body = b""
        for part in answer.iter_bytes():
            body += part
            if len(body) > MOST_OF_ERROR:
                break
        said = _said(body[:MOST_OF_ERROR])
        fix = "Check the token, or user and password." if code in (401, 403) else "Mend the query."
        return SourceError(f"{self}: answered {code}{f' ({self.hidden(said)})' if said else ''}. {fix}")

    def hidden(self, text: str) -> str:
        """A text of the server without our secrets, should it repeat them."""
        parts = urlsplit(self.url)
        for secret in (self.login.token, self.login.password, parts.password, unquote(parts.password or "")):
            text = text.replace(secret, "***") if secret else text
        return text


def _said(body: bytes) -> str:
    """What an error says of itself: the message in its JSON, or its first words."""
    try:
        told = json.loads(body)
        return str(next(told[key] for key in ("error", "message") if told.get(key)))
    except (ValueError, AttributeError, TypeError, StopIteration, RecursionError):
        return " ".join(body.decode("utf-8", "replace").split())[:200]


def _is_near(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _httpx() -> Any:
    try:
        import httpx
    except ImportError as error:
        raise MissingExtra(
            f"Prometheus and InfluxDB are asked by httpx, which is not installed ({error}). "
            f'Install it with: pip install "tracets[http]"'
        ) from error
    return httpx
