"""Ask your time series questions in words. The functions live in `tracets.api`; they are imported on first use."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    from tracets import api

    try:
        return getattr(api, name)
    except AttributeError:
        raise AttributeError(f"module 'tracets' has no attribute '{name}'") from None
