# SPDX-License-Identifier: MIT
"""Reference energies E0 of the species: from isolated atoms, from the configuration, or by least squares.

The model learns E - sum(E0). Isolated atoms win over the configuration, and both over the fit, which serves only the
species that are left. Compositions often leave combinations of E0 undetermined (water alone fixes 2 E0(H) + E0(O), not
the two of them); then the solution of minimum norm is taken and the user is told.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm
from typing import Protocol

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

from mlipkit.data.errors import DataError
from mlipkit.data.structure import Structure
from mlipkit.data.table import Table

SAME_ENERGY = 1e-4  # eV: isolated atoms of one species closer than this count as one


@dataclass
class ReferenceEnergies:
    """E0 of one task.

    Attributes:
        values: species -> eV.
        source: species -> "isolated atom", "configuration", "least squares" or "aligned to" another task.
        undetermined: combinations of species whose E0 the compositions do not fix, such as ``+1 H -2 O``.
    """

    values: dict[str, float]
    source: dict[str, str]
    undetermined: list[str]


class Fit(Protocol):
    """Another way than least squares to the E0 that neither isolated atoms nor the configuration give."""

    @property
    def name(self) -> str:
        """The source of these E0, for people."""
        ...

    def __call__(
        self, task: str, left: list[str], known: Mapping[str, float], structures: Sequence[Structure] | Table
    ) -> tuple[dict[str, float], list[str]]:
        """E0 (eV) of the species ``left``, and the combinations of them that stay undetermined."""
        ...


def reference_energies(
    task: str,
    species: Sequence[str],
    isolated: Sequence[Structure],
    structures: Sequence[Structure] | Table,
    given: Mapping[str, float],
    fit: Fit | None = None,
) -> ReferenceEnergies:
    """E0 of every species in one task.

    Args:
        task: name, for messages.
        species: chemical symbols of the model.
        isolated: isolated atoms of this task, with energies.
        structures: training structures of this task, or their table.
        given: E0 from the configuration, eV.
        fit: finds the rest; None: least squares.

    Raises:
        DataError: contradictory isolated atoms, an unknown species in ``given``, or nothing to fit.
    """
    unknown = set(given) - set(species)
    if unknown:
        raise DataError(
            f"data.tasks.{task}.e0 names {', '.join(sorted(unknown))}; the species are {', '.join(species)}"
        )
    values = dict(given)
    source = dict.fromkeys(given, "configuration")
    for symbol, energy in isolated_energies(isolated).items():
        if symbol in given and abs(given[symbol] - energy) > SAME_ENERGY:
            warnings.warn(
                f"task {task!r}: E0({symbol}) = {energy:.6f} eV of the isolated atom in the data is used, "
                f"not {given[symbol]:.6f} eV of the configuration",
                stacklevel=2,
            )
        values[symbol], source[symbol] = energy, "isolated atom"
    left = [symbol for symbol in species if symbol not in values]
    undetermined: list[str] = []
    if left:
        fitted, undetermined = (fit or _fit)(task, left, values, structures)
        values.update(fitted)
        source.update(dict.fromkeys(left, fit.name if fit else "least squares"))
    return ReferenceEnergies({s: values[s] for s in species}, {s: source[s] for s in species}, undetermined)


def undetermined_combinations(counts: NDArray[np.int64], species: Sequence[str]) -> list[str]:
    """Directions in the space of E0 that no composition sees, in exact arithmetic.

    Args:
        counts: [n, n_species] atoms of each species in each structure.
        species: their symbols.

    Returns:
        One text per direction with smallest whole numbers, e.g. ``"+1 H -2 O"``: raising E0(H) by 1 and lowering E0(O)
        by 2 changes no total energy.
    """
    different = _independent(np.unique(counts, axis=0))
    rows, pivots = _reduced_rows(
        [[Fraction(int(x)) for x in row] for row in different] or [[Fraction(0)] * len(species)]
    )
    texts = []
    for free in (column for column in range(len(species)) if column not in pivots):
        vector = [Fraction(0)] * len(species)
        vector[free] = Fraction(1)
        for row, pivot in zip(rows, pivots, strict=True):
            vector[pivot] = -row[free]
        scale = lcm(*(entry.denominator for entry in vector))
        whole = [int(entry * scale) for entry in vector]
        divisor = gcd(*whole) * (1 if next(x for x in whole if x) > 0 else -1)
        texts.append(" ".join(f"{x // divisor:+d} {s}" for x, s in zip(whole, species, strict=True) if x))
    return texts


def isolated_energies(isolated: Sequence[Structure]) -> dict[str, float]:
    """Energy of the isolated atom of each species, eV.

    Raises:
        DataError: one without an energy, or two of a species that differ.
    """
    found: dict[str, tuple[float, str]] = {}
    for structure in isolated:
        if structure.energy is None:
            raise DataError(f"{structure.where}: isolated atom without an energy")
        symbol = structure.symbols[0]
        if symbol in found and abs(found[symbol][0] - structure.energy) > SAME_ENERGY:
            raise DataError(
                f"{structure.where}: isolated {symbol} has {structure.energy:.6f} eV, but {found[symbol][0]:.6f} eV "
                f"in {found[symbol][1]}; keep one of them"
            )
        found.setdefault(symbol, (structure.energy, structure.where))
    return {symbol: energy for symbol, (energy, _) in found.items()}


def _fit(
    task: str, left: list[str], known: Mapping[str, float], structures: Sequence[Structure] | Table
) -> tuple[dict[str, float], list[str]]:
    if isinstance(structures, Table):
        counts, target, multiplicity = _rows_of_table(left, known, structures)
    else:
        counts, target = _rows(left, known, structures)
        multiplicity = np.ones(len(target))
    absent = [symbol for symbol, total in zip(left, counts.sum(axis=0), strict=True) if total == 0]
    if absent:
        raise DataError(
            f"task {task!r}: no E0 for {', '.join(absent)}: no labelled training structure holds them. "
            f"Add an isolated atom to the data, or set data.tasks.{task}.e0.{absent[0]}"
        )
    root = np.sqrt(multiplicity)
    solution = np.linalg.lstsq(counts * root[:, None], target * root, rcond=None)[0]
    undetermined = undetermined_combinations(counts, left)
    if undetermined:
        warnings.warn(
            f"task {task!r}: the compositions do not determine the reference energies: "
            f"{'; '.join(undetermined)} can be added to E0 without changing any total energy. The solution of minimum "
            "norm is used: fine at these compositions, meaningless for others and for isolated atoms. "
            "Add isolated atoms to the data, or set data.tasks.<task>.e0",
            stacklevel=2,
        )
    return {symbol: float(energy) for symbol, energy in zip(left, solution, strict=True)}, undetermined


def _rows(
    left: list[str], known: Mapping[str, float], structures: Sequence[Structure]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Atoms of the species to fit and energy without the known E0 of each structure with an energy."""
    labelled = [(s, s.energy) for s in structures if s.energy is not None]
    numbers = np.array([atomic_numbers[symbol] for symbol in left])
    counts = np.array([(s.numbers[:, None] == numbers).sum(axis=0) for s, _ in labelled], dtype=np.int64)
    by_number = {atomic_numbers[symbol]: energy for symbol, energy in known.items()}
    target = np.array([energy - sum(by_number.get(int(z), 0.0) for z in s.numbers) for s, energy in labelled])
    return counts.reshape(len(labelled), len(left)), target


