#!/usr/bin/env python
# SPDX-License-Identifier: MIT
"""Make the liquid-water data set of this folder: GFN1-xTB molecular dynamics and frames derived from it.

    python generate.py run       # raw/*.traj, one file per trajectory; may be killed and started again
    python generate.py collect   # raw/*.traj -> water.extxyz.xz, water_64.extxyz.xz, isolated_atoms.extxyz

Needs ase, numpy, openmm and tblite. One core, about an hour in all (see README.md).
"""

import argparse
import collections
import dataclasses
import io
import lzma
import os
import pathlib
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tblite gains little from threads at this size

import numpy as np
from ase import Atoms, units
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import Trajectory, read, write
from ase.neighborlist import neighbor_list
from scipy.stats import special_ortho_group
from start import classical_start, density_of
from tblite.ase import TBLite

HERE = pathlib.Path(__file__).resolve().parent
RAW = HERE / "raw"
SEED = 20240
TIMESTEP = 1.0  # fs; BAOAB splitting, see README.md
CLOSEST = 0.72  # A; a derived frame with a shorter distance is drawn again


@dataclasses.dataclass
class Stage:
    """Thermostat at `temperature` (K): run `discard` fs, then keep `keep` frames `every` fs apart."""

    temperature: float
    discard: float
    keep: int
    every: float = 15.0


@dataclasses.dataclass
class Chain:
    """One trajectory, and the kinds of frames to derive from its kept frames (taken in turn)."""

    molecules: int
    density: float
    shape: str
    stages: list
    derive: str = "rattled scaled rattled rattled stretched rattled"

    @property
    def name(self):
        first = self.stages[0].temperature
        return f"w{self.molecules}_{self.density:.2f}_{self.shape}_{first:.0f}K"


PLAN = [
    Chain(16, 1.00, "sheared", [Stage(280, 110, 9), Stage(400, 40, 9)]),
    Chain(16, 1.15, "cubic", [Stage(300, 110, 9), Stage(500, 40, 9)]),
    Chain(16, 0.85, "box", [Stage(330, 110, 9), Stage(600, 40, 9)]),
    Chain(16, 1.08, "skew", [Stage(300, 110, 9), Stage(600, 40, 9)]),
    Chain(20, 0.92, "cubic", [Stage(300, 110, 8), Stage(400, 40, 8)]),
    Chain(20, 1.04, "sheared", [Stage(330, 110, 8), Stage(500, 40, 8)]),
    Chain(24, 1.00, "cubic", [Stage(300, 130, 24)]),
    Chain(32, 1.00, "cubic", [Stage(300, 130, 14)]),
    Chain(24, 1.00, "box", [Stage(300, 130, 24)]),
    Chain(64, 1.00, "cubic", [Stage(300, 40, 10, every=4.0)], derive=""),
    Chain(64, 1.00, "box", [Stage(330, 40, 10, every=4.0)], derive=""),
]


def log(text):
    line = f"{time.strftime('%H:%M:%S')} {text}"
    print(line, flush=True)
    with open(RAW / "progress.log", "a") as stream:
        stream.write(line + "\n")


