"""The pages of hits and of forecasts: what is drawn is what was given, gaps stay gaps, and no text becomes markup."""

import base64
import json
import re
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tracets.errors import NotFound
from tracets.plots import LEAST_SHOWN, plot_forecasts, plot_hits, plot_profile
from tracets.types import LEVELS, Forecast, Hit, Neighbour, Sample

EVIL = "</script><script>alert('x')</script><b>&"
NAN = np.nan
SAMPLE = Sample(
    f"id {EVIL}",
    np.array([[1, 2, 3, 4, 5], [NAN, 7, NAN, 8, 9], [NAN] * 5], np.float32),
    ("rain", f"wind {EVIL}", "sun"),
    units=("mm", f"m/s {EVIL}", None),
    start=datetime(2013, 3, 10, 0, tzinfo=ZoneInfo("America/New_York")),
    freq="h",
)
HIT = Hit(
    rank=1,
    id=SAMPLE.id,
    score=0.6789,
    start=SAMPLE.start,
    end=None,
    channels={"rain": 0.25, SAMPLE.channel_names[1]: 0.5, "sun": -1.0},
    text=f"text {EVIL}",
    label=f"label {EVIL}",
    metadata={f"key {EVIL}": f"value {EVIL}", "long": "x" * 100},
)


def page_of(path, hits=(HIT,), samples=(SAMPLE,), title=f"asked {EVIL}"):
    plot_hits(title, hits, samples, path / "out.html")
    return read(path / "out.html")


def read(file):
    """A page, its body, and the traces and layout of each figure."""
    page = file.read_text(encoding="utf-8")
    body = page[page.index("<body>") :]
    found = [m.end() for m in re.finditer(r"Plotly\.newPlot\(\s*\"[^\"]+\",\s*", body)]
    decoder = json.JSONDecoder()
    figures = []
    for at in found:
        traces, end = decoder.raw_decode(body, at)
        layout, _ = decoder.raw_decode(body, re.compile(r",\s*").match(body, end).end())
        figures.append((traces, layout))
    return page, body, figures


def numbers(array):
    """Plotly writes arrays as base64 with their type, or as a list with nulls."""
    if isinstance(array, dict):
        return np.frombuffer(base64.b64decode(array["bdata"]), dtype=array["dtype"]).astype(float)
    return np.array(array, dtype=float)


def test_values_are_drawn_with_their_gaps(tmp_path):
    _, _, [(traces, layout)] = page_of(tmp_path)
    lines = [t for t in traces if t["mode"] == "lines"]
    assert len(lines) == 3
    for line, values in zip(lines, SAMPLE.values, strict=True):
        np.testing.assert_array_equal(numbers(line["y"]), values)
        assert line["connectgaps"] is False
    [dots] = [t for t in traces if t["mode"] == "markers"]
    assert numbers(dots["y"]).tolist() == [7.0]
    assert [str(x)[:13] for x in dots["x"]] == ["2013-03-10T01"]
    assert "nothing observed" in [a["text"] for a in layout["annotations"]]


def test_titles_units_and_the_strongest_channel(tmp_path):
    _, body, [(traces, layout)] = page_of(tmp_path)
    titles = [a["text"] for a in layout["annotations"][:3]]
    assert titles[0] == "rain 0.25"
    assert titles[1].startswith("<b>★ wind &lt;/script&gt;")
    assert titles[1].endswith("&lt;b&gt;&amp;</b> 0.50")
    assert titles[2] == "sun -1.00"
    assert layout["yaxis"]["title"]["text"] == "mm"
    colors = [t["line"]["color"] for t in traces if t["mode"] == "lines"]
    assert colors[0] == colors[2] != colors[1]
    assert "score <b class='score'>0.679</b>" in body
    assert "2013-03-10T00:00:00-05:00" in body
    assert "x" * 100 not in body


def test_times_keep_the_offset_of_the_start(tmp_path):
    # the clock jumps from 2 to 3 in this night; the axis goes on evenly
    _, _, [(traces, layout)] = page_of(tmp_path)
    assert [str(x)[:16] for x in traces[0]["x"]] == [f"2013-03-10T0{h}:00" for h in range(5)]
    assert layout["xaxis"]["title"]["text"] == "time (UTC-05:00)"


