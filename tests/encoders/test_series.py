"""The series tower: what may move a vector and what may not. Each defect of the released code has its test here."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import torch

import tracets.encoders.series as room
from tracets.data.collate import collate
from tracets.encoders.inputs import CALENDAR_DIM, calendar_features
from tracets.encoders.series import to_series_batch
from tracets.errors import DataError
from tracets.nn.attention import Block
from tracets.types import Sample, SeriesVectors

NAMES = ("load", "wind speed", "Ψ-flux 7", "temperature", "price", "humidity", "x")
UNITS = ("MW", "m/s", None, "°C", "€", "%", None)


def series(c=3, t=30, *, seed=0, missing=0.15, name=0, **more):
    rng = np.random.default_rng(seed)
    values = 10 * rng.normal(size=(c, 1)) + np.cumsum(rng.normal(size=(c, t)), axis=1)
    values[rng.random((c, t)) < missing] = np.nan
    picked = [(name + k) % len(NAMES) for k in range(c)]
    more = {"start": datetime(2020, 3, 1, 6, tzinfo=UTC), "freq": "h"} | more
    return Sample(
        f"s{seed}", values.astype(np.float32), tuple(NAMES[k] for k in picked), tuple(UNITS[k] for k in picked), **more
    )


def changed(sample, *, values=None, names=None, units=None, **more):
    values = sample.values if values is None else values
    fields = {"start": sample.start, "freq": sample.freq} | more
    return Sample("other", values, names or sample.channel_names, units or sample.units, **fields)


def rows(sample, order):
    """The sample with its channels picked in an order."""
    return changed(
        sample, values=sample.values[order], names=tuple(sample.channel_names[i] for i in order),
        units=tuple(sample.units[i] for i in order),
    )  # fmt: skip


def one(model, sample) -> SeriesVectors:
    vectors = model.encode_series([sample])
    return SeriesVectors(vectors.sample[0], (vectors.channels[0],))


def assert_same(a, b, *, atol=1e-5):
    np.testing.assert_allclose(a.sample, b.sample, atol=atol)
    for x, y in zip(a.channels, b.channels, strict=True):
        np.testing.assert_allclose(x, y, atol=atol)


def moved(a, b):
    """Largest change of each vector's numbers."""
    return float(np.abs(a - b).max())


MIXED = [
    series(3, 30, seed=0),
    series(1, 30, seed=1),
    series(5, 7, seed=2, missing=0.4),
    series(2, 61, seed=3, missing=0.0),
    series(1, 1, seed=4, missing=0.0),
    series(4, 30, seed=5, start=None),
    series(2, 12, seed=6, freq=None, start=None),
]
CHOICES = [
    {},
    {"features": "none"},
    {"features": "level", "attention": "full"},
    {"layers": 1, "vectors": 1},
    {"identity": "index", "calendar": "none"},
    {"attention": "causal"},
    {"attention": "block"},
    {"attention": "block", "features": "none", "positions": "absolute"},
    {"summary": "patches"},
    {"summary": "patches", "features": "none", "attention": "causal"},
    {"positions": "absolute"},
    {"positions": "none"},
]


