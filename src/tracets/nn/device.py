"""Move batches between devices."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


def to_device(value: T, device: torch.device) -> T:
    """A tensor, or a tuple or dataclass of such, on a device; other values as they are."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, tuple):
        moved: Any = tuple(to_device(part, device) for part in value)
        return moved
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: to_device(getattr(value, f.name), device) for f in fields(value)})
    return value
