# SPDX-License-Identifier: MIT
"""A whole training run: folder, data, model, loop, and what is left behind for people and programs."""

from __future__ import annotations

import json
import platform
import time
import warnings
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import yaml
from rich.console import Console
from torch import nn

import mlipkit
from mlipkit.checkpoint import UNCERTAINTY, Checkpoint, load_checkpoint
from mlipkit.data.dataset import Subset, describe, dtype_of, save_split
from mlipkit.data.reading import sha256
from mlipkit.data.report import data_report
from mlipkit.ops.memory import pooled_memory
from mlipkit.train import plots
from mlipkit.train.batches import collated, drawing_lines, drawings, held_out, threads
from mlipkit.train.config import TrainConfig
from mlipkit.train.config_file import ConfigError
from mlipkit.train.finetuning.report import comparison_table, forgotten
from mlipkit.train.finetuning.setup import set_up_finetuning
from mlipkit.train.prediction import predict_batches
from mlipkit.train.processes import Processes, world_size
from mlipkit.train.progress import Reporter, ScanBar
from mlipkit.train.records import write_whole, writing
from mlipkit.train.results import Results, errors
from mlipkit.train.setup import Prepared, set_up
from mlipkit.train.tables import error_table
from mlipkit.train.trainer import Trainer
from mlipkit.train.uncertainty import CalibrationError, with_uncertainty

# What may differ when a run is resumed: how long it goes on, and where it runs.
CHANGEABLE = {
    "output",
    "device",
    "threads",
    "workers",
    "epochs",
    "max_minutes",
    "patience",
    "metadata",
    "validation_batch_size",
    "checkpoint_minutes",
    "tensorboard",
}


def run(config: TrainConfig, folder: Path, console: Console, resume: bool = False) -> dict[str, Any]:
    """Trains and writes everything into ``config.output``, which must be writable.

    Args:
        config: checked configuration.
        folder: relative data paths start here.
        console: for progress and tables.
        resume: continue from ``last.ckpt``; start from the beginning where there is none.

    Returns:
        What ``summary.json`` holds; empty on all processes but the first.
    """
    start = time.perf_counter()
    output = Path(config.output)
    if config.batch_edges is None and world_size() > config.batch_size:
        raise ConfigError(f"batch_size {config.batch_size} is less than the {world_size()} processes: raise it")
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    saved = _saved_run(config, output) if resume and (output / "last.ckpt").exists() else None
    if resume and saved is None:
        console.print(f"{output} holds no last.ckpt yet: starting from the beginning")
    with ScanBar(console) as bar:
        prepared = (set_up if config.finetune is None else set_up_finetuning)(config, folder, bar.show)
    _print_data(prepared, console)
    drawn = drawings(config, prepared.dataset.train, prepared.replayed)
    for line in drawing_lines(config, drawn, prepared.dataset.train):
        console.print(line)
    provenance = _provenance(config, prepared, folder)
    for key, what in (("datasets", "data files have"), ("init", "checkpoint of `init` has")):
        if saved is not None and saved.provenance[key] != provenance[key]:
            raise ConfigError(f"the {what} changed since {output} was trained; start a new run")
    processes = Processes(config.device)
    trainer = Trainer(config, prepared, provenance, output, processes)
    if saved is not None:
        trainer.load_state_dict(saved.training)
        console.print(f"resumed after epoch {trainer.sampler.epochs_done:g}, step {trainer.progress.step}")
    if processes.rank == 0:
        with writing(output / "split"):
            save_split(prepared.dataset, output / "split")
            if prepared.tuning is not None:
                prepared.tuning.save_probe(output / "split")
        write_whole(output / "config.yaml", yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False))
    prepared_at = time.perf_counter()
    with Reporter(console) as reporter, pooled_memory():
        trainer.fit(reporter)
    if processes.rank > 0:
        return {}
    with writing(output / "summary.json"):
        summary = _finish(trainer, prepared_at - start, console)
    console.print(f"{trainer.progress.finished}; results are in {output}")
    return summary


def _saved_run(config: TrainConfig, output: Path) -> Checkpoint:
    saved = load_checkpoint(output / "last.ckpt")
    now, before = config.model_dump(mode="json"), saved.training["config"]
    changed = differences({key: value for key, value in now.items() if key not in CHANGEABLE}, before)
    if changed:
        raise ConfigError(
            f"{', '.join(changed)} differ from the run in {output}: it cannot be resumed with them. "
            f"Restore them, or start a new run (may change: {', '.join(sorted(CHANGEABLE))})"
        )
    return saved


def differences(now: dict[str, Any], before: dict[str, Any], place: str = "") -> list[str]:
    """Dotted names of the keys that differ; keys that only ``before`` has at the top level do not count."""
    found = []
    for key, value in now.items():
        old = before.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            gone = [f"{place}{key}.{name}" for name in old if name not in value]
            found += gone + differences(value, old, f"{place}{key}.")
        elif value != old:
            found.append(f"{place}{key}")
    return found


