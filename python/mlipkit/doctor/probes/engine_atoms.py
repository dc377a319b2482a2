# SPDX-License-Identifier: MIT
"""Ten atoms in the engine (through Python) and in ASE; makes a model with random weights when none is given."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from mlipkit.doctor.probes import Answer, answer, one_line

COUNT, MOST_SPECIES = 10, 5  # of atoms; of species, as every one costs time when the model is opened


def engine_atoms(content: Answer, arguments: list[str]) -> None:
    path = Path(arguments[0])
    if arguments[1] == "make":
        make_model(path)
    from mlipkit.export.reader import read_manifest
    from mlipkit.interfaces.engine import Engine

    content["stage"] = "manifest"
    manifest = read_manifest(path)
    species = list(manifest.species[:MOST_SPECIES])
    task = manifest.tasks[0].name
    symbols = [species[index % len(species)] for index in range(COUNT)]
    positions = cluster(symbols, manifest.cutoff)
    precision = "double" if "double" in manifest.precisions else manifest.precisions[-1]
    conditions = _conditions(manifest, task, symbols)
    content["architecture"] = manifest.architecture
    content["stage"] = "engine"
    engine = Engine(path, species, precision, task=task)
    energy, forces = compute(engine, species, symbols, positions, conditions)
    content["torch"] = engine.describe().torch_version
    content["atoms"] = {
        "symbols": symbols,
        "masses": {symbol: manifest.masses[symbol] for symbol in species},
        "positions": positions,
        "precision": precision,
        "task": task if len(manifest.tasks) > 1 else None,
        "conditions": conditions,
        "energy": energy,
        "forces": forces,
    }
    _others(content, path, species, conditions)


def make_model(path: Path) -> None:
    """Writes an artifact of H and O with random weights and messages between atoms."""
    import torch

    from mlipkit.checkpoint import Checkpoint, Task
    from mlipkit.export import export
    from mlipkit.nn import build_model
    from mlipkit.nn.registry import config_class

    torch.manual_seed(1)
    small = {"channels": 4, "hidden_l_max": 1, "l_max": 2, "correlation": 2, "avg_num_neighbours": 10.0}
    options = {"species": ["H", "O"], "cutoff": 4.0, "tasks": ["default"], **small}
    config = config_class("mace").model_validate(options).model_dump(mode="json")
    parameters = {name: value.detach().double() for name, value in build_model("mace", config).named_parameters()}
    task = Task("default", "random weights", {"H": -13.6, "O": -432.0})
    export(Checkpoint("mace", config, parameters, [task], "float64"), path, precisions=["double"])


def cluster(symbols: list[str], cutoff: float) -> list[list[float]]:
    """A distorted piece of a cubic lattice, [N, 3] angstrom, with spacings of bonds, well within the cutoff."""
    from ase.data import atomic_numbers, covalent_radii

    spacing = min(2.2 * max(covalent_radii[atomic_numbers[symbol]] for symbol in symbols), 0.6 * cutoff)
    positions = []
    for index in range(len(symbols)):
        site = (index % 2, index // 2 % 2, index // 4)
        shift = [0.08 * math.sin(7.0 * index + 2.0 * axis + 1.0) for axis in range(3)]
        positions.append([float(spacing * (place + moved)) for place, moved in zip(site, shift, strict=True)])
    return positions


def _conditions(manifest: Any, task: str, symbols: list[str]) -> dict[str, float]:
    """Defaults or plain values; a multiplicity as near to that as the electrons of the atoms allow."""
    entries = manifest.conditions
    values = {name: _value(entry.range, entry.default.get(task)) for name, entry in entries.items()}
    if {"total_charge", "spin_multiplicity"} <= set(values):
        numbers = dict(zip(manifest.species, manifest.atomic_numbers, strict=True))
        electrons = sum(numbers[symbol] for symbol in symbols) - round(values["total_charge"])
        low, high = (round(limit) for limit in entries["spin_multiplicity"].range)
        fitting = [value for value in range(low, high + 1) if (electrons - value) % 2 == 1]
        plain = values["spin_multiplicity"]
        values["spin_multiplicity"] = float(min(fitting, key=lambda value: abs(value - plain), default=plain))
    return values


def _value(limits: Any, default: float | None) -> float:
    """The task's default, else the plainest value that is allowed: neutral, or the lowest multiplicity."""
    if default is not None:
        return float(default)
    low, high = limits
    return float(min(max(0.0, low), high))


def compute(
    engine: Any, species: list[str], symbols: list[str], positions: list[list[float]], conditions: dict[str, float]
) -> tuple[float, list[list[float]]]:
    for name, value in conditions.items():
        engine.set_condition(name, value)
    result = engine.compute([species.index(symbol) for symbol in symbols], positions)
    return result.energy, result.forces.tolist()


def _others(content: Answer, path: Path, species: list[str], conditions: dict[str, float]) -> None:
    """ASE, and a GPU where torch sees one; each failure is told under its own name."""
    atoms = content["atoms"]
    try:
        from ase import Atoms

        from mlipkit import MLIPCalculator

        options: dict[str, Any] = {"precision": atoms["precision"], "task": atoms["task"], **conditions}
        structure = Atoms(atoms["symbols"], atoms["positions"])
        structure.calc = MLIPCalculator(path, **options)
        content["ase"] = {
            "energy": float(structure.get_potential_energy()),
            "forces": structure.get_forces().tolist(),
        }
    except Exception as error:
        content["ase_error"] = one_line(error)
    import torch

    if torch.cuda.is_available():
        try:
            from mlipkit.interfaces.engine import Engine

            engine = Engine(path, species, atoms["precision"], "cuda", atoms["task"])
            energy, forces = compute(engine, species, atoms["symbols"], atoms["positions"], conditions)
            content["cuda"] = {"energy": energy, "forces": forces}
        except Exception as error:
            content["cuda_error"] = one_line(error)


if __name__ == "__main__":
    answer(engine_atoms)
