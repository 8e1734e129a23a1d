"""Losses by hand and against plain loops over python floats."""

import math

import pytest
import torch

from tracets.losses import directed_info_nce, hard_negatives_at, info_nce, masked_mse, pinball, random_patches


def random_scores(n, m=None, *, seed=0):
    return 5 * torch.randn(n, m or n, generator=torch.Generator().manual_seed(seed))


def slow_directed(scores, own, same, n_hard):
    """-log of the own score's share among itself and the n_hard largest wrong ones, averaged over rows."""
    total = 0.0
    for i, row in enumerate(scores.tolist()):
        wrong = [s for j, s in enumerate(row) if j != own[i] and not (same is not None and same[i][j])]
        hard = sorted(wrong, reverse=True)[:n_hard]
        total -= math.log(math.exp(row[own[i]]) / (math.exp(row[own[i]]) + sum(math.exp(s) for s in hard)))
    return total / len(scores)


def slow_info_nce(scores, same, n_hard):
    own = list(range(len(scores)))
    turned = None if same is None else [list(column) for column in zip(*same, strict=True)]
    return 0.5 * (slow_directed(scores, own, same, n_hard) + slow_directed(scores.T, own, turned, n_hard))


def some_same(n):
    same = torch.rand(n, n, generator=torch.Generator().manual_seed(1)) < 0.3
    same |= torch.eye(n, dtype=torch.bool)
    assert same.any() and not same.all() and not torch.equal(same, same.T)
    return same


def test_two_orthogonal_pairs_by_hand():
    assert info_nce(torch.eye(2)).item() == pytest.approx(math.log1p(math.exp(-1)))


def test_three_pairs_by_hand():
    scores = torch.tensor([[2.0, 1.0, 0.0], [0.0, 1.0, 0.0], [3.0, 0.0, 0.0]])
    e = math.exp
    rows = [
        -math.log(e(2) / (e(2) + e(1) + 1)),
        -math.log(e(1) / (e(1) + 2)),
        -math.log(1 / (e(3) + 2)),
    ]
    columns = [
        -math.log(e(2) / (e(2) + 1 + e(3))),
        -math.log(e(1) / (e(1) + e(1) + 1)),
        -math.log(1 / 3),
    ]
    assert info_nce(scores).item() == pytest.approx((sum(rows) + sum(columns)) / 6, rel=1e-6)
    hardest = [-math.log(e(2) / (e(2) + e(1))), -math.log(e(1) / (e(1) + 1)), -math.log(1 / (1 + e(3)))]
    own = torch.arange(3)
    assert directed_info_nce(scores, own, n_hard=1).item() == pytest.approx(sum(hardest) / 3, rel=1e-6)


@pytest.mark.parametrize("n_hard", [None, 1, 3, 99])
@pytest.mark.parametrize("context", [False, True])
def test_matches_plain_loop(n_hard, context):
    scores = random_scores(7)
    same = some_same(7) if context else None
    expected = slow_info_nce(scores, None if same is None else same.tolist(), n_hard)
    assert info_nce(scores, same=same, n_hard=n_hard).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("n_hard", [None, 1, 3, 99])
def test_rows_against_more_columns_match_plain_loop(n_hard):
    scores, own = random_scores(4, 9), torch.tensor([3, 3, 8, 0])
    same = torch.rand(4, 9, generator=torch.Generator().manual_seed(2)) < 0.3
    expected = slow_directed(scores, own.tolist(), same.tolist(), n_hard)
    assert directed_info_nce(scores, own, same=same, n_hard=n_hard).item() == pytest.approx(expected, rel=1e-5)


def test_hard_negatives_are_the_highest_scoring_and_no_twin_takes_their_place():
    scores = torch.tensor([[0.0, 9.0, 5.0, 1.0]]).repeat(1, 1)
    own = torch.tensor([0])
    twin = torch.tensor([[False, True, False, False]])
    got = directed_info_nce(scores, own, same=twin, n_hard=1).item()
    assert got == pytest.approx(math.log(1 + math.exp(5)), rel=1e-6)


def test_a_known_twin_is_no_negative_in_its_own_direction_only():
    scores = random_scores(3)
    same = torch.zeros(3, 3, dtype=torch.bool)
    same[0, 1] = True
    scores = scores.requires_grad_()
    directed_info_nce(scores, torch.arange(3), same=same).backward()
    assert scores.grad[0, 1] == 0 and scores.grad[1, 0] > 0 and scores.grad[0, 2] > 0


def test_a_batch_smaller_than_the_hard_negatives_is_no_error():
    for n in (1, 2, 31):
        assert info_nce(random_scores(n), n_hard=32).isfinite()
    assert info_nce(random_scores(5), n_hard=32).item() == info_nce(random_scores(5)).item()


@pytest.mark.parametrize("n_hard", [None, 1, 3])
def test_gradient_is_finite_and_zero_when_all_are_twins(n_hard):
    scores = random_scores(4).requires_grad_()
    loss = info_nce(scores, same=torch.ones(4, 4, dtype=torch.bool), n_hard=n_hard)
    loss.backward()
    assert loss.item() == 0 and torch.equal(scores.grad, torch.zeros(4, 4))


