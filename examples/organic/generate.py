#!/usr/bin/env python
# SPDX-License-Identifier: MIT
"""Make the data set of this folder: GFN2-xTB energies and forces of small molecules of H, C, N and O.

    python generate.py run       # raw/*.traj, one file per trajectory; may be killed and started again
    python generate.py collect   # raw/*.traj -> *.extxyz.xz, isolated_atoms.extxyz, *.pdb

Needs ase, numpy, openmm, rdkit and tblite. One core, some minutes (see README.md).
"""

import argparse
import collections
import io
import itertools
import lzma
import os
import pathlib
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tblite gains nothing from threads at this size

import numpy as np
from ase import Atoms, units
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixInternals
from ase.io import read, write
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import thermalize_momenta
from ase.optimize import BFGS
from molecules import DIPEPTIDE, FRAGMENTS, PARACETAMOL, conformer, write_pdb
from tblite.ase import TBLite

HERE = pathlib.Path(__file__).resolve().parent
RAW = HERE / "raw"
SEED = 20260
EVERY = 20  # fs between kept frames
CLOSEST = 0.72  # A; a rattled frame with a shorter distance is drawn again

# molecule, temperature (K), trajectories, frames of each
DYNAMICS = [
    (DIPEPTIDE, 300, 1, 50),
    (DIPEPTIDE, 500, 2, 50),
    (DIPEPTIDE, 700, 2, 40),
    (DIPEPTIDE, 1000, 1, 50),
    (PARACETAMOL, 300, 1, 40),
    (PARACETAMOL, 500, 1, 50),
    (PARACETAMOL, 700, 1, 40),
    (PARACETAMOL, 1000, 1, 30),
    *((fragment, 700, 1, 10) for fragment in FRAGMENTS),
]
HELD_OUT = [(molecule, temperature, 1, 25) for molecule in (DIPEPTIDE, PARACETAMOL) for temperature in (300, 500)]
GRIDS = [
    (DIPEPTIDE, {"phi": range(-180, 180, 30), "psi": range(-180, 180, 30)}),
    (PARACETAMOL, {"aryl": range(-180, 180, 20), "hydroxyl": range(0, 360, 90)}),
]
SCANS = [(DIPEPTIDE, "phi"), (DIPEPTIDE, "psi"), (PARACETAMOL, "aryl")]


def log(text):
    line = f"{time.strftime('%H:%M:%S')} {text}"
    print(line, flush=True)
    with open(RAW / "progress.log", "a") as stream:
        stream.write(line + "\n")


def gfn2(accuracy, **options):
    return TBLite(method="GFN2-xTB", accuracy=accuracy, verbosity=0, **options)


def label(atoms, molecule, **info):
    """A centred copy, rounded to the digits that are printed, with tightly converged energy and forces."""
    out = Atoms(atoms.symbols, positions=(atoms.positions - atoms.positions.mean(axis=0)).round(4))
    out.calc = gfn2(0.01)
    forces = out.get_forces()
    energy = out.get_potential_energy()
    out.calc = SinglePointCalculator(out, energy=round(energy, 6), forces=forces.round(4))
    out.info = {"molecule": molecule.name} | info
    return out


def dynamics(atoms, temperature, femtoseconds, rng, start=False):
    """Langevin dynamics (0.01/fs, 1 fs) with loosely converged GFN2-xTB; `start` draws velocities."""
    atoms.calc = atoms.calc or gfn2(5.0)
    if start:
        thermalize_momenta(atoms, temperature_K=temperature, rng=rng)
    friction = 0.01 / units.fs
    Langevin(atoms, units.fs, temperature_K=temperature, friction=friction, rng=rng, fixcm=False).run(femtoseconds)


def trajectory(molecule, temperature, number, frames, config_type):
    """Frames of dynamics, 20 fs apart, after 60 fs from a conformer of its own."""
    name = f"{molecule.name}_{temperature}K_{number}" + ("_test" if config_type == "test_md" else "")
    seed = [SEED, *name.encode()]
    rng = np.random.default_rng(seed)
    atoms = conformer(molecule, int(rng.integers(1, 2**31 - 1)))
    dynamics(atoms, temperature, 60, rng, start=True)
    kept = []
    for _ in range(frames):
        dynamics(atoms, temperature, EVERY, rng)
        info = {"config_type": config_type, "temperature": temperature, "trajectory": name}
        kept.append(label(atoms, molecule, **info))
    return kept


def grid(molecule, torsions):
    """Short dynamics at 500 K from every point of a grid of torsions; the last frame of each."""
    kept = []
    for values in itertools.product(*torsions.values()):
        rng = np.random.default_rng([SEED, *(v % 360 for v in values)])
        atoms = conformer(molecule, 1 + len(kept), **dict(zip(torsions, values, strict=True)))
        dynamics(atoms, 500, EVERY, rng, start=True)
        kept.append(label(atoms, molecule, config_type="grid", trajectory=f"{molecule.name}_grid"))
    return kept


