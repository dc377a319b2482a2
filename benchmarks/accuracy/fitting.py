# SPDX-License-Identifier: MIT
"""Trains small models for the accuracy studies and measures them on held-out structures; a killed run goes on."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from rich.console import Console

from common.process import code_digest
from mlipkit.data.reading import read_frames

Config = dict[str, Any]


@dataclass
class Fit:
    """A trained model: its checkpoint and what the training took."""

    checkpoint: Path
    minutes: float
    summary: dict[str, Any]


def mlip_train(processes: int) -> list[str]:
    """The command, started by ``torchrun`` in so many processes."""
    torchrun, program = (str(Path(sys.executable).with_name(name)) for name in ("torchrun", "mlip-train"))
    return [torchrun, "--standalone", f"--nproc-per-node={processes}", "--no-python", program]


def fit(config: Config, folder: Path, steps: int, n_train: int) -> Fit:
    """Trains on one thread for a number of optimiser steps, whatever the size of the training set.

    Args:
        config: of ``mlip-train``, without output and epochs.
        folder: runs go here, each into a folder of its own; one that was killed goes on where it stopped.
        steps: at least so many; whole epochs.
        n_train: structures that are trained on, without those for validation.
    """
    from mlipkit.train.config import TrainConfig
    from mlipkit.train.run import run

    epochs = -(-steps // -(-n_train // config["batch_size"]))
    whole = {**config, "epochs": epochs, "threads": 1, "tensorboard": False}
    text = json.dumps([code_digest(), whole], sort_keys=True)
    output = folder.resolve() / "runs" / hashlib.sha256(text.encode()).hexdigest()[:12]
    checked = TrainConfig.model_validate({**whole, "output": str(output)})
    output.mkdir(parents=True, exist_ok=True)
    summary = run(checked, folder, Console(quiet=True), resume=True)
    return Fit(output / "best.ckpt", summary["seconds"]["training"] / 60, summary)


@dataclass
class Predicted:
    """Labels and predictions of structures: energies [B] in eV, forces [N, 3] in eV/angstrom."""

    sizes: NDArray[np.int64]
    reference_energy: NDArray[np.float64]
    energy: NDArray[np.float64]
    reference_forces: NDArray[np.float64]
    forces: NDArray[np.float64]
    outputs: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]  # labels and predictions

    def errors(self) -> dict[str, float]:
        """Root-mean-square errors, meV/atom and meV/angstrom."""
        energy = (self.energy - self.reference_energy) / self.sizes
        forces = self.forces - self.reference_forces
        return {"energy": 1e3 * rms(energy), "forces": 1e3 * rms(forces)}


def predict(checkpoint: Path, path: Path, task: str | None = None, keys: Mapping[str, str] | None = None) -> Predicted:
    """Of all structures of a file, by the PyTorch reference."""
    from mlipkit.train.evaluation import CheckpointPredictor, Options, read_labelled

    options = Options(keys=keys or {}, units={}, task=task)
    predictor = CheckpointPredictor(checkpoint, options)
    structures = read_labelled([path], predictor, options)
    pairs = predictor.predict(structures).pairs
    sizes = np.array([len(structure) for structure in structures])
    energy, forces = pairs.pop("energy_per_atom"), pairs.pop("forces")
    outputs = {name: (pair.reference, pair.predicted) for name, pair in pairs.items()}
    return Predicted(
        sizes, energy.reference * sizes, energy.predicted * sizes, forces.reference, forces.predicted, outputs
    )


def frames_of(path: Path) -> list[Atoms]:
    """All frames of a file."""
    return [atoms for _, atoms in read_frames(path)]


def write_frames(path: Path, frames: Sequence[Atoms]) -> Path:
    """Writes frames and gives the path back."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ase.io.write(path, list(frames), format="extxyz")
    return path


def rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt((values**2).mean()))
