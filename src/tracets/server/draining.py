"""A server that stops without losing a request that it has accepted.

After SIGTERM:

1. notice: for `notice_s` it goes on as before, but `/health/ready` says 503 and every answer closes its connection, so
   that balancers and clients go elsewhere; after SIGINT (Ctrl-C) there is no notice
2. it accepts the connections that the system has completed for it, and then stops listening: later ones are refused
3. it reads what has arrived on its connections, and closes those on which nothing has; new ones get a second for it
4. it answers all that it has read, and ends

What has been read is answered. A request that arrives on an idle connection in the instant in which that is closed was
never read, gets no byte of an answer, and may be sent again, as HTTP has it (RFC 9112, section 9.3.1).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import selectors
import signal
import socket
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracets.server.guard import Drain

LOG = logging.getLogger("tracets.server")
TICK_S = 0.01
FRESH_S = 1.0
"""How long a connection that was just made may take to bring its first byte, once no more are accepted."""


class DrainingServer(uvicorn.Server):
    """uvicorn's server with another end.

    Parameters
    ----------
    config : uvicorn.Config
        `http` must be `H11Protocol`, whose connections say what they have read.
    drain : Drain
        Told when the end begins; knows how many requests were accepted and answered.
    notice_s : float
        Seconds between SIGTERM and the end of listening.
    patience_s : float
        Seconds that the head of a request may take to arrive after that.
    """

    def __init__(self, config: uvicorn.Config, drain: Drain, *, notice_s: float, patience_s: float) -> None:
        super().__init__(config)
        self.drain, self.notice_s, self.patience_s = drain, notice_s, patience_s

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.drain.begun = True
        if signal.SIGINT not in self._captured_signals:
            await self._wait(self.notice_s)
        await self._stop_listening(sockets or [])
        await self._close_idle()
        await super().shutdown(sockets)
        told = {"stopped": True, "accepted": self.drain.accepted, "answered": self.drain.answered}
        LOG.info(json.dumps(told))

    async def _wait(self, seconds: float) -> None:
        end = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end and not self.force_exit:
            await asyncio.sleep(TICK_S)

    async def _stop_listening(self, sockets: Sequence[socket.socket]) -> None:
        """Take over accepting from the event loop, accept what waits, and close at the moment when nothing does."""
        loop = asyncio.get_running_loop()
        for listener in sockets:
            loop.remove_reader(listener)
        await asyncio.sleep(TICK_S)  # what the loop has accepted becomes connections
        accepted: list[socket.socket] = []
        for server, listener in zip(self.servers, sockets, strict=True):
            # without a pause: a client that is answered in one would be back at once, and this would never end
            with contextlib.suppress(OSError):  # nothing waits, or no more files can be opened
                while True:
                    accepted.append(listener.accept()[0])
            server.close()
        for one in accepted:
            one.setblocking(False)
            await loop.connect_accepted_socket(self._connection, one)

    def _connection(self) -> asyncio.Protocol:
        return H11Protocol(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    async def _close_idle(self) -> None:
        """Close every connection on which no request is, or has begun to arrive; wait for those that have begun."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not self.force_exit:
            await asyncio.sleep(TICK_S)  # new connections read what came with them
            passed = loop.time() - began
            begun = 0
            for connection in list(self.server_state.connections):
                assert isinstance(connection, H11Protocol)
                if connection.cycle is not None and not connection.cycle.response_complete:
                    continue  # a request is being answered; the connection is closed after that
                if _has_more(connection) or (connection.cycle is None and passed < FRESH_S):
                    begun += 1
                else:
                    connection.shutdown()
            if not begun or passed > self.patience_s:
                return


def _has_more(connection: H11Protocol) -> bool:
    """Whether a part of a request was read, or bytes wait to be read."""
    if connection.transport.is_closing():
        return False
    if connection.conn.trailing_data[0]:
        return True
    with selectors.DefaultSelector() as waiting:
        waiting.register(connection.transport.get_extra_info("socket"), selectors.EVENT_READ)
        return bool(waiting.select(0))
