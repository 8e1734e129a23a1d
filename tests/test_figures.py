"""Figures for notebooks: what is drawn is what was given, in the colours of its groups."""

from dataclasses import replace

import numpy as np
import pytest

from tracets import api
from tracets.data import Corpus
from tracets.errors import DataError
from tracets.figures import COLORS, MOST_PANELS, OTHER, colors_of, evenly, groups_of, map_figure
from tracets.plane import to_plane
from tracets.types import Sample

EVIL = "<b onclick=x>&"


@pytest.fixture(scope="module")
def corpus(corpus_file):
    return api.read(corpus_file)


@pytest.mark.slow
def test_a_corpus_is_drawn_by_its_labels(corpus):
    figure = corpus.plot()
    assert len(figure.data) == 24 and "12 windows, by label" in figure.layout.title.text
    colors = {trace.name: trace.line.color for trace in figure.data}
    assert set(colors) == {"fair", "stormy"} and len(set(colors.values())) == 2
    assert sum(trace.showlegend for trace in figure.data) == 2
    for sample in corpus:
        rain, wind = (trace for trace in figure.data if trace.hovertext == sample.id)
        np.testing.assert_array_equal(np.asarray(rain.y, float), sample.values[0])
        np.testing.assert_array_equal(np.asarray(wind.y, float), sample.values[1])
        assert (rain.xaxis, wind.xaxis) == ("x", "x2") and rain.name == sample.label


@pytest.mark.slow
def test_a_few_windows_are_drawn_evenly(corpus):
    assert {trace.hovertext for trace in corpus.plot(most=3).data} == {"day-0", "day-6", "day-11"}
    assert {trace.name for trace in corpus.plot(by="entity").data} == {"ny", "sf"}
    with pytest.raises(DataError, match="coloured by 'lable': they have label, split.*entity"):
        corpus.plot(by="lable")
    with pytest.raises(DataError, match="at least 1, got 0"):
        corpus.plot(most=0)
    with pytest.raises(DataError, match="no windows to draw"):
        corpus.where("label = 'none'").plot()


@pytest.mark.slow
def test_many_channels_are_the_most_frequent_ones():
    wide = [Sample(str(i), np.ones((20, 3)), [f"c{j}" for j in range(20)]) for i in range(2)]
    wide.append(Sample("x", np.ones((1, 3)), ("c19",)))
    figure = Corpus.from_samples(wide).plot()
    assert f"3 windows, {MOST_PANELS} of 20 channels" in figure.layout.title.text
    assert len({trace.xaxis for trace in figure.data}) == MOST_PANELS
    assert sum(trace.hovertext == "x" for trace in figure.data) == 1


def test_rare_groups_are_one():
    samples = [Sample(str(i), [[0]], ("x",), label=f"g{i % 12}" if i < 12 else "g0") for i in range(14)]
    samples.append(Sample("none", [[0]], ("x",)))
    groups = groups_of(samples, "label")
    assert groups[0] == groups[13] == "g0" and groups.count(OTHER) == len(samples) - 3 - (len(COLORS) - 2)
    colors = colors_of(groups)
    assert len(set(colors.values())) == len(colors) == len(COLORS) and colors[OTHER] == COLORS[-1]


@pytest.mark.slow
def test_texts_are_no_markup(corpus):
    samples = [replace(s, label=EVIL, text=EVIL) for s in corpus]
    drawn = map_figure(np.zeros((12, 2), np.float32), samples, by="label")
    [trace] = drawn.data
    assert "&lt;b" in trace.name and "<b" not in trace.text[0].replace("<br>", "")
    assert "<b" not in Corpus.from_samples(samples).plot().data[0].name


def test_points_are_those_of_the_plane(corpus):
    points = np.random.default_rng(0).normal(size=(12, 2)).astype(np.float32)
    figure = map_figure(points, list(corpus), by="label")
    for trace in figure.data:
        rows = [i for i, sample in enumerate(corpus) if sample.label == trace.name]
        np.testing.assert_array_equal(np.stack([trace.x, trace.y], 1), points[rows])
        assert [text.split("<br>")[0] for text in trace.text] == [f"day-{i}" for i in rows]


def test_the_plane_keeps_what_two_directions_can():
    """Vectors that lie in a plane keep their distances; the axis that says most comes first."""
    rng = np.random.default_rng(1)
    flat = rng.normal(size=(9, 2)) * [5, 1]
    basis = np.linalg.qr(rng.normal(size=(6, 2)))[0]
    found = to_plane(flat @ basis.T + 3)
    np.testing.assert_allclose(
        np.linalg.norm(found[:, None] - found, axis=-1), np.linalg.norm(flat[:, None] - flat, axis=-1), atol=1e-4
    )
    assert found[:, 0].std() > found[:, 1].std() and (found[np.abs(found).argmax(0), [0, 1]] > 0).all()
    assert to_plane(np.ones((1, 3))).tolist() == [[0, 0]]


def test_evenly():
    assert evenly(5, 9) == [0, 1, 2, 3, 4] and evenly(1, 1) == [0] and evenly(0, 3) == []
    assert evenly(100, 4) == [0, 33, 66, 99]
