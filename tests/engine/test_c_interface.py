# SPDX-License-Identifier: MIT
"""mlip.h as C sees it: a C99 program, NULL pointers, and installations in which torch is missing or another one."""

from __future__ import annotations

import ctypes
import hashlib
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import mlipkit
from mlipkit._libraries import library_folder

PROGRAM = r"""
#include <stdio.h>
#include "mlip/mlip.h"

int main(void) {
  const double positions[] = {0.0, 0.0, 0.0, 1.0, 0.0, 0.0}, cell[] = {4.0, 0.0, 0.0, 0.0, 4.0, 0.0, 0.0, 0.0, 4.0};
  const int pbc[] = {1, 0, 0};
  mlip_neighbours *list = NULL;
  mlip_model *model = NULL;
  mlip_edges edges;
  if (mlip_interface_version() != MLIP_INTERFACE_VERSION) return 1;
  if (mlip_neighbours_create(3.5, 0.0, &list) != MLIP_OK) return 2;
  if (mlip_neighbours_update(list, 2, positions, cell, pbc, &edges) != MLIP_OK) return 3;
  printf("%d edges\n", (int)edges.n_edges);
  mlip_neighbours_destroy(list);
  if (mlip_open("nowhere.pt", NULL, &model) != MLIP_ERROR_ARTIFACT || model != NULL) return 4;
  printf("%s\n", mlip_last_error());
  return 0;
}
"""

OPEN = """
import ctypes, sys
lib = ctypes.CDLL(sys.argv[1])
lib.mlip_last_error.restype = ctypes.c_char_p
class Options(ctypes.Structure):
    _fields_ = [("species", ctypes.c_void_p), ("n_species", ctypes.c_int), ("precision", ctypes.c_char_p),
                ("device", ctypes.c_char_p), ("task", ctypes.c_char_p), ("threads", ctypes.c_int),
                ("tables", ctypes.c_int)]
model = ctypes.c_void_p()
for attempt in range(2):
    status = lib.mlip_open(sys.argv[2].encode(), ctypes.byref(Options(task=b"pbe")), ctypes.byref(model))
assert "torch" not in sys.modules
import json
print(json.dumps([status, lib.mlip_last_error().decode()]))
"""


@pytest.fixture
def compiler() -> str:
    found = shutil.which("cc") or shutil.which("gcc")
    assert found, "no C compiler, though mlipkit was built here"
    return found


def test_header_is_plain_c_and_a_c_program_links(compiler: str, tmp_path: Path) -> None:
    source, program = tmp_path / "host.c", tmp_path / "host"
    source.write_text(PROGRAM)
    header = Path(__file__).parents[2] / "csrc" / "include"
    strict = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror"]
    folder = library_folder()
    link = [f"-L{folder}", "-lmlip", f"-Wl,-rpath,{folder}"]
    subprocess.run([compiler, *strict, f"-I{header}", str(source), "-o", str(program), *link], check=True)
    output = subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout.splitlines()
    # along the chain with period 4: distances 1 and 3 from each side
    assert output[0] == "4 edges"
    assert "nowhere.pt does not exist" in output[1]


def test_libmlip_needs_no_torch_library() -> None:
    needed = subprocess.run(["ldd", str(library_folder() / "libmlip.so")], check=True, capture_output=True, text=True)
    assert "torch" not in needed.stdout
    assert "c10" not in needed.stdout


def test_null_pointers_are_errors() -> None:
    lib = ctypes.CDLL(str(library_folder() / "libmlip.so"))
    lib.mlip_last_error.restype = ctypes.c_char_p
    null = ctypes.c_void_p()
    argument = 1
    calls = {
        "mlip_file_sha256": (null, null),
        "mlip_open": (null, null, null),
        "mlip_describe": (null, null),
        "mlip_set_condition": (null, null, ctypes.c_double(0.0)),
        "mlip_set_halo": (null, null),
        "mlip_set_reduction": (null, null),
        "mlip_want_outputs": (null, null, 0),
        "mlip_evaluate": (null, null, null),
        "mlip_output": (null, null, null, null),
        "mlip_neighbours_create": (ctypes.c_double(3.0), ctypes.c_double(0.0), null),
        "mlip_neighbours_update": (null, ctypes.c_int64(0), null, null, null, null),
        "mlip_compute": (null, null, ctypes.c_int64(0), null, null, null, null, null),
    }
    for name, arguments in calls.items():
        assert getattr(lib, name)(*arguments) == argument
        assert "NULL" in lib.mlip_last_error().decode()
    lib.mlip_close(null)
    lib.mlip_neighbours_destroy(null)
    assert lib.mlip_neighbours_builds(null) == 0


