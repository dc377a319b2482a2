# SPDX-License-Identifier: MIT
"""A structure with its labels, in eV and angstrom: what reading gives and graphs are made from."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.data import chemical_symbols
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass
class Structure:
    """N atoms with labels; a label that the data lack is None."""

    numbers: NDArray[np.int64]  # [N] atomic numbers
    positions: Array  # [N, 3] angstrom
    cell: Array  # [3, 3] rows are the vectors, angstrom
    pbc: tuple[bool, bool, bool]
    file: str
    frame: int  # index in the file
    task: str
    config_type: str = ""
    weight: float = 1.0
    source: str = ""  # entry of the configuration that names the file, such as "data.train.0"
    energy: float | None = None  # eV, total
    forces: Array | None = None  # [N, 3] eV/angstrom
    stress: Array | None = None  # [6] xx yy zz xy xz yz, eV/angstrom^3, tension positive
    outputs: dict[str, Array] = field(default_factory=dict)  # labels of named per-atom outputs, [N] or [N, k]
    conditions: dict[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def where(self) -> str:
        """For messages."""
        return f"{self.file}, frame {self.frame}"

    @property
    def symbols(self) -> list[str]:
        return [chemical_symbols[number] for number in self.numbers]

    @property
    def volume(self) -> float:
        """Volume of the cell in angstrom^3; NaN where it is not periodic in all directions."""
        return abs(float(np.linalg.det(self.cell))) if all(self.pbc) else float("nan")

    def to_atoms(self) -> Atoms:
        """ASE structure with labels under the standard keys."""
        atoms = Atoms(self.numbers, positions=self.positions, cell=self.cell, pbc=self.pbc)
        results: dict[str, object] = {}
        if self.energy is not None:
            results["energy"] = self.energy
        if self.forces is not None:
            results["forces"] = self.forces
        if self.stress is not None:
            results["stress"] = self.stress[[0, 1, 2, 5, 4, 3]]  # Voigt order of ASE
        if results:
            atoms.calc = SinglePointCalculator(atoms, **results)
        atoms.info.update(self.conditions)
        atoms.info.update(source=self.file, frame=self.frame, task=self.task)
        if self.config_type:
            atoms.info["config_type"] = self.config_type
        for name, values in self.outputs.items():
            atoms.new_array(f"{name}_label", values)
        return atoms