def rattled(molecule, parents):
    """One displaced copy of every third frame: root-mean-square displacement of 0.05 to 0.25 A per atom."""
    kept = []
    for number, parent in enumerate(parents[::3]):
        rng = np.random.default_rng([SEED, *molecule.name.encode(), number])
        while True:
            child = Atoms(parent.symbols, positions=parent.positions)
            child.positions += rng.normal(size=(len(child), 3)) * rng.uniform(0.05, 0.25) / np.sqrt(3)
            if child.get_all_distances()[np.triu_indices(len(child), 1)].min() > CLOSEST:
                break
        kept.append(label(child, molecule, config_type="rattled", trajectory=parent.info["trajectory"]))
    return kept


def scan(molecule, torsion):
    """A torsion profile in steps of 15 degrees, everything else relaxed with GFN2-xTB."""
    kept = []
    for angle in range(-180, 180, 15):
        atoms = conformer(molecule, 1, **{torsion: angle})
        atoms.calc = gfn2(1.0)
        atoms.set_constraint(FixInternals(dihedrals_deg=[[angle, list(molecule.torsion(torsion))]]))
        BFGS(atoms, logfile=None).run(fmax=0.03, steps=80)
        name = f"{molecule.name}_{torsion}"
        kept.append(label(atoms, molecule, config_type="test_scan", trajectory=name, angle=angle))
    return kept


def minimum(molecule):
    """The lowest of ten conformers, relaxed with GFN2-xTB."""
    candidates = [conformer(molecule, seed) for seed in range(1, 11)]
    for atoms in candidates:
        atoms.calc = gfn2(1.0)
        BFGS(atoms, logfile=None).run(fmax=0.01, steps=200)
    best = min(candidates, key=lambda atoms: atoms.get_potential_energy())
    return [label(best, molecule, config_type="minimum", trajectory=f"{molecule.name}_minimum")]


def jobs():
    """Name and function of every raw file, in the order of its making."""
    for molecule in (DIPEPTIDE, PARACETAMOL):
        yield f"{molecule.name}_minimum", lambda m=molecule: minimum(m)
    for molecule, torsions in GRIDS:
        yield f"{molecule.name}_grid", lambda m=molecule, t=torsions: grid(m, t)
    yield from runs(DYNAMICS, "md")
    for molecule in dict.fromkeys(row[0] for row in DYNAMICS):
        yield f"{molecule.name}_rattled", lambda m=molecule: rattled(m, stored(f"{m.name}_*_md", ("md",)))
    yield from runs(HELD_OUT, "test_md")
    for molecule, torsion in SCANS:
        yield f"{molecule.name}_{torsion}_scan", lambda m=molecule, t=torsion: scan(m, t)


def runs(plan, kind):
    for molecule, temperature, count, frames in plan:
        for n in range(count):
            name = f"{molecule.name}_{temperature}K_{n}_{kind}"
            yield name, lambda m=molecule, t=temperature, n=n, f=frames: trajectory(m, t, n, f, kind)


def stored(pattern, kinds):
    files = sorted(RAW.glob(f"{pattern}.traj"))
    return [atoms for path in files for atoms in read(path, ":") if atoms.info["config_type"] in kinds]


def run():
    RAW.mkdir(exist_ok=True)
    for name, job in jobs():
        path = RAW / f"{name}.traj"
        if path.exists():
            continue
        start = time.time()
        frames = job()
        partial = path.with_suffix(".partial")
        write(partial, frames, format="traj")
        partial.rename(path)
        log(f"{name}: {len(frames)} frames, {time.time() - start:.0f} s")


def isolated_atoms():
    """Ground-state multiplicities; plain GFN2-xTB without a spin-polarisation term."""
    frames = []
    for symbol, multiplicity in (("H", 2), ("C", 3), ("N", 4), ("O", 3)):
        atom = Atoms(symbol, calculator=gfn2(0.01, multiplicity=multiplicity))
        energy = round(atom.get_potential_energy(), 6)
        atom.calc = SinglePointCalculator(atom, energy=energy, forces=np.zeros((1, 3)))
        atom.info = {"config_type": "IsolatedAtom", "multiplicity": multiplicity}
        frames.append(atom)
    return frames


def pack(frames, path):
    text = io.StringIO()
    write(text, frames, format="extxyz")
    path.write_bytes(lzma.compress(text.getvalue().encode(), preset=9 | lzma.PRESET_EXTREME))
    print(f"{path.name}: {len(frames)} frames, {path.stat().st_size / 1e3:.0f} kB")
    counts = collections.Counter((a.info["molecule"], a.info["config_type"]) for a in frames)
    for key, count in sorted(counts.items()):
        print("   ", *key, count)


def collect():
    pack(stored("*", ("minimum", "grid", "md", "rattled")), HERE / "organic.extxyz.xz")
    pack(stored("*", ("test_md", "test_scan")), HERE / "organic_test.extxyz.xz")
    write(HERE / "isolated_atoms.extxyz", isolated_atoms(), format="extxyz")
    for molecule in (DIPEPTIDE, PARACETAMOL):
        write_pdb(molecule, stored(f"{molecule.name}_minimum", ("minimum",))[0], HERE / f"{molecule.name}.pdb")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("run", "collect"))
    {"run": run, "collect": collect}[parser.parse_args().command]()
