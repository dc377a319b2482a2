# SPDX-License-Identifier: MIT
"""Bad input on two ranks: one clear message that says what to do, a non-zero exit, and no rank that hangs."""

from __future__ import annotations

import io
import json
import re
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from decks import mlip, refused, run_lammps

import mlipkit.ops  # noqa: F401  (operators of the archives that are tampered with)
from mlipkit.interfaces.lammps import boundary, find_program, write_data

TIMEOUT = 60.0  # seconds; a deck that works takes two


def start(folder: Path, atoms: Atoms, elements: str = "H O", more: str = "") -> str:
    write_data(folder / "atoms.data", atoms, elements.split())
    return f"units metal\natom_style atomic\nboundary {boundary(atoms)}\nread_data atoms.data\n{more}\n"


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("pair_style mlip precison double", r"Unknown keyword precison.*did you mean precision\?"),
        ("pair_style mlip table yes", r"Unknown keyword table .*did you mean tables\?"),
        ("pair_style mlip tables maybe", r"Expected boolean parameter instead of 'maybe'"),
        ("pair_style mlip precision duble", r"Unknown precision duble.*did you mean double\?"),
        ("pair_style mlip precision", r"Keyword precision.*lacks its value"),
        ("pair_style mlip device gpu", r"Unknown device gpu.*cpu, cuda"),
        ("pair_style mlip\npair_coeff * * {model}", r"names 0 elements for 2 atom types"),
        (
            "pair_style mlip\npair_coeff * * {model} H",
            r"names 1 elements for 2 atom types.*one chemical symbol per type",
        ),
        ("pair_style mlip\npair_coeff * * {model} H C", r"does not know species 'C'.*H, O"),
        ("pair_style mlip\npair_coeff * * {model} NULL NULL", r"all atom types are NULL"),
        ("pair_style mlip task pbe\npair_coeff * * {model} H O", r"no task 'pbe'.*default"),
        ("pair_style mlip charge 1\npair_coeff * * {model} H O", r"takes no conditions.*total_charge"),
        ("pair_style mlip\npair_coeff * * nothing.pt H O", r"nothing\.pt does not exist"),
        ("pair_style mlip\npair_coeff * * atoms.data H O", r"atoms\.data"),
        ("pair_style mlip\npair_coeff * * {model} O H\nrun 0", r"type 1 is O.*mass 1\.008.*15\.999.*mass_check no"),
        (
            "comm_modify cutoff 4.0\npair_style mlip\npair_coeff * * {model} H O\nrun 0",
            r"cutoff 4 is too short.*needs 6 ",
        ),
    ],
)
def test_wrong_commands(tmp_path: Path, cases: dict[str, Atoms], water_artifact: Path, pair: str, message: str) -> None:
    deck = start(tmp_path, cases["bulk_water"]) + pair.format(model=water_artifact)
    assert re.search(message, refused(tmp_path, deck))


def test_mass_of_one_atom(tmp_path: Path, cases: dict[str, Atoms], water_artifact: Path) -> None:
    deck = start(tmp_path, cases["bulk_water"]) + "fix masses all property/atom rmass\n"
    deck += f"set type 1 mass 1.008\nset type 2 mass 15.999\nset atom 5 mass 14.0\n{mlip(water_artifact)}\nrun 0"
    message = refused(tmp_path, deck)
    assert re.search(r"type 1 is H.*mass 14\.0000 \(atom 5\) where 1\.0080", message)


def test_pair_style_again_without_pair_coeff(tmp_path: Path, cases: dict[str, Atoms], water_artifact: Path) -> None:
    deck = start(tmp_path, cases["bulk_water"]) + mlip(water_artifact) + "\npair_style mlip precision single\nrun 0"
    assert "no model is loaded; give `pair_coeff * * model.pt`" in refused(tmp_path, deck)


