"""How a task is trained."""

from __future__ import annotations

from dataclasses import dataclass

from tracets.errors import ConfigError


@dataclass(frozen=True)
class OptimConfig:
    """Optimiser and budget of one stage.

    The learning rate warms up over `warmup_steps` and falls along a cosine to 0 as the budget is used up, by steps
    (`max_steps`) or by time (`max_minutes`, preparation included), whichever is further along. With `max_steps` only, a
    run is a function of its seed; with a time budget it also depends on the machine. Every `validate_every` steps the
    task is validated and a checkpoint written; after `patience` validations without gain the stage stops. `devices`:
    processes on this machine that share every batch, one a GPU where there are any (docs/scaling.md); a batch, and what
    is learnt from it, is the same however many there are.
    """

    batch_size: int = 96
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup_steps: int = 50
    max_steps: int | None = None
    max_minutes: float | None = 20.0
    validate_every: int = 100
    patience: int = 20
    clip_norm: float = 1.0
    devices: int = 1

    def __post_init__(self) -> None:
        for name in ("batch_size", "validate_every", "patience", "devices"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.learning_rate <= 0 or self.clip_norm <= 0 or self.weight_decay < 0 or self.warmup_steps < 0:
            raise ConfigError(
                f"learning_rate and clip_norm must be above 0, weight_decay and warmup_steps at least 0, got "
                f"{self.learning_rate}, {self.clip_norm}, {self.weight_decay}, {self.warmup_steps}"
            )
        if self.max_steps is None and self.max_minutes is None:
            raise ConfigError("one of max_steps and max_minutes must be set, or the training never ends")
        if (self.max_steps is not None and self.max_steps < 1) or (
            self.max_minutes is not None and self.max_minutes <= 0
        ):
            raise ConfigError(f"max_steps and max_minutes must be above 0, got {self.max_steps}, {self.max_minutes}")
