"""The part of a channel that a sentence matches: by hand on encoders whose answer is known, and on planted patterns."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pytest

from tracets.retrieval import matched
from tracets.retrieval.build import build_index
from tracets.retrieval.matched import Asked, matched_parts, stretches, time_of, without
from tracets.retrieval.reasons import explain
from tracets.types import MatchedPart, Sample, SeriesVectors, TextVectors


@dataclass
class PeakEncoder:
    """A channel's cosine with the sentence [1, 0] is its largest value; it counts how many windows it encodes."""

    name: str = "peak"
    fingerprint: str = "1"
    dim: int = 2
    sample_weight: float = 0.0
    encoded: int = 0

    def encode_texts(self, texts, *, batch_size=64):
        spans = [tuple(t.split(". ")) for t in texts]
        sentences = tuple(np.tile(np.float32([1, 0]), (len(some), 1)) for some in spans)
        return TextVectors(np.tile(np.float32([1, 0]), (len(texts), 1)), sentences, tuple(spans))

    def encode_series(self, samples, *, batch_size=64):
        self.encoded += len(samples)
        channels = []
        for sample in samples:
            most = np.array([np.nanmax(row) if not np.isnan(row).all() else 0 for row in sample.values])
            vectors = np.stack([most, np.sqrt(1 - most**2)], axis=1).astype(np.float32)
            vectors[np.isnan(sample.values).all(axis=1)] = 0
            channels.append(vectors[:, None])
        return SeriesVectors(np.tile(np.float32([0, 1]), (len(samples), 1)), tuple(channels))


def window(*rows, **known):
    return Sample("w", np.array(rows), tuple(f"c{i}" for i in range(len(rows))), **known)


def with_peak(at, n=32):
    row = np.full(n, 0.2)
    row[at] = 0.9
    return row


SENTENCE = np.float32([1, 0])


def test_the_part_is_where_the_peak_is_by_hand():
    # of the stretches without the peak the longest falls as much as the others: 0.9 - 0.2, against 0 without another
    sample = window(with_peak(13), start=datetime(2020, 5, 1, 22, tzinfo=UTC), freq="h")
    [found] = matched_parts(PeakEncoder(), sample, [Asked(SENTENCE, 0)])
    assert found == MatchedPart(
        8, 8, datetime(2020, 5, 2, 6, tzinfo=UTC), datetime(2020, 5, 2, 13, tzinfo=UTC), pytest.approx(0.7), 0.0
    )


def plain_loop(encoder, sample, channel):
    """The stretch whose fall exceeds the median fall at its length most, by a loop over single windows."""

    def cosine(of):
        return float((encoder.encode_series([of]).channels[0][channel] @ SENTENCE).max())

    falls = {place: round(cosine(sample) - cosine(without(sample, channel, *place)), 6) for place in stretches(32)}
    best, most = None, -1
    for (first, n), fall in falls.items():
        over = fall - float(np.median([f for (_, m), f in falls.items() if m == n]))
        if over > most and not np.isnan(sample.values[channel, first : first + n]).all():
            best, most = (first, n), over
    return best, most


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_against_a_plain_loop(seed):
    rng = np.random.default_rng(seed)
    sample = window(*rng.random((3, 32)) * 0.9)
    sample.values[1, rng.integers(0, 32, 12)] = np.nan
    asked = [Asked(SENTENCE, int(c)) for c in rng.permutation(3)] + [Asked(SENTENCE, 1)]
    for one, found in zip(asked, matched_parts(PeakEncoder(), sample, asked), strict=True):
        place, over = plain_loop(PeakEncoder(), sample, one.channel)
        assert (found is None) == (over < matched.LEAST)
        if found is not None:
            assert (found.first_step, found.n_steps) == place
            assert found.drop - found.usual == pytest.approx(over, abs=1e-6)
            assert (found.start, found.end) == (None, None)  # no freq, no times


def test_no_part_where_none_counts_more():
    level, dead = np.full(32, 0.5), np.full(32, np.nan)
    assert matched_parts(PeakEncoder(), window(level, dead), [Asked(SENTENCE, 0), Asked(SENTENCE, 1)]) == [None, None]
    assert matched_parts(PeakEncoder(), window(with_peak(3, n=7)), [Asked(SENTENCE, 0)]) == [None]
    assert matched_parts(PeakEncoder(), window(level), []) == []


def test_what_is_missing_anyway_is_no_part():
    row = with_peak(20)
    row[:16] = np.nan
    [found] = matched_parts(PeakEncoder(), window(row), [Asked(SENTENCE, 0)])
    assert found.first_step <= 20 < found.first_step + found.n_steps


def test_the_work_is_bounded(monkeypatch):
    sample, tried = window(*(with_peak(c) for c in range(4))), len(stretches(32))
    asked = [Asked(SENTENCE, c) for c in (2, 0, 2, 1, 3)]
    monkeypatch.setattr(matched, "MOST_ENCODED", 2 * tried + 1)
    encoder = PeakEncoder()
    assert [part is not None for part in matched_parts(encoder, sample, asked)] == [True, True, True, False, False]
    assert encoder.encoded == 2 * tried + 1
    monkeypatch.setattr(matched, "MOST_VALUES", 3 * sample.values.size)
    assert matched_parts(encoder, sample, asked) == [None] * 5 and encoder.encoded == 2 * tried + 1


@pytest.mark.parametrize("n", [8, 9, 12, 31, 168, 720])
def test_stretches_cover_the_window_at_every_length(n):
    found = stretches(n)
    assert len(set(found)) == len(found) <= 60
    for length in {size for _, size in found}:
        covered = {step for first, size in found if size == length for step in range(first, first + size)}
        assert covered == set(range(n))
    assert stretches(7) == []


def test_months_have_their_own_lengths():
    sample = window(np.zeros(14), start=datetime(2020, 1, 1), freq="MS")
    assert [time_of(sample, step) for step in (0, 1, 13)] == [
        datetime(2020, 1, 1), datetime(2020, 2, 1), datetime(2021, 2, 1),
    ]  # fmt: skip


def test_an_explanation_says_the_part(tmp_path):
    encoder = PeakEncoder()
    told = {"start": datetime(2020, 5, 1, tzinfo=UTC), "freq": "D"}
    index = build_index([window(np.full(32, 0.3), with_peak(28), **told)], encoder, tmp_path / "index")
    found = json.loads(json.dumps(explain(index.folder, encoder, "w", "a peak").to_json()))
    assert found["sentences"][0]["channel"] == "c1"
    assert found["sentences"][0]["place"] == {
        "first_step": 24, "n_steps": 8, "start": "2020-05-25T00:00:00+00:00", "end": "2020-06-01T00:00:00+00:00",
        "drop": pytest.approx(0.7), "usual": 0.0,
    }  # fmt: skip
