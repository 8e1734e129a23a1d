"""`tracets data build` and `tracets data fetch` against a local server."""

import dataclasses
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import typer

from tracets import api
from tracets.cli.main import app
from tracets.data import read_corpus

_spec = importlib.util.spec_from_file_location(
    "noaa_world", Path(__file__).parents[1] / "data" / "noaa" / "world.py"
)  # fmt: skip
world = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(world)


@pytest.fixture(scope="module")
def archive():
    return world.files()


@pytest.fixture
def noaa(tracets, web, archive, tmp_path):
    web.files.update(archive)

    def run(*options, out="noaa.parquet"):
        return tracets("data", "build", "noaa", "--years", "2019:2020", "--out", tmp_path / out, "--base-url", web.url,
                       "--cache", tmp_path / "cache", "--pause", 0, "--resolutions", "hourly", "--held-out", 0,
                       *options)  # fmt: skip

    return run


@pytest.mark.slow
def test_build_noaa(noaa, tmp_path):
    result = noaa("--events", "Hail, Tornado", "--controls", "same", "--json")
    found = json.loads(result.out)
    corpus = read_corpus(tmp_path / "noaa.parquet")
    assert (result.code, found["windows"], found["stations"]) == (0, len(corpus), 3)
    assert found["label"] == {"none": 5, "Hail": 3, "Tornado": 2} and found["kind"] == {"event": 5, "same-station": 5}
    assert found["events"] == {"read": 12, "chosen": 6, "joined": 5} and found["values"]["flagged"] > 1000
    assert "left out: 1 far from every station" in result.err and "public domain" in result.err
    assert "doi:10.25921/jp3d-3v19" in found["terms"]
    again = noaa("--events", "Hail, Tornado", "--controls", "none", "--offline", out="b.parquet")
    assert (again.code, again.out) == (0, "") and "wrote 5 windows of 3 stations to" in again.err


@pytest.mark.slow
def test_a_corpus_that_was_built_can_be_described_and_filtered(noaa, tracets, tmp_path):
    noaa()
    found = json.loads(tracets("data", "describe", tmp_path / "noaa.parquet", "--json").out)
    assert found["channels"]["sky code"] == found["rows"] and found["text"] == 1
    corpus = read_corpus(tmp_path / "noaa.parquet").where("kind = 'event' AND distance_km < 6 AND label = 'Hail'")
    assert [s.event_text for s in corpus] == [f"Event {n} was seen." for n in (11, 22, 21)][: len(corpus)]


def test_mistakes_are_one_line(refused, web, tmp_path):
    out = ("--out", tmp_path / "x.parquet", "--base-url", web.url, "--cache", tmp_path / "cache")
    assert "--years must read as 2019:2023" in refused("data", "build", "noaa", "--years", "19-23", *out)
    assert "first to last, got 2023:2019" in refused("data", "build", "noaa", "--years", "2023:2019", *out)
    assert "choose some of hourly, 4-hourly, daily" in refused(
        "data", "build", "noaa", "--years", "2019", "--resolutions", "weekly", *out
    )
    assert "Use one of Agriculture" in refused("data", "fetch", "time-mmd", "?", *out)
    assert "no file" in refused("data", "fetch", "ett", "ETTh1", *out)
    assert "offline" in refused("data", "fetch", "ett", "ETTh2", "--offline", *out)
    assert not (tmp_path / "x.parquet").exists()


def test_offline_and_budget(noaa):
    result = noaa("--offline")
    assert result.code == 2 and "offline, and" in result.err.splitlines()[-1]
    result = noaa("--max-download", 0.0000001)
    assert result.code == 2 and "--max-download" in result.err.splitlines()[-1]


def test_the_defaults_that_help_tells_are_those_of_the_settings():
    command = typer.main.get_command(app).commands["data"].commands["build"].commands["noaa"]
    told = {p.name: p.help for p in command.params}
    for field in dataclasses.fields(api.NoaaSettings):
        if field.name in told and field.default is not dataclasses.MISSING:
            value = field.default
            spelled = ",".join(value) if isinstance(value, tuple) else "all" if value is None else f"{value}"
            assert spelled.removesuffix(".0") in told[field.name], field.name
    assert set(told) >= {field.name for field in dataclasses.fields(api.NoaaSettings)}


