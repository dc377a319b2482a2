# SPDX-License-Identifier: MIT
"""Predictions of another program's model, by its ASE calculator; runs with the Python that has the program.

    python rival_errors.py mace-torch|nequip MODEL FILE.extxyz ...

Prints one JSON line with root-mean-square errors per file: energies in meV per structure, forces in meV/angstrom.
"""

import json
import sys
import warnings
from pathlib import Path

import ase.io
import numpy as np


def calculator(program: str, model: str):
    if program == "mace-torch":
        from mace.calculators import MACECalculator

        return MACECalculator(model_paths=model, device="cpu", default_dtype="float64")
    from nequip.integrations.ase import NequIPCalculator

    return NequIPCalculator._from_saved_model(model, device="cpu", chemical_species_to_atom_type_map=True)


def main() -> None:
    warnings.filterwarnings("ignore")
    program, model, *files = sys.argv[1:]
    found, calc = {}, calculator(program, model)
    for path in files:
        energies, forces = [], []
        for atoms in ase.io.read(path, ":"):
            reference = atoms.get_potential_energy(), atoms.get_forces()
            atoms.calc = calc
            energies.append(atoms.get_potential_energy() - reference[0])
            forces.append(atoms.get_forces() - reference[1])
        errors = {"energy": np.array(energies), "forces": np.concatenate(forces)}
        found[Path(path).stem] = {name: 1e3 * float(np.sqrt((e**2).mean())) for name, e in errors.items()}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
