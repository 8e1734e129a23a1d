"""What a step of the alignment holds and what it costs, against loops over the model's own vectors."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import torch

from tracets.encoders.text import sentences_of
from tracets.errors import ConfigError, DataError
from tracets.tasks.align import AlignConfig, AlignTask, texts_of
from tracets.types import Sample

NAMES = ("load", "wind", "rain")


def window(i, *, text="", channels=("", "", ""), c=3, t=12, dead=(), **more):
    values = np.random.default_rng(i).normal(size=(c, t)).astype(np.float32) * (i + 1)
    values[list(dead)] = np.nan
    start = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=i)
    return Sample(
        f"w{i}", values, NAMES[:c], text=text or None, channel_texts=tuple(x or None for x in channels[:c]),
        start=start, freq="h", **more,
    )  # fmt: skip


TOLD = [
    window(0, text="The load rises. Calm.", channels=("load up", "wind calm", ""), event_text="flood", label="flood"),
    window(1, text="The load falls.", channels=("load down", "wind calm", "no rain"), label="flood"),
    window(2, channels=("", "gale of 30", "")),
    window(3, text="A storm. It rains. Low of -3.", channels=("", "", "rain"), dead=[2], event_text="storm"),
    window(4, text="The load rises. Calm.", event_text="hail", label="hail"),
    window(5, text="Two channels only", channels=("load flat", "wind calm"), c=2, t=9, event_text="fog", label="flood"),
]
VALIDATION = [window(10 + i, text=f"window number {i} is here") for i in range(4)]


def task(model, train=TOLD, *, captioner=None, batch_size=8, seed=0, validation=VALIDATION, **config):
    config = {"channel_texts": 3, "hard_last": None} | config
    return AlignTask(
        model, train, validation, AlignConfig(**config), batch_size=batch_size, seed=seed, captioner=captioner
    )


def drawn(made, step=0):
    """The samples of a step, in its order."""
    return [made.train[int(i)] for i in made.order.rows_at(step)]


@pytest.fixture
def model(tiny_model):
    return tiny_model()


def test_every_text_points_to_its_series_and_channel(model):
    made = task(model)
    batch, samples = made.batch(0), drawn(made)
    assert sorted(s.id for s in samples) == [s.id for s in TOLD]
    width = 3
    assert [samples[i].id for i in batch.windows] == [s.id for s in samples if s.text]
    assert [samples[i].id for i in batch.events] == [s.id for s in samples if s.event_text]
    expected = [
        i * width + c
        for i, s in enumerate(samples)
        for c, text in enumerate(s.channel_texts)
        if text and not np.isnan(s.values[c]).all()
    ]
    assert batch.channels.tolist() == expected and len(expected) == 8
    said = [s.text for s in samples if s.text]
    said += [samples[i // width].channel_texts[i % width] for i in expected]
    said += [s.event_text for s in samples if s.event_text]
    counts = [len(sentences_of(text)) for text in said]
    assert batch.texts.sentence_valid.sum(1).tolist() == counts


def test_the_text_of_a_channel_with_nothing_observed_is_left_out(model):
    made = task(model)
    samples = drawn(made)
    dead = 3 * [s.id for s in samples].index("w3") + 2
    assert dead not in made.batch(0).channels.tolist()


def test_a_step_is_a_function_of_seed_and_step(model):
    captioner = lambda sample, seed: (f"caption {seed}", (None,) * sample.n_channels)  # noqa: E731
    settings = {"captions": 0.5, "hide_steps": 0.5, "channel_texts": 1, "max_sentences": 2, "captioner": captioner}
    first, again, other = (task(model, seed=s, **settings).batch(3) for s in (0, 0, 1))
    for name in ("windows", "channels", "events", "same_channels"):
        assert torch.equal(getattr(first, name), getattr(again, name))
    assert torch.equal(first.texts.states, again.texts.states)
    assert torch.equal(first.series.values, again.series.values)
    assert not torch.equal(first.series.values, other.series.values)


def slow_nce(scores, own, same, n_hard=None):
    total = 0.0
    for i, row in enumerate(scores):
        wrong = sorted((x for j, x in enumerate(row) if j != own[i] and not same(i, j)), reverse=True)[:n_hard]
        total += math.log(sum(math.exp(x - row[own[i]]) for x in [row[own[i]], *wrong]))
    return total / len(scores)


def slow_both_ways(scores, same, n_hard=None):
    own = range(len(scores))
    turned = [list(column) for column in zip(*scores, strict=True)]
    return 0.5 * (slow_nce(scores, own, same, n_hard) + slow_nce(turned, own, lambda i, j: same(j, i), n_hard))


def late(sentences, vectors):
    """Mean over sentences of the best cosine with any vector that is not zero."""
    alive = [v for v in vectors.reshape(-1, vectors.shape[-1]) if v.any()]
    return sum(max(float(s @ v) for v in alive) for s in sentences) / len(sentences)


@pytest.mark.slow
@pytest.mark.parametrize("n_hard", [None, 1, 2, 99])
def test_losses_from_the_vectors_of_a_query(model, n_hard):
    """The whole objective over again in plain loops, from what encode_series and encode_texts give.

    Negatives of a channel text are the other channels of its own window and all of the others', told or not; identical
    texts, and events of one label, are none.
    """
    model.eval()
    with torch.no_grad():
        model.log_scale.fill_(0.3)  # a high temperature, at which the lowest score counts too
    made = task(model, hard_first=n_hard, hard_last=n_hard)
    samples = drawn(made)
    with torch.no_grad():
        parts = {name: float(x) for name, x in made.loss(made.batch(0), progress=0.7).items()}
    series, scale, weight = model.encode_series(samples), model.scale.item(), model.sample_weight

    told = [i for i, s in enumerate(samples) if s.text]
    texts = model.encode_texts([samples[i].text for i in told])
    cosine = [[float(t @ series.sample[i]) for i in told] for t in texts.sample]
    full = [
        [
            weight * cosine[a][b] + (1 - weight) * late(texts.sentences[a], series.channels[i])
            for b, i in enumerate(told)
        ]
        for a in range(len(told))
    ]

    def same_window(a, b):
        return samples[told[a]].text == samples[told[b]].text

    assert any(same_window(a, b) for a in range(len(told)) for b in range(a))
    for name, scores in (("pair", full), ("sample", cosine)):
        scaled = [[scale * x for x in row] for row in scores]
        assert parts[name] == pytest.approx(slow_both_ways(scaled, same_window, n_hard), rel=1e-4)

    alone = [(a, sentence) for a, rows in enumerate(texts.sentences) for sentence in rows]
    best = [[scale * late([sentence], series.channels[i]) for i in told] for _, sentence in alone]
    owner = [a for a, _ in alone]
    there = slow_nce(best, owner, lambda r, b: same_window(owner[r], b), n_hard)
    asked = [[best[other][own] for other in range(len(alone))] for own in owner]  # a window's sentence among all others
    back = slow_nce(
        asked, range(len(alone)), lambda r, q: owner[r] == owner[q] or same_window(owner[r], owner[q]), n_hard
    )
    expected = 0.5 * (there + back)
    assert len(alone) > len(told) and parts["sentence"] == pytest.approx(expected, rel=1e-4)

    columns = [
        (s.channel_texts[c], series.channels[i][c])
        for i, s in enumerate(samples)
        for c in range(s.n_channels)
        if series.channels[i][c].any()
    ]
    own = [k for k, (text, _) in enumerate(columns) if text]
    said = model.encode_texts([columns[k][0] for k in own])
    scores = [[scale * late(rows, vectors) for _, vectors in columns] for rows in said.sentences]

    def same_channel(a, k):
        return columns[k][0] == columns[own[a]][0]

    assert len(own) == 8 and len(columns) == 16
    there = slow_nce(scores, own, same_channel, n_hard)
    back = [[scores[b][k] for b in range(len(own))] for k in own]
    back = slow_nce(back, range(len(own)), lambda a, b: same_channel(b, own[a]), n_hard)
    assert parts["channel"] == pytest.approx(0.5 * (there + back), rel=1e-4)

    events = [i for i, s in enumerate(samples) if s.event_text]
    vectors = model.encode_texts([samples[i].event_text for i in events]).sample
    scores = [[scale * float(v @ series.sample[i]) for i in events] for v in vectors]
    labels = [samples[i].label for i in events]
    expected = slow_both_ways(scores, lambda a, b: a == b or (labels[a] is not None and labels[a] == labels[b]), n_hard)
    assert parts["event"] == pytest.approx(expected, rel=1e-4)

    config = made.config
    weights = {"pair": 1, **{name: getattr(config, name) for name in ("sample", "sentence", "channel", "event")}}
    assert parts["loss"] == pytest.approx(sum(w * parts[name] for name, w in weights.items()), rel=1e-5)
    assert parts["scale"] == pytest.approx(scale)


def test_hard_negatives_are_on_by_default():
    """The released README turns them off."""
    assert AlignConfig().hard_last == 32


def test_windows_of_a_label_that_say_nearly_the_same_are_no_negatives(model):
    near = [
        window(i, text=f"A wet week with a low of {i} and a high of 20", label=label)
        for i, label in enumerate(["wet", "wet", "dry"])
    ]
    made = task(model, near, same_text=0.97, same_label_text=0.85)
    labels = [s.label for s in drawn(made)]
    expected = [[i == j or (a == b == "wet") for j, b in enumerate(labels)] for i, a in enumerate(labels)]
    assert made.batch(0).same_windows.tolist() == expected


def test_the_context_filter_can_be_switched_off(model):
    batch = task(model, same_text=1.1, same_label_text=1.1).batch(0)
    assert not batch.same_windows.any() and not batch.same_channels.any() and task(model).batch(0).same_windows.any()


def gradients(made, *, progress=1.0, step=0):
    made.model.zero_grad()
    parts = made.loss(made.batch(step), progress=progress)
    parts["loss"].backward()
    return {n: p.grad for n, p in made.model.named_parameters() if p.grad is not None}, parts


@pytest.mark.parametrize("part", ["pair", "sample", "event"])
def test_with_hard_negatives_the_sample_path_gets_a_gradient(tiny_model, part):
    """With hard negatives on, the released code gives the CLS output none."""
    model = tiny_model(sample="cls")
    made = task(model, hard_first=None, hard_last=2)
    parts = made.loss(made.batch(0), progress=1.0)
    path = ("series.cls", "series.to_sample.weight", "text.whole", "text.to_whole.weight")
    weights = [p for name, p in model.named_parameters() if name in path]
    assert len(weights) == 4
    for found in torch.autograd.grad(parts[part], weights):
        assert found.isfinite().all() and found.abs().max() > 1e-6


def test_every_weight_that_a_query_reads_is_trained(model):
    found, _ = gradients(task(model))
    rest = {name for name, _ in model.named_parameters()} - {n for n, g in found.items() if g.abs().max() > 0}
    assert rest == {"series.hidden_patch", "series.reconstruct.weight", "series.reconstruct.bias"}


@pytest.mark.parametrize(
    ("train", "expected"),
    [
        ([window(i, channels=(f"load {i}", "", "")) for i in range(4)], {"channel"}),
        ([window(i, text=f"text {i}") for i in range(4)], {"pair", "sample", "sentence"}),
        ([window(0, text="text"), *(window(i) for i in range(1, 4))], set()),
        (
            [window(i, event_text=f"e {i}", text="one" if i else "two") for i in range(4)],
            {"pair", "sample", "sentence", "event"},
        ),
        ([window(0, text="a", channels=("b", "", "")), window(1)], set()),
    ],
)
def test_windows_with_missing_texts_still_train(model, train, expected):
    found, parts = gradients(task(model, train))
    assert set(parts) == {"loss", "scale"} | expected
    assert parts["loss"].isfinite() and all(g.isfinite().all() for g in found.values())
    assert any(g.abs().max() > 1e-8 for g in found.values()) == bool(expected)


def test_a_step_without_a_single_text_costs_nothing(model):
    train = [window(0, text="the only one"), *(window(i) for i in range(1, 6))]
    made = task(model, train, batch_size=2)
    empty = next(step for step in range(9) if not any(s.text for s in drawn(made, step)))
    found, parts = gradients(made, step=empty)
    assert parts["loss"].item() == 0 and not any(g.any() for g in found.values())


def test_one_channel_weight_of_zero_leaves_the_channel_texts_out(model):
    made = task(model, channel=0.0, event=0.0)
    batch = made.batch(0)
    assert len(batch.channels) == len(batch.events) == 0
    assert "channel" not in made.loss(batch, progress=0.0) and "event" not in made.loss(batch, progress=0.0)


def slow_reading(cross, vector, read):
    """One channel vector that has read the sentences of its window, by plain matrices."""
    query, key, value = cross.attention.in_proj_weight.chunk(3)
    bias_q, bias_k, bias_v = cross.attention.in_proj_bias.chunk(3)
    scores = torch.stack([(query @ vector + bias_q) @ (key @ s + bias_k) for s in read]) / len(vector) ** 0.5
    found = sum(w * (value @ s + bias_v) for w, s in zip(scores.softmax(0), read, strict=True))
    refined = vector + cross.attention.out_proj(found)
    return refined / refined.norm()


def test_cross_attention_reads_the_channel_texts_of_its_own_window(model):
    made = task(model, cross_attention=True)
    batch = made.batch(0)
    n, k = len(batch.windows), len(batch.channels)
    with torch.no_grad():
        _, channels = model.series(batch.series)
        _, sentences = model.read_texts(batch.texts)
        owner = batch.texts.owner
        said = (owner >= n) & (owner < n + k)
        window = batch.channels[owner[said] - n] // 3
        refined = made.cross(channels, sentences[said], window)
        for i in range(len(channels)):
            read = [s for s, w in zip(sentences[said], window, strict=True) if w == i]
            for before, after in zip(channels[i].flatten(0, 1), refined[i].flatten(0, 1), strict=True):
                torch.testing.assert_close(after, slow_reading(made.cross, before, read) if read else before)
    assert 0 < len(window.unique()) < len(channels), "one with texts and one without"


def test_cross_attention_changes_the_channel_loss_alone_and_no_vector(model):
    plain = task(model)
    model.eval()  # no dropout
    before, vectors = plain.loss(plain.batch(0), progress=0.0), model.encode_series(TOLD)
    crossed = task(model, cross_attention=True)
    after = crossed.loss(crossed.batch(0), progress=0.0)
    assert {name for name in before if not torch.equal(before[name], after[name])} == {"channel", "loss"}
    assert np.array_equal(model.encode_series(TOLD).sample, vectors.sample)
    after["loss"].backward()
    assert all(p.grad.isfinite().all() for p in crossed.cross.parameters())
    assert crossed.cross.attention.in_proj_weight.grad.any()
    trained = {id(p) for p in crossed.module.parameters()}
    assert trained == {id(p) for p in (*model.parameters(), *crossed.cross.parameters())}
    assert not any("cross" in name for name in model.state_dict()), "a model folder holds nothing of it"


def test_at_most_so_many_channel_texts_of_a_window(model):
    made = task(model, channel_texts=1)
    seen = set()
    for step in range(12):
        owners = (made.batch(step).channels // 3).tolist()
        assert len(owners) == len(set(owners)) == 4
        samples = drawn(made, step)
        seen |= {(samples[k // 3].id, k % 3) for k in made.batch(step).channels.tolist()}
    assert len(seen) == 8, "each has its turn"


def test_a_long_text_gives_some_of_its_sentences_in_order(model, word_backbone):
    sentences = [f"fact{i}." for i in range(6)]
    train = [window(i, text=" ".join(sentences) if i == 0 else "other text") for i in range(2)]
    made = task(model, train, max_sentences=2)
    vectors = {tuple(word_backbone.states([_plain(s)])[0][0][1].tolist()): i for i, s in enumerate(sentences)}
    chosen = set()
    for step in range(20):
        batch, samples = made.batch(step), drawn(made, step)
        at = [s.id for s in samples].index("w0")
        own = (batch.texts.owner == at).nonzero().squeeze(1)
        states = [batch.texts.states[batch.texts.sentence == m][1] for m in own]
        picked = tuple(vectors[tuple(s.tolist())] for s in states)
        assert len(picked) == 2 and picked[0] < picked[1]
        chosen |= set(picked)
    assert chosen == set(range(6))


def _plain(sentence):
    from tracets.encoders.sentences import Sentence

    return Sentence(sentence)


def captions_of(train, *, share, steps=50, model):
    """Which windows were captioned in which step, by a captioner that remembers."""
    asked = []

    def captioner(sample, seed):
        asked.append((sample.id, seed))
        return f"caption of {sample.id}", ("first channel", *(None,) * (sample.n_channels - 1))

    made = task(model, train, captions=share, captioner=captioner)
    batches = [made.batch(step) for step in range(steps)]
    return asked, batches


@pytest.mark.slow
def test_captions_replace_texts_at_the_share_asked(model):
    train = [window(i, text=f"text {i}", channels=("a", "b", "")) for i in range(6)]
    assert captions_of(train, share=0.0, steps=5, model=model)[0] == []
    asked, batches = captions_of(train, share=0.3, model=model)
    # 300 draws: a standard deviation of 7.9
    assert 90 - 4 * 8 < len(asked) < 90 + 4 * 8
    assert len({seed for _, seed in asked}) == len(asked), "each caption is phrased anew"
    asked, batches = captions_of(train, share=1.0, steps=3, model=model)
    assert len(asked) == 18
    assert all(len(b.windows) == 6 and (b.channels % 3 == 0).all() and len(b.channels) == 6 for b in batches)


def test_windows_without_text_always_get_a_caption_where_captions_are_on(model):
    train = [window(0, text="text"), window(1), window(2, channels=("only a channel", "", ""))]
    asked, batches = captions_of(train, share=0.01, model=model)
    assert {"w1", "w2"} <= {i for i, _ in asked} and len([i for i, _ in asked if i == "w1"]) == 50
    assert all(len(b.windows) == 3 for b in batches)


def test_other_texts_of_a_window_have_their_turn(model):
    train = [window(0, text="one", metadata={"alt_texts": ["two", "three"]}), window(1, text="x")]
    assert texts_of(train[0]) == ["one", "two", "three"] and texts_of(window(1)) == []
    made = task(model, train)
    told = {made._texts(train[0], np.random.default_rng(seed))[0] for seed in range(30)}
    assert told == {"one", "two", "three"}


def test_hidden_steps_are_gone_and_no_channel_is_hidden_whole(model):
    train = [window(i, text=f"t {i}", dead=[1] if i == 0 else ()) for i in range(6)]
    made, plain = task(model, train, hide_steps=1.0), task(model, train)
    hidden_share = []
    for step in range(20):
        batch, before = made.batch(step).series, plain.batch(step).series
        assert torch.equal(batch.channel_valid, before.channel_valid)
        assert torch.equal(batch.observed.any(-1), before.channel_valid)
        assert not (batch.observed & ~before.observed).any()
        assert torch.equal(batch.values, before.values * batch.observed)
        hidden_share.append(1 - batch.observed.sum() / before.observed.sum())
    assert 0.3 < float(np.mean(hidden_share)) < 0.6, "half of the largest share on average"


def test_prepare_looks_up_every_sentence_that_a_step_asks_for(model, monkeypatch):
    made = task(model)
    states, seen = model.backbone.states, []

    def noting(sentences):
        sentences = list(sentences)
        seen.extend(sentences)
        return states(sentences)

    monkeypatch.setattr(model.backbone, "states", noting)
    made.prepare()
    prepared = {s.words for s in seen}
    seen.clear()
    for step in range(5):
        made.batch(step)
    asked = {s.words for s in seen} - set(NAMES)
    assert asked and asked <= prepared


def test_validation_by_hand(model):
    said = ["the first", "the second", "the second", "another one"]
    validation = [window(10 + i, text=text) for i, text in enumerate(said)] + [window(20)]
    made = task(model, validation=validation, choose_weight=False)
    assert len(made.validation) == 4, "a window without text has no pair"
    series, texts = model.encode_series(made.validation), model.encode_texts(said)
    scores = [
        [
            0.3 * float(texts.sample[a] @ series.sample[b]) + 0.7 * late(texts.sentences[a], series.channels[b])
            for b in range(4)
        ]
        for a in range(4)
    ]

    def reciprocal(row, right):
        """1 / rank of the best right one; equal scores of identical texts are tied, so count those above only."""
        best = max(row[j] for j in right)
        above = sum(x > best + 1e-6 for x in row)
        tied = [j for j in range(4) if abs(row[j] - best) <= 1e-6]
        wrong = [j for j in tied if j not in right]
        assert not wrong
        return 1 / (above + 1)

    right = [[0], [1, 2], [1, 2], [3]]
    to_series = sum(reciprocal(scores[a], right[a]) for a in range(4)) / 4
    to_text = sum(reciprocal([scores[a][b] for a in range(4)], right[b]) for b in range(4)) / 4
    found = made.validate()
    assert found["text_to_series"] == pytest.approx(to_series, abs=1e-6)
    assert found["series_to_text"] == pytest.approx(to_text, abs=1e-6)
    assert found["MRR"] == pytest.approx((to_series + to_text) / 2, abs=1e-6)


def test_training_without_texts_is_refused(model):
    with pytest.raises(DataError, match="no training window has a text"):
        task(model, [window(0), window(1, event_text="flood")])
    assert task(model, [window(0), window(1)], captions=1.0)
    with pytest.raises(DataError, match="at least 2 validation windows with text.*got 1"):
        task(model, validation=[window(0, text="a"), window(1)])


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"channel": -1.0}, "align.sample, sentence, channel, event and swapped must be at least 0"),
        ({"captions": 2.0}, "align.captions must be in [0, 1], got 2.0"),
        ({"hide_steps": -0.1}, "align.hide_steps must be in [0, 1]"),
        ({"hard_first": -3}, "hard_first"),
        ({"hard_last": 0}, "hard_last"),
        ({"max_sentences": 0}, "max_sentences"),
        ({"channel_texts": -1}, "channel_texts"),
    ],
)
def test_settings_out_of_range(config, message):
    with pytest.raises(ConfigError) as error:
        AlignConfig(**config)
    assert message in str(error.value)
