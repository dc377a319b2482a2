# SPDX-License-Identifier: MIT
"""`MLIPCalculator`: an artifact as an ASE calculator, through the same engine as every other host."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, PropertyNotImplementedError, all_changes
from ase.data import atomic_numbers, chemical_symbols
from numpy.typing import NDArray

from mlipkit.export.reader import read_manifest
from mlipkit.interfaces.engine import Engine
from mlipkit.interfaces.neighbours import NeighbourList
from mlipkit.interfaces.results import Description, Result

CONDITIONS = ("total_charge", "spin_multiplicity")
VOIGT = [0, 1, 2, 5, 4, 3]  # xx yy zz xy xz yz -> ASE's xx yy zz yz xz xy
FEW = 10  # species: models with more are opened for the elements that are met, as each costs time on opening
PROPERTIES = ["energy", "free_energy", "energies", "forces", "stress", "stresses"]
GRADIENTS = {"forces", "stress", "stresses"}


class MLIPCalculator(Calculator):
    """Energies, forces and stresses of a frozen model.

    Energies in eV (reference energies E0 included), forces in eV/angstrom, stresses in eV/angstrom^3, tension positive.
    Stresses exist for three periodic directions only. Named outputs of the model are in ``results`` under their names:
    [N] or [N, width], and a number or [width] for those of the structure. ``atoms.info["total_charge"]`` and
    ``atoms.info["spin_multiplicity"]`` win over the arguments.

    Args:
        model: artifact that mlip-export wrote.
        precision: ``single``, ``mixed`` or ``double``; by default what the manifest says.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        task: level of theory; must be named when the model has several.
        total_charge: e, for models that take it.
        spin_multiplicity: 2S+1, for models that take it.
        skin: angstrom; neighbour candidates are kept until an atom has moved by half of it.
        threads: of tensor operations; 0 leaves the setting as it is.
        tables: replace radial networks by tables of the distance; by default in precision ``single`` and ``mixed``.

    Attributes:
        description: what was opened, the manifest included, and for which species.
        neighbours: the neighbour list.

    Raises:
        ArtifactError: the file is missing, damaged, or no artifact.
        EngineError: the artifact is refused, or an argument does not fit the model; the message says what to do.
    """

    implemented_properties = PROPERTIES

    def __init__(
        self,
        model: str | Path,
        precision: str | None = None,
        device: str = "cpu",
        task: str | None = None,
        total_charge: float | None = None,
        spin_multiplicity: float | None = None,
        skin: float = 0.5,
        threads: int = 0,
        tables: bool | None = None,
    ) -> None:
        super().__init__()
        manifest = read_manifest(model)
        given = dict(zip(CONDITIONS, (total_charge, spin_multiplicity), strict=True))
        self._given = {name: value for name, value in given.items() if value is not None}
        self._options: dict[str, Any] = {
            "precision": precision,
            "device": device,
            "task": task,
            "threads": threads,
            "tables": tables,
        }
        self._with_gradients = False  # whether anybody has asked for forces or stress
        self._model, self._known = model, manifest.species
        self._open(self._known if len(self._known) <= FEW else self._known[:1])
        self.neighbours = NeighbourList(manifest.cutoff, skin)
        self.implemented_properties = [*PROPERTIES, *self.description.outputs]

    def _open(self, species: Sequence[str]) -> None:
        self._engine = Engine(self._model, species, **self._options)
        self.description: Description = self._engine.describe()
        self._index = np.full(len(chemical_symbols), -1, dtype=np.int64)
        for index, symbol in enumerate(species):
            self._index[atomic_numbers[symbol]] = index
        self._set = set(self._given)  # conditions that the engine holds a value for
        for name, value in self._given.items():
            self._engine.set_condition(name, value)

    def check_state(self, atoms: Atoms, tol: float = 1e-15) -> list[str]:
        """What has changed since the last calculation, conditions in ``atoms.info`` included."""
        changes = super().check_state(atoms, tol=tol)
        if self.atoms is not None and _conditions(atoms) != _conditions(self.atoms):
            changes = [*changes, "info"]
        return changes

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy", "forces"),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """Everything at once; without forces and stress as long as nobody has asked this calculator for them.

        Raises:
            ValueError: an element that the model lacks, or a condition that is needed and no longer given.
            PropertyNotImplementedError: a stress without three periodic directions.
            EngineError: positions that are not finite, a condition that is missing or out of range, ...
        """
        super().calculate(atoms, properties, system_changes)
        self.results = {}
        atoms = self.atoms
        assert atoms is not None
        periodic = bool(all(atoms.pbc))
        if not periodic and {"stress", "stresses"} & set(properties):
            raise PropertyNotImplementedError("stress needs three periodic directions; set atoms.pbc and a cell")
        species = self._species(atoms)
        self._set_conditions(atoms)
        self._with_gradients = self._with_gradients or bool(GRADIENTS & set(properties))
        inputs = (species, atoms.positions, atoms.cell.array, atoms.pbc, self.neighbours)
        if self._with_gradients:
            found = self._engine.compute(*inputs, energies=True, virials=periodic)
            self._keep_energies(found.energy, found.energies)
            self._keep_gradients(found, atoms.get_volume() if periodic else None)
        else:
            fast = self._engine.compute_energy(*inputs, energies=True)
            self._keep_energies(fast.energy, fast.energies)
        for name in self.description.outputs:
            values = self._engine.output(name)
            one = values[..., 0] if values.shape[-1] == 1 else values
            self.results[name] = float(one) if one.ndim == 0 else one

    def _keep_energies(self, energy: float, energies: NDArray[np.float64] | None) -> None:
        self.results |= {"energy": energy, "free_energy": energy, "energies": energies}

    def _keep_gradients(self, found: Result, volume: float | None) -> None:
        self.results["forces"] = found.forces
        if volume is not None and found.virials is not None:
            self.results["stress"] = -found.virial[VOIGT] / volume
            self.results["stresses"] = -found.virials[:, VOIGT] / volume

    def _species(self, atoms: Atoms) -> NDArray[np.int64]:
        new = sorted({chemical_symbols[number] for number in atoms.numbers[self._index[atoms.numbers] < 0]})
        missing = [symbol for symbol in new if symbol not in self._known]
        if missing:
            raise ValueError(
                f"the model {self._model} does not know species {', '.join(missing)}; it knows {', '.join(self._known)}"
            )
        if new:
            self._open([*self.description.species, *new])
        return self._index[atoms.numbers]

    def _set_conditions(self, atoms: Atoms) -> None:
        """The engine keeps what was set: each calculation sets everything that is known anew."""
        manifest = self.description.manifest
        values = {name: entry["default"].get(self.description.task) for name, entry in manifest["conditions"].items()}
        values |= {**self._given, **_conditions(atoms)}
        for name, value in values.items():
            if value is not None:
                self._engine.set_condition(name, value)
                self._set.add(name)
            elif name in self._set:
                raise ValueError(f"the model needs {name!r}; set atoms.info[{name!r}] or give it to the calculator")


def _conditions(atoms: Atoms) -> dict[str, float]:
    return {name: float(atoms.info[name]) for name in CONDITIONS if name in atoms.info}
