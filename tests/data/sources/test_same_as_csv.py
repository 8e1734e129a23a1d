"""The same data from a file, from PostgreSQL and from SQLite give the same windows, bit for bit."""

import csv
import json
import re
import sqlite3
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("sqlalchemy", reason="sqlalchemy is not installed: tracets[sql]")

from tracets import api
from tracets.cli import main
from tracets.errors import DataError


def write_csv(path, header, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(["" if cell is None else cell for cell in row] for row in rows)


def copy_to(sql, table: str, columns: str, rows) -> None:
    sql(f"CREATE TABLE {table} ({columns})")
    with sql("SELECT 1").connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def table_of(path, columns, take=slice(None)):
    """Rows of a Parquet file with None where missing, and floats as they are."""
    import pyarrow.parquet as pq

    cells = [pq.read_table(path)[name].to_pylist()[take] for name in columns]
    return [tuple(None if cell != cell else cell for cell in row) for row in zip(*cells, strict=True)]


def shuffled(rows):
    return [rows[i] for i in np.random.default_rng(0).permutation(len(rows))]


def test_a_long_table_gives_the_windows_of_its_csv_bit_for_bit(postgres, sql, lite, tmp_path, same_windows):
    rng = np.random.default_rng(0)
    rows = [
        (site, t.isoformat(), channel, None if rng.random() < 0.1 else float(rng.normal() * 10.0**k), unit)
        for site in ("east", "west")
        for k, (channel, unit) in enumerate((("load", "MW"), ("rain", None), ("wind", "m/s")))
        for t in (datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=i) for i in range(100))
    ]
    write_csv(tmp_path / "long.csv", ["id", "time", "channel", "value", "unit"], rows)
    wanted = api.windows(tmp_path / "long.csv", length=24, split=True)
    copy_to(sql, "long", "id text, time timestamptz, channel text, value float8, unit text", shuffled(rows))
    for url in (postgres, lite("CREATE TABLE long (id, time, channel, value, unit)", rows)):
        same_windows(api.windows(api.source(url, table="long"), length=24, split=True), wanted)


cells = st.none() | st.floats(width=32, allow_nan=False, allow_infinity=False) | st.integers(-(10**6), 10**6)


@pytest.mark.slow
@settings(deadline=None, max_examples=100)
@given(
    rows=st.lists(st.tuples(st.integers(0, 30), cells, cells), min_size=1, max_size=12, unique_by=lambda row: row[0]),
    minutes=st.sampled_from([30, 60]),
    freq=st.sampled_from([None, "h", "2h"]),
    zone=st.sampled_from([None, "Europe/Berlin"]),
    offset=st.sampled_from(["", "Z", "+01:00"]),
)
def test_any_table_is_read_or_refused_as_its_csv(tmp_path_factory, rows, minutes, freq, zone, offset):
    """Irregular times too, over the night when the clocks of Berlin go forward."""
    folder = tmp_path_factory.mktemp("any")
    begin = datetime(2024, 3, 30, 20)
    told = [((begin + timedelta(minutes=minutes * i)).isoformat() + offset, a, b) for i, a, b in sorted(rows)]
    write_csv(folder / "any.csv", ["time", "a", "b [m]"], told)
    with sqlite3.connect(folder / "any.db") as connection:
        connection.execute('CREATE TABLE "any" (time, a, "b [m]")')
        connection.executemany('INSERT INTO "any" VALUES (?, ?, ?)', shuffled(told))
    connection.close()
    found = []
    for place in (folder / "any.csv", api.source(f"sqlite:///{folder / 'any.db'}", table="any")):
        try:
            one = api.read(place, freq=freq, zone=zone)[0]
            found.append((one.id, one.values.tobytes(), one.start.isoformat(), one.freq, one.channel_names, one.units))
        except DataError as error:
            found.append(re.sub(r"row \d+", "row", str(error).partition("series 'any'")[2]))
    assert found[0] == found[1] != ""


