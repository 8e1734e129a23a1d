"""Vectors as features: the rows of the encoder, names for every column, never NaN, and pipelines."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from tracets import api
from tracets.errors import ConfigError, DataError
from tracets.tasks.transformer import TraceTransformer
from tracets.types import Sample


@pytest.fixture(scope="module")
def encoder(tiny_model):
    return tiny_model(layers=0).eval()


X = np.random.default_rng(0).normal(size=(6, 2, 12))


def test_rows_are_the_vectors_of_the_channels_and_of_the_whole(encoder):
    made = TraceTransformer(encoder, channel_names=["a", "b"])
    found = made.fit_transform(X)
    vectors = encoder.encode_series([Sample("w", x, ("a", "b")) for x in X])
    expected = np.stack(
        [np.concatenate([c.reshape(-1), s]) for c, s in zip(vectors.channels, vectors.sample, strict=True)]
    )
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_allclose(made.transform(X[:3]), found[:3], rtol=1e-4, atol=1e-6)
    assert found.dtype == np.float32
    names = made.get_feature_names_out()
    assert names.shape == (found.shape[1],) and names[0] == "vectors: a: 0" and names[-1] == "whole: 15"


def test_one_vector_a_window_is_that_of_embed(encoder):
    samples = [Sample(f"w{i}", x, ("a", "b")) for i, x in enumerate(X)]
    made = TraceTransformer(encoder, views=("whole",)).set_output(transform="pandas")
    expected = np.stack(api.embed(samples, encoder)["vector"].to_pylist())
    for found in (made.fit_transform(samples), made.set_params(channel_names=["a", "b"]).fit_transform(X)):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
        assert list(found.columns) == [f"whole: {i}" for i in range(16)]


def test_what_is_unknown_gets_the_mean_of_the_windows_of_fit(encoder):
    made = TraceTransformer(encoder, views=("levels", "shapes")).fit(X)
    whole, missing = X[:1].copy(), X[:1].copy()
    missing[0, 1] = np.nan
    found, means = made.transform(missing)[0], made.fit_transform(X).mean(0)
    assert np.isfinite(found).all()
    unknown = found != made.transform(whole)[0]
    np.testing.assert_allclose(found[unknown], means[unknown], rtol=1e-4, atol=1e-6)
    assert {name.split(": ")[1] for name in made.get_feature_names_out()[unknown]} == {"channel 1"}


def test_a_channel_that_no_window_of_fit_has_observed_is_zero(encoder):
    dead = X.copy()
    dead[:, 1] = np.nan
    assert np.isfinite(TraceTransformer(encoder).fit_transform(dead)).all()


def test_pipelines_and_clones(encoder):
    made = make_pipeline(TraceTransformer(encoder, views=("levels",)), Ridge(1e-3)).fit(X, X[:, 0].mean(1))
    np.testing.assert_allclose(made.predict(X), X[:, 0].mean(1), atol=0.02)
    assert clone(made).get_params()["tracetransformer__views"] == ("levels",)


def test_misuse_is_refused(encoder):
    with pytest.raises(ConfigError, match="views must be"):
        TraceTransformer(encoder, views=("x",)).fit(X)
    with pytest.raises(ConfigError, match="batch_size must be at least 1"):
        TraceTransformer(encoder, batch_size=0).fit(X)
    with pytest.raises(DataError, match="none of those learnt from"):
        TraceTransformer(encoder).fit(X).transform([Sample("x", X[0], ("p", "q"))])
