# SPDX-License-Identifier: MIT
"""The molecules of this folder, built from SMILES with RDKit: names and order of their atoms, torsions, PDB files."""

import dataclasses

from ase import Atoms
from openmm import app, unit
from rdkit import Chem
from rdkit.Chem import AllChem, rdMolTransforms


@dataclasses.dataclass(frozen=True)
class Molecule:
    """Every atom of the SMILES is followed by its hydrogens, which is also the order of the PDB names."""

    name: str
    smiles: str
    residues: tuple[tuple[str, str], ...] = ()  # name, names of its atoms
    torsions: tuple[tuple[str, tuple[int, int, int, int]], ...] = ()

    def torsion(self, name):
        return dict(self.torsions)[name]


DIPEPTIDE = Molecule(
    "alanine_dipeptide",
    "CC(=O)N[C@@H](C)C(=O)NC",
    (
        ("ACE", "CH3 HH31 HH32 HH33 C O"),
        ("ALA", "N H CA HA CB HB1 HB2 HB3 C O"),
        ("NME", "N H CH3 HH31 HH32 HH33"),
    ),
    (("phi", (4, 6, 8, 14)), ("psi", (6, 8, 14, 16))),
)
PARACETAMOL = Molecule(
    "paracetamol",
    "CC(=O)Nc1ccc(O)cc1",
    (("LIG", "C8 H81 H82 H83 C7 O7 N H C1 C2 H2 C3 H3 C4 O4 HO4 C5 H5 C6 H6"),),
    (("aryl", (4, 6, 8, 9)), ("hydroxyl", (11, 13, 14, 15))),
)
FRAGMENTS = (
    Molecule("water", "O"),
    Molecule("ethanol", "CCO"),
    Molecule("acetamide", "CC(=O)N"),
    Molecule("n_methylacetamide", "CC(=O)NC"),
    Molecule("phenol", "c1ccccc1O"),
    Molecule("acetanilide", "CC(=O)Nc1ccccc1"),
)


def built(molecule):
    """The RDKit molecule with atoms in PDB order, without coordinates."""
    rdkit = Chem.AddHs(Chem.MolFromSmiles(molecule.smiles))
    order = []
    for atom in rdkit.GetAtoms():
        if atom.GetAtomicNum() > 1:
            order += [atom.GetIdx(), *(n.GetIdx() for n in atom.GetNeighbors() if n.GetAtomicNum() == 1)]
    return Chem.RenumberAtoms(rdkit, order)


def conformer(molecule, seed, **torsions):
    """A conformer minimised with MMFF94; named torsions are held at the given values (degrees)."""
    rdkit = built(molecule)
    if AllChem.EmbedMolecule(rdkit, randomSeed=seed) != 0:
        raise RuntimeError(f"RDKit found no conformer of {molecule.name}")
    for name, angle in torsions.items():
        rdMolTransforms.SetDihedralDeg(rdkit.GetConformer(), *molecule.torsion(name), angle)
    field = AllChem.MMFFGetMoleculeForceField(rdkit, AllChem.MMFFGetMoleculeProperties(rdkit))
    for name, angle in torsions.items():
        field.MMFFAddTorsionConstraint(*molecule.torsion(name), False, angle, angle, 1000.0)
    field.Minimize(maxIts=500)
    return Atoms([a.GetSymbol() for a in rdkit.GetAtoms()], positions=rdkit.GetConformer().GetPositions())


def bonds(molecule):
    return [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in built(molecule).GetBonds()]


def write_pdb(molecule, atoms, path):
    """A PDB file with residues, atom names and, where OpenMM does not know the residue, CONECT records."""
    topology = app.Topology()
    chain = topology.addChain("A")
    elements = iter(atoms.get_chemical_symbols())
    for number, (residue_name, atom_names) in enumerate(molecule.residues, 1):
        residue = topology.addResidue(residue_name, chain, str(number))
        for name in atom_names.split():
            topology.addAtom(name, app.Element.getBySymbol(next(elements)), residue)
    members = list(topology.atoms())
    for first, second in bonds(molecule):
        topology.addBond(members[first], members[second])
    with open(path, "w") as stream:
        app.PDBFile.writeFile(topology, atoms.positions * unit.angstrom, stream, keepIds=True)