@pytest.mark.slow
@pytest.mark.parametrize("given", [{"start": None}, {"freq": None}])
def test_steps_are_counted_where_time_is_unknown(tmp_path, given):
    _, _, [(traces, layout)] = page_of(tmp_path, samples=[replace(SAMPLE, **given)])
    assert numbers(traces[0]["x"]).tolist() == [0, 1, 2, 3, 4]
    assert layout["xaxis"]["title"]["text"] == "step"


def test_no_text_becomes_markup(tmp_path):
    page, body, [(_, layout)] = page_of(tmp_path)
    assert "alert('x')" not in page
    assert page.count("<script>alert") == body.count("<b>&") == 0
    assert page.count("alert(&#x27;x&#x27;)") >= 5
    for annotation in layout["annotations"]:
        assert "<script" not in annotation["text"]


def test_the_page_needs_no_network(tmp_path):
    page, body, _ = page_of(tmp_path)
    assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:)?//", body)
    assert not re.search(r"<(link|script)[^>]+(src|href)=", page[: page.index("<script>")] + body)
    assert len(page) > 1_000_000


@pytest.mark.slow
def test_one_figure_a_hit_in_their_order(tmp_path):
    second = replace(SAMPLE, id="second", values=SAMPLE.values + 10)
    hits = [replace(HIT, id="second"), replace(HIT, rank=2)]
    _, body, figures = page_of(tmp_path, hits, [SAMPLE, second])
    assert [numbers(traces[0]["y"])[0] for traces, _ in figures] == [11.0, 1.0]
    assert body.index("1. second") < body.index("2. id")
    assert "2 hits." in body


def test_no_hits_make_a_page_that_says_so(tmp_path):
    _, body, figures = page_of(tmp_path, [], [])
    assert (figures, "0 hits." in body) == ([], True)


def test_a_hit_without_its_sample_is_refused(tmp_path):
    with pytest.raises(NotFound, match="no sample for hit"):
        plot_hits("q", [HIT], [], tmp_path / "out.html")
    assert list(tmp_path.iterdir()) == []


def ahead(sample, horizon=2, **given):
    mean = np.arange(sample.n_channels * horizon, dtype=float).reshape(sample.n_channels, horizon) + 10
    quantiles = mean + (np.array(LEVELS) - 0.5)[:, None, None]
    return Forecast(sample.id, mean, quantiles, sample.channel_names, start=sample.start, freq="h", **given)


def test_a_forecast_goes_on_where_the_window_ends(tmp_path):
    truth = np.array([[1, 2], [3, NAN], [5, 6]], np.float32)
    plot_forecasts([ahead(SAMPLE)], [SAMPLE], tmp_path / "f.html", truth={SAMPLE.id: truth}, neighbours={})
    _, body, [(traces, layout)] = read(tmp_path / "f.html")
    assert len(traces) == 3 * 5  # high and low of the band, what was known, the mean, what followed
    for c in range(3):
        high, low, known, mean, followed = traces[5 * c : 5 * c + 5]
        np.testing.assert_allclose(numbers(high["y"]), np.array([10, 11]) + 2 * c + 0.4)
        np.testing.assert_allclose(numbers(low["y"]), np.array([10, 11]) + 2 * c - 0.4)
        assert low["fill"] == "tonexty" and "fill" not in high
        np.testing.assert_array_equal(numbers(known["y"]), SAMPLE.values[c])
        np.testing.assert_array_equal(numbers(followed["y"]), truth[c])
        assert [str(x)[:13] for x in mean["x"]] == ["2013-03-10T05", "2013-03-10T06"]
    assert layout["yaxis"]["title"]["text"] == "mm" and "2 steps" in body


def test_the_end_of_a_long_window_is_drawn_and_unknown_futures_are_not(tmp_path):
    long = Sample("long", np.arange(300.0)[None], ("a",))
    plot_forecasts([ahead(long, neighbours=("w1", "w2"))], [SAMPLE, long], tmp_path / "f.html", truth={}, neighbours={})
    _, body, [(traces, layout)] = read(tmp_path / "f.html")
    assert len(traces) == 4 and numbers(traces[2]["y"]).tolist() == list(range(300 - LEAST_SHOWN, 300))
    assert numbers(traces[3]["x"]).tolist() == [300, 301] and layout["xaxis"]["title"]["text"] == "step"
    assert "with what followed w1, w2" in body


