# SPDX-License-Identifier: MIT
"""Labels that are possible but hardly meant: warnings, each once, with the place and the likely reason.

Numbers alone cannot prove wrong units, so nothing is refused here.
"""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from math import gcd

import numpy as np
from ase.units import Bohr, Hartree, kcal, kJ, mol

from mlipkit.data.reference import ReferenceEnergies
from mlipkit.data.structure import Structure
from mlipkit.data.table import Table

LARGEST_FORCE = 300.0  # eV/angstrom; atoms 0.4 angstrom apart still stay below
LARGEST_ENERGY = 1e6  # eV/atom; all electrons of uranium have 8e5
LARGEST_STRESS = 10.0  # eV/angstrom^3, 1,600 GPa
LARGEST_BINDING = 50.0  # eV/atom, mean energy without E0
FORCE_RATIO = 15.0  # between the RMS forces of two files of one task
ENERGY_RATIO = 8.0  # between the energies of one composition in two files of one task
FEWEST = 3  # structures of a file, to judge it by its forces

_FACTORS = {
    "Hartree/Bohr": Hartree / Bohr,
    "Hartree": Hartree,
    "kcal/mol": mol / kcal,
    "kJ/mol": mol / kJ,
    "meV": 1e3,
}


def warn_of_implausible(structures: Sequence[Structure]) -> None:
    """Warns of huge labels, and of files of one task whose numbers seem to be in different units."""
    for text in (*_huge(structures), *_different_forces(structures), *_different_energies(structures)):
        warnings.warn(text, stacklevel=2)


def warn_of_references(structures: Sequence[Structure], references: Mapping[str, ReferenceEnergies]) -> None:
    """Warns where the energies minus E0 are no binding energies: E0 of another method, or in other units."""
    for task, reference in references.items():
        values = reference.values
        found = [(s.energy - sum(values[x] for x in s.symbols)) / len(s)
                 for s in structures if s.task == task and s.energy is not None]  # fmt: skip
        if found and abs(np.mean(found)) > LARGEST_BINDING:
            warnings.warn(
                f"task {task!r}: energies without E0 are {np.mean(found):.1f} eV/atom on average: energies and E0 "
                "hardly belong together; E0 must be in eV and of the same method (data.units.energy, "
                f"data.tasks.{task}.e0, isolated atoms)",
                stacklevel=2,
            )


def warn_of_huge(table: Table, structures: Sequence[Structure]) -> None:
    """Warns of huge labels of structures that are not in memory.

    Args:
        table: of the structures.
        structures: of which the worst are looked up.
    """
    for what, unit, limit, column in (
        ("force", "eV/angstrom", LARGEST_FORCE, table.largest_force),
        ("stress", "eV/angstrom^3", LARGEST_STRESS, table.largest_stress),
        ("energy", "eV/atom", LARGEST_ENERGY, np.abs(table.energy) / table.n_atoms),
    ):
        values = np.nan_to_num(column, nan=0.0)
        if len(values) and values.max() > limit:
            worst = structures[int(values.argmax())]
            beyond, known = int((values > limit).sum()), int((~np.isnan(column)).sum())
            warnings.warn(
                f"{worst.where}: {what} of {values.max():.4g} {unit} (more than {limit:g} in {beyond} of {known} "
                "structures); write the store again with the right units, or leave such structures out (data.filters)",
                stacklevel=2,
            )


def _huge(structures: Sequence[Structure]) -> Iterator[str]:
    by_file: dict[str, list[Structure]] = defaultdict(list)
    for structure in structures:
        by_file[structure.file].append(structure)
    for found in by_file.values():
        forces = [(float(np.abs(s.forces).max()), s) for s in found if s.forces is not None]
        stresses = [(float(np.abs(s.stress).max()), s) for s in found if s.stress is not None]
        energies = [(abs(s.energy) / len(s), s) for s in found if s.energy is not None]
        for what, unit, limit, values in (
            ("force", "eV/angstrom", LARGEST_FORCE, forces),
            ("stress", "eV/angstrom^3", LARGEST_STRESS, stresses),
            ("energy", "eV/atom", LARGEST_ENERGY, energies),
        ):
            beyond = [entry for entry in values if entry[0] > limit]
            if beyond:
                size, worst = max(beyond, key=lambda entry: entry[0])
                atom = ""
                if what == "force" and worst.forces is not None:
                    atom = f", atom {int(np.abs(worst.forces).max(axis=1).argmax())}"
                yield (
                    f"{worst.where}{atom}: {what} of {size:.4g} {unit} (more than {limit:g} in {len(beyond)} of "
                    f"{len(values)} frames); check data.units, or remove such frames"
                )


def _different_forces(structures: Sequence[Structure]) -> Iterator[str]:
    squares: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for structure in structures:
        if structure.forces is not None and len(structure) > 1:
            squares[structure.task][structure.file].append(float((structure.forces**2).mean()))
    for task, files in squares.items():
        sizes = {file: float(np.sqrt(np.mean(values))) for file, values in files.items() if len(values) >= FEWEST}
        yield from _compare(task, "RMS forces", sizes, FORCE_RATIO, "eV/angstrom")


def _different_energies(structures: Sequence[Structure]) -> Iterator[str]:
    energies: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for structure in structures:
        if structure.energy is not None:
            energies[structure.task, _composition(structure)][structure.file].append(structure.energy / len(structure))
    told: set[str] = set()
    for (task, composition), files in energies.items():
        sizes = {file: abs(float(np.mean(values))) for file, values in files.items()}
        sizes = {file: size for file, size in sizes.items() if size > 1.0}  # near zero, ratios say nothing
        for text in _compare(task, f"energies of {composition}", sizes, ENERGY_RATIO, "eV/atom"):
            if task not in told:
                yield text
            told.add(task)


def _compare(task: str, what: str, sizes: Mapping[str, float], limit: float, unit: str) -> Iterator[str]:
    positive = {file: size for file, size in sizes.items() if size > 0}
    if len(positive) < 2:
        return
    low, high = min(positive, key=positive.__getitem__), max(positive, key=positive.__getitem__)
    ratio = positive[high] / positive[low]
    if ratio > limit:
        name, factor = min(_FACTORS.items(), key=lambda entry: abs(np.log(entry[1] / ratio)))
        hint = f" (about the {factor:.4g} of {name})" if abs(np.log(factor / ratio)) < 0.4 else ""
        yield (
            f"task {task!r}: {what} differ by a factor of {ratio:.3g}{hint} between {low} ({positive[low]:.4g} {unit}) "
            f"and {high} ({positive[high]:.4g} {unit}); are both in the units that `units` says?"
        )


def _composition(structure: Structure) -> str:
    """Reduced formula, elements by name."""
    counts = Counter(structure.symbols)
    divisor = reduce(gcd, counts.values())
    return "".join(f"{symbol}{count // divisor if count > divisor else ''}" for symbol, count in sorted(counts.items()))
