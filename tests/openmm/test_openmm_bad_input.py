# SPDX-License-Identifier: MIT
"""Bad input: one clear message that says what to do, in Python where it can be seen there, else with the Context."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import openmm
import pytest
import torch
from ase import Atoms
from openmm import app
from openmm_systems import PLATFORMS, make_context, make_force, make_system, state_of

import mlipkit.ops  # noqa: F401  (operators of the archive that is tampered with)
from mlipkit.export.reader import ArtifactError
from mlipkit.openmm import MLIPForce


def water_topology(extra: app.Element | str | None = "", box: bool = False) -> app.Topology:
    """One molecule; `extra` adds a particle of an element, or of none."""
    topology = app.Topology()
    residue = topology.addResidue("HOH", topology.addChain())
    for name, symbol in (("O", "O"), ("H1", "H"), ("H2", "H")):
        topology.addAtom(name, app.Element.getBySymbol(symbol), residue)
    if extra != "":
        topology.addAtom("M", extra, residue)
    if box:
        topology.setPeriodicBoxVectors(np.eye(3).tolist() * openmm.unit.nanometer)
    return topology


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"periodic": False}, r"either symbols=.*or topology="),
        ({"symbols": ["H"], "topology": water_topology()}, r"either symbols=.*or topology="),
        ({"symbols": water_topology()}, r"given by name: MLIPForce\(model, topology="),
        ({"symbols": "HHO", "periodic": False}, r"symbols is the text 'HHO'; give a list"),
        ({"symbols": ["O", "H", "H"]}, r"periodic must be given: True.*False"),
        ({"symbols": ["O", "C", "N"], "periodic": True}, r"does not know C, N \(first: particle 1, 'C'\).*knows H, O"),
        ({"symbols": ["O", "h"], "periodic": True}, r"does not know h"),
        ({"topology": water_topology(app.element.carbon)}, r"does not know C \(first: particle 3"),
        ({"topology": water_topology(None)}, r"atom 3 \(M of residue HOH 1\) has no element"),
        ({"topology": water_topology(), "periodic": True}, r"no periodic box vectors.*setPeriodicBoxVectors"),
    ],
)
def test_refused_by_the_constructor(water_artifact: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MLIPForce(water_artifact, **arguments)


def test_files_that_are_no_artifacts(tmp_path: Path) -> None:
    (tmp_path / "notes.pt").write_text("not a model")
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), tmp_path / "module.pt")
    for name, message in [
        ("nothing.pt", r"nothing\.pt does not exist"),
        ("notes.pt", r"notes\.pt is damaged, truncated or no artifact"),
        ("module.pt", r"module\.pt holds no mlip\.json.*mlip-export"),
    ]:
        with pytest.raises(ArtifactError, match=message):
            MLIPForce(tmp_path / name, ["H"], periodic=False)


@pytest.mark.parametrize(
    ("box", "periodic", "expected"), [(False, None, False), (True, None, True), (True, False, False)]
)
def test_periodicity_from_the_topology(water_artifact: Path, box: bool, periodic: bool | None, expected: bool) -> None:
    force = MLIPForce(water_artifact, topology=water_topology(box=box), periodic=periodic)
    assert force.usesPeriodicBoundaryConditions() is expected


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "duble"}, r"no precision 'duble' \(did you mean 'double'\?\); it offers single, mixed, double"),
        ({"task": "pbee"}, r"no task 'pbee' \(did you mean 'pbe'\?\)"),
        ({"task": None}, r"several tasks; name one of pbe, hybrid"),
        ({"task": "hybrid"}, r"needs a value of condition 'spin_multiplicity' \(1 to 5\)"),
        ({"spin_multiplicity": 9}, r"spin_multiplicity = 9 is outside the range.*1 to 5"),
        ({"total_charge": float("nan")}, r"total_charge = nan is outside the range"),
        ({"device": "gpu"}, r"unknown device 'gpu'.*use cpu, cuda"),
        ({"threads": -1}, r"number of threads is negative"),
        ({"skin": -0.01}, r"skin"),
        ({"skin": float("nan")}, r"skin"),
    ],
)
def test_refused_with_the_context(
    two_task_artifact: Path, cases: dict[str, Atoms], options: dict[str, Any], message: str, platform: str
) -> None:
    atoms = cases["molecule"]
    force = make_force(two_task_artifact, atoms, **{"task": "pbe", **options})
    with pytest.raises(openmm.OpenMMException, match=f"^MLIPForce: .*{message}"):
        make_context(make_system(atoms, force), atoms, platform)


def test_condition_that_the_model_does_not_take(water_artifact: Path, cases: dict[str, Atoms]) -> None:
    force = make_force(water_artifact, cases["molecule"], total_charge=1)
    with pytest.raises(openmm.OpenMMException, match=r"takes no conditions.*total_charge"):
        make_context(make_system(cases["molecule"], force), cases["molecule"])


def test_number_of_particles(water_artifact: Path, cases: dict[str, Atoms]) -> None:
    system = make_system(cases["molecule"], make_force(water_artifact, cases["corner"][:5]))
    with pytest.raises(openmm.OpenMMException, match=r"names 5 chemical symbols, but acts on 3 particles"):
        make_context(system, cases["molecule"])


@pytest.mark.parametrize("change", ["species", "truncated", "missing"])
def test_saved_by_hand(tmp_path: Path, water_artifact: Path, cases: dict[str, Atoms], change: str) -> None:
    """A system without checksum, as a program might write it: the engine's own checks remain."""
    atoms = cases["molecule"]
    path = tmp_path / "model.pt"
    content = water_artifact.read_bytes()
    path.write_bytes(content)
    text = openmm.XmlSerializer.serialize(make_system(atoms, make_force(path, atoms)))
    text = re.sub(r'sha256="\w+"', 'sha256=""', text)
    message = r"^MLIPForce: .*model\.pt"
    if change == "species":
        text, message = text.replace('symbols="O H H"', 'symbols="O Hh H"'), r"species 'Hh' \(did you mean 'H'\?\)"
    elif change == "truncated":
        path.write_bytes(content[: len(content) // 2])
    else:
        path.unlink()
    with pytest.raises(openmm.OpenMMException, match=message):
        make_context(openmm.XmlSerializer.deserialize(text), atoms)


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_positions_that_are_not_finite(
    water_artifact: Path, cases: dict[str, Atoms], platform: str, value: float
) -> None:
    """An exception, also in a step, and never forces; afterwards the Context works again.

    The CPU platform looks for NaN itself, before any force is computed.
    """
    atoms = cases["bulk_water"]
    context = make_context(make_system(atoms, make_force(water_artifact, atoms)), atoms, platform)
    before = state_of(context)
    positions = atoms.positions * 0.1
    positions[5, 1] = value
    context.setPositions(positions)
    for attempt in (lambda: state_of(context), lambda: context.getIntegrator().step(1)):
        with pytest.raises(openmm.OpenMMException, match=r"^MLIPForce: .*atom 5|^Particle coordinate is NaN"):
            attempt()
    context.setPositions(atoms.positions * 0.1)
    assert state_of(context).energy == pytest.approx(before.energy, rel=1e-12)


def test_atoms_at_the_same_place(water_artifact: Path, cases: dict[str, Atoms]) -> None:
    atoms = cases["molecule"].copy()
    atoms.positions[1] = atoms.positions[2]
    context = make_context(make_system(atoms, make_force(water_artifact, atoms)), atoms)
    with pytest.raises(openmm.OpenMMException, match=r"^MLIPForce: .*same place"):
        state_of(context)


def test_box_that_was_never_set(water_artifact: Path) -> None:
    """A System starts with a cube of 2 nm; that many atoms cannot be in there."""
    count = 9000
    system = openmm.System()
    for _ in range(count):
        system.addParticle(1.0)
    system.addForce(MLIPForce(water_artifact, ["H"] * count, periodic=True))
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(np.random.default_rng(0).uniform(0, 5, (count, 3)))
    with pytest.raises(openmm.OpenMMException, match=r"9000 atoms in a box of 8\.0.* nm\^3.*setDefaultPeriodicBox"):
        context.getState(energy=True)


def test_box_without_volume(water_artifact: Path, cases: dict[str, Atoms]) -> None:
    atoms = cases["bulk_water"]
    context = make_context(make_system(atoms, make_force(water_artifact, atoms)), atoms)
    context.setPeriodicBoxVectors([np.nan, 0, 0], [0, 1, 0], [0, 0, 1])
    with pytest.raises(openmm.OpenMMException, match=r"periodic box vectors span no volume.*setPeriodicBoxVectors"):
        state_of(context)
