"""Prometheus's range API: against the real server with a known history, and by answers that it should not give."""

import json
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracets import api
from tracets.cli import main
from tracets.data.sources import prometheus as module
from tracets.data.sources.http import Server
from tracets.data.sources.prometheus import PrometheusSource, parts
from tracets.errors import ConfigError, DataError, SourceError, TracetsError
from tracets.files import LIMITS, Limits

pytestmark = pytest.mark.slow

BEGIN = datetime(2023, 11, 14, 22, 20, tzinfo=UTC)  # of the history in conftest.py
MINUTES = 1200


def source(url: str, *queries: str, minutes=(0, MINUTES), **options):
    since, until = (BEGIN + timedelta(minutes=m) for m in minutes)
    return api.source(f"prometheus+{url}", query=queries, since=since, until=until, **options)


def series(asked, freq="1min", zone=None, limits=LIMITS):
    return list(asked.reading(freq=freq, zone=zone, limits=limits).series)


def load_of(host: str, minute: int) -> float:
    """As the history in conftest.py has it."""
    return round(float(np.sin(minute / 50) * 10 + {"a": 20, "b": 40}[host]), 6)


def test_every_value_of_the_history_comes_back(prometheus):
    a, b = series(source(prometheus, "load", entity=["host"]))
    assert (a.id, b.id, a.channel_names, a.freq) == ("a", "b", ("load",), "1min")
    assert a.start == BEGIN and a.metadata == {"host": "a"} and a.source == prometheus
    np.testing.assert_array_equal(a.values[0], np.array([load_of("a", m) for m in range(MINUTES)], np.float32))
    # host b is silent from minute 300: its last value is told for 5 minutes more (before version 3 at their end too)
    silent = np.flatnonzero(np.isnan(b.values[0])).tolist()
    assert silent in (list(range(304, 360)), list(range(305, 360)))
    spoken = [m for m in range(MINUTES) if not 300 <= m < 360]
    np.testing.assert_array_equal(b.values[0][spoken], np.array([load_of("b", m) for m in spoken], np.float32))


def test_labels_that_differ_get_into_the_names_of_channels(prometheus):
    (found,) = series(source(prometheus, "net", minutes=(0, 3)))
    assert found.id == "net" and found.channel_names == ("net direction=in", "net direction=out")
    assert found.values.tolist() == [[0, 1, 2], [0, -1, -2]]
    (found,) = series(source(prometheus, "load [%]=load", "sum(net) by (direction)", minutes=(10, 13), entity=[]))
    assert found.id == "series"
    assert found.channel_names == ("direction=in", "direction=out", "load host=a", "load host=b")
    assert found.units == (None, None, "%", "%")


def test_a_range_longer_than_the_server_allows_is_asked_in_parts(prometheus):
    """A step of a second makes 72,000 points: 7 requests; each second tells the last value before it."""
    (found,) = series(source(prometheus, 'load{host="a"}'), freq="s")
    assert found.n_steps == 60 * (MINUTES - 1) + 60 + 0
    wanted = np.repeat(np.array([load_of("a", m) for m in range(MINUTES)], np.float32), 60)
    np.testing.assert_array_equal(found.values[0], wanted)


def test_small_parts_give_what_one_gives(prometheus, monkeypatch):
    (whole,) = series(source(prometheus, "net", minutes=(0, 100)))
    monkeypatch.setattr(module, "parts", lambda since, until, step: parts(since, until, step, 7))
    (pieces,) = series(source(prometheus, "net", minutes=(0, 100)))
    np.testing.assert_array_equal(whole.values, pieces.values)
    assert whole.start == pieces.start


@settings(deadline=None)  # the machine may be busy
@given(st.integers(0, 10**9), st.integers(1, 500), st.integers(1, 60), st.integers(1, 20))
def test_parts_hold_every_step_once(begin, length, step, most):
    since = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=begin)
    until = since + timedelta(milliseconds=length)
    told = []
    for first, last in parts(since, until, step, most):
        assert (last - first) // step + 1 <= most
        told += range(first, last + 1, step)
    assert told == list(range(begin, begin + length, step))


