# SPDX-License-Identifier: MIT
"""Files to structures: formats, keys, units, signs, conditions, and one clear message for each mistake."""

from __future__ import annotations

import bz2
import gzip
import lzma
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import write
from labelled_samples import Reader, labelled

from mlipkit.data.errors import DataError
from mlipkit.data.labels import Wanted


def with_keys(atoms: Atoms, prefix: str = "REF_") -> Atoms:
    """The same labels under names that ASE does not know."""
    plain = atoms.copy()
    plain.info[f"{prefix}energy"] = atoms.get_potential_energy()
    plain.arrays[f"{prefix}forces"] = atoms.get_forces()
    plain.info[f"{prefix}virial"] = -atoms.get_volume() * atoms.get_stress(voigt=False)
    return plain


def test_standard_keys(tmp_path: Path, read_file: Reader) -> None:
    frames = [labelled(seed) for seed in range(3)]
    write(tmp_path / "a.extxyz", frames)
    found = read_file(tmp_path / "a.extxyz", Wanted(("energy", "forces", "stress")))
    assert [s.frame for s in found] == [0, 1, 2]
    for structure, atoms in zip(found, frames, strict=True):
        assert structure.energy == pytest.approx(atoms.get_potential_energy(), abs=1e-9)
        np.testing.assert_allclose(structure.forces, atoms.get_forces(), atol=1e-7)
        full = atoms.get_stress(voigt=False)
        expected = [full[0, 0], full[1, 1], full[2, 2], full[0, 1], full[0, 2], full[1, 2]]
        np.testing.assert_allclose(structure.stress, expected, atol=1e-9)
        assert structure.config_type == "liquid"
        np.testing.assert_allclose(structure.to_atoms().get_stress(), atoms.get_stress(), atol=1e-9)


@pytest.mark.parametrize("suffix", ["xz", "gz", "bz2"])
def test_compressed(tmp_path: Path, read_file: Reader, suffix: str) -> None:
    write(tmp_path / "a.extxyz", [labelled(0), labelled(1)])
    opener = {"xz": lzma.open, "gz": gzip.open, "bz2": bz2.open}[suffix]
    with opener(tmp_path / f"a.extxyz.{suffix}", "wb") as stream:
        stream.write((tmp_path / "a.extxyz").read_bytes())
    plain = read_file(tmp_path / "a.extxyz")
    packed = read_file(tmp_path / f"a.extxyz.{suffix}")
    assert [s.energy for s in packed] == [s.energy for s in plain]


def test_other_format_of_ase(tmp_path: Path, read_file: Reader) -> None:
    write(tmp_path / "a.traj", [labelled(0), labelled(1)])
    assert read_file(tmp_path / "a.traj")[1].energy == pytest.approx(labelled(1).get_potential_energy())


def test_own_keys_and_virial_sign(tmp_path: Path, read_file: Reader) -> None:
    atoms = labelled()
    write(tmp_path / "a.extxyz", with_keys(atoms))
    keys = {"energy": "REF_energy", "forces": "REF_forces", "virial": "REF_virial"}
    (found,) = read_file(tmp_path / "a.extxyz", Wanted(("energy", "forces", "stress")), keys=keys)
    (standard,) = read_file_of(tmp_path, read_file, atoms)
    assert found.energy == pytest.approx(standard.energy)
    np.testing.assert_allclose(found.forces, standard.forces, atol=1e-7)
    np.testing.assert_allclose(found.stress, standard.stress, atol=1e-8)


def read_file_of(folder: Path, read_file: Reader, *frames: Atoms) -> list:
    write(folder / "standard.extxyz", list(frames))
    return read_file(folder / "standard.extxyz")


