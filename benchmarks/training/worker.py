# SPDX-License-Identifier: MIT
"""One process of the training benchmark: optimiser steps of one program when asked, on the same model and molecules."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import ase.io
import numpy as np
import torch
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from numpy.typing import NDArray

from common.models import E0
from common.structures import molecule
from common.workers import serve
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
        from common import theirs  # here: mlipkit is measured without that package in its process

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
        self.take_step = theirs.take_step

    def forces(self) -> NDArray[np.float64]:
        return self.model(self.batch.to_dict(), training=False)["forces"].detach().double().numpy()

    def step(self, _: int) -> None:
        outputs = {"forces": True, "virials": False, "stress": False}
        self.take_step(self.model, self.loss, self.batch, self.optimizer, None, outputs, CLIP, torch.device("cpu"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", choices=["mlipkit", "mace-torch"])
    parser.add_argument("model", type=Path, help="checkpoint of mlipkit, or pickled module of mace-torch")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    frames = labelled()
    torch.set_num_threads(arguments.threads)
    if arguments.program == "mace-torch":
        other = TheirTraining(arguments.model, frames)
        serve({"mace-torch": other.step}, {"forces": other.forces().tolist()})
        return
    with tempfile.TemporaryDirectory() as folder:
        trainer = our_trainer(arguments.model, frames, Path(folder), arguments.threads)
        graphs = trainer.prepared.dataset.train.graphs
        batch = collate(graphs)
        info = {"forces": evaluate(trainer.model, batch, False).forces.tolist(), "edges": len(batch.centre)}
        serve({"mlipkit": lambda _: trainer._step(True, collate(graphs), 0.0, 0)}, info)


if __name__ == "__main__":
    main()
