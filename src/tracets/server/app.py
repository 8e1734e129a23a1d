"""The service as an ASGI app."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from tracets.server.guard import Guard
from tracets.server.keys import KeyFile
from tracets.server.problems import Problem, add_handlers, responses
from tracets.server.routes import embeddings, forecasts, health, items, page, searching
from tracets.server.service import Service
from tracets.server.settings import ServerSettings
from tracets.types import AnyPath

ABOUT = (
    "Ask time series questions in words. Errors are problem+json and say the fix. Series are in raw units, null where "
    "missing. With keys, send `Authorization: Bearer KEY`."
)
METHODS = ("GET", "POST", "PUT", "DELETE")
EVERYWHERE = responses(400, 401, 403, 408, 413, 421, 422, 429, 500, 503)


def create_app(index: AnyPath, *, settings: ServerSettings | None = None, model: str | None = None) -> FastAPI:
    """An app that answers from one index; it opens the index and the model when it starts.

    Parameters
    ----------
    index : path
        An index folder.
    settings : ServerSettings, optional
    model : str, optional
        By default the model that the index was built with.

    Raises
    ------
    IndexFolderError, NotFound, ModelError
        At the start: the index or its model is not there, or they do not belong together.
    NotFound, ConfigError
        The file of keys cannot be read.
    """
    chosen = settings or ServerSettings()
    keys = None if chosen.keys is None else KeyFile(chosen.keys)
    service = Service(index, chosen, model=model)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        from anyio.to_thread import current_default_thread_limiter

        # a request that waits for the encoder holds a thread; those beyond `waiting` are refused before
        current_default_thread_limiter().total_tokens = chosen.waiting
        yield
        service.close()

    app = FastAPI(
        title="tracets", version=version("tracets"), description=ABOUT, lifespan=lifespan, responses=EVERYWHERE,
        docs_url=None, redoc_url=None,
    )  # fmt: skip
    app.state.service = service
    add_handlers(app)
    for room in (searching, items, embeddings, forecasts, health, page):
        app.include_router(room.router)
    if chosen.origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=chosen.origins, allow_methods=METHODS, allow_headers=("Authorization",)
        )
    app.add_middleware(Guard, settings=chosen, keys=keys, metrics=service.metrics, drain=service.drain)
    _with_problems(app)
    return app


def _with_problems(app: FastAPI) -> None:
    """Put into the OpenAPI document what no route names: the schema of problems, and how keys are sent."""
    made = app.openapi

    def openapi() -> dict[str, object]:
        if app.openapi_schema is None:
            document = made()
            parts = document.setdefault("components", {})
            parts.setdefault("schemas", {})["Problem"] = Problem.model_json_schema()
            parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
            document["security"] = [{}, {"key": []}]
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