def test_units_and_pressure_sign(tmp_path: Path, read_file: Reader) -> None:
    atoms = labelled()
    write(tmp_path / "a.extxyz", atoms)
    units = {"energy": "Hartree", "length": "Bohr", "stress": "GPa"}
    (plain,) = read_file(tmp_path / "a.extxyz")
    (found,) = read_file(tmp_path / "a.extxyz", units=units, entry={"stress_sign": "pressure"})
    assert found.energy == pytest.approx(27.211386 * plain.energy, rel=1e-6)
    np.testing.assert_allclose(found.positions, 0.52917721 * plain.positions, rtol=1e-6)
    np.testing.assert_allclose(found.cell, 0.52917721 * plain.cell, rtol=1e-6)
    np.testing.assert_allclose(found.forces, 51.422067 * plain.forces, rtol=1e-6)
    np.testing.assert_allclose(found.stress, -6.2415091e-3 * plain.stress, rtol=1e-6)


def test_frames_and_keys_of_one_file(tmp_path: Path, read_file: Reader) -> None:
    write(tmp_path / "a.extxyz", [with_keys(labelled(seed)) for seed in range(6)])
    keys = {"energy": "REF_energy", "forces": "REF_forces", "stress": None}
    found = read_file(tmp_path / "a.extxyz", entry={"frames": "1::2", "keys": keys})
    assert [s.frame for s in found] == [1, 3, 5]
    assert found[0].stress is None


def test_mixed_periodicity(tmp_path: Path, read_file: Reader) -> None:
    slab, molecule = labelled(0), labelled(1, cell=None)
    slab.pbc = (True, True, False)
    write(tmp_path / "a.extxyz", [slab, molecule])
    found = read_file(tmp_path / "a.extxyz", Wanted(("energy", "forces", "stress")))
    assert [s.pbc for s in found] == [(True, True, False), (False, False, False)]
    assert all(s.stress is None and np.isnan(s.volume) for s in found)


def test_missing_key_names_file_frame_and_what_is_there(tmp_path: Path, read_file: Reader) -> None:
    frames = [labelled(0), labelled(1)]
    del frames[1].calc.results["forces"]
    write(tmp_path / "a.extxyz", frames)
    with pytest.raises(DataError, match=r"a\.extxyz, frame 1: no forces under key 'forces'; keys present: .*energy"):
        read_file(tmp_path / "a.extxyz")
    found = read_file(tmp_path / "a.extxyz", entry={"incomplete": ["forces"]})
    assert found[0].forces is not None
    assert found[1].forces is None
    with pytest.raises(DataError, match="no energy under key 'Energy'; keys present: config_type, energy, forces"):
        read_file(tmp_path / "a.extxyz", keys={"energy": "Energy"})


def test_isolated_atoms_need_no_forces(tmp_path: Path, read_file: Reader) -> None:
    marked = Atoms("H", cell=[9, 9, 9], pbc=True, info={"config_type": "IsolatedAtom", "energy": -13.0})
    alone = Atoms("O", info={"energy": -430.0})
    write(tmp_path / "a.extxyz", [marked, alone])
    assert [s.energy for s in read_file(tmp_path / "a.extxyz")] == [-13.0, -430.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.calc.results.update(energy=np.nan), "frame 1: energy holds NaN"),
        (
            lambda a: a.calc.results["forces"].__setitem__((2, 1), np.inf),
            "frame 1: forces of atom 2 holds NaN or infinity",
        ),
        (lambda a: a.positions.__setitem__((0, 0), np.nan), "frame 1: the position of atom 0 holds NaN"),
        (lambda a: a.cell.__setitem__((0, 0), np.inf), "frame 1: the cell holds NaN"),
        (lambda a: a.calc.results["stress"].__setitem__(3, np.nan), "frame 1: stress holds NaN"),
        (lambda a: a.set_cell(np.diag([5.0, 5.0, 0.0])), "frame 1: periodic in a direction without a cell vector"),
        (
            lambda a: a.set_cell([[5, 0, 0], [0, 5, 0], [5, 5, 0]]),
            "frame 1: the cell vectors of .* are linearly dependent",
        ),
        (lambda a: a.numbers.__setitem__(0, 0), "frame 1: atom 0 is of no known element"),
    ],
)
def test_broken_frames(tmp_path: Path, read_file: Reader, change, message: str) -> None:  # type: ignore[no-untyped-def]
    broken = labelled(1)
    change(broken)
    write(tmp_path / "a.extxyz", [labelled(0), broken])
    with pytest.raises(DataError, match=message):
        read_file(tmp_path / "a.extxyz")


