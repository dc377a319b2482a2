# SPDX-License-Identifier: MIT
"""Reference energies E0 for data of another level of theory, fitted to what the model leaves of the energies.

A model that was trained on one level of theory predicts the interaction energy of another one rather well; what differs
by electronvolts per atom is E0. So E0 are fitted to (energy of the label - interaction energy of the model), which the
fit to the labels alone of :mod:`mlipkit.data.reference` cannot tell from binding. Among the solutions that fit equally
well the one nearest to the old E0 is taken: combinations that the compositions leave open keep their old value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

from mlipkit.data.errors import DataError
from mlipkit.data.reference import ReferenceEnergies, isolated_energies, undetermined_combinations
from mlipkit.data.structure import Structure

Array = NDArray[np.float64]
# Compositions that vary by less than this share of their mean do not say anything about a combination of E0.
SMALLEST_VARIATION = 1e-4
KEPT, REFITTED = "checkpoint", "fit to residuals"


@dataclass
class TaskReferences:
    """E0 of one task, before and after, and how well they fit the new energies with the model as it is.

    RMS of (label - model) per atom over the training structures, eV; NaN without energies.
    """

    task: str
    energies: ReferenceEnergies
    old: dict[str, float]  # without new species
    n_energies: int
    rms_old: float
    rms_new: float


def find_references(
    task: str,
    old: Mapping[str, float],
    new_species: Sequence[str],
    given: Mapping[str, float],
    isolated: Sequence[Structure],
    structures: Sequence[Structure],
    interaction: Array,
    refit: bool,
) -> TaskReferences:
    """E0 of one task: isolated atoms in the data, else the configuration, else the fit or the old value.

    Args:
        task: name, for messages.
        old: E0 of the checkpoint in model order, eV; new species with any value.
        new_species: those that the checkpoint lacked; fitted in any case.
        given: E0 of the configuration, eV.
        isolated: isolated atoms of this task.
        structures: B training structures of this task.
        interaction: [B] energies that the model predicts for them without E0, eV.
        refit: fit E0 that are neither given nor known from isolated atoms.

    Raises:
        DataError: an unknown species in ``given``, contradictory isolated atoms.
    """
    unknown = set(given) - set(old)
    if unknown:
        raise DataError(f"data.tasks.{task}.e0 names {', '.join(sorted(unknown))}; the species are {', '.join(old)}")
    species = list(old)
    source = dict.fromkeys(species, KEPT)
    values = {symbol: 0.0 if symbol in new_species else energy for symbol, energy in old.items()}
    for origin, found in (("configuration", given), ("isolated atom", isolated_energies(isolated))):
        values.update(found)
        source.update(dict.fromkeys(found, origin))
    labels = np.array([np.nan if s.energy is None else s.energy for s in structures], dtype=np.float64)
    known = np.isfinite(labels)
    counts = _counts(structures, species)[known]
    sizes = counts.sum(axis=1, keepdims=True)
    target = ((labels - interaction)[known] / sizes[:, 0]) if known.any() else np.zeros(0)
    shares = counts / np.maximum(sizes, 1)
    present = {symbol for symbol, total in zip(species, counts.sum(axis=0), strict=True) if total > 0}
    free = [symbol for symbol in species if source[symbol] == KEPT and symbol in present]
    # First the new species alone: in the fit of all, water would take up what a dissolved ion brings.
    first = [symbol for symbol in free if symbol in new_species]
    second = free if refit else []
    for chosen in (first, second):
        columns = [species.index(symbol) for symbol in chosen]
        rest = target - shares @ np.array([values[symbol] for symbol in species])
        if columns:
            change = np.linalg.lstsq(shares[:, columns], rest, rcond=SMALLEST_VARIATION)[0]
            values.update({s: values[s] + float(d) for s, d in zip(chosen, change, strict=True)})
            source.update(dict.fromkeys(chosen, REFITTED))
    fitted = sorted({*first, *second}, key=species.index)
    undetermined = undetermined_combinations(counts[:, [species.index(s) for s in fitted]], fitted) if fitted else []
    before = {symbol: energy for symbol, energy in old.items() if symbol not in new_species}
    comparable = not (present - set(before))
    return TaskReferences(
        task,
        ReferenceEnergies(values, source, undetermined),
        before,
        int(known.sum()),
        _rms(target - shares @ np.array([before.get(s, 0.0) for s in species])) if comparable else float("nan"),
        _rms(target - shares @ np.array([values[s] for s in species])),
    )


def fill_in_new_species(found: Mapping[str, TaskReferences], new_species: Sequence[str]) -> list[str]:
    """A new species needs a value in every task: where a task has no data with it, that of a task that has.

    Returns:
        A line for each value that was filled in.

    Raises:
        DataError: no task has energies with that species.
    """
    lines = []
    for symbol in new_species:
        owner = next((name for name, r in found.items() if r.energies.source[symbol] != KEPT), None)
        if owner is None:
            raise DataError(
                f"no E0 for {symbol}: no labelled training structure holds it. Add an isolated atom to the data, or "
                f"set data.tasks.NAME.e0.{symbol}"
            )
        for name, references in found.items():
            if references.energies.source[symbol] == KEPT:
                references.energies.values[symbol] = found[owner].energies.values[symbol]
                references.energies.source[symbol] = f"as in task {owner}"
                lines.append(
                    f"task {name} has no data with {symbol}: its E0 is that of task {owner}, and energies of "
                    f"structures that hold {symbol} mean little in it"
                )
    return lines


def _counts(structures: Sequence[Structure], species: Sequence[str]) -> NDArray[np.int64]:
    numbers = np.array([atomic_numbers[symbol] for symbol in species])
    counts = [(structure.numbers[:, None] == numbers).sum(axis=0) for structure in structures]
    return np.array(counts, dtype=np.int64).reshape(len(structures), len(species))


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2))) if values.size else float("nan")
