"""The classifier on arrays whose classes are known, with a tiny encoder: what it learns, keeps, says and refuses."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from tracets.data import Corpus
from tracets.errors import ConfigError, DataError, ModelError
from tracets.tasks.classifier import TraceClassifier
from tracets.tasks.views import VIEWS
from tracets.types import Sample


@pytest.fixture(scope="module")
def encoder(tiny_model):
    return tiny_model(layers=1).eval()


def waves(n, *, seed=0, length=24):
    """Half of n windows of two channels with a slow wave in the first, half with a fast one; labels beside them."""
    rng = np.random.default_rng(seed)
    steps = np.arange(length)
    y = np.array(["slow", "fast"] * (n // 2))
    turns = np.where(y == "slow", 1, 5)
    phase = rng.uniform(0, 2 * np.pi, n)
    X = np.stack(
        [np.sin(2 * np.pi * turns[:, None] * steps / length + phase[:, None]), rng.normal(size=(n, length))], 1
    )
    return X + 0.1 * rng.normal(size=X.shape), y


@pytest.fixture(scope="module")
def fitted(encoder):
    X, y = waves(40)
    return TraceClassifier(encoder).fit(X, y)


def test_it_tells_fast_from_slow(fitted):
    X, y = waves(40, seed=1)
    assert fitted.classes_.tolist() == ["fast", "slow"]
    assert fitted.score(X, y) > 0.9
    chances = fitted.predict_proba(X)
    np.testing.assert_allclose(chances.sum(1), 1)
    assert (fitted.classes_[chances.argmax(1)] == fitted.predict(X)).all()
    assert fitted.prior_.tolist() == [0.5, 0.5]
    assert set(fitted.weights_) == set(VIEWS) and min(fitted.weights_.values()) >= 0


def test_the_pool_is_the_weighted_sum_of_the_log_probabilities_of_its_views(fitted, encoder):
    from scipy.special import log_softmax, softmax

    from tracets.data.arrays import as_samples
    from tracets.tasks.views import read_views

    X, _ = waves(6, seed=2)
    features = read_views(encoder, as_samples(X), fitted.layout_, VIEWS, patterns=fitted.patterns_)
    total = sum(
        fitted.weights_[name] * log_softmax(view.logits(features[name]), axis=1).clip(np.log(1e-6))
        for name, view in fitted.views_.items()
    )
    np.testing.assert_allclose(fitted.predict_proba(X), softmax(total, axis=1), rtol=1e-9)


def test_every_form_of_windows_gives_the_same(fitted):
    X, _ = waves(4, seed=3)
    expected = fitted.predict_proba(X)
    samples = [Sample(f"w{i}", x, ("channel 0", "channel 1")) for i, x in enumerate(X)]
    rows = [(f"w{i}", t, f"channel {c}", X[i, c, t]) for i in range(4) for t in range(24) for c in range(2)]
    long = pd.DataFrame(rows, columns=["id", "time", "channel", "value"])
    for form in (list(X), samples, Corpus.from_samples(samples), long):
        np.testing.assert_allclose(fitted.predict_proba(form), expected, rtol=1e-6)


def test_channels_are_known_by_name_whatever_their_order(fitted):
    X, _ = waves(4, seed=3)
    turned = [Sample(f"w{i}", x[::-1], ("channel 1", "channel 0")) for i, x in enumerate(X)]
    np.testing.assert_allclose(fitted.predict_proba(turned), fitted.predict_proba(X), rtol=1e-6)


@pytest.mark.slow
def test_a_further_channel_changes_no_plain_number(encoder):
    """The encoder's vectors of one channel may depend on others; levels and shapes may not."""
    X, y = waves(20)
    plain = TraceClassifier(encoder, views=("levels", "shapes")).fit(X, y)
    more = [Sample(f"w{i}", np.vstack([x, x[:1]]), ("channel 0", "channel 1", "new")) for i, x in enumerate(X)]
    np.testing.assert_allclose(plain.predict_proba(more), plain.predict_proba(X), rtol=1e-6)


def test_missing_constant_and_odd_windows_get_probabilities(fitted):
    X, _ = waves(6, seed=4)
    X[0, 0] = np.nan
    X[1] = np.nan
    X[2, 1] = 7.0
    X[3, 0, ::2] = np.nan
    X[4] = 1e30
    chances = fitted.predict_proba([*X, X[5, :, :1], np.tile(X[5], 20), X[5, :1]])
    assert np.isfinite(chances).all() and chances.shape == (9, 2)
    np.testing.assert_allclose(chances.sum(1), 1)