def label(atoms, **info):
    """A copy rounded to 1e-6 A, molecules whole, with tightly converged energy, forces and stress."""
    out = Atoms(atoms.symbols, positions=atoms.positions, cell=atoms.cell.array.round(6), pbc=True)
    fractional = out.cell.scaled_positions(out.positions[::3])
    out.positions -= np.repeat(np.floor(fractional) @ out.cell.array, 3, axis=0)
    out.positions = out.positions.round(6)
    out.calc = TBLite(method="GFN1-xTB", accuracy=0.01, verbosity=0)
    forces = out.get_forces()
    results = {"energy": out.get_potential_energy(), "forces": forces, "stress": out.get_stress()}
    out.calc = SinglePointCalculator(out, **results)
    out.info = info | {"density": round(float(density_of(out)), 4), "n_molecules": len(out) // 3}
    return out


def langevin(atoms, temperature, femtoseconds, friction, rng):
    """BAOAB Langevin dynamics with the calculator of `atoms`; returns the mean kinetic temperature (K)."""
    step = TIMESTEP * units.fs
    mass = atoms.get_masses()[:, None]
    keep = np.exp(-friction * TIMESTEP)
    noise = np.sqrt((1 - keep**2) * units.kB * temperature / mass)
    velocity, force, kinetic = atoms.get_velocities(), atoms.get_forces(), []
    for _ in range(round(femtoseconds / TIMESTEP)):
        velocity += 0.5 * step * force / mass
        halfway = atoms.positions + 0.5 * step * velocity
        velocity = keep * velocity + noise * rng.normal(size=velocity.shape)
        atoms.positions = halfway + 0.5 * step * velocity
        force = atoms.get_forces()
        velocity += 0.5 * step * force / mass
        kinetic.append((mass * velocity**2).sum() / (velocity.size * units.kB))
    atoms.set_velocities(velocity)
    return np.mean(kinetic)


def stored(path):
    """The frames of a raw file, which may be missing or still empty."""
    return read(path, ":") if path.exists() and path.stat().st_size else []


def run_chain(number, chain):
    """Run or go on with one trajectory. A block ends with a kept frame, which holds all that the next needs."""
    path = RAW / f"{chain.name}.traj"
    done = stored(path)
    blocks = [(stage, i) for stage in chain.stages for i in range(stage.keep)]
    if len(done) == len(blocks):
        return
    atoms = (
        done[-1].copy()
        if done
        else classical_start(chain.molecules, chain.density, chain.shape, chain.stages[0].temperature, [SEED, number])
    )
    atoms.calc = TBLite(method="GFN1-xTB", accuracy=5.0, verbosity=0)
    with Trajectory(path, "a") as out:
        for index, (stage, i) in list(enumerate(blocks))[len(done) :]:
            rng, start = np.random.default_rng([SEED, number, index]), time.time()
            if i == 0:
                langevin(atoms, stage.temperature, stage.discard, 0.05, rng)
            kinetic = langevin(atoms, stage.temperature, stage.every, 0.01, rng)
            info = {"config_type": "liquid_md", "temperature": stage.temperature, "trajectory": chain.name}
            frame = label(atoms, **info)
            atoms.positions = frame.positions
            frame.set_momenta(atoms.get_momenta())
            out.write(frame)
            log(
                f"{chain.name} frame {index + 1}/{len(blocks)} {stage.temperature:.0f} K (kinetic {kinetic:.0f} K)"
                f" E/molecule {3 * frame.get_potential_energy() / len(frame):.4f} eV, {time.time() - start:.0f} s"
            )


def derived(atoms, kind, rng):
    """A displaced copy: rattled and strained, scaled with rigid molecules, with a few stretched molecules, or with one
    molecule pushed into another."""
    atoms = Atoms(atoms.symbols, positions=atoms.positions, cell=atoms.cell, pbc=True)
    if kind == "rattled":  # root-mean-square displacement of 0.03 to 0.12 A, strain up to 3 %
        strain = rng.uniform(-0.03, 0.03, (3, 3))
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + (strain + strain.T) / 2), scale_atoms=True)
        atoms.positions += rng.normal(size=(len(atoms), 3)) * rng.uniform(0.03, 0.12) / np.sqrt(3)
    elif kind == "scaled":  # centres of mass follow the cell to a new density
        factor = (density_of(atoms) / rng.uniform(0.85, 1.15)) ** (1 / 3)
        masses = atoms.get_masses()[:3]
        centres = np.einsum("m,nmd->nd", masses, atoms.positions.reshape(-1, 3, 3)) / masses.sum()
        atoms.set_cell(atoms.cell.array * factor)
        atoms.positions += np.repeat((factor - 1) * centres, 3, axis=0)
        atoms.positions += rng.normal(size=(len(atoms), 3)) * 0.02 / np.sqrt(3)
    elif kind == "close":  # a molecule turns and comes near another: where a model must learn to repel
        first, second, vector = neighbor_list("ijD", atoms[::3], 3.5)
        pair = rng.integers(len(first))
        own = slice(3 * second[pair], 3 * second[pair] + 3)
        arms = atoms.positions[own] - atoms.positions[own][0]
        target = atoms.positions[3 * first[pair]] + vector[pair] * rng.uniform(1.8, 2.5) / np.linalg.norm(vector[pair])
        atoms.positions[own] = target + arms @ special_ortho_group.rvs(3, random_state=rng).T
    else:  # one O-H bond of an eighth of the molecules is compressed or stretched
        count = len(atoms) // 3
        for oxygen in 3 * rng.choice(count, count // 8, replace=False):
            hydrogen = oxygen + rng.integers(1, 3)
            bond = atoms.positions[hydrogen] - atoms.positions[oxygen]
            atoms.positions[hydrogen] += bond * rng.uniform(-0.15, 0.25)
    return atoms


def derive_frames(number, chain):
    """One derived frame for every kept frame of a trajectory."""
    path = RAW / f"{chain.name}_derived.traj"
    if not chain.derive or path.exists():
        return
    frames, kinds = [], chain.derive.split()
    for i, parent in enumerate(read(RAW / f"{chain.name}.traj", ":")):
        kind = kinds[i % len(kinds)]
        rng = np.random.default_rng([SEED, number, i, 1])
        child = derived(parent, kind, rng)
        while len(neighbor_list("i", child, CLOSEST)):
            child = derived(parent, kind, rng)
        frames.append(label(child, config_type=f"liquid_{kind}", trajectory=chain.name))
    write(path, frames)
    log(f"{chain.name} {len(frames)} derived frames")


def close_frames(number, chain):
    """Frames with a short contact between two molecules, from the kept frames of the smallest cells."""
    path = RAW / f"{chain.name}_close.traj"
    if chain.molecules > 16 or path.exists():
        return
    frames = []
    for i, parent in enumerate(read(RAW / f"{chain.name}.traj", ":")):
        rng = np.random.default_rng([SEED, number, i, 2])
        child = derived(parent, "close", rng)
        while shortest_contact(child) < 1.0:
            child = derived(parent, "close", rng)
        frames.append(label(child, config_type="liquid_close", trajectory=chain.name))
    write(path, frames)
    log(f"{chain.name} {len(frames)} close frames")


def shortest_contact(atoms):
    """Smallest distance (A) between atoms of different molecules, or of a molecule and its image."""
    first, second, distance, shift = neighbor_list("ijdS", atoms, 2.0)
    return min(distance[(first // 3 != second // 3) | shift.any(axis=1)], default=2.0)


def run():
    RAW.mkdir(exist_ok=True)
    for number, chain in enumerate(PLAN):
        run_chain(number, chain)
        derive_frames(number, chain)
        close_frames(number, chain)
    log("all done")


def isolated_atoms():
    """H (doublet) and O (triplet), plain GFN1-xTB without a spin-polarisation term."""
    frames = []
    for symbol, multiplicity in (("H", 2), ("O", 3)):
        atom = Atoms(symbol)
        atom.calc = TBLite(method="GFN1-xTB", multiplicity=multiplicity, accuracy=0.01, verbosity=0)
        energy = round(atom.get_potential_energy(), 6)
        atom.calc = SinglePointCalculator(atom, energy=energy, forces=np.zeros((1, 3)))
        atom.info = {"config_type": "IsolatedAtom", "multiplicity": multiplicity}
        frames.append(atom)
    return frames


def pack(frames, path):
    """Write compressed extended XYZ: positions 1e-6 A, energy 1e-6 eV, forces 1e-5 eV/A, stress 1e-8 eV/A^3."""
    for atoms in frames:
        results = atoms.calc.results
        digits = {"energy": 6, "forces": 5, "stress": 8}
        atoms.arrays.pop("momenta", None)
        atoms.calc = SinglePointCalculator(atoms, **{key: np.round(results[key], n) for key, n in digits.items()})
    text = io.StringIO()
    write(text, frames, format="extxyz")
    path.write_bytes(lzma.compress(text.getvalue().encode(), preset=9 | lzma.PRESET_EXTREME))
    counts = collections.Counter((a.info["config_type"], a.info["n_molecules"]) for a in frames)
    print(f"{path.name}: {len(frames)} frames, {path.stat().st_size / 1e3:.0f} kB")
    for key, count in sorted(counts.items()):
        print("   ", *key, count)


def collect():
    files = [RAW / f"{chain.name}{suffix}.traj" for chain in PLAN for suffix in ("", "_derived", "_close")]
    frames = [atoms for path in files for atoms in stored(path)]
    small = [atoms for atoms in frames if len(atoms) < 192]
    large = [atoms for atoms in frames if len(atoms) == 192]
    for name, group in (("water", small), ("water_64", large)):
        if group:
            pack(group, HERE / f"{name}.extxyz.xz")
    write(HERE / "isolated_atoms.extxyz", isolated_atoms(), format="extxyz")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("run", "collect"))
    {"run": run, "collect": collect}[parser.parse_args().command]()
