# SPDX-License-Identifier: MIT
"""What a training set looks like in numbers; models take their normalisation from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from mlipkit.data.graph import GraphBatch
from mlipkit.data.structure import Structure


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


def statistics(structures: Sequence[Structure], graphs: Sequence[GraphBatch]) -> Statistics:
    """Statistics of structures and their graphs; the graphs must hold E0."""
    n_atoms = sum(len(structure) for structure in structures)
    n_edges = sum(graph.centre.shape[0] for graph in graphs)
    energies = torch.cat([(g.energy - g.e0) / g.n_atoms for g in graphs])  # type: ignore[operator]
    energies = energies[~energies.isnan()]
    forces = _valid([graph.forces for graph in graphs])
    stresses = _valid([graph.stress for graph in graphs])
    shortest = [graph.r_ij.norm(dim=1).min() for graph in graphs if graph.r_ij.shape[0]]
    return Statistics(
        n_structures=len(structures),
        n_atoms=n_atoms,
        n_edges=n_edges,
        avg_num_neighbours=n_edges / max(n_atoms, 1),
        shortest_distance=float(torch.stack(shortest).min()) if shortest else float("nan"),
        energy_mean=float(energies.mean()),
        energy_std=float(energies.std(unbiased=False)),
        forces_rms=float(forces.square().mean().sqrt()),
        stress_rms=float(stresses.square().mean().sqrt()),
        n_energies=int(energies.shape[0]),
        n_forces=sum(structure.forces is not None for structure in structures),
        n_stresses=sum(structure.stress is not None for structure in structures),
        atoms_per_species=_sorted_counts(symbol for structure in structures for symbol in structure.symbols),
        structures_per_task=_sorted_counts(structure.task for structure in structures),
        structures_per_config_type=_sorted_counts(structure.config_type for structure in structures),
    )


def _valid(values: Sequence[torch.Tensor | None]) -> torch.Tensor:
    flat = torch.cat([value.flatten().double() for value in values if value is not None])
    return flat[~flat.isnan()]


def _sorted_counts(names) -> dict[str, int]:  # type: ignore[no-untyped-def]
    return dict(sorted(Counter(names).items()))
