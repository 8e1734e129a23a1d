"""Flip every byte of the files of small model folders in turn: each must be an error of tracets or change no answer.

    python benchmarks/flips.py --only model --out flips.jsonl

The folders are an untrained model, a forecaster and a classifier fitted on it, and its ONNX export, over a sentence
encoder of random weights. Byte i has bit `(i + seed) % 8` flipped; the folder is then loaded, and where that goes well
it is asked the same as the whole one. Anything else than an error of tracets or the very same answer is a finding.
"""

from __future__ import annotations

import functools
import json
import shutil
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer

import tracets.encoders.model as model_room
from tracets import api
from tracets.errors import TracetsError
from tracets.types import Sample

Answer = tuple[Any, ...]
TEXTS = ["the load falls to 3. dry at first"]
RNG = np.random.default_rng(0)
WINDOWS = [
    Sample(f"w{i}", (RNG.normal(size=(2, 48)) + 3 * (i % 2)).astype(np.float32), ("load", "wind")) for i in range(20)
]
LABELS = ["low", "high"] * 10


def sentence_encoder(folder: Path) -> Path:
    """A sentence encoder with random weights and a tokenizer of letters."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,"
    known = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *("##" + c for c in letters)]
    tokenizer = Tokenizer(models.WordPiece({w: i for i, w in enumerate(known)}, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    BertModel(BertConfig(vocab_size=len(known), max_position_embeddings=512, **sizes)).save_pretrained(folder)
    return folder


def vectors(model: Any) -> Answer:
    series, texts = model.encode_series(WINDOWS[:2]), model.encode_texts(TEXTS)
    return (model.fingerprint, model.sample_weight, *map(_listed, (series.sample, *series.channels, texts.sample)))


def _listed(array: Any) -> Any:
    return np.asarray(array).tolist()


def make_folders(root: Path) -> dict[str, tuple[Path, Callable[[Path], Answer]]]:
    """Folder and answer of each kind."""
    from tracets.encoders.export import export_model
    from tracets.encoders.model import TraceModel
    from tracets.encoders.onnx_model import OnnxModel
    from tracets.encoders.settings import ModelConfig, SeriesConfig, TextConfig
    from tracets.encoders.store import load_model, save_model
    from tracets.tasks import loaded
    from tracets.tasks.classifier import TraceClassifier
    from tracets.tasks.saved import load_classifier, save_classifier

    backbone = str(sentence_encoder(root / "sentences"))
    torch.manual_seed(1)
    # the plainest of each, or there would be ten times as many bytes of the same sort
    series = SeriesConfig(dim=8, heads=1, layers=1, patch=4, vectors=1, features="none", calendar="none")
    text = TextConfig(backbone=backbone, dim=8, heads=1, context_layers=0)
    config = ModelConfig(dim=8, sample_weight=0.3, sample="cls", series=series, text=text)
    model = TraceModel(config, name="tiny").eval()
    save_model(model, root / "model", card="# tiny\n")
    export_model(model, root / "export")
    save_classifier(
        TraceClassifier(str(root / "model"), views=("vectors", "whole"), neighbours=2).fit(WINDOWS, LABELS),
        root / "classifier",
    )
    api.save_forecaster(api.fit_forecaster([_long()], 3, model=root / "model", context=24), root / "forecaster")

    def forecasts(folder: Path) -> Answer:
        [ahead] = api.load_forecaster(folder).forecast([_long()], 3)
        return _listed(ahead.mean), _listed(ahead.quantiles)

    def labels(folder: Path) -> Answer:
        loaded._kept.cache_clear()  # or the encoder that was read before would answer
        return (_listed(load_classifier(folder).predict_proba(WINDOWS)),)

    return {
        "model": (root / "model", lambda folder: vectors(load_model(folder))),
        "export": (root / "export", lambda folder: vectors(OnnxModel(folder, name="tiny"))),
        "classifier": (root / "classifier", labels),
        "forecaster": (root / "forecaster", forecasts),
    }


def _long() -> Sample:
    from datetime import datetime

    values = np.sin(np.arange(200.0) / 4)[None] + np.array([[0.0], [2.0]])
    return Sample("long", values.astype(np.float32), ("load", "wind"), start=datetime(2020, 1, 1), freq="h")


def flip(file: Path, read: Callable[[], Answer], *, seed: int, first: int, last: int | None) -> dict[str, Any]:
    """Flip bytes `first` to `last` (exclusive) of one file in turn, and put each back."""
    whole, right = file.read_bytes(), read()
    counts: Counter[str] = Counter()
    findings: list[str] = []
    slowest = 0.0
    for at in range(first, min(len(whole), len(whole) if last is None else last)):
        data = bytearray(whole)
        data[at] ^= 1 << (at + seed) % 8
        file.write_bytes(data)
        began = time.perf_counter()
        try:
            kind = "unchanged" if read() == right else "wrong"
        except TracetsError:
            kind = "refused"
        except Exception as error:
            kind = f"{type(error).__name__}: {error}"[:200]
        slowest = max(slowest, time.perf_counter() - began)
        if kind not in ("unchanged", "refused"):
            findings.append(f"byte {at}: {kind}")
            kind = "finding"
        counts[kind] += 1
    file.write_bytes(whole)
    return {**counts, "bytes": len(whole), "slowest_s": round(slowest, 2), "findings": findings[:20]}


def main(
    only: Annotated[str | None, typer.Option(help="model, export, classifier or forecaster.")] = None,
    seed: Annotated[int, typer.Option(help="Which bit of each byte.")] = 0,
    last: Annotated[int | None, typer.Option(help="Only so many bytes of each file.")] = None,
    out: Annotated[Path | None, typer.Option(help="Append a JSON line for each file.")] = None,
) -> None:
    """Flip and count."""
    warnings.simplefilter("ignore")
    model_room.TextBackbone = functools.cache(model_room.TextBackbone)  # type: ignore[assignment,misc]
    root = Path(tempfile.mkdtemp(prefix="flips-"))
    try:
        for name, (folder, answer) in make_folders(root).items():
            for file in sorted(path for path in folder.rglob("*") if path.is_file()):
                if only not in (None, name):
                    continue
                began = time.perf_counter()
                found = flip(file, lambda f=folder, a=answer: a(f), seed=seed, first=0, last=last)
                record = {"folder": name, "file": str(file.relative_to(folder)), "seed": seed, **found}
                record["seconds"] = round(time.perf_counter() - began, 1)
                typer.echo(json.dumps(record))
                if out is not None:
                    with out.open("a", encoding="utf-8") as lines:
                        lines.write(json.dumps(record) + "\n")
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    typer.run(main)
