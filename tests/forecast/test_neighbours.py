"""Neighbours against brute force, and the rule that nothing of a query's time is ever told."""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from tracets.data.pairs import Pair, cut_pairs
from tracets.data.series import Series
from tracets.data.windows import cut_windows
from tracets.errors import ConfigError, DataError
from tracets.forecast.neighbours import Memory, Neighbours
from tracets.retrieval.build import build_index
from tracets.retrieval.scores import series_bank, series_to_series, text_bank, text_to_text
from tracets.types import Sample

CONTEXT, HORIZON = 8, 3
WORDS = ("calm", "breezy at first", "a storm", "gusts all day", "dry", "windy")


def pairs_of(*, entity="ny", n=60, seed=0, start=datetime(2020, 1, 1), text=True):
    values = np.random.default_rng(seed).normal(size=(2, n))
    series = Series(entity, values, ("rain", "wind"), start, "h")

    def said(past):
        return replace(past, text=WORDS[int(4 * abs(past.values[1, 0])) % len(WORDS)]) if text else past

    return cut_pairs([series], context=CONTEXT, horizon=HORIZON, stride=2, text=said)


@pytest.fixture(scope="module")
def encoder(tiny_model):
    return tiny_model()


@pytest.fixture(scope="module")
def memory(encoder):
    return Memory(pairs_of() + pairs_of(entity="sf", seed=1), encoder)


def ends(pair):
    return pair.past.start + timedelta(hours=CONTEXT + HORIZON)


def test_the_nearest_are_those_of_a_plain_loop(memory, encoder):
    queries = pairs_of(entity="la", seed=2)
    found = memory.nearest(queries, top=4)
    banks = [
        series_bank(encoder.encode_series([p.past for p in ps]), [p.past.channel_names for p in ps])
        for ps in (queries, memory.pairs)
    ]
    scores = series_to_series(*banks, sample_weight=encoder.sample_weight)
    for i, query in enumerate(queries):
        allowed = [j for j, pair in enumerate(memory.pairs) if ends(pair) <= query.past.start]
        best = sorted(allowed, key=lambda j: (-scores[i, j], j))[:4]
        assert found.rows[i].tolist() == best + [-1] * (4 - len(best))
        assert found.scores[i][: len(best)] == pytest.approx(scores[i, best], abs=1e-6)
        assert np.isnan(found.scores[i][len(best) :]).all()
    assert (found.rows[0] == -1).all() and (found.rows[-1] >= 0).all()


@pytest.mark.parametrize("asked", [{}, {"placebo": True}, {"retrieval": "series+text"}])
def test_no_neighbour_reaches_into_the_query_or_past_it(memory, asked):
    queries = pairs_of() + pairs_of(entity="sf", seed=1)
    found = memory.nearest(queries, top=len(memory), **asked)
    told = 0
    for query, rows in zip(queries, found.rows, strict=True):
        for row in rows[rows >= 0]:
            told += 1
            assert ends(memory.pairs[row]) <= query.past.start
    assert told > 500


def test_without_times_the_place_in_the_own_series_counts(encoder):
    timeless = [replace(pair, past=replace(pair.past, start=None, freq=None)) for pair in pairs_of()]
    memory = Memory(timeless, encoder)
    found = memory.nearest(timeless, top=len(timeless))
    for query, rows in zip(timeless, found.rows, strict=True):
        assert all(memory.pairs[row].end <= query.first for row in rows[rows >= 0])
        assert (rows >= 0).sum() == sum(pair.end <= query.first for pair in timeless)
    of_another = [replace(p, past=replace(p.past, metadata={"entity": "sf"})) for p in timeless]
    assert (memory.nearest(of_another, top=3).rows >= 0).all()
    nameless = [replace(p, past=replace(p.past, metadata={})) for p in timeless]
    found = Memory(nameless, encoder).nearest(nameless, top=len(nameless)).rows
    assert [sorted(rows) for rows in found] == [[-1, *np.delete(np.arange(len(found)), i)] for i in range(len(found))]


def test_texts_have_half_the_say_where_both_are_told(memory, encoder):
    query = pairs_of(entity="la", seed=2)[-1]
    both = memory.nearest([query], top=1, retrieval="series+text")
    row = both.rows[0, 0]
    said, stored = (text_bank(encoder.encode_texts([p.past.text])) for p in (query, memory.pairs[row]))
    text = text_to_text(said, stored, sample_weight=encoder.sample_weight)[0, 0]
    series = memory.nearest([query], top=len(memory))
    alone = series.scores[0][series.rows[0].tolist().index(row)]
    assert both.scores[0, 0] == pytest.approx((text + alone) / 2, abs=1e-5)
    silent = replace(query, past=replace(query.past, text=None))
    assert memory.nearest([silent], top=5, retrieval="series+text").rows.tolist() == [series.rows[0][:5].tolist()]


