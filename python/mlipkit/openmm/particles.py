# SPDX-License-Identifier: MIT
"""Which particles a model describes: their chemical symbols, molecules and periodicity, from lists or a topology."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from pathlib import Path

from openmm import app


def particles(
    symbols: Sequence[str] | None, topology: app.Topology | None, atoms: Iterable[int] | None
) -> tuple[list[int] | None, list[str]]:
    """Indices of the particles, None for all of the System, and the chemical symbol of each."""
    if (symbols is None) == (topology is None):
        raise ValueError("give either symbols=[...], one chemical symbol per particle, or topology=")
    chosen = None if atoms is None else indices(atoms, None if topology is None else topology.getNumAtoms())
    if topology is not None:
        return chosen, _elements(topology, chosen)
    assert symbols is not None
    if isinstance(symbols, app.Topology):
        raise ValueError("a topology is given by name: MLIPForce(model, topology=...)")
    if isinstance(symbols, str):
        raise ValueError(f"symbols is the text {symbols!r}; give a list, one chemical symbol per particle: ['O', 'H']")
    if chosen is not None and len(symbols) != len(chosen):
        raise ValueError(
            f"symbols names {len(symbols)} particles, atoms {len(chosen)}; give one symbol for each index, in one order"
        )
    return chosen, [str(symbol) for symbol in symbols]


def indices(atoms: Iterable[int], count: int | None) -> list[int]:
    """Atoms as a list, checked; ``count`` is their number in the topology, where there is one."""
    try:
        found = [operator.index(atom) for atom in atoms]
    except TypeError as error:
        raise ValueError(
            f"atoms must be indices of particles ({error}); of atoms of a topology: [atom.index for atom in ...]"
        ) from None
    if not found:
        raise ValueError("atoms names no particle; leave it out for all particles of the System")
    twice = {atom for atom in found if found.count(atom) > 1} if len(set(found)) < len(found) else set()
    if twice:
        raise ValueError(f"atoms names particle {min(twice)} twice; name each particle once")
    if count is not None and (min(found) < 0 or max(found) >= count):
        raise ValueError(f"atoms names indices {min(found)} to {max(found)}, the topology has {count} atoms")
    return found


def _elements(topology: app.Topology, chosen: list[int] | None) -> list[str]:
    known = list(topology.atoms())
    found = known if chosen is None else [known[index] for index in chosen]
    for atom in found:
        if atom.element is None:
            raise ValueError(
                f"{named(atom)} has no element: a model cannot describe virtual sites and other particles without one; "
                "leave it out of atoms=[...], or set atom.element"
            )
    return [atom.element.symbol for atom in found]


def named(atom: app.topology.Atom) -> str:
    """An atom as messages name it."""
    return f"atom {atom.index} ({atom.name} of residue {atom.residue.name} {atom.residue.id})"


def bonds(topology: app.Topology | None, chosen: list[int] | None) -> list[tuple[int, int]]:
    """Bonds of the topology between particles of the model."""
    if topology is None:
        return []
    inside = None if chosen is None else set(chosen)
    pairs = [(bond[0].index, bond[1].index) for bond in topology.bonds()]
    return [pair for pair in pairs if inside is None or inside.issuperset(pair)]


def require_species(symbols: list[str], known: list[str], model: str | Path, chosen: list[int] | None) -> None:
    """Raises ValueError for elements that the model lacks."""
    missing = sorted(set(symbols) - set(known))
    if missing:
        where = symbols.index(missing[0])
        raise ValueError(
            f"the model {model} does not know {', '.join(missing)} (first: particle "
            f"{where if chosen is None else chosen[where]}, {missing[0]!r}); it knows {', '.join(known)}"
        )


def periodicity(periodic: bool | None, topology: app.Topology | None) -> bool:
    """Whether the model sees periodic images."""
    boxed = topology is not None and topology.getPeriodicBoxVectors() is not None
    if periodic is None and topology is None:
        raise ValueError(
            "with symbols alone, periodic must be given: True for periodic images in the box of the System, "
            "False for none"
        )
    if periodic and topology is not None and not boxed:
        raise ValueError(
            "periodic=True, but the topology has no periodic box vectors; set them with "
            "topology.setPeriodicBoxVectors, or give periodic=False"
        )
    return boxed if periodic is None else bool(periodic)
