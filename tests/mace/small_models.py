# SPDX-License-Identifier: MIT
"""Models built with the constructors of mace-torch directly: also options that its command line does not offer, as
their checkpoint alone computes them (no artifact, no engine but its neighbour list)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms
from e3nn.o3 import Irreps
from mace import modules
from mace_package import Numbers, numbers_of, package_calculator, undisturbed
from mace_structures import comparison_structures
from specimen import assert_same

from mlipkit.checkpoint import Checkpoint
from mlipkit.data.graphs import GraphBuilder
from mlipkit.data.structure import Structure
from mlipkit.importers.mace import import_mace
from mlipkit.nn import evaluate

PLAIN, RESIDUAL = "RealAgnosticInteractionBlock", "RealAgnosticResidualInteractionBlock"
DENSITY, DENSITY_RESIDUAL = "RealAgnosticDensityInteractionBlock", "RealAgnosticDensityResidualInteractionBlock"
ASE_ORDER = [0, 1, 2, 5, 4, 3]
CUTOFF = 4.2


def small_model(
    numbers: Sequence[int] = (1, 8),
    heads: Sequence[str] = ("Default",),
    hidden: str = "3x0e + 3x1o",
    interaction: str = RESIDUAL,
    first: str | None = None,
    kind: str = "ScaleShiftMACE",
    dtype: torch.dtype = torch.float64,
    **options: Any,
) -> torch.nn.Module:
    """A model with random weights and messages of order one; ``options`` are those of the class."""
    random = np.random.default_rng(len(numbers))
    settings: dict[str, Any] = {
        "r_max": CUTOFF,
        "num_bessel": 5,
        "num_polynomial_cutoff": 5,
        "max_ell": 2,
        "num_interactions": 2,
        "correlation": 2,
        "radial_MLP": [8],
        "gate": torch.nn.functional.silu,
        "avg_num_neighbors": 1.1,
        "MLP_irreps": Irreps("4x0e"),
        "hidden_irreps": Irreps(hidden),
        "atomic_numbers": list(numbers),
        "num_elements": len(numbers),
        "atomic_energies": random.normal(-10.0, 5.0, (len(heads), len(numbers))),
        "heads": list(heads),
        "interaction_cls": getattr(modules.blocks, interaction),
        "interaction_cls_first": getattr(modules.blocks, first or interaction),
    }
    if kind == "ScaleShiftMACE":
        settings["atomic_inter_scale"] = [1.7 + k for k in range(len(heads))]
        settings["atomic_inter_shift"] = [0.3 - k for k in range(len(heads))]
    with undisturbed():
        torch.set_default_dtype(dtype)
        torch.manual_seed(7)
        return getattr(modules, kind)(**{**settings, **options}).eval()


def imported(model: torch.nn.Module, folder: Path, head: str | None = None) -> Checkpoint:
    """By way of a file, as users do it."""
    path = folder / "some.model"
    torch.save(model, path)
    return import_mace(path, head)


def numbers_of_checkpoint(checkpoint: Checkpoint, atoms: Atoms) -> Numbers:
    """Energies with E0, forces and virial in float64."""
    config, (task,) = checkpoint.config, checkpoint.tasks
    builder = GraphBuilder(config["species"], config["cutoff"], [task.name], torch.float64)
    pbc = tuple(bool(periodic) for periodic in atoms.pbc)
    structure = Structure(atoms.numbers, atoms.positions, np.array(atoms.cell), pbc, "", 0, task.name)
    found = evaluate(checkpoint.build(), builder.graph(structure), training=False)
    energies = found.energies.numpy() + np.array([task.e0[symbol] for symbol in atoms.symbols])
    virial = found.virial[0].numpy()[ASE_ORDER] if all(pbc) else None
    return Numbers(float(energies.sum()), energies, found.forces.numpy(), virial)


def assert_same_function(
    model: torch.nn.Module, checkpoint: Checkpoint, head: str | None = None, forces: bool = True
) -> None:
    """Both programs on a small cell, a triclinic one, a molecule and an isolated atom."""
    calculator = package_calculator(model, head)
    largest = 0.0
    for atoms in comparison_structures(model.atomic_numbers.tolist(), CUTOFF).values():
        theirs, ours = numbers_of(calculator, atoms), numbers_of_checkpoint(checkpoint, atoms)
        assert_same(ours, theirs, forces)
        largest = max(largest, float(np.abs(ours.forces).max()))
    assert largest > 0.05  # eV/angstrom: there is something to compare
