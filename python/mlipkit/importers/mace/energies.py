# SPDX-License-Identifier: MIT
"""What is added to the network's energies: reference energies, scale and shift, and the repulsion of nuclei."""

from __future__ import annotations

from typing import Any

from ase.data import atomic_numbers
from torch import Tensor

from mlipkit.importers.mace.errors import KEEP, ImportRefused
from mlipkit.importers.mace.part import Part

BLOCKS = "mace.modules.blocks."
ZBL = "mace.modules.radial.ZBLBasis"


def reference_energies(root: Part, species: list[str], head: int) -> dict[str, float]:
    """E0 of the head, eV."""
    table = root.child("atomic_energies_fn", BLOCKS + "AtomicEnergiesBlock").tensor("atomic_energies")
    row = table.reshape(-1, len(species))[head]
    return {symbol: float(energy) for symbol, energy in zip(species, row, strict=True)}


def scale_and_repulsion(root: Part, species: list[str], head: int, embedding_radii: Tensor | None) -> dict[str, Any]:
    """Options of the configuration for scale, shift, repulsion and covalent radii.

    ScaleShiftMACE scales the repulsion with the rest; the class MACE has neither scale nor shift.
    """
    scale, shift = 1.0, 0.0
    if root.class_name == "ScaleShiftMACE":
        block = root.child("scale_shift", BLOCKS + "ScaleShiftBlock")
        scale, shift = (float(block.tensor(name).reshape(-1)[head]) for name in ("scale", "shift"))
    options: dict[str, Any] = {"scale": [scale], "shift": [shift]}
    radii = embedding_radii
    if root.has("pair_repulsion"):
        root.pass_over("pair_repulsion")
        part = root.child("pair_repulsion_fn", ZBL)
        radii = part.tensor("covalent_radii")
        if embedding_radii is not None and not bool((radii == embedding_radii).all()):
            raise ImportRefused(f"{part.path} and the distance transform have different covalent radii; {KEEP}")
        options |= _repulsion(part) | {"zbl_scale": [scale]}
    if radii is not None:
        options["covalent_radii"] = [float(radii[atomic_numbers[symbol]]) for symbol in species]
    return options


def _repulsion(part: Part) -> dict[str, Any]:
    return {
        "zbl": True,
        "zbl_order": int(part.number("p")),
        "zbl_exponent": part.number("a_exp"),
        "zbl_prefactor": part.number("a_prefactor"),
        "zbl_coefficients": tuple(part.tensor("c").tolist()),
    }
