"""What comes next, and what is to be seen: forecasts and descriptions of series that are sent along."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from tracets import api
from tracets.server.problems import responses
from tracets.server.routes.of import Served
from tracets.server.schemas import (
    DescribeAnswer,
    DescribeRequest,
    Description,
    ForecastAnswer,
    ForecastRequest,
    OneForecast,
)

router = APIRouter(prefix="/v1", tags=["forecast"])


@router.post("/forecast", responses=responses(404, 501))
def forecast(request: ForecastRequest, service: Served) -> ForecastAnswer:
    """Continue series: a mean and quantiles for every channel.

    By a head that is fitted on the series themselves, which takes seconds, or by another forecaster.
    """
    history = service.samples(request.series)
    with service.slow:
        ready: Any
        if request.backbone is not None:
            ready = api.load_backbone(request.backbone)
        else:
            ready = api.fit_forecaster(history, request.horizon, model=service.model, refit=request.retrieval == "none")
        if request.retrieval != "none":
            ready = api.with_neighbours(
                ready, service.index, service.encoder, history, request.horizon, retrieval=request.retrieval
            )
        found = api.forecast(history, request.horizon, model=ready)
    return ForecastAnswer(forecasts=[OneForecast(**api.forecast_to_json(one)) for one in found])


@router.post("/describe")
def describe(request: DescribeRequest, service: Served) -> DescribeAnswer:
    """Say in words what series do, each number from the data."""
    said = api.caption_samples(service.samples(request.series), seed=request.seed)
    return DescribeAnswer(
        descriptions=[
            Description(id=one.id, text=one.text, channels=dict(zip(one.channel_names, one.channel_texts, strict=True)))
            for one in said
        ]
    )
