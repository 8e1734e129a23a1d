"""A small pool whose texts and series hold the same two numbers, and an encoder that reads them."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from tracets.types import Sample, SeriesVectors, TextVectors


def window(i, *, text=True, label=None, entity="ny", split="test", start=True, steps=24):
    """Window i: its angle is i, written in its text and drawn in its two channels."""
    values = np.stack([np.full(steps, np.cos(i)), np.full(steps, np.sin(i))])
    return Sample(
        f"w{i}",
        values,
        ("across", "up"),
        start=datetime(2020, 1, 1) + timedelta(days=i) if start else None,
        freq="h",
        text=f"angle {i}" if text else None,
        label=label,
        split=split,
        metadata={"entity": entity},
    )


class AngleEncoder:
    """Series and texts as the point of their angle on the circle: a perfect encoder with a known answer."""

    name, fingerprint, dim, sample_weight = "angle", "0123", 2, 0.5

    def __init__(self, wrong=()):
        self.wrong = set(wrong)

    def encode_series(self, samples, *, batch_size=64):
        points = np.array([s.values[:, 0] for s in samples], dtype=np.float32).reshape(-1, 2)
        return SeriesVectors(points, tuple(np.stack([p[None], p[None]]) for p in points))

    def encode_texts(self, texts, *, batch_size=64):
        angles = [float(t.split()[1]) for t in texts]
        points = np.array([[np.cos(a), np.sin(a)] for a in angles], dtype=np.float32)
        points[[i for i, a in enumerate(angles) if a in self.wrong]] *= -1
        return TextVectors(points, tuple(p[None] for p in points), tuple((t,) for t in texts))


@pytest.fixture
def make_window():
    return window


@pytest.fixture
def angle_encoder():
    return AngleEncoder
