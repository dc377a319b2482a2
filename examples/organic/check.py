#!/usr/bin/env python
# SPDX-License-Identifier: MIT
"""Check the data set and the model of this folder.

python check.py data         # reads the files only
python check.py differences  # forces against differences of the energy; needs tblite
python check.py profiles     # torsion profiles of the model against GFN2-xTB
python check.py dynamics     # 50 ps at 300 K, 20 ps at 500 K and 10 ps of NVE, some minutes
"""

import argparse
import io
import lzma
import os
import pathlib
import tempfile

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from ase.io import read

HERE = pathlib.Path(__file__).resolve().parent
MOLECULES = ("alanine_dipeptide", "paracetamol")
STEP, NVE_STEP = 0.001, 0.0005  # ps, of Langevin dynamics and at constant energy


def load(name):
    with lzma.open(HERE / f"{name}.extxyz.xz", "rt") as stream:  # ASE jumps about, which is slow in a compressed file
        return read(io.StringIO(stream.read()), ":", format="extxyz")


def data():
    """Counts, ranges and sanity of every frame."""
    for name in ("organic", "organic_test"):
        frames = load(name)
        unique = {np.round(a.positions, 3).tobytes() for a in frames}
        print(f"{name}: {len(frames)} frames, {len(frames) - len(unique)} duplicates, {sum(map(len, frames))} atoms")
        table = {}
        for atoms in frames:
            table.setdefault((atoms.info["molecule"], atoms.info["config_type"]), []).append(atoms)
        for key, rows in sorted(table.items()):
            energy = np.array([a.get_potential_energy() for a in rows])
            forces = np.concatenate([a.get_forces().ravel() for a in rows])
            net = max(abs(a.get_forces().sum(axis=0)).max() for a in rows)
            closest = min(a.get_all_distances()[np.triu_indices(len(a), 1)].min() for a in rows)
            print(
                "  {:18s} {:10s}".format(*key),
                f"{len(rows):4d} frames, energy {energy.min():.3f} + 0 to {np.ptp(energy):.2f} eV, forces RMS "
                f"{np.sqrt((forces**2).mean()):.2f}, largest {abs(forces).max():.1f}, net {net:.0e} eV/A, "
                f"shortest distance {closest:.2f} A",
            )


def differences(step=1e-3):
    """Six force components of a rattled frame against central differences of a fresh GFN2-xTB calculation."""
    from tblite.ase import TBLite

    def energy_of(atoms):
        atoms.calc = TBLite(method="GFN2-xTB", accuracy=0.01, verbosity=0)
        return atoms.get_potential_energy()

    frame = next(a for a in load("organic") if a.info["config_type"] == "rattled" and len(a) == 22)
    print("energy recomputed - stored:", energy_of(frame.copy()) - frame.get_potential_energy())
    for number, atom in enumerate(np.random.default_rng(3).choice(len(frame), 6, replace=False)):
        energies, axis = [], number % 3
        for sign in (1, -1):
            moved = frame.copy()
            moved.positions[atom, axis] += sign * step
            energies.append(energy_of(moved))
        numeric, stored = (energies[1] - energies[0]) / (2 * step), frame.get_forces()[atom, axis]
        print(f"force {frame.symbols[atom]}{atom} {'xyz'[axis]}: stored {stored: .4f} numeric {numeric: .4f}")


def artifact(folder):
    from mlipkit.checkpoint import load_checkpoint
    from mlipkit.export import export

    path = pathlib.Path(folder) / "organic.pt"
    export(load_checkpoint(HERE / "organic.ckpt"), path)
    return path


def profiles():
    """Energies along relaxed torsion scans, each profile relative to its own mean; meV per molecule."""
    from mlipkit import MLIPCalculator

    with tempfile.TemporaryDirectory() as folder:
        calculator = MLIPCalculator(artifact(folder))
        scans = {}
        for atoms in load("organic_test"):
            if atoms.info["config_type"] == "test_scan":
                model = calculator.get_potential_energy(atoms)
                scans.setdefault(atoms.info["trajectory"], []).append((atoms.get_potential_energy(), model))
    for name, rows in scans.items():
        exact, model = 1000 * (np.array(rows) - np.mean(rows, axis=0)).T
        error = model - exact
        print(
            f"{name}: {len(rows)} points, GFN2-xTB spans {np.ptp(exact):.0f} meV, the model {np.ptp(model):.0f}; "
            f"RMSE {np.sqrt((error**2).mean()):.1f}, largest error {abs(error).max():.1f} meV"
        )


