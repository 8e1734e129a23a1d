"""Every block of the pages runs, in order, in a folder of its own, or is held against the program that it calls."""

import re
import runpy
import shlex
import sqlite3
import sys
import tomllib
from argparse import ArgumentParser
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import tracets
from tracets import api
from tracets.cli.main import app
from tracets.data import Corpus
from tracets.types import Sample

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
TRACETS = typer.main.get_command(app)
pytestmark = [
    pytest.mark.skipif(not DOCS.is_dir(), reason="the docs are not beside the tests"),
    pytest.mark.filterwarnings("ignore::tracets.errors.ShortAnswer"),
]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")]
    if path.is_file()
)
# Python blocks with a test of their own: how many, and which file it is
ELSEWHERE = {
    "CONTRIBUTING.md": (8, "tests/test_testing.py"),
    "docs/backbones.md": (2, "tests/forecast/backbones/test_page.py"),
    "docs/plugs.md": (5, "tests/test_plugs_page.py"),
}
# What is held against the program alone, and why it does not run here
NOT_RUN = {
    r"^tracets (serve|mcp) ": "serves until it is stopped",
    r"^tracets demo": "tests/cli/test_demo.py runs it",
    r"^tracets data (fetch|build noaa) ": "asks archives; tests/data/fetch and tests/data/noaa do, of a server",
    r" --llm ": "asks a language model; tests/data/captions does, of a server",
    r" \"?(postgresql|prometheus\+https|influx\+http)://": "asks a database; tests/data/sources does",
    r" --engine ray": "wants a cluster; tests/embedding/test_on_ray.py has one",
    r"optim\.devices=2": "wants two processes; tests/cli/test_train.py has them",
    r"^tracets reproduce ": "trains for minutes; tests/test_reproduction.py makes the tables",
    r"s3://bucket/corpus": "a folder in an object store; tests/test_storage.py and tests/index/test_remote.py have one",
}
SHORTER = {
    r"--max-minutes \d+": "--set optim.max_steps=2 --set optim.batch_size=4 --set data.mixed=0",
    r"--limit \d+": "--limit 6",
    r"^(tracets watch .*index)$": r"\1 --once",
    r"s3://bucket/part-": "part-",
    r"air@\d+\+28": "air@0+28",
    r'"postgresql://reader@db/plant"': '"sqlite:///plant.db"',
}
OTHERS = {"export", "hf", "ray", "torchrun", "ruff", "mypy", "jupyter", "python3"}


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str) -> list[tuple[str, str]]:
    """The fenced blocks of a page: language and content."""
    return re.findall(r"^```(\S*)\n(.*?)^```$", text_of(page), re.M | re.S)


def lines(block: str) -> list[str]:
    """The single commands of a shell block, without comments and variables, from the program's name on."""
    found = []
    for line in block.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        line = line[: line.index("  #")] if "  #" in line and len(words) < len(shlex.split(line)) else line
        for part in line.split(" && "):
            part = re.sub(r"^([A-Z_]+=\S+ )*(\.venv/bin/)?", "", part.strip())
            found += [part] if part else []
    return found


COMMANDS = [
    (page, line) for page in PAGES for language, block in blocks(page) if language == "sh" for line in lines(block)
]
SCRIPTS = [
    *((page, line) for page, line in COMMANDS if line.startswith("python benchmarks/")),
    *(
        (page, " ".join(line.split()))
        for page in PAGES
        for line in re.findall(r"`(python\s+benchmarks/[^`]+)`", text_of(page))
    ),
]


def parse(command, name: str, words: list[str]) -> None:
    while hasattr(command, "commands"):
        at = next(i for i, word in enumerate(words) if word in command.commands)
        command.make_context(name, words[: at + 1])  # options of the group
        name, words, command = words[at], words[at + 1 :], command.commands[words[at]]
    assert command.make_context(name, words).args == [], "words that no argument or option takes"


