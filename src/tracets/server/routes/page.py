"""The page, its files, and plotly.js as the installed package brings it: nothing is fetched from elsewhere."""

from __future__ import annotations

from functools import cache
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
A_DAY = {"cache-control": "private, max-age=86400"}


@router.get("/")
def page() -> FileResponse:
    return FileResponse(FILES["index.html"], media_type="text/html", headers={"content-security-policy": POLICY})


@router.get(f"/static/{PLOTLY}")
def plotly() -> Response:
    return Response(_plotly(), media_type="text/javascript", headers=A_DAY)


@router.get("/static/{name}")
def file(name: str) -> FileResponse:
    path = FILES.get(name)
    if path is None:
        raise HTTPException(404, "the page has no such file")
    return FileResponse(path, media_type=KINDS[path.suffix])


@cache
def _plotly() -> bytes:
    from plotly.offline import get_plotlyjs

    return get_plotlyjs().encode()
