# SPDX-License-Identifier: MIT
"""Units of data files, converted to eV and angstrom with the constants of ``ase.units``.

An expression is a product of units: ``eV``, ``kcal/mol/angstrom``, ``Hartree/Bohr``, ``GPa``, ``eV/angstrom^3``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ase import units as ase_units

from mlipkit.data.errors import DataError, nearest

# Value in eV, angstrom and particles, and the powers of (energy, length, amount).
_UNITS: dict[str, tuple[float, tuple[int, int, int]]] = {
    "eV": (1.0, (1, 0, 0)),
    "meV": (1e-3, (1, 0, 0)),
    "Hartree": (ase_units.Hartree, (1, 0, 0)),
    "Rydberg": (ase_units.Rydberg, (1, 0, 0)),
    "kJ": (ase_units.kJ, (1, 0, 1)),  # macroscopic: only an amount makes them an energy of a particle
    "kcal": (ase_units.kcal, (1, 0, 1)),
    "angstrom": (1.0, (0, 1, 0)),
    "Bohr": (ase_units.Bohr, (0, 1, 0)),
    "nm": (ase_units.nm, (0, 1, 0)),
    "mol": (ase_units.mol, (0, 0, 1)),
    "Pa": (ase_units.Pascal, (1, -3, 0)),
    "MPa": (1e6 * ase_units.Pascal, (1, -3, 0)),
    "GPa": (ase_units.GPa, (1, -3, 0)),
    "bar": (ase_units.bar, (1, -3, 0)),
    "kbar": (1e3 * ase_units.bar, (1, -3, 0)),
    "atm": (101325.0 * ase_units.Pascal, (1, -3, 0)),
}
_ALIASES = {"ha": "Hartree", "ry": "Rydberg", "a": "angstrom", "ang": "angstrom", "å": "angstrom", "kb": "kbar"}
_BY_FOLDED = {name.casefold(): name for name in _UNITS} | _ALIASES
_TOKEN = re.compile(r"\s*([*/])?\s*([A-Za-zÅå]+)\s*(?:\^|\*\*)?\s*(-?\d+)?")

ENERGY, LENGTH, FORCE, STRESS = (1, 0, 0), (0, 1, 0), (1, -1, 0), (1, -3, 0)
_EXAMPLES = {
    ENERGY: "eV, kcal/mol, kJ/mol or Hartree",
    LENGTH: "angstrom, Bohr or nm",
    FORCE: "eV/angstrom, kcal/mol/angstrom or Hartree/Bohr",
    STRESS: "eV/angstrom^3, GPa or kbar",
}


@dataclass(frozen=True)
class Factors:
    """Factors that turn the numbers of a file into eV, angstrom, eV/angstrom and eV/angstrom^3."""

    energy: float = 1.0
    length: float = 1.0
    forces: float = 1.0
    stress: float = 1.0
    virial: float = 1.0


def factor(expression: str, dimension: tuple[int, int, int], name: str) -> float:
    """Value of a unit expression in eV and angstrom.

    Args:
        expression: such as ``kcal/mol/angstrom``; upper and lower case do not matter.
        dimension: powers of energy, length and amount that it must have.
        name: of the quantity, for the message.

    Raises:
        DataError: unknown unit, or one of another quantity.
    """
    value, powers, position = 1.0, (0, 0, 0), 0
    text = expression.strip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or (position == 0) == bool(match[1]):
            raise DataError(f"unit {expression!r} of {name} cannot be read; examples: {_EXAMPLES[dimension]}")
        unit = _BY_FOLDED.get(match[2].casefold())
        if unit is None:
            raise DataError(
                f"unknown unit {match[2]!r} in {expression!r} of {name}{nearest(match[2], _UNITS)} "
                f"(known: {', '.join(_UNITS)})"
            )
        power = int(match[3] or 1) * (-1 if match[1] == "/" else 1)
        unit_value, unit_powers = _UNITS[unit]
        value *= unit_value**power
        powers = tuple(have + power * more for have, more in zip(powers, unit_powers, strict=True))  # type: ignore[assignment]
        position = match.end()
    if powers != dimension:
        raise DataError(f"{expression!r} is not a unit of {name}; examples: {_EXAMPLES[dimension]}")
    return value


def is_pressure(expression: str) -> bool:
    """Whether it is a unit of pressure by itself, such as GPa, rather than energy / length^3."""
    name = _BY_FOLDED.get(expression.strip().casefold())
    return name is not None and _UNITS[name][1] == STRESS