def test_wrong_shapes(tmp_path: Path, read_file: Reader) -> None:
    atoms = labelled()
    atoms.info["vector"] = np.arange(3.0)
    atoms.arrays["scalar"] = np.arange(3.0)
    atoms.info["tensor"] = np.arange(9.0).reshape(3, 3)
    write(tmp_path / "a.extxyz", atoms)
    for keys, message in [
        ({"energy": "vector"}, r"energy has shape \[3\], expected one number"),
        ({"forces": "scalar"}, r"forces has shape \[3\], expected \[3, 3\]"),
        ({"stress": "vector"}, r"stress has shape \[3\], expected \[6\] or \[3, 3\]"),
        ({"stress": "tensor"}, "stress under key 'tensor' is not symmetric"),
        ({"energy": "config_type"}, "energy is not numeric"),
    ]:
        with pytest.raises(DataError, match=message):
            read_file(tmp_path / "a.extxyz", keys=keys)


def test_empty_missing_and_broken_files(tmp_path: Path, read_file: Reader) -> None:
    (tmp_path / "empty.extxyz").write_text("")
    with pytest.raises(DataError, match="is empty"):
        read_file(tmp_path / "empty.extxyz")
    with pytest.raises(DataError, match="does not exist"):
        read_file(tmp_path / "nothing.extxyz")
    (tmp_path / "broken.extxyz").write_text("3\nProperties=species:S:1:pos:R:3\nO 0 0\n")
    with pytest.raises(DataError, match=r"broken\.extxyz, frame 0 \(line 1\) .* 3 atoms, but the file ends after 1"):
        read_file(tmp_path / "broken.extxyz")
    (tmp_path / "text.xz").write_text("not compressed")
    with pytest.raises(DataError, match=r"text\.xz cannot be read"):
        read_file(tmp_path / "text.xz", entry={"format": "extxyz"})
    write(tmp_path / "a.extxyz", labelled())
    with pytest.raises(DataError, match="no frame in"):
        read_file(tmp_path / "a.extxyz", entry={"frames": "5:"})


def test_conditions_tasks_outputs_and_weights(tmp_path: Path, read_file: Reader) -> None:
    ion, plain = labelled(0, config_type="ion"), labelled(1)
    ion.info.update(charge=-1, level="b3lyp")
    plain.info.update(level="pbe")
    for atoms in (ion, plain):
        atoms.arrays["q"] = np.linspace(-1, 1, len(atoms))
    write(tmp_path / "a.extxyz", [ion, plain])
    options = {
        "keys": {"total_charge": "charge", "task": "level", "outputs": {"charges": "q"}},
        "tasks": {"pbe": {"defaults": {"total_charge": 0}}, "b3lyp": {}},
        "config_type_weights": {"ion": 3.0},
        "entry": {"weight": 2.0},
    }
    wanted = Wanted(("energy",), {"total_charge": {"pbe": 0.0}})
    found = read_file(tmp_path / "a.extxyz", wanted, **options)
    assert [s.conditions for s in found] == [{"total_charge": -1.0}, {"total_charge": 0.0}]
    assert [s.task for s in found] == ["b3lyp", "pbe"]
    assert [s.weight for s in found] == [6.0, 2.0]
    np.testing.assert_allclose(found[0].outputs["charges"], [-1, 0, 1])
    with pytest.raises(DataError, match="frame 1: the model needs total_charge, but there is none under key 'charge'"):
        read_file(tmp_path / "a.extxyz", Wanted(("energy",), {"total_charge": {}}), **options)
    options["tasks"] = {"pbe": {}, "scan": {}}
    with pytest.raises(DataError, match="unknown task 'b3lyp'"):
        read_file(tmp_path / "a.extxyz", wanted, **options)