def test_one_pair_alone_teaches_nothing():
    scores = torch.tensor([[3.0]], requires_grad=True)
    loss = info_nce(scores)
    loss.backward()
    assert loss.item() == 0 and scores.grad.item() == 0


def test_large_scores_stay_finite():
    scores = (1000 * torch.eye(3)).requires_grad_()
    loss = info_nce(-scores)
    loss.backward()
    assert loss.item() == pytest.approx(1000 + math.log(2), rel=1e-5) and scores.grad.isfinite().all()


def test_every_pair_is_pulled_and_every_negative_is_pushed():
    scores = random_scores(5).requires_grad_()
    info_nce(scores).backward()
    own = torch.eye(5, dtype=torch.bool)
    assert (scores.grad[own] < 0).all() and (scores.grad[~own] > 0).all()


@pytest.mark.parametrize("shape", [(2, 3), (4,), (2, 2, 2)])
def test_scores_must_be_square(shape):
    with pytest.raises(ValueError, match=r"square matrix of scores, got \(" + str(shape[0])):
        info_nce(torch.zeros(shape))


def test_masked_mse_by_hand_counts_nothing_else():
    prediction = torch.tensor([1.0, 2.0, 3.0, 100.0])
    target = torch.tensor([0.0, 4.0, 3.0, 0.0])
    counted = torch.tensor([True, True, False, False])
    assert masked_mse(prediction, target, counted).item() == 2.5
    assert masked_mse(prediction, target, torch.zeros(4, dtype=torch.bool)).item() == 0


def test_masked_mse_gives_no_gradient_to_what_is_not_counted():
    prediction = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    masked_mse(prediction, torch.zeros(3), torch.tensor([True, False, True])).backward()
    assert prediction.grad.tolist() == [1.0, 0.0, 3.0]


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (64, 32, [64, 56, 48, 40, 32]),
        (4, 32, [4, 11, 18, 25, 32]),
        (None, 32, [None, None, 32, 32, 32]),
        (8, None, [8, 8, None, None, None]),
        (None, None, [None] * 5),
    ],
)
def test_schedule_of_hard_negatives(first, last, expected):
    assert [hard_negatives_at(p, first=first, last=last) for p in (0, 0.25, 0.5, 0.75, 1)] == expected


def hidden_patches(shape, share, seed=0):
    return random_patches(shape, share=share, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("n", "share", "expected"), [(14, 0.3, 4), (10, 0.3, 3), (2, 0.3, 1), (1, 0.9, 0), (8, 0.5, 4)]
)
def test_exactly_the_share_is_hidden_in_every_channel(n, share, expected):
    hidden = hidden_patches((5, 3, n), share)
    assert hidden.shape == (5, 3, n) and hidden.dtype == torch.bool
    assert (hidden.sum(-1) == expected).all()


def test_every_patch_is_hidden_as_often_as_any_other():
    """The first patch too. Over 3000 draws of 3 in 10, the share of each has a standard deviation of .0084."""
    often = hidden_patches((3000, 10), 0.3).float().mean(0)
    assert often.tolist() == pytest.approx([0.3] * 10, abs=4 * 0.0084)


def test_channels_hide_different_patches_and_the_seed_decides():
    assert torch.equal(hidden_patches((4, 3, 12), 0.3), hidden_patches((4, 3, 12), 0.3))
    assert not torch.equal(hidden_patches((4, 3, 12), 0.3), hidden_patches((4, 3, 12), 0.3, seed=1))
    one = hidden_patches((1, 50, 12), 0.3)[0]
    assert len({tuple(row) for row in one.tolist()}) > 30


def test_pinball_by_hand_and_over_what_is_counted():
    quantiles = torch.tensor([[[1.0, 0.0], [3.0, 9.0]], [[5.0, 0.0], [6.0, 0.0]]])  # two levels, two steps
    target = torch.tensor([[2.0, 0.0], [4.0, 0.0]])
    counted = torch.tensor([[True, False], [True, False]])
    first = 2 * (0.1 * 1 + 0.1 * 1)  # inside: .1 below the lower, .1 above the upper
    second = 2 * (0.9 * 1 + 0.1 * 2)  # below both
    found = pinball(quantiles, target, counted, (0.1, 0.9))
    assert found.tolist() == pytest.approx([first / 2, second / 2])
    assert pinball(quantiles, target, ~torch.ones_like(counted), (0.1, 0.9)).tolist() == [0, 0]


def test_the_true_quantiles_lose_least():
    draws = torch.randn(1, 20000, generator=torch.Generator().manual_seed(0))
    counted = torch.ones_like(draws, dtype=torch.bool)
    losses = [
        pinball(torch.full((1, 1, 20000), q), draws, counted, (0.9,)).item()
        for q in (1.0, 1.2816, 1.5)  # the middle one is the quantile of the normal distribution
    ]
    assert min(losses) == losses[1]
