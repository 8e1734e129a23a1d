"""Where spans are placed, and what a search for places in a long series takes: JSON lines.

    python benchmarks/spans.py placing --n 100 --out spans.jsonl
    python benchmarks/spans.py lengths --n 120 --out spans.jsonl
    python benchmarks/spans.py long --steps 300000 --out spans.jsonl
    python benchmarks/spans.py hours series.parquet --out spans.jsonl

`placing` asks for stretches whose place is known. Of the real weather: of the validation part of each airport, a random
stretch of 24 to 168 hours, by a caption of it and by its values with a tenth of their spread as noise. Planted: a
pattern in the load of a series with a daily cycle, by words and by the same pattern on other noise. What is found first
is compared with the truth as intersection over union of their steps, for plain, merged and refined spans, with the 95 %
interval of the mean over the questions (bootstrap, 2,000 draws), also of the difference to the plain span.

`lengths` asks the same of the weather, and ranks its windows of all lengths by their scores as they are, by what these
lie above the median score of all windows of their length, and by the same in standard deviations.

`hours` asks ten years of hourly weather from Szeged, with a word for each hour by the data's provider, for fog and for
wind, and counts how many of the hours in the 20 first spans have that word. FILE has the columns time_utc, summary and
the channels.
"""

from __future__ import annotations

import json
import platform
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from memory import resident_mb
from numpy.typing import NDArray

from tracets import api
from tracets.data import Corpus, nyc_weather
from tracets.data.captions import caption_corpus
from tracets.data.cutting import Slicer
from tracets.data.nycflights import weather_split
from tracets.data.windows import parts_of_time
from tracets.types import Query, Sample

LENGTHS, SHORTEST, LONGEST = (24, 72, 168), 24, 168
MODES: dict[str, dict[str, bool]] = {"plain": {}, "merged": {"merge": True}, "refined": {"refine": True}}
DRAWS = 2000
Out = Annotated[Path, typer.Option(help="JSON lines; runs are added.")]
app = typer.Typer(add_completion=False)

PATTERNS = {
    "drop": "The load drops suddenly, stays low and recovers suddenly.",
    "ramp": "The load rises steadily to a peak and falls back.",
    "flat": "The load is constant.",
    "swings": "The load swings up and down strongly.",
}


@app.command()
def placing(n: int = 100, seed: int = 0, model: str = "base", out: Out = Path("spans.jsonl")) -> None:
    """How well the first span lies, by n questions of each kind."""
    encoder = api.load(model)
    for name, (series, questions) in {"weather": weather(n, seed), "planted": planted(n, seed)}.items():
        with tempfile.TemporaryDirectory() as folder:
            index = api.build_index(api.cut(series, lengths=LENGTHS), encoder, Path(folder) / "index")
            for kind in ("text", "series"):
                found = [_placed(index, encoder, question[kind], *question["truth"]) for question in questions]
                record = {"what": "placing", "data": name, "query": kind, "n": n, "seed": seed, "windows": len(index)}
                _write(out, record | _summary(found, seed))


@app.command()
def long(
    steps: int = 300_000, channels: int = 3, seed: int = 0, model: str = "base", out: Out = Path("spans.jsonl")
) -> None:
    """Index and search one series of so many hours from a CSV file; time and memory."""
    encoder = api.load(model)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plant.csv"
        _write_csv(path, steps, channels, np.random.default_rng(seed))
        short = Slicer(planted(1, seed)[0][0])(0, 512)
        encoder.encode_series([short] * 64)  # so that the encoder itself is in memory before
        before, began, while_encoding = resident_mb("RssAnon"), time.monotonic(), []
        with _Peak() as peak:
            cutting = api.cut(path, lengths=(24, 168), strides=(6, 24))
            index = api.build_index(
                cutting,
                encoder,
                Path(folder) / "index",
                progress=lambda done: while_encoding.append(resident_mb("RssAnon")),
            )
        record: dict[str, Any] = {"what": "long", "steps": steps, "channels": channels, "seed": seed}
        record |= {"windows": len(index), "index_s": round(time.monotonic() - began, 1)}
        record |= {"uncovered": cutting.cut.uncovered, "csv_mb": round(path.stat().st_size / 1e6, 1)}
        record |= {
            "encoder_mb": round(before),
            "encoding_mb": round(max(while_encoding)),
            "index_peak_mb": round(peak.mb),
        }
        with _Peak() as peak:
            for mode, options in MODES.items():
                for text in PATTERNS.values():  # from here on what they read is in memory
                    api.find_spans(index, encoder, text, **options)
                times = []
                for text in PATTERNS.values():
                    began = time.monotonic()
                    assert len(api.find_spans(index, encoder, text, **options)) == 10
                    times.append(time.monotonic() - began)
                record[f"{mode}_ms"] = round(1000 * float(np.median(times)))
        _write(out, record | {"search_peak_mb": round(peak.mb)})


