# SPDX-License-Identifier: MIT
"""The package mace-torch, as its users run it: TorchScript, torch.compile, ASE calculator.

TorchScript and torch.compile get a prepared graph: their neighbour list is not timed.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray

os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"  # its e3nn unpickles constants when it is imported
warnings.filterwarnings("ignore", category=UserWarning)
warnings.filterwarnings("ignore", category=FutureWarning)
warnings.filterwarnings("ignore", category=DeprecationWarning)

from e3nn.o3 import Irreps  # noqa: E402
from e3nn.util import jit  # noqa: E402
from mace import data, modules, tools  # noqa: E402
from mace.calculators import LAMMPS_MACE, MACECalculator  # noqa: E402
from mace.modules.loss import WeightedEnergyForcesLoss  # noqa: E402
from mace.tools import torch_geometric  # noqa: E402
from mace.tools.train import take_step  # noqa: E402

__all__ = ["Irreps", "MACECalculator", "WeightedEnergyForcesLoss", "data", "modules", "take_step", "tools"]

Forces = NDArray[np.float64]
Evaluation = Callable[[NDArray[np.float64]], tuple[float, Forces]]  # of positions [N, 3]
DTYPES = {"single": torch.float32, "mixed": torch.float32, "double": torch.float64}


def load(path: Path, dtype: torch.dtype) -> torch.nn.Module:
    """The pickled module, which these benchmarks have written themselves."""
    return torch.load(path, map_location="cpu", weights_only=False).to(dtype)


def graph(atoms: Atoms, module: torch.nn.Module, dtype: torch.dtype) -> Any:
    """A batch of one structure."""
    table = tools.AtomicNumberTable([int(z) for z in module.atomic_numbers])
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        config = data.config_from_atoms(atoms)
        made = data.AtomicData.from_config(config, z_table=table, cutoff=float(module.r_max))
        return next(iter(torch_geometric.dataloader.DataLoader([made], batch_size=1, shuffle=False)))
    finally:
        torch.set_default_dtype(before)


def torchscript(path: Path, atoms: Atoms, precision: str, device: str = "cpu") -> Evaluation:
    """What its LAMMPS plugin runs: the scripted model of ``mace_create_lammps_model``."""
    dtype = DTYPES[precision]
    module = load(path, dtype)
    batch = graph(atoms, module, dtype).to(device).to_dict()
    scripted = jit.compile(LAMMPS_MACE(module)).to(device)
    everything = torch.ones(len(atoms), dtype=dtype, device=device)

    def evaluate(positions: NDArray[np.float64]) -> tuple[float, Forces]:
        batch["positions"] = torch.tensor(positions, dtype=dtype, device=device)
        found = scripted(batch, everything, False)
        return float(found["total_energy_local"].detach()), found["forces"].double().cpu().numpy()

    return evaluate


def compiled(path: Path, atoms: Atoms, precision: str) -> Evaluation:
    """The model that its calculator makes with ``compile_mode="default"``; energy and forces alone."""
    dtype = DTYPES[precision]
    calculator = MACECalculator(
        model_paths=str(path), device="cpu", default_dtype=str(dtype).removeprefix("torch."), compile_mode="default"
    )
    model = calculator.models[0]
    batch = graph(atoms, load(path, dtype), dtype).to_dict()
    batch["node_attrs"].requires_grad_()  # what the calculator does before it calls a compiled model

    def evaluate(positions: NDArray[np.float64]) -> tuple[float, Forces]:
        batch["positions"] = torch.tensor(positions, dtype=dtype).requires_grad_()
        found = model(dict(batch), compute_stress=False, training=True)
        return float(found["energy"].detach()), found["forces"].detach().double().numpy()

    return evaluate


def calculator(path: Path, atoms: Atoms, precision: str) -> Evaluation:
    """Its ASE calculator, neighbour list and stress included."""
    made = MACECalculator(
        model_paths=str(path), device="cpu", default_dtype=str(DTYPES[precision]).removeprefix("torch.")
    )
    return by_ase(atoms, made)


def by_ase(atoms: Atoms, calculator: Any) -> Evaluation:
    """Energy and forces of any ASE calculator."""
    moving = atoms.copy()
    moving.calc = calculator

    def evaluate(positions: NDArray[np.float64]) -> tuple[float, Forces]:
        moving.positions = positions
        forces = moving.get_forces()
        return float(moving.get_potential_energy()), forces

    return evaluate