@pytest.mark.parametrize("units", ["lj", "si", "cgs", "micro", "nano"])
def test_units_that_do_not_describe_atoms(tmp_path: Path, cases: dict[str, Atoms], units: str) -> None:
    deck = start(tmp_path, cases["bulk_water"]).replace("units metal", f"units {units}")
    message = refused(tmp_path, deck + "pair_style mlip")
    reason = "reduced units have neither" if units == "lj" else "it measures masses in units of other scales"
    assert f"metal, real or electron, not {units}: {reason}" in message


def test_required_condition_without_value(tmp_path: Path, cases: dict[str, Atoms], two_task_artifact: Path) -> None:
    deck = start(tmp_path, cases["bulk_water"]) + mlip(two_task_artifact, options="task hybrid")
    assert re.search(r"needs a value of condition 'spin_multiplicity' \(1 to 5\)", refused(tmp_path, deck))


def test_condition_outside_its_range(tmp_path: Path, cases: dict[str, Atoms], two_task_artifact: Path) -> None:
    deck = start(tmp_path, cases["bulk_water"]) + mlip(two_task_artifact, options="task hybrid spin 9")
    assert re.search(r"spin_multiplicity = 9 is outside the range.*1 to 5", refused(tmp_path, deck))


def rewrite(source: Path, target: Path, change: str) -> None:
    """A copy of an artifact with one weight, or one entry of the manifest, changed behind its checksum's back."""
    files = {"mlip.json": "", "probe.json": "", "mlip.sha256": ""}
    module = torch.jit.load(source, _extra_files=files)
    files = {name: content.decode() if isinstance(content, bytes) else content for name, content in files.items()}
    if change == "weight":
        with torch.no_grad():
            next(module.parameters()).view(-1)[0] += 1e-3
    else:
        files["mlip.json"] = json.dumps(json.loads(files["mlip.json"]) | {"schema": 99})
    torch.jit.save(module, target, _extra_files=files)


def damage(source: Path, target: Path, how: str) -> None:
    content = source.read_bytes()
    if how == "truncated":
        target.write_bytes(content[: len(content) // 2])
    elif how == "corrupted":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            largest = max(archive.infolist(), key=lambda entry: entry.file_size if "/data/" in entry.filename else 0)
        middle = largest.header_offset + 200 + largest.file_size // 2
        target.write_bytes(
            content[:middle] + bytes(b ^ 0xFF for b in content[middle : middle + 8]) + content[middle + 8 :]
        )
    else:
        rewrite(source, target, how)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("truncated", "bad.pt"),
        ("corrupted", "bad.pt"),
        ("weight", "bad.pt was changed after its export"),
        ("schema", r"schema.*99"),
    ],
)
def test_damaged_artifacts(
    tmp_path: Path, cases: dict[str, Atoms], water_artifact: Path, how: str, message: str
) -> None:
    damage(water_artifact, tmp_path / "bad.pt", how)
    deck = start(tmp_path, cases["bulk_water"]) + "pair_style mlip\npair_coeff * * bad.pt H O"
    assert re.search(message, refused(tmp_path, deck))


MOTION = """
velocity all create 300 4242
fix integrate all nve
group thrown id 5
variable push equal "(step==3)*{push}"
fix throw thrown addforce v_push 0 0
neigh_modify delay 100 every 100 check no
run 10
"""


@pytest.mark.parametrize("push", ["1e308*10-1e308*10", "1e308*10"], ids=["nan", "infinity"])
def test_positions_that_are_not_finite(
    tmp_path: Path, cases: dict[str, Atoms], water_artifact: Path, push: str
) -> None:
    deck = start(tmp_path, cases["bulk_water"]) + mlip(water_artifact) + MOTION.format(push=push)
    dump = "dump frames all custom 1 frames.dump id x y z\n"
    message = refused(tmp_path, deck.replace("run 10", dump + "run 10"))
    assert re.search(r"step \d: the position of atom 5 is not finite", message)
    assert "nan" not in (tmp_path / "frames.dump").read_text()


