# SPDX-License-Identifier: MIT
"""The YAML files through LAMMPS on two ranks: at the start, after a run, and from restart and data files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conformance_cases import CASES, load_case
from decks import PRESSURE, in_units, run_lammps
from force_files import FILES, MODELS, STEPS, TIMESTEP, fixed_checkpoint, numbers, read

from mlipkit.export import export
from mlipkit.interfaces.lammps import boundary, write_data

TIME = {"metal": 1.0, "real": 1000.0, "electron": 1000.0}  # of 1 ps
STATE = """
compute virial all pressure NULL virial
thermo_style custom step pe c_virial[1]
dump state all custom 1 {name}.dump id fx fy fz
dump_modify state sort id format float %.17g
run 0 post no
undump state
print "$(atoms) $(pe:%.17g) $(vol:%.17g) $(c_virial[1]:%.17g) $(c_virial[2]:%.17g) $(c_virial[3]:%.17g) &
$(c_virial[4]:%.17g) $(c_virial[5]:%.17g) $(c_virial[6]:%.17g)" file {name}.txt screen no
thermo_style one
uncompute virial
"""


def deck(path: Path, folder: Path) -> str:
    """Starts, restarts (from a binary file and a data file) and runs one of the files."""
    content, name = read(path), path.stem
    atoms = load_case(CASES / content["input_file"])
    write_data(folder / f"{name}.data", in_units(atoms, content["units"]), content["types"].split())
    needed = (line.split() for line in content["prerequisites"].splitlines())
    checks = [f'if "!$(is_available({kind},{style}))" then "quit 7"' for kind, style in needed]
    coeffs = [f"pair_coeff {line}" for line in content["pair_coeff"].splitlines()]
    pair = [f"pair_style {content['pair_style']}", *coeffs, content["post_commands"]]
    begin = [content["pre_commands"], f"units {content['units']}", f"boundary {boundary(atoms)}"]
    hybrid = coeffs if content["pair_style"].startswith("hybrid") else []  # LAMMPS saves no coefficients of those
    lines = ["clear", *begin, *checks, f"read_data {name}.data", *pair, STATE.format(name=f"{name}_init")]
    lines += [f"write_restart {name}.restart", f"write_data {name}.written"]
    lines += ["fix integrate all nve", f"timestep {TIMESTEP * TIME[content['units']]}", f"run {STEPS} post no"]
    lines += [STATE.format(name=f"{name}_run")]
    lines += ["clear", f"read_restart {name}.restart", *hybrid, STATE.format(name=f"{name}_restart")]
    lines += ["clear", *begin, f"read_data {name}.written", *pair, STATE.format(name=f"{name}_data")]
    return "\n".join(lines)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("force_files")
    for model in MODELS:
        export(fixed_checkpoint(model), place / f"{model}.pt")
    finished = run_lammps(place, "\n".join(deck(path, place) for path in FILES), ranks=2)
    assert finished.code == 0, finished.output[-4000:]
    return place


def assert_state(folder: Path, content: dict[str, Any], name: str, when: str) -> None:
    """Energies relative, forces and virials relative to the largest one."""
    natoms, energy, volume, *pressure = (float(word) for word in (folder / f"{name}.txt").read_text().split())
    epsilon, expected = content["epsilon"], np.array(content[f"{when}_forces"].split(), dtype=float).reshape(-1, 4)
    assert natoms == content["natoms"] == len(expected)
    assert abs(energy - content[f"{when}_vdwl"]) <= epsilon * abs(energy)
    rows = np.loadtxt(folder / f"{name}.dump", skiprows=9)
    np.testing.assert_array_equal(rows[:, 0], expected[:, 0])
    largest = np.abs(expected[:, 1:]).max()
    np.testing.assert_allclose(rows[:, 1:], expected[:, 1:], rtol=0, atol=epsilon * largest)
    stress = np.array(content[f"{when}_stress"].split(), dtype=float)
    virial = np.array(pressure) * volume / PRESSURE[content["units"]]
    np.testing.assert_allclose(virial, stress, rtol=0, atol=epsilon * np.abs(stress).max())


@pytest.mark.parametrize("form", ["init", "run", "restart", "data"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_lammps_gives_the_numbers_of_the_file(folder: Path, path: Path, form: str) -> None:
    assert_state(folder, read(path), f"{path.stem}_{form}", "run" if form == "run" else "init")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_numbers_are_those_of_the_reference(path: Path) -> None:
    """The files are up to date, and their forces are of a size that says something."""
    content = read(path)
    energy, forces = content["init_vdwl"], np.array(content["init_forces"].split(), dtype=float)
    fresh = numbers(content)
    assert fresh["init_vdwl"] == pytest.approx(energy, rel=1e-12)
    np.testing.assert_allclose(np.array(fresh["init_forces"].split(), dtype=float), forces, rtol=0, atol=1e-10)
    moved = np.array(content["run_forces"].split(), dtype=float) - forces
    assert np.abs(forces.reshape(-1, 4)[:, 1:]).max() > 0.02
    assert np.abs(moved).max() > 1e-5