@pytest.mark.slow
def test_half_hours_of_a_grid_by_the_command(
    shared_data, postgres, sql, lite, tmp_path, same_windows, monkeypatch, capfd
):
    """Victoria's load and temperature in 2012: `tracets data windows` on a CSV, on PostgreSQL and on SQLite."""
    rows = table_of(shared_data / "energy_series" / "vic_elec.parquet", ["time_utc", "demand_mwh", "temperature_c"],
                    slice(17520))  # fmt: skip
    rows = [(t.replace(tzinfo=UTC), *rest) for t, *rest in rows]
    names = ["demand [MWh]", "temperature [°C]"]
    write_csv(tmp_path / "vic.csv", ["time", *names], [(t.isoformat(), *rest) for t, *rest in rows])
    copy_to(sql, "vic", 'time timestamptz, "demand [MWh]" float4, "temperature [°C]" float8', shuffled(rows))
    url = lite('CREATE TABLE vic(time, "demand [MWh]", "temperature [°C]")',
               shuffled([(t.isoformat(), *rest) for t, *rest in rows]))  # fmt: skip
    monkeypatch.setenv("PLANT_DATABASE", postgres)
    found = {}
    for name, place, more in (
        ("csv", tmp_path / "vic.csv", []), ("postgres", "env:PLANT_DATABASE", ["--table", "vic"]),
        ("sqlite", url, ["--table", "vic"]),
    ):  # fmt: skip
        out = tmp_path / f"{name}.parquet"
        arguments = ["data", "windows", place, "--out", out, "--length", 336, "--stride", 48, "--split", "--gap", 48,
                     "--zone", "Australia/Melbourne", "--json", *more]  # fmt: skip
        monkeypatch.setattr(sys, "argv", ["tracets", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code, capfd.readouterr().err
        found[name] = api.read(out)
        assert json.loads(capfd.readouterr().out)["windows"] == len(found[name])
    assert len(found["csv"]) > 300 and set(found["csv"].column("split")) == {"train", "val", "test"}
    for name in ("postgres", "sqlite"):
        same_windows(found[name], found["csv"])


@pytest.mark.slow
def test_two_transformers_of_one_table(shared_data, postgres, sql, lite, tmp_path, same_windows):
    """ETTh1 and ETTh2, 7 channels each: a wide table with an entity against a long CSV."""
    channels = ["HUFL", "HULL", "LUFL", "LULL", "MUFL", "MULL", "OT"]
    rows = table_of(shared_data / "energy_series" / "etth.parquet", ["station", "date", *channels])
    rows = [row for row in rows if row[1] < datetime(2016, 9, 1)]
    long = [(row[0], row[1].isoformat(), c, row[2 + i]) for i, c in enumerate(channels) for row in rows]
    write_csv(tmp_path / "etth.csv", ["id", "time", "channel", "value"], long)
    wanted = api.windows(tmp_path / "etth.csv", length=168, stride=24, split=True)
    columns = ", ".join(f'"{name}" float8' for name in channels)
    copy_to(sql, "etth", f"station text, date timestamp, {columns}", shuffled(rows))
    plain = [(station, t.isoformat(sep=" "), *rest) for station, t, *rest in rows]
    url = lite(f"CREATE TABLE etth(station, date, {', '.join(channels)})", shuffled(plain))
    for place in (postgres, url):
        found = api.windows(api.source(place, table="etth", entity=["station"]), length=168, stride=24, split=True)
        assert len(found) > 80 and {w.metadata["station"] for w in found} == {"ETTh1", "ETTh2"}
        same_windows(found, wanted)


@pytest.mark.slow
def test_news_about_the_air_become_texts_of_their_weeks(shared_data, postgres, sql):
    """Counties of the EPA with local news: each text is that of the articles dated inside the week, by brute force."""
    folder = shared_data / "epa_air_news"
    rows = table_of(folder / "series.parquet", ["county", "time", "temp", "pm2_5", "aqi"])
    news = table_of(folder / "articles.parquet", ["county", "time", "text"])
    copy_to(sql, "air", "county text, time timestamp, temp float8, pm25 float8, aqi float8", shuffled(rows))
    copy_to(sql, "news", "county text, time timestamp, body text", shuffled(news))
    source = api.source(
        postgres,
        table="air",
        entity=["county"],
        reports="SELECT county, time, body AS text FROM news",
        since="2024-01-01",
    )
    corpus = api.windows(source, length=168, freq="h", min_observed=0.1)
    assert len(corpus) > 150 and sum(text is not None for text in corpus.column("text")) > 100
    for window in corpus:
        inside = [
            (t, " ".join(text.split())) for county, t, text in news
            if county == window.metadata["county"] and window.start <= t < window.start + timedelta(hours=168)
        ]  # fmt: skip
        told = [text for _, text in sorted(inside, key=lambda one: one[0])]
        assert sorted((window.text or "").split()) == sorted(" ".join(told).split()), window.id
        if len({t for t, _ in inside}) == len(inside):
            assert (window.text or "") == " ".join(told), window.id