@pytest.mark.slow
def test_training_windows_may_miss_whole_channels(encoder):
    X, y = waves(20)
    X[:, 1] = np.nan
    assert TraceClassifier(encoder).fit(X, y).score(X, y) > 0.9


@pytest.mark.slow
def test_windows_of_different_channels_are_pooled(encoder):
    X, y = waves(30)
    samples = [
        Sample(f"w{i}", x[: 1 + i % 2], ("channel 0", "channel 1")[: 1 + i % 2])
        for i, x in enumerate(X[np.r_[:30:2, 1:30:2]])
    ]
    labels = y[np.r_[:30:2, 1:30:2]]
    fitted = TraceClassifier(encoder).fit(samples, labels)
    assert fitted.layout_.names is None
    assert np.isfinite(fitted.predict_proba([Sample("other", X[0], ("a", "b"))])).all()
    assert fitted.score(samples, labels) > 0.8


@pytest.mark.slow
def test_windows_of_unknown_channels_alone_are_refused(encoder):
    X, y = waves(10)
    fitted = TraceClassifier(encoder).fit(X, y)
    with pytest.raises(DataError, match="window 'x' has the channels rain, and none of those learnt from"):
        fitted.predict([Sample("x", X[0, :1], ("rain",))])


@pytest.mark.slow
def test_names_and_units_reach_the_encoder(encoder):
    X, y = waves(10)
    fitted = TraceClassifier(encoder, channel_names=["load", "sun"], units=["MW", None], freq="h").fit(X, y)
    assert fitted.layout_.names == ("load", "sun")
    np.testing.assert_array_equal(
        fitted.predict_proba(X),
        fitted.predict_proba([Sample("w", x, ("load", "sun"), ("MW", None), freq="h") for x in X]),
    )


@pytest.mark.slow
def test_validation_windows_choose_and_are_not_learnt_from(encoder):
    X, y = waves(30)
    other, labels = waves(10, seed=5)
    fitted = TraceClassifier(encoder, views=("shapes",)).fit(X, y, validation=(other, labels))
    wrong = np.where(labels == "slow", "fast", "slow")
    misled = TraceClassifier(encoder, views=("shapes",)).fit(X, y, validation=(other, wrong))
    assert fitted.score(X, y) == 1 and misled.score(X, y) > 0.9, "wrong labels to choose by are not learnt"
    sure, unsure = (one.predict_proba(X).max(1).mean() for one in (fitted, misled))
    assert unsure < 0.6 < 0.8 < sure, "but they take the certainty away"


@pytest.mark.slow
def test_labels_of_any_kind_come_back_as_they_were(encoder):
    X, y = waves(12)
    for labels in (np.where(y == "slow", 3, -1), y == "slow", pd.Series(y), y.astype(object), list(y)):
        found = TraceClassifier(encoder, views=("shapes",)).fit(X, labels).predict(X)
        assert (found == np.asarray(labels)).all() and found.dtype.kind == np.asarray(list(labels)).dtype.kind


@pytest.mark.slow
def test_several_labels_a_window(encoder):
    """A slow or fast wave, and a level: lists of labels and columns of 0 and 1 are the same."""
    X, y = waves(40)
    high = np.arange(40) % 4 < 2
    X[high] += 5
    lists = [[label, *(["high"] if up else [])] for label, up in zip(y, high, strict=True)]
    classifier = TraceClassifier(encoder, views=("levels", "shapes"))
    fitted = clone(classifier).fit(X, lists)
    assert fitted.classes_.tolist() == ["fast", "high", "slow"]
    columns = np.stack([y == "fast", high, y == "slow"], 1).astype(int)
    again = classifier.fit(X, columns)
    np.testing.assert_allclose(again.predict_proba(X), fitted.predict_proba(X))
    assert again.classes_.tolist() == [0, 1, 2]
    assert fitted.score(X, lists) == again.score(X, columns) > 0.9
    assert (fitted.predict(X) == (fitted.predict_proba(X) > 0.5)).all()
    even = classifier.set_params(class_weight="balanced", neighbours=3).fit(X, lists)
    assert even.score(X, lists) > 0.9 and "neighbours" in even.weights_


@pytest.mark.slow
def test_a_label_that_every_window_has_is_certain(encoder):
    X, y = waves(12)
    fitted = TraceClassifier(encoder, views=("shapes",)).fit(X, [["all", label] for label in y])
    assert (fitted.predict_proba(X)[:, 0] > 0.9).all() and fitted.classes_[0] == "all"


