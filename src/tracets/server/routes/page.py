"""The pages and their files, with plotly.js and Swagger UI as installed packages have them: no other host is asked."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException

router = APIRouter(include_in_schema=False)
WEB = Path(__file__).resolve().parents[1] / "web"
KINDS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}
FILES = {path.name: path for path in WEB.iterdir() if path.suffix in KINDS}
"""Only these are served, by their names: no path of a request is ever joined to a folder."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
PLOTLY = "plotly.min.js"
SWAGGER = ("swagger-ui-bundle.js", "swagger-ui.css")
"""What the package fastapi-offline brings."""
A_DAY = {"cache-control": "private, max-age=86400"}


@router.get("/")
def page() -> FileResponse:
    return FileResponse(FILES["index.html"], media_type="text/html", headers={"content-security-policy": POLICY})


@router.get("/docs")
def docs() -> FileResponse:
    return FileResponse(FILES["docs.html"], media_type="text/html", headers={"content-security-policy": POLICY})


@router.get(f"/static/{PLOTLY}")
def plotly() -> Response:
    return Response(_plotly(), media_type="text/javascript", headers=A_DAY)


@router.get("/static/{name}")
def file(name: str) -> FileResponse:
    if name in SWAGGER:
        return FileResponse(_swagger() / name, media_type=KINDS[Path(name).suffix], headers=A_DAY)
    path = FILES.get(name)
    if path is None:
        raise HTTPException(404, "the page has no such file")
    return FileResponse(path, media_type=KINDS[path.suffix])


@cache
def _plotly() -> bytes:
    from plotly.offline import get_plotlyjs

    return get_plotlyjs().encode()


@cache
def _swagger() -> Path:
    spec = find_spec("fastapi_offline")
    if spec is None or not spec.submodule_search_locations:
        raise HTTPException(501, "/docs needs the package fastapi-offline: pip install fastapi-offline")
    return Path(spec.submodule_search_locations[0]) / "static"
