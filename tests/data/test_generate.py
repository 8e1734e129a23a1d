"""The generated curriculum: the same every time, inside its ranges, and with every kind of fact in it."""

from collections import Counter

import numpy as np
import pytest

from tracets.data.captions import STYLES, caption, cross_facts, read_facts
from tracets.data.captions.channel_facts import KINDS
from tracets.data.captions.clock import step_seconds
from tracets.data.channel_types import CHANNEL_TYPES, DOMAINS
from tracets.data.generate import Curriculum, generate_samples
from tracets.errors import ConfigError


@pytest.fixture(scope="module")
def samples():
    return list(generate_samples(500, seed=1, captions=False))


def test_sample_i_depends_on_seed_and_i_alone(samples):
    again = list(generate_samples(3, seed=1))
    for one, two in zip(samples, again, strict=False):
        assert one.channel_names == two.channel_names and one.start == two.start
        np.testing.assert_array_equal(one.values, two.values)
    other = next(iter(generate_samples(1, seed=2, captions=False)))
    assert other.id != samples[0].id and not np.array_equal(other.values, samples[0].values)


def test_captions_name_the_sample_only_when_asked_for(samples):
    assert all(s.text is None and s.channel_texts == (None,) * s.n_channels for s in samples[:5])
    for s in generate_samples(5, seed=1):
        assert s.text and all(s.channel_texts) and s.split == "train"


def test_ranges(samples):
    lengths, channels = [s.n_steps for s in samples], [s.n_channels for s in samples]
    assert min(lengths) == 12 and max(lengths) == 336
    assert set(channels) == set(range(1, 9))
    assert {s.domain for s in samples} == {*DOMAINS, "mixed", "shapes"}
    assert 0.6 < np.mean([s.start is not None for s in samples]) < 0.9
    missing = np.mean([np.isnan(row).any() for s in samples for row in s.values])
    assert 0.06 < missing < 0.2


def test_a_narrow_curriculum_is_kept():
    plan = Curriculum(lengths=(5, 7), channels=(2, 3), missing=0.0, constant=0.0)
    for s in generate_samples(60, seed=3, captions=False, curriculum=plan):
        assert 5 <= s.n_steps <= 7 and 2 <= s.n_channels <= 3 and not np.isnan(s.values).any()


def test_a_family_shares_its_site_and_nothing_else():
    family = list(
        generate_samples(24, seed=5, captions=False, curriculum=Curriculum(family=8, known_start=1.0, shapes=0.0))
    )
    sites = [{(s.channel_names, s.units, s.n_steps, s.freq, s.domain) for s in family[i : i + 8]} for i in (0, 8, 16)]
    assert [len(site) for site in sites] == [1, 1, 1] and len(set.union(*sites)) == 3
    assert len({s.start for s in family}) == 24
    assert len({s.values.tobytes() for s in family}) == 24


def test_values_respect_the_limits_of_their_kind(samples):
    limits = {name: kind for kind in CHANNEL_TYPES for name in kind.names}
    shared = Counter(name for kind in CHANNEL_TYPES for name in kind.names)
    checked = 0
    for s in samples:
        for name, unit, row in zip(s.channel_names, s.units, s.values, strict=True):
            if shared[name] != 1 or unit is None or np.isnan(row).all():
                continue
            kind = limits[name]
            factor, offset = next((f, o) for u, f, o in kind.units if u == unit)
            raw = (row.astype(float) - offset) / factor
            decimals = max(0, kind.decimals - 1)  # some sensors round one decimal coarser, after the limits apply
            slack = 10.0**-decimals / min(1, factor)
            assert kind.floor is None or np.nanmin(raw) >= kind.floor - slack
            assert kind.ceiling is None or np.nanmax(raw) <= kind.ceiling + slack
            checked += 1
    assert checked > 800


def test_there_are_many_kinds_of_channels_and_each_has_names():
    assert len(CHANNEL_TYPES) >= 60
    assert {kind.domain for kind in CHANNEL_TYPES} == set(DOMAINS)
    assert sum(len(kind.names) > 1 for kind in CHANNEL_TYPES) >= 60


@pytest.mark.slow
def test_every_kind_of_fact_occurs_in_500_samples(samples):
    wanted = {*KINDS, *cross_facts.KINDS}
    for s in samples:
        wanted -= {fact.kind for fact in read_facts(s).facts}
        if not wanted:
            break
    assert not wanted


def test_styles_fit_their_windows_and_all_occur(samples):
    found = Counter(s.metadata["style"] for s in samples)
    assert set(found) == set(STYLES) and min(found.values()) > 20
    for s in samples:
        assert s.metadata["style"] != "crowd" or s.n_channels <= 2
        assert s.metadata["style"] != "report" or step_seconds(s.freq) >= 3600
    (one,) = generate_samples(1, seed=1, curriculum=Curriculum(styles=(0, 0, 1, 0)))
    assert one.metadata["style"] == "narrative" and one.text == caption(one, seed=1, style="narrative").text


def test_days_of_weather_and_simple_shapes_occur(samples):
    shapes = [s for s in samples if s.domain == "shapes"]
    assert len(shapes) > 25 and all(12 <= s.n_steps <= 24 and s.n_channels == 1 for s in shapes)
    for s in shapes:
        assert (s.values == np.round(s.values)).all() and s.values.min() >= 0 and s.values.max() <= 100
    hours = [s.n_steps * step_seconds(s.freq) / 3600 for s in samples if s.domain == "weather"]
    assert sum(h == 24 for h in hours) > 20 and sum(6 <= h <= 12 for h in hours) > 20


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"lengths": (3, 9)}, "lengths"),
        ({"channels": (0, 2)}, "channels"),
        ({"missing": 1.5}, "missing must be a share"),
        ({"styles": (1, 0, 0)}, "styles must be 4 weights"),
        ({"styles": (0, 0, 0, 0)}, "not all zero"),
    ],
)
def test_settings_out_of_range_are_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        Curriculum(**options)
