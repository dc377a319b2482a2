# SPDX-License-Identifier: MIT
"""Structures that are left out on purpose, one by one as they are read; what each filter removed is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mlipkit.data.config import ISOLATED_ATOM, FilterConfig
from mlipkit.data.duplicates import Duplicates
from mlipkit.data.errors import DataError
from mlipkit.data.structure import Structure
from mlipkit.data.table import Table

E0 = Mapping[str, Mapping[str, float]]  # task -> species -> eV


class Filters:
    """Applies the filters of a configuration; isolated atoms always pass, since E0 comes from them.

    Args:
        config: which filters.
        e0: reference energies for the energy window.

    Attributes:
        removed: number of structures by filter.
    """

    def __init__(self, config: FilterConfig, e0: E0) -> None:
        self.config, self.e0 = config, e0
        self.removed: Counter[str] = Counter()
        self._duplicates = Duplicates()

    def keeps(self, structure: Structure) -> bool:
        """Whether the structure passes.

        Raises:
            DataError: no E0 of one of its species, for the energy window.
        """
        if structure.config_type == ISOLATED_ATOM or (len(structure) == 1 and not any(structure.pbc)):
            return True
        reason = self._reason(structure)
        if reason:
            self.removed[reason] += 1
        return not reason

    def _reason(self, structure: Structure) -> str:
        config = self.config
        forces = structure.forces
        if config.max_force is not None and forces is not None:
            largest = float(np.sqrt(np.square(forces).sum(axis=1).max()))
        else:
            largest = 0.0
        if config.max_force is not None and largest > config.max_force:
            return "max_force"
        if config.energy_window is not None and structure.energy is not None:
            low, high = config.energy_window
            energy = structure.energy - sum(e0_of(self.e0, structure.task, symbol) for symbol in structure.symbols)
            if not low <= energy / len(structure) <= high:
                return "energy_window"
        if config.duplicates == "drop" and self._duplicates.seen(structure):
            return "duplicates"
        return ""

    def passing(self, table: Table, where: str) -> NDArray[np.bool_]:
        """Which structures of a table pass; counts the others.

        Args:
            table: of a store.
            where: the store, for messages.

        Raises:
            DataError: no E0 of one of its species; a search for duplicates, which belongs into the conversion.
        """
        config, isolated = self.config, table.isolated()
        if config.duplicates == "drop":
            raise DataError(
                f"data.filters.duplicates: {where} is searched for them when it is written: "
                "mlip-convert --drop-duplicates; remove the key"
            )
        passing = np.ones(len(table), dtype=bool)
        if config.max_force is not None:
            self._count("max_force", passing, ~isolated & (table.largest_force > config.max_force))
        if config.energy_window is not None:
            for task in table.counts("task"):
                for symbol in table.take(table.of("task", task) & ~isolated).atoms_per_element():
                    e0_of(self.e0, task, symbol)
            energies = (table.energy - table.reference_energies(self.e0)) / table.n_atoms
            low, high = config.energy_window
            self._count("energy_window", passing, ~isolated & ((energies < low) | (energies > high)))
        return passing

    def _count(self, name: str, passing: NDArray[np.bool_], failing: NDArray[np.bool_]) -> None:
        self.removed[name] += int((failing & passing).sum())
        passing &= ~failing

    def lines(self) -> list[str]:
        """A line for each filter that removed something."""
        shown = {
            "max_force": f"whose largest force exceeds {self.config.max_force} eV/angstrom",
            "energy_window": f"with energies outside {self.config.energy_window} eV/atom from E0",
            "duplicates": "that came before",
        }
        lines = [
            f"dropped: {count} structures {shown[name]} (filters.{name})"
            for name, count in self.removed.items()
            if count
        ]
        if self._duplicates.contradictory:
            lines.append(
                f"{self._duplicates.contradictory} of these duplicates have another energy than what they repeat, by "
                "more than 1 meV/atom: are these sources of one level of theory?"
            )
        return lines


def e0_of(e0: E0, task: str, symbol: str) -> float:
    """Reference energy, eV.

    Raises:
        DataError: there is none.
    """
    values = e0.get(task, {})
    if symbol not in values:
        raise DataError(
            f"filters.energy_window needs E0 of {symbol} in task {task!r}: set data.tasks.{task}.e0.{symbol} "
            f"(mlip-convert: --e0 {symbol}=ENERGY)"
        )
    return values[symbol]
