"""Serving: the app on a port, until SIGTERM, and what was accepted before it is answered."""

from __future__ import annotations

import logging

from tracets.server.app import create_app
from tracets.server.settings import ServerSettings
from tracets.types import AnyPath


def serve(index: AnyPath, settings: ServerSettings, *, model: str | None = None) -> None:
    """Serve an index; returns after SIGTERM or SIGINT, when accepted requests are answered or `drain_s` are over."""
    import uvicorn

    app = create_app(index, settings=settings, model=model)
    log = logging.getLogger("tracets.server")
    log.setLevel(logging.INFO)
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    log.handlers, log.propagate = [handler], False
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        access_log=False,  # it would hold the ids in paths
        log_level="warning",
        server_header=False,
        date_header=False,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=max(1, round(settings.drain_s)),
        h11_max_incomplete_event_size=64_000,
    )
