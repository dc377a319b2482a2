# SPDX-License-Identifier: MIT
"""One process of the training benchmark: optimiser steps of both programs in turns, on the same model and molecules."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import torch
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from numpy.typing import NDArray

from common import theirs
from common.models import E0
from common.process import answer, memory_mib
from common.structures import molecule
from common.timing import alternate
from mlipkit.data.graphs import collate
from mlipkit.nn.evaluate import evaluate
from mlipkit.train.config import TrainConfig
from mlipkit.train.processes import Processes
from mlipkit.train.setup import set_up
from mlipkit.train.trainer import Trainer

MOLECULES, RATE, CLIP = 5, 1e-5, 10.0  # a learning rate so low that timing changes no weight much
FORCES_WEIGHT = 100.0


def labelled() -> list[Atoms]:
    """Perturbed molecules with random labels of a usual size; one more to validate with."""
    found = []
    for seed in range(MOLECULES + 1):
        random = np.random.default_rng(seed)
        atoms = molecule()
        atoms.positions += random.normal(0.0, 0.05, atoms.positions.shape)
        energy = sum(E0[symbol] for symbol in atoms.symbols) + random.normal()
        forces = random.normal(0.0, 1.0, atoms.positions.shape)
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces - forces.mean(axis=0))
        found.append(atoms)
    return found


def our_trainer(checkpoint: Path, frames: list[Atoms], folder: Path, threads: int) -> Trainer:
    """The trainer of ``mlip-train``, starting from the converted model, in float32."""
    ase.io.write(folder / "train.extxyz", frames[:MOLECULES])
    ase.io.write(folder / "validation.extxyz", frames[MOLECULES:])
    config = TrainConfig.model_validate(
        {
            "output": str(folder / "run"), "init": str(checkpoint), "batch_size": MOLECULES, "threads": threads,
            "data": {"train": "train.extxyz", "validation": "validation.extxyz"}, "tensorboard": False,
            "loss": {"energy": 1.0, "forces": FORCES_WEIGHT}, "optimizer": {"lr": RATE, "amsgrad": True},
            "ema": None, "gradient_clip": CLIP, "dtype": "float32",
        }
    )  # fmt: skip
    trainer = Trainer(config, set_up(config, folder), {}, folder, Processes("cpu"))
    trainer._clock = time.perf_counter()  # as `fit` does before its first step
    trainer.module.train()
    return trainer


class TheirTraining:
    """What ``mace_run_train`` does per step: its ``take_step`` with its loss and optimiser."""

    def __init__(self, path: Path, frames: list[Atoms]) -> None:
        torch.set_default_dtype(torch.float32)
        self.model = theirs.load(path, torch.float32)
        table = theirs.tools.AtomicNumberTable([int(z) for z in self.model.atomic_numbers])
        keys = theirs.data.KeySpecification(info_keys={"energy": "label"}, arrays_keys={"forces": "label_forces"})
        data = []
        for frame in frames[:MOLECULES]:
            atoms = Atoms(frame.symbols, frame.positions, info={"label": frame.get_potential_energy()})
            atoms.arrays["label_forces"] = frame.get_forces()
            config = theirs.data.config_from_atoms(atoms, key_specification=keys)
            data.append(theirs.data.AtomicData.from_config(config, z_table=table, cutoff=float(self.model.r_max)))
        loader = theirs.torch_geometric.dataloader.DataLoader(data, batch_size=MOLECULES, shuffle=False)
        self.batch = next(iter(loader))
        self.loss = theirs.WeightedEnergyForcesLoss(energy_weight=1.0, forces_weight=FORCES_WEIGHT)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=RATE, amsgrad=True)

    def forces(self) -> NDArray[np.float64]:
        return self.model(self.batch.to_dict(), training=False)["forces"].detach().double().numpy()

    def step(self, _: int) -> None:
        outputs = {"forces": True, "virials": False, "stress": False}
        theirs.take_step(self.model, self.loss, self.batch, self.optimizer, None, outputs, CLIP, torch.device("cpu"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mace", type=Path)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    frames = labelled()
    with tempfile.TemporaryDirectory() as folder:
        trainer = our_trainer(arguments.checkpoint, frames, Path(folder), arguments.threads)
        torch.set_num_threads(arguments.threads)
        other = TheirTraining(arguments.mace, frames)
        batch = collate(trainer.graphs)
        reference = other.forces()
        difference = evaluate(trainer.model, batch, False).forces.numpy() - reference
        found: dict[str, Any] = {"atoms": len(batch.species), "edges": len(batch.centre)}
        found.update(largest_force=float(np.abs(reference).max()), difference=float(np.abs(difference).max()))
        indices = list(range(MOLECULES))
        cases = {"mlipkit": lambda _: trainer._step(indices, 0.0, 0), "mace-torch": other.step}
        timings = alternate(cases, arguments.repeats, warmup=2)
    found["times"] = {name: {"cpu_ms": 1e3 * t.cpu, "wall_ms": 1e3 * t.wall} for name, t in timings.items()}
    clock = "cpu_ms" if arguments.threads == 1 else "wall_ms"
    found["ratio"] = found["times"]["mace-torch"][clock] / found["times"]["mlipkit"][clock]
    found["peak_mib"] = memory_mib(peak=True)
    answer(found)


if __name__ == "__main__":
    main()
