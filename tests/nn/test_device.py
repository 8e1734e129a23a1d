"""Moving nested batches; the meta device stands for an accelerator."""

from dataclasses import dataclass

import pytest
import torch

from tracets.nn.device import rows_of, to_device


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


def test_rows_of_every_tensor():
    value = (
        Outer(Inner(torch.arange(4), torch.arange(8).view(4, 2)), (torch.ones(4), torch.zeros(4, 3))),
        torch.eye(4),
    )
    taken = rows_of(value, slice(1, 3))
    assert taken[0].inner.x.tolist() == [1, 2] and taken[0].inner.name.tolist() == [[2, 3], [4, 5]]
    assert [part.shape for part in taken[0].parts] == [(2,), (2, 3)]
    assert torch.equal(taken[1], torch.eye(4)[1:3])
    assert isinstance(rows_of(list(value), slice(0, 1)), tuple), "torch's loader makes lists of tuples"
    with pytest.raises(TypeError, match="a str has no rows"):
        rows_of("text", slice(0, 1))
