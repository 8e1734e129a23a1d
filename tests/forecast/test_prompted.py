"""A frozen backbone that is shown neighbours: what their texts tell is learnt, what nothing tells is not."""

import numpy as np
import pytest
import torch

from tracets.data.pairs import Pair
from tracets.errors import ConfigError
from tracets.forecast.backbones import load_backbone, rows
from tracets.forecast.neighbours import Memory
from tracets.forecast.prompt_training import PromptTraining
from tracets.forecast.prompted import PromptedForecaster
from tracets.types import LEVELS, Sample

HORIZON = 3
BRIEF = PromptTraining(max_steps=200, validate_every=20, learning_rate=0.02, batch_size=32, max_minutes=None)
NORMAL = torch.distributions.Normal(0, 1).icdf(torch.tensor(LEVELS))


class Summed:
    """Says the normal distribution, moved by the sum of the first numbers of the prompt."""

    name, prompt_dim, context, fewest, device = "summed", 2, 20, 2, torch.device("cpu")

    def modules(self):
        return ()

    def run(self, values, observed, horizon, prompt=None):
        moved = torch.zeros(len(values)) if prompt is None else prompt[:, :, 0].sum(1)
        return (moved[:, None, None] + NORMAL[:, None]).expand(-1, -1, horizon)

    def forecast(self, pasts, horizon):
        def predict(given, horizon):
            values = torch.from_numpy(given.values)
            return self.run(values, values.isfinite(), horizon).numpy()

        return rows.continue_windows(pasts, horizon, predict, name=self.name, context=self.context)


def told(n, *, seed):
    """Noise that jumps the way that its text says."""
    rng = np.random.default_rng(seed)
    pairs = []
    for i, up in enumerate(rng.random(n) < 0.5):
        past = rng.normal(size=(1, 20))
        future = past.mean() + past.std() * ((2 if up else -2) + 0.2 * rng.normal(size=(1, HORIZON)))
        text = "rising soon" if up else "falling later"
        pairs.append(Pair(Sample(f"{seed}-{i}", past, ("x",), text=text), future))
    return pairs


@pytest.fixture(scope="module")
def memory(tiny_model):
    return Memory(told(60, seed=0), tiny_model())


def fitted(memory, **settings):
    forecaster = PromptedForecaster(Summed(), memory, top=2, training=BRIEF, **settings)
    return forecaster.fit(memory.pairs, told(60, seed=1))


def mse(forecaster, pairs):
    found = forecaster.forecast([pair.past for pair in pairs], HORIZON)
    return np.mean([(one.mean - pair.future) ** 2 for one, pair in zip(found, pairs, strict=True)])


@pytest.mark.slow
def test_the_texts_of_neighbours_tell_what_comes(memory):
    test = told(60, seed=2)
    before = mse(Summed(), test)
    forecaster = fitted(memory)
    assert mse(forecaster, test) < 0.5 * before
    one = forecaster.forecast([test[0].past], HORIZON)[0]
    texts = {pair.past.id: pair.past.text for pair in memory.pairs}
    assert len(one.neighbours) == 2
    assert {texts[id] for id in one.neighbours} == {test[0].past.text}
    assert forecaster.name == "summed + prompt of series+text"


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"placebo": True}, {"retrieval": "series"}], ids=["random", "without text"])
def test_neighbours_that_tell_nothing_are_given_up(memory, settings):
    forecaster = fitted(memory, **settings)
    assert forecaster.found.prompt is None
    past = told(1, seed=3)[0].past
    one, plain = forecaster.forecast([past], HORIZON)[0], Summed().forecast([past], HORIZON)[0]
    assert one.neighbours == () and one.mean.tolist() == plain.mean.tolist()


def test_wrong_settings_are_refused(memory):
    with pytest.raises(ConfigError, match="top >= 1, got 'none' and 8"):
        PromptedForecaster(Summed(), memory, retrieval="none")
    with pytest.raises(ConfigError, match="takes no soft prompt"):
        PromptedForecaster(load_backbone("last-value"), memory)
