"""The model that ships: it is small, whole, and reads captions of windows it never saw."""

import json
import shutil

import numpy as np
import pytest

from tracets import api
from tracets.data.generate import Curriculum, generate_samples
from tracets.encoders.store import SHIPPED
from tracets.errors import ModelError
from tracets.metrics import first_relevant, reciprocal_rank
from tracets.retrieval.scores import series_bank, text_bank, text_to_series


@pytest.fixture(scope="module")
def base():
    return api.load("base")


def test_it_is_small_and_holds_no_pickle():
    files = sorted(p.name for p in (SHIPPED / "base").iterdir())
    assert files == ["card.md", "config.json", "model.safetensors"]
    assert sum(p.stat().st_size for p in (SHIPPED / "base").iterdir()) < 30e6


@pytest.mark.slow
def test_it_is_checked_whatever_settings_came_after_it(base, tmp_path):
    """An index of it names this fingerprint: it may not change while the model does not."""
    saved = json.loads((SHIPPED / "base" / "config.json").read_text())
    assert base.fingerprint == saved["fingerprint"]
    copy = shutil.copytree(SHIPPED / "base", tmp_path / "copy")
    saved["model"]["series"]["calendar"] = "clock"
    (copy / "config.json").write_text(json.dumps(saved))
    with pytest.raises(ModelError, match="not those it was saved with"):
        api.load(copy)


@pytest.mark.slow
def test_it_finds_generated_windows_of_sites_it_never_saw_by_their_captions(base):
    """24 windows of one site, another seed than in training: chance is .157, the bound is far below what was seen."""
    plan = Curriculum(family=24, channels=(3, 3), lengths=(96, 96))
    samples = list(generate_samples(24, seed=99, curriculum=plan))
    series = series_bank(base.encode_series(samples), [s.channel_names for s in samples])
    texts = text_bank(base.encode_texts([s.text for s in samples]))
    scores = text_to_series(texts, series, sample_weight=base.sample_weight)
    own = np.eye(len(samples), dtype=bool)
    assert reciprocal_rank(first_relevant(scores, own)).mean() > 0.5
    assert reciprocal_rank(first_relevant(scores.T, own)).mean() > 0.4


@pytest.mark.slow
def test_a_number_in_a_question_counts(base):
    """Weeks around 5, 15 and 25 °C: each is found by its own mean, not by another's."""
    from tracets.types import Sample

    hours = np.arange(168)
    levels = (5.0, 15.0, 25.0)
    weeks = [
        Sample(f"{level}", (level + 3 * np.sin(hours / 24 * 2 * np.pi))[None], ("temperature",), ("°C",), freq="h")
        for level in levels
    ]
    series = series_bank(base.encode_series(weeks), [s.channel_names for s in weeks])
    asked = base.encode_texts([f"The temperature averages {level} °C." for level in levels])
    scores = text_to_series(text_bank(asked), series, sample_weight=0.0)
    assert scores.argmax(axis=1).tolist() == [0, 1, 2]


@pytest.mark.slow
def test_a_sentence_matches_by_the_channel_that_counts(base):
    """Ten real weeks of the test split, chance .14.

    Without a Transformer no channel leaks into another: what a hit says of its channels can come out wrong by the
    vector of the whole alone, a tenth of the score; the largest part of an explanation is another matter.
    """
    from tracets.data import Corpus
    from tracets.evaluate.deletion import evaluate_channels

    weeks = list(api.weather(captions=False).split("test"))[::26]
    found = evaluate_channels(list(api.caption(Corpus.from_samples(weeks))), base, n_boot=20)
    assert found.whole_text.n == 10 and found.sentences.n > 80
    assert found.sentences.agreement.value > 0.95 and abs(found.sentences.drop_other) < 0.01
    assert found.whole_text.agreement.value > 0.3
    assert found.hit_channels.agreement.value > 0.8