@app.command()
def lengths(n: int = 120, seed: int = 0, model: str = "base", out: Out = Path("spans.jsonl")) -> None:
    """Whether scores of windows of several lengths can be compared as they are."""
    from tracets.retrieval.places import Places, Stretch
    from tracets.retrieval.questions import encode_parts, score_of_series

    encoder = api.load(model)
    series, questions = weather(n, seed)
    with tempfile.TemporaryDirectory() as folder:
        index = api.build_index(api.cut(series, lengths=LENGTHS), encoder, Path(folder) / "index")
        places = Places.of(index)
        each = [places.n_steps == length for length in LENGTHS]
        every = np.arange(len(places))
        for kind in ("text", "series"):
            iou: dict[str, list[float]] = {"as_is": [], "centred": [], "deviations": []}
            picked, best = [], []
            for question in questions:
                name, first, length = question["truth"]
                shared = places.shared(every, Stretch(places.names.index(name), first, length))
                right = shared / (places.n_steps + length - shared)
                best.append(float(right.max()))
                scores = score_of_series(index, encode_parts(index, encoder, question[kind]))(None, coarse=False)
                median, spread = np.zeros(len(places)), np.ones(len(places))
                for some in each:
                    median[some], spread[some] = np.median(scores[some]), scores[some].std()
                forms = (scores, scores - median, (scores - median) / spread)
                for form, ranked in zip(iou, forms, strict=True):
                    iou[form].append(float(right[np.argmax(ranked)]))
                picked.append([length, int(places.n_steps[np.argmax(scores)])])
            told = {form: _interval(np.array(found), seed) for form, found in iou.items()}
            third = np.quantile([length for length, _ in picked], (1 / 3, 2 / 3))
            steps = {
                f"picked_{which}": round(float(np.mean([p for t, p in picked if np.searchsorted(third, t) == i])), 1)
                for i, which in enumerate(("short", "middle", "long"))
            }
            told["best"] = _interval(np.array(best), seed)  # of any window
            _write(out, {"what": "lengths", "query": kind, "n": n, "seed": seed} | told | steps)


HOURS = {"Dense fog, very low visibility.": ("Foggy",), "Strong wind.": ("Breezy", "Windy")}
UNITS = {"temperature": "°C", "apparent_temperature": "°C", "wind_speed": "km/h", "pressure": "hPa",
         "wind_direction": "°", "visibility": "km"}  # fmt: skip


@app.command()
def hours(file: Path, k: int = 20, model: str = "base", out: Out = Path("spans.jsonl")) -> None:
    """Spans of fog and of wind in ten years of hours, against the words that the data has for each hour."""
    import pandas as pd

    frame = pd.read_parquet(file).drop_duplicates("time_utc").set_index("time_utc").sort_index()
    frame = frame.asfreq("h")
    names = frame.columns[frame.dtypes == np.float32].tolist()
    words = frame["summary"].astype(object).fillna("").to_numpy()
    channels = tuple(name.replace("_", " ") for name in names)
    units = tuple(UNITS.get(name) for name in names)
    start = frame.index[0].tz_localize("UTC").to_pydatetime()
    whole = Sample("szeged", frame[names].to_numpy(np.float32).T, channels, units, start, "h")
    encoder = api.load(model)
    with tempfile.TemporaryDirectory() as folder:
        began, cutting = time.monotonic(), api.cut([whole], lengths=LENGTHS)
        index = api.build_index(cutting, encoder, Path(folder) / "index")
        record: dict[str, Any] = {"what": "hours", "k": k, **cutting.cut.to_json()}
        record |= {"index_s": round(time.monotonic() - began, 1)}
        for text, told in HOURS.items():
            right = np.array([any(word in said for word in told) for said in words])
            record[text] = {"all": round(float(right.mean()), 3)}
            for mode, options in MODES.items():
                spans = api.find_spans(index, encoder, text, k=k, **options)
                inside = [right[span.first_step : span.first_step + span.n_steps] for span in spans]
                found = {"share": round(float(np.concatenate(inside).mean()), 3), "spans": len(spans)}
                found |= {"with_any": sum(bool(part.any()) for part in inside), "steps": sum(map(len, inside))}
                record[text][mode] = found
        _write(out, record)


class _Peak:
    """The most memory of its own (without mapped files) that this process had while the block ran, looked at often."""

    mb = 0.0

    def __enter__(self) -> _Peak:
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._done.wait(0.02):
            self.mb = max(self.mb, resident_mb("RssAnon"))

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()


