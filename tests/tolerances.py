# SPDX-License-Identifier: MIT
"""How closely two ways to the same number must agree: one table for all tests, with reasons.

The numbers hold for test models with energies of some eV per atom and forces of some eV/angstrom. ``double``,
``mixed`` and ``single`` are the precisions of the artifact (parameters and geometry in float64; float32 parameters,
float64 geometry; both float32). What export and the engine allow on a probe is in ``mlipkit.export.tolerances``.

constants   Coefficients and functions computed twice in float64 by independent code: some ten roundings of 1e-16 on
            numbers up to about 100.
energy      eV per atom. A few thousand operations on numbers of order 1 to 10, rounding 1e-16 or 6e-8 each, partly
            cancelling.
force       eV/angstrom. The same, multiplied by slopes of up to ten per angstrom.
virial      eV. Sums of some hundred products of distance (some angstrom) and force.
mixed differs from single only where coordinates carry the error: distances of 5 angstrom in float32 are rounded to
2e-7 angstrom, and rotated or translated coordinates are rounded anew, so single is allowed five times as much.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tolerance:
    constants: float  # relative to 1
    energy: float  # eV per atom
    force: float  # eV/angstrom
    virial: float  # eV


TOLERANCES = {
    "double": Tolerance(constants=1e-13, energy=1e-10, force=1e-9, virial=1e-8),
    "mixed": Tolerance(constants=1e-6, energy=2e-5, force=2e-4, virial=2e-3),
    "single": Tolerance(constants=1e-6, energy=1e-4, force=1e-3, virial=1e-2),
}

# Central differences with this step (angstrom, or strain) in float64 against derivatives. Their error is step^2/6 times
# a third derivative, for slopes that double within 0.1 angstrom some 1e-7, plus rounding 1e-12/step = 1e-8; relative to
# the largest force or stress of the structure.
DIFFERENCE_STEP = 1e-4
DIFFERENCE_TOLERANCE = 1e-5
