# SPDX-License-Identifier: MIT
"""HDF5 in the layout of SPICE: units, signs, charges, and files of another layout."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from ase.units import Bohr, Hartree
from labelled_samples import Reader
from spice_samples import CONFORMATIONS, MOLECULES, write_spice

from mlipkit.data.errors import DataError
from mlipkit.data.labels import Wanted

CHARGES = Wanted(("energy", "forces"), {"total_charge": {}})


def test_every_conformation_in_our_units(tmp_path: Path, read_file: Reader) -> None:
    written = write_spice(tmp_path / "s.hdf5")
    found = read_file(tmp_path / "s.hdf5", CHARGES, keys={"outputs": {"charges": "mbis_charges"}})
    assert [s.frame for s in found] == list(range(CONFORMATIONS * len(MOLECULES)))
    by_subset = {name: [s for s in found if s.config_type == f"SPICE {name}"] for name in MOLECULES}
    for name, arrays in written.items():
        assert len(by_subset[name]) == CONFORMATIONS
        for k, structure in enumerate(by_subset[name]):
            assert structure.numbers.tolist() == MOLECULES[name][1]
            assert structure.pbc == (False, False, False)
            np.testing.assert_allclose(structure.positions, arrays["conformations"][k] * Bohr, rtol=1e-12)
            assert structure.energy == pytest.approx(arrays["dft_total_energy"][k] * Hartree, rel=1e-12)
            np.testing.assert_allclose(structure.forces, -arrays["dft_total_gradient"][k] * Hartree / Bohr, rtol=1e-12)
            np.testing.assert_array_equal(structure.outputs["charges"].ravel(), arrays["mbis_charges"][k].ravel())


def test_total_charge_is_the_sum_of_formal_charges(tmp_path: Path, read_file: Reader) -> None:
    write_spice(tmp_path / "s.hdf5")
    with h5py.File(tmp_path / "s.hdf5", "a") as file:
        del file["hydroxide/smiles"]
        file["hydroxide"].create_dataset("total_charge", data=-1.0)
    found = read_file(tmp_path / "s.hdf5", CHARGES)
    charges = {s.config_type.removeprefix("SPICE "): s.conditions["total_charge"] for s in found}
    assert charges == {"water": 0.0, "hydroxide": -1.0, "calcium water": 2.0}


@pytest.mark.parametrize(
    ("smiles", "charge"),
    [("[NH3+:1][CH2:2][C:3](=[O:4])[O-:5]", 0), ("[Mg++]", 2), ("[Cl-]", -1), ("[C@@H:5]([N+1])[O-2]", -1), ("CC", 0)],
)
def test_charges_in_smiles(tmp_path: Path, read_file: Reader, smiles: str, charge: float) -> None:
    write_spice(tmp_path / "s.hdf5")
    with h5py.File(tmp_path / "s.hdf5", "a") as file:
        for group in file.values():
            group["smiles"][0] = smiles
    assert read_file(tmp_path / "s.hdf5", CHARGES)[0].conditions["total_charge"] == charge


def test_units_are_those_of_the_file(tmp_path: Path, read_file: Reader) -> None:
    write_spice(tmp_path / "s.hdf5")
    before = read_file(tmp_path / "s.hdf5")
    again = read_file(tmp_path / "s.hdf5", units={"energy": "kcal/mol"})  # of the other files
    assert [s.energy for s in again] == [s.energy for s in before]
    with pytest.raises(DataError, match="states its own units; remove `units`"):
        read_file(tmp_path / "s.hdf5", entry={"units": {"energy": "eV"}})
    with h5py.File(tmp_path / "s.hdf5", "a") as file:
        for group in file.values():
            group["conformations"].attrs["units"] = "angstrom"
    in_angstrom = read_file(tmp_path / "s.hdf5")
    np.testing.assert_allclose(in_angstrom[0].positions, before[0].positions / Bohr)


def test_other_layouts_are_named(tmp_path: Path, read_file: Reader) -> None:
    write_spice(tmp_path / "s.hdf5")
    with h5py.File(tmp_path / "s.hdf5", "a") as file:
        file.move("hydroxide/conformations", "hydroxide/conformation")
    with pytest.raises(DataError, match=r"group 'hydroxide' lacks 'conformations'; did you mean 'conformation'"):
        read_file(tmp_path / "s.hdf5")
    with h5py.File(tmp_path / "flat.h5", "w") as file:
        file["energies"] = np.zeros(3)
    with pytest.raises(DataError, match="group 'energies' is a dataset; expected the layout of SPICE"):
        read_file(tmp_path / "flat.h5")
    (tmp_path / "no.h5").write_text("text")
    with pytest.raises(DataError, match="cannot be read"):
        read_file(tmp_path / "no.h5")
