# SPDX-License-Identifier: MIT
"""Saved systems: path and checksum of the artifact, all options, fresh processes, files that moved or changed."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import openmm
import pytest
from ase import Atoms
from openmm_systems import (
    ase_state,
    assert_same,
    make_context,
    make_force,
    make_system,
    openmm_state,
    state_of,
    water_topology,
)

from mlipkit.openmm import MLIPForce

FRESH = """
import json, sys
import openmm, mlipkit.openmm
system = openmm.XmlSerializer.deserialize(open(sys.argv[1]).read())
context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
context.setPositions(json.load(open(sys.argv[2])))
energy = context.getState(energy=True).getPotentialEnergy()._value
print(json.dumps([energy, "torch" in sys.modules]))
"""


def properties(force: openmm.Force) -> dict[str, str]:
    return ElementTree.fromstring(openmm.XmlSerializer.serialize(force)).attrib


def test_what_is_recorded(two_task_artifact: Path) -> None:
    force = MLIPForce(
        two_task_artifact,
        ["C", "O", "O"],
        precision="mixed",
        task="hybrid",
        total_charge=-1,
        spin_multiplicity=2,
        periodic=True,
        skin=0.07,
        threads=3,
        atoms=[7, 2, 4],
        scale_parameter="lambda",
    )
    force.setForceGroup(5)
    force.setName("carbon dioxide")
    found = properties(force)
    assert found == {
        "type": "MLIPForce",
        "version": "3",
        "forceGroup": "5",
        "name": "carbon dioxide",
        "file": str(two_task_artifact),
        "sha256": hashlib.sha256(two_task_artifact.read_bytes()).hexdigest(),
        "symbols": "C O O",
        "particles": "7 2 4",
        "bonds": "",
        "scaleParameter": "lambda",
        "periodic": "1",
        "precision": "mixed",
        "task": "hybrid",
        "device": "cpu",
        "skin": ".07",
        "threads": "3",
        "totalCharge": "-1",
        "spinMultiplicity": "2",
    }
    assert properties(openmm.XmlSerializer.deserialize(openmm.XmlSerializer.serialize(force))) == found


def test_what_was_not_given_is_not_recorded(two_task_artifact: Path) -> None:
    found = properties(MLIPForce(two_task_artifact, ["H"], periodic=False))
    assert not {"totalCharge", "spinMultiplicity"} & set(found)
    assert (found["precision"], found["task"], found["periodic"]) == ("", "", "0")


def test_system_in_a_fresh_process(tmp_path: Path, water_artifact: Path, cases: dict[str, Atoms]) -> None:
    """The plugin loads torch's C++ libraries alone: Python's torch stays out of the process."""
    atoms = cases["triclinic"]
    system = make_system(atoms, make_force(water_artifact, atoms))
    (tmp_path / "system.xml").write_text(openmm.XmlSerializer.serialize(system))
    (tmp_path / "positions.json").write_text(json.dumps((atoms.positions * 0.1).tolist()))
    command = [sys.executable, "-c", FRESH, "system.xml", "positions.json"]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120)
    energy, torch_loaded = json.loads(finished.stdout)
    assert energy == pytest.approx(state_of(make_context(system, atoms)).energy * 96.48533212331002, rel=1e-12)
    assert not torch_loaded


def test_without_the_module_openmm_says_what_is_missing(tmp_path: Path, water_artifact: Path) -> None:
    """OpenMM's own message names the type; the documentation says what to import."""
    (tmp_path / "force.xml").write_text(
        openmm.XmlSerializer.serialize(MLIPForce(water_artifact, ["H"], periodic=False))
    )
    code = "import openmm; openmm.XmlSerializer.deserialize(open('force.xml').read())"
    finished = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert finished.returncode != 0
    assert "MLIPForce" in finished.stderr


@pytest.mark.parametrize("name", ['a & b < "c".pt', "Wässer 水.pt", "it's.pt"])
def test_odd_file_names(tmp_path: Path, water_artifact: Path, cases: dict[str, Atoms], name: str) -> None:
    shutil.copy(water_artifact, tmp_path / name)
    atoms = cases["molecule"]
    system = make_system(atoms, make_force(tmp_path / name, atoms))
    again = openmm.XmlSerializer.deserialize(openmm.XmlSerializer.serialize(system))
    assert_same(state_of(make_context(again, atoms)), ase_state(water_artifact, atoms))


