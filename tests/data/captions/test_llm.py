"""The language-model captioner against a local server that speaks the OpenAI protocol."""

import json
import sys

import numpy as np
import pytest

from tracets.data.captions.caption import Captions
from tracets.data.captions.llm import LlmCaptioner, prompt, unsupported_numbers
from tracets.data.captions.reader import read_facts
from tracets.errors import CaptionError, ConfigError, MissingExtra
from tracets.types import Sample

pytestmark = pytest.mark.slow

KEY = "sk-very-secret-key"
GOOD = {
    "text": "The load runs from 1.0 to 8.0 MW. PM2.5 is 5.0.",
    "channel_texts": ["It peaks at 8.0 MW.", "It is 5.0."],
}


@pytest.fixture
def sample():
    values = np.array([[1.0, 2.5, 3.0, 8.0], [5.0, 5.0, 5.0, 5.0]])
    return Sample("win-1", values, ("load", "pm2_5"), ("MW", None), text=None)


@pytest.fixture
def server(llm_server):
    return llm_server


@pytest.fixture
def captioner(server, tmp_path):
    return LlmCaptioner(
        "tiny", tmp_path / "cache", base_url=f"http://127.0.0.1:{server.server_port}/v1", api_key=KEY, max_retries=2
    )


def test_an_answer_is_checked_cached_and_never_asked_twice(server, captioner, sample):
    server.answers = [(200, json.dumps(GOOD))]
    first = captioner.caption(sample)
    assert (first.text, list(first.channel_texts)) == (GOOD["text"], GOOD["channel_texts"])
    assert first.unsupported == () and not first.from_cache
    again = captioner.caption(sample)
    assert again.from_cache and again.text == first.text
    assert len(server.asked) == 1
    assert [p.suffix for p in captioner.cache_dir.rglob("*") if p.is_file()] == [".json"]


@pytest.mark.parametrize("damage", ["{}", "[" * 100_000, "null", '{"text": "a.", "channel_texts": []}', "\x80", "{"])
def test_a_damaged_cache_entry_is_asked_for_anew(server, captioner, sample, damage):
    server.answers = [(200, json.dumps(GOOD))] * 2
    captioner.caption(sample)
    (kept,) = captioner.cache_dir.rglob("*.json")
    kept.write_text(damage)
    again = captioner.caption(sample)
    assert not again.from_cache and again.text == GOOD["text"] and json.loads(kept.read_text()) == GOOD


def test_another_model_is_another_cache_entry(server, captioner, sample):
    server.answers = [(200, json.dumps(GOOD))] * 2
    captioner.caption(sample)
    other = LlmCaptioner("other", captioner.cache_dir, base_url=captioner.base_url, api_key=KEY)
    assert not other.caption(sample).from_cache


def test_too_many_requests_then_success(server, captioner, sample):
    server.answers = [(429, ""), (200, json.dumps(GOOD))]
    assert captioner.caption(sample).text == GOOD["text"]
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("no json", "not a JSON object"),
        (json.dumps({"text": "a."}), "exactly the keys"),
        (json.dumps({"text": " ", "channel_texts": ["a.", "b."]}), "non-empty string"),
        (json.dumps({"text": "a.", "channel_texts": ["a."]}), "must have 2 entries, it has 1"),
        (json.dumps({"text": "a.", "channel_texts": ["a.", None]}), "list of non-empty strings"),
    ],
)
def test_a_malformed_answer_is_asked_again_with_the_reason(server, captioner, sample, wrong, said):
    server.answers = [(200, wrong), (200, json.dumps(GOOD))]
    assert captioner.caption(sample).text == GOOD["text"]
    assert said in server.asked[1]["messages"][-1]["content"]


def test_malformed_to_the_end_is_an_error_and_is_not_cached(server, captioner, sample):
    server.answers = [(200, "[]")] * 3
    with pytest.raises(CaptionError, match="3 answers of the wrong shape for sample 'win-1'"):
        captioner.caption(sample)
    assert not captioner.cache_dir.exists()


@pytest.mark.parametrize("status", [401, 500])
def test_no_key_in_errors_or_repr(server, captioner, sample, status):
    server.answers = [(status, "")] * 3
    with pytest.raises(CaptionError, match=f"HTTP {status}") as caught:
        captioner.caption(sample)
    assert KEY not in str(caught.value) and caught.value.__cause__ is None and caught.value.__suppress_context__
    assert KEY not in repr(captioner)


def test_estimate_asks_nothing_and_leaves_out_what_is_cached(server, captioner, sample):
    other = Sample("win-2", sample.values + 1, sample.channel_names, sample.units)
    server.answers = [(200, json.dumps(GOOD))]
    captioner.caption(sample)
    estimate = captioner.estimate([sample, other], price_in=2.0, price_out=8.0)
    characters = sum(len(m["content"]) for m in prompt(read_facts(other)))
    assert estimate.requests == 1
    assert (estimate.tokens_in, estimate.tokens_out) == (round(characters / 3.5), 260 + 2 * 70)
    assert estimate.cost == pytest.approx((estimate.tokens_in * 2 + estimate.tokens_out * 8) / 1e6)
    assert len(server.asked) == 1


def test_estimate_counts_what_would_be_asked(captioner, sample):
    from dataclasses import replace

    told = replace(sample, text="A report.", channel_texts=("One.", "Two."))
    partly = replace(sample, text="A report.", channel_texts=("One.", None))
    prices = {"price_in": 1.0, "price_out": 1.0}
    assert captioner.estimate([told, partly], **prices).requests == 1
    assert captioner.estimate([told, partly], **prices, overwrite=True).requests == 2


def test_numbers_that_the_data_do_not_hold_are_flagged(sample):
    captions = Captions("PM2.5 is 5 and the load 8.04 MW, 25% at day 1.", ("Low 1.0, then 8.1 MW.", "It is -5.0."))
    assert unsupported_numbers(sample, captions) == ("8.04", "25", "8.1", "-5.0")


def test_a_corpus_keeps_its_texts_unless_told_otherwise(server, captioner, sample):
    from dataclasses import replace

    told = replace(sample, text="A report.", channel_texts=(None, "Kept."))
    server.answers = [(200, json.dumps(GOOD))]
    (kept,) = captioner.caption_corpus([told])
    assert (kept.text, kept.channel_texts) == ("A report.", (GOOD["channel_texts"][0], "Kept."))
    (new,) = captioner.caption_corpus([told], overwrite=True)
    assert new.text == GOOD["text"] and new.metadata["unsupported_numbers"] == []


def test_the_prompt_names_no_sample_and_no_date(sample):
    from datetime import datetime

    dated = Sample("station-ny-2013", sample.values, sample.channel_names, sample.units, datetime(2013, 6, 1), "h")
    content = "".join(m["content"] for m in prompt(read_facts(dated)))
    assert "2013" not in content and "station" not in content and "8.0 MW" in content


def test_without_the_client_the_extra_is_named(monkeypatch, captioner, sample):
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(MissingExtra, match=r'pip install "tracets\[llm\]"'):
        captioner.caption(sample)


def test_settings_out_of_range_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="max_retries >= 0"):
        LlmCaptioner("m", tmp_path, max_retries=-1)
