# SPDX-License-Identifier: MIT
"""The order of the examination. One check that fails unexpectedly is a finding and does not end the others."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from mlipkit.doctor.check_lammps import check_lammps
from mlipkit.doctor.check_mlipkit import check_mlipkit
from mlipkit.doctor.check_model import Patient
from mlipkit.doctor.check_mpi import check_mpi
from mlipkit.doctor.check_openmm import check_openmm
from mlipkit.doctor.check_python import check_python
from mlipkit.doctor.check_tools import check_tools
from mlipkit.doctor.check_torch import check_torch
from mlipkit.doctor.check_variables import check_variables
from mlipkit.doctor.environment import Environment
from mlipkit.doctor.finding import Finding, Findings

Check = Callable[[Environment, Patient], Iterator[Finding]]


def _check_model(_: Environment, patient: Patient) -> Iterator[Finding]:
    yield from patient.findings()


CHECKS: dict[str, Check] = {
    "python": lambda environment, _: check_python(environment),
    "environment": lambda environment, _: check_variables(environment),
    "mlipkit": lambda environment, _: check_mlipkit(environment),
    "torch": lambda environment, _: check_torch(environment),
    "tools": lambda environment, _: check_tools(environment),
    "model": _check_model,
    "lammps": check_lammps,
    "mpi": check_mpi,
    "openmm": check_openmm,
}
GROUPS = tuple(CHECKS)


def examine(environment: Environment, groups: Collection[str] = GROUPS, model: Path | None = None) -> Iterator[Finding]:
    """All findings, each as soon as it is known.

    Args:
        environment: what to examine.
        groups: parts of it, out of ``GROUPS``.
        model: artifact whose ten atoms are evaluated; None: one with random weights is made. With a model, the group
            ``model`` is always examined.
    """
    with tempfile.TemporaryDirectory(prefix="mlip-doctor-") as folder:
        patient = Patient(environment, Path(folder), model)
        for name, check in CHECKS.items():
            if name not in groups and not (name == "model" and model is not None):
                continue
            try:
                yield from check(environment, patient)
            except Exception as error:
                told = " ".join(f"{type(error).__name__}: {error}".split())
                remedy = "this is a mistake of the doctor itself: please report it with this line"
                yield Findings(name).problem("examination", f"ended early: {told}", remedy)
