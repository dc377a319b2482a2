# SPDX-License-Identifier: MIT
"""Other programs as their documentation tells to use them, trained within a time: files, commands, trained model."""

from __future__ import annotations

import re
import subprocess
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import ase.io
import yaml
from ase import Atoms
from ase.data import atomic_numbers

from common.process import environment

CUTOFF, BATCH = 5.0, 5
# mace-torch: the example in its README; batch, weights of stage two and cutoff as in the paper (arXiv:2206.07697).
MACE: dict[str, Any] = {
    "model": "MACE", "r_max": CUTOFF, "max_ell": 3, "correlation": 3, "num_interactions": 2, "batch_size": BATCH,
    "valid_batch_size": 10, "lr": 0.01, "ema_decay": 0.99, "energy_key": "REF_energy", "forces_key": "REF_forces",
    "default_dtype": "float32", "device": "cpu", "seed": 1, "plot": False,
}  # fmt: skip
STAGE_TWO = 0.8  # of all epochs
EPOCH_LINE = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) INFO: Epoch (\d+): ", re.MULTILINE)


@dataclass(frozen=True)
class Split:
    """What every program trains on: the same structures to fit, and to choose the epoch."""

    train: list[Atoms]
    validation: list[Atoms]
    e0: dict[str, float]  # energies of isolated atoms, eV


@dataclass(frozen=True)
class Trained:
    model: Path
    minutes: float  # of the whole command
    epochs: int


def call(words: list[str], folder: Path, threads: int) -> float:
    """Runs a command in a folder, its output goes to ``log``; seconds that it took.

    Raises:
        RuntimeError: it failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    with (folder / "log").open("w") as log:
        done = subprocess.run(words, cwd=folder, env=environment(threads), stdout=log, stderr=subprocess.STDOUT)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} failed with exit code {done.returncode}; see {folder / 'log'}")
    return time.perf_counter() - start


def mace(python: Path, hidden: str, split: Split, folder: Path, minutes: float, threads: int) -> Trained:
    """``mace_run_train``; two epochs beforehand tell how many fit into the time, for its stage two needs to know."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("train", "validation"):
        frames = [atoms.copy() for atoms in getattr(split, name)]
        for copy, atoms in zip(frames, getattr(split, name), strict=True):
            copy.info["REF_energy"] = atoms.get_potential_energy()
            copy.arrays["REF_forces"] = atoms.get_forces()
        ase.io.write(folder / f"{name}.extxyz", frames)
    numbers = {atomic_numbers[symbol]: energy for symbol, energy in split.e0.items()}
    settings = MACE | {
        "hidden_irreps": hidden, "E0s": str(dict(sorted(numbers.items()))), "name": "model",
        "train_file": str(folder / "train.extxyz"), "valid_file": str(folder / "validation.extxyz"),
    }  # fmt: skip
    words = [str(python.with_name("mace_run_train")), "--ema", "--amsgrad"]
    words += [f"--{key}={value}" for key, value in settings.items()]
    started = datetime.now()
    call([*words, "--max_num_epochs=2"], folder / "pilot", threads)
    first, second = (datetime.fromisoformat(moment) for moment, _ in epoch_lines(folder / "pilot")[-2:])
    epoch = (second - first).total_seconds()
    setup = (first - started).total_seconds() - epoch
    epochs = max(2, int((60 * minutes - setup) / epoch))
    stage = [f"--max_num_epochs={epochs}", "--stage_two", f"--start_stage_two={int(STAGE_TWO * epochs)}"]
    seconds = call([*words, *stage], folder / "run", threads)
    return Trained(folder / "run" / "model_stagetwo.model", seconds / 60, epochs)


def epoch_lines(folder: Path) -> list[tuple[str, str]]:
    """Times and numbers of the epochs that a log of ``mace_run_train`` tells of."""
    return EPOCH_LINE.findall((folder / "log").read_text())


def nequip(
    python: Path, config: Path, split: Split, folder: Path, minutes: float, threads: int, cosine: int | None = None
) -> Trained:
    """``nequip-train`` with a configuration of ours, made after its tutorial; its trainer stops when time is up.

    Args:
        cosine: epochs in which the learning rate falls by half a cosine; None: by steps, as in the tutorial.
    """
    content = yaml.safe_load(config.read_text())
    if cosine is not None:
        scheduler = {"_target_": "torch.optim.lr_scheduler.CosineAnnealingLR", "T_max": cosine, "eta_min": 2e-5}
        content["training_module"]["lr_scheduler"] = {"scheduler": scheduler, "interval": "epoch", "frequency": 1}
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("train", "validation"):
        ase.io.write(folder / f"{name}.extxyz", getattr(split, name), format="extxyz")
    symbols = content["chemical_symbols"]
    content["data"] |= {"train_file_path": str(folder / "train.extxyz")}
    content["data"] |= {"val_file_path": str(folder / "validation.extxyz")}
    content["training_module"]["model"]["per_type_energy_shifts"] = {name: split.e0[name] for name in symbols}
    whole = round(60 * minutes)
    content["trainer"]["max_time"] = f"00:{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"
    (folder / "train.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    run = folder / "run"
    words = [str(python.with_name("nequip-train")), "-cp", str(folder), "-cn", "train", f"hydra.run.dir={run}"]
    seconds = call(words, run, threads)
    rows = next(run.rglob("metrics.csv")).read_text().splitlines()
    place = rows[0].split(",").index("epoch")
    return Trained(run / "best.ckpt", seconds / 60, 1 + max(int(row.split(",")[place]) for row in rows[1:]))
