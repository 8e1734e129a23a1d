"""Horizons beyond a reach, and gaps."""

import torch

from tracets.forecast.backbones.rolling import filled, roll
from tracets.types import LEVELS


def test_medians_are_appended_and_the_oldest_steps_forgotten():
    seen = []

    def one_more(values, observed):
        """Two steps: the last value and 1, 2 more; other levels lie 10 apart."""
        seen.append((values.tolist(), observed.tolist()))
        ahead = values[:, -1:] + torch.tensor([1.0, 2.0])
        return ahead[:, None] + 10 * (torch.arange(len(LEVELS))[:, None] - 4)

    values = torch.tensor([[0.0, 7.0, 5.0]])
    found = roll(one_more, values, torch.tensor([[True, False, True]]), 5, context=4)
    assert found[0, 4].tolist() == [6, 7, 8, 9, 10] and found[0, 8].tolist() == [46, 47, 48, 49, 50]
    assert [v for v, _ in seen] == [[[0, 7, 5]], [[7, 5, 6, 7]], [[6, 7, 8, 9]]]
    assert [o for _, o in seen] == [[[True, False, True]], [[False, True, True, True]], [[True] * 4]]


def test_no_gradient_goes_through_what_was_appended():
    weight = torch.ones(1, requires_grad=True)

    def scaled(values, observed):
        return (weight * values[:, -1:])[:, None].expand(-1, len(LEVELS), 1)

    roll(scaled, torch.full((1, 2), 3.0), torch.ones(1, 2, dtype=torch.bool), 4, context=2).sum().backward()
    assert weight.grad.item() == 4 * len(LEVELS) * 3


def test_gaps_take_the_last_value():
    row = torch.tensor([[torch.nan, torch.nan, 3, torch.nan, 5, torch.nan]])
    assert filled(row).tolist() == [[0, 0, 3, 3, 5, 5]]
