# SPDX-License-Identifier: MIT
"""Charge, multiplicity and number of electrons fit each other, or the data are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from ase import Atoms
from ase.io import write
from labelled_samples import Reader, labelled

from mlipkit.data.charge_spin import check_charge_sums
from mlipkit.data.errors import DataError
from mlipkit.data.labels import Wanted

BOTH = Wanted(("energy", "forces"), {"total_charge": {}, "spin_multiplicity": {"default": 1.0}})


def water(**info: float) -> Atoms:
    """Ten electrons where neutral."""
    atoms = labelled(symbols="OHH", cell=None)
    atoms.info.update(info)
    return atoms


@pytest.mark.parametrize(("charge", "multiplicity"), [(0, 1), (0, 3), (1, 2), (-1, 2), (-1, 4), (9, 2), (10, 1)])
def test_states_that_exist(charge: int, multiplicity: int, tmp_path: Path, read_file: Reader) -> None:
    write(tmp_path / "a.extxyz", [water(total_charge=charge, spin_multiplicity=multiplicity)])
    (structure,) = read_file(tmp_path / "a.extxyz", BOTH)
    assert structure.conditions == {"total_charge": charge, "spin_multiplicity": multiplicity}


@pytest.mark.parametrize(
    ("charge", "multiplicity", "fitting"),
    [(0, 2, "odd and at most 11"), (1, 1, "even and at most 10"), (0, 13, "odd and at most 11"), (9, 3, "even")],
)
def test_states_that_do_not(charge: int, multiplicity: int, fitting: str, tmp_path: Path, read_file: Reader) -> None:
    write(tmp_path / "a.extxyz", [water(total_charge=charge, spin_multiplicity=multiplicity)])
    expected = (
        rf"a\.extxyz, frame 0: total_charge {charge} leaves {10 - charge} electrons, which cannot have "
        rf"spin_multiplicity {multiplicity}: it must be {fitting}"
    )
    with pytest.raises(DataError, match=expected):
        read_file(tmp_path / "a.extxyz", BOTH)


def test_one_condition_alone_says_nothing(tmp_path: Path, read_file: Reader) -> None:
    write(tmp_path / "a.extxyz", [water(total_charge=0, spin_multiplicity=2)])
    for name in ("total_charge", "spin_multiplicity"):
        assert len(read_file(tmp_path / "a.extxyz", Wanted(("energy", "forces"), {name: {}}))) == 1


def test_isolated_atoms_that_only_give_e0_take_any_default(tmp_path: Path, read_file: Reader) -> None:
    hydrogen = Atoms("H", info={"energy": -13.6, "config_type": "IsolatedAtom", "total_charge": 0})
    write(tmp_path / "a.extxyz", [hydrogen])
    assert len(read_file(tmp_path / "a.extxyz", BOTH)) == 1
    with pytest.raises(DataError, match="1 electrons, which cannot have spin_multiplicity 1"):
        read_file(tmp_path / "a.extxyz", BOTH, keep_isolated_atoms=True)


def test_labels_of_charges_sum_to_the_total_charge(tmp_path: Path, read_file: Reader) -> None:
    atoms = water(total_charge=1)
    atoms.set_array("q", atoms.positions[:, 0] * 0 + [0.4, 0.3, 0.26])
    write(tmp_path / "a.extxyz", [atoms])
    charged = Wanted(("energy", "forces"), {"total_charge": {}})
    keys = {"keys": {"outputs": {"charges": "q"}}}
    structures = read_file(tmp_path / "a.extxyz", charged, **keys)
    check_charge_sums(structures, ["charges"])
    structures[0].conditions["total_charge"] = 0.0
    with pytest.raises(DataError, match=r"labels of output 'charges' sum to 0\.960 e, but total_charge is 0"):
        check_charge_sums(structures, ["charges"])
    neutral = read_file(tmp_path / "a.extxyz", **keys)
    with pytest.raises(DataError, match=r"takes no total_charge; set model\.total_charge_range"):
        check_charge_sums(neutral, ["charges"])
    check_charge_sums(neutral, [])
