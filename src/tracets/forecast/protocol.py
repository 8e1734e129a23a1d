"""What is asked of a forecaster, whoever made it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from tracets.types import Forecast, Sample


@runtime_checkable
class Backbone(Protocol):
    """A forecaster that is ready to be asked: pretrained, or fitted before.

    `name` is for people: "fracast", "chronos-bolt:FOLDER", "tracets".
    """

    @property
    def name(self) -> str: ...

    def forecast(self, pasts: Sequence[Sample], horizon: int) -> list[Forecast]:
        """Continue n windows by `horizon` steps each, at least 1: in raw units, the order of the windows.

        The windows may differ in channels and length and hold NaN. A channel with nothing observed is continued by
        zeros, a constant one by its constant.

        Raises
        ------
        DataError
            A window that is too short for this forecaster. The message names it and the length needed.
        ConfigError
            A horizon that this forecaster cannot reach.
        """
        ...
