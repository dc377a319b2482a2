# SPDX-License-Identifier: MIT
"""Single checks on described environments: libraries that crash or hang, variables, versions, differences."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from mlipkit.doctor import Environment, Finding, Status, check_mlipkit, examine
from mlipkit.doctor.check_lammps import check_lammps
from mlipkit.doctor.check_model import Patient
from mlipkit.doctor.check_openmm import check_openmm
from mlipkit.doctor.check_torch import check_torch
from mlipkit.doctor.check_variables import check_variables
from mlipkit.doctor.finding import Findings
from mlipkit.doctor.lammps_runs import lammps_version, trouble, world_sizes
from mlipkit.doctor.process import Outcome, run
from mlipkit.doctor.ten_atoms import TenAtoms

HERE = Environment.current()
QUIET = dataclasses.replace(HERE, variables={"PATH": f"{HERE.scripts}:{os.defpath}"})
FINDINGS = Findings("test")


def library(folder: Path, source: str) -> Path:
    """A small shared library."""
    target = folder / "plugin.so"
    (folder / "plugin.c").write_text(source)
    subprocess.run(["gcc", "-shared", "-fPIC", str(folder / "plugin.c"), "-o", str(target)], check=True)
    return target


def test_unresolved_symbol_is_named(tmp_path: Path) -> None:
    path = library(tmp_path, "extern int lmp_gone(void); int (*table)(void) = lmp_gone;")
    found = check_mlipkit.load_library(QUIET, FINDINGS, path)
    assert found.status is Status.PROBLEM
    assert "undefined symbol: lmp_gone" in found.found
    assert found.remedy is not None
    assert "built for another version" in found.remedy


def test_crash_while_loading(tmp_path: Path) -> None:
    path = library(tmp_path, "#include <stdlib.h>\n__attribute__((constructor)) static void start(void) { abort(); }")
    found = check_mlipkit.load_library(QUIET, FINDINGS, path)
    assert found.status is Status.PROBLEM
    assert "crashed with SIGABRT" in found.found


def test_hang_while_loading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = library(tmp_path, "#include <unistd.h>\n__attribute__((constructor)) static void start(void) { sleep(60); }")
    monkeypatch.setattr(check_mlipkit, "SECONDS", 2.0)
    found = check_mlipkit.load_library(QUIET, FINDINGS, path)
    assert found.status is Status.PROBLEM
    assert "no answer within 2 s" in found.found


def test_time_limit_also_ends_grandchildren() -> None:
    outcome = run(["sh", "-c", "sleep 60 & echo begun; wait"], QUIET.variables, 1.0)
    assert outcome.timed_out
    assert outcome.output == "begun\n"
    assert outcome.seconds < 10.0


def test_a_program_that_is_not_there() -> None:
    outcome = run(["/nowhere/program"], {}, 1.0)
    assert outcome.code == 127
    assert "No such file" in outcome.why()


@pytest.fixture
def built_for_others(tmp_path: Path) -> Environment:
    """Libraries whose record names other versions of everything."""
    assert HERE.libraries is not None
    shutil.copytree(HERE.libraries, tmp_path / "lib")
    record = {"torch": "2.4.0", "lammps": "20200101", "openmm": "7.5.0"}
    (tmp_path / "lib" / "build.json").write_text(json.dumps(record))
    return dataclasses.replace(QUIET, libraries=tmp_path / "lib")


def test_versions_other_than_those_built_for(built_for_others: Environment, tmp_path: Path) -> None:
    patient = Patient(built_for_others, tmp_path, None)
    found = [
        next(check_torch(built_for_others)),
        next(check_lammps(built_for_others, patient)),
        next(check_openmm(built_for_others, patient)),
    ]
    assert [finding.status for finding in found] == [Status.PROBLEM] * 3
    assert found[0].found.endswith("libmlip_torch was built for torch 2.4.0")
    assert found[1].found == "LAMMPS is of 20250722, but the plugin was built for 20200101"
    assert found[2].found.endswith("but the plugin was built for 7.5.0")
    for finding in found:
        assert finding.remedy is not None
        assert "-m pip install" in finding.remedy
        assert "or build for the" in finding.remedy


def with_variables(**variables: str) -> list[Finding]:
    environment = dataclasses.replace(QUIET, variables={**QUIET.variables, **variables})
    found = list(check_variables(environment))
    assert all((finding.remedy is None) == (finding.status is Status.OK) for finding in found)
    return [finding for finding in found if finding.status is not Status.OK]


def test_harmless_variables_are_not_reported(tmp_path: Path) -> None:
    folder = str(tmp_path)
    assert with_variables(LD_LIBRARY_PATH=folder, PYTHONPATH=folder, LAMMPS_PLUGIN_PATH=folder) == []


def test_variables_that_change_what_is_loaded(tmp_path: Path) -> None:
    for name in ("libtorch.so", "mlipplugin.so"):
        (tmp_path / name).touch()
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").touch()
    folder = str(tmp_path)
    cases = {
        "LD_PRELOAD": (f"{folder}/libtorch.so", "before its own libraries"),
        "LD_LIBRARY_PATH": (f"/nowhere:{folder}", "libtorch.so"),
        "PYTHONPATH": (folder, "torch"),
        "OPENMM_PLUGIN_DIR": (folder, "the CPU platform"),
        "LAMMPS_PLUGIN_PATH": (folder, "another installation of mlipkit"),
    }
    found = {finding.what: finding for finding in with_variables(**{name: case[0] for name, case in cases.items()})}
    assert set(found) == set(cases)
    for name, (_, text) in cases.items():
        assert text in found[name].found
        remedy = found[name].remedy
        assert remedy is not None
        assert f"unset {name}" in remedy


def test_an_environment_that_is_not_activated() -> None:
    (found,) = with_variables(PATH="/nowhere")
    assert found.what == "PATH"
    assert found.remedy is not None
    assert f"source {HERE.scripts}/activate" in found.remedy


def test_no_compiler_is_a_warning() -> None:
    bare = dataclasses.replace(QUIET, variables={"PATH": "/nowhere"})
    compiler, toolkit = examine(bare, ["tools"])
    assert compiler.status is Status.WARNING
    assert compiler.remedy is not None
    assert "only needed to build" in compiler.remedy
    assert toolkit.status is Status.OK


ATOMS = TenAtoms("model.pt", ["H"] * 10, {"H": 1.008}, [[float(i), 0.0, 0.0] for i in range(10)], "double", None, {},
                 -136.0, [[0.1, 0.2, -3.0]] * 10)  # fmt: skip


@pytest.mark.parametrize(
    ("energy", "force", "status"),
    [
        (-136.0, -3.0, Status.OK),
        (-136.0 + 1e-6, -3.0, Status.PROBLEM),
        (-136.0, -3.0 + 1e-6, Status.PROBLEM),
        (-136.0, float("nan"), Status.PROBLEM),
        (float("nan"), -3.0, Status.PROBLEM),
    ],
)
def test_differences_from_the_engine(energy: float, force: float, status: Status) -> None:
    found = ATOMS.compare(FINDINGS, "host", energy, [[0.1, 0.2, -3.0]] * 9 + [[0.1, 0.2, force]], "do this")
    assert found.status is status
    assert found.remedy == (None if status is Status.OK else "do this")


def test_reading_what_lammps_prints() -> None:
    text = "Large-scale Atomic/Molecular Massively Parallel Simulator - 2 Aug 2023 - Update 3"
    assert lammps_version(text) == ("2 Aug 2023", "20230802")
    assert lammps_version("error while loading shared libraries: libmpi.so.12") is None
    assert world_sizes("mlip-doctor ranks 1\nother\nmlip-doctor ranks 1\n") == [1, 1]


def test_why_mpich_fails_under_the_launcher_of_open_mpi() -> None:
    """As Open MPI 5.0.11 and MPICH 5.0.2 say it; their last lines are a frame of dashes."""
    reason = "check_MPIR_CVAR_PMI_VERSION(167):  Runtime environment uses unsupported PMI version PMIx. Aborting."
    output = f"Abort(68830224): Fatal error in internal_Init\n{reason}\n   Exit code:    16\n{'-' * 74}\n"
    assert trouble(Outcome(16, output, False, 1.0)) == reason
    assert Outcome(16, output, False, 1.0).last_line() == "Exit code:    16"


def test_a_mistake_in_one_check_does_not_end_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("of all things")

    monkeypatch.setitem(__import__("mlipkit.doctor.examine", fromlist=["CHECKS"]).CHECKS, "python", broken)
    first, *others = examine(QUIET, ["python", "tools"])
    assert first.status is Status.PROBLEM
    assert "ZeroDivisionError: of all things" in first.found
    assert others
