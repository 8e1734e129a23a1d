"""Moving nested batches; the meta device stands for an accelerator."""

from dataclasses import dataclass

import torch

from tracets.nn.device import to_device


@dataclass(frozen=True)
class Inner:
    x: torch.Tensor
    name: str


@dataclass(frozen=True)
class Outer:
    inner: Inner
    parts: tuple


def test_every_tensor_moves_and_the_rest_stays():
    value = Outer(Inner(torch.zeros(2), "a"), (torch.ones(1), (torch.ones(3, dtype=torch.bool), 4)))
    moved = to_device(value, torch.device("meta"))
    assert moved.inner.x.device.type == moved.parts[0].device.type == moved.parts[1][0].device.type == "meta"
    assert moved.inner.name == "a" and moved.parts[1][1] == 4
    assert moved.inner.x.shape == (2,) and moved.parts[1][0].dtype == torch.bool
    assert value.inner.x.device.type == "cpu", "the original stays where it was"