@pytest.mark.parametrize("size", [0, 1, 63, 64, 3 * 2**20, 3 * 2**20 + 17])
def test_checksum_of_a_file(tmp_path: Path, size: int) -> None:
    """Sizes around a block of SHA-256 and beyond the chunk that is read at once; reference: Python's hashlib."""
    content = random.Random(size).randbytes(size)
    (tmp_path / "file").write_bytes(content)
    lib = ctypes.CDLL(str(library_folder() / "libmlip.so"))
    digest = ctypes.create_string_buffer(65)
    assert lib.mlip_file_sha256(str(tmp_path / "file").encode(), digest) == 0
    assert digest.value.decode() == hashlib.sha256(content).hexdigest()


def test_checksum_of_what_is_no_file(tmp_path: Path) -> None:
    lib = ctypes.CDLL(str(library_folder() / "libmlip.so"))
    lib.mlip_last_error.restype = ctypes.c_char_p
    digest = ctypes.create_string_buffer(65)
    for path in (tmp_path, tmp_path / "nothing"):
        assert lib.mlip_file_sha256(str(path).encode(), digest) == 2
        assert f"{path} cannot be read" in lib.mlip_last_error().decode()


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    """Folder like site-packages with the libraries in mlipkit/lib and an empty torch."""
    folder = tmp_path / "mlipkit" / "lib"
    folder.mkdir(parents=True)
    for name in ("libmlip.so", "libmlip_torch.so"):
        shutil.copy(library_folder() / name, folder / name)
    (tmp_path / "torch").mkdir()
    return tmp_path


def set_torch(installation: Path, version: str, libraries: bool = False) -> None:
    (installation / "torch" / "version.py").write_text(f"from typing import Optional\n\n__version__ = '{version}'\n")
    if libraries:
        (installation / "torch" / "lib").symlink_to(Path(torch.__file__).parent / "lib")


def try_to_open(installation: Path, artifact: Path) -> tuple[int, str]:
    library = installation / "mlipkit" / "lib" / "libmlip.so"
    command = [sys.executable, "-c", OPEN, str(library), str(artifact)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    status, message = json.loads(output)
    return status, message


BACKEND = 3


def test_another_torch_is_named_with_the_remedy(installation: Path, toy_artifact: Path) -> None:
    set_torch(installation, "2.99.1+cu130", libraries=True)
    status, message = try_to_open(installation, toy_artifact)
    built = torch.__version__
    minor = ".".join(built.split(".")[:2])
    assert status == BACKEND
    assert f"mlipkit {mlipkit.__version__} was built against torch {built}" in message
    assert "torch 2.99.1+cu130 is installed beside it" in message
    assert f"pip install torch=={minor}.*" in message


def test_a_patch_release_of_torch_is_fine(installation: Path, toy_artifact: Path) -> None:
    minor = ".".join(torch.__version__.split(".")[:2])
    set_torch(installation, f"{minor}.9+cpu", libraries=True)
    assert try_to_open(installation, toy_artifact) == (0, "")


def test_torch_that_is_not_there(installation: Path, toy_artifact: Path) -> None:
    shutil.rmtree(installation / "torch")
    status, message = try_to_open(installation, toy_artifact)
    assert status == BACKEND
    assert "libmlip_torch.so (libtorch" in message  # the reason of the dynamic linker
    assert "no torch is installed beside mlipkit" in message


def test_backend_library_that_is_not_there(installation: Path, toy_artifact: Path) -> None:
    set_torch(installation, torch.__version__, libraries=True)
    (installation / "mlipkit" / "lib" / "libmlip_torch.so").unlink()
    status, message = try_to_open(installation, toy_artifact)
    assert status == BACKEND
    assert "cannot load" in message
    assert "reinstall mlipkit" in message
