# SPDX-License-Identifier: MIT
"""Writes training data (argon.extxyz) and the crystal to be run (argon.data): solid argon, Lennard-Jones.

The labels come from the potential that LAMMPS calls lj/smooth/linear: energy and force go to zero at the cutoff.
"""

import argparse

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.io import write
from ase.neighborlist import neighbor_list

from mlipkit.interfaces.lammps import write_data

EPSILON, SIGMA, CUTOFF = 0.0104, 3.4, 5.8  # eV, angstrom: two shells of neighbours
LATTICE = 5.36  # angstrom


def pair(r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Energy of a pair and its derivative, before the shift."""
    x = (SIGMA / r) ** 6
    return 4 * EPSILON * (x**2 - x), -24 * EPSILON * (2 * x**2 - x) / r


def label(atoms: Atoms) -> Atoms:
    """Adds energy, forces and stress."""
    i, j, r, vectors = neighbor_list("ijdD", atoms, CUTOFF)
    energy, slope = pair(r)
    energy_at_cutoff, slope_at_cutoff = pair(np.array(CUTOFF))
    energy = energy - energy_at_cutoff - (r - CUTOFF) * slope_at_cutoff
    pull = 0.5 * ((slope - slope_at_cutoff) / r)[:, None] * vectors  # dE/dr_ij of each directed edge
    forces = np.zeros((len(atoms), 3))
    np.add.at(forces, i, pull)
    np.subtract.at(forces, j, pull)
    atoms.info["energy"] = 0.5 * energy.sum()
    atoms.info["stress"] = vectors.T @ pull / atoms.get_volume()
    atoms.arrays["forces"] = forces
    return atoms


def frame(rng: np.random.Generator) -> Atoms:
    """32 atoms, strained by up to 2 % and displaced by as much as 40 K does, and less."""
    atoms = bulk("Ar", cubic=True, a=LATTICE).repeat(2)
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + rng.uniform(-0.02, 0.02, (3, 3))), scale_atoms=True)
    atoms.positions += rng.normal(scale=rng.uniform(0.03, 0.22), size=atoms.positions.shape)
    return label(atoms)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--repeat", type=int, default=4, help="cubic cells of 4 atoms along each edge of the crystal")
    chosen = parser.parse_args()
    rng = np.random.default_rng(0)
    write("argon.extxyz", [frame(rng) for _ in range(chosen.frames)])
    write_data("argon.data", bulk("Ar", cubic=True, a=LATTICE).repeat(chosen.repeat), ["Ar"])


if __name__ == "__main__":
    main()