def test_neighbours_lie_behind_the_last_steps_and_go_on_as_far_as_the_forecast(tmp_path):
    past = Sample("long", np.arange(6.0)[None], ("a",))
    like = Neighbour("w<1>", 0.5, np.array([[7.0, 8.0, 9.0]], np.float32), np.array([[1.0, NAN, 3.0]], np.float32))
    plot_forecasts([ahead(past)], [past], tmp_path / "f.html", truth={}, neighbours={"long": (like,)})
    _, body, [(traces, _)] = read(tmp_path / "f.html")
    assert len(traces) == 5 and "neighbours had no part in it" in body and "Blue" in body
    np.testing.assert_array_equal(numbers(traces[0]["x"]), [3, 4, 5, 6, 7])
    np.testing.assert_array_equal(numbers(traces[0]["y"]), [7, 8, 9, 1, NAN])
    assert traces[0]["name"] == "w&lt;1&gt; (0.50)"


def test_forecasts_become_no_markup_and_need_their_window(tmp_path):
    plot_forecasts([ahead(SAMPLE)], [SAMPLE], tmp_path / "f.html", truth={}, neighbours={})
    page, _, [(_, layout)] = read(tmp_path / "f.html")
    assert "alert('x')" not in page
    assert all("<script" not in annotation["text"] for annotation in layout["annotations"])
    with pytest.raises(NotFound, match="no window for forecast"):
        plot_forecasts([ahead(SAMPLE)], [], tmp_path / "g.html", truth={}, neighbours={})


class TestProfile:
    PROFILE = {
        "rows": 3, "splits": {"train": 2, "test": 1}, "labels": {EVIL: 2, "": 1}, "missing_by_channel": {EVIL: 0.25},
        "text": 1.0, "event_text": 0.5, "channel_texts": 0.0,
    }  # fmt: skip

    @pytest.mark.slow
    def test_what_is_counted_is_drawn(self, tmp_path):
        starts = {"train": [datetime(2020, 1, 1), datetime(2020, 1, 2)], "test": [datetime(2020, 2, 1)], "": []}
        told = replace(SAMPLE, text=EVIL, event_text=f"what happened {EVIL}", label=EVIL)
        rows = [(EVIL, "°C", "3", "25.0%", "1", "2", "0", "1", "2"), *([("load", *[""] * 8)] * 250)]
        plot_profile(EVIL, self.PROFILE, starts, [told], tmp_path / "out.html", channels=(["channel", "unit"], rows))
        page, body, figures = read(tmp_path / "out.html")
        assert "<script>alert" not in body and body.count("<section>") == 4
        assert "<th>channel</th><th>unit</th>" in body and "<td>25.0%</td>" in body
        assert body.count("<td>load</td>") == 199 and "and 51 more" in body and "251 channels" in body
        bars, begins, window = figures
        assert [trace["x"] for trace in bars[0]] == [[2, 1], [2, 1], [1.0, 0.5, 0.0], [0.25]]
        assert bars[1]["yaxis"]["ticktext"] == ["train", "test"] and bars[1]["yaxis2"]["ticktext"][1] == "(none)"
        assert bars[0][0]["y"] == [0, 1] and bars[0][0]["hovertext"] == ["train", "test"]
        assert [(trace["name"], len(trace["x"])) for trace in begins[0]] == [("train", 2), ("test", 1)]
        assert begins[1]["showlegend"] is True and window[1]["showlegend"] is False
        assert "what happened &lt;/script&gt;" in body and "3 windows" in body

    def test_windows_without_a_time_or_a_label(self, tmp_path):
        plot_profile("x", self.PROFILE, {"": []}, [], tmp_path / "out.html")
        _, body, figures = read(tmp_path / "out.html")
        assert len(figures) == 1 and "When they begin" not in body

    def test_long_names_are_cut_and_nothing_missing_is_not_drawn(self, tmp_path):
        labels = {"unhealthy_for_sensitive_groups": 2, "unhealthy_for_sensitive_people": 1}
        profile = self.PROFILE | {"labels": labels, "missing_by_channel": {"load": 0.0}}
        plot_profile("x", profile, {"": []}, [], tmp_path / "out.html")
        _, body, figures = read(tmp_path / "out.html")
        assert len(figures[0][0]) == 3 and "share missing" not in body
        assert figures[0][1]["yaxis2"]["ticktext"] == ["unhealthy_for_sen…"] * 2, "two bars still"
        assert figures[0][0][1]["y"] == [0, 1] and figures[0][0][1]["hovertext"] == list(labels)
