"""Search, and the reasons for a hit."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool

from tracets import api
from tracets.errors import QueryError
from tracets.server.batching import Asked
from tracets.server.problems import responses
from tracets.server.routes.served import Served
from tracets.server.schemas import ExplainAnswer, ExplainRequest, Hit, Info, SearchAnswer, SearchRequest
from tracets.types import Query

router = APIRouter(prefix="/v1", tags=["search"])


@router.get("/info")
def info(service: Served) -> Info:
    """The index and its model."""
    index = service.index
    facts = index.folder.mapped.facts
    zone = getattr(facts.schema.field("start").type, "tz", None)
    return Info(
        windows=len(index), texts=index.folder.n_texts, channels=index.channel_names, columns=facts.column_names,
        zone=zone, model=service.encoder.name, fingerprint=service.encoder.fingerprint, dim=service.encoder.dim,
    )  # fmt: skip


@router.post("/search", responses=responses(404))
async def search(request: SearchRequest, service: Served) -> SearchAnswer:
    """The stored windows that answer best, best first."""
    if request.k > service.settings.max_hits:
        raise QueryError(f"a request may ask for {service.settings.max_hits} hits, got k = {request.k}.")
    series = None
    if request.series is not None:
        [series] = await run_in_threadpool(service.samples, [request.series])
    found = await service.searches.ask(
        Asked(
            Query(request.text, series, request.like, request.channels),
            want=request.want,
            k=request.k,
            where=request.where,
            hubness=request.hubness,
            exact=request.exact,
        )
    )
    return SearchAnswer(hits=[Hit(**api.hit_to_json(hit)) for hit in found])


@router.post("/explain", responses=responses(404))
def explain(request: ExplainRequest, service: Served) -> ExplainAnswer:
    """Which channel and which sentence made a window match a text; the parts add up to the score."""
    found = api.explain(service.index, service.encoder, request.id, request.query)
    return ExplainAnswer(**found.to_json())