def _provenance(config: TrainConfig, prepared: Prepared, folder: Path) -> dict[str, Any]:
    init = None if config.init is None else {"path": config.init, "sha256": sha256(folder / config.init)}
    return {
        "config_sha256": config.sha256(),
        "datasets": prepared.files,
        "init": init,
        "seed": config.seed,
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Of mlipkit and of what results depend on."""
    packages = {name: version(name) for name in ("torch", "numpy", "ase", "lightning-fabric")}
    return {"mlipkit": mlipkit.__version__, "python": platform.python_version(), **packages}


def _print_data(prepared: Prepared, console: Console) -> None:
    dataset, numbers = prepared.dataset, prepared.dataset.statistics
    for entry in data_report(dataset):
        console.print(entry)
    sizes = ", ".join(f"{len(subset)} {name}" for name, subset in dataset.subsets().items() if len(subset))
    console.print(f"data: {sizes} structures; {len(dataset.isolated)} isolated atoms; species {dataset.species}")
    console.print(
        f"training set: {numbers.avg_num_neighbours:.1f} neighbours per atom, closest {numbers.shortest_distance:.3f} "
        f"angstrom, energy without E0 {numbers.energy_mean:.4f} +- {numbers.energy_std:.4f} eV/atom, "
        f"RMS force {numbers.forces_rms:.3f} eV/angstrom"
    )
    if prepared.tuning is not None:
        for item in prepared.tuning.describe(prepared.model):
            console.print(item)
        return
    for task, reference in dataset.references.items():
        values = ", ".join(f"{s} {e:.6f} eV ({reference.source[s]})" for s, e in reference.values.items())
        console.print(f"E0 of task {task}: {values}")
    console.print(f"model: {prepared.architecture}, {n_parameters(prepared.model):,} parameters")


def n_parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def _finish(trainer: Trainer, setup_seconds: float, console: Console) -> dict[str, Any]:
    """Errors of the best weights on the held-out structures, plots and summary."""
    start = time.perf_counter()
    config, prepared, output = trainer.config, trainer.prepared, trainer.folder
    best = _with_uncertainty(load_checkpoint(output / "best.ckpt"), trainer, console)
    model = best.build().to(dtype_of(config.dtype)).to(trainer.processes.device)
    plots.learning_curve(trainer.progress.history, output / "learning-curve.png")
    measured: dict[str, Any] = {}
    for name in ("validation", "test"):
        subset: Subset = prepared.dataset.subsets()[name]
        if not len(subset):
            continue
        results = _predictions(model, subset, trainer)
        measured[name] = errors(results)
        plots.all_plots(results, measured[name], output, name)
        console.print(error_table(measured[name], f"{name}: errors of the best checkpoint"))
    tuned = {} if prepared.tuning is None else _before_and_after(trainer, model, measured["validation"], console)
    progress = trainer.progress
    summary = {
        **trainer.provenance,
        "architecture": prepared.architecture,
        "model": prepared.model_config,
        "n_parameters": n_parameters(prepared.model),
        "dtype": config.dtype,
        "data": {
            **describe(prepared.dataset),
            "drawn_per_epoch": [asdict(entry) for entry in drawings(config, prepared.dataset.train, prepared.replayed)],
        },
        "errors": measured,
        UNCERTAINTY: best.provenance.get(UNCERTAINTY),
        "best": {"epoch": progress.best_epoch, "validation_loss": progress.best_loss},
        "epochs": trainer.sampler.epochs_done,
        "steps": progress.step,
        "finished": progress.finished,
        "seconds": {
            "setup": setup_seconds,
            "training": progress.seconds,
            "evaluation": time.perf_counter() - start,
        },
        "threads": torch.get_num_threads(),
        "processes": trainer.processes.world,
        **tuned,
    }
    write_whole(output / "summary.json", json.dumps(summary, indent=1) + "\n")
    return summary


def _predictions(model: nn.Module, subset: Subset, trainer: Trainer) -> Results:
    config, device = trainer.config, trainer.processes.device
    found = collated(subset, held_out(config, subset), threads(config, subset))
    return predict_batches(model, subset.structures, (batch.to(device) for batch in found))


def _with_uncertainty(best: Checkpoint, trainer: Trainer, console: Console) -> Checkpoint:
    """The best checkpoint, in the file too, with the members of its ensemble, if it has one."""
    config, data = trainer.config, trainer.prepared.dataset
    size = config.validation_batch_size or config.batch_size
    try:
        best = with_uncertainty(best, data.train, data.validation, config.seed, size, trainer.processes.device)
    except CalibrationError as error:
        console.print(f"no uncertainties, and none in what mlip-export writes: {error}")
        return best
    if UNCERTAINTY in best.provenance:
        best.save(trainer.folder / "best.ckpt")
    return best


def _before_and_after(
    trainer: Trainer, model: nn.Module, on_new: dict[str, Any], console: Console
) -> dict[str, dict[str, Any]]:
    """What fine-tuning did to the errors on new and old data: table, plot, warnings, part of the summary."""
    tuning = trainer.prepared.tuning
    assert tuning is not None
    on_old = errors(_predictions(model, tuning.probe, trainer)) if len(tuning.probe) else None
    rows = tuning.after(on_new, on_old)
    console.print(comparison_table(rows))
    plots.before_and_after(rows, trainer.folder / "before-after.png")
    for text in forgotten(rows, tuning.finetune.forgetting):
        warnings.warn(text, stacklevel=2)
    return {"finetune": tuning.summary(rows, trainer.model)}
