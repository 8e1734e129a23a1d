"""A pair of towers as ONNX graphs, run by onnxruntime: neither torch nor transformers is imported."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tracets.data.collate import collate
from tracets.encoders.checked import check_files
from tracets.encoders.inputs import plan_texts, sentences_of, series_in_batches, series_inputs, texts_in_batches
from tracets.encoders.onnx_sentences import ANEW, OnnxSentences
from tracets.encoders.pretrained import Pretrained
from tracets.encoders.seals import check_seal, read_config
from tracets.encoders.sentences import read_numbers
from tracets.encoders.settings import ModelConfig
from tracets.errors import ConfigError, ModelError
from tracets.plain import build
from tracets.types import FloatArray, Sample, SeriesVectors, TextVectors

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

EXPORT_FORMAT = "onnx-1"
SERIES, TEXT, SENTENCES, TOKENIZER = "series.onnx", "text.onnx", "sentences.onnx", "tokenizer.json"
FILES = (SERIES, TEXT, SENTENCES, TOKENIZER)
BEFORE_SEALS = ("format", "name", "fingerprint", "precision", "backbone_dim", "max_tokens", "model", "sizes")
"""What the settings of an export held before they had a seal."""
FEWEST_STEPS = 64
"""Shorter windows are padded: the graph knows no branch for windows shorter than its longest lag (48)."""


class OnnxModel(Pretrained):
    """An exported model; a `PairEncoder`.

    The vectors of a single precision export are those of its model to about 1e-5, and it has its model's fingerprint:
    an index of one is searched by the other. An int8 export has a fingerprint of its own.

    Parameters
    ----------
    folder : path
        What `tracets.encoders.export.export_model` wrote.
    name : str
        What the model is called in an index's manifest.
    threads : int, optional
        Processor threads, at least 1; by default OMP_NUM_THREADS, or else as many as there are cores.
    source : path, optional
        The folder of the model that was exported, which is what can be saved and shared.

    Raises
    ------
    ModelError
        The folder is no export, damaged, or of another format.
    """

    BACKEND = "onnx"

    def __init__(
        self, folder: str | Path, *, name: str, threads: int | None = None, source: Path | None = None
    ) -> None:
        if threads is not None and threads < 1:
            raise ConfigError(f"threads must be at least 1, got {threads}")
        self.folder, self.name, self.source = Path(folder), name, source
        self.threads = threads if threads is not None else _threads_of_environment()
        try:
            saved = _settings(self.folder)
            check_files(self.folder, saved, FILES)
            self.config = build(ModelConfig, saved["model"], where="model")
            self.fingerprint, self.precision = str(saved["fingerprint"]), str(saved["precision"])
            self._width, self._max_tokens = int(saved["backbone_dim"]), int(saved["max_tokens"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            if isinstance(error, ModelError):
                raise
            raise ModelError(f"ONNX export '{folder}' is damaged ({error!r}). {ANEW}") from error

    @property
    def dim(self) -> int:
        return self.config.dim

    @property
    def sample_weight(self) -> float:
        return self.config.sample_weight

    @cached_property
    def _series(self) -> InferenceSession:
        return self._session(SERIES)

    @cached_property
    def _text(self) -> InferenceSession:
        return self._session(TEXT)

    @cached_property
    def sentences(self) -> OnnxSentences:
        """The frozen sentence encoder, with its memory of what it has read."""
        return OnnxSentences(self._session(SENTENCES), self.folder / TOKENIZER, max_tokens=self._max_tokens)

    def _session(self, name: str) -> InferenceSession:
        return open_session(self.folder / name, threads=self.threads)

    def encode_series(self, samples: Sequence[Sample], *, batch_size: int = 64) -> SeriesVectors:
        """Vectors of n samples: one a sample (n, dim), `series.vectors` a channel; batch company changes nothing."""

        def encode(part: list[Sample]) -> tuple[FloatArray, FloatArray]:
            inputs = series_inputs(collate(part))
            known = inputs.label >= 0
            names = np.zeros((*known.shape, self._width), np.float32)
            if self.config.series.identity == "name":
                names[known] = self.sentences.pooled(inputs.labels)[inputs.label[known]]
            short = max(FEWEST_STEPS - inputs.values.shape[2], 0)
            short += -(inputs.values.shape[2] + short) % self.config.series.patch
            padding = ((0, 0), (0, 0), (0, short))
            given = {
                "values": np.pad(inputs.values, padding), "observed": np.pad(inputs.observed, padding),
                "channel_valid": inputs.channel_valid, "names": names, "calendar": inputs.calendar,
                "clock": inputs.clock, "n_steps": inputs.n_steps,
            }  # fmt: skip
            return _run(self._series, given)

        return series_in_batches(samples, self.dim, batch_size, encode)

    def encode_texts(self, texts: Sequence[str], *, batch_size: int = 64) -> TextVectors:
        """Vectors of n texts: one a text (n, dim) and one a sentence."""
        pooled = self.config.text.reader == "pooled"

        def encode(part: list[tuple[str, ...]]) -> tuple[FloatArray, FloatArray]:
            if pooled:
                return _run(self._text, {"states": self.sentences.pooled([text for (text,) in part])})
            plan = plan_texts(part)
            found = self.sentences.states([read_numbers(s) for s in plan.different])
            given = {
                "states": np.concatenate([s for s, _ in found]), "numbers": np.concatenate([v for _, v in found]),
                "sentence": np.repeat(np.arange(len(found)), [len(s) for s, _ in found]), "which": plan.which,
                "slot": plan.slot, "sentence_valid": plan.sentence_valid,
                "different": np.zeros(len(found), np.float32),
            }  # fmt: skip
            return _run(self._text, given)

        spans = [(text,) if pooled else sentences_of(text) for text in texts]
        return texts_in_batches(spans, self.dim, batch_size, encode)


def is_export(folder: Path) -> bool:
    """Whether a folder holds an export, readable or not."""
    return (folder / "config.json").is_file() and (folder / SERIES).is_file()


def is_whole(folder: Path) -> bool:
    """Whether a folder holds an export of this format whose files all are what was written."""
    try:
        check_files(folder, _settings(folder), FILES)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    return True


def _settings(folder: Path) -> dict[str, Any]:
    """The settings of an export, as they were written."""
    what = f"ONNX export '{folder}'"
    saved = read_config(folder / "config.json", what=what)
    if saved.get("format") != EXPORT_FORMAT:
        raise ModelError(
            f"'{folder}' is no ONNX export of format {EXPORT_FORMAT} (it has format {saved.get('format')}). "
            f"Export the model anew: tracets export MODEL --out FOLDER"
        )
    check_seal(saved, what=what, before=BEFORE_SEALS)
    return saved


def open_session(path: Path, *, threads: int | None) -> InferenceSession:
    """A graph ready to run on the processor."""
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as states

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads or 0
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # done by the export
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except (
        states.Fail, states.InvalidArgument, states.InvalidGraph, states.InvalidProtobuf, states.NoSuchFile,
        states.NotImplemented, states.RuntimeException,
    ) as error:  # fmt: skip
        raise ModelError(f"'{path}' is missing or damaged ({error}). {ANEW}") from error


def _run(session: InferenceSession, given: dict[str, Any]) -> tuple[FloatArray, FloatArray]:
    wanted = {i.name for i in session.get_inputs()}  # what a model does not read is not in its graph
    first, second = session.run(None, {name: value for name, value in given.items() if name in wanted})
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ModelError(f"an export gives vectors that are no numbers. {ANEW}")
    return first, second


def _threads_of_environment() -> int | None:
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdigit() and int(given) > 0 else None
