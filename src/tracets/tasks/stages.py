"""Train a model in two stages, and leave a finished model folder or a run that can be resumed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from tracets.encoders.model import TraceModel
from tracets.encoders.series import SeriesTower
from tracets.encoders.store import save_model
from tracets.errors import ConfigError, DataError
from tracets.files import read_json
from tracets.tasks.align import AlignConfig, AlignTask, Captioner, Drill, Swapper
from tracets.tasks.pretrain import PretrainConfig, PretrainTask
from tracets.training.loop import fit
from tracets.training.ranks import is_first
from tracets.training.settings import OptimConfig
from tracets.types import Sample

FREE = ("optim.devices",)
"""Settings that a resumed run may have otherwise: they change nothing that is learnt."""


def train_stages(
    model: TraceModel,
    train: Sequence[Sample],
    validation: Sequence[Sample],
    out: Path,
    *,
    pretrain: PretrainConfig,
    align: AlignConfig,
    optim: OptimConfig,
    seed: int,
    resume: bool,
    progress_bar: bool,
    about: str,
    captioner: Captioner | None,
    swapper: Swapper | None = None,
    drills: Sequence[Drill] = (),
    keep_start: bool = False,
) -> dict[str, dict[str, float]]:
    """Pre-train on the series (stage 1), align with the texts (stage 2), save the best weights to `out`.

    Stage 1 gets `pretrain.share` of the steps or minutes of `optim`. While it runs, `out/run` holds settings, a metrics
    file for each stage and checkpoints; with `resume` a killed run goes on from the last one, to the weights it would
    have reached. Checkpoints are removed when the model is finished. With `keep_start` a model that was trained before
    keeps its weights where no validation passes its own. Last of all the share of the sample vectors is settled.

    Returns
    -------
    dict
        What each stage reached: {"pretrain": {...}, "align": {...}}.

    Raises
    ------
    DataError
        No training or validation windows, or no text to align with.
    ConfigError
        `resume` with other settings, another seed or another number of windows than the run began with; or stage 1 of
        a series tower of another package.
    """
    if not len(train) or not len(validation):
        raise DataError(
            f"training needs windows with split = 'train' and some with 'val', got {len(train)} and {len(validation)}. "
            f"Set the column `split` (tracets data windows writes it)."
        )
    if pretrain.share and not isinstance(model.series, SeriesTower):
        raise ConfigError(
            f"the series tower '{model.series.name}' of another package has no stage 1, the reconstruction of hidden "
            f"patches. Leave it out: --set pretrain.share=0"
        )
    run = out / "run"
    if not resume and is_first():
        shutil.rmtree(run, ignore_errors=True)
    run.mkdir(parents=True, exist_ok=True)
    settings = {
        "model": asdict(model.config), "pretrain": asdict(pretrain), "align": asdict(align), "optim": asdict(optim),
        "seed": seed, "train_windows": len(train), "validation_windows": len(validation),
        "drills": len(drills),
    }  # fmt: skip
    if is_first():
        _keep_settings(run / "settings.json", settings)
    reached: dict[str, dict[str, float]] = {}
    finished = run / "pretrain" / "reached.json"
    if pretrain.share and not (resume and finished.is_file()):
        first = PretrainTask(model, train, validation, pretrain, batch_size=optim.batch_size, seed=seed)
        reached["pretrain"] = fit(
            first, _part(optim, pretrain.share), folder=run / "pretrain", monitor=first.monitor, seed=seed,
            resume=resume, progress_bar=progress_bar,
        )  # fmt: skip
        if is_first():
            torch.save(model.series.state_dict(), run / "pretrain" / "weights.ckpt")
            finished.write_text(json.dumps(reached["pretrain"]), encoding="utf-8")
    elif pretrain.share:
        model.series.load_state_dict(torch.load(run / "pretrain" / "weights.ckpt", weights_only=True))
        reached["pretrain"] = read_json(finished, error=ConfigError)
    second = AlignTask(
        model, train, validation, align, batch_size=optim.batch_size, seed=seed, captioner=captioner, swapper=swapper,
        drills=drills,
    )  # fmt: skip
    reached["align"] = fit(
        second, _part(optim, 1 - pretrain.share), folder=run / "align", monitor=second.monitor, seed=seed,
        resume=resume, progress_bar=progress_bar, keep_start=keep_start,
    )  # fmt: skip
    second.settle()
    if not is_first():
        return reached
    save_model(model, out, card=_card(model, about, settings, reached))
    for checkpoint in run.rglob("*.ckpt"):
        checkpoint.unlink()
    if not any((run / "pretrain").glob("metrics.csv")):
        shutil.rmtree(run / "pretrain", ignore_errors=True)
    return reached


def _keep_settings(file: Path, settings: dict[str, object]) -> None:
    """Write the settings of a run, or compare them with those that it began with."""
    text = json.dumps(settings, indent=2) + "\n"
    if file.is_file():
        saved = read_json(file, error=ConfigError)
        if not isinstance(saved, dict):
            raise ConfigError(f"'{file}' holds no table of settings. Train to another folder.")
        before, now = _flat(saved), _flat(json.loads(text))
        changed = [name for name in sorted(before | now) if before.get(name) != now.get(name) and name not in FREE]
        if changed:
            told = ", ".join(f"{name} = {before.get(name)} (now {now.get(name)})" for name in changed[:3])
            raise ConfigError(
                f"'{file.parent}' began with {told}. Resume with the same settings, or train to another folder."
            )
    file.write_text(text, encoding="utf-8")


def _flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in table.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat


def _part(optim: OptimConfig, share: float) -> OptimConfig:
    return replace(
        optim,
        max_steps=None if optim.max_steps is None else max(1, round(share * optim.max_steps)),
        max_minutes=None if optim.max_minutes is None else share * optim.max_minutes,
    )


def _card(model: TraceModel, about: str, settings: dict[str, object], reached: dict[str, dict[str, float]]) -> str:
    stages = "\n".join(
        f"- {stage}: " + ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
        for stage, figures in reached.items()
    )
    parameters = sum(p.numel() for p in model.parameters())
    return f"""# {model.name}

A `tracets` model: a series tower and a text tower in one space of width {model.dim}. {parameters:,} trained parameters;
the text tower reads the frozen token states of `{model.config.text.backbone}`.

{about}

Trained on {settings["train_windows"]} windows, seed {settings["seed"]}; weights chosen on
{settings["validation_windows"]} validation windows. Reached, on validation:
{stages}

All settings: `run/settings.json`; the course of the training: `run/*/metrics.csv`.
"""