def test_contradictory_keys() -> None:
    from pydantic import ValidationError

    from mlipkit.data.keys import Keys

    with pytest.raises(ValidationError, match="contradictory"):
        Keys(stress="s", virial="v")
    assert Keys(virial="v").stress is None


def text_of(n_frames: int) -> str:
    return "".join(
        f'2\nProperties=species:S:1:pos:R:3 energy=-{k}.0 pbc="F F F"\nH 0 0 0\nH 0 0 0.8\n' for k in range(n_frames)
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            text_of(3).replace("-1.0 pbc", "-1.0 pbc", 1)[:-12],
            r"frame 2 \(line 9\) .* 2 atoms, but the file ends after 1",
        ),
        (text_of(2).replace("H 0 0 0.8\n2", "H 0 0 x\n2", 1), r"frame 0 \(line 1\) cannot be read \(ValueError"),
        (text_of(1) + text_of(1).replace("H 0 0 0\n", ""), r"frame 1 \(line 5\) .* 2 atoms, but the file ends after 1"),
        (text_of(1) + "\n" + text_of(1), r"frame 1 \(line 5\): an empty line, but more text at line 6; remove"),
        (text_of(1) + "3" + text_of(2)[1:], r"frame 2 \(line 10\) .* expected a number of atoms, found 'Properties"),
        ("-1\n\n", r"frame 0 \(line 1\) cannot be read: expected a number of atoms, found '-1'"),
        ("energy of water\n", r"frame 0 \(line 1\) .* found 'energy of water'; is it extended XYZ"),
        ("0\nenergy=1.0\n", "frame 0: no atoms; remove the frame"),
    ],
)
def test_broken_text_names_frame_and_line(tmp_path: Path, read_file: Reader, text: str, message: str) -> None:
    (tmp_path / "a.extxyz").write_text(text)
    with pytest.raises(DataError, match=message):
        read_file(tmp_path / "a.extxyz", Wanted())


def test_empty_lines_at_the_end_are_fine(tmp_path: Path, read_file: Reader) -> None:
    (tmp_path / "a.extxyz").write_text(text_of(2) + "\n  \n")
    assert [s.energy for s in read_file(tmp_path / "a.extxyz", Wanted())] == [0.0, -1.0]


def test_outputs_that_some_frames_lack(tmp_path: Path, read_file: Reader) -> None:
    frames = [labelled(0), labelled(1)]
    frames[0].arrays["q"] = np.array([0.1, np.nan, 0.2])
    keys = {"outputs": {"charges": "q"}}
    write(tmp_path / "a.extxyz", frames)
    with pytest.raises(DataError, match="frame 0: output 'charges' of atom 1 holds NaN"):
        read_file(tmp_path / "a.extxyz", keys=keys)
    frames[0].arrays["q"][1] = 0.0
    write(tmp_path / "a.extxyz", frames)
    with pytest.raises(
        DataError, match=r"frame 1: no values for output 'charges' .* list 'charges' under `incomplete`"
    ):
        read_file(tmp_path / "a.extxyz", keys=keys)
    found = read_file(tmp_path / "a.extxyz", keys=keys, entry={"incomplete": ["charges"]})
    assert [list(s.outputs) for s in found] == [["charges"], []]
    frames[1].arrays["q"] = np.array(["a", "b", "c"])
    write(tmp_path / "a.extxyz", frames[1])
    with pytest.raises(DataError, match="frame 0: output 'charges' is not numeric"):
        read_file(tmp_path / "a.extxyz", keys=keys)
