"""Blocks against softmax attention written out, rotary positions against complex numbers, and wanted rows."""

import cmath
import math

import numpy as np
import pytest
import torch

from tracets.nn.attention import Block, rotary, rotate

N, LENGTH, DIM, HEADS = 2, 7, 16, 2


@pytest.fixture
def block():
    torch.manual_seed(0)
    return Block(DIM, HEADS, dropout=0.5).eval()


@pytest.fixture
def x():
    return torch.randn(N, LENGTH, DIM, generator=torch.Generator().manual_seed(1))


def some_mask():
    mask = torch.rand(N, 1, LENGTH, LENGTH, generator=torch.Generator().manual_seed(2)) < 0.5
    mask |= torch.eye(LENGTH, dtype=torch.bool)
    assert mask.any() and not mask.all()
    return mask


def turned(vector, position):
    """Rotary position by complex numbers: pair j of the halves turns by position * 10000 ** (-2j / dim)."""
    half = len(vector) // 2
    out = np.zeros(2 * half)
    for j in range(half):
        z = complex(vector[j], vector[half + j]) * cmath.exp(1j * position * 10_000.0 ** (-2 * j / len(vector)))
        out[j], out[half + j] = z.real, z.imag
    return out


def slow_block(block, x, mask, positions):
    """One layer in plain loops: for each head and row a softmax over the keys it may see."""
    x = x.double()
    layer = block.double()
    normed = layer.norm_in(x)
    query, (key, value) = layer.query(normed), layer.key_value(normed).chunk(2, -1)
    width = DIM // HEADS
    mixed = torch.zeros_like(x)
    for n in range(N):
        for h in range(HEADS):
            part = slice(h * width, (h + 1) * width)
            q, k = query[n, :, part].detach().numpy(), key[n, :, part].detach().numpy()
            if positions is not None:
                q = np.stack([turned(row, p) for row, p in zip(q, positions, strict=True)])
                k = np.stack([turned(row, p) for row, p in zip(k, positions, strict=True)])
            for row in range(LENGTH):
                seen = [j for j in range(LENGTH) if mask is None or mask[n, 0, row, j]]
                weights = [math.exp(float(q[row] @ k[j]) / math.sqrt(width)) for j in seen]
                for w, j in zip(weights, seen, strict=True):
                    mixed[n, row, part] += w / sum(weights) * value[n, j, part]
    x = x + layer.out(mixed)
    out = (x + layer.feedforward(x)).detach()
    block.float()
    return out.float()


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("positions", [None, [0, 0, 1, 2, 0, 1, 2]])
def test_equals_softmax_attention_written_out(block, x, masked, positions):
    mask = some_mask() if masked else None
    table = None if positions is None else rotary(torch.tensor(positions), DIM // HEADS)
    with torch.no_grad():
        fast = block(x, mask=mask, positions=table)
    torch.testing.assert_close(fast, slow_block(block, x, mask, positions), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("placed", [False, True])
def test_wanted_rows_are_the_rows_of_the_full_computation(block, x, masked, placed):
    mask = some_mask() if masked else None
    table = rotary(torch.tensor([0, 0, 1, 2, 0, 1, 2]), DIM // HEADS) if placed else None
    rows = torch.tensor([0, 1, 4])
    with torch.no_grad():
        full = block(x, mask=mask, positions=table)
        torch.testing.assert_close(block(x, mask=mask, positions=table, rows=rows), full[:, rows], atol=1e-6, rtol=1e-6)


def test_one_mask_row_for_all_tokens_goes_with_wanted_rows(block, x):
    keys = torch.tensor([True, True, False, True, False, True, True]).expand(N, 1, 1, LENGTH)
    rows = torch.tensor([0, 3])
    with torch.no_grad():
        torch.testing.assert_close(block(x, mask=keys, rows=rows), block(x, mask=keys)[:, rows], atol=1e-6, rtol=1e-6)


def test_a_forbidden_key_is_not_read(block, x):
    mask = torch.ones(N, 1, LENGTH, LENGTH, dtype=torch.bool)
    mask[:, :, 0, 3] = False
    changed = x.clone()
    changed[:, 3] = 1e3
    with torch.no_grad():
        before, after = block(x, mask=mask), block(changed, mask=mask)
    assert torch.equal(before[:, 0], after[:, 0])
    assert not torch.allclose(before[:, 1], after[:, 1], atol=1e-2)


def test_dropout_sleeps_at_evaluation_only(block, x):
    with torch.no_grad():
        assert torch.equal(block(x), block(x))
        block.train()
        assert not torch.equal(block(x), block(x))


def test_rotation_by_complex_numbers():
    x = torch.randn(1, 1, 5, 8, generator=torch.Generator().manual_seed(3))
    positions = [0, 1, 2, 5, 40]
    got = rotate(x, rotary(torch.tensor(positions), 8))[0, 0]
    expected = np.stack([turned(row.numpy(), p) for row, p in zip(x[0, 0], positions, strict=True)])
    np.testing.assert_allclose(got.numpy(), expected, atol=1e-5)
    assert torch.equal(got[0], x[0, 0, 0]), "position 0 leaves a token unmoved"


def test_rotated_products_depend_on_the_distance_only():
    q, k = torch.randn(2, 8, generator=torch.Generator().manual_seed(4))
    cos, sin = rotary(torch.arange(20), 8)

    def product(at_q, at_k):
        return float(rotate(q, (cos[at_q], sin[at_q])) @ rotate(k, (cos[at_k], sin[at_k])))

    assert product(3, 7) == pytest.approx(product(13, 17), abs=1e-5)
    assert product(3, 7) != pytest.approx(product(3, 8), abs=1e-3)


def slow_by_channel(block, cls, x, keys, alive, places):
    """The layer in blocks, from whole layers with masks: two softmaxes for the first token of each channel."""
    n, c, width, _ = x.shape
    tokens = torch.cat([cls[:, None], x.flatten(1, 2)], 1)
    length = tokens.shape[1]
    inside, across = (torch.zeros(n, length, length, dtype=torch.bool) for _ in range(2))
    for i in range(n):
        seen = [0] + [1 + k * width for k in range(c) if alive[i, k]]
        across[i, 0, seen] = inside[i, 0, seen] = True
        for k in range(c):
            begin = 1 + k * width
            own = [begin] + [begin + p for p in range(1, width) if keys[i, k, p]]
            inside[i, begin : begin + width, own] = across[i, begin + 1 : begin + width, own] = True
            across[i, begin, seen] = True
    table = rotary(torch.tensor([0] + places * c), DIM // HEADS)
    normed = block.norm_in(tokens)
    query, (key, value) = block.query(normed), block.key_value(normed).chunk(2, -1)
    query, key, value = (part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in (query, key, value))
    query, key = rotate(query, table), rotate(key, table)
    scores = query @ key.transpose(-1, -2) / math.sqrt(DIM // HEADS)
    weights = [scores.masked_fill(~mask[:, None], -torch.inf).softmax(-1).nan_to_num() for mask in (inside, across)]
    mixed = ((weights[0] + weights[1]) / 2 @ value).transpose(1, 2).flatten(2)
    out = tokens + block.out(mixed)
    return out + block.feedforward(out)


@pytest.mark.parametrize("summaries", [False, True])
def test_in_blocks_the_first_tokens_read_their_channel_and_one_another(block, summaries):
    generator = torch.Generator().manual_seed(5)
    cls, x = torch.randn(N, DIM, generator=generator), torch.randn(N, 3, 4, DIM, generator=generator)
    keys = torch.rand(N, 3, 4, generator=generator) < 0.6
    alive = torch.tensor([[True, True, True], [True, False, True]])
    places = [0, 0, 1, 2]
    with torch.no_grad():
        got_cls, got = block.by_channel(
            cls, x, keys=keys, alive=alive, positions=rotary(torch.tensor(places), DIM // HEADS), summaries=summaries
        )
        expected = slow_by_channel(block, cls, x, keys, alive, places)
    torch.testing.assert_close(got_cls, expected[:, 0], atol=1e-5, rtol=1e-5)
    blocks = expected[:, 1:].unflatten(1, (3, 4))
    torch.testing.assert_close(got, blocks[:, :, :1] if summaries else blocks, atol=1e-5, rtol=1e-5)


def test_few_rows_with_a_mask_of_their_own(block, x):
    """A mask of keys and that of two rows do what the whole mask does."""
    keys = torch.tensor([True, True, False, True, False, True, True]).expand(N, 1, 1, LENGTH)
    rows = torch.tensor([1, 4])
    own = some_mask()[:, :, rows]
    whole = keys.expand(N, 1, LENGTH, LENGTH).index_copy(2, rows, own)
    with torch.no_grad():
        torch.testing.assert_close(block(x, mask=keys, narrow=(rows, own)), block(x, mask=whole), atol=1e-6, rtol=1e-6)
        torch.testing.assert_close(block(x, mask=own, rows=rows), block(x, mask=whole)[:, rows], atol=1e-6, rtol=1e-6)
