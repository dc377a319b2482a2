# SPDX-License-Identifier: MIT
"""TorchForce files of small models, and the structures that they were made for."""

from __future__ import annotations

from pathlib import Path

import pytest
from ase import Atoms

from mlipkit.checkpoint import Checkpoint
from mlipkit.export.torchforce.write import export_torchforce


@pytest.fixture(scope="session")
def small_cell() -> Atoms:
    """A triclinic cell narrower than twice the cutoff, some atoms outside of it."""
    atoms = Atoms("OH", scaled_positions=[[0.1, 0.1, 0.1], [0.35, 0.3, 0.4]], pbc=True, cell=[2.6, 3.0, 3.3])
    atoms = atoms.repeat((2, 1, 2))
    atoms.rattle(0.05, seed=1)
    atoms.set_cell([[5.2, 0, 0], [0.9, 3.0, 0], [-1.4, 1.1, 6.6]], scale_atoms=True)
    atoms.positions[::3] += 2 * atoms.cell[0] - atoms.cell[2]
    return atoms


@pytest.fixture(scope="session")
def vector_file(vector_checkpoint: Checkpoint, small_cell: Atoms, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Precision double."""
    path = tmp_path_factory.mktemp("torchforce") / "force.pt"
    export_torchforce(vector_checkpoint, path, small_cell)
    return path
