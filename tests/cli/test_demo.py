"""`tracets demo`: five questions in five modes."""

import json

import pytest

from tracets import api


@pytest.fixture
def tiny_demo(monkeypatch, corpus_file, model_folder):
    """The demo on twelve days and an untrained model, in the columns of the weather."""
    from dataclasses import replace

    from tracets.data import Corpus

    rename = {"channel_names": ("precipitation", "wind speed"), "split": "test", "metadata": {"entity": "JFK"}}
    corpus = Corpus.from_samples(replace(s, **rename) for s in api.read(corpus_file))
    load = api.load
    monkeypatch.setattr(api, "weather", lambda: corpus)
    monkeypatch.setattr(api, "load", lambda name: load(model_folder))


@pytest.mark.slow
def test_five_questions_are_answered_and_drawn(tiny_demo, tracets, tmp_path):
    result = tracets("demo", "--out", tmp_path, "--json")
    assert result.code == 0, result
    hits = [json.loads(line) for line in result.out.splitlines()]
    assert [(h["question"], h["rank"]) for h in hits] == [(q, r) for q in range(1, 6) for r in (1, 2, 3)]
    assert list(hits[3]["channels"]) == ["precipitation"]
    assert sorted(p.name for p in tmp_path.glob("*.html")) == [f"question-{q}.html" for q in range(1, 6)]
    assert f"tracets search {tmp_path}/weather.index" in result.err


@pytest.mark.slow
def test_it_may_be_run_again(tiny_demo, tracets, tmp_path):
    tracets("demo", "--out", tmp_path)
    result = tracets("demo", "--out", tmp_path)
    assert result.code == 0 and "5. for reports: a series finds texts: like day-6" in result.out


@pytest.mark.slow
@pytest.mark.skipif("base" not in api.shipped_models(), reason="no model ships in this tree yet")
def test_on_the_real_weather(tracets, tmp_path):
    result = tracets("demo", "--out", tmp_path, "--json")
    hits = [json.loads(line) for line in result.out.splitlines()]
    assert result.code == 0 and len(hits) == 15
    assert all(h["metadata"]["entity"] == "JFK" for h in hits if h["question"] == 3)
