"""What every request must pass before it reaches a route: host, origin, room, key, size, time. And its log line.

Log lines are JSON on the logger "tracets.server": time, id, route, status, milliseconds, bytes and the name of the key.
Never a text, a value, a path parameter or a key.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import JSONResponse

from tracets.server.keys import KeyFile, find
from tracets.server.metrics import Metrics
from tracets.server.problems import problem
from tracets.server.service import Drain
from tracets.server.settings import LOOPBACK_NAMES, ServerSettings

LOG = logging.getLogger("tracets.server")
OPEN = ("/health/live", "/health/ready", "/", "/docs")
"""Asked by those that watch over the service, who have no key; and the pages, which ask for one."""
FILES = ("/static/",)
WRITES = ("/v1/items",)
SAFE = ("GET", "HEAD", "OPTIONS")
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
}

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class TooLarge(Exception):
    """A body went past its limit."""


class TooSlow(Exception):
    """A body did not arrive in time."""


class Guard:
    """ASGI middleware around the whole service."""

    def __init__(
        self, app: App, *, settings: ServerSettings, keys: KeyFile | None, metrics: Metrics, drain: Drain
    ) -> None:
        self.app, self.settings, self.keys, self.metrics, self.drain = app, settings, keys, metrics, drain
        names = {*LOOPBACK_NAMES, settings.host, *settings.hosts}
        self.hosts = {name.casefold() for name in names}
        self.waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        call = _Call(scope, receive, send, self.drain)
        self.drain.accepted += 1
        self.waiting += 1
        self.metrics.waiting.set(self.waiting)
        try:
            await self._answer(call)
        finally:
            self.waiting -= 1
            self.metrics.waiting.set(self.waiting)
            self._log(call)

    async def _answer(self, call: _Call) -> None:
        refusal = self._refusal(call)
        if refusal is not None:
            await refusal(call.scope, call.receive, call.send)
            return
        try:
            async with asyncio.timeout(self.settings.timeout_s):
                body = await self._body(call)
                await self.app(call.scope, body, call.send)
        except TooLarge:
            text = f"a request may have {self.settings.max_body_bytes} bytes. Send fewer rows at a time."
            await self._instead(call, problem(413, text, headers={"Connection": "close"}))
        except TooSlow:
            text = f"the body did not arrive within {self.settings.body_timeout_s:g} s. Send it again."
            await self._instead(call, problem(408, text, headers={"Connection": "close"}))
        except TimeoutError:
            text = f"no answer within {self.settings.timeout_s:g} s. Ask for less, or come back later."
            await self._instead(call, problem(503, text, headers={"Retry-After": "5"}))

    async def _instead(self, call: _Call, response: JSONResponse) -> None:
        if call.status is None:
            await response(call.scope, call.receive, call.send)

    def _refusal(self, call: _Call) -> JSONResponse | None:
        headers, path = call.headers, call.scope["path"]
        host = _name_of(headers.get("host", ""))
        if host not in self.hosts:
            return problem(421, "this service is not known by that host name. Add it with --allow-host.")
        origin = headers.get("origin")
        if origin is not None and not self._same_origin(origin, headers) and origin not in self.settings.origins:
            return problem(403, "pages of this origin may not call the service. Add it with --allow-origin.")
        if path in OPEN or path.startswith(FILES):
            return None
        if self.waiting > self.settings.waiting:
            text = f"{self.settings.waiting} requests are waiting already. Come back in a second."
            return problem(429, text, headers={"Retry-After": "1"})
        asks_first = call.scope["method"] == "OPTIONS" and "access-control-request-method" in headers
        if self.keys is None or asks_first:  # a browser sends no key with its question whether it may
            return None
        given = headers.get("authorization", "")
        scheme, _, secret = given.partition(" ")
        key = find(self.keys.keys, secret.strip()) if scheme.casefold() == "bearer" else None
        if key is None:
            challenge = {"WWW-Authenticate": "Bearer"}
            return problem(401, "a key is needed: send 'Authorization: Bearer KEY'.", headers=challenge)
        call.key = key.name
        if key.scope == "read" and path.startswith(WRITES) and call.scope["method"] not in SAFE:
            return problem(403, f"key '{key.name}' may only read. Use one with the scope write.")
        return None

    def _same_origin(self, origin: str, headers: Headers) -> bool:
        return origin.partition("://")[2].casefold() == headers.get("host", "").casefold()

    async def _body(self, call: _Call) -> Receive:
        """The whole body, once it is here; what asks later gets it in one message."""
        limit, declared = self.settings.max_body_bytes, call.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > limit:
            raise TooLarge
        parts, size = [], 0
        try:
            async with asyncio.timeout(self.settings.body_timeout_s):
                more = True
                while more:
                    message = await call.receive()
                    if message["type"] == "http.disconnect":
                        break
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > limit:
                        raise TooLarge
                    more = message.get("more_body", False)
        except TimeoutError:
            raise TooSlow from None
        call.bytes = size
        whole, given = b"".join(parts), False

        async def receive() -> Message:
            nonlocal given
            if given:
                return await call.receive()
            given = True
            return {"type": "http.request", "body": whole, "more_body": False}

        return receive

    def _log(self, call: _Call) -> None:
        route = getattr(call.scope.get("route"), "path", "other")
        status = call.status or 499  # the caller went away
        seconds = time.perf_counter() - call.began
        self.metrics.requests.labels(route, str(status)).inc()
        self.metrics.seconds.labels(route).observe(seconds)
        told = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "id": call.id, "method": call.scope["method"],
            "route": route, "status": status, "ms": round(seconds * 1e3, 1), "bytes": call.bytes, "key": call.key,
        }  # fmt: skip
        LOG.info(json.dumps(told))


class _Call:
    """One request on its way."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, drain: Drain) -> None:
        self.scope, self.receive, self._send, self._drain = scope, receive, send, drain
        self.headers = Headers(scope=scope)
        self.id, self.began = uuid.uuid4().hex[:16], time.perf_counter()
        self.status: int | None = None
        self.bytes, self.key = 0, None  # type: int, str | None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            have = {name.lower() for name, _ in message.get("headers", [])}
            own = {**HEADERS, "x-request-id": self.id}
            if self._drain.begun:
                own["connection"] = "close"  # the next request goes to a service that stays
            extra = [(k.encode(), v.encode()) for k, v in own.items() if k.encode() not in have]
            message = {**message, "headers": [*message.get("headers", []), *extra]}
        await self._send(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self._drain.answered += 1


def _name_of(host: str) -> str:
    """A Host header without its port.

    >>> _name_of("localhost:8600"), _name_of("[::1]:8600"), _name_of("EXAMPLE.org")
    ('localhost', '::1', 'example.org')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0].casefold()
    return host.partition(":")[0].casefold()
