"""Errors as problem+json (RFC 9457): what was asked, what came, what to do."""

from __future__ import annotations

import json
import logging
import traceback
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from tracets.errors import (
    CaptionError,
    ConfigError,
    DataError,
    IndexFolderError,
    MissingExtra,
    ModelError,
    NotFound,
    QueryError,
    TracetsError,
)

LOG = logging.getLogger("tracets.server")
MEDIA_TYPE = "application/problem+json"
STATUS: tuple[tuple[type[TracetsError], int], ...] = (
    (NotFound, 404),
    (QueryError, 422),
    (DataError, 422),
    (ConfigError, 422),
    (MissingExtra, 501),
    (IndexFolderError, 503),
    (ModelError, 503),
    (CaptionError, 503),
)


class Problem(BaseModel):
    """What went wrong, and the fix."""

    type: str = Field("about:blank", description="A kind of problem.")
    title: str = Field(description="The same for all problems of a status.", examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    detail: str = Field(description="What was asked, what came, what to do.")
    errors: list[dict[str, Any]] = Field(default=[], description="Where in the request, one entry a place.")


class Busy(Exception):
    """More is waiting than the service may hold."""


def problem(
    status: int, detail: str, *, headers: dict[str, str] | None = None, errors: list[dict[str, Any]] | None = None
) -> JSONResponse:
    """A response that says what is wrong."""
    title = HTTPStatus(status).phrase
    told = Problem(type="about:blank", title=title, status=status, detail=detail, errors=errors or [])
    return JSONResponse(told.model_dump(), status, headers=headers, media_type=MEDIA_TYPE)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems that a route may answer with, for the OpenAPI document."""
    schema = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": schema} for status in statuses}


def add_handlers(app: FastAPI) -> None:
    """Let every error of the app become a problem; one that is not foreseen says nothing of its cause."""

    @app.exception_handler(TracetsError)
    async def foreseen(request: Request, error: TracetsError) -> JSONResponse:
        return problem(next((status for kind, status in STATUS if isinstance(error, kind)), 500), _said(error))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        # the input itself is left out: it may be large, and belongs into no log
        places = [{"where": ".".join(map(str, e["loc"])), "what": e["msg"]} for e in error.errors()[:20]]
        first = places[0] if places else {"where": "request", "what": "it cannot be read"}
        return problem(422, f"{first['where']}: {first['what']}. See /docs for what is expected.", errors=places)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        return problem(error.status_code, str(error.detail), headers=dict(error.headers or {}))

    @app.exception_handler(Busy)
    async def busy(request: Request, error: Busy) -> JSONResponse:
        return problem(429, "too much is waiting to be encoded. Come back in a second.", headers={"Retry-After": "1"})

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        frames = [f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)]
        LOG.error(json.dumps({"error": type(error).__name__, "at": frames[-8:]}))  # its message may hold data
        return problem(500, "an error that was not foreseen; the log of the service has it under this request's id.")


def _said(error: TracetsError) -> str:
    return " ".join(str(error).split())
