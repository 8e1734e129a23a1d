"""From a trained pair to a folder of ONNX graphs that needs no torch: `tracets.encoders.onnx_model` reads it.

A folder holds config.json, series.onnx, text.onnx, sentences.onnx (the frozen sentence encoder) and tokenizer.json.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as states
from torch import Tensor, nn

from tracets.data.collate import collate
from tracets.data.generate import generate_samples
from tracets.disk import write_whole
from tracets.encoders.backbone import MAX_TOKENS, TextBackbone
from tracets.encoders.model import TraceModel
from tracets.encoders.onnx_model import EXPORT_FORMAT, FEWEST_STEPS, FILES, SENTENCES, SERIES, TEXT, TOKENIZER
from tracets.encoders.protocol import PairEncoder
from tracets.encoders.quantise import quantise
from tracets.encoders.seals import hash_of, sealed
from tracets.encoders.sentences import by_length, read_numbers, split_sentences
from tracets.encoders.series import SeriesBatch, SeriesTower, to_series_batch
from tracets.encoders.text import TextBatch
from tracets.errors import ModelError
from tracets.types import Sample

OPSET = 18
QUANTISED = {
    SENTENCES: ("",),
    TEXT: ("/project/", "/token/", "/carry/", "/gathered/", "/context", "/claim/"),
    SERIES: ("/blocks",),
}
"""Layers whose weights become int8. Those that read numbers keep them: a number's value is in its last digits."""

N_REPORTS = 16
"""Reports whose sentences show which activations are large."""


def export_model(model: TraceModel, folder: str | os.PathLike[str], *, int8: bool = False) -> str:
    """Write a model as ONNX graphs, for any number of samples, channels, steps, texts and tokens.

    Parameters
    ----------
    folder : path
        Made if it is not there; an export in it is replaced.
    int8 : bool, default=False
        Multiply in 8 bit integers: a scale for each row of activations and each column of weights, so that no vector
        depends on its company.

    Returns
    -------
    str
        The fingerprint of the export: the model's own in single precision, another one in int8.

    Raises
    ------
    ModelError
        The model cannot be exported: see `check_exportable`, or the sentence encoder is of an unknown kind.
    """
    check_exportable(model)
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    fingerprint = model.fingerprint
    if int8:
        fingerprint = hashlib.sha256(f"{fingerprint} int8".encode()).hexdigest()[:16]
    with TemporaryDirectory(dir=path) as temporary:
        for name, graph in _graphs(model, Path(temporary)):
            if int8:
                proto = onnx.load(graph)
                examples = _read_sentences(model.backbone) if name == SENTENCES else []
                quantise(proto, layers=QUANTISED[name], examples=examples)
                onnx.save(proto, graph)
            write_whole(path / name, _fused(graph))
    tokenizer = model.backbone.loaded()[1].backend_tokenizer
    write_whole(path / TOKENIZER, str(tokenizer.to_str()).encode())
    config = {
        "format": EXPORT_FORMAT,
        "name": model.name,
        "fingerprint": fingerprint,
        "precision": "int8" if int8 else "fp32",
        "backbone_dim": model.backbone.dim,
        "max_tokens": MAX_TOKENS,
        "model": asdict(model.config),
        "sizes": {name: (path / name).stat().st_size for name in FILES},
        "sha256": {name: hash_of(path / name) for name in FILES},
    }
    write_whole(path / "config.json", (json.dumps(sealed(config), indent=2) + "\n").encode())
    return fingerprint


def check_exportable(model: TraceModel) -> None:
    """Refuse a model that has no export.

    Raises
    ------
    ModelError
        The model's series tower is another package's, its sentence encoder has no fast tokenizer, or padding moves the
        model's vectors (causal attention): a graph is given short windows with padding.
    """
    if not isinstance(model.series, SeriesTower):
        raise ModelError(
            f"a model with series.tower = '{model.series.name}' of another package cannot be exported. Use torch, on "
            f"which it runs by itself."
        )
    if model.config.series.attention == "causal":
        raise ModelError("a model with series.attention = 'causal' cannot be exported: padding would move its vectors.")
    if not getattr(model.backbone.loaded()[1], "is_fast", False):
        raise ModelError(
            f"the sentence encoder '{model.backbone.name}' has no fast tokenizer, which an export needs. "
            f"Train with another text.backbone."
        )


