"""The document says what the service does: cases made from it never break it."""

import shutil

import pytest

from tracets.server.app import create_app

schemathesis = pytest.importorskip("schemathesis", reason="the package schemathesis is not installed")
from hypothesis import HealthCheck, settings  # noqa: E402


def test_the_document_names_every_route_and_problem(client):
    document = client.get("/openapi.json").json()
    assert set(document["paths"]) == {
        "/v1/info", "/v1/search", "/v1/explain", "/v1/items", "/v1/items/{id}", "/v1/map", "/v1/following/{id}",
        "/v1/embeddings", "/v1/series/embeddings", "/v1/series/read", "/v1/forecast", "/v1/describe", "/health/live",
        "/health/ready", "/metrics",
    }  # fmt: skip
    search = document["paths"]["/v1/search"]["post"]
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    assert all(search["responses"][status]["content"] == problem for status in ("404", "413", "422", "429", "503"))
    assert document["components"]["schemas"]["SearchRequest"]["properties"]["text"]["examples"]


@pytest.fixture(scope="module")
def document(index_folder, model_folder, tmp_path_factory):
    """Of a service that may write: its index is a copy."""
    copied = tmp_path_factory.mktemp("written") / "index"
    shutil.copytree(index_folder, copied)
    return schemathesis.openapi.from_asgi("/openapi.json", create_app(copied, model=str(model_folder)))


schema = schemathesis.pytest.from_fixture("document")


@pytest.mark.slow
@pytest.mark.timeout(600)
@schema.parametrize()
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_cases_made_from_the_document_never_break_the_service(case):
    if case.path == "/v1/forecast" and isinstance(case.body, dict) and not case.body.get("backbone"):
        case.body["backbone"] = "last-value"  # fitting a head takes seconds
    case.call_and_validate(headers={"host": "localhost"})
