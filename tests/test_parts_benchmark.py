"""Parts of series against planted patterns: what the script plants and counts, and the shipped model above chance."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from tracets.types import MatchedPart

SCRIPTS = Path(__file__).resolve().parents[1] / "benchmarks"
pytestmark = pytest.mark.skipif(not SCRIPTS.is_dir(), reason="the benchmarks are not beside the tests")


@pytest.fixture(scope="module")
def script():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SCRIPTS)
        yield importlib.import_module("parts")


def test_a_pattern_is_where_the_truth_says(script):
    for one in script.planted(16, seed=3):
        row = one.sample.values[0]
        inside = np.arange(one.first, one.first + one.n_steps)
        rest = np.delete(row, inside)
        if one.kind == "burst":
            assert (rest == 0).all() and row[inside].min() >= 1
        elif one.kind == "fall":
            assert inside[0] <= row.argmin() <= inside[-1] and row.min() < rest.min()
        else:
            assert inside[0] <= row.argmax() <= inside[-1] and row.max() > rest.max()
    assert script.words(one, when=False) == f"a heavy burst of {one.sample.channel_names[0]}"
    assert script.words(one, when=True).startswith(script.words(one, when=False) + " ")


def test_judged_by_hand(script):
    one = script.planted(1, seed=0)[0]._replace(first=10, n_steps=4)  # the middle is step 12
    one = one._replace(sample=one.sample.__class__("a", np.zeros((1, 24)), ("load",)))
    part = MatchedPart(8, 6, None, None, 0.1, 0.0)
    # a part of 6 steps may begin at 19 places, and holds step 12 from 7 to 12
    assert script.judged(one, part) == {"named": 1, "right": 1, "chance": 6 / 19, "overlap": 4 / 6}
    assert script.judged(one, MatchedPart(13, 6, None, None, 0.1, 0.0))["right"] == 0
    assert script.judged(one, None) == {"named": 0, "right": 0, "chance": 0, "overlap": 0}


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_shipped_model_finds_planted_patterns_above_chance(script):
    from tracets import api

    found = script.measure(api.load("base"), script.planted(80, seed=11), when=True)
    # measured: .80 against .15; the bound leaves room for another shipped model, none for chance
    assert found["all"]["low"] > 2 * found["all"]["chance"]
    assert found["burst"]["right"] > 0.9