def test_values_that_are_no_numbers(prometheus):
    (found,) = series(source(prometheus, "odd", minutes=(0, 3)))
    np.testing.assert_array_equal(found.values, [[1, np.nan, 3]])
    with pytest.raises(DataError, match=r"channel 'odd', row 4: the value inf is infinite.*`\.\.\. > -Inf < \+Inf`"):
        series(source(prometheus, "odd", minutes=(0, 4)))
    (found,) = series(source(prometheus, "odd > -Inf < +Inf", minutes=(0, 4)))
    assert found.values[0][[0, 2]].tolist() == [1, 3]


def test_the_server_says_what_is_wrong(prometheus):
    with pytest.raises(SourceError, match=r"answered 400 \(.*parse error: unexpected end of input.*\)\. Mend"):
        series(source(prometheus, "load{"))
    with pytest.raises(DataError, match="there is not one value. Check the query and the time range"):
        series(source(prometheus, "nothing"))
    with pytest.raises(DataError, match="'load' has no label 'site'"):
        series(source(prometheus, "load", entity=["site"]))


def test_who_may_ask(prometheus_server, monkeypatch):
    begin = {"since": BEGIN, "until": BEGIN + timedelta(minutes=3), "query": ["load"], "entity": ["host"]}
    for name in ("USER", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"TRACETS_SOURCE_{name}", raising=False)
    for wrong in ("", "tester:wr0ng@"):
        asked = api.source(f"prometheus+{prometheus_server.replace('//', '//' + wrong)}", **begin)
        with pytest.raises(
            SourceError, match=r"answered 401 \(Unauthorized\)\. Check the token, or user and"
        ) as refused:
            series(asked)
        assert "wr0ng" not in str(refused.value)
    within = prometheus_server.replace("//", "//tester:p%40ss%3Aw%2Frd@")
    assert len(series(api.source(f"prometheus+{within}", **begin))) == 2


def test_windows_in_python(prometheus):
    asked = source(prometheus, "load", "net", entity=["host"])
    corpus = api.windows(asked, length=240, freq="5min", zone="Europe/Berlin")
    assert [w.id for w in corpus] == ["a-2023-11-14T23:20", "b-2023-11-14T23:20"]
    assert corpus[0].channel_names == ("load", "net direction=in", "net direction=out")
    assert corpus[1].channel_names == ("load",) and corpus[1].metadata["host"] == "b"


