# SPDX-License-Identifier: MIT
"""Derivatives through LAMMPS itself: it moves atoms and strains the box, and takes differences of its own energies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from decks import PRESSURE, mlip, run_lammps

from mlipkit.interfaces.lammps import boundary, write_data

FORCES = """
fix differences all numdiff 1 1e-4
dump all all custom 1 forces.dump id fx fy fz f_differences[*]
dump_modify all sort id format float %.17g
run 0 post no
undump all
unfix differences
"""
STRAINS = """
compute virial all pressure NULL virial
fix differences all numdiff/virial 1 1e-5
thermo_style custom step pe c_virial[*] f_differences[*]
run 0 post no
print "$(vol:%.17g) $(c_virial[1]:%.17g) $(c_virial[2]:%.17g) $(c_virial[3]:%.17g) &
$(c_virial[4]:%.17g) $(c_virial[5]:%.17g) $(c_virial[6]:%.17g) &
$(f_differences[1]:%.17g) $(f_differences[2]:%.17g) $(f_differences[3]:%.17g) &
$(f_differences[4]:%.17g) $(f_differences[5]:%.17g) $(f_differences[6]:%.17g)" file strains.txt screen no
"""


@pytest.mark.parametrize(("ranks", "units", "newton"), [(1, "metal", "off"), (2, "real", "on"), (3, "metal", "on")])
def test_forces_are_differences_of_the_energy(
    cases: dict[str, Atoms], vector_artifact: Path, tmp_path: Path, ranks: int, units: str, newton: str
) -> None:
    atoms = cases["wire"]
    write_data(tmp_path / "atoms.data", atoms, ["H", "O"])
    deck = f"units {units}\nnewton {newton}\nboundary {boundary(atoms)}\natom_modify map yes\nread_data atoms.data\n"
    finished = run_lammps(tmp_path, deck + mlip(vector_artifact) + FORCES, ranks)
    assert finished.code == 0, finished.output[-3000:]
    rows = np.loadtxt(tmp_path / "forces.dump", skiprows=9)
    forces, differences = rows[:, 1:4], rows[:, 4:7]
    assert np.abs(forces).max() > 0.1
    np.testing.assert_allclose(differences, forces, rtol=0, atol=1e-5 * np.abs(forces).max())


@pytest.mark.parametrize("ranks", [1, 2])
def test_virial_is_the_difference_under_strain(
    cases: dict[str, Atoms], water_artifact: Path, tmp_path: Path, ranks: int
) -> None:
    atoms = cases["triclinic"]
    write_data(tmp_path / "atoms.data", atoms, ["H", "O"])
    deck = f"units metal\natom_modify map yes\nread_data atoms.data\n{mlip(water_artifact)}{STRAINS}"
    finished = run_lammps(tmp_path, deck, ranks)
    assert finished.code == 0, finished.output[-3000:]
    volume, *numbers = (float(word) for word in (tmp_path / "strains.txt").read_text().split())
    virial, differences = np.array(numbers).reshape(2, 6) * volume / PRESSURE["metal"]
    assert np.abs(virial).max() > 0.1
    # LAMMPS lists virials as xx yy zz xy xz yz, and these differences in Voigt's order
    np.testing.assert_allclose(differences[[0, 1, 2, 5, 4, 3]], virial, rtol=0, atol=1e-5 * np.abs(virial).max())
