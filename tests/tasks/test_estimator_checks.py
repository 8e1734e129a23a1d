"""scikit-learn's own checks of estimators, with an array (n, n_steps) as windows of one channel."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from tracets.tasks.classifier import TraceClassifier
from tracets.tasks.transformer import TraceTransformer

pytestmark = pytest.mark.slow

EXPECTED = {
    "check_dtype_object": "an object that is no number is a ValueError here, with the window, and no TypeError",
    "check_classifier_data_not_an_array": "a frame must be a long one: rows of a wide one may be windows or times",
}


@pytest.fixture(scope="module", autouse=True)
def as_base(model_folder, tmp_path_factory):
    """The tiny model under the name that the defaults ask for."""
    from tracets.encoders import store

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "SHIPPED", model_folder.parent)
        yield


@parametrize_with_checks(
    [TraceClassifier("tiny", views=("levels", "shapes")), TraceTransformer("tiny")],
    expected_failed_checks=lambda estimator: EXPECTED,
)
def test_scikit_learn(estimator, check):
    check(estimator)