@pytest.mark.slow
def test_neighbours_help_where_nothing_else_is_looked_at(encoder):
    X, y = waves(40)
    silent = TraceClassifier(encoder, views=("levels",), neighbours=5).fit(X, y)
    assert silent.weights_["neighbours"] > 0
    assert TraceClassifier(encoder, views=("levels",)).fit(X, y).memory_ is None


def test_a_window_is_not_its_own_neighbour_where_weights_are_chosen(encoder):
    """With labels drawn at random, the nearest window of all, oneself, would be right every time."""
    X, _ = waves(40)
    y = np.random.default_rng(1).permutation(["a", "b"] * 20)
    fitted = TraceClassifier(encoder, views=("levels",), neighbours=1).fit(X, y)
    assert fitted.weights_["neighbours"] < 0.5


@pytest.mark.slow
def test_balanced_classes_are_found_more_often(encoder):
    rng = np.random.default_rng(0)
    y = np.array(["rare"] * 8 + ["usual"] * 72)
    X = rng.normal(size=(80, 1, 12)) + 0.35 * (y == "rare")[:, None, None]
    plain = TraceClassifier(encoder, views=("levels",)).fit(X, y)
    even = TraceClassifier(encoder, views=("levels",), class_weight="balanced").fit(X, y)
    assert (even.predict(X) == "rare").sum() > (plain.predict(X) == "rare").sum()
    heavy = TraceClassifier(encoder, views=("levels",), class_weight={"rare": 9.0}).fit(X, y)
    assert (heavy.predict(X) == "rare").sum() > (plain.predict(X) == "rare").sum()


def test_probabilities_are_calibrated_on_held_out_windows(encoder):
    """Labels that are wrong in three of ten cases: what is held out shows that .7 is all there is to be sure of."""
    X, y = waves(120)
    rng = np.random.default_rng(0)
    noisy = np.where(rng.random(120) < 0.3, np.where(y == "slow", "fast", "slow"), y)
    other, truth = waves(60, seed=7)
    seen = np.where(rng.random(60) < 0.3, np.where(truth == "slow", "fast", "slow"), truth)
    fitted = TraceClassifier(encoder, views=("shapes",)).fit(X, noisy, validation=(other, seen))
    free = TraceClassifier(encoder, views=("shapes",), calibration=None).fit(X, noisy, validation=(other, seen))
    assert free.weights_ == {"shapes": 1.0}
    sure = fitted.predict_proba(waves(60, seed=8)[0]).max(1).mean()
    assert 0.6 < sure < 0.85


@pytest.mark.slow
@pytest.mark.parametrize("tuning", ["adapter", "full"])
def test_tuning_keeps_the_linear_model_or_betters_it(encoder, tuning):
    X, y = waves(40)
    other = waves(20, seed=1)
    before = {name: weight.clone() for name, weight in encoder.state_dict().items()}
    tuned = TraceClassifier(encoder, tuning=tuning, views=("vectors",), epochs=4, learning_rate=3e-3).fit(
        X, y, validation=other
    )
    assert all((weight == before[name]).all() for name, weight in encoder.state_dict().items())
    assert min(tuned.losses_) < tuned.losses_[0] and len(tuned.losses_) == 5
    assert tuned.encoder.fingerprint == tuned.fingerprint_ != encoder.fingerprint
    assert tuned.score(*other) >= TraceClassifier(encoder, views=("vectors",)).fit(X, y, validation=other).score(*other)
    n_tower = sum(p.numel() for p in encoder.series.parameters())
    n_tuned = tuned.n_trained_ - sum(v.n_trained for v in tuned.views_.values())
    share = n_tuned / n_tower  # what makes the whole and what fills gaps has no part in the channels
    assert share < 0.15 if tuning == "adapter" else 0.3 < share < 1


