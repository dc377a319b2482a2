# SPDX-License-Identifier: MIT
"""Levels of theory on a common scale: the offset per species between two sources, from compositions that both have.

Total energies of two levels of theory differ by far more than the binding energies that a model learns, and where a
source has no isolated atoms a fit of its own E0 (mlipkit.data.reference) mixes this offset with binding. Structures of
one composition, charge and multiplicity bind about equally at both levels, so the difference between their mean
energies is close to the sum of the offsets of their atoms.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import atomic_numbers

from mlipkit.data.config import DataConfig
from mlipkit.data.errors import DataError
from mlipkit.data.reference import ReferenceEnergies, reference_energies, undetermined_combinations
from mlipkit.data.store import CONDITIONS
from mlipkit.data.structure import Structure
from mlipkit.data.table import Table

State = tuple[tuple[tuple[int, int], ...], tuple[tuple[str, float], ...]]  # composition and conditions


@dataclass
class Alignment:
    """How a task was put on the scale of another.

    Attributes:
        to: the other task.
        offsets: species -> E0 of this task minus E0 of the other, eV; of the species that were fitted.
        compositions: number of shared compositions (with equal charge and multiplicity).
        undetermined: combinations of species that these do not fix, as in ``ReferenceEnergies``.
        rms: of what is left of the differences between mean energies, eV/atom.
    """

    to: str
    offsets: dict[str, float]
    compositions: int
    undetermined: list[str]
    rms: float

    def __str__(self) -> str:
        offsets = ", ".join(f"{symbol} {value:+.4f}" for symbol, value in self.offsets.items())
        return (
            f"aligned to {self.to} by {self.compositions} shared compositions: {offsets} eV, "
            f"residual {1e3 * self.rms:.2f} meV/atom (RMS)"
        )


def align(
    species: Sequence[str],
    known: Mapping[str, float],
    structures: Sequence[Structure] | Table,
    reference: Sequence[Structure] | Table,
    e0: Mapping[str, float],
    to: str = "",
) -> Alignment:
    """Offsets of species between two sources by least squares over the compositions that both have.

    Each composition counts once, with the difference between the mean energies per atom of its structures in the two
    sources. Where the compositions leave combinations of offsets undetermined, those offsets are taken that are
    smallest relative to E0: with core electrons or without, heavy atoms differ by more than hydrogen.

    Args:
        species: those whose offsets are sought.
        known: offsets of others, eV.
        structures: of the source to be aligned, or their table; those without energies are left out.
        reference: of the source that it is aligned to.
        e0: reference energies of that source, eV.
        to: name of that source.

    Raises:
        DataError: no composition is shared, or none with one of the species.
    """
    ours, theirs = _mean_energies(structures), _mean_energies(reference)
    shared = [state for state in ours if state in theirs]
    numbers = [atomic_numbers[symbol] for symbol in species]
    counts = np.array([[dict(state[0]).get(z, 0) for z in numbers] for state in shared], dtype=np.int64)
    counts = counts.reshape(len(shared), len(species))
    absent = [symbol for symbol, total in zip(species, counts.sum(axis=0), strict=True) if total == 0]
    if absent:
        raise DataError(
            f"no composition with {', '.join(absent)} occurs at both levels of theory (with equal charge and "
            "multiplicity)"
        )
    offset_of = {atomic_numbers[symbol]: offset for symbol, offset in known.items()}
    targets = np.array(
        [ours[s] - theirs[s] - sum(n * offset_of.get(z, 0.0) for z, n in s[0] if z not in numbers) for s in shared]
    )
    sizes = np.array([sum(n for _, n in state[0]) for state in shared], dtype=np.float64)
    rows, values = counts / sizes[:, None], targets / sizes
    scales = np.array([max(abs(e0[symbol]), 1.0) for symbol in species])
    solution = scales * np.linalg.lstsq(rows * scales, values, rcond=None)[0]
    return Alignment(
        to,
        {symbol: float(offset) for symbol, offset in zip(species, solution, strict=True)},
        len(shared),
        undetermined_combinations(counts, species),
        float(np.sqrt(((rows @ solution - values) ** 2).mean())),
    )


@dataclass
class AlignedFit:
    """Fits E0 of a task as those of another plus offsets, for `reference_energies`.

    Attributes:
        to: the other task; ``e0`` its reference energies, eV; ``reference`` its structures.
        alignment: what was found, once there was something to fit.
    """

    to: str
    e0: Mapping[str, float]
    reference: Sequence[Structure] | Table
    alignment: Alignment | None = None

    @property
    def name(self) -> str:
        return f"aligned to {self.to}"

    def __call__(
        self, task: str, left: list[str], known: Mapping[str, float], structures: Sequence[Structure] | Table
    ) -> tuple[dict[str, float], list[str]]:
        offsets = {symbol: energy - self.e0[symbol] for symbol, energy in known.items()}
        try:
            found = align(left, offsets, structures, self.reference, self.e0, self.to)
        except DataError as error:
            raise DataError(
                f"data.tasks.{task}.align_to: {error}: add structures of one composition to {task} and {self.to}, set "
                f"data.tasks.{task}.e0, or remove align_to"
            ) from None
        if found.undetermined:
            warnings.warn(
                f"task {task!r}: the compositions shared with {self.to!r} do not determine the offsets: "
                f"{'; '.join(found.undetermined)} can be added to E0 without changing any of their energies. The "
                "offsets smallest relative to E0 are used; other compositions need more shared ones, or "
                f"data.tasks.{task}.e0",
                stacklevel=2,
            )
        self.alignment = found
        return {symbol: self.e0[symbol] + offset for symbol, offset in found.offsets.items()}, found.undetermined


def all_reference_energies(
    data: DataConfig,
    species: Sequence[str],
    tasks: Sequence[str],
    isolated: Sequence[Structure],
    structures: Sequence[Structure] | Table,
) -> tuple[dict[str, ReferenceEnergies], dict[str, Alignment]]:
    """E0 of all tasks, and how those were found that are aligned to another.

    Args:
        data: E0 that the user gave, and ``align_to``.
        species: of the model.
        tasks: names in model order.
        isolated: isolated atoms of all tasks, with energies.
        structures: training structures of all tasks, or their table.

    Raises:
        DataError: E0 that cannot be found.
    """
    references: dict[str, ReferenceEnergies] = {}
    alignments: dict[str, Alignment] = {}

    def of(found: Sequence[Structure] | Table, task: str) -> Sequence[Structure] | Table:
        if isinstance(found, Table):
            return found.take(found.of("task", task))
        return [structure for structure in found if structure.task == task]

    def target(task: str) -> str | None:
        return data.tasks[task].align_to if task in data.tasks else None

    for task in sorted(tasks, key=lambda name: target(name) is not None):  # no target is itself aligned
        to = target(task)
        fit = None if to is None else AlignedFit(to, references[to].values, of(structures, to))
        given = data.tasks[task].e0 if task in data.tasks else {}
        atoms = [structure for structure in isolated if structure.task == task]
        references[task] = reference_energies(task, species, atoms, of(structures, task), given, fit)
        if fit is not None and fit.alignment is not None:
            alignments[task] = fit.alignment
    return {task: references[task] for task in tasks}, alignments


def _mean_energies(structures: Sequence[Structure] | Table) -> dict[State, float]:
    """Mean total energy of each composition under equal conditions, eV."""
    if isinstance(structures, Table):
        return _mean_energies_of_table(structures)
    energies: dict[State, list[float]] = defaultdict(list)
    for structure in structures:
        if structure.energy is not None:
            numbers, counts = np.unique(structure.numbers, return_counts=True)
            composition = tuple(zip(numbers.tolist(), counts.tolist(), strict=True))
            energies[composition, tuple(sorted(structure.conditions.items()))].append(structure.energy)
    return {state: float(np.mean(values)) for state, values in energies.items()}


def _mean_energies_of_table(table: Table) -> dict[State, float]:
    labelled = table.take(~np.isnan(table.energy))
    # NaN of conditions that are not known would be unequal to itself.
    keys = np.column_stack([labelled.composition, np.nan_to_num(labelled.conditions, nan=np.inf)])
    different, inverse = np.unique(keys, axis=0, return_inverse=True)
    means = np.bincount(inverse.ravel(), weights=labelled.energy) / np.bincount(inverse.ravel())
    counts = labelled.compositions.counts()
    found = {}
    for (composition, *conditions), mean in zip(different.tolist(), means.tolist(), strict=True):
        row = counts[int(composition)]
        atoms = tuple((int(z), int(row[z])) for z in np.flatnonzero(row))
        known = [(name, value) for name, value in zip(CONDITIONS, conditions, strict=True) if np.isfinite(value)]
        found[atoms, tuple(sorted(known))] = mean
    return found
