"""Numbers out of sentences and back, and sentences out of texts, with nothing dropped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracets.encoders.sentences import MAX_WORDS, Sentence, read_numbers, split_sentences


@pytest.mark.parametrize(
    ("text", "words", "values"),
    [
        ("a low of -10.1 °C", "a low of 0 °C", [-10.1]),
        ("a low of \u221210.1 °C", "a low of 0 °C", [-10.1]),
        ("a low of +10.1 °C", "a low of 0 °C", [10.1]),
        ("1,013.25 hPa and 1,234,567", "0 hPa and 0", [1013.25, 1234567]),
        ("at 15:30, at 0:05", "at 0:00, at 0:00", [15.5, 5 / 60]),
        ("PM2.5, CO2 and m3", "PM2.5, CO2 and m3", []),
        ("PM2.5 of 12.5 µg/m3", "PM2.5 of 0 µg/m3", [12.5]),
        ("on 2020-01-05", "on 0-0-0", [2020, 1, 5]),
        ("January 3, 2013", "January 0, 0", [3, 2013]),
        ("45 % then 0.5%", "0 % then 0%", [45, 0.5]),
        ("10-15 mm, 3–5 m/s", "0-0 mm, 0–0 m/s", [10, 15, 3, 5]),
        ("(-3) and x=-4", "(0) and x=0", [-3, -4]),
        ("24h, 5km, 12th", "0h, 0km, 0th", [24, 5, 12]),
        ("12.5m3/s over 40km2", "0m3/s over 0km2", [12.5, 40]),
        ("station 12.5x3, 3f2", "station 12.5x3, 3f2", []),
        ("1e-3 or 2.5E6", "0 or 0", [0.001, 2.5e6]),
        ("it rose by 5.", "it rose by 0.", [5]),
        ("5, 6,7", "0, 0,7", [5, 6]),
        ("7", "0", [7]),
        (
            "$16.6 billion, 2 Millions, 3.5bn, 4 million-dollar",
            "$0 billion, 0 Millions, 0bn, 0 million-dollar",
            [16.6e9, 2e6, 3.5e9, 4e6],
        ),
        ("7 billionaires, 8 m, 9 MN", "0 billionaires, 0 m, 0 MN", [7, 8, 9]),
        ("", "", []),
        ("no number", "no number", []),
    ],
)
def test_numbers(text, words, values):
    read = read_numbers(text)
    assert read.words == words and list(read.values) == pytest.approx(values)
    assert [read.words[p] for p in read.places] == ["0"] * len(values)


def test_places_are_those_of_the_zeros():
    assert read_numbers("-1 to 22.5 at 9:15") == Sentence("0 to 0 at 0:00", (0, 5, 10), (-1.0, 22.5, 9.25))


@given(st.floats(-1e6, 1e6).map(lambda x: round(x, 2)), st.sampled_from(["{}", "low of {} °C", "({})", "{}% of it"]))
def test_every_decimal_is_read_as_it_is_written(number, frame):
    assert read_numbers(frame.format(f"{number:.2f}")).values == (number,)
    assert read_numbers(frame.format(f"{number:,.2f}")).values == (number,)


def test_two_sentences_that_differ_in_a_number_have_the_same_words():
    assert read_numbers("a low of -10.1 °C").words == read_numbers("a low of 1,013.4 °C").words


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Low of 10.1 °C. Dry; calm", ["Low of 10.1 °C.", "Dry;", "calm"]),
        ("Really? Yes! Good.", ["Really?", "Yes!", "Good."]),
        ("one line\n\n two lines ", ["one line", "two lines"]),
        ("1.5 mm and 2.5 mm", ["1.5 mm and 2.5 mm"]),
        ("", [""]),
        (" \n ", [""]),
    ],
)
def test_splitting(text, pieces):
    assert split_sentences(text) == pieces


def test_a_long_sentence_is_cut_into_several():
    words = [f"w{i}" for i in range(2 * MAX_WORDS + 5)]
    pieces = split_sentences(" ".join(words))
    assert [len(p.split()) for p in pieces] == [MAX_WORDS, MAX_WORDS, 5]
    assert " ".join(pieces).split() == words


@given(st.text(st.sampled_from("ab .;!?\n1-,:"), max_size=80))
def test_nothing_is_dropped(text):
    pieces = split_sentences(text)
    assert " ".join(pieces).split() == text.split() and pieces
    assert all(pieces) or pieces == [""]


@given(st.text(max_size=40))
def test_words_outside_the_numbers_stay(text):
    read = read_numbers(text)
    assert len(read.places) == len(read.values) and list(read.places) == sorted(read.places)

    def letters(words):
        return [c for c in words if c.isalpha() and c not in "eE"]  # but for the e of 1e-3

    assert letters(read.words) == letters(text)
