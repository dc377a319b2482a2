# SPDX-License-Identifier: MIT
"""Data to pre-train on that anyone can make: dynamics of many small molecules of H, C, N and O with GFN2-xTB.

Needs ``pip install rdkit tblite``. Acetylacetone, which the study fine-tunes to, is not in `molecules.smi`; molecules
with the groups and the hydrogen bond that it has are.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import thermalize_momenta

from accuracy.tight_binding import labelled

SMILES = Path(__file__).with_name("molecules.smi").read_text().split()
TEMPERATURES = (300, 600, 1000)
FRAMES = 8  # of each trajectory
EVERY = 20  # fs
SEED = 1


def embedded(smiles: str, seed: int) -> Atoms:
    """Coordinates of a conformer, minimised with MMFF94."""
    from rdkit import Chem
    from rdkit.Chem import AllChem

    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    if AllChem.EmbedMolecule(molecule, randomSeed=seed) != 0:
        raise RuntimeError(f"RDKit found no conformer of {smiles}")
    AllChem.MMFFOptimizeMolecule(molecule, maxIters=500)
    return Atoms([a.GetSymbol() for a in molecule.GetAtoms()], positions=molecule.GetConformer().GetPositions())


def trajectory(smiles: str, temperature: int) -> list[Atoms]:
    """Geometries of Langevin dynamics (0.01/fs, 1 fs), the first after 60 fs; loosely converged."""
    from tblite.ase import TBLite

    rng = np.random.default_rng([SEED, temperature, *smiles.encode()])
    atoms = embedded(smiles, int(rng.integers(1, 2**31 - 1)))
    atoms.calc = TBLite(method="GFN2-xTB", accuracy=5.0, verbosity=0)
    thermalize_momenta(atoms, temperature_K=temperature, rng=rng)
    friction = 0.01 / units.fs
    dynamics = Langevin(atoms, units.fs, temperature_K=temperature, friction=friction, rng=rng, fixcm=False)
    dynamics.run(60 - EVERY)
    kept = []
    for _ in range(FRAMES):
        dynamics.run(EVERY)
        kept.append(Atoms(atoms.numbers, positions=atoms.positions))
    return kept


def pretraining(folder: Path) -> Path:
    """The labelled frames, made once: some four minutes on one core."""
    path = folder / "molecules.extxyz"
    if not path.is_file():
        labelled(path, [atoms for smiles in SMILES for t in TEMPERATURES for atoms in trajectory(smiles, t)])
    return path