def both_molecules(model):
    """An OpenMM System of both molecules 10 nm apart (they do not see each other), start and bonds."""
    import openmm
    from openmm import app, unit

    import mlipkit.openmm

    system, symbols, positions, bonds = openmm.System(), [], [], []
    for number, name in enumerate(MOLECULES):
        pdb = app.PDBFile(str(HERE / f"{name}.pdb"))
        bonds += [(a.index + len(symbols), b.index + len(symbols)) for a, b in pdb.topology.bonds()]
        positions.append(pdb.getPositions(asNumpy=True).value_in_unit(unit.nanometer) + np.array([10.0 * number, 0, 0]))
        for atom in pdb.topology.atoms():
            system.addParticle(atom.element.mass)
            symbols.append(atom.element.symbol)
    system.addForce(mlipkit.openmm.MLIPForce(str(model), symbols=symbols, periodic=False, precision="mixed"))
    return system, np.concatenate(positions), np.array(bonds)


def context_of(system, integrator, positions):
    import openmm

    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(positions)
    return context


def langevin(system, start, bonds, temperature, picoseconds):
    """Prints the range of all bond lengths relative to the minimum; returns the last positions and velocities."""
    import openmm

    integrator = openmm.LangevinMiddleIntegrator(temperature, 1.0, STEP)
    integrator.setRandomNumberSeed(1)
    context = context_of(system, integrator, start)
    context.setVelocitiesToTemperature(temperature, 1)
    lengths = np.linalg.norm(start[bonds[:, 0]] - start[bonds[:, 1]], axis=1)
    ratios = []
    for _ in range(round(picoseconds / 0.02)):
        integrator.step(round(0.02 / STEP))
        now = context.getState(positions=True).getPositions(asNumpy=True)._value
        ratios.append(np.linalg.norm(now[bonds[:, 0]] - now[bonds[:, 1]], axis=1) / lengths)
    low, high = np.min(ratios), np.max(ratios)
    print(f"{temperature} K, {picoseconds} ps: bonds {low:.2f} to {high:.2f} of their length at rest", flush=True)
    if high > 1.4:
        raise SystemExit("a bond broke")
    state = context.getState(positions=True, velocities=True)
    return state.getPositions(asNumpy=True), state.getVelocities(asNumpy=True)


def constant_energy(system, positions, velocities, picoseconds):
    """Drift (slope of a straight line) and fluctuation of the total energy."""
    import openmm

    integrator = openmm.VerletIntegrator(NVE_STEP)
    context = context_of(system, integrator, positions)
    context.setVelocities(velocities)
    times, energies = [], []
    for _ in range(round(picoseconds / NVE_STEP / 20)):
        integrator.step(20)
        state = context.getState(energy=True)
        times.append(state.getTime()._value)
        energies.append((state.getPotentialEnergy() + state.getKineticEnergy())._value / 0.096485332)  # meV
    slope, offset = np.polyfit(times, energies, 1)
    rest = np.std(energies - np.polyval([slope, offset], times))
    atoms = system.getNumParticles()
    print(f"NVE, {picoseconds} ps: drift {slope / atoms:.4f} meV/atom/ps, fluctuation {rest / atoms:.3f} meV/atom")


def dynamics():
    with tempfile.TemporaryDirectory() as folder:
        system, start, bonds = both_molecules(artifact(folder))
        positions, velocities = langevin(system, start, bonds, 300, 50)
        constant_energy(system, positions, velocities, 10)
        langevin(system, start, bonds, 500, 20)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = {"data": data, "differences": differences, "profiles": profiles, "dynamics": dynamics}
    parser.add_argument("command", choices=commands)
    commands[parser.parse_args().command]()
