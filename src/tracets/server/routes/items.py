"""The windows of the index, one by one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from tracets import api
from tracets.server.problems import responses
from tracets.server.routes.served import Served
from tracets.server.schemas import Followed, FollowedWindow, Map, Point, StoredItem, WriteRequest, Written, rows_of

router = APIRouter(prefix="/v1", tags=["items"])


@router.get("/map")
def map_of(service: Served) -> Map:
    """The windows as points of a plane, near where their vectors are alike: up to 2,000, evenly."""
    return Map(points=[Point(**point) for point in api.map_of(service.index)])


@router.get("/following/{id:path}", responses=responses(404))
def following(id: str, service: Served, steps: Annotated[int, Query(ge=1, le=2_000)] = 24) -> Followed:
    """What followed the windows that a stored one is like and that were over before it began, told in its units."""
    [sample] = api.stored(service.index, [id])
    [found] = service.neighbours(steps).neighbours([sample])
    return Followed(windows=[FollowedWindow(id=one.id, score=one.score, values=rows_of(one.future)) for one in found])


@router.get("/items/{id:path}", responses=responses(404))
def get(id: str, service: Served) -> StoredItem:
    """A stored window: values, texts and metadata."""
    [sample] = api.stored(service.index, [id])
    return StoredItem(**api.sample_to_json(sample))


@router.post("/items")
def add(request: WriteRequest, service: Served) -> Written:
    """Encode windows and add them in one commit; an id that is there is refused unless `replace`.

    Needs a key with the scope write, where keys are needed.
    """
    write = api.upsert_index if request.replace else api.add_to_index
    changed = write(service.path, service.samples(request.items), service.encoder)
    return Written(
        added=changed.added, replaced=changed.replaced, deleted=0, windows=len(service.refreshed(changed.index))
    )


@router.delete("/items/{id:path}", responses=responses(404))
def delete(id: str, service: Served) -> Written:
    """Delete a window. Needs a key with the scope write, where keys are needed."""
    changed = api.delete_from_index(service.path, [id])
    return Written(added=0, replaced=0, deleted=changed.deleted, windows=len(service.refreshed(changed.index)))
