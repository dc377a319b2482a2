#!/usr/bin/env python
"""Check the data set: finite differences, sanity of every frame, O-O radial distribution function.

    python check.py differences   # needs tblite, about 2 minutes
    python check.py frames        # reads the files only
"""

import argparse
import os
import pathlib

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from ase.io import read
from ase.neighborlist import neighbor_list

HERE = pathlib.Path(__file__).resolve().parent


def load(name):
    path = HERE / f"{name}.extxyz.xz"
    return read(path, ":", format="extxyz") if path.exists() else []


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
        print(f"stress {'xx yy zz yz xz xy'.split()[k]}: stored {frame.get_stress()[k]: .7f} numeric {numeric: .7f}")
    rng = np.random.default_rng(3)
    for atom, axis in zip(rng.choice(len(frame), 6, replace=False), (0, 1, 2, 0, 1, 2)):
        energies = []
        for sign in (1, -1):
            moved = frame.copy()
            moved.positions[atom, axis] += sign * step
            energies.append(energy_of(moved))
        numeric = (energies[1] - energies[0]) / (2 * step)
        print(f"force {frame.symbols[atom]}{atom} {'xyz'[axis]}: stored {frame.get_forces()[atom, axis]: .5f} numeric {numeric: .5f}")


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
        p = atoms.positions.reshape(-1, 3, 3)
        arms = p[:, 1:] - p[:, :1]
        lengths = np.linalg.norm(arms, axis=2)
        bonds.append(lengths.ravel())
        angles.append(np.degrees(np.arccos((arms[:, 0] * arms[:, 1]).sum(1) / lengths.prod(1))))
        nets.append(abs(atoms.get_forces().sum(0)).max())
        closest.append(min(neighbor_list("d", atoms[atoms.numbers == 8], 3.5)))
        assert set(atoms.numbers[::3]) == {8} and len(neighbor_list("d", atoms, 0.7)) == 0
    forces = np.concatenate([a.get_forces().ravel() for a in frames])
    stress = np.concatenate([a.get_stress() for a in frames])
    energy = np.array([a.get_potential_energy() / a.info["n_molecules"] for a in frames])
    unique = {np.round(a.positions, 3).tobytes() for a in frames}
    print(f"{name}: {len(frames)} frames, {len(frames) - len(unique)} duplicates, {sum(map(len, frames))} atoms")
    print(f"  O-H {np.concatenate(bonds).min():.3f} to {np.concatenate(bonds).max():.3f} A, H-O-H "
          f"{np.concatenate(angles).min():.1f} to {np.concatenate(angles).max():.1f} deg, closest O-O {min(closest):.3f} A")
    print(f"  energy per molecule {energy.min():.4f} to {energy.max():.4f} eV, mean {energy.mean():.4f}, spread {energy.std():.4f}")
    print(f"  forces RMS {np.sqrt((forces**2).mean()):.3f}, largest {abs(forces).max():.3f} eV/A; net force at most {max(nets):.1e}")
    print(f"  stress {stress.min():.4f} to {stress.max():.4f} eV/A^3")
    table = {}
    for atoms, e in zip(frames, energy):
        info = atoms.info
        key = (info["n_molecules"], info["config_type"], info.get("temperature", 0), info["trajectory"])
        table.setdefault(key, []).append((info["density"], e, np.sqrt((atoms.get_forces() ** 2).mean())))
    for key, rows in sorted(table.items()):
        rows = np.array(rows)
        print("  {} {} {:.0f} K {}".format(*key), f"{len(rows)} frames, density {rows[:, 0].min():.3f} to {rows[:, 0].max():.3f},"
              f" energy {rows[:, 1].mean():.4f}, force RMS {rows[:, 2].mean():.3f}")


def frames():
    for name in ("water", "water_64"):
        summary(name)
    ambient = [a for a in load("water") if a.info.get("temperature") == 300 and abs(a.info["density"] - 1) < 0.005]
    for molecules in (24, 32):
        group = [a for a in ambient if a.info["n_molecules"] == molecules]
        if group:
            print(f"first O-O peak, 300 K, {molecules} molecules, {len(group)} frames: {first_peak(group)}")
    if ambient:
        print(f"first O-O peak, 300 K, all {len(ambient)} frames: {first_peak(ambient)}")
        for r, g in zip(*rdf(ambient, width=0.1)):
            if r > 2.2:
                print(f"  {r:.2f} {g:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("differences", "frames"))
    {"differences": differences, "frames": frames}[parser.parse_args().command]()
