# SPDX-License-Identifier: MIT
"""Labels by tight binding, GFN2-xTB (Bannwarth et al., J. Chem. Theory Comput. 15, 1652, 2019), for accuracy studies.

Real quantum chemistry at a hundredth of a second per molecule: ``pip install tblite``. Open shells are spin-polarised
(spGFN2-xTB, Neugebauer et al., J. Comput. Chem. 44, 2120, 2023).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from accuracy.fitting import frames_of, write_frames


def labelled(
    path: Path, frames: Sequence[Atoms], charge: int = 0, multiplicity: int = 1, spin_polarised: bool = False
) -> list[Atoms]:
    """Frames with energy and forces, total_charge and spin_multiplicity, and atomic charges ``q``; made once.

    Args:
        path: where the labelled frames are kept; they are taken from there when they are of these geometries.
        frames: geometries; their own labels are left out.
        charge: total charge, e.
        multiplicity: 2S+1.
        spin_polarised: add the spin polarisation, also where the multiplicity is 1.
    """
    if path.is_file():
        kept = frames_of(path)
        if len(kept) == len(frames) and all(
            (old.numbers == new.numbers).all() and abs(old.positions - new.positions).max() < 1e-6
            for old, new in zip(kept, frames, strict=True)
        ):
            return kept
    found = [_labelled(atoms, charge, multiplicity, spin_polarised) for atoms in frames]
    write_frames(path, found)
    return found


def _labelled(atoms: Atoms, charge: int, multiplicity: int, spin_polarised: bool) -> Atoms:
    from tblite.ase import TBLite

    bare = Atoms(atoms.numbers, positions=atoms.positions, pbc=False)
    calculator = TBLite(
        method="GFN2-xTB",
        charge=charge,
        multiplicity=multiplicity,
        accuracy=0.1,
        verbosity=0,
        **({"spin_polarization": 1.0} if spin_polarised else {}),
    )
    bare.calc = calculator
    results = {"energy": bare.get_potential_energy(), "forces": bare.get_forces()}
    charges = bare.get_charges()
    bare.calc = SinglePointCalculator(bare, **results)
    bare.set_array("q", charges)
    bare.info.update(total_charge=charge, spin_multiplicity=multiplicity)
    return bare
