"""Who may attend to whom, token by token."""

import pytest
import torch

from tracets.nn.masks import attention_keys, causal_mask, cit_rows


def slow_mask(filled, valid, attention, cit):
    """Token by token: [CLS], then of each channel its [CIT] and patches; in turn, a [CIT] is behind its patches."""
    tokens = [("cls", None, None)]
    for c in range(len(valid)):
        tokens += [("cit", c, None)] * cit + [("patch", c, p) for p in range(len(filled[c]))]

    def turn(token):
        kind, channel, p = token
        return (9, 0) if kind == "cls" else (channel, 9 if kind == "cit" else p)

    out = []
    for i, (kind, channel, _) in enumerate(tokens):
        row = []
        for j, (other, owner, p) in enumerate(tokens):
            real = other == "cls" or (valid[owner] and (other == "cit" or filled[owner][p]))
            mine = attention == "full" or (attention == "biased" and (kind != "cit" or owner == channel))
            mine = mine or (attention == "causal" and turn(tokens[j]) <= turn(tokens[i]))
            row.append(i == j or bool(real and mine))
        out.append(row)
    return out


@pytest.mark.parametrize("cit", [True, False])
@pytest.mark.parametrize("attention", ["biased", "full", "causal"])
def test_masks_token_by_token(attention, cit):
    """Of the tokens that are seen at all; what the others see moves nothing."""
    generator = torch.Generator().manual_seed(0)
    filled = torch.rand(4, 3, 5, generator=generator) < 0.6
    valid = filled.any(-1) & torch.tensor([[True, True, False], [True] * 3, [False, True, True], [False] * 3])
    length = 19 if cit else 16
    keys = attention_keys(filled, valid, cit=cit)
    got = keys[:, None, None].expand(4, 1, length, length)
    if attention == "causal":
        got = causal_mask(filled, valid, cit=cit)
    elif attention == "biased" and cit:
        rows, own = cit_rows(keys[:, None, None], 3)
        assert rows.tolist() == [1, 7, 13]
        got = got.index_copy(2, rows, own)
    assert got.shape == (4, 1, length, length) and got.dtype == torch.bool
    for i in range(4):
        expected = slow_mask(filled[i].tolist(), valid[i].tolist(), attention, cit)
        for k in range(length):
            assert not keys[i, k] or got[i, 0, k].tolist() == expected[k]
    assert got.any(-1).all(), "no row is empty, so that no softmax is NaN"