def test_a_placebo_is_drawn_by_its_seed(memory):
    query = pairs_of(entity="la", seed=2)[-1]
    rows = [memory.nearest([query], top=5, placebo=True, seed=seed).rows.tolist() for seed in (0, 0, 1)]
    assert rows[0] == rows[1] != rows[2]


def test_a_prompt_is_made_of_series_and_text(memory, encoder):
    neighbours = Neighbours(np.array([[3, -1]]), np.array([[0.5, np.nan]], np.float32))
    [past] = [memory.pairs[3].past]
    series, text = encoder.encode_series([past]).sample[0], encoder.encode_texts([past.text]).sample[0]
    with_text = memory.vectors(neighbours, retrieval="series+text")
    assert with_text.shape == (1, 2, 2 * encoder.dim)
    assert with_text[0, 0] == pytest.approx(np.concatenate([series, text]), abs=1e-5)
    assert not with_text[0, 1].any()
    alone = memory.vectors(neighbours, retrieval="series")
    assert alone[0, 0] == pytest.approx(np.concatenate([series, 0 * text]), abs=1e-5)
    assert memory.ids(neighbours, 0) == (past.id,)


def test_texts_may_be_shuffled_for_a_placebo(memory):
    shuffled = memory.with_texts_shuffled(seed=1)
    query = pairs_of(entity="la", seed=2)[-1]
    here, there = (one.vectors(one.nearest([query], top=9), retrieval="series+text")[0] for one in (memory, shuffled))
    dim = memory.encoder.dim
    assert (here[:, :dim] == there[:, :dim]).all()
    assert (here[:, dim:] != there[:, dim:]).any(axis=1).sum() >= 4
    everyone = Neighbours(np.arange(len(memory))[None], np.zeros((1, len(memory)), np.float32))
    rows = [np.sort(one.vectors(everyone, retrieval="series+text")[0, :, dim:], axis=0) for one in (memory, shuffled)]
    assert rows[0].tolist() == rows[1].tolist()
    asked = [one.nearest([query], top=9, retrieval="series+text").rows.tolist() for one in (memory, shuffled)]
    assert asked[0] == asked[1]


def test_what_cannot_be_remembered_or_asked_is_refused(memory, encoder):
    one, other = pairs_of()[:2]
    with pytest.raises(DataError, match="got no pairs"):
        Memory([], encoder)
    with pytest.raises(DataError, match=r"one horizon, got \[1, 3\]"):
        Memory([one, replace(other, future=other.future[:, :1])], encoder)
    with pytest.raises(DataError, match="1 of 2 pairs have no start"):
        Memory([one, replace(other, past=replace(other.past, start=None))], encoder)
    with pytest.raises(ConfigError, match="top >= 1 and retrieval 'series' or 'series\\+text', got 0 and 'series'"):
        memory.nearest([one], top=0)
    assert memory.nearest([], top=3).rows.shape == (0, 3)


def test_a_window_may_ask_without_a_pair(memory):
    pair = pairs_of(entity="la", seed=2)[-1]
    assert isinstance(pair, Pair) and isinstance(pair.past, Sample)
    assert memory.nearest([pair.past], top=4).rows.tolist() == memory.nearest([pair], top=4).rows.tolist()


@pytest.mark.slow
def test_an_index_remembers_what_followed_its_windows(tmp_path, encoder):
    series = Series("ny", np.random.default_rng(0).normal(size=(2, 80)), ("rain", "wind"), datetime(2020, 1, 1), "h")
    windows = [
        replace(window, text="windy" if i % 3 else None)
        for i, window in enumerate(cut_windows([series], length=CONTEXT, stride=CONTEXT).samples)
    ]
    index = build_index(windows, encoder, tmp_path / "index")
    memory = Memory.of_index(index, encoder, HORIZON)
    assert [pair.past.id for pair in memory.pairs] == [window.id for window in windows[:-1]]
    assert (memory.pairs[4].future == series.values[:, 5 * CONTEXT : 5 * CONTEXT + HORIZON]).all()
    anew = Memory(memory.pairs, encoder)
    for retrieval in ("series", "series+text"):
        stored, made = (one.nearest(windows, top=3, retrieval=retrieval) for one in (memory, anew))
        assert stored.rows.tolist() == made.rows.tolist()
        assert stored.scores == pytest.approx(made.scores, abs=1e-5, nan_ok=True)
    alone = build_index(windows[:1], encoder, tmp_path / "alone")
    with pytest.raises(DataError, match="holds no window that another of its series follows"):
        Memory.of_index(alone, encoder, HORIZON)
