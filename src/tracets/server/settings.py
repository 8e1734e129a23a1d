"""What a service may be asked, by whom, and how much of it at a time."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from math import inf
from pathlib import Path

from tracets.errors import ConfigError

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class ServerSettings:
    """Settings of a service.

    Parameters
    ----------
    host, port
        Where it listens. A host that other machines reach needs `keys`.
    keys : path or None
        A file of API keys (`tracets keys add`), hashed. With it every request but health needs one.
    hosts : tuple of str
        Names by which it may be called, besides `host` and those of the loopback: what a proxy sends as Host.
    origins : tuple of str
        Web pages of other origins that may call it, such as "https://example.org"; none by default.
    max_body_bytes : int
        Of a request.
    max_rows : int
        Texts, series or items in one request.
    max_values : int
        Numbers in the series of one request.
    max_hits : int
        The largest `k`.
    waiting : int
        Requests that are answered or wait for it; one more is told to come back (429).
    batch : int
        Texts or series that are encoded together.
    timeout_s : float
        For an answer; then 503.
    body_timeout_s : float
        For the body of a request to arrive; then 408.
    notice_s : float
        From SIGTERM to the end of listening: `/health/ready` says 503 meanwhile, and all is answered. What was accepted
        is then answered, which takes `timeout_s` at most.

    Raises
    ------
    ConfigError
        A number out of its range, or a host that others reach without keys.
    """

    host: str = "127.0.0.1"
    port: int = 8600
    keys: Path | None = None
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    max_body_bytes: int = 16_000_000
    max_rows: int = 256
    max_values: int = 4_000_000
    max_hits: int = 1_000
    waiting: int = 128
    batch: int = 32
    timeout_s: float = 60.0
    body_timeout_s: float = 20.0
    notice_s: float = 2.0

    def __post_init__(self) -> None:
        small = [
            name
            for name in ("max_body_bytes", "max_rows", "max_values", "max_hits", "waiting", "batch")
            if getattr(self, name) < 1
        ]
        small += [name for name in ("timeout_s", "body_timeout_s") if not 0 < getattr(self, name) < inf]
        small += [] if 0 <= self.notice_s < inf else ["notice_s"]
        if small or not 0 <= self.port <= 65535:
            wrong = small[0] if small else "port"
            raise ConfigError(f"server setting {wrong} is out of range: {getattr(self, wrong)}.")
        if self.keys is None and not is_loopback(self.host):
            raise ConfigError(
                f"a service on '{self.host}' can be reached by other machines and needs API keys: make one with "
                f"`tracets keys add KEYS_FILE --name NAME` and pass --keys KEYS_FILE, or leave --host at 127.0.0.1."
            )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a host.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0"), is_loopback("example.org")
    (True, True, False, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
