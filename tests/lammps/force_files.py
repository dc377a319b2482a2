# SPDX-License-Identifier: MIT
"""Force tests in the form of LAMMPS's own: a YAML file holds what to run and the numbers that must come out.

The numbers are those of the models' plain PyTorch code in float64, with neighbours from ASE and a velocity Verlet
written here: nothing of the engine and nothing of LAMMPS. ``python -m force_files`` (with tests and tests/lammps on
PYTHONPATH) computes them anew for all files, keeping the rest; do so after changes that are meant to change numbers.

Fields are those of LAMMPS (unittest/force-styles) where it has them. ``models`` names the models that ``pair_coeff``
uses as ``name.pt``, ``weights`` how their energies are summed, ``types`` the element of each type; ``input_file`` is a
conformance case; energies, stresses (the virial, xx yy zz xy xz yz) and forces are in LAMMPS's units.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from ase import Atoms
from ase.data import atomic_masses
from conformance_cases import CASES, load_case
from decks import BOHR
from numpy.typing import NDArray

from mlipkit.checkpoint import Checkpoint, Task
from mlipkit.export.probe import Probe, ProbeStructure
from mlipkit.export.reference import ModelIndex, evaluate_probe
from mlipkit.nn import build_model

FILES = sorted((Path(__file__).parent / "yaml").glob("*.yaml"))
STEPS, TIMESTEP = 4, 0.0005  # ps
UNITS = {"metal": (1.0, 1.0), "real": (23.060549, 1.0), "electron": (1 / 27.211386245981, BOHR)}  # of 1 eV; angstrom
# angstrom/ps^2 of 1 eV/angstrom on 1 u, by the constants that LAMMPS has for each unit style
ACCELERATION = {
    "metal": 1 / 1.0364269e-4,
    "real": 23.060549 * 1e6 / 48.88821291**2,
    "electron": 0.937582899 * 1e6 * BOHR**2 / 27.211386245981,
}
E0 = {"H": -13.6, "O": -2041.3}
SHARED: dict[str, Any] = {"species": ["H", "O"], "avg_num_neighbours": 40.0, "l_max": 2}
WIDE, NARROW = {"cutoff": 4.0, "message_divisor": 1.18025}, {"cutoff": 3.5, "message_divisor": 1.44198}
MODELS: dict[str, tuple[dict[str, Any], int]] = {  # configuration and seed
    "scalar": ({**WIDE, "channels": 8, "hidden_l_max": 0, "correlation": 2, "scale": [1.0]}, 1),
    "vector": ({**NARROW, "channels": 4, "hidden_l_max": 1, "correlation": 3, "scale": [1.0]}, 2),
    "charged": (
        {**WIDE, "channels": 4, "hidden_l_max": 0, "correlation": 2, "scale": [1.0], "total_charge_range": [-2, 2]},
        3,
    ),
}


def fixed_checkpoint(name: str) -> Checkpoint:
    """A model whose weights come from NumPy's frozen random stream: the same on every machine."""
    config, seed = MODELS[name]
    conditions = {"total_charge": 0.0} if "total_charge_range" in config else {}
    model = build_model("mace", {**SHARED, **config, "tasks": ["default"]})
    stream = np.random.RandomState(seed)
    parameters = {key: torch.tensor(stream.standard_normal(p.shape)) for key, p in model.named_parameters()}
    plain = model.config.model_dump(mode="json")
    return Checkpoint("mace", plain, parameters, [Task("default", "random numbers", E0, conditions)], "float64")


def reference(name: str, atoms: Atoms, conditions: dict[str, float]) -> tuple[float, NDArray, NDArray]:
    """Energy with E0, forces and virial of one model; eV and angstrom."""
    checkpoint = fixed_checkpoint(name)
    cell = tuple(map(tuple, atoms.cell.array)) if atoms.pbc.any() else None
    structure = ProbeStructure(
        species=atoms.get_chemical_symbols(),
        positions=[tuple(position) for position in atoms.positions],
        cell=cell,
        pbc=tuple(bool(periodic) for periodic in atoms.pbc),
        task="default",
        conditions=conditions,
    )
    index = ModelIndex(["H", "O"], ["default"], MODELS[name][0]["cutoff"])
    results = evaluate_probe(checkpoint.build(), Probe(structures=[structure]), index, torch.float64)
    energy = results.energy[0] + sum(E0[symbol] for symbol in structure.species)
    return energy, results.forces[0], results.virial[0]


def total(content: dict[str, Any], atoms: Atoms) -> tuple[float, NDArray, NDArray]:
    parts = [reference(name, atoms, content.get("conditions", {})) for name in content["models"]]
    energy, forces, virial = (
        sum(weight * part for weight, part in zip(content["weights"], column, strict=True))
        for column in zip(*parts, strict=True)
    )
    return energy, forces, virial


def numbers(content: dict[str, Any]) -> dict[str, Any]:
    """What LAMMPS must give at the start, and after some steps from rest."""
    atoms = load_case(CASES / content["input_file"])
    energy_unit, length = UNITS[content["units"]]
    scale = [energy_unit, energy_unit * length, energy_unit]
    masses = atomic_masses[atoms.numbers][:, None]
    acceleration = ACCELERATION[content["units"]] / masses
    velocities = np.zeros((len(atoms), 3))
    state = total(content, atoms)
    init = [part * unit for part, unit in zip(state, scale, strict=True)]
    for _ in range(STEPS):
        velocities += 0.5 * TIMESTEP * acceleration * state[1]
        atoms.positions += TIMESTEP * velocities
        state = total(content, atoms)
        velocities += 0.5 * TIMESTEP * acceleration * state[1]
    run = [part * unit for part, unit in zip(state, scale, strict=True)]
    return {"natoms": len(atoms), **named("init", *init), **named("run", *run)}


def named(when: str, energy: float, forces: NDArray, virial: NDArray) -> dict[str, Any]:
    rows = "\n".join(f"{tag} " + " ".join(f"{x:.15e}" for x in row) for tag, row in enumerate(forces, start=1))
    return {
        f"{when}_vdwl": float(energy),
        f"{when}_coul": 0.0,
        f"{when}_stress": " ".join(f"{x:.15e}" for x in virial),
        f"{when}_forces": rows + "\n",
    }


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    return content


class Dumper(yaml.SafeDumper):
    """Text of several lines as a block."""


Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)


def main() -> None:
    for path in FILES:
        content = read(path)
        content.update(numbers(content))
        path.write_text(yaml.dump(content, Dumper=Dumper, sort_keys=False, width=1000))
        forces = np.array(content["init_forces"].split(), dtype=float).reshape(-1, 4)[:, 1:]
        print(path.name, "largest force", np.abs(forces).max())


if __name__ == "__main__":
    main()
