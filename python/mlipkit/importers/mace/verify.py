# SPDX-License-Identifier: MIT
"""The converted model against the original, in float64, on structures that hold every species.

Whatever the conversion might overlook (another version of mace-torch, say) would show here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from ase.data import atomic_numbers
from torch import Tensor, nn

from mlipkit.data.graph import GraphBatch
from mlipkit.data.graphs import GraphBuilder, collate
from mlipkit.data.structure import Structure
from mlipkit.export.probe import ProbeStructure, make_probe
from mlipkit.importers.mace.errors import KEEP, ImportRefused
from mlipkit.nn import MACEConfig, evaluate

EXACT, SINGLE = 1e-9, 1e-5  # relative: constants in float64, and constants that were once kept in float32


@dataclass(frozen=True)
class Agreement:
    """Largest differences found."""

    structures: int
    energy_per_atom: float  # eV
    force: float  # eV/angstrom


def verify(original: nn.Module, converted: nn.Module, head: int, single: bool, compare_forces: bool) -> Agreement:
    """Compares interaction energies of all atoms, and forces.

    Args:
        original: of mace-torch; is cast to float64.
        converted: in float64.
        head: of the original.
        single: constants of the original are rounded to float32.
        compare_forces: False where those of the original are not the gradient of its energy.

    Raises:
        ImportRefused: they are not the same function.
    """
    config = converted.config
    assert isinstance(config, MACEConfig)
    batch = _batch(config)
    ours = evaluate(converted, batch, training=False)
    energies, forces = _original(original.double(), batch, head, len(config.species))
    found = Agreement(
        batch.n_structures,
        float((ours.energies - energies).abs().max()),
        float((ours.forces - forces).abs().max()) if compare_forces else 0.0,
    )
    for what, difference, values in (("energies", found.energy_per_atom, energies), ("forces", found.force, forces)):
        if not difference <= (SINGLE if single else EXACT) * max(1.0, float(values.abs().max())):
            raise ImportRefused(
                f"the converted model differs from the original by {difference:.1e} in its {what} (eV, angstrom): it "
                f"does something that the importer does not see; {KEEP}"
            )
    return found


def _batch(config: MACEConfig) -> GraphBatch:
    """Clusters of several species and a crystal."""
    builder = GraphBuilder(config.species, config.cutoff, config.tasks, torch.float64)
    probe = make_probe(config.species, config.cutoff, config.tasks, {})
    mixed = [s for s in probe.structures if len(set(s.species)) > 1 or s.cell is not None or len(config.species) == 1]
    return collate([builder.graph(_structure(entry), min_distance=0.0) for entry in mixed])


def _structure(entry: ProbeStructure) -> Structure:
    return Structure(
        numbers=np.array([atomic_numbers[symbol] for symbol in entry.species]),
        positions=np.array(entry.positions),
        cell=np.zeros((3, 3)) if entry.cell is None else np.array(entry.cell),
        pbc=entry.pbc,
        file="probe",
        frame=0,
        task=entry.task,
    )


def _original(model: nn.Module, batch: GraphBatch, head: int, n_species: int) -> tuple[Tensor, Tensor]:
    """Energies without E0 [N] and forces [N, 3] of the original.

    Edges of mace-torch point from neighbour to centre and are differences of positions plus a shift: with all atoms at
    the origin the shift is the whole edge.
    """
    n_atoms, one_hot = len(batch.species), torch.nn.functional.one_hot(batch.species, n_species).double()
    data = {
        "positions": torch.zeros(n_atoms, 3, dtype=torch.float64),
        "node_attrs": one_hot,
        "edge_index": torch.stack([batch.neighbour, batch.centre]),
        "shifts": -batch.r_ij,
        "unit_shifts": torch.zeros_like(batch.r_ij),
        "cell": torch.zeros(3 * batch.n_structures, 3, dtype=torch.float64),
        "batch": batch.structure,
        "ptr": torch.cat([torch.zeros(1, dtype=torch.int64), torch.cumsum(batch.n_atoms, 0)]),
        "head": torch.full([batch.n_structures], head),
    }
    previous = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # some of its constants are made in the default dtype when it runs
    try:
        found = model(data, compute_force=True)
    finally:
        torch.set_default_dtype(previous)
    table = torch.atleast_2d(model.atomic_energies_fn.atomic_energies)[head]  # type: ignore[union-attr]
    return (found["node_energy"] - table[batch.species]).detach(), found["forces"].detach()