def test_no_block_is_overlooked():
    """A block is fenced, in a language that is known here; the test that takes it looks at each of its lines."""
    languages = Counter(language for page in PAGES for language, _ in blocks(page))
    assert set(languages) == {"sh", "python", "text", "toml"}
    for page in PAGES:
        text = text_of(page)
        assert text.count("\n```") == 2 * len(blocks(page)), f"{page}: a fence that is not closed, or indented"
        if page != "docs/cli.md":  # made from the code, and fresh by another test
            prose = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
            assert not re.findall(r"^(?: {4}|\t)\s*(?:tracets|python3?|pip|import|from) .*", prose, re.M), page
    for page, (n, test) in ELSEWHERE.items():
        assert sum(language == "python" for language, _ in blocks(page)) == n, f"{page}: a new block; see {test}"
        assert Path(page).name in (ROOT / test).read_text(encoding="utf-8")
    for pattern in NOT_RUN:
        assert any(re.search(pattern, line) for _, line in COMMANDS), f"no block has {pattern}"


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_every_command_is_one_that_exists(page, line, tmp_path):
    program, *words = shlex.split(line)
    if "tracets" in words and program in ("torchrun", "python"):
        program, words = "tracets", words[words.index("tracets") + 1 :]
    if program == "tracets":
        parse(TRACETS, "tracets", words)
    elif program in ("python", ".ci/run"):
        named = [program, *words] if program == ".ci/run" else words
        paths = [word for word in named if re.fullmatch(r"[\w./]+/\w+(\.py)?", word)]
        assert paths or words == ["-m", "pytest"], "a script or a test"
        base = ROOT / Path(page).parent
        assert [path for path in paths if not any((at / path).exists() for at in (ROOT, base))] == []
    elif program == "pip":
        extras = tomllib.loads(text_of("pyproject.toml"))["project"]["optional-dependencies"]
        named = re.findall(r"(?:tracets|\.)\[([\w,-]+)\]", line)
        assert words[0] == "install" and {e for group in named for e in group.split(",")} <= set(extras)
    else:
        assert program in OTHERS, f"who checks '{program}'?"


@pytest.mark.slow
@pytest.mark.parametrize(("page", "line"), sorted(set(SCRIPTS)))
def test_every_benchmark_takes_its_options(page, line, monkeypatch, tmp_path):
    """The script is started up to where its command would run."""
    if "neural_forecasters" in line:
        pytest.importorskip("neuralforecast", reason="neuralforecast is not installed")
    _, script, *words = shlex.split(re.sub(r"\[|\]", "", line))
    found = []

    def typed(what, *rest):
        found.append(typer.main.get_command(what))

    def by_function(function):
        single = typer.Typer(add_completion=False)
        single.command()(function)
        typed(single)

    class Read(Exception):
        pass

    def read(self, *rest):
        found.append(parsed(self))
        raise Read

    parsed = ArgumentParser.parse_args
    monkeypatch.setattr(typer, "run", by_function)
    monkeypatch.setattr(typer.Typer, "__call__", typed)
    monkeypatch.setattr(ArgumentParser, "parse_args", read)
    monkeypatch.setattr(sys, "argv", [script, *words])
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    monkeypatch.chdir(tmp_path)
    try:
        runpy.run_path(str(ROOT / script), run_name="__main__")
    except Read:
        return
    parse(found[0], script, words)


@pytest.fixture
def place(tmp_path, monkeypatch, model_folder):
    """The folder that the pages speak of, with a tiny model as the one that ships, and some weeks of the weather."""
    from tracets.encoders import store
    from tracets.tasks import curriculum

    weather = api.weather(captions=False)
    named = ("JFK-2013-11-30T23", "EWR-2013-10-12T00", "JFK-2013-11-30T00")
    few = weather.select([i for i, one in enumerate(weather.column("id")) if i % 14 == 0 or one in named])
    few = api.caption(few)
    monkeypatch.setattr(api, "weather", lambda seed=0: few)
    monkeypatch.setattr(curriculum, "weather_corpus", lambda resolutions: few)
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    (shipped / "base").symlink_to(model_folder, target_is_directory=True)
    monkeypatch.setattr(store, "SHIPPED", shipped)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    begin = datetime(2024, 1, 1)
    write_hours("plant.csv", begin, 960)
    write_hours("now.csv", begin + timedelta(days=20), 480)
    write_hours("yesterday.csv", begin + timedelta(days=40), 24)
    write_hours("upload.csv", begin, 48)
    said = [f"{(begin + timedelta(days=2 * i)).date()},Unit {i} tripped at noon." for i in range(20)]
    Path("reports.csv").write_text("\n".join(["date,report", *said]) + "\n", encoding="utf-8")
    return few


