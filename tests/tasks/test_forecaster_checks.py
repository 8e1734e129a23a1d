"""scikit-learn's own checks of estimators, with an array (n, n_steps) as windows of one channel."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from tracets.tasks.forecaster import TraceForecaster

pytestmark = pytest.mark.slow

SHAPE = "what is predicted has the shape (n, n_channels, horizon), for a y of one dimension too"
EXPECTED = {
    "check_dtype_object": "an object that is no number is a ValueError here, with the window, and no TypeError",
    "check_fit2d_1feature": "windows of one step are constant: the error says so, and not that they have one feature",
    "check_regressor_data_not_an_array": SHAPE,
    "check_regressors_train": SHAPE,
    "check_regressor_multioutput": "what is predicted is a horizon in single precision",
}


@parametrize_with_checks(
    [TraceForecaster(reads=("recent", "level"))], expected_failed_checks=lambda estimator: EXPECTED
)
def test_scikit_learn(estimator, check):
    check(estimator)
