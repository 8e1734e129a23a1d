"""The frozen sentence encoder as an ONNX graph: batched by length, and no sentence read twice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tracets.encoders.sentences import Sentence, by_length, numbers_at
from tracets.errors import ModelError
from tracets.types import FloatArray

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Encoding

CACHE_BYTES = 64_000_000
"""Token states and pooled vectors kept in memory, some 4,000 sentences; those that were asked for longest ago leave."""
ANEW = "Export the model anew, or delete the folder if tracets made it in its cache."
BATCH = 8
"""Sentences at a time: more do not fit the caches of a processor, and cost more each."""

Entry = tuple[FloatArray, NDArray[np.int64]]


class OnnxSentences:
    """Token states and pooled vectors of sentences, remembered by a hash of their words.

    Parameters
    ----------
    session : InferenceSession
        From ids and mask (n, tokens) to states (n, tokens, width).
    tokenizer : path
        A tokenizer.json.
    max_tokens : int
        Longer sentences are cut.
    """

    def __init__(self, session: InferenceSession, tokenizer: Path, *, max_tokens: int) -> None:
        from tokenizers import Tokenizer

        self._session = session
        try:
            self._tokenizer = Tokenizer.from_file(str(tokenizer))
        except Exception as error:  # the package raises a bare Exception
            raise ModelError(f"'{tokenizer}' is missing or damaged ({error}). {ANEW}") from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)
        self._cache: OrderedDict[bytes, Entry] = OrderedDict()
        self._bytes = 0

    def states(self, sentences: Sequence[Sentence]) -> list[tuple[FloatArray, FloatArray]]:
        """Token states (n_tokens, width) and the number at each token (n_tokens,), NaN = none."""
        entries = self._look_up("states", [s.words for s in sentences])
        return [(states, numbers_at(s, spans)) for s, (states, spans) in zip(sentences, entries, strict=True)]

    def pooled(self, texts: Sequence[str]) -> FloatArray:
        """Mean over the token states of each text, length 1 (n, width)."""
        return np.stack([states for states, _ in self._look_up("pooled", texts)])

    def _look_up(self, kind: str, texts: Sequence[str]) -> list[Entry]:
        keys = {text: blake2b(f"{kind} {text}".encode(), digest_size=16).digest() for text in texts}
        fresh = self._encode(by_length(text for text, key in keys.items() if key not in self._cache))
        for text, (states, spans) in fresh.items():
            if kind == "pooled":
                mean = states.mean(0)
                fresh[text] = mean / max(float(np.linalg.norm(mean)), 1e-12), spans[:0]
        for text, key in keys.items():
            if text not in fresh:
                self._cache.move_to_end(key)  # channel names come with every series, and stay
        found = [fresh[text] if text in fresh else self._cache[keys[text]] for text in texts]
        for text, entry in fresh.items():
            self._cache[keys[text]] = entry
            self._bytes += _size(entry)
        while self._bytes > CACHE_BYTES:
            self._bytes -= _size(self._cache.popitem(last=False)[1])
        return found

    def _encode(self, texts: list[str]) -> dict[str, Entry]:
        read = self._tokenizer.encode_batch(texts)
        order = sorted(range(len(texts)), key=lambda i: len(read[i]))
        out: dict[str, Entry] = {}
        for begin in range(0, len(order), BATCH):
            part = order[begin : begin + BATCH]
            states = self._states([read[i] for i in part])
            for i, state in zip(part, states, strict=True):
                out[texts[i]] = state[: len(read[i])].copy(), np.array(read[i].offsets, np.int64)
        return out

    def _states(self, read: list[Encoding]) -> FloatArray:
        longest = max(map(len, read))
        ids, mask = np.zeros((2, len(read), longest), np.int64)
        for row, tokens in enumerate(read):
            ids[row, : len(tokens)] = tokens.ids
            mask[row, : len(tokens)] = 1
        states: FloatArray = self._session.run(None, {"ids": ids, "mask": mask})[0]
        return states


def _size(entry: Entry) -> int:
    return entry[0].nbytes + entry[1].nbytes
