#!/usr/bin/env python
# SPDX-License-Identifier: MIT
"""Check the data set: finite differences, sanity of every frame, O-O radial distribution function.

python check.py differences   # needs tblite, about 2 minutes
python check.py frames        # reads the files only
"""

import argparse
import io
import lzma
import os
import pathlib

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from ase.io import read
from ase.neighborlist import neighbor_list

HERE = pathlib.Path(__file__).resolve().parent


def load(name):
    path = HERE / f"{name}.extxyz.xz"
    if not path.exists():
        return []
    with lzma.open(path, "rt") as stream:
        return read(io.StringIO(stream.read()), ":", format="extxyz")  # ASE goes back and forth, which lzma cannot


def energy_of(atoms):
    from tblite.ase import TBLite

    atoms.calc = TBLite(method="GFN1-xTB", accuracy=0.01, verbosity=0)
    return atoms.get_potential_energy()


def differences(step=1e-3):
    """Central differences of the energy against the stored stress (six components) and six force components."""
    frame = next(a for a in load("water") if a.info["config_type"] == "liquid_rattled")
    print(frame.info, "energy recomputed - stored:", energy_of(frame.copy()) - frame.get_potential_energy())
    for k, (i, j) in enumerate(((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))):
        energies = []
        for sign in (1, -1):
            strain = np.eye(3)
            strain[i, j] += sign * step / 2
            strain[j, i] += sign * step / 2
            moved = frame.copy()
            moved.set_cell(frame.cell.array @ strain, scale_atoms=True)
            energies.append(energy_of(moved))
        numeric = (energies[0] - energies[1]) / (2 * step * frame.get_volume())
        print(f"stress {'xyz'[i]}{'xyz'[j]}: stored {frame.get_stress()[k]: .7f} numeric {numeric: .7f}")
    rng = np.random.default_rng(3)
    for number, atom in enumerate(rng.choice(len(frame), 6, replace=False)):
        energies, axis = [], number % 3
        for sign in (1, -1):
            moved = frame.copy()
            moved.positions[atom, axis] += sign * step
            energies.append(energy_of(moved))
        numeric = (energies[1] - energies[0]) / (2 * step)
        exact = frame.get_forces()[atom, axis]
        print(f"force {frame.symbols[atom]}{atom} {'xyz'[axis]}: stored {exact: .5f} numeric {numeric: .5f}")


def rdf(frames, largest=4.4, width=0.04):
    """O-O radial distribution function, all periodic images counted."""
    edges = np.arange(0, largest + width / 2, width)
    shells = 4 / 3 * np.pi * np.diff(edges**3)
    total = np.zeros(len(shells))
    for atoms in frames:
        oxygen = atoms[atoms.numbers == 8]
        counts = np.histogram(neighbor_list("d", oxygen, largest), edges)[0]
        total += counts / (len(oxygen) ** 2 / oxygen.get_volume() * shells)
    return (edges[1:] + edges[:-1]) / 2, total / len(frames)


def first_peak(frames):
    """Position (A) and height of the first O-O peak, from a parabola through its top."""
    r, g = rdf(frames)
    k = int(np.argmax(np.where(r < 3.3, g, 0)))
    near = slice(k - 3, k + 4)
    a, b, c = np.polyfit(r[near], g[near], 2)
    return -b / (2 * a), c - b * b / (4 * a)


def summary(name):
    frames = load(name)
    if not frames:
        return
    bonds, angles, nets, closest = [], [], [], []
    for atoms in frames:
        molecules = atoms.positions.reshape(-1, 3, 3)
        arms = molecules[:, 1:] - molecules[:, :1]
        lengths = np.linalg.norm(arms, axis=2)
        bonds.extend(lengths.ravel())
        angles.extend(np.degrees(np.arccos((arms[:, 0] * arms[:, 1]).sum(1) / lengths.prod(1))))
        nets.append(abs(atoms.get_forces().sum(0)).max())
        closest.append(min(neighbor_list("d", atoms[atoms.numbers == 8], 3.5)))
        assert set(atoms.numbers[::3]) == {8}
        assert not len(neighbor_list("d", atoms, 0.72))
    forces = np.concatenate([a.get_forces().ravel() for a in frames])
    stress = np.concatenate([a.get_stress() for a in frames])
    energy = np.array([a.get_potential_energy() / a.info["n_molecules"] for a in frames])
    unique = {np.round(a.positions, 3).tobytes() for a in frames}
    print(f"{name}: {len(frames)} frames, {len(frames) - len(unique)} duplicates, {sum(map(len, frames))} atoms")
    print(f"  O-H {min(bonds):.3f} to {max(bonds):.3f} A, H-O-H {min(angles):.1f} to {max(angles):.1f} deg")
    print(f"  closest O-O {min(closest):.3f} A, stress {stress.min():.4f} to {stress.max():.4f} eV/A^3")
    print(f"  energy per molecule {energy.min():.4f} to {energy.max():.4f} eV, mean {energy.mean():.4f}")
    print(f"  forces RMS {np.sqrt((forces**2).mean()):.3f}, largest {abs(forces).max():.3f} eV/A")
    print(f"  net force at most {max(nets):.1e} eV/A in any component")
    table = {}
    for atoms in frames:
        info = atoms.info
        key = (info["trajectory"], info["config_type"], info.get("temperature", 0))
        rms = np.sqrt((atoms.get_forces() ** 2).mean())
        table.setdefault(key, []).append((info["density"], atoms.get_potential_energy() / info["n_molecules"], rms))
    for key, rows in sorted(table.items()):
        mean, low, high = np.mean(rows, 0), np.min(rows, 0), np.max(rows, 0)
        print(
            "  {:24s} {:16s} {:3.0f} K".format(*key),
            f"{len(rows):3d} frames, density {low[0]:.3f}-{high[0]:.3f}, energy {mean[1]:.4f}, force RMS {mean[2]:.3f}",
        )


def frames():
    for name in ("water", "water_64"):
        summary(name)
    ambient = [a for a in load("water") if a.info.get("temperature") == 300 and abs(a.info["density"] - 1) < 0.005]
    groups = {f"{n} molecules": [a for a in ambient if a.info["n_molecules"] == n] for n in (24, 32)}
    for name, group in {**groups, "all": ambient, "64 molecules": load("water_64")}.items():
        if group:
            position, height = first_peak(group)
            print(f"first O-O peak, {name}, {len(group)} frames: {position:.3f} A, height {height:.2f}")
    for r, g in np.transpose(rdf(ambient, width=0.1))[24:]:
        print(f"  {r:.2f} {g:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("differences", "frames"))
    {"differences": differences, "frames": frames}[parser.parse_args().command]()
