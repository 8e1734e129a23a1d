"""Whether it lives, whether it can answer, and its metrics."""

from __future__ import annotations

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from tracets.server.routes.served import Served
from tracets.server.schemas import Health

router = APIRouter(tags=["health"])


@router.get("/health/live")
def live() -> Health:
    """The process answers."""
    return Health(status="ok")


@router.get("/health/ready")
def ready(service: Served) -> Health:
    """The index can be read, and the service is not about to end."""
    if service.drain.begun:
        raise HTTPException(503, "the service is ending: it answers what it has accepted. Ask another one.")
    len(service.index)
    return Health(status="ok")


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(service: Served) -> Response:
    """For Prometheus."""
    body, kind = service.metrics.exposition()
    return Response(body, media_type=kind)
