"""Serving: the app on a port, until SIGTERM, and what was accepted before it is answered."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import socket
import warnings

from tracets import api
from tracets.errors import ConfigError, ShortAnswer
from tracets.server.app import create_app
from tracets.server.settings import ServerSettings
from tracets.types import AnyPath

BACKLOG = 2048


def serve(index: AnyPath, settings: ServerSettings, *, model: str | None = None) -> None:
    """Serve an index; returns after SIGTERM or SIGINT, when all accepted requests are answered.

    Each product of matrices takes one processor thread, unless OMP_NUM_THREADS says otherwise.

    Raises
    ------
    ConfigError
        The host is not known, or the port is taken.
    """
    import uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol

    from tracets.server.draining import DrainingServer

    if "OMP_NUM_THREADS" not in os.environ:
        api.set_threads(1)  # requests run beside one another; threads of one product would wait for those of others
    warnings.simplefilter("ignore", ShortAnswer)  # the caller sees how many hits there are
    app = create_app(index, settings=settings, model=model)
    log = logging.getLogger("tracets.server")
    log.setLevel(logging.INFO)
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    log.handlers, log.propagate = [handler], False
    listeners = listen(settings.host, settings.port)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=H11Protocol,
        ws="none",
        backlog=BACKLOG,
        access_log=False,  # it would hold the ids in paths
        log_level="warning",
        server_header=False,
        date_header=False,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=math.ceil(settings.timeout_s) + 1,  # each is answered within `timeout_s`
        h11_max_incomplete_event_size=64_000,
    )
    server = DrainingServer(
        config, app.state.service.drain, notice_s=settings.notice_s, patience_s=settings.body_timeout_s
    )
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises the signal once more when all is done
        server.run(sockets=listeners)


def listen(host: str, port: int) -> list[socket.socket]:
    """A listening socket for each address of a host; all on one port, which the system chooses where `port` is 0.

    Raises
    ------
    ConfigError
        The host is not known, or the port is taken.
    """
    listeners: list[socket.socket] = []
    try:
        known = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, address in dict.fromkeys((family, address) for family, *_, address in known):
            bound = listeners[0].getsockname()[1] if listeners else port
            listeners.append(socket.create_server((address[0], bound), family=family, backlog=BACKLOG))
    except OSError as error:
        for listener in listeners:
            listener.close()
        raise ConfigError(
            f"a service cannot listen on port {port} of '{host}' ({error.strerror or error}). Choose another --port or "
            f"--host."
        ) from error
    for listener in listeners:
        listener.setblocking(False)
        # connections inherit it; asyncio sets it itself only on sockets that name their protocol
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listeners