def write_hours(name: str, begin: datetime, n: int) -> None:
    rng = np.random.default_rng(0)
    rows = [f"{begin + timedelta(hours=i)},{100 + rng.normal():.2f},{rng.normal():.2f}" for i in range(n)]
    Path(name).write_text("\n".join(["time,load [MW],temperature [°C]", *rows]) + "\n", encoding="utf-8")


def invoke(*words: str) -> None:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, f"{shlex.join(words)}\n{result.output}\n{result.exception}"


def months(few):
    """Days of the plant in files that come one after another, some of them told anew."""
    write_hours("plant.csv", datetime(2024, 6, 1), 61 * 24)
    days = api.caption(api.windows("plant.csv", length=24, split=True))
    for name, part in {"june": range(30), "july": range(30, len(days) - 1), "corrected": range(3, 5)}.items():
        api.write(days.select(part), f"{name}.parquet")
    Path("drop").mkdir()
    api.write(days.select([len(days) - 1]), "drop/late.parquet")


def days_of_the_plant(few):
    api.write(api.caption(api.windows("plant.csv", length=24, split=True)), "plant.parquet")
    api.write(few, "noaa.parquet")


def indexed_weather(few):
    index = api.build_index(few, api.load("base"), "weather.index")
    return {"tracets": tracets, "index": index, "model": api.load("base")}


def demonstrated(few):
    Path("tracets-demo").mkdir()
    api.write(few, "tracets-demo/weather.parquet")
    return indexed_weather(few)


def with_files(few):
    days_of_the_plant(few)
    api.write(few.select(range(3)), "more.parquet")
    Path("drop").mkdir()
    api.write(few.select([5]), "drop/late.parquet")


def the_weather(few):
    api.write(few, "weather.parquet")
    api.write(few.select(range(6)), "weeks.parquet")


def arrays(few):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(24, 2, 96)), rng.normal(size=(24, 2, 24))
    names = ("load", "temperature")
    return {"X": x, "y": y, "X_new": x[:3], "samples": [Sample("now", x[0], names, freq="h")]}


def tables(few):
    with sqlite3.connect("plant.db") as database:
        database.execute("CREATE TABLE meters (ts, site, load)")
        database.execute("CREATE TABLE weather (time, station, temp)")
        times = [datetime(2024, 1, 1) + timedelta(hours=i) for i in range(1400)]
        database.executemany("INSERT INTO meters VALUES (?, 'north', ?)", [(t.isoformat(), t.hour) for t in times])
        database.executemany("INSERT INTO weather VALUES (?, 'a', ?)", [(f"{t.isoformat()}Z", t.day) for t in times])
    database.close()
    first = 1704067200
    Path("weather.lp").write_text("".join(f"w,site=a temp={i % 7} {first + 600 * i}\n" for i in range(300)))
    return {"tracets": tracets}


def parts(few):
    names = indexed_weather(few)
    the_weather(few)
    days_of_the_plant(few)
    Path("corpus").mkdir()
    for i in range(2):
        part = few.select(range(4 * i, 4 * i + 4))
        api.write(part, f"corpus/{i}.parquet")
        api.build_index(part, names["model"], f"part-{i:03}.index")
    api.write(few.select(range(12)), "corpus.parquet")
    return names | {"mine": range(2), "question": "a cold week"}


def limits(few):
    api.write(few.select(range(6)), "huge.parquet")
    return {"tracets": tracets}


def weeks_with_reports(name: str, channels: list[str], page: str):
    """Weeks in the form of Time-MMD: the long series, and windows of 24 weeks with a report each, as fetch writes them.

    The last window has the id of the one that the page explains.
    """

    def made(few):
        dated_series(name, channels, n=800, days=7)
        told = [
            replace(one, text=f"In week {i} it was {i} %.", metadata={"text_source": "report" if i % 2 else "search"})
            for i, one in enumerate(api.windows(f"{name}.csv", length=24, stride=12, split=True))
        ]
        told[-1] = replace(told[-1], id=re.findall(r"^tracets explain \S+ (\S+)", text_of(page), re.M)[0])
        api.write(Corpus.from_samples(told), f"{name}.parquet")

    return made


