"""The windows of the index, one by one."""

from __future__ import annotations

from fastapi import APIRouter

from tracets import api
from tracets.server.problems import responses
from tracets.server.routes.of import Served
from tracets.server.schemas import StoredItem

router = APIRouter(prefix="/v1/items", tags=["items"])


@router.get("/{id:path}", responses=responses(404))
def get(id: str, service: Served) -> StoredItem:
    """A stored window: values, texts and metadata."""
    [sample] = api.stored(service.index, [id])
    return StoredItem(**api.sample_to_json(sample))