def test_relative_path_is_made_absolute(
    tmp_path: Path, water_artifact: Path, cases: dict[str, Atoms], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(water_artifact, tmp_path / "model.pt")
    monkeypatch.chdir(tmp_path)
    force = make_force(Path("model.pt"), cases["molecule"])
    monkeypatch.chdir("/")
    assert properties(force)["file"] == str(tmp_path / "model.pt")


def test_many_particles(water_artifact: Path) -> None:
    """Two characters per particle, whatever their number."""
    symbols = ["O", "H", "H"] * 30_000
    text = openmm.XmlSerializer.serialize(MLIPForce(water_artifact, symbols, periodic=True))
    assert len(text) < 2 * len(symbols) + 1000
    assert properties(openmm.XmlSerializer.deserialize(text))["symbols"].split() == symbols


@pytest.fixture
def saved(tmp_path: Path, water_artifact: Path, cases: dict[str, Atoms]) -> tuple[Path, str]:
    """A copy of the artifact, and a system that was saved with it."""
    path = tmp_path / "model.pt"
    shutil.copy(water_artifact, path)
    system = make_system(cases["molecule"], make_force(path, cases["molecule"]))
    return path, openmm.XmlSerializer.serialize(system)


def test_moved_file(saved: tuple[Path, str], cases: dict[str, Atoms]) -> None:
    """Reading the system works; creating a Context names path and checksum; a mended path is enough."""
    path, text = saved
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    moved = path.with_name("moved.pt")
    path.rename(moved)
    system = openmm.XmlSerializer.deserialize(text)
    with pytest.raises(openmm.OpenMMException) as caught:
        make_context(system, cases["molecule"])
    assert f"artifact {path} is not there" in str(caught.value)
    assert checksum in str(caught.value)
    assert openmm.XmlSerializer.serialize(system) == text
    mended = openmm.XmlSerializer.deserialize(text.replace(str(path), str(moved)))
    assert_same(state_of(make_context(mended, cases["molecule"])), openmm_state(moved, cases["molecule"]))


def test_another_file(saved: tuple[Path, str], vector_artifact: Path, cases: dict[str, Atoms]) -> None:
    path, text = saved
    recorded = hashlib.sha256(path.read_bytes()).hexdigest()
    shutil.copy(vector_artifact, path)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(openmm.OpenMMException, match=f"its SHA-256 is {found}, recorded is {recorded}.*create the for"):
        make_context(openmm.XmlSerializer.deserialize(text), cases["molecule"])


def test_one_changed_byte(saved: tuple[Path, str], cases: dict[str, Atoms]) -> None:
    path, text = saved
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(openmm.OpenMMException, match=r"is not the file that the force was made with"):
        make_context(openmm.XmlSerializer.deserialize(text), cases["molecule"])


def test_later_version(saved: tuple[Path, str]) -> None:
    later = re.sub(r'(type="MLIPForce" )version="3"', r'\1version="4"', saved[1])
    assert later != saved[1]
    with pytest.raises(openmm.OpenMMException, match=r"has version 4, this mlipkit reads version 3; install"):
        openmm.XmlSerializer.deserialize(later)


@pytest.mark.parametrize("tables", [None, True, False])
def test_tables_are_recorded_where_they_were_chosen(water_artifact: Path, tables: bool | None) -> None:
    force = MLIPForce(water_artifact, ["O", "H", "H"], periodic=False, tables=tables)
    again = openmm.XmlSerializer.deserialize(openmm.XmlSerializer.serialize(force))
    for found in (properties(force), properties(again)):
        assert found.get("tables") == (None if tables is None else str(int(tables)))


def test_part_bonds_and_factor_come_back(water_artifact: Path, cases: dict[str, Atoms]) -> None:
    """Written from a topology and read again: the same particles, molecules and parameter."""
    topology = water_topology(3)
    force = MLIPForce(water_artifact, topology=topology, atoms=range(3, 9), scale_parameter="lambda")
    text = openmm.XmlSerializer.serialize(force)
    found = properties(openmm.XmlSerializer.deserialize(text))
    assert found == properties(force)
    assert (found["particles"], found["bonds"]) == ("3 4 5 6 7 8", "3 4 3 5 6 7 6 8")
