"""The scripts that measure speed: the count of operations against a counter of torch, and tables of what was found."""

import importlib
import json
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

SCRIPTS = Path(__file__).resolve().parents[1] / "benchmarks"
pytestmark = pytest.mark.skipif(not SCRIPTS.is_dir(), reason="the benchmarks are not beside the tests")


@pytest.fixture(scope="module")
def encode():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SCRIPTS)
        yield importlib.import_module("encode")


@pytest.mark.slow
@pytest.mark.parametrize("form", ["plain", "biased", "block"])
def test_the_operations_are_those_that_torch_counts(encode, form):
    """Within 3 %: the [CIT] rows of biased attention are made twice, the last rows of `block` more simply."""
    size = encode.Size(64, 3, 2)
    run = encode.runner(form, size, encode.windows(2, 3, 60), patch=6)
    with (
        torch.no_grad(),
        torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH),
        FlopCounterMode(display=False) as counter,
    ):
        run()
    assert 2 * encode.gflop(form, size, 3, 60, patch=6) == pytest.approx(counter.get_total_flops() / 1e9, rel=0.03)


@pytest.mark.slow
def test_a_cell_is_measured_once_and_one_that_does_not_fit_is_left_out(encode, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(encode.SIZES, "small", encode.Size(16, 2, 2))
    monkeypatch.setattr(encode, "product_peak", lambda: 100.0)
    out, threads = tmp_path / "cells.jsonl", torch.get_num_threads()
    options = {"sizes": "small", "channels": "2", "steps": "24", "repeats": 1, "memory": False, "seconds": 10.0}
    options |= {"out": out, "forms": "plain,block", "patch": 6, "minutes": 60.0, "threads": threads, "one": ""}
    for _ in range(2):
        encode.main(batches="2", memory_gb=1.0, **options)
    (record,) = [json.loads(line) for line in out.read_text().splitlines()]
    assert record["found"]["plain"]["to_plain"] == 1 and record["found"]["block"]["windows_per_s"] > 0
    encode.main(batches="3", memory_gb=1e-9, **options)
    assert "left out: needs some 0 GB" in capsys.readouterr().out


@pytest.mark.slow
def test_every_form_of_a_step_is_measured(word_backbone, corpus_file, monkeypatch):
    from tracets.data import read_corpus

    monkeypatch.syspath_prepend(SCRIPTS)
    train = importlib.import_module("train")
    monkeypatch.setattr(train, "TextBackbone", lambda: word_backbone)
    found = train.measure(
        list(read_corpus(corpus_file).split("train")), train.FORMS, batch=4, patch=12, repeats=1, bfloat16=True
    )
    assert [(r["stage"], r["form"], r["precision"]) for r in found] == [
        ("stage 1", "block", "float32"), ("stage 1", "ours", "bfloat16"), ("stage 1", "ours", "float32"),
        ("stage 1", "plain", "float32"), ("stage 2", "block", "float32"), ("stage 2", "ours", "bfloat16"),
        ("stage 2", "ours", "float32"), ("stage 2", "plain", "float32"), ("stage 2", "shipped", "float32"),
    ]  # fmt: skip
    assert all(r["to_plain"] > 0 for r in found)


def test_filters_are_measured_beside_lancedb_and_keep_the_same(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    filters = importlib.import_module("filters")
    found = filters.measure_filters(3000, tmp_path, repeats=1)  # it compares what is kept
    assert [r["filter"] for r in found] == list(filters.FILTERS)
    assert [r["kept"] for r in found][3] == 0 and all(0 < r["kept"] < 3000 for i, r in enumerate(found) if i != 3)
    words = filters.measure_words(50, tmp_path, length=8, repeats=1)
    assert words["rows"] == 50 and words["ask_ms"] > 0


@pytest.mark.slow
def test_ways_to_ask_an_index_by_words_and_vectors(tmp_path, monkeypatch, corpus_file, model_folder):
    from tracets import api

    monkeypatch.syspath_prepend(SCRIPTS)
    hybrid = importlib.import_module("hybrid")
    pool = api.read(corpus_file)
    asked = [str(text) for text in pool.column("text")]
    found = hybrid.rows("days", hybrid.half(pool), asked, api.load(model_folder), tmp_path / "x")
    assert [(r["want"], r["by"], r["windows"]) for r in found] == [
        (want, by, windows)
        for want in ("series", "text")
        for by in ("vectors", "both")
        for windows in ("all", "with a text", "without")
    ] + [("text", "words", "all")]
    by_text = {(r["by"], r["windows"]): r for r in found if r["want"] == "text"}
    assert by_text["vectors", "with a text"]["P@1"] == by_text["both", "with a text"]["P@1"] == 1
    assert by_text["words", "all"]["P@1"] == 0.5 and by_text["both", "without"]["MRR"] == 0