@pytest.mark.slow
@pytest.mark.parametrize("choice", CHOICES)
def test_shapes_and_lengths(tiny_model, choice):
    vectors = tiny_model(**choice).encode_series(MIXED)
    per_channel = choice.get("vectors", 2)
    assert vectors.sample.shape == (len(MIXED), 16) and vectors.sample.dtype == np.float32
    assert [v.shape for v in vectors.channels] == [(s.n_channels, per_channel, 16) for s in MIXED]
    np.testing.assert_allclose(np.linalg.norm(vectors.sample, axis=-1), 1, atol=1e-5)
    for v in vectors.channels:
        np.testing.assert_allclose(np.linalg.norm(v, axis=-1), 1, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("choice", CHOICES)
def test_company_and_padding_change_nothing(tiny_model, choice):
    """Mixed numbers of channels and steps in one batch, against each series alone."""
    model = tiny_model(**choice)
    together = model.encode_series(MIXED, batch_size=len(MIXED))
    by_two = model.encode_series(MIXED[::-1], batch_size=2)
    for i, sample in enumerate(MIXED):
        alone = one(model, sample)
        assert_same(SeriesVectors(together.sample[i], (together.channels[i],)), alone)
        back = len(MIXED) - 1 - i
        assert_same(SeriesVectors(by_two.sample[back], (by_two.channels[back],)), alone)


def test_encoding_twice_is_identical_and_leaves_the_mode(tiny_model):
    """Neither dropout nor a random mask stays on in evaluation, even for a model in training."""
    model = tiny_model(dropout=0.5).train()
    first, second = model.encode_series(MIXED), model.encode_series(MIXED)
    assert np.array_equal(first.sample, second.sample) and model.training
    assert all(np.array_equal(a, b) for a, b in zip(first.channels, second.channels, strict=True))
    assert_same(first, model.eval().encode_series(MIXED), atol=0)


def test_texts_of_the_sample_are_not_read(tiny_model):
    """The released cross-attention leaks the pair: here no vector of a series knows its own text."""
    model, sample = tiny_model(), series()
    told = changed(
        sample, text="a secret", channel_texts=("one", "two", "three"), event_text="flood", label="flood",
        metadata={"x": 1},
    )  # fmt: skip
    assert_same(one(model, told), one(model, sample), atol=0)


@pytest.mark.parametrize(
    "choice", [{}, {"attention": "full"}, {"attention": "block"}, {"features": "none"}, {"layers": 1}]
)
def test_permuting_channels_permutes_their_vectors_and_leaves_the_sample(tiny_model, choice):
    model, sample, order = tiny_model(**choice), series(5), [3, 0, 4, 2, 1]
    before, after = one(model, sample), one(model, rows(sample, order))
    np.testing.assert_allclose(after.sample, before.sample, atol=1e-5)
    np.testing.assert_allclose(after.channels[0], before.channels[0][order], atol=1e-5)
    assert moved(before.channels[0][order], before.channels[0]) > 0.01


def test_by_index_the_order_of_channels_matters_and_their_names_do_not(tiny_model):
    model, sample = tiny_model(identity="index"), series(3)
    renamed = changed(sample, names=("a", "b", "c"), units=("p", None, "q"))
    assert_same(one(model, renamed), one(model, sample), atol=0)
    turned = one(model, rows(sample, [1, 0, 2]))
    assert moved(turned.channels[0][[1, 0, 2]], one(model, sample).channels[0]) > 1e-3


def test_by_index_more_channels_than_it_knows_are_refused(tiny_model):
    model = tiny_model(identity="index", max_channels=2)
    assert one(model, series(2)).channels[0].shape[0] == 2
    with pytest.raises(DataError, match="knows 2, got 3"):
        one(model, series(3))


def test_names_and_units_tell_channels_apart(tiny_model):
    model, sample = tiny_model(), series(2)
    assert moved(one(model, changed(sample, names=("a", "b"))).channels[0], one(model, sample).channels[0]) > 1e-3
    assert moved(one(model, changed(sample, units=("a", "b"))).channels[0], one(model, sample).channels[0]) > 1e-3


@pytest.mark.parametrize("c", [1, 2, 9, 70])
def test_any_number_of_channels_of_any_name(tiny_model, c):
    values = np.random.default_rng(c).normal(size=(c, 9))
    vectors = one(tiny_model(), Sample("s", values, tuple(f"never seen {k} ☔" for k in range(c))))
    assert vectors.channels[0].shape == (c, 2, 16) and np.isfinite(vectors.channels[0]).all()


@pytest.mark.slow
@pytest.mark.parametrize("place", [0, 1, 3])
@pytest.mark.parametrize("choice", [{}, {"attention": "full"}, {"attention": "block"}, {"features": "none"}])
def test_a_channel_with_nothing_observed_changes_nothing(tiny_model, place, choice):
    model, sample = tiny_model(**choice), series(3)
    values = np.insert(sample.values, place, np.nan, axis=0)
    names, units = list(sample.channel_names), list(sample.units)
    names.insert(place, "broken")
    units.insert(place, None)
    with_dead = one(model, changed(sample, values=values, names=tuple(names), units=tuple(units)))
    assert not with_dead.channels[0][place].any()
    rest = SeriesVectors(with_dead.sample, (np.delete(with_dead.channels[0], place, axis=0),))
    assert_same(rest, one(model, sample))


def test_a_series_with_nothing_observed_is_finite(tiny_model):
    vectors = one(tiny_model(), changed(series(2), values=np.full((2, 9), np.nan)))
    assert np.isfinite(vectors.sample).all() and not vectors.channels[0].any()


def test_a_cit_row_is_unmoved_by_other_channels_in_one_layer(tiny_model):
    sample = series(3)
    values = sample.values.copy()
    values[1] = 7 * values[1][::-1] + 100
    for choice, still in [({"layers": 1}, True), ({"layers": 1, "attention": "full"}, False), ({"layers": 2}, False)]:
        model = tiny_model(**choice)
        before, after = one(model, sample), one(model, changed(sample, values=values))
        others = moved(before.channels[0][[0, 2]], after.channels[0][[0, 2]])
        assert others < 1e-6 if still else others > 1e-4
        assert moved(before.channels[0][1], after.channels[0][1]) > 1e-2
        assert moved(before.sample, after.sample) > 1e-4, "[CLS] sees every channel"


def test_each_channel_has_its_own_mask(tiny_model):
    """What is missing in channel 0 is no matter of channel 1; the released pooling uses channel 0's mask for all."""
    model, sample = tiny_model(layers=1), series(2, missing=0)
    before = one(model, sample).channels[0]
    for c in (0, 1):
        values = sample.values.copy()
        values[c, 8:20] = np.nan
        after = one(model, changed(sample, values=values)).channels[0]
        assert moved(after[1 - c], before[1 - c]) < 1e-6 and moved(after[c], before[c]) > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("hidden", [1e9, -3.0, np.nan, np.inf])
@pytest.mark.parametrize("choice", [*CHOICES[:3], {"attention": "block"}])
def test_an_unobserved_value_never_matters(tiny_model, hidden, choice):
    """Missing steps and padding, in values that no batch of ours would hold."""
    model = tiny_model(**choice).eval()
    batch = to_series_batch(collate(MIXED), model.backbone)
    assert not batch.observed.all()
    loud = room.replace(batch, values=batch.values.masked_fill(~batch.observed, hidden))
    with torch.no_grad():
        for before, after in zip(model.series(batch), model.series(loud), strict=True):
            torch.testing.assert_close(before, after, atol=1e-6, rtol=0)


def test_missing_is_not_the_mean(tiny_model):
    """A missing step is told from one at the mean of its channel, which normalises to the same zero."""
    model = tiny_model(features="none", sample="cls")
    values = np.array([[1, -1, 0, 2, -2, 0, 3, -3]], np.float32)
    gone = np.where(values == 0, np.nan, values)
    full, gappy = (one(model, changed(series(1), values=v)).sample for v in (values, gone))
    assert moved(full, gappy) > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize(
    "values",
    [
        [[0.0]],
        [[1013.25] * 24],
        [[0.0] * 24, list(range(24))],
        [[np.nan] * 23 + [5.0]],
        [[1e6, -1e6] * 6],
        [[1e-20, 2e-20] * 6],
        [[1e18, -1e18, 3e20] * 4],
        [[3.4e38, -3.4e38, 3.4e38] * 4],
    ],
)
@pytest.mark.parametrize("features", ["none", "level", "summary"])
def test_odd_series_have_finite_vectors(tiny_model, values, features):
    sample = Sample("odd", np.array(values), NAMES[: len(values)])
    vectors = one(tiny_model(features=features), sample)
    assert np.isfinite(vectors.sample).all() and np.isfinite(vectors.channels[0]).all()
    np.testing.assert_allclose(np.linalg.norm(vectors.channels[0], axis=-1), 1, atol=1e-5)


@pytest.mark.parametrize("features", ["level", "summary"])
def test_level_and_scale_are_seen_with_features_and_not_without(tiny_model, features):
    """x * 5 - 10 and x * 9 + 35 embed identically in the released code."""
    x = np.sin(np.arange(48) / 4)[None] + 0.1 * np.random.default_rng(0).normal(size=(1, 48))
    cold, warm = (changed(series(1), values=(x * a + b).astype(np.float32)) for a, b in ((5, -10), (9, 35)))
    blind, seeing = tiny_model(features="none"), tiny_model(features=features)
    assert_same(one(blind, cold), one(blind, warm), atol=1e-4)
    assert moved(one(seeing, cold).channels[0], one(seeing, warm).channels[0]) > 1e-2


def no_rotation(positions, dim, **options):
    return torch.ones(len(positions), dim), torch.zeros(len(positions), dim)


def test_the_order_of_patches_matters_by_their_rotation_alone(tiny_model, monkeypatch):
    model, sample = tiny_model(features="none"), series(2, 12, missing=0)
    swapped = changed(sample, values=sample.values[:, [8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3]])
    assert moved(one(model, sample).channels[0], one(model, swapped).channels[0]) > 1e-3
    monkeypatch.setattr(room, "rotary", no_rotation)
    assert_same(one(model, sample), one(model, swapped))


def test_patches_turn_by_their_index_inside_the_channel(tiny_model, monkeypatch):
    """Not by the flat position; [CLS] and [CIT] stand at 0 and do not turn."""
    asked = []
    rotary = room.rotary
    monkeypatch.setattr(
        room, "rotary", lambda positions, dim: asked.append(positions.tolist()) or rotary(positions, dim)
    )
    one(tiny_model(), series(3, 14, missing=0))  # 4 patches of 4 steps
    assert asked == [[0] + [0, 0, 1, 2, 3] * 3]


@pytest.mark.parametrize("layers", [1, 2])
def test_the_last_layer_on_chosen_rows_is_the_full_computation(tiny_model, monkeypatch, layers):
    model, asked = tiny_model(layers=layers), []
    before = model.encode_series(MIXED)
    forward = Block.forward

    def full(self, x, *, mask=None, positions=None, rows=None, narrow=None):
        if rows is not None:  # [CLS] and, each with its own keys, the [CIT]s
            mask, narrow = mask[:, :, :1], (rows[1:], mask[:, :, 1:])
        out = forward(self, x, mask=mask, positions=positions, narrow=narrow)
        asked.append(None if rows is None else len(rows) / x.shape[1])
        return out if rows is None else out[:, rows]

    monkeypatch.setattr(Block, "forward", full)
    after = model.encode_series(MIXED)
    assert_same(before, after)
    assert asked[: layers - 1] == [None] * (layers - 1) and asked[layers - 1] < 0.3


def test_calendar_by_hand():
    start = datetime(2024, 1, 3, 6, 0)  # a Wednesday
    got = calendar_features(start, 3600.0)
    turn = 2 * np.pi
    hour, week, year = 0.25 * turn, (2 + 0.25) / 7 * turn, 2.25 / 365.2425 * turn
    log = np.log10(3600)
    circles = [f(a) for a in (hour, week, year) for f in (np.sin, np.cos)]
    assert got == pytest.approx([1, *circles, 1, log / 4, np.sin(log), np.cos(log)])
    assert calendar_features(None, float("nan")) == [0.0] * CALENDAR_DIM
    assert calendar_features(None, 60.0)[:7] == [0.0] * 7 and calendar_features(None, 60.0)[7] == 1
    assert calendar_features(start, float("nan"))[7:] == [0.0] * 4


@pytest.mark.parametrize(
    ("calendar", "hour", "step", "season"),
    [("full", True, True, True), ("clock", True, True, False), ("none", False, False, False)],
)
def test_what_of_the_calendar_moves_the_sample_vector(tiny_model, calendar, hour, step, season):
    """Features of the series speak of clock times too, so they are left out here."""
    model, sample = tiny_model(calendar=calendar, features="none"), series(2)
    before = one(model, sample).sample

    def seen(**other):
        return moved(one(model, changed(sample, **other)).sample, before) > 1e-5

    assert seen(start=sample.start + timedelta(hours=6)) == hour
    assert seen(freq="D") == step
    assert seen(start=sample.start + timedelta(weeks=13)) == season


def test_a_zone_is_read_as_its_wall_clock():
    from zoneinfo import ZoneInfo

    there = datetime(2020, 7, 1, 8, tzinfo=ZoneInfo("America/New_York"))
    assert calendar_features(there, 3600.0) == calendar_features(datetime(2020, 7, 1, 8), 3600.0)


def hidden_in(batch, tower, *, seed=0):
    shape = (*batch.channel_valid.shape, -(-batch.values.shape[-1] // tower.config.patch))
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < 0.4


@pytest.fixture(params=[{"features": "none"}, {"features": "level"}, {"features": "summary"}, {"attention": "block"}])
def masked(request, tiny_model):
    """A tower, a batch of mixed shapes, and the patches hidden in it."""
    model = tiny_model(**request.param).eval()
    batch = to_series_batch(collate(MIXED), model.backbone)
    return model.series, batch, hidden_in(batch, model.series)


def steps_of(hidden, tower, t):
    return hidden.repeat_interleave(tower.config.patch, -1)[..., :t]


def test_nothing_hidden_leaks_into_the_prediction(masked):
    tower, batch, hidden = masked
    steps = steps_of(hidden, tower, batch.values.shape[-1]) & batch.observed
    assert steps.any()
    other = torch.where(
        steps, 1000 * torch.randn(steps.shape, generator=torch.Generator().manual_seed(1)), batch.values
    )
    with torch.no_grad():
        prediction, target, counted = tower.reconstruct_hidden(batch, hidden)
        blind, other_target, as_before = tower.reconstruct_hidden(room.replace(batch, values=other), hidden)
    assert torch.equal(prediction, blind) and torch.equal(counted, as_before)
    assert not torch.equal(target, other_target)


def test_only_hidden_observed_steps_count(masked):
    tower, batch, hidden = masked
    with torch.no_grad():
        _, _, counted = tower.reconstruct_hidden(batch, hidden)
    t = batch.values.shape[-1]
    flat = counted.flatten(2)
    visible = batch.observed & ~steps_of(hidden, tower, t)
    expected = batch.observed & steps_of(hidden, tower, t) & visible.any(-1, keepdim=True)
    assert torch.equal(flat[..., :t], expected) and not flat[..., t:].any()
    assert expected.any() and not torch.equal(expected, steps_of(hidden, tower, t))


def test_the_target_is_normalised_by_what_is_visible(masked):
    tower, batch, hidden = masked
    with torch.no_grad():
        prediction, target, counted = tower.reconstruct_hidden(batch, hidden)
    assert prediction.shape == target.shape == counted.shape
    visible = (batch.observed & ~steps_of(hidden, tower, batch.values.shape[-1]))[0, 1].numpy()
    x = batch.values[0, 1].numpy()
    expected = (x - x[visible].mean()) / x[visible].std()
    here = counted[0, 1].flatten()[: len(x)].numpy()
    assert here.any()
    np.testing.assert_allclose(target[0, 1].flatten()[: len(x)].numpy()[here], expected[here], rtol=1e-4, atol=1e-5)


def test_a_hidden_value_far_from_all_that_is_seen_is_cut(masked):
    tower, batch, hidden = masked
    far = batch.values.masked_fill(steps_of(hidden, tower, batch.values.shape[-1]), 1e6)
    with torch.no_grad():
        _, target, counted = tower.reconstruct_hidden(room.replace(batch, values=far), hidden)
    assert counted.any() and (target[counted] == room.FARTHEST).all()


def test_a_hidden_value_that_is_infinite_or_nan_under_no_observation_does_not_count(masked):
    tower, batch, hidden = masked
    loud = room.replace(batch, values=batch.values.masked_fill(~batch.observed, torch.nan))
    with torch.no_grad():
        for before, after in zip(
            tower.reconstruct_hidden(batch, hidden), tower.reconstruct_hidden(loud, hidden), strict=True
        ):
            assert torch.equal(before, after)


@pytest.mark.slow
@pytest.mark.parametrize(
    "choice",
    [
        {},
        {"sample": "cls"},
        {"summary": "patches"},
        {"positions": "absolute"},
        {"attention": "causal", "sample": "cls"},
        {"attention": "block", "sample": "cls"},
    ],
)
def test_every_trained_weight_gets_a_gradient(tiny_model, choice):
    """From the vectors or from the reconstruction; no part of the tower is dead."""
    model = tiny_model(**choice)
    batch = to_series_batch(collate(MIXED), model.backbone)
    sample, channels = model.series(batch)
    prediction, _, counted = model.series.reconstruct_hidden(batch, hidden_in(batch, model.series))
    weights = torch.randn(16, generator=torch.Generator().manual_seed(0))
    ((sample @ weights).sum() + (channels @ weights).sum() + (prediction.square() * counted).sum()).backward()
    assert [name for name, p in model.series.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_a_magnitude_in_the_unit_is_multiplied_out(tiny_model):
    model = tiny_model()
    sample = series(2, seed=4, missing=0)
    batch = to_series_batch(collate([changed(sample, units=("million USD", "MW"))]), model.backbone)
    np.testing.assert_allclose(batch.values[0].numpy(), sample.values * np.array([[1e6], [1]]), rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("calendar", "week", "season"), [("none", False, False), ("clock", True, False), ("full", True, True)]
)
def test_what_of_the_calendar_reaches_the_channels(tiny_model, calendar, week, season):
    """Beside the features; the hours of the extremes are among these, so that other weekdays are compared."""
    model, sample = tiny_model(calendar=calendar), series(2)

    def seen(days):
        other = one(model, changed(sample, start=sample.start + timedelta(days=days)))
        return moved(other.channels[0], one(model, sample).channels[0]) > 1e-5

    assert seen(3) == week and seen(26 * 7) == season


def test_without_a_transformer_a_channel_is_its_features(tiny_model):
    """Patches are not read then, and [CLS] sees the calendar alone."""
    model, sample = tiny_model(layers=0, sample="cls"), series(2, missing=0)
    before = one(model, sample)
    with torch.no_grad():
        model.series.patch.weight.add_(1.0)
    assert_same(one(model, sample), before, atol=0)
    other = one(model, changed(sample, values=sample.values + 5))
    assert moved(other.sample, before.sample) < 1e-6 and moved(other.channels[0], before.channels[0]) > 1e-3
