# SPDX-License-Identifier: MIT
"""compute centroid/stress/atom and heat/flux: on any number of ranks what the engine gives in one process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from decks import PRESSURE, Setting, mlip, run_lammps
from numpy.typing import NDArray

from mlipkit.interfaces.engine import Engine

MVV2E = 1.0364269e-4  # of LAMMPS, units metal: u (angstrom/ps)^2 to eV
# The order of the rows of a heat flux: xx xy xz, yx yy yz, zx zy zz of a centroid virial.
MATRIX = [0, 3, 4, 6, 1, 5, 7, 8, 2]
FLUX = """
velocity all create 300 4242 loop geom
compute kinetic all ke/atom
compute potential all pe/atom
compute centroid all centroid/stress/atom NULL virial
compute flux all heat/flux kinetic potential centroid
fix flux all ave/time 1 1 1 c_flux[*] file {name}.flux format " %.17g"
dump centroids all custom 1 {name}.centroids id mass x y z vx vy vz c_centroid[*]
dump_modify centroids sort id format float %.17g
"""
NAMES = ["bulk_water", "triclinic", "two_atom_cell", "corner"]
ZBL = "pair_coeff 1 1 zbl 1 1\npair_coeff 1 2 zbl 1 8\npair_coeff 2 2 zbl 8 8"


@dataclass
class Found:
    """What a run left; eV and angstrom."""

    masses: NDArray[np.float64]
    positions: NDArray[np.float64]
    velocities: NDArray[np.float64]
    virials: NDArray[np.float64]  # [N, 9]
    flux: NDArray[np.float64]  # [6]


def setting(name: str, atoms: Atoms, pair: str, newton: str = "on", processors: str = "* * *") -> Setting:
    return Setting(name, atoms, newton=newton, processors=processors, pair=pair, more=FLUX.format(name=name))


def run(folder: Path, settings: list[Setting], ranks: int) -> dict[str, Found]:
    finished = run_lammps(folder, "\n".join(one.deck(folder) for one in settings), ranks)
    assert finished.code == 0, finished.output[-4000:]
    return {one.name: read(folder, one) for one in settings}


def read(folder: Path, one: Setting) -> Found:
    rows = np.loadtxt(folder / f"{one.name}.centroids", skiprows=9, ndmin=2)
    flux = np.loadtxt(folder / f"{one.name}.flux", ndmin=2)[0, 1:]
    return Found(rows[:, 1], rows[:, 2:5], rows[:, 5:8], -rows[:, 8:] / PRESSURE[one.units], flux)


def heat_flux(artifact: Path, atoms: Atoms, found: Found) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centroid virials of the engine, and with LAMMPS's velocities the heat flux and its convective part."""
    engine = Engine(artifact, precision="double")
    known = engine.describe().species
    species = [known.index(symbol) for symbol in atoms.get_chemical_symbols()]
    wanted = {"energies": True, "centroid_virials": True}
    result = engine.compute(species, atoms.positions, atoms.cell.array, atoms.pbc, **wanted)
    v = found.velocities
    energies = result.energies + 0.5 * MVV2E * found.masses * (v**2).sum(axis=1)
    convective = energies @ v
    conductive = np.einsum("iab,ib->a", result.centroid_virials[:, MATRIX].reshape(-1, 3, 3), v)
    return result.centroid_virials, np.concatenate([convective + conductive, convective])


@pytest.fixture(scope="module", params=[1, 2, 4], ids=lambda ranks: f"{ranks}ranks")
def found(
    request: pytest.FixtureRequest,
    cases: dict[str, Atoms],
    vector_artifact: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Found]:
    ranks: int = request.param
    grid = {1: "* * *", 2: "1 1 2", 4: "1 2 2"}[ranks]
    settings = [setting(f"{name}_on", cases[name], mlip(vector_artifact)) for name in NAMES]
    settings += [setting(f"{name}_off", cases[name], mlip(vector_artifact), "off", grid) for name in NAMES]
    overlay = "pair_style hybrid/overlay mlip precision double zbl 1.0 1.5\npair_coeff * * mlip {} H O\n" + ZBL
    alone = "pair_style hybrid/overlay zbl 1.0 1.5\n" + ZBL
    settings += [setting("overlay", cases["bulk_water"], overlay.format(vector_artifact))]
    settings += [setting("zbl", cases["bulk_water"], alone)]
    return run(tmp_path_factory.mktemp("heat"), settings, ranks)


@pytest.mark.parametrize("newton", ["on", "off"])
@pytest.mark.parametrize("name", NAMES)
def test_equal_those_of_one_process(
    found: dict[str, Found], cases: dict[str, Atoms], vector_artifact: Path, name: str, newton: str
) -> None:
    one = found[f"{name}_{newton}"]
    virials, flux = heat_flux(vector_artifact, cases[name], one)
    np.testing.assert_allclose(one.virials, virials, rtol=0, atol=1e-10 * max(1.0, np.abs(virials).max()))
    np.testing.assert_allclose(one.flux, flux, rtol=0, atol=1e-10 * np.abs(flux).max())
    assert np.abs(one.flux[:3] - one.flux[3:]).max() > 0.1  # not convective alone


def test_are_not_those_of_stress_atom(found: dict[str, Found], cases: dict[str, Atoms], vector_artifact: Path) -> None:
    """The halves of edges give another heat flux, that of a pair potential."""
    engine = Engine(vector_artifact, precision="double")
    atoms = cases["bulk_water"]
    species = [["H", "O"].index(symbol) for symbol in atoms.get_chemical_symbols()]
    virials = engine.compute(species, atoms.positions, atoms.cell.array, atoms.pbc, virials=True).virials
    assert np.abs(found["bulk_water_on"].virials[:, :6] - virials).max() > 0.1


def test_other_styles_of_a_hybrid_add_theirs(found: dict[str, Found]) -> None:
    added = found["overlay"].virials - found["zbl"].virials
    np.testing.assert_allclose(added, found["bulk_water_on"].virials, rtol=0, atol=1e-9)
    assert np.abs(found["zbl"].virials).max() > 0.01
