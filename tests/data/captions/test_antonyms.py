"""One word of a text by people turned round: pinned by hand."""

from random import Random

import pytest

from tracets.data.captions.antonyms import _BOTH, _ONE_WAY, WORD_SWAPS, _table, swap_word


@pytest.mark.parametrize(
    ("kind", "text", "turned"),
    [
        ("direction", "Temperature rises.", "Temperature falls."),
        ("direction", "Warmer air", "Colder air"),
        ("direction", "An upward trend", "A downward trend"),
        ("direction", "An increase in load", "A decrease in load"),
        ("position", "It peaks early.", "It peaks late."),
        ("position", "rain in the morning", "rain in the evening"),
        ("level", "LOW pressure", "HIGH pressure"),
        ("level", "It stays below the mean", "It stays above the mean"),
        ("level", "93 % of the time", "46 % of the time"),
        ("volatility", "An erratic load", "A smooth load"),
        ("volatility", "Fluctuating wind", "Stable wind"),
    ],
)
def test_one_word_is_turned_in_its_own_case(kind, text, turned):
    assert swap_word(text, kind, Random(0)) == turned


@pytest.mark.parametrize("text", ["12.5 °C", "-12.5 °C", "30 m/s", "load 0.04"])
def test_numbers_are_halved_or_doubled_in_as_many_decimals(text):
    number = text.removeprefix("load ").split()[0]
    decimals = len(number.partition(".")[2])
    found = {swap_word(text, "level", Random(seed)) for seed in range(20)}
    assert found == {text.replace(number, f"{float(number) * f:.{decimals}f}") for f in (0.5, 2)}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("level", "on day 3 at 14:00, 2 spells"), ("level", "0.0 mm"), ("direction", "an enterprise"),
        ("position", "from beginning to end"), ("volatility", ""), ("channel", "wind and wind"),
    ],
)  # fmt: skip
def test_nothing_to_turn(kind, text):
    assert swap_word(text, kind, Random(0), channels=("wind", "pressure")) is None


def test_names_are_exchanged_wherever_they_stand_the_longest_first():
    text = "Wind speed rises while the wind gust falls; wind speed ends high. PM2.5 stays."
    turned = "Wind gust rises while the wind speed falls; wind gust ends high. PM2.5 stays."
    found = {swap_word(text, "channel", Random(i), channels=("wind_speed", "wind_gust", "wind")) for i in range(9)}
    assert found == {turned}
    assert swap_word("T_a and RH", "channel", Random(0), channels=("T_a", "RH")) == "RH and T_a"


def test_only_one_word_changes_and_the_seed_decides():
    text = "It rises early, falls late and stays high and steady."
    for kind in WORD_SWAPS[:-1]:
        made = swap_word(text, kind, Random(1))
        assert sum(a != b for a, b in zip(text.split(), made.split(), strict=True)) == 1
        assert made == swap_word(text, kind, Random(1))
    assert len({swap_word(text, "direction", Random(i)) for i in range(20)}) == 2


@pytest.mark.parametrize("kind", WORD_SWAPS[:-1])
def test_the_table_has_each_word_once_and_no_word_is_its_own_opposite(kind):
    words = [w for pair in _BOTH[kind].split() for w in pair.split("/")[:1]] + [
        pair.split("/")[0] for pair in _ONE_WAY[kind].split()
    ]
    assert len(words) == len(set(words))
    assert all(word != other for word, other in _table(kind)[1].items())
