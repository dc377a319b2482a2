# SPDX-License-Identifier: MIT
"""How far a frozen model may be from the float64 reference on the probe: the one table, with reasons.

The numbers hold for forces up to 1 eV/angstrom. Rounding grows with the size of what is rounded, so they are multiplied
by the largest reference force of the probe where that is larger (close atoms, strong models).

double  Same arithmetic in another order: some thousand roundings of 1e-16. CPUs show 1e-14 of the largest force.
mixed   Geometry in float64, network in float32, roundings of 6e-8: CPUs show up to 3e-6 of the largest force.
single  Geometry in float32 too: distances of some angstrom are rounded to 2e-7 angstrom, which the repulsive wall and
        the spherical harmonics turn into forces; CPUs show about the same as for mixed.
The margin of ten or more is for devices that sum in another order.
"""

from __future__ import annotations

from mlipkit.export.manifest import Differences

TOLERANCES = {
    "double": Differences(energy_per_atom=1e-9, force=1e-8, virial=1e-7),
    "mixed": Differences(energy_per_atom=1e-5, force=5e-5, virial=5e-4),
    "single": Differences(energy_per_atom=2e-5, force=1e-4, virial=1e-3),
}


def tolerance(precision: str, largest_force: float) -> Differences:
    """Tolerances of a precision for a probe whose largest reference force is ``largest_force`` (eV/angstrom)."""
    factor = max(1.0, largest_force)
    table = TOLERANCES[precision]
    return Differences(
        energy_per_atom=table.energy_per_atom * factor, force=table.force * factor, virial=table.virial * factor
    )
