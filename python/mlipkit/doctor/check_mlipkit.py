# SPDX-License-Identifier: MIT
"""mlipkit's own libraries: where they are, whether they load. Plugins are loaded by the checks of their hosts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mlipkit.doctor.environment import BUILD_RECORD, Environment
from mlipkit.doctor.finding import Finding, Findings
from mlipkit.doctor.process import ERROR, ask

SECONDS = 60.0


def check_mlipkit(environment: Environment) -> Iterator[Finding]:
    """Version, build record, libmlip, libmlip_torch and the Python binding."""
    findings = Findings("mlipkit")
    package = environment.package("mlipkit")
    version = package.version if package else "of unknown version"
    if environment.libraries is None:
        yield findings.problem("libraries", f"mlipkit {version} has no compiled libraries", environment.reinstall())
        return
    record = environment.build_record()
    if record is None:
        found = f"mlipkit {version}; {BUILD_RECORD} is missing or unreadable, so versions cannot be compared"
        yield findings.warning("version", found, environment.reinstall(), environment.libraries)
    else:
        hosts = [f"{name} {record[name]}" for name in ("torch", "lammps", "openmm") if record.get(name)]
        found = f"mlipkit {version}, built for {', '.join(hosts)} with {record.get('compiler')}"
        yield findings.ok("version", found, environment.libraries)
    for name in ("libmlip.so", "libmlip_torch.so"):
        yield load_library(environment, findings, environment.libraries / name)
    yield _binding(environment, findings)


def load_library(environment: Environment, findings: Findings, library: Path, *host: Path) -> Finding:
    """Loads a library in a child, after those of its host.

    A crash, a hang and an unresolved symbol are findings; the symbol is named.
    """
    if not library.is_file():
        return findings.problem(library.name, "is missing", environment.reinstall(), library)
    answer = ask(environment, "load", SECONDS, *host, library)
    error = answer.get(ERROR)
    if error is None:
        return findings.ok(library.name, "loads, all symbols found", library)
    culprit = answer.get("loading", str(library))
    told = error if culprit in error else f"{culprit}: {error}"
    return findings.problem(library.name, f"cannot be loaded: {told}", load_remedy(environment, error), library)


def load_remedy(environment: Environment, error: str) -> str:
    """What to do about a message of the dynamic loader."""
    again = environment.reinstall()
    if "undefined symbol" in error:
        return f"it was built for another version of the library that lacks this symbol; build it again: {again}"
    if "GLIBC" in error or "CXXABI" in error:
        return f"an older C++ or C library comes first: unset LD_LIBRARY_PATH and LD_PRELOAD, or build here: {again}"
    if "cannot open shared object file: Permission" in error:
        return f"make the file readable (chmod a+r), or install again: {again}"
    if "cannot open shared object file" in error:
        return f"install the package that holds the missing library into this environment, or mlipkit again: {again}"
    if any(mark in error for mark in ("ELF", "too short", "segment", "crashed")):
        return f"the file is damaged or of another kind of machine; install mlipkit again: {again}"
    return f"install mlipkit again: {again}"


def _binding(environment: Environment, findings: Findings) -> Finding:
    answer = ask(environment, "binding", SECONDS)
    if ERROR in answer:
        remedy = load_remedy(environment, answer[ERROR])
        return findings.problem("Python binding", f"cannot be imported: {answer[ERROR]}", remedy, answer.get("path"))
    engine, package = answer["engine"], answer["package"]
    if engine != package:
        found = f"engine {engine} under Python sources {package}"
        return findings.problem("Python binding", found, environment.reinstall(), answer["path"])
    return findings.ok("Python binding", f"engine {engine}, C interface {answer['interface']}", answer["path"])
