"""The plain encoder of benchmarks/ against the tower that it is measured against, on the same weights."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from tracets.data.collate import collate
from tracets.encoders.series import to_series_batch
from tracets.types import Sample

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "plain_trace.py"
pytestmark = pytest.mark.skipif(not SCRIPT.is_file(), reason="the benchmarks are not beside the tests")


@pytest.fixture(scope="module")
def plain_trace():
    spec = importlib.util.spec_from_file_location("plain_trace", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def paper(tiny_model):
    settings = {"identity": "index", "features": "none", "calendar": "none", "vectors": 1, "layers": 3, "patch": 6}
    return tiny_model(sample="cls", **settings).eval()


@pytest.fixture
def batch(paper):
    """Different channels and lengths, gaps, a constant channel, and one with nothing observed."""
    rng = np.random.default_rng(0)
    samples = []
    for i, (c, t, missing) in enumerate([(3, 40, 0.0), (2, 23, 0.4), (4, 48, 0.7), (1, 5, 0.0), (3, 30, 0.2)]):
        values = 20 * rng.normal(size=(c, 1)) + rng.normal(size=(c, t)).cumsum(1)
        values[rng.random((c, t)) < missing] = np.nan
        samples.append(Sample(f"s{i}", values, ("a", "b", "c", "d")[:c]))
    samples[2].values[1] = np.nan
    samples[4].values[2] = 7.0
    samples[4].values[0, :18] = np.nan
    return to_series_batch(collate(samples), paper.backbone)


def test_ours_gives_the_vectors_of_the_plain_one(paper, plain_trace, batch):
    plain = plain_trace.load(paper.series)
    with torch.no_grad():
        sample, channels = paper.series(batch)
        expected_sample, expected_channels = plain(batch)
    torch.testing.assert_close(sample, expected_sample, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(channels.squeeze(2), expected_channels, atol=1e-4, rtol=1e-4)
    assert not channels[2, 1].any() and channels[2, 0].any()


def test_ours_predicts_what_is_hidden_as_the_plain_one(paper, plain_trace, batch):
    hidden = torch.rand(5, 4, 8, generator=torch.Generator().manual_seed(0)) < 0.4
    hidden &= (torch.arange(8) * 6 < batch.n_steps[:, None])[:, None]
    with torch.no_grad():
        prediction, target, counted = paper.series.reconstruct_hidden(batch, hidden)
        expected, loss = plain_trace.load(paper.series).predict_hidden(batch, hidden)
    assert counted.any()
    torch.testing.assert_close(prediction[counted], expected[counted], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close((prediction - target)[counted].square().mean(), loss, atol=1e-4, rtol=1e-4)


def test_another_model_is_refused(tiny_model, plain_trace):
    with pytest.raises(ValueError, match="the paper's model"):
        plain_trace.load(tiny_model().series)
