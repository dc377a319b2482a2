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
