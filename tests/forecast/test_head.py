"""The head against its closed form, its quantiles by construction, its losses by hand."""

import numpy as np
import pytest
import torch

from tracets.forecast.head import MEDIAN, RANK, WIDEST, ForecastHead, HeadSizes, forecast_loss, pinball
from tracets.types import LEVELS

RNG = np.random.default_rng(0)
SIZES = HeadSizes(features=7, context=3, vectors=20, parts=4, maps=3, horizon=6)


def started(sizes=SIZES, *, table=None, spread=None):
    """A head that starts from maps drawn at random, and all that it was told."""
    width = sizes.features + sizes.parts + 1
    maps = RNG.normal(size=(sizes.maps, width, sizes.horizon))
    table = np.sort(RNG.normal(size=(len(LEVELS), sizes.horizon)), 0) if table is None else table
    told = {
        "maps": maps,
        "predicted": RNG.normal(size=(50, width)) @ maps[0],
        "table": table,
        "spread": np.zeros(sizes.context + sizes.parts) if spread is None else spread,
        "vectors": (RNG.normal(size=sizes.vectors), RNG.normal(size=(sizes.vectors, sizes.parts)) / 5)
        if sizes.vectors
        else None,
        "groups": 3 * RNG.normal(size=(sizes.maps, sizes.parts)) if sizes.maps > 1 else None,
    }
    head = ForecastHead(sizes)
    head.start(**told)
    return head, told


def inputs(n=8, sizes=SIZES):
    features = torch.from_numpy(RNG.normal(size=(n, sizes.features))).float()
    return features, torch.from_numpy(RNG.normal(size=(n, sizes.vectors))).float()


@torch.no_grad()
def test_it_begins_where_the_closed_form_ends():
    """The map of the nearest centre, where that is much nearer than the others."""
    head, told = started()
    features, vectors = inputs(200)
    parts = ((vectors.double().numpy() - told["vectors"][0]) @ told["vectors"][1]).clip(-5, 5)
    distance = np.linalg.norm(parts[:, None] - told["groups"], axis=2) ** 2
    clear = np.diff(np.sort(distance, 1)[:, :2], axis=1)[:, 0] > 1.5
    assert clear.sum() > 100
    read = np.concatenate([features.numpy(), parts, np.ones((200, 1))], 1)
    expected = np.einsum("mw,mwh->mh", read, told["maps"][distance.argmin(1)])
    mean, quantiles = head(features, vectors)
    np.testing.assert_allclose(mean.numpy()[clear], expected[clear], atol=1e-3)
    np.testing.assert_allclose((quantiles - mean[:, None])[0].numpy(), told["table"], atol=1e-4)


@torch.no_grad()
def test_one_map_needs_no_gate_and_no_vectors():
    sizes = HeadSizes(features=7, context=3, vectors=0, parts=0, maps=1, horizon=6)
    head, told = started(sizes)
    features, _ = inputs(sizes=sizes)
    mean, _ = head(features, None)
    expected = np.concatenate([features.numpy(), np.ones((8, 1))], 1) @ told["maps"][0]
    np.testing.assert_allclose(mean.numpy(), expected, atol=1e-4)
    assert {name for name, _ in head.named_parameters()} == {
        "maps",
        "curves",
        "median",
        "above",
        "below",
        "spread",
    }


@torch.no_grad()
def test_a_long_horizon_keeps_its_main_curves():
    sizes = HeadSizes(features=20, context=0, vectors=0, parts=0, maps=1, horizon=336)
    curves = np.stack([np.sin(np.arange(336) / k) for k in range(3, 3 + RANK)])
    maps = RNG.normal(size=(1, 21, RANK)) @ curves
    features = RNG.normal(size=(60, 20))
    predicted = np.concatenate([features, np.ones((60, 1))], 1) @ maps[0]
    head = ForecastHead(sizes)
    head.start(maps=maps, predicted=predicted, table=np.zeros((9, 336)), spread=np.zeros(0), vectors=None, groups=None)
    np.testing.assert_allclose(head(torch.from_numpy(features).float(), None)[0].numpy(), predicted, atol=1e-3)
    assert sum(p.numel() for p in head.parameters()) == (21 + 336) * RANK + 9 * 336


@torch.no_grad()
def test_quantiles_rise_whatever_the_weights():
    head = ForecastHead(SIZES)
    for parameter in head.parameters():
        parameter.copy_(5 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    _, quantiles = head(*inputs(30))
    assert quantiles.shape == (30, len(LEVELS), 6)
    assert (quantiles.diff(dim=1) >= 0).all()


@torch.no_grad()
def test_the_spread_of_a_window_follows_what_is_told_and_has_a_limit():
    spread = np.zeros(7)
    spread[0] = 1.0
    head, told = started(spread=spread)
    features, vectors = inputs(2)
    features[:, 4:7] = 0  # levels and calendar
    features[1, 4] = 0.1
    mean, quantiles = head(features, vectors)
    width = (quantiles - mean[:, None])[:, -1, 0]
    assert (width[1] / width[0]).item() == pytest.approx(np.exp(0.1), rel=1e-3)
    features[1, 4] = 1e6
    mean, quantiles = head(features, vectors)
    width = (quantiles - mean[:, None])[:, -1, 0]
    assert (width[1] / width[0]).item() == pytest.approx(np.exp(WIDEST), rel=1e-3)


def test_all_of_it_can_be_trained():
    head, _ = started(spread=np.ones(7))
    mean, quantiles = head(*inputs())
    forecast_loss(mean, quantiles, torch.zeros(8, 6)).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in head.parameters())


def test_pinball_by_hand():
    """One step, truth 1 above all quantiles: the mean of the levels; below: the mean of what is left to 1."""
    quantiles = torch.zeros(1, len(LEVELS), 2)
    above = pinball(quantiles, torch.tensor([[1.0, torch.nan]]))
    below = pinball(quantiles, torch.tensor([[-3.0, torch.nan]]))
    assert above.item() == pytest.approx(np.mean(LEVELS)) and below.item() == pytest.approx(3 * (1 - np.mean(LEVELS)))


def test_pinball_is_least_at_the_quantiles():
    truth = torch.from_numpy(RNG.normal(size=(4000, 1))).float()
    own = np.quantile(truth.numpy(), LEVELS)

    def loss(shift):
        return pinball(torch.from_numpy(own + shift).float()[None, :, None].expand(4000, -1, -1), truth).item()

    assert loss(0) < min(loss(0.1), loss(-0.1))


def test_unknown_targets_count_for_nothing():
    mean, quantiles = torch.ones(1, 3), torch.ones(1, len(LEVELS), 3)
    target = torch.tensor([[2.0, torch.nan, torch.nan]])
    expected = forecast_loss(mean[:, :1], quantiles[..., :1], target[:, :1])
    assert forecast_loss(mean, quantiles, target).item() == pytest.approx(expected.item()) == pytest.approx(1 + 2 * 0.5)
    assert forecast_loss(mean, quantiles, target * torch.nan).item() == 0
    assert LEVELS[MEDIAN] == 0.5
