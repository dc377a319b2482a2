# SPDX-License-Identifier: MIT
"""The library itself: its C++ interface, the versions it insists on, and what Python says when parts are missing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import openmm
import pytest
from ase import Atoms
from openmm_systems import EV, ase_state

from mlipkit._libraries import library_folder
from mlipkit.openmm import plugin_path

SOURCES = Path(__file__).parents[2] / "openmm_plugin"
OPENMM = Path(openmm.__file__).parents[1] / "OpenMM.libs"
INCLUDE = library_folder().parent / "include"

# Energy (kJ/mol) of water on every platform that has the force, straight from C++ and after a round trip through XML.
PROGRAM = r"""
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <sstream>

#include "MLIPForce.h"
#include "OpenMM.h"
#include "openmm/serialization/XmlSerializer.h"

double energy(const OpenMM::System& system, const char* platform, const std::vector<OpenMM::Vec3>& positions) {
  OpenMM::VerletIntegrator integrator(0.001);
  OpenMM::Context context(system, integrator, OpenMM::Platform::getPlatformByName(platform));
  context.setPositions(positions);
  return context.getState(OpenMM::State::Energy).getPotentialEnergy();
}

int main(int, char** argv) {
  OpenMM::Platform::loadPluginsFromDirectory(argv[1]);
  OpenMM::Platform::loadPluginLibrary(argv[2]);
  std::vector<std::string> symbols;
  std::vector<OpenMM::Vec3> positions;
  OpenMM::System system;
  for (char** word = argv + 4; *word != nullptr; word += 4) {
    symbols.push_back(word[0]);
    positions.emplace_back(std::atof(word[1]), std::atof(word[2]), std::atof(word[3]));
    system.addParticle(1.0);
  }
  auto* force = new MLIPPlugin::MLIPForce(argv[3], symbols);
  force->setPrecision("double");
  force->setThreads(1);
  system.addForce(force);
  std::stringstream saved;
  OpenMM::XmlSerializer::serialize<OpenMM::System>(&system, "System", saved);
  std::unique_ptr<OpenMM::System> again(OpenMM::XmlSerializer::deserialize<OpenMM::System>(saved));
  const auto& same = dynamic_cast<const MLIPPlugin::MLIPForce&>(again->getForce(0));
  std::printf("%s %.17g %.17g\n", same.getChecksum().c_str(), energy(system, "Reference", positions),
              energy(*again, "CPU", positions));
}
"""


def compile_cpp(source: str, target: Path, *options: str) -> Path:
    compiler = os.environ.get("CXX", "c++")
    command = [compiler, "-std=c++20", "-x", "c++", "-", "-o", str(target), *options, f"-I{OPENMM / 'include'}"]
    for folder in (OPENMM / "lib", library_folder()):
        command += [f"-L{folder}", f"-Wl,-rpath,{folder}"]
    libraries = ["-Wl,--no-as-needed", "-lmlip", "-lOpenMM"]
    subprocess.run([*command, *libraries], input=source, text=True, check=True, capture_output=True)
    return target


def test_cpp_interface(tmp_path: Path, water_artifact: Path, cases: dict[str, Atoms]) -> None:
    """Against the installed header; the artifact's checksum is recorded when the force is saved."""
    atoms = cases["molecule"]
    program = compile_cpp(PROGRAM, tmp_path / "program", f"-I{INCLUDE}", "-lMLIPOpenMM")
    words = [f"{s} {x} {y} {z}" for s, (x, y, z) in zip(atoms.symbols, atoms.positions * 0.1, strict=True)]
    command = [program, OPENMM / "lib" / "plugins", plugin_path(), water_artifact, *" ".join(words).split()]
    finished = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=120)
    assert finished.returncode == 0, finished.stderr
    checksum, *energies = finished.stdout.split()
    assert re.fullmatch("[0-9a-f]{64}", checksum)
    expected = ase_state(water_artifact, atoms).energy * EV
    assert [float(energy) for energy in energies] == pytest.approx([expected, expected], rel=1e-9)


def build_plugin(target: Path, openmm_version: str, *options: str) -> Path:
    """All sources as one translation unit, compiled for another OpenMM."""
    source = "".join(f'#include "{path}"\n' for path in sorted(SOURCES.rglob("*.cpp")))
    version = f'-DMLIP_OPENMM_VERSION="{openmm_version}"'
    return compile_cpp(source, target, "-shared", "-fPIC", version, *options, f"-I{INCLUDE}", f"-I{SOURCES}")


def load(path: Path) -> str:
    """What OpenMM says about loading the library; empty when it has no objection."""
    code = "import openmm, sys; openmm.Platform.loadPluginLibrary(sys.argv[1])"
    finished = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=60)
    assert (finished.returncode == 0) == (finished.stderr == ""), finished.stderr
    return finished.stderr


def test_plugin_for_another_openmm(tmp_path: Path) -> None:
    message = load(build_plugin(tmp_path / "libMLIPOpenMM.so", "8.1.2"))
    version = re.escape(openmm.Platform.getOpenMMVersion())
    assert re.search(f"MLIPForce: .*compiled for OpenMM 8.1.2, but this is OpenMM {version}. Rebuild mlipkit", message)


def test_plugin_for_another_engine(tmp_path: Path) -> None:
    header = (INCLUDE / "mlip" / "mlip.h").read_text()
    later = re.sub(r"(#define MLIP_INTERFACE_VERSION) \d+", r"\1 99", header)
    (tmp_path / "mlip").mkdir()
    (tmp_path / "mlip" / "mlip.h").write_text(later)
    path = build_plugin(tmp_path / "libMLIPOpenMM.so", openmm.Platform.getOpenMMVersion(), f"-I{tmp_path}")
    assert re.search(r"MLIPForce: .*interface 99 of libmlip, but the libmlip .* Reinstall mlipkit", load(path))


@pytest.mark.parametrize(("given", "found"), [(None, "passive"), ("active", "active")])
def test_idle_threads_sleep_unless_told_otherwise(given: str | None, found: str) -> None:
    code = "import ctypes, mlipkit.openmm; c = ctypes.CDLL(None).getenv; c.restype = ctypes.c_char_p; "
    code += "print(c(b'OMP_WAIT_POLICY').decode())"
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    environment |= {} if given is None else {"OMP_WAIT_POLICY": given}
    finished = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == found


def import_error(before: str) -> str:
    """What Python prints when mlipkit.openmm is imported after the statements `before`."""
    code = f"import sys, pathlib, mlipkit._libraries as libraries\n{before}\nimport mlipkit.openmm"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert finished.returncode != 0
    return finished.stderr


def test_without_openmm() -> None:
    message = import_error("sys.modules['openmm'] = None")
    assert re.search(r"ImportError: mlipkit.openmm needs OpenMM .*pip install 'mlipkit\[openmm\]'", message)


def test_without_the_plugin(tmp_path: Path) -> None:
    message = import_error(f"libraries.library_folder = lambda: pathlib.Path({str(tmp_path)!r})")
    assert re.search(r"libMLIPOpenMM.so is missing: .*run `pip install .`", message)


def test_a_plugin_that_cannot_be_loaded(tmp_path: Path) -> None:
    (tmp_path / "libMLIPOpenMM.so").write_text("no library")
    message = import_error(f"libraries.library_folder = lambda: pathlib.Path({str(tmp_path)!r})")
    assert re.search(r"ImportError: OpenMM .* cannot load .*libMLIPOpenMM.so", message)
