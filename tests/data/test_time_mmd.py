"""Time-MMD: facts meet the window that ends with them, never an earlier one."""

import csv
import re
from collections import Counter
from datetime import date, datetime, timedelta

import numpy as np
import pytest

from tracets.data.time_mmd import is_time_mmd, read_facts, read_numbers, read_time_mmd, target_of
from tracets.errors import DataError


def write(path, header, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def weekly(folder, name="Grain", weeks=40):
    mondays = [date(2020, 1, 6) + timedelta(weeks=i) for i in range(weeks)]
    rows = [[d, i, "X" if i < 5 else 2 * i, "National", 2020, d, d + timedelta(days=6)] for i, d in enumerate(mondays)]
    return write(
        folder / f"{name}.csv",
        ["date", "OT", "Price  (Dollars)", "REGION", "YEAR", "start_date", "end_date"],
        rows[::-1],
    )


def facts(folder, rows, name="Grain", kind="report"):
    rows = [[i, *row, "PREDICTED: it will rise for sure"] for i, row in enumerate(rows)]
    return write(folder / f"{name}_{kind}.csv", ["", "start_date", "end_date", "fact", "preds"], rows)


def test_numbers(tmp_path):
    path = weekly(tmp_path)
    with path.open() as file:
        rows = list(csv.reader(file))
    rows.append(["2020-01-06", "10", "inf", "National", "2020", "", ""])  # the first week twice
    del rows[-4]  # and one week missing: 2020-01-20
    write(path, rows[0], rows[1:])
    series = read_numbers(path)
    assert series.channel_names == ("OT", "Price") and series.units == (None, "Dollars")
    assert (series.id, series.freq, series.start, series.n_steps) == ("Grain", "W-MON", datetime(2020, 1, 6), 40)
    np.testing.assert_array_equal(series.values[0, :4], [5, 1, np.nan, 3])
    np.testing.assert_array_equal(series.values[1, 3:7], [np.nan, np.nan, 10, 12])


HEADERS = {
    "Agriculture": "Date,Wholesale broiler composite,OT,Retail-wholesale spread for broiler composite,date,start_date,"
                   "end_date",
    "Climate": "MapDate,AreaOfInterest,OT,D0,D1,D2,D3,D4,ValidStart,ValidEnd,StatisticFormatID,date,start_date,"
               "end_date",
    "Economy": "Month,Exports,Imports,OT,start_date,date,end_date",
    "Health_AFR": "date,date,end_date,OT",
    "Security": "date,OT,start_date,end_date",
    "SocialGood": "date,start_date,end_date,OT",
    "Traffic": "OT,Date,start_date,date,end_date",
}  # fmt: skip
"""As published; those of Energy, Environment and Health_US are quoted in other tests."""
TEXTS = {"AreaOfInterest": "Total", "StatisticFormatID": "1", "Month": "January 2024"}


@pytest.mark.parametrize("subset", HEADERS)
def test_the_headers_of_the_real_subsets(tmp_path, subset):
    """Rows of Climate and Economy run backwards; no date and no code is a channel."""
    weekly_ = subset in ("Climate", "Health_AFR")
    months = [date(2020 + i // 12, i % 12 + 1, 1) for i in range(40)]
    days = [date(2020, 1, 7) + timedelta(weeks=i) for i in range(40)] if weekly_ else months
    names, rows = HEADERS[subset].split(","), []
    for i, day in enumerate(days[::-1]):
        dates = {"MapDate": f"{day:%Y%m%d}", **dict.fromkeys(("Date", "date", "start_date", "ValidStart"), day),
                 **dict.fromkeys(("end_date", "ValidEnd"), day + timedelta(days=6))}  # fmt: skip
        rows.append([dates.get(name, TEXTS.get(name, i)) for name in names])
    series = read_numbers(write(tmp_path / f"{subset}.csv", names, rows))
    dated = {"Date", "date", "start_date", "end_date", "ValidStart", "ValidEnd", "MapDate", *TEXTS}
    assert series.channel_names == tuple(name for name in names if name not in dated)
    assert (series.n_steps, series.freq) == (40, "W-TUE" if weekly_ else "MS")
    np.testing.assert_array_equal(series.values[0, [0, -1]], [39, 0])


def test_a_column_twice_with_other_contents(tmp_path):
    path = tmp_path / "Health_AFR.csv"
    write(path, ["date", "date", "OT"], [["2020-01-06", "2020-01-06", 1], ["2020-01-13", "2020-01-14", 2]])
    with pytest.raises(DataError, match="column 'date' is repeated"):
        read_numbers(path)


def test_targets_and_prices_are_called_what_they_are(tmp_path):
    header = [
        "date",
        "OT",
        "Weekly New England (PADD 1A) All Grades All Formulations Retail Gasoline Prices  (Dollars)",
    ]
    rows = [[date(2020, 1, 6) + timedelta(weeks=i), i, i] for i in range(3)]
    energy = read_numbers(write(tmp_path / "Energy.csv", header, rows))
    assert energy.channel_names == ("U.S. gasoline price", "New England gasoline price")
    assert energy.units == ("Dollars per Gallon", "Dollars")
    air = read_numbers(write(tmp_path / "Environment.csv", ["date", "OT"], [row[:2] for row in rows]))
    assert air.channel_names == ("air quality index",) and air.units == (None,)
    flu = read_numbers(
        write(tmp_path / "Health_US.csv", ["date", "% WEIGHTED ILI", "OT", "AGE 65"], [[*r, 1] for r in rows])
    )
    assert flu.channel_names == ("influenza-like illness, weighted", "influenza-like illness", "AGE 65")
    assert flu.units == ("%", "%", None)
    other = read_numbers(write(tmp_path / "Grain.csv", header, rows))
    assert other.channel_names == ("OT", "New England gasoline price"), "a price says itself what it is"
    assert [target_of(one) for one in (energy, air, flu, other)] == [0, 0, 1, 0]


def test_a_fact_belongs_to_the_last_stride_of_one_window(tmp_path):
    path = weekly(tmp_path)
    days = [date(2020, 1, 6) + timedelta(days=i) for i in range(280)]
    facts(tmp_path, [[d, d, f"fact of the day {d} in words"] for d in days])
    facts(tmp_path, [[d, d, f"search of the day {d} in words"] for d in days[:150]], kind="search")
    assert is_time_mmd(path)
    corpus = read_time_mmd(path, length=10, stride=1)
    told = Counter()
    for sample in corpus:
        end = sample.start.date() + timedelta(weeks=10)
        week = [end - timedelta(days=7 - i) for i in range(7)]
        want = " ".join(f"fact of the day {d} in words" for d in week[1:])  # the last six
        assert sample.text == want and sample.metadata["text_source"] == "report"
        assert sample.metadata["window_end"] == (end - timedelta(days=1)).isoformat()
        searched = " ".join(f"search of the day {d} in words" for d in week[3:] if d <= days[149]) or None
        if end <= days[149]:
            assert sample.metadata["search_text"] == searched
        told.update(re.findall(r"fact of the day (\S+)", sample.text))
        assert "PREDICTED" not in str(sample)
    assert max(told.values()) == 1


def test_search_facts_stand_in_where_there_is_no_report(tmp_path):
    path = weekly(tmp_path)
    facts(tmp_path, [["2020-03-15", "2020-03-15", f"snippet number {n} of search"] for n in "abcde"], kind="search")
    corpus = read_time_mmd(path, length=10, stride=10)
    assert corpus[0].text == " ".join(f"snippet number {n} of search" for n in "bcde")
    assert [s.metadata["text_source"] for s in corpus] == ["search"] + [None] * (len(corpus) - 1)
    assert corpus[0].metadata["search_text"] is None and corpus[1].text is None


@pytest.mark.parametrize(
    ("begin", "end", "text"),
    [
        ("2020-01-01", "2020-01-05", ""),
        ("2020-01-01", "2020-01-05", "too short"),
        ("2020-01-01", "2020-01-05", "NA (No objective facts about the situation were found)"),
        ("2020-01-01", "2020-01-05", "There is no objective fact about the situation in the text"),
        ("2020-01-01", "2020-01-05", "The article does not provide any prices at all"),
        ("2020-01-05", "2020-01-01", "Prices rose before they began to rise"),
        ("2020-01-01", "2020-06-01", "Prices rose over a very long time indeed"),
        ("2020-01-01", "2020-01-05", "Prices rose until the end of 2021, which is to come"),
        ("2020-01-01", "2020-01-05", "Prices rose to $3 on January 6, 2020"),
        ("soon", "2020-01-05", "Prices rose at a time that nobody knows"),
    ],
)
def test_unusable_facts(tmp_path, begin, end, text):
    good = ["2020-01-01", "2020-01-05", "Prices rose to $3 in 2020."]
    path = facts(tmp_path, [[begin, end, text], good, good])
    assert [(f.end, f.text) for f in read_facts(path)] == [(date(2020, 1, 5), "Prices rose to $3 in 2020.")]


def test_headings_and_markup_are_taken_off(tmp_path):
    text = (
        "Objective facts about the Energy situation:\nPrices **rose**\n to $3 a gallon.",
        "NAtional prices fell to $2.",
    )
    path = facts(tmp_path, [["2020-01-01", "2020-01-05", t] for t in text])
    assert [f.text for f in read_facts(path)] == ["NAtional prices fell to $2.", "Prices rose to $3 a gallon."]
    assert read_facts(tmp_path / "none.csv") == []


def test_refusals(tmp_path):
    path = write(tmp_path / "x.csv", ["date", "a"], [["2020-01-01", 1], ["2020-01-04", 2]])
    with pytest.raises(DataError, match="series 'x': a usual step of 3 days is neither daily, weekly nor monthly"):
        read_numbers(path)
    with pytest.raises(DataError, match="has no column 'date'; it has day, a"):
        read_numbers(write(path, ["day", "a"], [["2020-01-01", 1]]))
    with pytest.raises(DataError, match="has no column of numbers"):
        read_numbers(write(path, ["date", "a"], [["2020-01-01", "high"]]))
    with pytest.raises(DataError, match="lacks fact. Is it"):
        read_facts(write(path, ["start_date", "end_date"], [["2020-01-01", "2020-01-01"]]))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "rows", "reports"), [("Energy", 778, 160), ("Health_US", 661, 227), ("Environment", 2249, 35)]
)
def test_the_published_files(shared_data, name, rows, reports):
    corpus = read_time_mmd(shared_data / "time_mmd" / "raw" / f"{name}.csv")
    sources = corpus.column("text_source")
    assert (len(corpus), sources.count("report")) == (rows, reports)
    ends = dict(zip(corpus.ids, corpus.column("window_end"), strict=True))
    last = {part: max(corpus.split(part).column("window_end")) for part in ("train", "val")}
    assert last["train"] < min(s.date().isoformat() for s in corpus.split("val").column("start"))
    assert last["val"] < min(s.date().isoformat() for s in corpus.split("test").column("start"))
    if name == "Energy":  # the day that a report quotes lies in the window
        dated = re.compile(r"per gallon on (\w+ \d+, \d{4})")
        quoted = [
            (ends[s.id], datetime.strptime(day, "%B %d, %Y").date().isoformat())
            for s in corpus
            if s.metadata["text_source"] == "report"
            for day in dated.findall(s.text)
        ]
        assert len(quoted) > 250 and sum(day > end for end, day in quoted) == 0