def largest_difference(model: TraceModel, exported: PairEncoder) -> float:
    """Between the vectors of a model and of its export, over windows long and short and texts with and without numbers.

    Both have vectors of length 1. Some 1e-4 is what the half precision of torch's token states comes to.
    """
    samples = [*_examples(), Sample("short", np.array([[1.0, 5.0, np.nan, 2.0]]), ("x",), ("mm",))]
    texts = ["The load falls from 12.5 to -3 MW, then rises. Dry; calm at first.", "heavy rain"]
    found = []
    for encoder in (model, exported):
        series, said = encoder.encode_series(samples), encoder.encode_texts(texts)
        parts = [series.sample, *series.channels, said.sample, *said.sentences]
        found.append(np.concatenate([part.reshape(-1) for part in parts]))
    return float(np.abs(found[0] - found[1]).max())


def _fused(graph: Path) -> bytes:
    """The graph as onnxruntime rewrites it for every processor: done once here, it opens four times as fast."""
    fused = graph.with_suffix(".fused")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(fused)
    try:
        onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    except (states.Fail, states.InvalidProtobuf) as error:  # how it puts that a disk is full
        raise OSError(errno.EIO, f"onnxruntime could not write a graph ({error})", str(fused)) from error
    return fused.read_bytes()


def _graphs(model: TraceModel, folder: Path) -> Iterator[tuple[str, Path]]:
    was_training = model.training
    model.eval()
    try:
        series = to_series_batch(collate(_examples()), model.backbone)
        yield SERIES, _export(_Series(model), _parts(series), folder / SERIES, _SERIES_AXES)
        said = [model.text.sentences_of(text) for text in ("low of -3 °C. dry", "7 mm")]
        texts = model.text.pack(said, model.backbone)
        inputs = {**_parts(texts), "different": torch.zeros(texts.n_different)}
        inputs["states"] = inputs["states"].float()
        yield TEXT, _export(_Text(model), inputs, folder / TEXT, _TEXT_AXES)
        tokens = {"ids": torch.ones(2, 5, dtype=torch.long), "mask": torch.ones(2, 5, dtype=torch.long)}
        yield SENTENCES, _export(_Sentences(model.backbone), tokens, folder / SENTENCES, _SENTENCE_AXES)
    finally:
        model.train(was_training)


class _Series(nn.Module):
    def __init__(self, model: TraceModel) -> None:
        super().__init__()
        self.tower = model.series

    def forward(self, *parts: Tensor) -> tuple[Tensor, Tensor]:
        return self.tower(SeriesBatch(*parts))


class _CountedTexts(TextBatch):
    """Takes the number of sentences from a shape, which stays open in a graph."""

    different: Tensor

    @property
    def n_different(self) -> int:
        return self.different.shape[0]


class _Text(nn.Module):
    def __init__(self, model: TraceModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, *parts: Tensor) -> tuple[Tensor, Tensor]:
        batch = _CountedTexts(*parts[:-1])
        object.__setattr__(batch, "different", parts[-1])
        return self.model.read_texts(batch)


class _Sentences(nn.Module):
    def __init__(self, backbone: TextBackbone) -> None:
        super().__init__()
        self.encoder = backbone.loaded()[0]

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        # a mask of four axes goes to attention as it is; one of two is looked into while tracing, and frozen
        hidden = (1.0 - mask[:, None, None].float()) * -1e9
        return self.encoder(input_ids=ids, attention_mask=hidden).last_hidden_state


