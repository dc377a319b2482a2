# SPDX-License-Identifier: MIT
"""Structures of every periodicity, and the answer of the plain PyTorch model for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.neighborlist import primitive_neighbor_list

from mlipkit.checkpoint import Checkpoint
from mlipkit.data.graph import GraphBatch
from mlipkit.nn.evaluate import Prediction, evaluate

CASES = Path(__file__).parents[1] / "conformance" / "cases"
Reference = Callable[..., tuple[float, Prediction]]


def read_case(name: str) -> Atoms:
    content = json.loads((CASES / f"{name}.json").read_text())
    return Atoms(content["species"], positions=content["positions"], cell=content["cell"], pbc=content["pbc"])


@pytest.fixture(params=sorted(path.stem for path in CASES.glob("*.json")))
def structure(request: pytest.FixtureRequest) -> Atoms:
    """Each structure that all hosts are compared on."""
    return read_case(request.param)


@pytest.fixture(params=["molecule", "slab", "wire", "isolated_atom"])
def open_structure(request: pytest.FixtureRequest) -> Atoms:
    """Without three periodic directions."""
    return read_case(request.param)


@pytest.fixture
def triclinic() -> Atoms:
    return read_case("triclinic")


@pytest.fixture(scope="session")
def reference() -> Reference:
    """Total energy (E0 included) and everything else by the eager model in float64, with edges from ASE."""
    models: dict[int, torch.nn.Module] = {}

    def answer(checkpoint: Checkpoint, atoms: Atoms, task: int = 0, **conditions: float) -> tuple[float, Prediction]:
        model = models.setdefault(id(checkpoint), checkpoint.build())
        species: list[str] = checkpoint.config["species"]
        symbols = atoms.get_chemical_symbols()
        i, j, r_ij = primitive_neighbor_list("ijD", atoms.pbc, atoms.cell, atoms.positions, checkpoint.config["cutoff"])
        batch = GraphBatch(
            r_ij=torch.from_numpy(r_ij),
            centre=torch.from_numpy(i.astype(np.int64)),
            neighbour=torch.from_numpy(j.astype(np.int64)),
            species=torch.tensor([species.index(symbol) for symbol in symbols]),
            structure=torch.zeros(len(atoms), dtype=torch.int64),
            n_atoms=torch.tensor([len(atoms)]),
            volume=torch.tensor([atoms.get_volume() if all(atoms.pbc) else torch.nan], dtype=torch.float64),
            task=torch.tensor([task]),
            conditions={name: torch.tensor([value], dtype=torch.float64) for name, value in conditions.items()},
        )
        prediction = evaluate(model, batch, training=False)
        e0 = sum(checkpoint.tasks[task].e0[symbol] for symbol in symbols)
        return prediction.energy.item() + e0, prediction

    return answer
