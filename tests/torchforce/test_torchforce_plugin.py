# SPDX-License-Identifier: MIT
"""TorchForce itself loads and runs the files: OpenMM's Torch plugin, in an environment of its own.

Slow to set up: the plugin of PyPI needs a CUDA build of torch, some 3 GB, of a version that is not mlipkit's. Where
MLIPKIT_TORCHFORCE_PYTHON names the Python of such an environment, `make test-slow` runs these.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms

from mlipkit import MLIPCalculator
from mlipkit.checkpoint import Checkpoint
from mlipkit.export.torchforce.write import export_torchforce

PYTHON = os.environ.get("MLIPKIT_TORCHFORCE_PYTHON")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        PYTHON is None,
        reason="MLIPKIT_TORCHFORCE_PYTHON names no Python with the Torch plugin (pip install torch==2.9.1 openmmtorch)",
    ),
]
EV = 96.48533212331002  # kJ/mol, CODATA 2018


def run_host(file: Path, frames: list[Atoms], platform: str, steps: int = 0) -> subprocess.CompletedProcess[str]:
    described = [
        {
            "positions": (atoms.positions / 10).tolist(),
            "box": (atoms.cell.array / 10).tolist() if atoms.pbc.all() else None,
        }
        for atoms in frames
    ]
    masses = frames[0].get_masses().tolist()
    given = {"file": str(file), "masses": masses, "frames": described, "platform": platform, "steps": steps}
    # Its own libraries, not those that this process was told to use.
    variables = {name: value for name, value in os.environ.items() if name not in ("LD_LIBRARY_PATH", "PYTHONPATH")}
    command = [str(PYTHON), str(Path(__file__).with_name("host.py"))]
    return subprocess.run(
        command, input=json.dumps(given), env=variables, capture_output=True, text=True, timeout=600, check=False
    )


def answer(*arguments: Any) -> dict[str, Any]:
    done = run_host(*arguments)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def assert_agrees(found: dict[str, Any], frames: list[Atoms], artifact: Path) -> None:
    for atoms, energy, forces in zip(frames, found["energies"], found["forces"], strict=True):
        expected = atoms.copy()
        expected.calc = MLIPCalculator(artifact, precision="double")
        assert energy / EV == pytest.approx(expected.get_potential_energy(), rel=1e-12)
        np.testing.assert_allclose(np.array(forces) / (10 * EV), expected.get_forces(), rtol=0, atol=1e-8)


@pytest.mark.parametrize("platform", ["Reference", "CPU"])
def test_periodic_in_boxes_that_change(
    vector_file: Path, vector_artifact: Path, small_cell: Atoms, platform: str
) -> None:
    larger = small_cell.copy()
    larger.set_cell(1.03 * small_cell.cell, scale_atoms=True)
    found = answer(vector_file, [small_cell, larger], platform, 40)
    assert_agrees(found, [small_cell, larger], vector_artifact)
    first, last = found["totals"][0], found["totals"][-1]
    assert abs(last - first) < 0.01 * len(small_cell)  # kJ/mol; the simulation is one of these forces


def test_molecule_without_box(vector_checkpoint: Checkpoint, vector_artifact: Path, tmp_path: Path) -> None:
    atoms = Atoms("OH2OH2", [[0, 0, 0], [0.9, 0.1, 0], [-0.2, 1, 0], [2.8, 0, 0.3], [3.4, 0.7, 0.5], [3.3, -0.8, 0]])
    export_torchforce(vector_checkpoint, tmp_path / "force.pt", atoms)
    assert_agrees(answer(tmp_path / "force.pt", [atoms], "CPU"), [atoms], vector_artifact)


def test_another_number_of_particles(vector_file: Path, small_cell: Atoms) -> None:
    done = run_host(vector_file, [small_cell[:-1]], "CPU")
    assert done.returncode != 0
    assert f"exported for {len(small_cell)} particles, the System has {len(small_cell) - 1}" in done.stderr
