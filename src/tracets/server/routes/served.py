"""What routes ask of the app."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from tracets.server.service import Service


def _service(request: Request) -> Service:
    found: Service = request.app.state.service
    return found


Served = Annotated[Service, Depends(_service)]
