"""The document says what the service does: cases made from it never break it."""

import shutil

import pytest

from tracets.server.app import create_app
from tracets.server.schemas import SearchRequest, SpansRequest
from tracets.server.settings import ServerSettings

schemathesis = pytest.importorskip("schemathesis", reason="the package schemathesis is not installed")
from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from schemathesis import GenerationMode  # noqa: E402
from schemathesis.checks import not_a_server_error  # noqa: E402
from schemathesis.specs.openapi.checks import (  # noqa: E402
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance,
]  # fmt: skip

CASES = 40
"""For each route; thousands in all were made once: docs/serve.md."""


@pytest.mark.slow
def test_the_document_names_every_route_and_problem(client):
    document = client.get("/openapi.json").json()
    assert set(document["paths"]) == {
        "/v1/info", "/v1/search", "/v1/explain", "/v1/items", "/v1/items/{id}", "/v1/map", "/v1/following/{id}",
        "/v1/embeddings", "/v1/series/embeddings", "/v1/series/read", "/v1/forecast", "/v1/describe", "/health/live",
        "/health/ready", "/metrics", "/v1/spans", "/v1/compare",
    }  # fmt: skip
    search = document["paths"]["/v1/search"]["post"]
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    assert all(search["responses"][status]["content"] == problem for status in ("404", "413", "422", "429", "503"))
    schemas = document["components"]["schemas"]
    assert schemas["SearchRequest"]["properties"]["text"]["examples"]
    for name, model in (("SearchRequest", SearchRequest), ("SpansRequest", SpansRequest)):
        assert len([model.model_validate(one) for one in schemas[name]["examples"]]) >= 3


@pytest.fixture(scope="module")
def document(index_folder, model_folder, tmp_path_factory):
    """Of a service that may write: its index is a copy."""
    copied = tmp_path_factory.mktemp("written") / "index"
    shutil.copytree(index_folder, copied)
    app = create_app(copied, settings=ServerSettings(hosts=("testserver",)), model=str(model_folder))
    return schemathesis.openapi.from_asgi("/openapi.json", app)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_cases_made_from_the_document_never_break_the_service(document):
    """Some hundred requests to every route, sound ones and others: no 5xx, and answers as the document has them."""
    asked = set()
    for found in document.get_all_operations():
        operation = found.ok()

        @settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(case=st.one_of(operation.as_strategy(), operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)))
        def answer(case):
            if case.path == "/v1/forecast" and isinstance(case.body, dict):
                case.body["backbone"] = "last-value"  # fitting a head takes seconds
            case.call_and_validate(checks=CHECKS)
            asked.add((case.method, case.path))

        answer()
    assert len(asked) == 18
