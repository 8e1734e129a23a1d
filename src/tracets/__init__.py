"""Ask your time series questions in words. The functions live in `tracets.api`; they are imported on first use."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if (name.startswith("_") and name != "__all__") or name == "api":
        raise AttributeError(f"module 'tracets' has no attribute '{name}'")
    front = importlib.import_module("tracets.api")
    if name == "__all__":
        return front.__all__
    if name not in front.__all__:
        raise AttributeError(f"module 'tracets' has no attribute '{name}'; it has {', '.join(front.__all__)}")
    return getattr(front, name)


def __dir__() -> list[str]:
    """What a notebook offers after `tracets.` and Tab."""
    return sorted({*globals(), *importlib.import_module("tracets.api").__all__})