def test_fetch_prints_licence_and_citation(tracets, web, tmp_path):
    header = "date,HUFL,HULL,MUFL,MULL,LUFL,LULL,OT\n"
    times = np.datetime64("2016-07-01T00") + np.arange(14400)
    web.files["/ETTh1.csv"] = (header + "".join(f"{t}:00,1,2,3,4,5,6,7\n" for t in times)).encode()
    result = tracets(
        "data", "fetch", "ett", "ETTh1", "--out", tmp_path / "ett.parquet", "--base-url", web.url, "--json"
    )
    found = json.loads(result.out)
    assert (result.code, found["windows"]) == (0, len(read_corpus(tmp_path / "ett.parquet")))
    assert "CC BY-ND 4.0" in result.err and "Please cite: H. Zhou" in result.err and "CC BY-ND" in found["terms"]


@pytest.mark.slow
def test_fetch_writes_the_series_of_time_mmd_too(tracets, web, tmp_path):
    days = np.arange("2010-01-04", "2012-01-02", 7, dtype="datetime64[D]")
    rows = "".join(f"{day},{2 + i / 100:.2f}\n" for i, day in enumerate(days))
    web.files["/numerical/Energy/Energy.csv"] = f"date,OT\n{rows}".encode()
    series = tmp_path / "prices.csv"
    result = tracets(
        "data", "fetch", "time-mmd", "Energy", "--out", tmp_path / "x.parquet", "--series", series, "--base-url",
        web.url, "--cache", tmp_path / "cache",
    )  # fmt: skip
    assert result.code == 0 and f"wrote the series to {series}" in result.err
    told = series.read_text(encoding="utf-8").splitlines()
    assert told[:2] == ["time,U.S. gasoline price [Dollars per Gallon]", "2010-01-04T00:00:00,2.0"]
    assert len(told) == 1 + len(days) and told[-1] == "2011-12-26T00:00:00,3.03"


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_build_that_is_killed_goes_on_to_the_same_bytes(noaa, web, tmp_path):
    """Killed by a signal at several moments, in a process of its own."""
    command = [sys.executable, "-m", "tracets", "data", "build", "noaa", "--years", "2019:2020", "--base-url", web.url,
               "--cache", str(tmp_path / "other"), "--pause", "0.05", "--resolutions", "hourly", "--held-out", "0",
               "--out", str(tmp_path / "killed.parquet")]  # fmt: skip
    seen = 0
    for pattern in ("other/**/*.psv", "other/**/*.hours.npy", "other/**/*.hours.json", "killed.parquet.parts/U*.json"):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ)
        while process.poll() is None and not any(tmp_path.glob(pattern)):
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        seen += process.wait() == -signal.SIGKILL
    assert seen >= 3, "it was killed while it was at work"
    assert not (tmp_path / "killed.parquet").exists()
    assert subprocess.run(command, capture_output=True).returncode == 0
    assert noaa().code == 0
    assert (tmp_path / "killed.parquet").read_bytes() == (tmp_path / "noaa.parquet").read_bytes()


def test_fetch_ptb_xl_streams_records_with_reports(tracets, web, tmp_path):
    spec = importlib.util.spec_from_file_location(
        "fetch_formats", Path(__file__).parents[1] / "data" / "fetch" / "test_fetch.py"
    )
    formats = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(formats)
    rows = [formats.row(n, fold, f"report {n}", "{'NORM': 100.0}") for n, fold in ((1, 3), (2, 10))]
    web.files["/ptbxl_database.csv"] = "\n".join([formats.DATABASE, *rows, ""]).encode()
    web.files["/scp_statements.csv"] = formats.STATEMENTS.encode()
    web.files["/SHA256SUMS.txt"] = b""
    for n in (1, 2):
        header, data = formats.record(f"{n:05d}_lr", formats.DIGITAL + n)
        web.files |= {f"/records100/00000/{n:05d}_lr.hea": header, f"/records100/00000/{n:05d}_lr.dat": data}
    out = tmp_path / "ecg.parquet"
    arguments = ("data", "fetch", "ptb-xl", "--out", out, "--base-url", web.url, "--pause", 0, "--json")
    found = json.loads(tracets(*arguments).out)
    assert (found["windows"], found["split"], found["label"]) == (2, {"train": 1, "test": 1}, {"NORM": 2})
    corpus = read_corpus(out)
    assert corpus.column("text") == ["report 1", "report 2"] and corpus[1].values.shape == (12, 1000)
    assert corpus.where("fold = 10").ids == ["ptbxl-00002"] and "CC BY 4.0" in found["terms"]