def days_of_air(few):
    dated_series("air", ["air quality index", "Number of Sites Reporting"], n=3600, days=1)
    days = api.windows("air.csv", length=84, stride=84, split=True)
    told = [replace(day, text=f"Day {i}.", metadata={"text_source": "report"}) for i, day in enumerate(days)]
    api.write(Corpus.from_samples(told), "air.parquet")


def dated_series(name: str, channels: list[str], *, n: int, days: int) -> None:
    rng = np.random.default_rng(0)
    rows = (10 + rng.normal(size=(n, len(channels))).cumsum(0) / 10).round(3)
    begin = datetime(2000, 1, 3)
    lines = [f"{begin + timedelta(days=days * i)},{','.join(map(str, row))}" for i, row in enumerate(rows)]
    Path(f"{name}.csv").write_text("\n".join([",".join(["time", *channels]), *lines]) + "\n", encoding="utf-8")


def hearts(few):
    """Recordings of three databases with labels and reports, all in split test, as the sample of PTB-XL and others."""
    rng = np.random.default_rng(0)
    databases, labels = ("PTB-XL", "Georgia", "Chapman-Shaoxing/Ningbo"), ("NORM", "sinus rhythm")
    made = [
        Sample(
            f"ecg_HR{6000 + i:05}", rng.normal(size=(3, 96)), ("I", "II", "V1"), freq="10ms", split="test",
            label=labels[i // 2 % 2], text=f"sinus {('tachycardia', 'rhythm')[i // 3 % 2]} {i}",
            metadata={"entity": databases[i % 3]}, units=("mV",) * 3,
        )
        for i in range(36)
    ]  # fmt: skip
    api.write(Corpus.from_samples(made), "ecg.parquet")


HEALTH, ENERGY = "docs/examples/health.md", "docs/examples/energy.md"
EXAMPLES = {
    HEALTH: weeks_with_reports("flu", ["influenza-like illness [%]", "AGE 65"], HEALTH),
    ENERGY: weeks_with_reports("gasoline", ["U.S. gasoline price [Dollars per Gallon]"], ENERGY),
    "docs/examples/environment.md": days_of_air,
    "docs/examples/ecg.md": hearts,
}
BEFORE = EXAMPLES | {
    "README.md": with_files, "docs/classify.md": the_weather, "docs/corpora.md": days_of_the_plant,
    "docs/explain.md": demonstrated, "docs/filters.md": indexed_weather, "docs/forecast.md": arrays,
    "docs/indexes.md": months, "docs/rag.md": days_of_the_plant, "docs/results.md": the_weather,
    "docs/scaling.md": parts, "docs/security.md": limits, "docs/serve.md": the_weather, "docs/sources.md": tables,
}  # fmt: skip


def runs(page: str) -> list[tuple[str, str]]:
    """What of a page runs here, in order: Python blocks and single commands."""
    found = []
    for language, block in blocks(page):
        if language == "python" and page not in ELSEWHERE:
            found.append((language, block))
        for line in lines(block) if language == "sh" else []:
            if line.startswith("tracets ") and not any(re.search(pattern, line) for pattern in NOT_RUN):
                found.append((language, line))
    return found


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", [page for page in PAGES if runs(page)])
def test_every_block_of_a_page_runs(page, place, request):
    if page == "docs/rag.md":
        pytest.importorskip("fracast", reason="the extra `fracast` is not installed")
    names: dict = BEFORE.get(page, lambda few: None)(place) or {}
    bucket = request.getfixturevalue("s3") if "s3://bucket" in text_of(page) else ""
    for language, code in runs(page):
        code = shortened(code)
        if language == "python":
            exec(compile(code, page, "exec"), names)
        else:
            invoke(*shlex.split(code.replace("s3://bucket", bucket))[1:])


def shortened(code: str) -> str:
    for long, short in SHORTER.items():
        code = re.sub(long, short, code)
    return code


def test_the_site_is_made_of_all_pages():
    """The menu names every page; that it builds without a warning is checked where mkdocs is installed, in CI."""
    menu = (DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8")
    named = set(re.findall(r"(\S+\.md)$", menu, re.M))
    assert named == {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}
