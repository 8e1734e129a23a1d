"""What [CLS] and the identity token of each channel read in the last layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tracets.reproduction.ablation import COMMON
from tracets.reproduction.asides import OWN_FORM
from tracets.reproduction.from_nothing import untrained
from tracets.reproduction.trainings import PAPER, trained_for_steps
from tracets.reproduction.windows import Draws, Value, mean_of, of_one_kind, some
from tracets.tables.drawing import short
from tracets.tables.table import Line, Panel, Picture, Size, Source, Step, Table
from tracets.types import FloatArray, Sample

if TYPE_CHECKING:
    from torch import Tensor

    from tracets.encoders.model import TraceModel
    from tracets.nn.attention import Block

OWN, ENTROPY = "mass on the own channel", "entropy"
ON_CITS, ON_ITSELF = "mass on identity tokens", "mass on itself"
CIT, CLS = Panel("Identity tokens", (OWN, ENTROPY)), Panel("[CLS]", (ON_CITS, ON_ITSELF, ENTROPY))


def recomputed(
    block: Block,
    x: Tensor,
    *,
    mask: Tensor,
    positions: tuple[Tensor, Tensor] | None,
    rows: Tensor,
    narrow: Any = None,
) -> tuple[Tensor, Tensor]:
    """A layer once more by the textbook: weights (n, heads, len(rows), length) and what it gives, (n, len(rows), dim).

    The arguments are those of `Block.forward`, which makes no weights; `narrow` must be None, as in a last layer.
    """
    import torch

    from tracets.nn.attention import rotate

    assert narrow is None and not block.training
    normed, heads = block.norm_in(x), block.heads

    def by_head(one: Tensor) -> Tensor:
        return one.unflatten(-1, (heads, -1)).transpose(1, 2)

    query = by_head(block.query(normed))
    key, value = (by_head(part) for part in block.key_value(normed).chunk(2, dim=-1))
    if positions is not None:
        query, key = rotate(query, positions), rotate(key, positions)
    logits = query[:, :, rows] @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
    seen = mask[:, :, rows] if mask.shape[2] == x.shape[1] else mask
    weights: Tensor = torch.softmax(logits.masked_fill(~seen, -torch.inf), dim=-1)
    mixed = x[:, rows] + block.out((weights @ value).transpose(1, 2).flatten(2))
    return weights, mixed + block.feedforward(mixed)


def last_attention(model: TraceModel, samples: Sequence[Sample]) -> FloatArray:
    """The weights of the last layer of the series tower, (n, heads, 1 + c, length); all windows have the same channels.

    Rows are [CLS] and the identity tokens, columns [CLS] [CIT_1] patches ... [CIT_c] patches.
    """
    import torch

    from tracets.data.collate import collate
    from tracets.encoders.series import SeriesTower, to_series_batch

    assert isinstance(model.series, SeriesTower)  # the paper's recipe has ours
    last: Any = model.series.blocks[-1]
    seen: dict[str, Any] = {}

    def keep(_: Any, given: tuple[Tensor, ...], named: dict[str, Any], __: Tensor) -> None:
        seen.update(named, x=given[0])

    hook = last.register_forward_hook(keep, with_kwargs=True)
    try:
        with torch.inference_mode():
            model.series(to_series_batch(collate(list(samples)), model.backbone))
            weights, _ = recomputed(last, **seen)
    finally:
        hook.remove()
    found: FloatArray = weights.numpy()
    return found


def shares(weights: FloatArray) -> dict[str, NDArray[np.float64]]:
    """What is counted of each window (n,), from weights (n, heads, 1 + c, length): means over heads and channels.

    Entropies are in parts of that of equal weights on all tokens.
    """
    n, heads, rows, length = weights.shape
    c = rows - 1
    own = weights[:, :, 1:, 1:].reshape(n, heads, c, c, -1)
    diagonal = np.trace(own.sum(axis=-1), axis1=2, axis2=3) / c
    logs = np.log(np.where(weights > 0, weights, 1))
    entropy = -(weights * logs).sum(axis=-1) / np.log(length)
    return {
        "own": diagonal.mean(axis=1), "cit entropy": entropy[:, :, 1:].mean(axis=(1, 2)),
        "cits": on_identity_tokens(weights).mean(axis=1), "itself": weights[:, :, 0, 0].mean(axis=1),
        "cls entropy": entropy[:, :, 0].mean(axis=1),
    }  # fmt: skip


def on_identity_tokens(weights: FloatArray) -> FloatArray:
    """What [CLS] gives to the identity tokens together, (n, heads)."""
    c = weights.shape[2] - 1
    width = (weights.shape[3] - 1) // c
    total: FloatArray = weights[:, :, 0, 1::width].sum(axis=-1)
    return total


def _picture(weights: FloatArray, sample: Sample) -> Picture:
    """The mean over heads for one window."""
    width = (weights.shape[-1] - 1) // sample.n_channels
    columns = ["[CLS]"] + [
        f"{name}, {'identity' if i == 0 else f'patch {i}'}" for name in sample.channel_names for i in range(width)
    ]
    data = {
        "values": short(weights.mean(axis=0)), "rows": ["[CLS]", *sample.channel_names], "columns": columns,
        "named": ["reads: [CLS] and the identity tokens", "is read"],
        "text": "Mean over heads in the last layer, for one window that the seed drew.",
    }  # fmt: skip
    return Picture(f"window {sample.id}", "matrix", data)


def _figures(found: dict[str, NDArray[np.float64]], size: Size, seed: int) -> dict[str, dict[str, Value]]:
    def told(name: str) -> Value:
        return mean_of(found[name], Draws(1, size.n_boot, seed))

    return {
        CIT.title: {OWN: told("own"), ENTROPY: told("cit entropy")},
        CLS.title: {ON_CITS: told("cits"), ON_ITSELF: told("itself"), ENTROPY: told("cls entropy")},
    }


def _step(source: Source, size: Size, seed: int, form: str, *, trained: bool) -> Step:
    name = f"{FORMS[form]}, {'trained' if trained else 'random weights'}"

    def make() -> list[Line]:
        given = [*COMMON, f"model.series.attention={form}"]
        if trained:
            model = trained_for_steps(
                source, size, recipe=PAPER, assignments=given, steps=size.ablation_steps, seed=seed
            )
        else:
            model = untrained(size, recipe=PAPER, assignments=given, seed=seed)
        windows = of_one_kind(source, "test")
        asked = [windows[i] for i in some(len(windows), size.limit, seed=seed)]
        weights = last_attention(model, asked)
        drawn = some(len(asked), 1, seed=seed)[0]
        pictures = [_picture(weights[drawn], asked[drawn])]
        line = Line(name, _figures(shares(weights), size, seed), f"{len(asked)} windows", pictures=pictures)
        if form != "biased" or not trained:
            return [line]
        c, length = asked[0].n_channels, weights.shape[-1]
        even = {
            CIT.title: {OWN: [(length - 1) / c / length], ENTROPY: [1.0]},
            CLS.title: {ON_CITS: [c / length], ON_ITSELF: [1 / length], ENTROPY: [1.0]},
        }
        return [Line("equal weights on all tokens", even), line]

    return Step(source.name, source.digest, name, make)


FORMS = {"biased": "channel-biased", "full": "full attention"}


def _steps(sources: Sequence[Source], size: Size, seed: int) -> list[Step]:
    return [
        _step(source, size, seed, form, trained=trained)
        for source in sources
        for form in FORMS
        for trained in (True, False)
    ]


FIGURE = Table(
    name="attention",
    title="What the identity tokens read",
    shows="The weights of the last layer for windows of split test: what [CLS] and each channel's identity token read, "
    "where an identity token may read its own channel alone (the paper's channel-biased attention) and where it may "
    "read all.",
    differs=(
        OWN_FORM,
        "Channel-biased, the mass on the own channel is 1 by the mask and not by learning: what the mask keeps apart "
        "is seen in the rows of full attention.",
        "The paper's recipe at the width of a CPU, for a fixed number of steps, stage 1 and stage 2. `base` has no "
        "such layers.",
        "Weights of attention say where a token reads, not what its vector depends on.",
        "Entropies are parts of that of equal weights on all tokens: a token that may read one channel alone cannot "
        "reach 1.",
    ),
    published=(),
    panels=(CIT, CLS),
    steps=_steps,
)