def test_atoms_at_the_same_place(tmp_path: Path, cases: dict[str, Atoms], water_artifact: Path) -> None:
    atoms = cases["bulk_water"].copy()
    atoms.positions[7] = atoms.positions[3]
    deck = start(tmp_path, atoms) + mlip(water_artifact) + "\nrun 0"
    assert re.search(r"atoms (4 and 8|8 and 4) are at the same place", refused(tmp_path, deck))


BONDED = """LAMMPS data file

3 atoms
2 atom types
2 bonds
1 bond types
1 angles
1 angle types

0 12 xlo xhi
0 12 ylo yhi
0 12 zlo zhi

Masses

1 1.008
2 15.999

Atoms # molecular

1 1 2 6.0 6.0 6.0
2 1 1 6.96 6.0 6.0
3 1 1 5.76 6.93 6.0

Bonds

1 1 1 2
2 1 1 3

Angles

1 1 2 1 3
"""
BONDED_DECK = """units metal
atom_style molecular
{special}
read_data bonded.data
bond_style zero
bond_coeff *
angle_style zero
angle_coeff *
{pair}
run 0
print "energy $(pe:%.12g)"
"""


def test_bonded_water_under_default_special_bonds(tmp_path: Path, water_artifact: Path) -> None:
    """Bonded neighbours would be missing from the list: refused by default, right with the cure that is named."""
    (tmp_path / "bonded.data").write_text(BONDED)
    message = refused(tmp_path, BONDED_DECK.format(special="", pair=mlip(water_artifact)))
    assert re.search(r"1-2 bonded neighbours.*special_bonds lj/coul 1\.0 1\.0 1\.0", message)

    molecule = Atoms("OHH", [[6.0, 6.0, 6.0], [6.96, 6.0, 6.0], [5.76, 6.93, 6.0]], cell=np.eye(3) * 12, pbc=True)
    write_data(tmp_path / "free.data", molecule, ["H", "O"])
    decks = [f"units metal\nread_data free.data\n{mlip(water_artifact)}\nrun 0\nprint 'energy $(pe:%.12g)'"]
    for weights in ("1.0 1.0 1.0", "1.0e-50 1.0e-50 1.0e-50"):
        decks.append(BONDED_DECK.format(special=f"special_bonds lj/coul {weights}", pair=mlip(water_artifact)))
    deck = "\nclear\n".join(decks)
    finished = run_lammps(tmp_path, deck)
    energies = re.findall(r"^energy (\S+)$", finished.output, re.MULTILINE)
    assert finished.code == 0
    assert len(energies) == 3
    assert len(set(energies)) == 1


@pytest.mark.parametrize("there_is", ["none", "another"])
def test_a_failure_on_one_rank_stops_the_other(
    tmp_path: Path, cases: dict[str, Atoms], water_artifact: Path, vector_artifact: Path, there_is: str
) -> None:
    """The second rank runs in a folder without the artifact, or with another one of the same name."""
    there, elsewhere = tmp_path / "there", tmp_path / "elsewhere"
    there.mkdir()
    elsewhere.mkdir()
    (there / "model.pt").write_bytes(water_artifact.read_bytes())
    if there_is == "another":
        (elsewhere / "model.pt").write_bytes(vector_artifact.read_bytes())
    for folder in (there, elsewhere):
        (folder / "deck.in").write_text(start(folder, cases["bulk_water"]) + mlip(Path("model.pt")) + "\n")
    rank = ["-np", "1", "-wdir"]
    lmp = [find_program("lmp"), "-in", "deck.in", "-log", "none"]
    command = [find_program("mpirun"), *rank, str(there), *lmp, ":", *rank, str(elsewhere), *lmp]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.returncode != 0
    wrong = "does not exist" if there_is == "none" else "is not the same file as on rank 0"
    assert re.search(rf"model\.pt {wrong}.*on 1 of 2 ranks, first on rank 1", done.stdout)
