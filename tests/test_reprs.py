"""What notebooks show: nothing of a text becomes markup, and a line is drawn where values are."""

import math
import pickle
import re
from copy import deepcopy
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from tracets import api, reprs
from tracets.data import Corpus
from tracets.errors import NotFound
from tracets.types import Hit, Sample, Span

NAN = math.nan
EVIL = "</div><script>alert('x')</script><img src=x onerror=\"alert(1)\"> & \u202eabc"
OURS = {"div", "b", "i", "table", "thead", "tbody", "tr", "th", "td", "span", "svg", "polyline", "circle"}


class Reader(HTMLParser):
    """The tags of some HTML, whether they are closed in order, and its text."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.names, self.text = [], [], set(), ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.names |= {name for name, _ in attrs}
        self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.names |= {name for name, _ in attrs}

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def evil_sample():
    return Sample(
        EVIL, np.array([[1, NAN, 3], [NAN] * 3]), (EVIL, "sun"), units=(EVIL, None), text=EVIL, label=EVIL,
        metadata={EVIL: EVIL},
    )  # fmt: skip


def evil_hit():
    return Hit(1, EVIL, 0.5, None, None, {EVIL: 0.25, "sun": -0.1}, EVIL, EVIL, {EVIL: EVIL})


@pytest.mark.slow
def test_nothing_of_a_text_becomes_markup(index_folder, model_folder):
    index, model = api.open_index(index_folder), api.load(model_folder)
    reason = replace(api.explain(index, model, "day-3", "rain"), query=EVIL, id=EVIL)
    shown = [evil_sample(), evil_hit(), Corpus.from_samples([evil_sample()]), reason]
    for thing in shown:
        found = Reader(thing._repr_html_())
        assert set(found.tags) <= OURS, type(thing)
        assert found.names <= {"style", "width", "height", "viewbox", "role", "aria-label", "fill", "stroke",
                               "stroke-width", "points", "cx", "cy", "r"}  # fmt: skip
        assert "<script>alert('x')</script>" in found.text and "\u202e" not in found.text


def test_a_sample_shows_its_figures():
    sample = Sample("a", [[1, NAN, 4.5, 2], [NAN] * 4], ("load", "sun"), ("MW", None), text="Calm.", label="fair")
    text = Reader(sample._repr_html_()).text
    for said in ("a", "steps: 4", "label: fair", "load", "MW", "2.5", "4.5", "75%", "nothing observed", "0%", "Calm."):
        assert said in text
    assert "None" not in text and "nan" not in text


def test_a_hit_shows_its_channels_from_the_strongest_on():
    hit = replace(evil_hit(), id="w", channels={"a": 0.1, "b": 0.4, "c": -0.2})
    html = hit._repr_html_()
    assert re.findall(r"<td[^>]*>([abc])</td>", html) == ["b", "a", "c"]
    assert re.findall(r"width:(\d+)px", html) == ["90", "22", "0"]
    assert "1. w" in html and "score: 0.500" in html


@pytest.mark.slow
def test_an_index_and_reasons_show_what_they_hold(index_folder, model_folder):
    index, model = api.open_index(index_folder), api.load(model_folder)
    text = Reader(index._repr_html_()).text
    assert "windows: 12" in text and "rain, wind speed" in text and "entity" in text and index.model in text
    found = api.explain(index, model, "day-3", "Heavy rain. Calm.")
    text = Reader(found._repr_html_()).text
    assert f"score: {found.score:.3f}" in text and "Heavy rain." in text and found.stored.sentence in text
    assert all(f"{reason.part:.4g}" in text for reason in found.sentences)


def test_a_corpus_shows_its_first_windows_and_how_many_more(corpus_file):
    corpus = api.read(corpus_file)
    text = Reader(corpus._repr_html_()).text
    assert "12 windows" in text and "train 8, val 2, test 2" in text and "and 7 more" in text and "entity" in text
    assert "day-4" in text and "day-5" not in text
    assert "0 windows" in corpus.where("label = 'none'")._repr_html_()


def test_a_line_has_gaps_dots_and_extremes():
    assert reprs.line([NAN, NAN]) == "<i>nothing observed</i>"
    html = reprs.line([0.0, 10.0, NAN, 5.0, NAN, 0.0, 10.0])
    assert html.count("<polyline") == 2 and html.count("<circle") == 1
    first = re.search(r"points='([^']*)'", html)[1].split()
    assert first == [f"0.0,{reprs.HEIGHT:.1f}", f"{reprs.WIDTH / 6:.1f},0.0"]
    assert re.search(r"<circle cx='90.0' cy='14.0'", html)


@pytest.mark.parametrize("n", [181, 1000, 4999])
def test_a_long_line_keeps_its_extremes(n):
    values = np.sin(np.arange(n))
    values[n // 3], values[n // 2] = 50, -50
    points = [float(p.split(",")[1]) for p in re.search(r"points='([^']*)'", reprs.line(values.tolist()))[1].split()]
    assert len(points) <= 2 * reprs.BINS and min(points) == 0 and max(points) == reprs.HEIGHT
    assert points.index(0) < points.index(reprs.HEIGHT)


def test_long_texts_and_tables_are_cut():
    shown = reprs.card("x" * 5000, {}, reprs.table(("n",), [(float(i),) for i in range(20)]))
    assert len(shown) < 6000 and "[...]" in shown and "and 8 more" in shown
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 1000)))
    assert text[: reprs.MOST_CHARS] + " [...]" in reprs.card("a", {}, text)
    assert text[: reprs.IN_TABLE] + " [...]" in reprs.table(("n",), [(text,)])


@pytest.mark.slow
def test_a_hit_draws_itself_from_the_index_it_was_found_in(index_folder, model_folder):
    index, model = api.open_index(index_folder), api.load(model_folder)
    hit = api.search(index, model, "heavy rain", k=1)[0]
    [sample] = api.stored(index, [hit.id])
    for drawn in (hit.plot(), deepcopy(hit).plot(), replace(hit, rank=2).plot()):
        lines = [trace for trace in drawn.data if trace.mode == "lines"]
        for line, values in zip(lines, sample.values, strict=True):
            np.testing.assert_array_equal(np.asarray(line.y, float), values)
    assert f"score {hit.score:.3f}" in drawn.layout.title.text and hit.id in drawn.layout.title.text
    assert deepcopy(hit).drawn_by is hit.drawn_by, "an index is not copied with its hits"


def test_a_hit_of_another_process_says_why_it_cannot_be_drawn(index_folder, model_folder):
    hit = api.search(api.open_index(index_folder), api.load(model_folder), "rain", k=1)[0]
    away = pickle.loads(pickle.dumps(hit))
    assert away == hit
    with pytest.raises(NotFound, match="no search of this process.*plot_hits"):
        away.plot()


@pytest.mark.slow
def test_a_span_draws_its_own_steps(model_folder, tmp_path):
    values = np.arange(96.0)[None] % 24
    model = api.load(model_folder)
    series = Sample("plant", values, ("load",), freq="h")
    index = api.build_index(api.cut([series], lengths=[24], strides=[12]), model, tmp_path / "long.index")
    span = api.find_spans(index, model, "rising load", k=1)[0]
    assert isinstance(span, Span)
    expected = values[0, span.first_step : span.first_step + span.n_steps]
    np.testing.assert_array_equal(np.asarray(span.plot().data[0].y, float), expected)
    place = f"plant, {span.n_steps} steps from {span.first_step}"
    assert place in span.plot().layout.title.text and place in span._repr_html_()
    assert place in api.hits_to_html([span]) and span.place == place
