# SPDX-License-Identifier: MIT
"""Radial networks as tables: the same model to 1e-5 eV/angstrom, made for the species in use, in every form of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.data import chemical_symbols

from mlipkit.checkpoint import Task
from mlipkit.export import export
from mlipkit.interfaces.engine import Engine, Result
from random_models import random_checkpoint

FORCE = 1e-5  # eV/angstrom, both in double precision
E0 = {"C": -1030.0, "H": -13.6, "O": -2041.3}
MODELS: dict[str, dict[str, Any]] = {
    "bessel": {},
    "vectors": {"hidden_l_max": 1},
    "gaussian": {"radial": {"basis": "gaussian", "cutoff_on": "weights"}},
    "agnesi": {"radial": {"basis": "chebyshev", "transform": "agnesi"}},
    "soft": {"radial": {"transform": "soft"}, "hidden_l_max": 1},
    "density": {"density_normalization": "all"},
    "species map": {"first_layer_residual": False},
    "agnesi, species map": {"radial": {"transform": "agnesi"}, "first_layer_residual": False, "hidden_l_max": 2},
}


def artifact(folder: Path, changes: dict[str, Any]) -> Path:
    config = {"species": ["H", "C", "O"], "cutoff": 4.5, "channels": 20, "l_max": 3, "correlation": 2}
    checkpoint = random_checkpoint({**config, "avg_num_neighbours": 30.0, **changes}, [Task("default", "none", E0)])
    path = folder / "model.pt"
    export(checkpoint, path)
    return path


def structure(symbols: str) -> Atoms:
    """Forty atoms at liquid density, none closer than some 1.3 angstrom."""
    rng = np.random.default_rng(4)
    grid = np.stack(np.meshgrid(*[np.arange(4)] * 3), -1).reshape(-1, 3)[:40] * 2.0
    atoms = Atoms(symbols, positions=grid + rng.uniform(-0.35, 0.35, grid.shape), cell=[8, 8, 8], pbc=True)
    atoms.rattle(0.02, seed=1)
    return atoms


def results(path: Path, atoms: Atoms, species: list[str], **options: Any) -> tuple[Engine, Result]:
    engine = Engine(path, species, threads=1, **options)
    index = [species.index(symbol) for symbol in atoms.get_chemical_symbols()]
    return engine, engine.compute(index, atoms.positions, atoms.cell.array, atoms.pbc)


@pytest.mark.parametrize("name", MODELS)
def test_tables_change_forces_by_less_than_the_bound(tmp_path: Path, name: str) -> None:
    path = artifact(tmp_path, MODELS[name])
    atoms = structure("OHH" * 12 + "CHOO")
    species = ["O", "C", "H"]  # not the order of the model
    exact_engine, exact = results(path, atoms, species, precision="double", tables=False)
    engine, found = results(path, atoms, species, precision="double", tables=True)
    assert not exact_engine.describe().tabulated
    assert engine.describe().tabulated
    assert np.abs(exact.forces).max() > 0.1
    difference = np.abs(found.forces - exact.forces).max()
    assert 0 < difference < FORCE
    assert abs(found.energy - exact.energy) < FORCE * len(atoms)
    np.testing.assert_allclose(found.virial, exact.virial, atol=100 * FORCE)


def test_precision_decides_where_nothing_is_said(tmp_path: Path) -> None:
    path = artifact(tmp_path, {})
    for precision, tabulated in (("single", True), ("mixed", True), ("double", False)):
        assert Engine(path, ["H", "O"], precision=precision).describe().tabulated == tabulated
    assert not Engine(path, ["H", "O"], precision="single", tables=False).describe().tabulated


def test_tables_of_a_few_species_of_many(tmp_path: Path) -> None:
    """One table per pair in use, whatever the other species of the model are."""
    path = artifact(tmp_path, MODELS["agnesi"])
    atoms = structure("OHH" * 13 + "O")
    for species in (["H", "O"], ["O", "H", "O"]):
        _, exact = results(path, atoms, species, precision="double", tables=False)
        _, found = results(path, atoms, species, precision="double", tables=True)
        assert np.abs(found.forces - exact.forces).max() < FORCE


def test_energy_and_forces_fit_across_knots_and_cutoff(tmp_path: Path) -> None:
    """Two atoms pulled apart through the cutoff: the force is the slope of the energy, and ends as zero."""
    path = artifact(tmp_path, {})
    engine = Engine(path, ["O", "H"], precision="double", tables=True)
    step = 1e-4

    def at(distance: float) -> Result:
        return engine.compute([0, 1], [[0, 0, 0], [distance, 0, 0]])

    for distance in np.linspace(0.6, 4.6, 57):
        slope = (at(distance + step).energy - at(distance - step).energy) / (2 * step)
        assert -at(distance).forces[1, 0] == pytest.approx(slope, abs=2e-6)
    assert np.abs(at(4.499).forces).max() < 1e-5
    assert np.all(at(4.5001).forces == 0)


def test_first_layer_follows_conditions(tmp_path: Path) -> None:
    path = artifact(tmp_path, {"total_charge_range": (-1, 2), "first_layer_residual": False})
    atoms = structure("OHH" * 12 + "CHOO")
    index = [["O", "C", "H"].index(symbol) for symbol in atoms.get_chemical_symbols()]
    engines = [Engine(path, ["O", "C", "H"], precision="double", tables=tables, threads=1) for tables in (False, True)]
    energies = []
    for charge in (-1, 2):
        results = []
        for engine in engines:
            engine.set_condition("total_charge", charge)
            results.append(engine.compute(index, atoms.positions, atoms.cell.array, atoms.pbc))
        assert 0 < np.abs(results[0].forces - results[1].forces).max() < FORCE
        energies.append(results[1].energy)
    assert abs(energies[0] - energies[1]) > 1e-3


def test_many_species_keep_the_convolution(tmp_path: Path) -> None:
    """Densities of many species would cost more than the edges."""
    symbols = chemical_symbols[1:40]
    checkpoint = random_checkpoint(
        {"species": symbols, "cutoff": 4.5, "channels": 4, "l_max": 1, "correlation": 2, "avg_num_neighbours": 30.0},
        [Task("default", "none", dict.fromkeys(symbols, 0.0))],
    )
    export(checkpoint, tmp_path / "model.pt")
    atoms = structure("OHH" * 12 + "CHOO")
    found = []
    for tables in (False, True):
        engine = Engine(tmp_path / "model.pt", symbols, precision="double", tables=tables, threads=1)
        index = [symbols.index(symbol) for symbol in atoms.get_chemical_symbols()]
        found.append(engine.compute(index, atoms.positions, atoms.cell.array, atoms.pbc).forces)
        assert engine.describe().tabulated == tables
    assert 0 < np.abs(found[0] - found[1]).max() < FORCE * max(1.0, np.abs(found[0]).max())
