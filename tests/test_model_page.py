"""docs/model.md: its drawings show what the code does, and are drawings that a page can hold."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import torch

from tracets.losses import info_nce
from tracets.nn.masks import attention_keys, cit_rows

DOCS = Path(__file__).resolve().parents[1] / "docs"
PICTURES = sorted((DOCS / "pictures").glob("*.svg"))
FIGURES = ("case.svg", "scores.svg", "space.svg", "neighbours.svg")
"""Made by docs/drawn.py."""
pytestmark = pytest.mark.skipif(not PICTURES, reason="the docs are not beside the tests")


def test_the_picture_of_the_mask_is_the_mask():
    """Two channels of three patches: a cell is coloured where its row may read its column."""
    cells = ET.parse(DOCS / "pictures" / "mask.svg").findall("{*}rect[@width='22']")
    drawn = np.array([cell.get("class") != "blind" for cell in cells]).reshape(9, 9)
    keys = attention_keys(torch.ones(1, 2, 3, dtype=torch.bool), torch.ones(1, 2, dtype=torch.bool))
    mask = keys[0].repeat(9, 1)
    rows, own = cit_rows(keys[:, None, None], 2)
    mask[rows] = own[0, 0]
    np.testing.assert_array_equal(drawn, mask.numpy())


def test_the_loss_of_the_page_is_the_loss():
    """row(S)_i = -S_ii + log(exp(S_ii) + sum over N(i) of exp(S_ij)), N(i) the K highest that do not say the same."""
    rng = np.random.default_rng(0)
    scores, same, k = rng.normal(size=(5, 5)), np.eye(5, dtype=bool), 2
    same[0, 3] = same[3, 0] = True

    def row(s, i):
        wrong = sorted((s[i, j] for j in range(5) if not same[i, j]), reverse=True)[:k]
        return -s[i, i] + np.log(np.exp(s[i, i]) + np.exp(wrong).sum())

    expected = np.mean([row(scores, i) / 2 + row(scores.T, i) / 2 for i in range(5)])
    found = info_nce(torch.tensor(scores), same=torch.tensor(same), n_hard=k)
    assert float(found) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_a_drawing_stands_by_itself(path):
    """Nothing from elsewhere, readable on a dark page, and used on a page with words for those who cannot see it.

    Drawings by hand have both colour schemes inside; figures of results have a white ground.
    """
    text = path.read_text(encoding="utf-8")
    if path.name in FIGURES:
        assert re.search(r'<rect x="0" y="0"[^>]*fill: rgb\(255, 255, 255\)', text)
    else:
        assert "prefers-color-scheme: dark" in text and 'class="back"' in text and "<title>" in text
    assert set(re.findall(r"https?://[^\"\s]+", text)) <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert any(f"](pictures/{path.name})" in page.read_text(encoding="utf-8") for page in DOCS.glob("*.md"))
