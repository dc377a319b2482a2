# SPDX-License-Identifier: MIT
"""TorchForce files give what the engine gives, in a process that has torch alone, and name their mistakes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms

from mlipkit import MLIPCalculator
from mlipkit.checkpoint import Checkpoint
from mlipkit.export import ArtifactError, read_manifest
from mlipkit.export.torchforce.write import export_torchforce
from mlipkit.interfaces.engine import Engine
from mlipkit.interfaces.errors import EngineError
from tolerances import TOLERANCES

EV = 96.48533212331002  # kJ/mol, CODATA 2018
FORCE = 10 * EV  # kJ/(mol nm) in one eV/angstrom

# What TorchForce does, with nothing but torch.
HOST = """
import json, sys, torch
positions, box = (torch.tensor(x, dtype=torch.float64) for x in json.load(sys.stdin))
module = torch.jit.load(sys.argv[1])
positions.requires_grad_()
energy = module(positions, box)
energy.backward()
assert not [name for name in sys.modules if name.startswith("mlip")]
print(json.dumps([energy.item(), positions.grad.tolist()]))
"""


def evaluated(
    module: torch.nn.Module, atoms: Atoms, dtype: torch.dtype = torch.float64
) -> tuple[float, np.ndarray, np.ndarray | None]:
    """Energy (eV), forces and, in a box, the stress (eV, angstrom)."""
    positions = torch.tensor(atoms.positions / 10, dtype=dtype, requires_grad=True)
    if not atoms.pbc.any():
        energy = module(positions)
        energy.backward()
        return energy.item() / EV, -positions.grad.numpy() / FORCE, None
    box = torch.tensor(atoms.cell.array / 10, dtype=dtype, requires_grad=True)
    energy = module(positions, box)
    energy.backward()
    strain = positions.detach().T @ positions.grad + box.detach().T @ box.grad  # dE/d(strain)
    return energy.item() / EV, -positions.grad.numpy() / FORCE, strain.numpy() / EV / atoms.get_volume()


def assert_agrees(file: Path, artifact: Path, atoms: Atoms, **options: float | str) -> None:
    module = torch.jit.load(file)
    calculated = atoms.copy()
    calculated.calc = MLIPCalculator(artifact, precision="double", **options)
    assert np.abs(calculated.get_forces()).max() > 0.1
    for _ in range(3):  # the first calls are those that TorchScript profiles
        energy, forces, stress = evaluated(module, atoms)
        assert energy == pytest.approx(calculated.get_potential_energy(), rel=1e-13)
        np.testing.assert_allclose(forces, calculated.get_forces(), rtol=0, atol=1e-10)
    if stress is not None:
        np.testing.assert_allclose(stress, calculated.get_stress(voigt=False), rtol=0, atol=1e-10)


def test_small_triclinic_cell_with_atoms_outside(vector_file: Path, vector_artifact: Path, small_cell: Atoms) -> None:
    assert small_cell.cell.lengths().min() < 4.0, "the cutoff exceeds a vector of the cell"
    assert_agrees(vector_file, vector_artifact, small_cell)


def test_without_box_there_are_no_images(vector_file: Path, vector_artifact: Path, small_cell: Atoms) -> None:
    atoms = small_cell.copy()
    atoms.pbc = False
    assert_agrees(vector_file, vector_artifact, atoms)


def test_positions_in_single_precision(vector_file: Path, small_cell: Atoms) -> None:
    module = torch.jit.load(vector_file)
    exact, rounded = evaluated(module, small_cell), evaluated(module, small_cell, torch.float32)
    assert rounded[1].dtype == np.float32
    assert 0 < np.abs(rounded[1] - exact[1]).max() < 1e-4


def test_frozen_as_the_plugin_does_on_gpus(vector_file: Path, small_cell: Atoms) -> None:
    module = torch.jit.load(vector_file)
    expected = evaluated(module, small_cell)
    found = evaluated(torch.jit.freeze(module), small_cell)
    np.testing.assert_allclose(found[1], expected[1], rtol=0, atol=1e-12)


def test_a_process_with_torch_alone_runs_it(vector_file: Path, small_cell: Atoms, tmp_path: Path) -> None:
    given = json.dumps([(small_cell.positions / 10).tolist(), (small_cell.cell.array / 10).tolist()])
    command = [sys.executable, "-I", "-c", HOST, str(vector_file)]
    done = subprocess.run(command, input=given, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    energy, gradient = json.loads(done.stdout)
    expected = evaluated(torch.jit.load(vector_file), small_cell)
    assert energy / EV == pytest.approx(expected[0], rel=1e-14)
    np.testing.assert_allclose(-np.array(gradient) / FORCE, expected[1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("precision", ["single", "mixed"])
def test_lower_precisions(
    vector_checkpoint: Checkpoint, vector_file: Path, small_cell: Atoms, tmp_path: Path, precision: str
) -> None:
    record = export_torchforce(vector_checkpoint, tmp_path / "force.pt", small_cell, precision=precision)
    assert record.precision == precision
    energy, forces, _ = evaluated(torch.jit.load(vector_file), small_cell)
    found = evaluated(torch.jit.load(tmp_path / "force.pt"), small_cell)
    allowed = TOLERANCES[precision]
    assert abs(found[0] - energy) < allowed.energy * len(small_cell)
    assert 0 < np.abs(found[1] - forces).max() < allowed.force * max(1.0, np.abs(forces).max())


def test_task_and_conditions_are_inside(
    two_task_checkpoint: Checkpoint, two_task_artifact: Path, tmp_path: Path
) -> None:
    atoms = Atoms("CH3O", [[0, 0, 0], [1.1, 0, 0.1], [-0.3, 1.0, 0], [-0.4, -0.6, 0.9], [-0.3, -0.7, -1.1]])
    conditions = {"total_charge": -1.0, "spin_multiplicity": 3.0}
    path = tmp_path / "force.pt"
    export_torchforce(two_task_checkpoint, path, atoms, task="hybrid", conditions=conditions, precision="double")
    assert_agrees(path, two_task_artifact, atoms, task="hybrid", **conditions)


def test_models_with_an_ensemble(ensemble_checkpoint: Checkpoint, ensemble_artifact: Path, tmp_path: Path) -> None:
    atoms = Atoms("OH2", [[0, 0, 0], [0.9, 0.1, 0], [-0.2, 1.0, 0.1]])
    export_torchforce(ensemble_checkpoint, tmp_path / "force.pt", atoms)
    assert_agrees(tmp_path / "force.pt", ensemble_artifact, atoms)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x[:3], r"exported for \d+ particles, the System has 3; export it again"),
        (lambda x: torch.where(torch.arange(3) == 1, torch.nan, x), "coordinate is NaN or infinite"),
        (lambda x: torch.cat([x[:1], x[:1], x[2:]]), "two particles are at the same place"),
    ],
)
def test_impossible_positions(vector_file: Path, small_cell: Atoms, change, message: str) -> None:
    with pytest.raises(torch.jit.Error, match=message):
        torch.jit.load(vector_file)(change(torch.tensor(small_cell.positions / 10)))


def test_other_hosts_name_the_right_file(vector_file: Path, small_cell: Atoms) -> None:
    message = r"is no artifact but a file for OpenMM's TorchForce.*without --format torchforce"
    with pytest.raises(ArtifactError, match=message):
        read_manifest(vector_file)
    with pytest.raises(EngineError, match=message):
        Engine(vector_file)
    openmm = pytest.importorskip("mlipkit.openmm", exc_type=ImportError)
    with pytest.raises(ArtifactError, match=message):
        openmm.MLIPForce(vector_file, small_cell.get_chemical_symbols(), periodic=True)
