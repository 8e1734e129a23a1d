"""Linear models of one view and the pool of their opinions, against scikit-learn itself and by hand."""

import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from tracets.errors import DataError
from tracets.tasks.linear import N_COMPONENTS, STRENGTHS, UNSEEN, fit_path, fit_view
from tracets.tasks.pool import log_opinions, pool_weights, shares
from tracets.tasks.targets import Targets, probabilities, read_targets


def blobs(n=60, classes=3, width=5, seed=0):
    rng = np.random.default_rng(seed)
    rows = np.arange(n) % classes
    x = rng.normal(size=(n, width)) * 10 + 4 * rows[:, None]
    return x.astype(np.float32), Targets(np.arange(classes), rows, False)


@pytest.mark.slow
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("width", [5, 90])
def test_the_logits_are_those_of_scikit_learn(classes, width):
    """Wide views go through principal components: all of them here, so nothing is lost."""
    x, targets = blobs(classes=classes, width=width)
    views = list(fit_path(x, targets, np.ones(60), strengths=STRENGTHS, seed=0))
    standard = StandardScaler().fit_transform(x.astype(np.float64))
    for view, strength in zip(views, STRENGTHS, strict=True):
        plain = LogisticRegression(C=strength, tol=1e-8, max_iter=5000).fit(standard, targets.rows)
        found = probabilities(view.logits(x), multilabel=False)
        np.testing.assert_allclose(found, plain.predict_proba(standard), atol=0.02)


@pytest.mark.slow
def test_a_very_wide_view_is_cut_to_its_largest_components():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(700, 600)).astype(np.float32)
    targets = Targets(np.arange(2), (x[:, 0] > 0).astype(np.int64), False)
    [view] = fit_path(x, targets, np.ones(700), strengths=(0.01,), seed=0)
    assert np.linalg.matrix_rank(np.vstack([view.weight, x[:600]])) > N_COMPONENTS
    assert view.weight.shape == (2, 600) and (view.weight[0] == 0).all()


def test_unknown_features_count_as_the_mean_and_far_ones_are_cut():
    x, targets = blobs()
    [view] = fit_path(x, targets, np.ones(60), strengths=(1.0,), seed=0)
    np.testing.assert_allclose(view.standardised(np.full((1, 5), np.nan, np.float32)), 0)
    far = np.tile(x.mean(0), (2, 1))
    far[0, 0], far[1, 0] = 1e6, 2e6
    np.testing.assert_allclose(view.logits(far)[0], view.logits(far)[1])


def test_features_that_no_window_has_and_constant_ones_do_no_harm():
    x, targets = blobs()
    x[:, 0], x[:, 1] = np.nan, 3.0
    [view] = fit_path(x, targets, np.ones(60), strengths=(1.0,), seed=0)
    assert np.isfinite(view.logits(x)).all() and (view.weight[:, :2] == 0).all()


def test_a_class_that_no_fitted_window_has_is_told_last():
    x, _ = blobs()
    targets = Targets(np.arange(4), np.array([1, 3] * 30), False)
    [view] = fit_path(x, targets, np.ones(60), strengths=(1e-4,), seed=0)
    assert (view.bias[[0, 2]] == UNSEEN).all() and (view.weight[[0, 2]] == 0).all()
    assert set(view.logits(x).argmax(1)) <= {1, 3}


@pytest.mark.slow
def test_the_strength_is_that_which_loses_least_on_held_out_windows():
    x, targets = blobs(90)
    every, weights = np.arange(90), np.ones(90)
    folds = [(every[every % 3 != k], every[every % 3 == k]) for k in range(3)]
    view, strength, held = fit_view(x, targets, weights, folds, last=every, seed=0)
    losses = []
    for s in STRENGTHS:
        parts = []
        for fitted, out in folds:
            [one] = fit_path(x[fitted], targets.take(fitted), weights[fitted], strengths=(s,), seed=0)
            parts.append(targets.take(out).loss(one.logits(x[out]), weights[out]))
        losses.append(np.mean(parts))
    assert strength == STRENGTHS[int(np.argmin(losses))]
    rows = np.concatenate([out for _, out in folds])
    assert targets.take(rows).loss(held, weights[rows]) == pytest.approx(min(losses), abs=0.01)
    [again] = fit_path(x, targets, weights, strengths=(strength,), seed=0)
    np.testing.assert_allclose(view.logits(x), again.logits(x), atol=0.15)


def test_without_windows_held_out_the_usual_strength_is_taken():
    x, targets = blobs()
    _, strength, held = fit_view(x, targets, np.ones(60), [], last=np.arange(60), seed=0)
    assert strength == 0.1 and held.shape == (0, 3)


