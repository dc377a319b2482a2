# SPDX-License-Identifier: MIT
"""Models with random weights, built by the package mace-torch and converted: the same function in both programs.

Called by :func:`ready` in a process of its own, so that the benchmarks themselves need not import that package.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.process import code_digest, script
from common.structures import SPECIES

if TYPE_CHECKING:
    import torch

CUTOFF = 5.0  # angstrom
E0 = {"H": -13.6, "C": -1030.6, "N": -1485.3, "O": -2043.9, "Cu": -4500.0}  # eV, as large as those of all electrons
NEIGHBOURS = 50.0  # divisor of the messages
FORCE = 0.3  # eV/angstrom: what the largest force is scaled to, so that a structure stays what it is during a short run


@dataclass(frozen=True)
class Files:
    """One model in its three forms."""

    mace: Path  # pickled module of mace-torch
    checkpoint: Path  # of mlipkit
    artifact: Path


def shape(name: str) -> dict[str, int]:
    """Channels, highest degrees and correlation of a model by its hidden irreps, as ``128x0e+128x1o``.

    Fewer than 32 channels are for tests: l_max 2 and correlation 2 then, 3 and 3 otherwise. One such model describes
    structures of every kind.
    """
    found = re.fullmatch(r"(\d+)x0e(?:\+(\d+)x1o)?", name)
    if not found or found.group(2) not in (None, found.group(1)):
        raise ValueError(f"model {name!r}: give hidden irreps with one number of channels, 128x0e or 128x0e+128x1o")
    channels = int(found.group(1))
    order = 3 if channels >= 32 else 2
    return {"channels": channels, "hidden_l_max": int(found.group(2) is not None), "l_max": order, "correlation": order}


def kind_of_model(name: str, kind: str) -> str:
    """Kind of structure that a model is made for."""
    return kind if shape(name)["channels"] >= 32 else "any"


def names(name: str, kind: str, folder: Path) -> Files:
    """Where the files of a model are, or will be; what depends on the code is named after it."""
    stem = folder.resolve() / "models" / f"{name}-{kind_of_model(name, kind)}"
    new = f"{stem}.{code_digest()}"
    return Files(Path(f"{stem}.model"), Path(f"{new}.ckpt"), Path(f"{new}.pt"))


def ready(name: str, kind: str, folder: Path) -> Files:
    """The files of a model for a kind of structure; made where they are missing or older than the code."""
    kind = kind_of_model(name, kind)
    files = names(name, kind, folder)
    if not files.artifact.is_file():
        folder = files.artifact.parent
        folder.mkdir(parents=True, exist_ok=True)
        for old in [*folder.glob(f"{name}-{kind}.*.ckpt"), *folder.glob(f"{name}-{kind}.*.pt")]:
            old.unlink()
        script(Path(__file__), [name, kind, str(folder.parent)])
    return files


def mace_module(name: str, species: tuple[str, ...]) -> torch.nn.Module:
    """A ScaleShiftMACE with random weights in float32."""
    import numpy as np
    import torch
    from ase.data import atomic_numbers

    from common.theirs import Irreps, modules

    size = shape(name)
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float32)
    blocks = modules.interaction_classes
    options: dict[str, Any] = {
        "r_max": CUTOFF,
        "num_bessel": 8,
        "num_polynomial_cutoff": 5,
        "max_ell": size["l_max"],
        "interaction_cls": blocks["RealAgnosticResidualInteractionBlock"],
        "interaction_cls_first": blocks["RealAgnosticInteractionBlock"],
        "num_interactions": 2,
        "num_elements": len(species),
        "hidden_irreps": Irreps(name),
        "MLP_irreps": Irreps("16x0e"),
        "atomic_energies": np.array([E0[symbol] for symbol in species]),
        "avg_num_neighbors": NEIGHBOURS,
        "atomic_numbers": [atomic_numbers[symbol] for symbol in species],
        "correlation": size["correlation"],
        "gate": torch.nn.functional.silu,
        "radial_MLP": [64, 64, 64],
        "atomic_inter_scale": 1.0,
        "atomic_inter_shift": 0.0,
    }
    return modules.ScaleShiftMACE(**options)


def largest_force(path: Path, kind: str) -> float:
    """Of a model on a small structure of its kind, eV/angstrom."""
    import numpy as np

    from common.structures import molecule, structure
    from common.theirs import MACECalculator

    small = {"any": "water-192", "water": "water-192", "copper": "copper-256"}
    atoms = molecule() if kind == "molecule" else structure(small[kind])
    atoms.calc = MACECalculator(model_paths=str(path), device="cpu", default_dtype="float32")
    return float(np.abs(atoms.get_forces()).max())


def build(name: str, kind: str, folder: Path) -> None:
    """Writes what is missing of a model's three files."""
    import torch

    from mlipkit.export import export
    from mlipkit.importers.mace import import_mace

    files = names(name, kind, folder)
    if not files.mace.is_file():
        module = mace_module(name, SPECIES[kind])
        torch.save(module, files.mace)
        module.scale_shift.scale *= FORCE / largest_force(files.mace, kind)
        torch.save(module, files.mace)
    checkpoint = import_mace(files.mace)
    checkpoint.save(files.checkpoint)
    export(checkpoint, files.artifact)


if __name__ == "__main__":
    build(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
