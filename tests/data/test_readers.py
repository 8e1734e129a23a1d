"""One door: files are told apart by what is in them."""

import csv
import io
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tracets.data import readers
from tracets.data.corpus import Corpus, write_corpus
from tracets.data.readers import Reader, read, read_series
from tracets.data.series import Series
from tracets.errors import ConfigError, DataError, NotFound
from tracets.types import Sample


@pytest.fixture(autouse=True)
def forget():
    yield
    readers.known_readers.cache_clear()


@pytest.fixture
def files(tmp_path):
    """One small file of each layout, by reader."""
    sample = Sample("w", np.zeros((1, 4)), ("x",), start=datetime(2020, 1, 1), freq="h")
    write_corpus(Corpus.from_samples([sample]), tmp_path / "corpus.parquet")
    (tmp_path / "wide.csv").write_text("time,x [m]\n2020-01-01,1\n2020-01-02,2\n")
    (tmp_path / "long.csv").write_text("id,time,channel,value\na,2020-01-01,x,1\na,2020-01-02,x,2\n")
    with (tmp_path / "Grain.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["date", "OT"], *([f"2020-01-{d:02d}", d] for d in range(1, 32))] * 1)
    (tmp_path / "Grain_report.csv").write_text(
        "start_date,end_date,fact,preds\n2020-01-05,2020-01-06,It rose to 6.,x\n"
    )
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((7, 3)))
    row = {
        "timeseries": [buffer.getvalue()],
        "description": [{"DATE": "d"}],
        "events": [{"event_type": 1, "narrative": "n"}],
    }
    pq.write_table(pa.table(row), tmp_path / "test.parquet")
    return {
        "corpus": "corpus.parquet", "csv-wide": "wide.csv", "csv-long": "long.csv", "time-mmd": "Grain.csv",
        "trace": "test.parquet",
    }  # fmt: skip


def test_each_layout_is_recognised(tmp_path, files):
    found = {}
    for name, file in files.items():
        for reader in readers.BUILT_IN:
            if reader.recognises(tmp_path / file):
                found[name] = reader.name
                break
    assert found == {name: name for name in files}


def test_what_is_read(tmp_path, files):
    assert read(tmp_path / files["corpus"]).ids == ["w"]
    wide = read(str(tmp_path / files["csv-wide"]), zone="Europe/Berlin")[0]
    assert (wide.id, wide.units, wide.values.tolist()) == ("wide", ("m",), [[1, 2]])
    assert wide.start.isoformat() == "2020-01-01T00:00:00+01:00" and wide.metadata == {"entity": "wide"}
    assert read(tmp_path / files["csv-long"]).ids == ["a"]
    assert read(tmp_path / files["trace"]).column("split") == ["test"]


def test_a_reader_can_be_named(tmp_path, files):
    with pytest.raises(DataError, match="series 'long', column 'id', row 2: 'a' is not a number"):
        read(tmp_path / files["csv-long"], reader="csv-wide")
    with pytest.raises(
        NotFound, match="there is no reader 'csv'. Use one of trace, corpus, time-mmd, csv-long, csv-wide"
    ):
        read(tmp_path / files["csv-long"], reader="csv")


def test_series(tmp_path, files):
    (series,) = read_series(tmp_path / files["csv-wide"], freq="12h")
    assert (series.freq, series.n_steps) == ("12h", 3)
    (window,) = read_series(tmp_path / files["corpus"])
    assert (window.id, window.freq) == ("w", "h")
    with pytest.raises(DataError, match="sample 'test-0' has no start or no freq"):
        read_series(tmp_path / files["trace"])


def test_refusals(tmp_path, files):
    with pytest.raises(ConfigError, match="freq and zone are for CSV series; reader 'corpus' has its own"):
        read(tmp_path / files["corpus"], freq="h")
    with pytest.raises(DataError, match="no such file: '.*none.csv'"):
        read(tmp_path / "none.csv")
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(NotFound, match="no reader knows '.*x.json'. Name one of trace"):
        read(tmp_path / "x.json")
    with pytest.raises(ConfigError, match="reader 'both' must have either windows= or series="):
        Reader("both", lambda path: True)


class Point:
    def __init__(self, reader):
        self.load = lambda: reader


def test_an_installed_reader_comes_first(tmp_path, monkeypatch):
    def read_json(path, *, freq, zone, limits):
        return [Series("j", np.zeros((1, 2)), ("x",), datetime(2020, 1, 1), "h")]

    point = Point(Reader("json", lambda path: path.suffix in (".json", ".csv"), series=read_json))
    monkeypatch.setattr("tracets.plugins.entry_points", lambda group: [point] if group == "tracets.readers" else [])
    readers.known_readers.cache_clear()
    (tmp_path / "x.csv").write_text("")
    assert read(tmp_path / "x.csv").ids == ["j"]


def test_a_name_taken_twice_is_refused(monkeypatch):
    point = Point(Reader("corpus", lambda path: False, windows=lambda path: None))
    monkeypatch.setattr("tracets.plugins.entry_points", lambda group: [point])
    readers.known_readers.cache_clear()
    with pytest.raises(ConfigError, match="two readers are called 'corpus'"):
        readers.known_readers()
