"""Contracts of the parts that another package may bring, as checks for its own tests.

Each takes a part, asks of it what tracets will, and raises AssertionError with a sentence on what was broken.

Examples
--------
>>> from tracets.data.captions import known_captioners
>>> check_captioner(known_captioners()["crowd"])
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from tracets.errors import ConfigError, DataError, TracetsError
from tracets.types import Forecast, Sample, SeriesVectors

if TYPE_CHECKING:
    from tracets.data.captions import Captioner
    from tracets.data.readers import Reader
    from tracets.encoders.protocol import PairEncoder
    from tracets.forecast.protocol import Backbone

TEXTS = ("The load rises, then falls. It is lowest at night.", "dry", "A burst of 12.5 mm; calm and -3 °C otherwise.")


def windows() -> list[Sample]:
    """Windows that every part must take: gaps, a constant, nothing observed, other lengths, no calendar, one step."""
    rng = np.random.default_rng(0)

    def wave(n: int, period: int) -> Any:
        return 10 + 3 * np.sin(2 * np.pi * np.arange(n) / period) + rng.normal(size=n) / 5

    gaps = wave(96, 24)
    gaps[[5, 6, 40, 95]] = np.nan
    first = np.stack([gaps, np.full(96, -7.25), np.full(96, np.nan)])
    return [
        Sample("a", first, ("load", "still", "dead"), ("MW", None, "K"), start=datetime(2024, 2, 28), freq="h"),
        Sample("b", 1e4 + wave(130, 7)[None], ("visits",), start=datetime(2024, 1, 1), freq="D"),
        Sample("c", 1e-3 * wave(96, 24)[None], ("x",)),
        Sample("d", np.array([[3.0], [4.0]]), ("u", "v")),
    ]


def check_encoder(encoder: PairEncoder, *, tolerance: float = 1e-4) -> None:
    """Check an encoder of series and texts: shapes, unit length, and that company in a batch changes nothing.

    Parameters
    ----------
    tolerance : float
        How far a number of a vector may move with the company or the size of a batch.
    """
    from tracets.encoders.protocol import PairEncoder as Protocol

    assert isinstance(encoder, Protocol), "an encoder has name, fingerprint, dim, sample_weight and two encode methods"
    assert encoder.name and encoder.fingerprint, "name and fingerprint are not empty"
    assert encoder.dim >= 1 and 0 <= encoder.sample_weight <= 1, "dim is at least 1, sample_weight in [0, 1]"
    samples, dim = windows(), encoder.dim
    before = [sample.values.copy() for sample in samples]
    series, texts = encoder.encode_series(samples), encoder.encode_texts(TEXTS)
    for sample, values in zip(samples, before, strict=True):
        assert np.array_equal(sample.values, values, equal_nan=True), f"the values of window '{sample.id}' were changed"

    assert series.sample.shape == (len(samples), dim), f"{len(samples)} windows have vectors ({len(samples)}, {dim})"
    for sample, channels in zip(samples, series.channels, strict=True):
        assert channels.ndim == 3 and channels.shape[0] == sample.n_channels and channels.shape[2] == dim, (
            f"window '{sample.id}': channel vectors are ({sample.n_channels}, vectors a channel, {dim}), "
            f"got {channels.shape}"
        )
    dead = series.channels[0][2]
    assert not dead.any(), "a channel with nothing observed has vectors of zeros: it matches nothing"
    live = [series.sample, *(c[~np.isnan(s.values).all(1)] for s, c in zip(samples, series.channels, strict=True))]
    assert texts.sample.shape == (len(TEXTS), dim), f"{len(TEXTS)} texts have vectors ({len(TEXTS)}, {dim})"
    for text, sentences, spans in zip(TEXTS, texts.sentences, texts.spans, strict=True):
        assert sentences.shape == (len(spans), dim) and len(spans) >= 1, f"'{text}': one vector a span, one at least"
        assert all(span and span in text for span in spans), f"'{text}': spans are parts of the text, got {spans}"
    for part in [*live, texts.sample, *texts.sentences]:
        lengths = np.linalg.norm(part, axis=-1)
        assert np.abs(lengths - 1).max() < 1e-3, f"vectors have length 1, got {lengths.min()} to {lengths.max()}"

    def apart(one: SeriesVectors, other: SeriesVectors) -> float:
        pairs = zip([one.sample, *one.channels], [other.sample, *other.channels], strict=True)
        return max(float(np.abs(x - y).max()) for x, y in pairs)

    for i, sample in enumerate(samples):
        alone = encoder.encode_series([sample])
        there = SeriesVectors(series.sample[i : i + 1], (series.channels[i],))
        assert apart(alone, there) <= tolerance, f"window '{sample.id}' has other vectors in company than alone"
    assert apart(encoder.encode_series(samples, batch_size=1), series) <= tolerance, "batch_size changes the vectors"
    for i, text in enumerate(TEXTS):
        said = encoder.encode_texts([text], batch_size=1)
        moved = np.abs(said.sentences[0] - texts.sentences[i]).max(), np.abs(said.sample[0] - texts.sample[i]).max()
        assert max(moved) <= tolerance, f"'{text}' has other vectors in company than alone"
    assert len(encoder.encode_series([])) == 0 and len(encoder.encode_texts([])) == 0, "nothing is encoded as nothing"


def check_reader(reader: Reader, file: str | os.PathLike[str]) -> None:
    """Check a reader on a file of its layout: it knows it, reads it, and refuses what is damaged as tracets does."""
    from tracets.data.corpus import Corpus
    from tracets.data.series import Series
    from tracets.files import LIMITS

    path = Path(file)

    def read(path: Path) -> Corpus | list[Series]:
        if reader.windows is not None:
            return reader.windows(path, limits=LIMITS)
        assert reader.series is not None
        return reader.series(path, freq=None, zone=None, limits=LIMITS)

    assert reader.name and ":" not in reader.name, "a reader has a name, without a colon"
    assert reader.recognises(path), f"'{path}' is not recognised"
    found = read(path)
    if reader.windows is not None:
        assert isinstance(found, Corpus) and len(found) > 0, "windows() gives a Corpus with at least one window"
        assert len(set(found.ids)) == len(found), "ids are unique"
    else:
        assert isinstance(found, list) and found and all(isinstance(s, Series) for s in found), (
            "series() gives a list of Series, one at least"
        )
    whole = path.read_bytes()
    with TemporaryDirectory() as folder:
        for what, data in {"empty": b"", "noise": bytes(range(256)) * 8, "cut": whole[: len(whole) // 2]}.items():
            damaged = Path(folder) / f"{what}{path.suffix}"
            damaged.write_bytes(data)
            known = reader.recognises(damaged)  # must not raise
            assert what == "cut" or not known or path.suffix, f"a file that is {what} is recognised"
            if known:
                _refuses_as_tracets(read, damaged, what)
        assert not reader.recognises(Path(folder) / "missing.of-no-kind"), "a file that is not there is recognised"


def _refuses_as_tracets(read: object, path: Path, what: str) -> None:
    assert callable(read)
    try:
        read(path)
    except TracetsError:
        return
    except Exception as error:
        raise AssertionError(f"a file that is {what} raises {type(error).__name__}; raise a DataError") from error


def check_captioner(captioner: Captioner) -> None:
    """Check a captioner: a text and one a channel for any window, by its numbers alone, the same for the same seed."""
    assert captioner.name and ":" not in captioner.name, "a captioner has a name, without a colon"
    for sample in windows():
        told = captioner.caption(sample, 0)
        assert told.text.strip(), f"window '{sample.id}' got no text"
        assert len(told.channel_texts) == sample.n_channels, f"window '{sample.id}': one text a channel"
        assert all(text.strip() for text in told.channel_texts), f"window '{sample.id}': a channel got no text"
        assert captioner.caption(sample, 0) == told, f"window '{sample.id}': the same seed gave another text"
        labelled = replace(sample, text="rain", label="storm", channel_texts=("rain",) * sample.n_channels)
        assert captioner.caption(labelled, 0) == told, f"window '{sample.id}': its texts or label were read"


def check_backbone(
    backbone: Backbone, *, horizon: int = 4, shortest: int = 1, tolerance: float = 1e-3
) -> list[Forecast]:
    """Check a forecaster: shapes, gaps, constants, channels without values, units, company, and what it refuses.

    Parameters
    ----------
    shortest : int
        Steps that a window must have; one fewer is refused with a `DataError` that names window and length.
    tolerance : float
        How far a forecast may move with the company in a batch, as a share of the spread of the window.

    Returns
    -------
    list of Forecast
        Of the windows "a", "b" and "c" of `windows()`.
    """
    from tracets.forecast.protocol import Backbone as Protocol

    assert isinstance(backbone, Protocol), "a backbone has a name and forecast(pasts, horizon)"
    pasts = windows()[:3]
    found = backbone.forecast(pasts, horizon)
    assert [f.id for f in found] == ["a", "b", "c"], "forecasts come in the order of the windows, by their ids"
    for past, forecast in zip(pasts, found, strict=True):
        assert forecast.mean.shape == (past.n_channels, horizon), f"window '{past.id}': a mean (channels, horizon)"
        assert forecast.channel_names == past.channel_names and forecast.units == past.units, "names and units stay"
        assert forecast.freq == past.freq, f"window '{past.id}': the step stays"
        assert (forecast.mean == forecast.quantiles[4]).all(), "the mean is the middle quantile"
    assert [f.start for f in found] == [datetime(2024, 3, 3), datetime(2024, 5, 10), None], (
        "a forecast starts one step on"
    )
    assert (found[0].quantiles[:, 1] == -7.25).all(), "a constant channel is continued by its constant"
    assert (found[0].quantiles[:, 2] == 0).all(), "a channel with nothing observed is continued by zeros"
    for past, one in zip(pasts, found, strict=True):
        (alone,) = backbone.forecast([past], horizon)
        moved = np.abs(alone.quantiles - one.quantiles).max()
        assert moved <= tolerance * np.nanstd(past.values[0]), f"window '{past.id}': company in the batch moves it"
    values: Any = 100 - 5 * pasts[2].values * 1e3
    scaled = Sample("s", values, ("x",))
    plain = replace(scaled, id="p", values=-pasts[2].values)
    (big,), (small,) = backbone.forecast([scaled], horizon), backbone.forecast([plain], horizon)
    moved = np.abs(big.quantiles - (100 + 5e3 * small.quantiles)).max()
    assert moved <= 5e-3 * np.nanstd(scaled.values), "another unit gives another forecast: the spread is what is read"
    _refuses(backbone, pasts, 0, ConfigError, "horizon must be at least 1, got 0")
    assert backbone.forecast([], horizon) == [], "no window has no forecast"
    if shortest > 1:
        short = Sample("short", np.arange(shortest - 1, dtype=np.float32)[None], ("x",))
        _refuses(backbone, [short], horizon, DataError, f"window 'short' has {shortest - 1} steps", str(shortest))
    else:
        (forecast,) = backbone.forecast([Sample("short", np.array([[2.0]]), ("x",))], horizon)
        assert (forecast.mean == 2).all(), "a window of one step is continued by its value"
    return found


def _refuses(backbone: Backbone, pasts: list[Sample], horizon: int, kind: type[Exception], *said: str) -> None:
    try:
        backbone.forecast(pasts, horizon)
    except kind as error:
        assert all(part in str(error) for part in said), f"the error names {' and '.join(said)}, got: {error}"
    else:
        raise AssertionError(f"expected {kind.__name__}: {said[0]}")
