"""Ranges of the optimiser's settings."""

import pytest

from tracets.errors import ConfigError
from tracets.training.settings import OptimConfig


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"validate_every": 0}, "validate_every must be at least 1, got 0"),
        ({"patience": 0}, "patience must be at least 1, got 0"),
        ({"learning_rate": 0.0}, "learning_rate and clip_norm must be above 0"),
        ({"warmup_steps": -1}, "weight_decay and warmup_steps at least 0"),
        ({"max_minutes": None}, "one of max_steps and max_minutes must be set"),
        ({"max_steps": 0}, "must be above 0, got 0"),
        ({"max_minutes": 0.0}, "must be above 0, got None, 0.0"),
        ({"max_minutes": -1.0}, "must be above 0, got None, -1.0"),
    ],
)
def test_out_of_range(config, message):
    with pytest.raises(ConfigError) as error:
        OptimConfig(**config)
    assert message in str(error.value)


def test_either_budget_is_enough():
    assert OptimConfig(max_steps=5, max_minutes=None).max_steps == 5
    assert OptimConfig(max_minutes=0.5).max_steps is None