def _rows_of_table(
    left: list[str], known: Mapping[str, float], table: Table
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """The same with one row per composition, mean energy and number of structures: it has the same solution."""
    labelled = ~np.isnan(table.energy)
    index, energy = table.composition[labelled], table.energy[labelled]
    all_counts = table.compositions.counts()
    multiplicity = np.bincount(index, minlength=len(all_counts))
    used = multiplicity > 0
    means = np.bincount(index, weights=energy, minlength=len(all_counts))[used] / multiplicity[used]
    counts = all_counts[used]
    for symbol, value in known.items():
        means = means - counts[:, atomic_numbers[symbol]] * value
    numbers = [atomic_numbers[symbol] for symbol in left]
    return counts[:, numbers], means, multiplicity[used].astype(np.float64)


def _independent(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows that span the same space: exact arithmetic on thousands of them would take minutes."""
    chosen = rows[:0]
    residual = rows.astype(np.float64)
    while (
        len(residual) and (norms := np.linalg.norm(residual, axis=1)).max() > 1e-6 * np.linalg.norm(rows, axis=1).max()
    ):
        best = int(norms.argmax())
        chosen = np.vstack([chosen, rows[best]])
        direction = residual[best] / norms[best]
        residual = residual - np.outer(residual @ direction, direction)
    return chosen


def _reduced_rows(matrix: list[list[Fraction]]) -> tuple[list[list[Fraction]], list[int]]:
    """Reduced row echelon form without zero rows, and the pivot columns."""
    rows: list[list[Fraction]] = []
    pivots: list[int] = []
    for column in range(len(matrix[0])):
        found = next((k for k, row in enumerate(matrix) if row[column]), None)
        if found is None:
            continue
        pivot_row = matrix.pop(found)
        pivot_row = [entry / pivot_row[column] for entry in pivot_row]
        matrix = [[a - row[column] * b for a, b in zip(row, pivot_row, strict=True)] for row in matrix]
        rows = [[a - row[column] * b for a, b in zip(row, pivot_row, strict=True)] for row in rows]
        rows.append(pivot_row)
        pivots.append(column)
    return rows, pivots
