"""The paper's forecaster with retrieval: what neighbours are is put before the tokens of a frozen backbone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tracets.data.pairs import Pair
from tracets.errors import ConfigError
from tracets.forecast.neighbours import Memory, Retrieval
from tracets.forecast.prompt_training import PromptFit, PromptTraining, fit_prompt
from tracets.forecast.prompts import PromptableBackbone, check_promptable, forecast_with_prompt
from tracets.forecast.rag import TOP
from tracets.types import FloatArray, Forecast, Sample


class PromptedForecaster:
    """A frozen backbone that is shown the pairs (series, text) most like each window, as a soft prompt.

    Until `fit` has found a prompt that betters validation, forecasts are the backbone's.

    Parameters
    ----------
    backbone : PromptableBackbone
        Stays frozen; fracast and Chronos-Bolt take prompts.
    memory, retrieval, top, placebo, seed
        As for `tracets.forecast.rag.RagForecaster`; without "text" in `retrieval`, texts count as zeros.
    training : PromptTraining, optional

    Raises
    ------
    ConfigError
        A backbone that takes no prompt, retrieval "none", top < 1.

    Notes
    -----
    Source: arXiv:2506.09114, section 3.4; departures stand in `tracets.forecast.prompts`.
    """

    def __init__(
        self,
        backbone: PromptableBackbone,
        memory: Memory,
        *,
        retrieval: Retrieval = "series+text",
        top: int = TOP,
        placebo: bool = False,
        training: PromptTraining | None = None,
        seed: int = 0,
    ) -> None:
        check_promptable(backbone)
        if retrieval not in ("series", "series+text") or top < 1:
            raise ConfigError(
                f"PromptedForecaster expects retrieval 'series' or 'series+text' and top >= 1, got {retrieval!r} and "
                f"{top}."
            )
        self.backbone, self.memory, self.retrieval, self.top = backbone, memory, retrieval, top
        self.placebo, self.seed = placebo, seed
        self.training = replace(training or PromptTraining(), seed=seed)
        self.found: PromptFit | None = None

    @property
    def name(self) -> str:
        return f"{self.backbone.name} + prompt of {'random' if self.placebo else self.retrieval}"

    def fit(self, pairs: Sequence[Pair], validation: Sequence[Pair]) -> PromptedForecaster:
        """Learn the prompt's projection and its gate; both are given up where validation does not clearly gain."""
        vectors, tried = (self._vectors(part)[1] for part in (pairs, validation))
        self.found = fit_prompt(
            self.backbone, pairs, vectors, validation=validation, validation_vectors=tried, settings=self.training
        )
        return self

    def forecast(self, pasts: Sequence[Sample], horizon: int) -> list[Forecast]:
        """Continue windows; `Forecast.neighbours` names what the prompt was made of, where there is one."""
        prompt = None if self.found is None else self.found.prompt
        if prompt is None:
            return self.backbone.forecast(pasts, horizon)
        ids, vectors = self._vectors(pasts)
        plain = forecast_with_prompt(self.backbone, prompt, pasts, horizon, vectors)
        return [replace(one, neighbours=found) for one, found in zip(plain, ids, strict=True)]

    def _vectors(self, queries: Sequence[Pair] | Sequence[Sample]) -> tuple[list[tuple[str, ...]], FloatArray]:
        found = self.memory.nearest(
            queries, top=self.top, retrieval=self.retrieval, placebo=self.placebo, seed=self.seed
        )
        ids = [self.memory.ids(found, i) for i in range(len(queries))]
        return ids, self.memory.vectors(found, retrieval=self.retrieval)