def test_the_loss_by_hand():
    logits = np.log(np.array([[0.5, 0.5], [0.25, 0.75]]))
    one = Targets(np.array(["a", "b"]), np.array([0, 1]), False)
    assert one.loss(logits, np.array([1.0, 1.0])) == pytest.approx(-(np.log(0.5) + np.log(0.75)) / 2)
    assert one.loss(logits, np.array([3.0, 1.0])) == pytest.approx(-(3 * np.log(0.5) + np.log(0.75)) / 4)
    several = Targets(np.array(["a", "b"]), np.array([[1, 0]]), True)
    assert several.loss(np.zeros((1, 2)), np.ones((1, 2))) == pytest.approx(np.log(2))
    sure = Targets(np.array(["a", "b"]), np.array([0]), False).loss(np.array([[-900.0, 900.0]]), np.ones(1))
    assert sure == pytest.approx(-np.log(1e-6))


def test_weights_of_classes_by_hand():
    one = Targets(np.array(["a", "b"]), np.array([0, 0, 0, 1]), False)
    assert one.weights(None).tolist() == [1, 1, 1, 1]
    np.testing.assert_allclose(one.weights("balanced"), [2 / 3] * 3 + [2])
    assert one.weights({"b": 5}).tolist() == [1, 1, 1, 5]
    several = Targets(np.array(["a", "b"]), np.array([[1, 0], [0, 0], [0, 1], [0, 1]]), True)
    np.testing.assert_allclose(several.weights("balanced")[:, 0], [2, 2 / 3, 2 / 3, 2 / 3])
    assert several.weights({"a": 3.0}).tolist() == [[3, 1], [1, 1], [1, 1], [1, 1]]
    assert several.prior.tolist() == [0.25, 0.5] and one.prior.tolist() == [0.75, 0.25]


def test_labels_are_numbered_in_order_and_by_the_classes_of_others():
    found = read_targets(["b", "a", "b"], 3)
    assert found.classes.tolist() == ["a", "b"] and found.rows.tolist() == [1, 0, 1]
    assert read_targets(["b"], 1, classes=found.classes).rows.tolist() == [1]
    several = read_targets([["x"], [], ("z", "x")], 3)
    assert several.classes.tolist() == ["x", "z"] and several.rows.tolist() == [[1, 0], [0, 0], [1, 1]]
    assert read_targets([[0, 1], [1, 1]], 2).rows.tolist() == [[0, 1], [1, 1]]
    with pytest.raises(DataError, match="2 columns, expects one for each"):
        read_targets([[0, 1]], 1, classes=np.arange(3))


def test_the_pool_finds_the_opinion_that_knows_and_its_temperature():
    """Labels drawn from known chances: an opinion that is too sure by a factor of 2 gets weight 1/2, noise gets 0."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(4000, 3))
    rows = np.array([rng.choice(3, p=p) for p in softmax(truth, axis=1)])
    targets = Targets(np.arange(3), rows, False)
    said = [log_opinions(x, multilabel=False) for x in (2 * truth, rng.normal(size=(4000, 3)))]
    weights = pool_weights(said, targets, np.ones(4000))
    assert weights[0] == pytest.approx(0.5, abs=0.03) and weights[1] == pytest.approx(0, abs=0.03)


def test_the_pool_of_several_labels_is_of_their_odds():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(3000, 2))
    rows = (rng.random((3000, 2)) < 1 / (1 + np.exp(-truth))).astype(int)
    [weight] = pool_weights([log_opinions(truth / 3, multilabel=True)], Targets(np.arange(2), rows, True), np.ones(2))
    assert weight == pytest.approx(3, abs=0.35)


def test_a_few_windows_without_an_error_do_not_make_the_pool_sure_of_all():
    targets = Targets(np.arange(2), np.array([0, 1, 0, 1]), False)
    clear = log_opinions(np.where(np.eye(2)[targets.rows] > 0, 1.0, 0.0), multilabel=False)
    [weight] = pool_weights([clear], targets, np.ones(4))
    assert 1 < weight < 3


def test_opinions_are_log_probabilities_or_cut_odds():
    np.testing.assert_allclose(
        log_opinions(np.array([[1.0, 2.0]]), multilabel=False), log_softmax(np.array([[1.0, 2.0]]), axis=1)
    )
    assert log_opinions(np.array([[99.0, -99.0]]), multilabel=True)[0].tolist() == pytest.approx([13.8155, -13.8155])


def test_shares_of_neighbours_by_hand():
    """Two of the three nearest are of class 0; the share is drawn to that of the memory (2 of 4) by one window."""
    scores = np.array([[0.9, 0.1, 0.8, 0.7]])
    rows = np.array([0, 1, 0, 1])
    options = {"n_classes": 2, "top": 3}
    found = shares(scores, rows, multilabel=False, weights=np.ones(4), **options)
    np.testing.assert_allclose(np.exp(found), [[2.5 / 4, 1.5 / 4]])
    heavy = shares(scores, rows, multilabel=False, weights=np.array([1.0, 3.0, 1.0, 3.0]), **options)
    np.testing.assert_allclose(np.exp(heavy), [[2.25 / 6, 3.75 / 6]])
    marks = np.array([[1, 1], [0, 0], [1, 0], [0, 1]])
    odds = shares(scores, marks, multilabel=True, weights=np.ones((4, 2)), **options)
    np.testing.assert_allclose(1 / (1 + np.exp(-odds)), [[2.5 / 4, 2.5 / 4]])