_SERIES_AXES = {
    "values": "nct", "observed": "nct", "channel_valid": "nc", "names": "nc", "calendar": "n", "clock": "n",
    "n_steps": "n", "sample": "n", "channels": "nc",
}  # fmt: skip
_TEXT_AXES = {
    "states": "k", "numbers": "k", "sentence": "k", "which": "m", "slot": "m", "sentence_valid": "ns", "different": "u",
    "sample": "n", "sentences": "m",
}  # fmt: skip
_SENTENCE_AXES = {"ids": "nt", "mask": "nt", "states": "nt"}


def _export(module: nn.Module, inputs: dict[str, Tensor], path: Path, axes: dict[str, str]) -> Path:
    outputs = [name for name in axes if name not in inputs]
    with warnings.catch_warnings(), _own_symbolics():
        # tracing warns of every branch on a shape: FEWEST_STEPS steps are the ones taken, see `_examples`
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                module.eval(),
                tuple(inputs.values()),
                str(path),
                input_names=list(inputs),
                output_names=outputs,
                dynamic_axes={name: dict(enumerate(letters)) for name, letters in axes.items()},
                opset_version=OPSET,
                dynamo=False,
            )
        except OSError:
            raise
        except Exception as error:  # a sentence encoder of any kind is traced here, and fails in its own ways
            said = " ".join(str(error).split())[:200]
            raise ModelError(f"the model cannot be exported, {path.name} failed ({said}). Use torch.") from error
    return path


@contextmanager
def _own_symbolics() -> Iterator[None]:
    """Teach the exporter operations that ONNX has and it does not know."""

    def asinh(g: Any, x: Any) -> Any:
        return g.op("Asinh", x).setType(x.type())

    def scattered(g: Any, into: Any, dim: Any, index: Any, rows: Any, **reduction: str) -> Any:
        at = g.op("Unsqueeze", index, g.op("Constant", value_t=torch.tensor([1])))
        axes, place = list(range(into.type().dim())), dim.node().t("value").item()
        axes[0], axes[place] = axes[place], axes[0]  # ScatterND writes along the first axis
        if place:
            into, rows = (g.op("Transpose", x, perm_i=axes) for x in (into, rows))
        written = g.op("ScatterND", into, at, rows, **reduction)
        return g.op("Transpose", written, perm_i=axes) if place else written

    def index_add(g: Any, into: Any, dim: Any, index: Any, rows: Any, alpha: Any = None) -> Any:
        return scattered(g, into, dim, index, rows, reduction_s="add")

    own: dict[str, Callable[..., Any]] = {
        "asinh": asinh,
        "index_add": index_add,
        "index_copy": scattered,
    }
    for name, symbolic in own.items():
        torch.onnx.register_custom_op_symbolic(f"aten::{name}", symbolic, OPSET)
    try:
        yield
    finally:
        for name in own:
            torch.onnx.unregister_custom_op_symbolic(f"aten::{name}", OPSET)


def _examples() -> list[Sample]:
    """Two samples to trace with, long enough that no branch for short series is taken."""
    values = np.random.default_rng(0).normal(size=(3, FEWEST_STEPS + 32)).astype(np.float32)
    return [
        Sample("a", values, ("x", "y", "z"), start=datetime(2020, 1, 1, tzinfo=UTC), freq="h"),
        Sample("b", values[:2, :FEWEST_STEPS], ("x", "y")),
    ]


def _read_sentences(backbone: TextBackbone) -> list[dict[str, NDArray[np.int64]]]:
    """Sentences of generated reports as the sentence encoder is given them, one at a time."""
    texts = (sample.text or "" for sample in generate_samples(N_REPORTS, seed=0))
    words = {read_numbers(sentence).words for text in texts for sentence in split_sentences(text)}
    tokenizer = backbone.loaded()[1]
    ids = [np.array([tokenizer(text)["input_ids"][:MAX_TOKENS]]) for text in by_length(words)]
    return [{"ids": row, "mask": np.ones_like(row)} for row in ids]


def _parts(batch: SeriesBatch | TextBatch) -> dict[str, Tensor]:
    return {f.name: getattr(batch, f.name).cpu() for f in fields(batch)}
