# SPDX-License-Identifier: MIT
"""Energy, forces and virial of the probe by a Python module, eager or scripted.

Edges come from ASE, not from the engine: so the probe checks the engine's neighbour list too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from ase.neighborlist import primitive_neighbor_list
from numpy.typing import NDArray

from mlipkit.data.graph import GraphBatch
from mlipkit.export.manifest import Verification
from mlipkit.export.probe import Probe, ProbeStructure
from mlipkit.nn.evaluate import evaluate


@dataclass(frozen=True)
class ModelIndex:
    """How the names of a probe become the numbers that a module takes."""

    species: Sequence[str]
    tasks: Sequence[str]
    cutoff: float


@dataclass(frozen=True)
class ProbeResults:
    """One entry per structure: energies without E0 (eV), forces [n, 3] (eV/angstrom), virials [6] (eV), outputs per
    atom [n, width] by name."""

    energy: list[float]
    forces: list[NDArray[np.float64]]
    virial: list[NDArray[np.float64]]
    outputs: list[dict[str, NDArray[np.float64]]]

    @property
    def finite(self) -> bool:
        outputs = [values for named in self.outputs for values in named.values()]
        arrays = [np.array(self.energy), *self.forces, *self.virial, *outputs]
        return all(bool(np.isfinite(values).all()) for values in arrays)


def evaluate_probe(module: torch.nn.Module, probe: Probe, index: ModelIndex, dtype: torch.dtype) -> ProbeResults:
    """Evaluates all structures in one batch; their reference numbers are not read.

    Args:
        module: fulfils ``mlipkit.nn.registry.Architecture``.
        probe: structures.
        index: species, tasks and cutoff of the module.
        dtype: of the edge vectors.
    """
    batch = _batch(probe.structures, index, dtype)
    answer = evaluate(module, batch, training=False)
    sizes = batch.n_atoms.tolist()
    forces = [part.numpy() for part in torch.split(answer.forces, sizes)]
    split = {name: torch.split(values.double(), sizes) for name, values in answer.outputs.items()}
    outputs = [{name: parts[k].numpy() for name, parts in split.items()} for k in range(len(sizes))]
    return ProbeResults(answer.energy.tolist(), forces, list(answer.virial.numpy()), outputs)


def with_reference(probe: Probe, results: ProbeResults) -> Probe:
    """The probe with reference numbers."""
    filled = []
    for structure, energy, forces, virial, outputs in zip(
        probe.structures, results.energy, results.forces, results.virial, results.outputs, strict=True
    ):
        named = {name: values.tolist() for name, values in outputs.items()}
        numbers = {"energy": energy, "forces": forces.tolist(), "virial": virial.tolist(), "outputs": named}
        filled.append(ProbeStructure.model_validate({**structure.model_dump(), **numbers}))
    return Probe(structures=filled)


def largest_differences(probe: Probe, results: ProbeResults) -> Verification:
    """Of finite results from the reference numbers of the probe."""
    energy = force = virial = 0.0
    for k, structure in enumerate(probe.structures):
        energy = max(energy, abs(results.energy[k] - structure.energy) / len(structure.species))
        force = max(force, float(np.abs(results.forces[k] - np.array(structure.forces)).max()))
        virial = max(virial, float(np.abs(results.virial[k] - np.array(structure.virial)).max()))
    return Verification(energy_per_atom=energy, force=force, virial=virial, n_structures=len(probe.structures))


def _batch(structures: Sequence[ProbeStructure], index: ModelIndex, dtype: torch.dtype) -> GraphBatch:
    sizes = [len(structure.species) for structure in structures]
    first = np.cumsum([0, *sizes[:-1]])
    edges = [_edges(structure, index.cutoff) for structure in structures]
    species = [index.species.index(symbol) for structure in structures for symbol in structure.species]
    conditions = structures[0].conditions
    return GraphBatch(
        r_ij=torch.tensor(np.concatenate([vectors for _, _, vectors in edges]), dtype=dtype),
        centre=torch.from_numpy(np.concatenate([i + start for (i, _, _), start in zip(edges, first, strict=True)])),
        neighbour=torch.from_numpy(np.concatenate([j + start for (_, j, _), start in zip(edges, first, strict=True)])),
        species=torch.tensor(species),
        structure=torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes)),
        n_atoms=torch.tensor(sizes),
        volume=torch.full((len(sizes),), torch.nan, dtype=dtype),
        task=torch.tensor([index.tasks.index(structure.task) for structure in structures]),
        conditions={name: torch.tensor([s.conditions[name] for s in structures], dtype=dtype) for name in conditions},
    )


def _edges(structure: ProbeStructure, cutoff: float) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray]:
    cell = np.eye(3) if structure.cell is None else np.array(structure.cell)
    i, j, vectors = primitive_neighbor_list("ijD", structure.pbc, cell, np.array(structure.positions), cutoff)
    order = np.argsort(i, kind="stable")
    return i[order].astype(np.int64), j[order].astype(np.int64), vectors[order]
