# SPDX-License-Identifier: MIT
"""What the demo looks at: trajectories and logs of LAMMPS and OpenMM, O-O radial distribution, bond lengths."""

from __future__ import annotations

import io
import lzma
import re
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase import Atoms
from numpy.typing import NDArray

Array = NDArray[np.float64]


def read_extxyz_xz(path: Path) -> list[Atoms]:
    """Reads the whole stream first: seeking in an xz stream costs a decompression each time."""
    with lzma.open(path, "rt") as stream:
        return ase.io.read(io.StringIO(stream.read()), ":", format="extxyz")


def read_dump(path: Path, symbols: list[str]) -> list[Atoms]:
    """Frames of a LAMMPS dump with columns id type x y z fx fy fz; forces end up in ``arrays['lammps_forces']``."""
    frames = []
    for text in path.read_text().split("ITEM: TIMESTEP\n")[1:]:
        lines = text.splitlines()
        n_atoms = int(lines[2])
        bounds = np.array([[float(x) for x in line.split()] for line in lines[4:7]])
        columns = np.array([[float(x) for x in line.split()] for line in lines[8 : 8 + n_atoms]])
        types = columns[:, 1].astype(int)
        atoms = Atoms(
            [symbols[t - 1] for t in types],
            positions=columns[:, 2:5],
            cell=np.diag(bounds[:, 1] - bounds[:, 0]),
            pbc=True,
            info={"step": int(lines[0])},
        )
        atoms.new_array("lammps_forces", columns[:, 5:8])
        frames.append(atoms)
    return frames


def read_thermo(log: Path) -> dict[str, Array]:
    """Columns of the last thermo table of a LAMMPS log."""
    table = re.findall(r"^\s*(Step .*?)\n(.*?)^Loop time", log.read_text(), re.MULTILINE | re.DOTALL)[-1]
    rows = [[float(x) for x in line.split()] for line in table[1].splitlines() if re.match(r"\s*\d", line)]
    return dict(zip(table[0].split(), np.array(rows).T, strict=True))


def loop_time(log: Path) -> float:
    """Seconds of the last run."""
    return float(re.findall(r"^Loop time of ([\d.eE+-]+)", log.read_text(), re.MULTILINE)[-1])


def write_water_pdb(path: Path, atoms: Atoms) -> None:
    """A PDB file with one residue per molecule; atoms come as O H H."""
    named = atoms.copy()
    molecules = len(atoms) // 3
    named.set_array("residuenames", np.array(["HOH"] * len(atoms)))
    named.set_array("residuenumbers", np.repeat(np.arange(1, molecules + 1), 3))
    named.set_array("atomtypes", np.array(["O", "H1", "H2"] * molecules))
    ase.io.write(path, named, format="proteindatabank")


def read_openmm_pdb(path: Path) -> list[Atoms]:
    """Frames of a PDB trajectory. ASE reads the box with the first frame only, and the footer as an empty one."""
    frames = [atoms for atoms in ase.io.read(path, ":", format="proteindatabank") if len(atoms)]
    for atoms in frames:
        atoms.cell, atoms.pbc = frames[0].cell, True
    return frames


def read_openmm_log(path: Path) -> dict[str, Any]:
    """Temperatures in K, and milliseconds per step after the first row."""
    columns = np.genfromtxt(path, delimiter=",", skip_header=1)
    step, temperature, seconds = columns[:, 0], columns[:, 2], columns[:, 3]
    slope = 1e3 * (seconds[-1] - seconds[0]) / (step[-1] - step[0])
    return {"temperature": temperature, "ms_per_step": float(slope)}


def last_half(values: Array) -> float:
    """Mean over the second half of a run."""
    return float(values[len(values) // 2 :].mean())


def minimum_image(difference: Array, cell: Array) -> Array:
    fractional = difference @ np.linalg.inv(cell)
    return (fractional - np.round(fractional)) @ cell


def radial_distribution(frames: list[Atoms], r_max: float, width: float = 0.05) -> tuple[Array, Array]:
    """O-O radial distribution function, frames weighted by their number of pairs; r_max below half the cell."""
    edges = np.arange(0.0, r_max + width, width)
    counts = np.zeros(len(edges) - 1)
    ideal = np.zeros(len(edges) - 1)
    shells = 4.0 / 3.0 * np.pi * (edges[1:] ** 3 - edges[:-1] ** 3)
    for atoms in frames:
        oxygen = atoms.positions[atoms.numbers == 8]
        difference = oxygen[None] - oxygen[:, None]
        distance = np.linalg.norm(minimum_image(difference, atoms.cell.array), axis=-1)
        pairs = distance[~np.eye(len(oxygen), dtype=bool)]
        counts += np.histogram(pairs, edges)[0]
        ideal += shells * len(oxygen) * (len(oxygen) - 1) / atoms.get_volume()
    return 0.5 * (edges[1:] + edges[:-1]), counts / ideal


def first_peak(r: Array, g: Array) -> float:
    """Position of the first maximum: a parabola through the bins around the highest one below 3.4 angstrom."""
    region = (r > 2.2) & (r < 3.4)
    top = np.flatnonzero(region)[np.argmax(g[region])]
    near = slice(top - 3, top + 4)
    a, b, _ = np.polyfit(r[near], g[near], 2)
    return float(-b / (2 * a)) if a < 0 else float(r[top])


def longest_bond(frames: list[Atoms]) -> float:
    """Longest distance from a hydrogen to its nearest oxygen in any frame, angstrom."""
    longest = 0.0
    for atoms in frames:
        oxygen = atoms.positions[atoms.numbers == 8]
        hydrogen = atoms.positions[atoms.numbers == 1]
        distance = np.linalg.norm(minimum_image(oxygen[None] - hydrogen[:, None], atoms.cell.array), axis=-1)
        longest = max(longest, float(distance.min(axis=1).max()))
    return longest


def comparable(atoms: Atoms) -> bool:
    """Whether a training frame is liquid near 300 K and 1 g/cm3, so that its structure can be compared with the run."""
    info = atoms.info
    near = abs(info.get("temperature", 0.0) - 300.0) <= 30.0 and abs(info.get("density", 0.0) - 1.0) <= 0.03
    return info.get("config_type") == "liquid_md" and near and info.get("n_molecules", 0) >= 24
