"""Adapters: nothing changes at the start, the change has its rank, and merging keeps what was learnt."""

import pytest
import torch
from torch import nn

from tracets.errors import ConfigError
from tracets.nn.lora import ALPHA, add_lora, merge_lora, remove_lora


@pytest.fixture
def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.Linear(8, 3))


X = torch.linspace(-1, 1, 24).reshape(4, 6)


def changed(net):
    """After three steps towards zero."""
    adapters = add_lora(net, 2)
    optimiser = torch.optim.SGD(adapters, lr=0.5)
    for _ in range(3):
        optimiser.zero_grad()
        net(X).square().mean().backward()
        optimiser.step()
    return adapters


def test_an_adapter_changes_nothing_before_it_is_trained(net):
    before = net(X)
    added = add_lora(net, 2)
    assert torch.equal(net(X), before)
    assert [tuple(p.shape) for p in added] == [(2, 6), (8, 2), (2, 8), (3, 2)]
    assert [p for p in net.parameters() if p.requires_grad] == added


def test_the_change_has_the_rank_and_the_scale_asked_for(net):
    weight = net[0].weight.detach().clone()
    changed(net)
    change = (net[0].weight - weight).detach()
    assert torch.linalg.matrix_rank(change) == 2
    own = net[0].parametrizations.weight[0]
    torch.testing.assert_close(change, own.b.detach() @ own.a.detach() * ALPHA / 2)


def test_the_frozen_weights_stay(net):
    weight, bias = net[0].weight.detach().clone(), net[0].bias.detach().clone()
    changed(net)
    assert torch.equal(net[0].parametrizations.weight.original, weight) and torch.equal(net[0].bias, bias)


def test_merged_weights_give_what_the_adapters_gave(net):
    names = set(net.state_dict())
    changed(net)
    learnt = net(X).detach()
    merge_lora(net)
    torch.testing.assert_close(net(X), learnt)
    assert set(net.state_dict()) == names


def test_removed_adapters_leave_the_weights_as_they_were(net):
    before, names = net(X).detach(), set(net.state_dict())
    changed(net)
    assert not torch.allclose(net(X), before)
    remove_lora(net)
    assert torch.equal(net(X), before) and set(net.state_dict()) == names


def test_no_adapter_has_more_rank_than_its_weight(net):
    added = add_lora(net, 100)
    assert [len(p) for p in added[::2]] == [6, 3]


@pytest.mark.parametrize("rank", [0, 2])
def test_a_wrong_rank_and_a_second_adapter_are_refused(net, rank):
    if rank:
        add_lora(net, rank)
    with pytest.raises(ConfigError, match=f"rank {rank} and 2 linear"):
        add_lora(net, rank)


def test_a_module_without_linear_layers_is_refused():
    with pytest.raises(ConfigError, match="0 linear"):
        add_lora(nn.GELU(), 2)
