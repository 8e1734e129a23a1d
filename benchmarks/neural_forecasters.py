"""Neural forecasters of the neuralforecast package, trained from nothing, on the windows that ours are measured on.

    python benchmarks/forecasting.py --export windows                    # in the environment of tracets
    python benchmarks/neural_forecasters.py windows --out neural.jsonl   # in one with neuralforecast and typer alone

The package needs other versions of libraries than tracets, hence an environment of its own; nothing of tracets is
imported. A file holds one data set and horizon: `values` (n_channels, n_steps) on the scale of the training part, `val`
and `test`, the steps at which these parts begin, `horizon`, `contexts`, the lengths of the past to choose from, and
`stride`, the steps from one test window to the next. For each model the context with the least squared error on the
validation part is taken; training stops when that part gets no better. A run that stands in `--out` is not made again.
"""

from __future__ import annotations

import json
import logging
import time
import warnings
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

MODELS = ("DLinear", "PatchTST", "iTransformer", "TimesNet")
FIRST_DAY = pd.Timestamp("2000-01-01")  # a calendar is of no use to these models: days stand for steps


def long_frame(values: np.ndarray) -> pd.DataFrame:
    days = pd.date_range(FIRST_DAY, periods=values.shape[1], freq="D")
    filled = pd.DataFrame(values.T).ffill().bfill().to_numpy().T
    parts = [pd.DataFrame({"unique_id": f"{c:03}", "ds": days, "y": row}) for c, row in enumerate(filled)]
    return pd.concat(parts, ignore_index=True)


def build(name: str, *, horizon: int, context: int, n_series: int, steps: int, seed: int) -> Any:
    from neuralforecast import models
    from neuralforecast.losses.pytorch import MSE

    common = {
        "h": horizon, "input_size": context, "loss": MSE(), "valid_loss": MSE(), "max_steps": steps,
        "val_check_steps": 25, "early_stop_patience_steps": 4, "random_seed": seed, "enable_progress_bar": False,
        "logger": False, "enable_model_summary": False, "accelerator": "cpu", "enable_checkpointing": False,
    }  # fmt: skip
    own: dict[str, dict[str, Any]] = {
        "DLinear": {"learning_rate": 1e-3},
        "PatchTST": {
            "learning_rate": 5e-4, "hidden_size": 64, "n_heads": 4, "linear_hidden_size": 128, "encoder_layers": 2,
            "patch_len": min(16, context // 2), "stride": min(8, context // 4), "windows_batch_size": 128,
        },
        "iTransformer": {"learning_rate": 5e-4, "hidden_size": 128, "n_heads": 4, "d_ff": 256, "n_series": n_series},
        "TimesNet": {
            "learning_rate": 1e-3, "hidden_size": 32, "conv_hidden_size": 32, "encoder_layers": 2,
            "windows_batch_size": 32,
        },
    }  # fmt: skip
    return getattr(models, name)(**common, **own[name])


def errors(data: Any, name: str, *, context: int, steps: int, seed: int) -> dict[str, float]:
    """Errors on the validation and on the test windows, by one training on what lies before both."""
    from neuralforecast import NeuralForecast

    values, horizon, stride = data["values"], int(data["horizon"]), int(data["stride"])
    val, test, n = int(data["val"]), int(data["test"]), values.shape[1]
    model = build(name, horizon=horizon, context=context, n_series=len(values), steps=steps, seed=seed)
    forecaster = NeuralForecast(models=[model], freq="D")
    frame = long_frame(values)

    def shown(end: int) -> pd.DataFrame:
        return frame[frame["ds"] < FIRST_DAY + pd.Timedelta(days=end)]

    forecaster.fit(shown(test), val_size=test - val)
    found: dict[str, float] = {}
    for part, begin, end in (("val", val, test), ("test", test, n)):
        length = horizon + (end - begin - horizon) // stride * stride
        told = forecaster.cross_validation(
            df=shown(begin + length), n_windows=None, test_size=length, step_size=stride, use_fitted=True
        )
        step = (told["ds"] - FIRST_DAY).dt.days.to_numpy()
        gap = told[name].to_numpy() - values[told["unique_id"].astype(int).to_numpy(), step]
        found[f"{part}_mse"], found[f"{part}_mae"] = float(np.nanmean(gap**2)), float(np.nanmean(np.abs(gap)))
        found[f"{part}_windows"] = len(told) // horizon // len(values)
    return found


def best(data: Any, name: str, *, steps: int, seed: int) -> dict[str, Any]:
    """The run of the context that validation likes best."""
    runs = []
    for context in data["contexts"].tolist():
        began = time.monotonic()
        found = errors(data, name, context=context, steps=steps, seed=seed)
        runs.append({"context": context, **found, "minutes": round((time.monotonic() - began) / 60, 2)})
    return min(runs, key=lambda run: run["val_mse"])


def main(
    folder: Annotated[Path, typer.Argument(help="Files written by forecasting.py --export.")],
    out: Annotated[Path, typer.Option(help="JSON lines of the runs; those there are not made again.")] = Path(
        "neural.jsonl"
    ),
    models: Annotated[str, typer.Option(help="With commas between.")] = ",".join(MODELS),
    steps: Annotated[int, typer.Option(help="Of training, at most.")] = 500,
    seed: int = 0,
) -> None:
    """Train and measure every model on every file."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    done = [json.loads(line) for line in out.read_text().splitlines()] if out.is_file() else []
    for file in sorted(folder.glob("*.npz")):
        data = np.load(file)
        for name in models.split(","):
            run = {"data": file.stem, "model": name, "steps": steps, "seed": seed}
            if any(run.items() <= one.items() for one in done):
                continue
            run |= best(data, name, steps=steps, seed=seed)
            with out.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(run) + "\n")
            print(json.dumps(run), flush=True)


if __name__ == "__main__":
    typer.run(main)