def test_windows_at_the_shell(prometheus, tmp_path, monkeypatch, capfd):
    out = tmp_path / "load.parquet"
    words = ["data", "windows", f"prometheus+{prometheus}", "--query", "load [%]=load", "--entity", "host", "--since",
             "2023-11-14T22:20Z", "--until", "2023-11-15T18:20:00+00:00", "--freq", "min", "--length", 600, "--json",
             "--out", out]  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["tracets", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code and json.loads(capfd.readouterr().out)["windows"] == 4
    first = api.read(out)[0]
    assert (first.id, first.channel_names, first.units) == ("a-2023-11-14T22:20", ("load",), ("%",))
    np.testing.assert_array_equal(first.values[0], np.array([load_of("a", m) for m in range(600)], np.float32))


def matrix(*result, **more) -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": list(result)}} | more).encode()


ONE = {
    "metric": {"__name__": "up", "job": "x"},
    "values": [[1700000400, "1"], [1700000460.0, "NaN"], [1700000520, "0"]],
}


def test_what_is_asked_and_how_an_answer_is_read(serving, caplog):
    with serving(lambda asked: (200, {}, matrix(ONE, warnings=["slow"]))) as seen:
        (found,) = series(source(seen.url, "UP=up", minutes=(0, 3)), zone="Europe/Berlin")
    np.testing.assert_array_equal(found.values, [[1, np.nan, 0]])
    assert found.id == "UP" and found.start.isoformat() == "2023-11-14T23:20:00+01:00"
    (asked,) = seen.asked
    assert (asked.method, asked.path) == ("POST", "/api/v1/query_range")
    assert asked.form == {"query": "up", "start": "1700000400.000", "end": "1700000520.000", "step": "60.000"}
    assert f"{seen.url}: slow" in caplog.text


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b'{"status":"error","error":"too many samples"}', r"the query failed \(too many samples\)"),
        (b'{"status":"success","data":{"resultType":"vector","result":[]}}', "is a vector, and a range is wanted"),
        (matrix({"metric": {}, "histograms": []}), "is a histogram"),
        (matrix({"metric": {}, "values": [[1]]}), "not the shape of an answer of Prometheus"),
        (matrix({"metric": {}, "values": [[1, "x"]]}), "not the shape of an answer of Prometheus"),
        (matrix({"metric": {}, "values": [["1", "1"]]}), "not the shape of an answer of Prometheus"),
        (matrix({"values": []}), "not the shape of an answer of Prometheus"),
        (b"[]", "not the shape of an answer of Prometheus"),
        (b"<html>", "is not JSON"),
        (b"[" * 10_000, "deep"),
    ],
)
def test_answers_of_another_shape(serving, answer, said):
    with serving(lambda asked: (200, {}, answer)) as seen, pytest.raises(SourceError, match=said):
        series(source(seen.url, "up", minutes=(0, 3)))


@settings(deadline=None)  # the machine may be busy
@given(st.integers(0, 200), st.binary(max_size=3), st.integers(0, 20))
def test_a_damaged_answer_is_read_or_refused(at, instead, cut):
    good = matrix(ONE)
    at %= len(good)
    asked = source("http://127.0.0.1:1", "up", minutes=(0, 3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Server, "ask", lambda self, path, **what: good[:at] + instead + good[at + cut :])
        try:
            found = series(asked)
        except TracetsError as error:
            assert str(error).startswith(("http://127.0.0.1:1", "sample '"))  # what a series cannot be says the series
        else:
            assert len(found) == 1 and np.isfinite(found[0].values).any()


def test_points_and_steps_are_bounded(serving):
    with serving(lambda asked: (200, {}, matrix(ONE))) as seen:
        with pytest.raises(DataError, match=r"points or more, more than the 1 that limits\.rows allows"):
            series(source(seen.url, "up", minutes=(0, 3)), limits=Limits(rows=1))
        with pytest.raises(DataError, match=r"has 180000 steps of 'ms', more than the 100 that limits\.steps"):
            series(source(seen.url, "up", minutes=(0, 3)), freq="ms", limits=Limits(steps=100))


@pytest.mark.parametrize("freq", [None, "MS", "D", "us", "B"])
def test_steps_that_prometheus_does_not_have(freq):
    with pytest.raises(ConfigError, match="Prometheus (needs the step|has steps of a fixed number)"):
        series(source("http://127.0.0.1:1", "up"), freq=freq, zone="Europe/Berlin")


def test_ranges_and_names_that_cannot_be():
    server, late, early = Server("http://127.0.0.1:1", "Bearer"), BEGIN, BEGIN - timedelta(hours=1)
    with pytest.raises(ConfigError, match="since must come before until"):
        PrometheusSource(server, ((None, "up"),), late, early)
    with pytest.raises(ConfigError, match="need an offset from UTC"):
        PrometheusSource(server, ((None, "up"),), datetime(2024, 1, 1), datetime(2024, 1, 2))
    with pytest.raises(ConfigError, match="two queries have the same name"):
        PrometheusSource(server, (("a", "up"), ("a", "down")), early, late)
    with pytest.raises(ConfigError, match="give a query"):
        PrometheusSource(server, (), early, late)
