# SPDX-License-Identifier: MIT
"""A model in both programs, and how closely they must agree.

In float64 the package repeats itself to the last bit; rotating a structure changes its energies by 1e-15 of themselves
and its forces by up to 5e-12 eV/angstrom. So 1e-9 and 1e-8 eV/angstrom, as for other hosts, leave room for rounding and
for nothing else. Stresses are compared at 1e-8 of the virial that they come from: forces times distances of order 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from mace.calculators import MACECalculator
from mace_package import Numbers

from mlipkit import MLIPCalculator

ENERGY, FORCE, VIRIAL = 1e-9, 1e-8, 1e-8  # relative; eV/angstrom; relative


@dataclass
class Specimen:
    """One head of a model of the zoo, in both programs."""

    file: Path  # of the package
    artifact: Path
    theirs: MACECalculator
    ours: MLIPCalculator
    structures: dict[str, Atoms]


def assert_same(ours: Numbers, theirs: Numbers, forces: bool = True) -> None:
    """Raises AssertionError where they differ; ``forces`` False: only energies are compared."""
    assert abs(ours.energy - theirs.energy) <= ENERGY * abs(theirs.energy)
    np.testing.assert_allclose(ours.energies, theirs.energies, rtol=ENERGY, atol=ENERGY)
    if forces:
        np.testing.assert_allclose(ours.forces, theirs.forces, rtol=0, atol=FORCE)
        if theirs.virial is not None:
            size = max(1.0, float(np.abs(theirs.virial).max()))  # eV; structures may happen to be without stress
            np.testing.assert_allclose(ours.virial, theirs.virial, rtol=0, atol=VIRIAL * size)
