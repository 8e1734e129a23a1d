"""The levelling test on an encoder whose answer is known exactly."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest

from tracets.errors import DataError
from tracets.evaluate.parts import evaluate_parts, levelled
from tracets.types import Sample, SeriesVectors, TextVectors


@dataclass(frozen=True)
class PeakEncoder:
    """A channel's cosine with every sentence is its largest value; with `gaps`, the share of its steps observed."""

    gaps: bool = False
    name: str = "peak"
    fingerprint: str = "1"
    dim: int = 2
    sample_weight: float = 0.0

    def encode_texts(self, texts, *, batch_size=64):
        spans = [tuple(t.split(". ")) for t in texts]
        sentences = tuple(np.tile(np.float32([1, 0]), (len(some), 1)) for some in spans)
        return TextVectors(np.tile(np.float32([1, 0]), (len(texts), 1)), sentences, tuple(spans))

    def encode_series(self, samples, *, batch_size=64):
        values = np.stack([sample.values for sample in samples])
        most = np.nanmax(values, axis=2)
        if self.gaps:  # steps count, the first ones most
            most = (~np.isnan(values) * np.linspace(0.05, 0.01, values.shape[2])).sum(axis=2)
        vectors = np.stack([most, np.sqrt(1 - most**2)], axis=-1).astype(np.float32)
        return SeriesVectors(np.tile(np.float32([0, 1]), (len(samples), 1)), tuple(vectors[:, :, None]))


def window(i, at, text="a peak. high"):
    row = np.full(32, 0.2)
    row[at] = 0.9
    return Sample(f"w{i}", row[None], ("load",), text=text, split="val")


WINDOWS = [window(i, at) for i, at in enumerate((3, 9, 14, 22, 28))]


def test_a_true_part_beats_the_stretches_without_the_peak():
    found = evaluate_parts(WINDOWS, PeakEncoder(), n_boot=50)
    assert (found.windows, found.sentences, found.found, found.split) == (5, 10, 1.0, "val")
    assert found.drop_found == pytest.approx(0.7, abs=1e-6) and found.share == 8 / 32
    # a random stretch of 8 steps holds the peak in at most 8 of 25 places, and ties then
    assert 0.75 < found.beaten.value < 1 and 0 < found.drop_random < 0.35
    # by hand: a tie counts half, and the fall of a random stretch is 0 or that of the part
    assert found.beaten.value == pytest.approx(1 - found.drop_random / 0.7 / 2, abs=1e-6)


def test_a_part_that_only_gaps_make_is_at_chance():
    found = evaluate_parts(WINDOWS, PeakEncoder(gaps=True), n_boot=50)
    assert found.found == 1.0
    assert (found.beaten.value, found.beaten.low, found.beaten.high) == (0.5, 0.5, 0.5)
    assert (found.drop_found, found.drop_random) == (0, 0)


def test_the_same_seed_gives_the_same_report_and_the_limit_is_kept():
    one, same = (evaluate_parts(order, PeakEncoder(), limit=3, n_boot=20) for order in (WINDOWS, WINDOWS[::-1]))
    assert one == same and one.windows == 3
    told = json.loads(json.dumps(one.to_json()))
    assert told["chance"] == 0.5 and told["beaten"] == one.beaten.value and told["provenance"]["limit"] == 3
    assert f"| {one.sentences} | 1.000 | 0.250 |" in one.to_table()


def test_levelled_steps_lie_on_the_line_and_gaps_stay():
    nan = float("nan")
    sample = Sample("a", np.float32([[1, 9, nan, 9, 5, 6], [0, 0, 0, 0, 0, 0]]), ("load", "wind"))
    assert levelled(sample, 0, 1, 3).values[0].tolist() == pytest.approx([1, 2, nan, 4, 5, 6], nan_ok=True)
    assert levelled(sample, 0, 4, 2).values[0].tolist() == pytest.approx([1, 9, nan, 9, 9, 9], nan_ok=True)
    assert levelled(sample, 0, 0, 6).values[0].tolist() == pytest.approx([6, 6, nan, 6, 6, 6], nan_ok=True)
    assert sample.values[0, 1] == 9


def test_what_cannot_be_asked_is_said():
    with pytest.raises(DataError, match="at least 2 windows with a text, got 1 among 2"):
        evaluate_parts([WINDOWS[0], replace(WINDOWS[1], text=None)], PeakEncoder())
    flat = [replace(one, values=np.full((1, 32), 0.5)) for one in WINDOWS]
    with pytest.raises(DataError, match="none of 10 sentences has a part"):
        evaluate_parts(flat, PeakEncoder())
