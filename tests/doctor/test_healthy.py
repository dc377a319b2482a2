# SPDX-License-Identifier: MIT
"""A healthy environment: exit code 0, every host evaluated, and the record of the build is true."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from environments import Prefix

from mlipkit._libraries import library_folder
from mlipkit.doctor import GROUPS

HOSTS = [
    ("model", "10 atoms in ASE"),
    ("lammps", "10 atoms on 1 rank"),
    ("mpi", "10 atoms on 2 ranks"),
    ("openmm", "10 atoms on Reference"),
    ("openmm", "10 atoms on CPU"),
]


def test_all_is_well(complete: Prefix) -> None:
    answer = complete.doctor()
    assert answer.code == 0, answer.findings
    assert {entry["group"] for entry in answer.findings} == set(GROUPS)
    for group, what in HOSTS:
        difference = re.search(r"([\d.e+-]+) eV/atom and ([\d.e+-]+) eV/angstrom", answer.of(group, what)["found"])
        assert difference is not None
        assert float(difference.group(2)) < 1e-12
    assert all(entry["status"] == "ok" and entry["remedy"] is None for entry in answer.findings), answer.findings
    assert answer.of("torch", "import")["path"].startswith(str(complete.packages))
    assert answer.of("lammps", "program")["path"] == str(complete.scripts / "lmp")


def test_a_model_with_tasks_and_conditions_in_every_host(complete: Prefix, two_task_artifact: Path) -> None:
    answer = complete.doctor("--only", "lammps,openmm", two_task_artifact)
    assert answer.code == 0, answer.findings
    engine = answer.of("model", "10 atoms in the engine")
    assert engine["path"] == str(two_task_artifact)
    assert "mace, H C O" in engine["found"]
    for group, what in HOSTS:
        if group != "mpi":
            assert answer.of(group, what)["status"] == "ok"


def test_record_of_the_build_is_what_the_libraries_hold() -> None:
    folder = library_folder()
    record = json.loads((folder / "build.json").read_text())
    assert record["torch"].encode() in (folder / "libmlip.so").read_bytes()
    assert record["lammps"] == "20250722"
    assert (folder / "libMLIPOpenMM.so").is_file() == (record["openmm"] is not None)


def run_plain(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "mlip-doctor"
    return subprocess.run([str(program), *arguments], capture_output=True, text=True, timeout=120, check=False)


def test_plain_text_in_a_pipe() -> None:
    done = run_plain("--only", "python,tools")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    lines = done.stdout.splitlines()
    assert re.match(r"(ok|warning)  +python: interpreter: Python 3\.", lines[0])
    assert re.match(r"all is well", lines[-1])


@pytest.mark.parametrize("option", ["--only", "--skip"])
def test_unknown_group_names_the_known_ones(option: str) -> None:
    done = run_plain(option, "lamps")
    assert done.returncode == 1
    assert f"{option} 'lamps': no such group; groups: python, environment" in done.stderr


@pytest.mark.parametrize(("charge", "plain", "expected"), [(0, 1, 1), (1, 1, 2), (-1, 3, 2), (0, 2, 1)])
def test_multiplicity_of_the_ten_atoms_fits_their_electrons(charge: int, plain: int, expected: int) -> None:
    from mlipkit.doctor.probes.engine_atoms import _conditions
    from mlipkit.export.manifest import Condition

    limits = {"total_charge": ((-2, 2), charge), "spin_multiplicity": ((1, 5), plain)}
    conditions = {
        name: Condition(required=False, range=span, default={"a": value}) for name, (span, value) in limits.items()
    }
    manifest = SimpleNamespace(species=["H", "O"], atomic_numbers=[1, 8], conditions=conditions)
    found = _conditions(manifest, "a", ["O", "H", "H"])
    assert found == {"total_charge": charge, "spin_multiplicity": expected}