@pytest.mark.slow
def test_tuning_takes_several_labels_pooled_channels_and_drawn_validation(encoder):
    X, y = waves(24)
    samples = [Sample(f"w{i}", x[: 1 + i // 12], ("a", "b")[: 1 + i // 12]) for i, x in enumerate(X)]
    lists = [[label, "x"] if i % 3 else [label] for i, label in enumerate(y)]
    tuned = TraceClassifier(encoder, tuning="adapter", epochs=1).fit(samples, lists)
    assert np.isfinite(tuned.predict_proba(samples)).all() and len(tuned.losses_) == 2


@pytest.mark.slow
def test_the_logits_that_tuning_starts_from_are_those_of_the_linear_model(encoder):
    """The torch probe and the NumPy one are the same map: laid out by name, standardised, cut."""
    X, y = waves(20)
    X[3, 1] = np.nan
    linear = TraceClassifier(encoder, views=("vectors",)).fit(X, y, validation=waves(10, seed=2))
    kept = TraceClassifier(encoder, views=("vectors",), tuning="full", epochs=1, learning_rate=1e-12).fit(
        X, y, validation=waves(10, seed=2)
    )
    np.testing.assert_allclose(kept.predict_proba(X), linear.predict_proba(X), atol=1e-4)
    assert kept.losses_[0] == pytest.approx(kept.losses_[1], abs=1e-4)


def test_an_encoder_that_changed_since_is_refused(tiny_model):
    own = tiny_model(layers=0).eval()
    X, y = waves(10)
    fitted = TraceClassifier(own, views=("vectors",)).fit(X, y)
    with torch.no_grad():
        own.series.cit += 1
    with pytest.raises(ModelError, match="was fitted on another encoder .* than 'tiny' is now"):
        fitted.predict(X)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_classifier(encoder):
    X, y = waves(24)
    one, two = (TraceClassifier(encoder, tuning="adapter", epochs=2, seed=3).fit(X, y) for _ in range(2))
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))


@pytest.mark.slow
def test_pipelines_clones_and_cross_validation(encoder):
    X, y = waves(24)
    made = make_pipeline(FunctionTransformer(lambda x: x * 2), TraceClassifier(encoder, views=("shapes",)))
    assert cross_val_score(made, X, y, cv=3).mean() > 0.8
    assert clone(made).get_params()["traceclassifier__views"] == ("shapes",)
    assert cross_val_score(TraceClassifier(encoder, views=("shapes",)), list(X), y, cv=3).mean() > 0.8


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (None, "target y is None"),
        (["a"] * 10, r"at least 2 classes, got 1 class: \['a'\]"),
        (["a", "b"], "got 2 labels for 10 windows"),
        (["a"] * 9 + [None], "label 9 is missing"),
        ([1.0] * 9 + [np.nan], "label 9 is missing"),
        (["a"] * 9 + [1], "label|mix"),
        (np.arange(20).reshape(10, 2), "must hold 0 and 1, one column a class"),
    ],
)
def test_labels_that_cannot_be_learnt_are_refused(encoder, labels, said):
    X, _ = waves(10)
    with pytest.raises(DataError, match=said):
        TraceClassifier(encoder).fit(
            X, np.array(labels, dtype=object) if labels is not None and 1 in labels else labels
        )


def test_unknown_validation_labels_are_refused(encoder):
    X, y = waves(10)
    with pytest.raises(DataError, match="label 'x' is none of the classes"):
        TraceClassifier(encoder).fit(X, y, validation=(X, ["x"] * 10))
    with pytest.raises(DataError, match="of the kind of y"):
        TraceClassifier(encoder).fit(X, y, validation=(X, [["slow", "fast"]] * 5 + [["slow"]] * 5))


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"tuning": "some"}, 'tuning must be "linear"'),
        ({"views": ("vectors", "colours")}, "views must be one or more of vectors, whole"),
        ({"views": ()}, "views must be"),
        ({"views": "vectors"}, "views must be"),
        ({"tuning": "full", "views": ("levels",)}, 'Add "vectors" to views'),
        ({"neighbours": -1}, "neighbours must be at least 0"),
        ({"calibration": "platt"}, 'calibration must be "temperature"'),
        ({"class_weight": "even"}, 'class_weight must be None, "balanced"'),
        ({"class_weight": {"other": 2.0}}, "numbers above 0 to classes among"),
        ({"model": 3}, "model must be a folder"),
    ],
)
def test_settings_out_of_range_are_refused(encoder, setting, said):
    X, y = waves(10)
    with pytest.raises(ConfigError, match=said):
        TraceClassifier(**({"model": encoder} | setting)).fit(X, y)


@pytest.mark.slow
def test_few_windows_are_enough(encoder):
    X, _ = waves(6)
    for labels in (["a", "b"], ["a", "b", "c"], ["a", "a", "b"], ["a", "a", "b", "c", "d", "e"]):
        chances = TraceClassifier(encoder, neighbours=2).fit(X[: len(labels)], labels).predict_proba(X)
        assert np.isfinite(chances).all()
        np.testing.assert_allclose(chances.sum(1), 1)