def weather(n: int, seed: int) -> tuple[list[Sample], list[dict[str, Any]]]:
    """The validation part of each airport, and stretches of it with a caption and with noise."""
    stations, rng = nyc_weather(), np.random.default_rng(seed)
    split, series = weather_split(stations), []
    for station in stations:
        for part, first, end in parts_of_time(station.times_until(station.n_steps + 1), split, gap=0):
            if part == "val":
                series.append(Slicer(station.to_sample())(first, end - first))
    drawn = []
    for i in range(n):
        one, length = series[rng.integers(len(series))], _length(rng)
        first = int(rng.integers(one.n_steps - length))
        drawn.append((one, first, replace(Slicer(one)(first, length), id=str(i))))
    captioned = caption_corpus(Corpus.from_samples(window for _, _, window in drawn), seed=seed)
    questions = []
    for (one, first, window), told in zip(drawn, captioned, strict=True):
        spread = np.nanstd(window.values, axis=1, keepdims=True)
        noisy = replace(window, values=window.values + 0.1 * spread * rng.normal(size=window.values.shape))
        truth = (one.id, first, window.n_steps)
        questions.append({"text": Query(text=told.text), "series": Query(series=noisy), "truth": truth})
    return series, questions


def planted(n: int, seed: int) -> tuple[list[Sample], list[dict[str, Any]]]:
    """Series of twelve weeks with one pattern each, and questions for it: in words, and by the pattern elsewhere."""
    rng = np.random.default_rng(seed)
    series, questions = [], []
    for i in range(n):
        name, length = list(PATTERNS)[i % len(PATTERNS)], _length(rng)
        first = int(rng.integers(2016 - length))
        whole = Sample(
            f"plant-{i}", _load(rng, 2016, name, first, length), ("load",), ("MW",), datetime(2024, 1, 1), "h"
        )
        other = Sample("other", _load(rng, length, name, 0, length), ("load",), ("MW",), whole.start, "h")
        series.append(whole)
        text, truth = Query(text=PATTERNS[name]), (whole.id, first, length)
        questions.append({"text": text, "series": Query(series=other), "truth": truth})
    return series, questions


def _length(rng: np.random.Generator) -> int:
    return int(round(np.exp(rng.uniform(np.log(SHORTEST), np.log(LONGEST)))))


def _load(rng: np.random.Generator, steps: int, name: str, first: int, length: int) -> NDArray[np.float64]:
    """Hours of a load with a daily cycle, and a pattern in some of them."""
    hours, at = np.arange(steps), np.linspace(0, 1, length)
    load = 100 + 8 * np.sin(hours / 24 * 2 * np.pi) + 3 * rng.normal(size=steps)
    inside = slice(first, first + length)
    if name == "drop":
        load[inside] -= 60
    elif name == "ramp":
        load[inside] += 80 * (1 - np.abs(2 * at - 1))
    elif name == "flat":
        load[inside] = 100
    else:
        load[inside] += 40 * np.sin(at * 2 * np.pi * max(2, length // 12))
    return load[None]


def _placed(index: Any, encoder: Any, query: Query, series: str, first: int, length: int) -> dict[str, float]:
    """Intersection over union of the first span of each mode with the truth, within the series that holds it."""
    found = {}
    for mode, options in MODES.items():
        (span,) = api.find_spans(index, encoder, query, k=1, where=f"series = '{series}'", **options)
        shared = max(0, min(first + length, span.first_step + span.n_steps) - max(first, span.first_step))
        found[mode] = shared / (length + span.n_steps - shared)
        found[f"{mode}_steps"] = span.n_steps / length
    return found


def _summary(found: list[dict[str, float]], seed: int) -> dict[str, Any]:
    iou = {mode: np.array([one[mode] for one in found]) for mode in MODES}
    told: dict[str, Any] = {}
    for mode, values in iou.items():
        told[mode] = {"iou": _interval(values, seed), "half": round(float((values >= 0.5).mean()), 3)}
        told[mode] |= {"steps_to_true": round(float(np.median([one[f"{mode}_steps"] for one in found])), 2)}
        if mode != "plain":
            told[mode]["gain"] = _interval(values - iou["plain"], seed)
    return told


def _interval(values: NDArray[np.float64], seed: int) -> list[float]:
    """Mean, and the bounds of its 95 % interval."""
    draws = np.random.default_rng(seed).integers(len(values), size=(DRAWS, len(values)))
    low, high = np.quantile(values[draws].mean(1), (0.025, 0.975))
    return [round(float(x), 3) for x in (values.mean(), low, high)]


def _write_csv(path: Path, steps: int, channels: int, rng: np.random.Generator) -> None:
    begin, names = datetime(1990, 1, 1), [f"load {c + 1} [MW]" for c in range(channels)]
    values = np.concatenate([_load(rng, steps, "drop", steps // 2, 48) for _ in range(channels)])

    def lines() -> Iterator[str]:
        yield ",".join(["time", *names]) + "\n"
        for i in range(steps):
            yield f"{begin + timedelta(hours=i)}," + ",".join(f"{x:.2f}" for x in values[:, i]) + "\n"

    with path.open("w", encoding="utf-8") as file:
        file.writelines(lines())


def _write(out: Path, record: dict[str, Any]) -> None:
    record |= {"machine": platform.processor() or platform.machine(), "date": f"{datetime.now():%Y-%m-%d}"}
    with out.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
    typer.echo(json.dumps(record))


if __name__ == "__main__":
    app()
