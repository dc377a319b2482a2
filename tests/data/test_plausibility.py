# SPDX-License-Identifier: MIT
"""Warnings for labels that are hardly meant; none for data that are merely different."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from labelled_samples import labelled

from mlipkit.data.plausibility import warn_of_implausible, warn_of_references
from mlipkit.data.reference import ReferenceEnergies
from mlipkit.data.structure import Structure


def structures(file: str, n: int = 4, task: str = "pbe", energy: float = 1.0, forces: float = 1.0) -> list[Structure]:
    """Water with random forces and -500 eV per molecule, both times a factor."""
    found = []
    for frame in range(n):
        atoms = labelled(frame)
        found.append(
            Structure(
                numbers=atoms.numbers.astype(np.int64),
                positions=atoms.positions,
                cell=atoms.cell.array,
                pbc=(True, True, True),
                file=file,
                frame=frame,
                task=task,
                energy=energy * (-500.0 + 0.1 * frame),
                forces=forces * atoms.get_forces(),
            )
        )
    return found


def warned(found: list[Structure]) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_implausible(found)
    return [str(entry.message) for entry in caught]


def test_ordinary_data_are_silent() -> None:
    calm = structures("calm.xyz", forces=0.1)
    assert warned(structures("a.xyz") + calm + structures("hot.xyz", forces=1.4)) == []


def test_huge_force_names_file_frame_and_atom() -> None:
    found = structures("a.xyz")
    found[2].forces[1, 0] = -4000.0
    found[3].forces[0, 0] = 500.0
    (text,) = warned(found)
    assert text.startswith("a.xyz, frame 2, atom 1: force of 4000 eV/angstrom (more than 300 in 2 of 4 frames)")


def test_huge_stress_and_energy() -> None:
    found = structures("a.xyz")
    found[1].stress = np.array([1.0, 2.0, 1300.0, 0, 0, 0])
    found[0].energy = -1e9
    assert [text.split(";")[0] for text in warned(found)] == [
        "a.xyz, frame 1: stress of 1300 eV/angstrom^3 (more than 10 in 1 of 1 frames)",
        "a.xyz, frame 0: energy of 3.333e+08 eV/atom (more than 1e+06 in 1 of 4 frames)",
    ]


def test_forces_of_two_files_in_different_units() -> None:
    (text,) = warned(structures("a.xyz") + structures("b.xyz", forces=1 / 0.0433641))
    assert "task 'pbe': RMS forces differ by a factor of 23.1 (about the 23.06 of kcal/mol) between a.xyz" in text
    assert warned(structures("a.xyz") + structures("b.xyz", task="scan", forces=23.0)) == []
    assert warned(structures("a.xyz") + structures("b.xyz", n=2, forces=23.0)) == [], "too few to judge"
    assert warned(structures("a.xyz") + structures("b.xyz", forces=0.0)) == [], "forces by symmetry zero"


def test_energies_of_two_files_in_different_units() -> None:
    (text,) = warned(structures("a.xyz") + structures("b.xyz", energy=1 / 27.2114))
    assert (
        "energies of H2O differ by a factor of 27.2 (about the 27.21 of Hartree) between b.xyz (6.123 eV/atom)" in text
    )
    assert warned(structures("a.xyz") + structures("b.xyz", energy=1.05)) == []


def test_references_of_another_unit() -> None:
    def references(h: float, o: float) -> dict[str, ReferenceEnergies]:
        return {"pbe": ReferenceEnergies({"H": h, "O": o}, {}, [])}

    with pytest.warns(UserWarning, match=r"energies without E0 are -141\.3 eV/atom.*data\.tasks\.pbe\.e0"):
        warn_of_references(structures("a.xyz"), references(-0.5, -75.0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_references(structures("a.xyz"), references(-13.0, -465.0))
