"""The real pretrained model, against its own package."""

import numpy as np
import pytest
import torch

from tracets.errors import ModelError
from tracets.forecast.backbones import load_backbone
from tracets.types import LEVELS, Sample

package = pytest.importorskip("fracast", reason="the extra `fracast` is not installed")


@pytest.fixture(scope="module")
def backbone():
    return load_backbone("fracast")


@pytest.fixture(scope="module")
def theirs():
    return package.FracastModel.from_pretrained(weights="fp32")


def test_the_contract(backbone, keeps_contract):
    assert backbone.name == "fracast"
    keeps_contract(backbone, horizon=5, shortest=8)


@pytest.mark.slow
def test_as_its_own_package_says_also_beyond_its_reach(backbone, theirs):
    rng = np.random.default_rng(0)
    values = (50 + rng.normal(size=(2, 300)).cumsum(1)).astype(np.float32)
    values[0, [3, 100, 299]] = np.nan
    expected = theirs.forecast_batch(values, horizon=100)  # (2, 100, 9)
    (forecast,) = backbone.forecast([Sample("w", values, ("a", "b"))], 100)
    assert np.allclose(forecast.quantiles, np.sort(expected, 2).transpose(2, 0, 1), atol=2e-3)


def test_it_has_learnt_something(backbone):
    """A clean wave of a length it was never told continues."""
    t = np.arange(460)
    values = 5 + np.sin(2 * np.pi * t / 31)
    (forecast,) = backbone.forecast([Sample("w", values[None, :420], ("x",))], 40)
    assert np.abs(forecast.mean[0] - values[420:]).mean() < 0.25, "the last value is off by .6, the mean by .64"


def test_nothing_in_it_learns(backbone):
    parameters = [p for module in backbone.modules() for p in module.parameters()]
    assert sum(p.numel() for p in parameters) == 85_001
    assert not any(p.requires_grad for p in parameters) and not any(m.training for m in backbone.modules())


@pytest.mark.slow
def test_a_prompt_of_zeros_changes_nothing_and_another_one_does(backbone):
    values = torch.randn(2, 60, generator=torch.Generator().manual_seed(0))
    known = torch.rand(2, 60, generator=torch.Generator().manual_seed(1)) > 0.1
    plain = backbone.run(values, known, 50)
    assert plain.shape == (2, len(LEVELS), 50)
    prompt = torch.zeros(2, 3, backbone.prompt_dim, requires_grad=True)
    assert torch.equal(backbone.run(values, known, 50, prompt), plain)
    prompted = backbone.run(values, known, 50, prompt + 1)
    assert (prompted - plain).abs().mean() > 1e-3
    (gradient,) = torch.autograd.grad(prompted.square().sum(), prompt)
    assert (gradient.abs().sum(2) > 0).all(), "every place of every prompt is read"
    assert torch.equal(backbone.run(values, known, 50), plain), "a prompt leaves nothing behind"


@pytest.mark.slow
def test_a_prompt_fills_the_empty_places_and_a_full_context_makes_room(backbone):
    values = torch.randn(1, 2048, generator=torch.Generator().manual_seed(0))
    known = torch.ones_like(values, dtype=torch.bool)
    nothing = torch.zeros(1, 8, backbone.prompt_dim)
    whole = backbone.run(values, known, 4, nothing)
    assert torch.equal(whole, backbone.run(values[:, 8:], known[:, 8:], 4))
    one = torch.randn(1, 1, backbone.prompt_dim, generator=torch.Generator().manual_seed(1))
    twenty = backbone.run(values[:, 20:], known[:, 20:], 4, one)  # one embedding in all of the 20 places
    assert torch.allclose(twenty, backbone.run(values[:, 20:], known[:, 20:], 4, one.expand(-1, 20, -1)), atol=1e-5)
    late, seen = values[:, 1000:], known[:, 1000:]
    some, more = backbone.run(late, seen, 4, one), backbone.run(late, seen, 4, one.expand(-1, 9, -1))
    assert (some - more).abs().max() > 1e-3, "64 places for each, and not all of the 1,000"


def test_a_folder_that_is_none(tmp_path):
    with pytest.raises(ModelError, match="backbone 'fracast': checkpoint '.*' cannot be read .* Name a folder with"):
        load_backbone(f"fracast:{tmp_path}")


def test_its_release_as_a_folder(backbone, windows):
    from pathlib import Path

    folder = Path(package.__file__).parent / "weights"
    other = load_backbone("fracast", checkpoint=folder)
    assert other.name == f"fracast:{folder}"
    (a,), (b,) = (model.forecast(windows[2:], 3) for model in (backbone, other))
    assert (a.quantiles == b.quantiles).all()
