"""What a classifier looks at: laid out by channel name, pooled where names differ, NaN where nothing is known."""

import numpy as np
import pytest
import torch

from tracets.encoders.inputs import CALENDAR_DIM
from tracets.errors import ConfigError, DataError
from tracets.nn.features import N_LEVELS, level_features
from tracets.nn.patterns import occurrence
from tracets.tasks.views import VIEWS, Layout, Patterns, check_views, feature_names, read_views
from tracets.types import Sample

NAN = np.float32("nan")


@pytest.fixture(scope="module")
def encoder(tiny_model):
    return tiny_model(layers=0).eval()


def sample(*names, dead=(), id="w"):
    rng = np.random.default_rng(len(names))
    values = rng.normal(size=(len(names), 8)).astype(np.float32)
    values[list(dead)] = NAN
    return Sample(id, values, names)


def test_the_same_names_in_any_order_are_laid_out_by_name():
    layout = Layout.of([sample("a", "b"), sample("b", "a")])
    assert layout.names == ("a", "b") and layout.titles() == ["a", "b"]
    rows = np.float32([[1, 2], [3, 4]])
    alive = np.array([True, True])
    assert layout.lay(sample("b", "a"), rows, alive).tolist() == [3, 4, 1, 2]
    np.testing.assert_array_equal(layout.lay(sample("b", "x"), rows, alive), [NAN, NAN, 1, 2])
    np.testing.assert_array_equal(layout.lay(sample("a", "b"), rows, ~alive), [NAN] * 4)


def test_different_names_are_pooled():
    layout = Layout.of([sample("a", "b"), sample("b", "c")])
    assert layout.names is None and layout.titles() == ["mean", "largest"]
    rows = np.float32([[1, 8], [3, 4], [100, 100]])
    assert layout.lay(sample("a", "b", "c"), rows, np.array([True, True, False])).tolist() == [2, 6, 3, 8]
    np.testing.assert_array_equal(layout.lay(sample("a", "b", "c"), rows, np.zeros(3, bool)), [NAN] * 4)
    layout.check([sample("z")])


def test_windows_without_any_known_channel_are_refused_by_name():
    layout = Layout(tuple(f"channel {i}" for i in range(9)))
    layout.check([sample("channel 8", "other")])
    with pytest.raises(DataError, match=r"window 'odd' .*rain.*\(channel 0.*channel 5 and 3 more\)"):
        layout.check([sample("rain", id="odd")])


def test_views_are_what_the_encoder_and_the_numbers_say(encoder):
    windows = [sample("a", "b", dead=[1]), sample("b", "a")]
    patterns = Patterns.of(windows, Layout.of(windows), seed=0)
    found = read_views(encoder, windows, Layout.of(windows), VIEWS, patterns=patterns)
    vectors = encoder.encode_series(windows)
    np.testing.assert_array_equal(found["vectors"][1], vectors.channels[1][::-1].reshape(-1))
    np.testing.assert_array_equal(found["whole"], vectors.sample)
    levels = level_features(torch.from_numpy(windows[1].values)[None], torch.ones(1, 2, 8, dtype=torch.bool))[0].numpy()
    per_channel = 2 * N_LEVELS + 1
    own = found["levels"][1][: 2 * per_channel].reshape(2, per_channel)
    np.testing.assert_allclose(own[:, :N_LEVELS], levels[::-1], rtol=1e-6)
    np.testing.assert_allclose(own[:, N_LEVELS:-1], np.arcsinh(levels[::-1]), rtol=1e-5, atol=1e-6)
    assert own[:, -1].tolist() == [1, 1]
    assert found["levels"].shape[1] == 2 * per_channel + CALENDAR_DIM
    for name in ("vectors", "levels", "shapes", "patterns"):
        half = (found[name].shape[1] - (CALENDAR_DIM if name == "levels" else 0)) // 2
        assert np.isnan(found[name][0][half : 2 * half]).all() and np.isfinite(found[name][0][:half]).all()
    names = feature_names(Layout.of(windows), VIEWS, [found[name].shape[1] for name in VIEWS])
    assert len(names) == len(set(names)) == sum(found[name].shape[1] for name in VIEWS)
    assert names[0] == "vectors: a: 0" and names[-1].startswith("patterns: b: ")


def test_company_and_batches_change_nothing(encoder):
    windows = [sample("a", "b"), sample("a", "b", dead=[0]), Sample("long", np.ones((2, 40)), ("a", "b"))]
    layout = Layout.of(windows)
    patterns = Patterns.of(windows, layout, seed=0)
    together = read_views(encoder, windows, layout, VIEWS, patterns=patterns)
    alone = [read_views(encoder, [w], layout, VIEWS, patterns=patterns, batch_size=1) for w in windows]
    for name in VIEWS:
        expected = np.concatenate([one[name] for one in alone])
        np.testing.assert_allclose(together[name], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("named", [True, False])
def test_patterns_have_thresholds_of_their_own_channel_or_of_all(named):
    windows = [sample("a", "b"), sample("b", "a")] if named else [sample("a", "b"), sample("b", "c")]
    layout = Layout.of(windows)
    patterns = Patterns.of(windows, layout, seed=0)
    assert patterns.steps == (1,) and patterns.bounds.shape == ((2, 1, 84, 59) if named else (1, 1, 84, 119))
    found = patterns.read(windows, layout, 64)
    for window, rows in zip(windows, found, strict=True):
        for name, values, row in zip(window.channel_names, window.values, rows, strict=True):
            bounds = patterns.bounds[layout.names.index(name) if named else 0]
            expected = occurrence(torch.from_numpy(values[None]), [1], torch.from_numpy(bounds))
            np.testing.assert_array_equal(row, expected[0].numpy())


def test_views_are_checked():
    assert check_views(["shapes", "whole"]) == ("shapes", "whole")
    for wrong in ([], ["shapes", "shapes"], "shapes", ["shape"]):
        with pytest.raises(ConfigError, match="views must be one or more of vectors, whole, levels, shapes, patterns"):
            check_views(wrong)
