# SPDX-License-Identifier: MIT
"""The layers stay apart: each part of the code sees only what DESIGN allows it to see."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mlipkit._libraries import library_folder

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "python" / "mlipkit"
TORCH = r"(torch|ATen|c10|caffe2)/"
HOSTS = r"(openmm/|OpenMM|pair\.h|lammps|pointers\.h|mpi\.h)"


def includes(folder: str) -> list[tuple[str, str]]:
    files = [path for path in (ROOT / folder).rglob("*") if path.suffix in {".h", ".cpp", ".cu", ".cuh"}]
    assert files, f"no sources in {folder}"
    pattern = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)
    return [(str(path.relative_to(ROOT)), name) for path in files for name in pattern.findall(path.read_text())]


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("csrc/include", TORCH),
        ("csrc/core", TORCH),
        ("csrc/neighbours", TORCH),
        ("csrc/python", TORCH),
        ("cuda", TORCH),
        ("lammps_plugin", TORCH),
        ("openmm_plugin", TORCH),
        ("csrc", HOSTS),
        ("cuda", HOSTS),
    ],
)
def test_sources_include_nothing_from_other_layers(folder: str, forbidden: str) -> None:
    wrong = [(path, name) for path, name in includes(folder) if re.match(forbidden, name)]
    assert not wrong


@pytest.mark.parametrize("plugin", ["lammps_plugin", "openmm_plugin"])
def test_plugins_see_only_the_public_header_of_the_engine(plugin: str) -> None:
    # By path: LAMMPS has an error.h of its own.
    private = {str(path.relative_to(ROOT / "csrc")) for path in (ROOT / "csrc").rglob("*.h")}
    assert "core/model.h" in private
    wrong = [(path, name) for path, name in includes(plugin) if name in private or "csrc/" in name]
    assert not wrong


@pytest.mark.parametrize("library", ["libmlip.so", "mlipplugin.so", "libmlip_lammps.so"])
def test_libraries_link_no_torch_and_no_host(library: str) -> None:
    dynamic = subprocess.run(
        ["readelf", "-d", str(library_folder() / library)], capture_output=True, text=True, check=True
    ).stdout
    needed = re.findall(r"NEEDED.*\[(.+)\]", dynamic)
    assert needed
    assert not [name for name in needed if re.search(r"torch|c10|lammps|libmpi|OpenMM", name)]


def test_what_lammps_loads_needs_no_class_of_lammps() -> None:
    """Symbols of classes differ between versions: LAMMPS could not open it, and would not know the pair style."""
    library = library_folder() / "mlipplugin.so"
    wanted = subprocess.run(["nm", "-D", "-u", str(library)], capture_output=True, text=True, check=True).stdout
    assert " lammps_version" in wanted
    assert not re.search(r"LAMMPS_NS|_lmp|MPI_|mpi_", wanted)


def test_openmm_plugin_links_the_engine_and_openmm_alone() -> None:
    dynamic = subprocess.run(
        ["readelf", "-d", str(library_folder() / "libMLIPOpenMM.so")], capture_output=True, text=True, check=True
    ).stdout
    needed = re.findall(r"NEEDED.*\[(.+)\]", dynamic)
    assert {"libmlip.so", "libOpenMM.so"} <= set(needed)
    assert not [name for name in needed if re.search(r"torch|c10|lammps|libmpi|python", name)]


def imported_modules(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_nothing_below_training_imports_it() -> None:
    below = [path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] not in {"train", "cli"}]
    assert len(below) > 10
    wrong = [str(path) for path in below if any(m.startswith("mlipkit.train") for m in imported_modules(path))]
    assert not wrong


def test_training_names_no_architecture() -> None:
    wrong = [
        str(path)
        for path in (PACKAGE / "train").rglob("*.py")
        if any(re.match(r"mlipkit\.nn\.(mace|contraction|convolution)", m) for m in imported_modules(path))
    ]
    assert not wrong


def test_package_does_not_need_e3nn_or_mace() -> None:
    """Only converting a model of mace-torch does."""
    wrong = [
        str(path)
        for path in PACKAGE.rglob("*.py")
        if path.parent != PACKAGE / "importers" / "mace"
        and any(m.split(".")[0] in {"e3nn", "mace", "nequip"} for m in imported_modules(path))
    ]
    assert not wrong


def test_importing_the_package_is_light() -> None:
    code = (
        "import sys, mlipkit._libraries; mlipkit._libraries.plugin_folder(); "
        "print('torch' in sys.modules, 'numpy' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert answer == ["False", "False"]


def test_every_source_names_its_licence() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    sources = [ROOT / name for name in listed if Path(name).suffix in {".py", ".h", ".cpp", ".cu", ".cuh", ".cmake"}]
    assert sources
    for path in sources:
        if not path.exists():
            continue
        first = path.read_text().split("\n", 2)[:2]
        expected = "GPL-2.0-or-later" if "lammps_plugin" in path.parts else "MIT"
        assert any(f"SPDX-License-Identifier: {expected}" in line for line in first), path
