# SPDX-License-Identifier: MIT
"""OpenMM: version, plugin, platforms, and ten atoms on Reference and CPU."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlipkit.doctor.check_lammps import built_for
from mlipkit.doctor.check_mlipkit import load_library
from mlipkit.doctor.check_model import Patient
from mlipkit.doctor.check_torch import minor
from mlipkit.doctor.environment import Environment
from mlipkit.doctor.finding import Finding, Findings, Status
from mlipkit.doctor.process import ERROR, ask
from mlipkit.doctor.ten_atoms import TenAtoms

PLUGIN = "libMLIPOpenMM.so"
PLATFORMS = ("Reference", "CPU")
SECONDS = 120.0


def check_openmm(environment: Environment, patient: Patient) -> Iterator[Finding]:
    """Package, version, plugin, platforms, ten atoms."""
    findings = Findings("openmm")
    built = built_for(environment, "openmm")
    wanted = environment.requirement("openmm")
    if environment.package("openmm") is None and environment.module_folder("openmm") is None:
        remedy = f"{environment.pip(wanted)}; not wanted: mlip-doctor --skip openmm"
        if built is None:
            yield findings.warning("version", "OpenMM is not installed, and its plugin was not built", remedy)
        else:
            yield findings.problem("version", f"OpenMM is not installed (the plugin was built for {built})", remedy)
        return
    facts = ask(environment, "openmm_facts", SECONDS, OMP_NUM_THREADS="1")
    if ERROR in facts:
        remedy = f"install it again: {environment.pip('--force-reinstall', wanted)}"
        yield findings.problem("version", f"cannot be imported: {facts[ERROR]}", remedy)
        return
    if built is None and environment.build_record() is not None:
        found = f"OpenMM {facts['version']} is installed, but mlipkit was built without its plugin"
        yield findings.warning("version", found, f"build again: {environment.reinstall()}", facts["path"])
        return
    yield _version(environment, findings, facts, built)
    yield _platforms(environment, findings, facts)
    if environment.libraries is None:
        yield findings.problem(PLUGIN, "mlipkit has no compiled libraries", environment.reinstall())
        return
    plugin = load_library(environment, findings, environment.libraries / PLUGIN)
    yield plugin
    if plugin.status is Status.OK:
        yield from _ten_atoms(environment, findings, patient, facts["platforms"])


def _version(environment: Environment, findings: Findings, facts: dict[str, Any], built: str | None) -> Finding:
    if built is not None and minor(facts["version"]) != minor(built):
        found = f"OpenMM {facts['version']} is installed, but the plugin was built for {built}"
        remedy = f"{environment.pip(f'openmm=={minor(built)}.*')}; or build for the OpenMM you have: "
        return findings.problem("version", found, remedy + environment.reinstall(), facts["path"])
    return findings.ok(
        "version", f"{facts['version']}, plugin built for {built or 'an unrecorded version'}", facts["path"]
    )


def _platforms(environment: Environment, findings: Findings, facts: dict[str, Any]) -> Finding:
    told = ", ".join(facts["platforms"])
    if "CPU" not in facts["platforms"]:
        remedy = f"unset OPENMM_PLUGIN_DIR, or install again: {environment.pip(environment.requirement('openmm'))}"
        return findings.problem("platforms", f"{told}; the CPU platform is missing", remedy)
    # A CUDA or OpenCL plugin that finds no driver is common and harmless: the platform is just not listed.
    failures = f"; not loaded: {len(facts['failures'])} of OpenMM's own plugins" if facts["failures"] else ""
    return findings.ok("platforms", told + failures)


def _ten_atoms(environment: Environment, findings: Findings, patient: Patient, present: list[str]) -> Iterator[Finding]:
    atoms = patient.atoms()
    if atoms is None:
        remedy = "put the engine right first: mlip-doctor --only mlipkit,torch,model"
        yield findings.problem("10 atoms", "not run, because the engine itself fails", remedy)
        return
    names = [name for name in PLATFORMS if name in present]
    answer = _evaluate(environment, atoms, names)
    for name in names:
        what = f"10 atoms on {name}"
        remedy = f"see the findings above; if there are none, install mlipkit again: {environment.reinstall()}"
        if name in answer:
            yield atoms.compare(findings, what, answer[name]["energy"], answer[name]["forces"], remedy)
        else:
            yield findings.problem(what, f"failed: {answer.get(f'{name}_error') or answer.get(ERROR)}", remedy)


def _evaluate(environment: Environment, atoms: TenAtoms, names: list[str]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="mlip-doctor-") as folder:
        file = Path(folder) / "atoms.json"
        file.write_text(json.dumps(atoms.__dict__))
        return ask(environment, "openmm_atoms", SECONDS, file, *names, OMP_NUM_THREADS="1", OPENMM_CPU_THREADS="1")
