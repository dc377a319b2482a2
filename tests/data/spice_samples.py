# SPDX-License-Identifier: MIT
"""A file in the layout of the SPICE data set, with random numbers in it."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

MOLECULES = {
    "water": ("[O:1]([H:2])[H:3]", [8, 1, 1]),
    "hydroxide": ("[O-:1][H:2]", [8, 1]),
    "calcium water": ("[Ca+2:1].[O:2]([H:3])[H:4]", [20, 8, 1, 1]),
}
CONFORMATIONS = 3


def write_spice(path: Path) -> dict[str, dict[str, np.ndarray]]:
    """Writes the file; gives the arrays of each molecule, in the units of the file."""
    random = np.random.default_rng(0)
    written = {}
    with h5py.File(path, "w") as file:
        for name, (smiles, numbers) in MOLECULES.items():
            n = len(numbers)
            chain = 2.0 * np.arange(n)[None, :, None] * np.array([1.0, 0.2, 0.0])
            arrays = {
                "conformations": chain + random.normal(scale=0.1, size=(CONFORMATIONS, n, 3)),
                "dft_total_energy": -76.0 + random.normal(size=CONFORMATIONS),
                "dft_total_gradient": 0.01 * random.normal(size=(CONFORMATIONS, n, 3)),
                "mbis_charges": random.normal(size=(CONFORMATIONS, n, 1)),
                "mayer_indices": random.normal(size=(CONFORMATIONS, n, n)),
            }
            units = {"conformations": "bohr", "dft_total_energy": "hartree", "dft_total_gradient": "hartree/bohr"}
            group = file.create_group(name)
            group.create_dataset("subset", data=[f"SPICE {name}"], dtype=h5py.string_dtype())
            group.create_dataset("smiles", data=[smiles], dtype=h5py.string_dtype())
            group.create_dataset("atomic_numbers", data=np.array(numbers, dtype=np.int16))
            for key, values in arrays.items():
                entry = group.create_dataset(key, data=values)
                entry.attrs["units"] = units.get(key, "elementary_charge")
            written[name] = arrays
    return written
