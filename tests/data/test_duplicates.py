# SPDX-License-Identifier: MIT
"""Copies are recognised whatever was done to them; what merely looks alike is kept."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from labelled_samples import labelled
from scipy.spatial.transform import Rotation

from mlipkit.data.config import FilterConfig
from mlipkit.data.duplicates import Duplicates
from mlipkit.data.errors import DataError
from mlipkit.data.filters import Filters
from mlipkit.data.structure import Structure


def structure(seed: int, cell: float | None = 6.0, symbols: str = "OHHOHHOHH", **changes: object) -> Structure:
    atoms = labelled(seed, symbols, cell)
    found = Structure(
        numbers=atoms.numbers.astype(np.int64),
        positions=atoms.positions,
        cell=np.array(atoms.cell),
        pbc=(cell is not None,) * 3,
        file="a.xyz",
        frame=seed,
        task="default",
        energy=atoms.get_potential_energy(),
        forces=atoms.get_forces(),
    )
    return dataclasses.replace(found, **changes)


def rotated(s: Structure) -> Structure:
    turn = Rotation.from_euler("xyz", [0.3, 1.1, -0.7]).as_matrix()
    return dataclasses.replace(s, positions=s.positions @ turn, cell=s.cell @ turn)


def permuted(s: Structure) -> Structure:
    order = np.random.default_rng(1).permutation(len(s))
    return dataclasses.replace(s, numbers=s.numbers[order], positions=s.positions[order])


def moved(s: Structure) -> Structure:
    """Shifted, and each atom wrapped by other cell vectors (nothing without a cell)."""
    images = np.random.default_rng(2).integers(-2, 3, (len(s), 3))
    return dataclasses.replace(s, positions=s.positions + np.array([0.4, -3.0, 1.1]) + images @ s.cell)


def rounded(s: Structure) -> Structure:
    return dataclasses.replace(s, positions=s.positions.round(5), cell=s.cell.round(5))


def mirrored(s: Structure) -> Structure:
    return dataclasses.replace(s, positions=-s.positions, cell=s.cell)


@pytest.mark.parametrize("cell", [6.0, None])
@pytest.mark.parametrize("change", [rotated, permuted, moved, rounded, mirrored])
def test_copies_are_seen(cell: float | None, change) -> None:  # type: ignore[no-untyped-def]
    known = Duplicates()
    originals = [structure(seed, cell) for seed in range(10)]
    assert [known.seen(s) for s in originals] == [False] * 10
    assert [known.seen(change(s)) for s in originals] == [True] * 10
    assert known.contradictory == 0


@pytest.mark.parametrize("cell", [6.0, None])
def test_neighbouring_frames_of_dynamics_are_not_copies(cell: float | None) -> None:
    """Atoms moved by a few thousandths of an angstrom, as in a step of half a femtosecond."""
    known, random = Duplicates(), np.random.default_rng(0)
    for seed in range(50):
        s = structure(seed, cell)
        assert not known.seen(s)
        assert not known.seen(dataclasses.replace(s, positions=s.positions + random.normal(0, 0.003, (len(s), 3))))


@pytest.mark.parametrize("cell", [60.0, None])
def test_rigid_molecules_far_apart(cell: float | None) -> None:
    """A scan of the distance between two molecules beyond the reach of the pair sums."""
    known = Duplicates()
    water = structure(0, cell, "OHH")
    for distance in (7.0, 9.0, 12.0, 15.0):
        second = water.positions + np.array([distance, 0.0, 0.0])
        both = dataclasses.replace(
            water,
            numbers=np.concatenate([water.numbers, water.numbers]),
            positions=np.concatenate([water.positions, second]),
            forces=None,
        )
        assert not known.seen(both)


def test_other_charges_tasks_and_elements_are_not_copies() -> None:
    known, s = Duplicates(), structure(0)
    assert not known.seen(s)
    assert not known.seen(dataclasses.replace(s, task="other"))
    assert not known.seen(dataclasses.replace(s, conditions={"total_charge": 1.0}))
    assert not known.seen(dataclasses.replace(s, numbers=np.where(s.numbers == 8, 16, s.numbers)))
    assert known.seen(dataclasses.replace(s, energy=s.energy + 1.0))
    assert known.contradictory == 1


def test_filters_count_what_they_remove() -> None:
    config = FilterConfig(max_force=3.0, energy_window=(-1.0, 1.0), duplicates="drop")
    filters = Filters(config, {"default": {"O": -10.0, "H": -10.0}})
    calm = structure(0)
    calm.forces[:] = 0.1
    loud = structure(1)
    loud.forces[4] = [2.0, 2.0, 2.0]  # each component below the limit, the vector above
    high = dataclasses.replace(calm, positions=calm.positions * 1.1, energy=calm.energy + 20.0)
    isolated = dataclasses.replace(structure(2, None, "H"), energy=500.0)
    isolated.forces[:] = 50.0
    found = [filters.keeps(s) for s in (calm, loud, high, rotated(calm), isolated, isolated)]
    assert found == [True, False, False, False, True, True]
    assert filters.removed == {"max_force": 1, "energy_window": 1, "duplicates": 1}
    assert [line.split(" (")[0] for line in filters.lines()] == [
        "dropped: 1 structures whose largest force exceeds 3.0 eV/angstrom",
        "dropped: 1 structures with energies outside",
        "dropped: 1 structures that came before",
    ]
    with pytest.raises(DataError, match=r"energy_window needs E0 of O in task 'default': set data\.tasks\.default\.e0"):
        Filters(config, {}).keeps(calm)
