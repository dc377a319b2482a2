# SPDX-License-Identifier: MIT
"""How far a frozen model may be from the float64 reference on the probe: the one table, with reasons.

The numbers hold for forces of the order of 1 eV/angstrom. Rounding grows with the size of what is rounded, so they are
multiplied by the largest reference force of the probe where that is larger (close atoms, strong models).

double  Same arithmetic in another order: a few hundred operations at 2e-16 each, on energies of some eV.
mixed   Geometry in float64, network in float32 (6e-8 per operation): errors are those of the network alone.
single  Geometry in float32 too. Distances of some angstrom carry 2e-7 angstrom, which the repulsive wall and the
        spherical harmonics turn into forces.
All leave about a factor of ten over what CPUs show, for devices that sum in another order.
"""

from __future__ import annotations

from mlipkit.export.manifest import Differences

TOLERANCES = {
    "double": Differences(energy_per_atom=1e-9, force=1e-8, virial=1e-7),
    "mixed": Differences(energy_per_atom=1e-5, force=1e-4, virial=1e-3),
    "single": Differences(energy_per_atom=2e-5, force=2e-4, virial=2e-3),
}


def tolerance(precision: str, largest_force: float) -> Differences:
    """Tolerances of a precision for a probe whose largest reference force is ``largest_force`` (eV/angstrom)."""
    factor = max(1.0, largest_force)
    table = TOLERANCES[precision]
    return Differences(
        energy_per_atom=table.energy_per_atom * factor, force=table.force * factor, virial=table.virial * factor
    )
