"""How much the vectors of the whole count in the score: chosen on validation, kept with the model."""

import numpy as np
import pytest

from tracets.metrics import first_relevant, reciprocal_rank
from tracets.retrieval.scores import series_bank, text_bank, text_to_series
from tracets.tasks.align import WEIGHTS, AlignConfig, AlignTask
from tracets.types import Sample

pytestmark = pytest.mark.slow


def window(seed, text):
    values = np.random.default_rng(seed).normal(size=(2, 12)).astype(np.float32)
    return Sample(f"w{seed}", values, ("load", "wind"), text=text)


def task(model, validation, **config):
    return AlignTask(model, validation, validation, AlignConfig(**config), batch_size=8, seed=0)


@pytest.fixture
def model(tiny_model):
    return tiny_model()


def test_the_weight_of_the_whole_is_the_one_that_finds_most_on_validation(model):
    said = [f"the text of day {i}" for i in range(12)]
    made = task(model, [window(30 + i, text) for i, text in enumerate(said)])
    series = series_bank(model.encode_series(made.validation), [s.channel_names for s in made.validation])
    texts, right = text_bank(model.encode_texts(said)), np.eye(12, dtype=bool)
    by_weight = {}
    for weight in WEIGHTS:
        scores = text_to_series(texts, series, sample_weight=weight)
        ways = [reciprocal_rank(first_relevant(way, right)).mean() for way in (scores, scores.T)]
        by_weight[weight] = float(np.mean(ways))
    found, best = made.validate(), max(by_weight, key=lambda weight: by_weight[weight])
    assert found["MRR"] == pytest.approx(by_weight[best], abs=1e-6) and found["sample_weight"] == best
    assert len(set(by_weight.values())) > 1 and model.sample_weight == 0.3
    made.settle()
    assert model.sample_weight == model.config.sample_weight == best
    task(model, made.validation, choose_weight=False).settle()
    assert model.sample_weight == best
