# SPDX-License-Identifier: MIT
"""What a training set looks like in numbers; models take their normalisation from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mlipkit.data.table import Column, Table


@dataclass(frozen=True)
class Statistics:
    """Energies are per atom and without E0 (eV); RMS over components that have labels; NaN where there are none."""

    n_structures: int
    n_atoms: int
    n_edges: int
    avg_num_neighbours: float  # edges per atom
    shortest_distance: float  # angstrom
    energy_mean: float  # eV/atom
    energy_std: float  # eV/atom
    forces_rms: float  # eV/angstrom
    stress_rms: float  # eV/angstrom^3
    n_energies: int
    n_forces: int  # structures with forces
    n_stresses: int
    atoms_per_species: dict[str, int]
    structures_per_task: dict[str, int]
    structures_per_config_type: dict[str, int]


def statistics(table: Table, e0: Mapping[str, Mapping[str, float]]) -> Statistics:
    """Statistics of structures.

    Args:
        table: of the structures.
        e0: task -> species -> reference energy, eV.
    """
    n_atoms, n_edges = int(table.n_atoms.sum()), int(table.n_edges.sum())
    energies = (table.energy - table.reference_energies(e0)) / table.n_atoms
    energies = energies[~np.isnan(energies)]
    with_forces, with_stress = ~np.isnan(table.force_squares), ~np.isnan(table.stress_squares)
    shortest = float(table.shortest.min(initial=np.inf))
    return Statistics(
        n_structures=len(table),
        n_atoms=n_atoms,
        n_edges=n_edges,
        avg_num_neighbours=n_edges / max(n_atoms, 1),
        shortest_distance=shortest if np.isfinite(shortest) else float("nan"),
        energy_mean=float(energies.mean()) if len(energies) else float("nan"),
        energy_std=float(energies.std()) if len(energies) else float("nan"),
        forces_rms=_rms(table.force_squares[with_forces], 3 * table.n_atoms[with_forces]),
        stress_rms=_rms(table.stress_squares[with_stress], np.full(int(with_stress.sum()), 6)),
        n_energies=len(energies),
        n_forces=int(with_forces.sum()),
        n_stresses=int(with_stress.sum()),
        atoms_per_species=table.atoms_per_element(),
        structures_per_task=table.counts("task"),
        structures_per_config_type=table.counts("config_type"),
    )


def _rms(squares: Column, components: Column) -> float:
    """Root of the mean over all components; NaN without any."""
    return math.sqrt(squares.sum() / components.sum()) if len(squares) else float("nan")
