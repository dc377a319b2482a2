# SPDX-License-Identifier: MIT
"""One model on two sources of labels."""

from __future__ import annotations

import json

import pytest
from ase.io import read, write
from training_workplace import Workplace


@pytest.fixture
def two_sources(workplace: Workplace) -> dict[str, str]:
    """Half the frames with everything; the other half, of another task, with energies only, shifted by 1 eV/atom."""
    frames = read(workplace.data, ":")
    bare = []
    for atoms in frames[1::2]:
        energy = atoms.get_potential_energy() + len(atoms)
        bare.append(atoms.copy())
        bare[-1].info["energy"] = energy
    write(workplace.folder / "forces.extxyz", frames[::2])
    write(workplace.folder / "energies.extxyz", bare)
    return {name: str(workplace.folder / f"{name}.extxyz") for name in ("forces", "energies")}


def test_source_with_energies_only_beside_one_with_forces(workplace: Workplace, two_sources: dict[str, str]) -> None:
    train = [
        {"path": two_sources["forces"], "task": "full"},
        {"path": two_sources["energies"], "task": "bare", "incomplete": ["forces", "stress"]},
    ]
    e0 = {"H": -10.0, "O": -100.0}
    changes = {"data__train": train, "data__tasks": {"full": {"e0": e0}, "bare": {"e0": e0}}}
    result = workplace.train(**changes)
    assert result.exit_code == 0, result.output
    errors = json.loads((workplace.output / "summary.json").read_text())["errors"]["validation"]
    assert set(errors["energy_per_atom"]["per_task"]) == {"full", "bare"}
    assert set(errors["forces"]["per_task"]) == {"full"}
    # without saying so, a source that lacks labels is an error
    train[1].pop("incomplete")
    result = workplace.train("--overwrite", **changes)
    assert result.exit_code == 1
    assert "no forces under key 'forces'" in " ".join(result.output.split())


def test_aligned_task_is_reported(workplace: Workplace, two_sources: dict[str, str]) -> None:
    """Also where the other task, whose E0 are fitted, shares nothing but compositions."""
    train = [
        {"path": two_sources["forces"], "task": "full"},
        {"path": two_sources["forces"], "task": "bare", "keys": {"energy": "energy", "forces": None, "stress": None}},
    ]
    tasks = {"full": {"e0": {"H": -10.0, "O": -100.0}}, "bare": {"align_to": "full"}}
    result = workplace.train(data__train=train, data__tasks=tasks, epochs=1)
    assert result.exit_code == 0, result.output
    assert "task bare: aligned to full by" in " ".join(result.output.split())
    data = json.loads((workplace.output / "summary.json").read_text())["data"]
    assert data["alignments"]["bare"]["to"] == "full"
    assert data["reference_energies"]["bare"]["source"] == {"H": "aligned to full", "O": "aligned to full"}
