"""Move batches between devices."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


def to_device(value: T, device: torch.device) -> T:
    """A tensor, or a tuple or dataclass of such, on a device; other values as they are."""
    moved: Any = value
    if isinstance(value, Tensor):
        moved = value.to(device)
    elif isinstance(value, tuple):
        moved = tuple(to_device(part, device) for part in value)
    elif is_dataclass(value) and not isinstance(value, type):
        moved = replace(value, **{f.name: to_device(getattr(value, f.name), device) for f in fields(value)})
    return moved
