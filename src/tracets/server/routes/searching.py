"""Search, and the reasons for a hit."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool

from tracets import api
from tracets.errors import QueryError
from tracets.server.batching import Asked
from tracets.server.problems import responses
from tracets.server.routes.served import Served
from tracets.server.schemas import (
    CompareAnswer,
    CompareRequest,
    ExplainAnswer,
    ExplainRequest,
    Hit,
    Info,
    Question,
    SearchAnswer,
    SearchRequest,
    SpanHit,
    SpansAnswer,
    SpansRequest,
)
from tracets.server.service import Service
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
    found = await service.searches.ask(
        Asked(
            await run_in_threadpool(_query, request, service) if request.series else _query(request, service),
            want=request.want,
            k=request.k,
            where=request.filter(),
            hubness=request.hubness,
            exact=request.exact,
            hybrid=request.hybrid,
        )
    )
    return SearchAnswer(hits=[Hit(**api.hit_to_json(hit)) for hit in found])


@router.post("/spans", responses=responses(404))
def spans(request: SpansRequest, service: Served) -> SpansAnswer:
    """The places in long series that answer best, best first: stored windows apart, merged, or refined."""
    found = api.find_spans(
        service.index,
        service.encoder,
        _query(request, service),
        k=request.k,
        where=request.filter(),
        overlap=request.overlap,
        merge=request.merge,
        refine=request.refine,
    )
    return SpansAnswer(spans=[SpanHit(**api.span_to_json(span)) for span in found])


def _query(request: Question, service: Service) -> Query:
    if request.k > service.settings.max_hits:
        raise QueryError(f"a request may ask for {service.settings.max_hits} hits, got k = {request.k}.")
    series = None if request.series is None else service.samples([request.series])[0]
    return Query(request.text, series, request.like, request.channels)


@router.post("/explain", responses=responses(404))
def explain(request: ExplainRequest, service: Served) -> ExplainAnswer:
    """Which sentence, channel and part of the series made a window match a text; the parts add up to the score."""
    found = api.explain(service.index, service.encoder, request.id, request.query)
    return ExplainAnswer(**found.to_json())


@router.post("/compare", responses=responses(404))
def compare(request: CompareRequest, service: Served) -> CompareAnswer:
    """Two stored windows side by side: the numbers of each channel that both have."""
    return CompareAnswer.model_validate({"channels": api.compare(service.index, request.one, request.other)})
