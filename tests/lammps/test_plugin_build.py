# SPDX-License-Identifier: MIT
"""mlip-build-lammps-plugin: what it finds out about a LAMMPS and an MPI, what it refuses, and a whole build."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from decks import Setting, evaluate, mlip
from lammps_packages import lammps_folder, lammps_headers, lammps_number, mpi_headers

from mlipkit._libraries import library_folder
from mlipkit.interfaces.lammps import find_program
from mlipkit.lammps_build import Program, ask_program, find_lammps, find_mpi, missing_symbols
from mlipkit.lammps_build.compilation import has_old_strings

COMMAND = [sys.executable, "-m", "mlipkit.cli.build_lammps_plugin"]


def written(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def source_tree(root: Path) -> Path:
    written(root / "src" / "lammps.h")
    written(root / "src" / "version.h", '#define LAMMPS_VERSION "2 Aug 2023"\n#define LAMMPS_UPDATE "Update 3"\n')
    return root


def installation(root: Path, version: str = "20240829", flags: str = "-DLAMMPS_BIGBIG -DLAMMPS_GZIP") -> Path:
    written(root / "include" / "lammps" / "lammps.h")
    written(root / "lib64" / "liblammps_mpi.so")
    cflags = f"Cflags: -I${{includedir}} {flags}\n"
    written(root / "lib64" / "pkgconfig" / "liblammps_mpi.pc", f"Name: liblammps\nVersion: {version}\n{cflags}")
    return root


def test_source_tree(tmp_path: Path) -> None:
    for folder in (source_tree(tmp_path), tmp_path / "src"):
        found = find_lammps(folder)
        assert (found.headers, found.version, found.sizes) == (tmp_path / "src", 20230802, "smallbig")
        assert found.version_from == str(tmp_path / "src" / "version.h")
        assert found.sizes_from == "the default of LAMMPS"
        assert found.library is None


def test_installation(tmp_path: Path) -> None:
    root = installation(tmp_path)
    for folder in (root, root / "include", root / "include" / "lammps"):
        found = find_lammps(folder)
        assert (found.headers, found.version, found.sizes) == (root / "include" / "lammps", 20240829, "bigbig")
        assert found.library == root / "lib64" / "liblammps_mpi.so"


def test_build_folder_of_cmake(tmp_path: Path) -> None:
    written(tmp_path / "includes" / "lammps" / "lammps.h")
    written(tmp_path / "liblammps.pc", "Version: 2025.7.22.4\nCflags: -DLAMMPS_SMALLBIG\n")
    library = written(tmp_path / "liblammps.so")
    found = find_lammps(tmp_path)
    assert (found.version, found.sizes, found.library) == (20250722, "smallbig", library)


def test_wheel_of_this_environment() -> None:
    found = find_lammps(lammps_folder())
    assert (found.headers, found.version, found.sizes) == (lammps_headers(), lammps_number(), "smallbig")
    assert found.library == lammps_folder() / "liblammps.so"
    assert not has_old_strings(found.library)
    assert missing_symbols(library_folder(), found.library) == []
    missing = missing_symbols(library_folder(), library_folder() / "libmlip.so")  # no LAMMPS
    assert missing
    assert any("LAMMPS_NS" in name for name in missing)


def test_options_and_program_serve_where_headers_are_silent(tmp_path: Path) -> None:
    headers = written(tmp_path / "lammps.h").parent
    with pytest.raises(ValueError, match=r"neither version\.h in .* nor liblammps\.pc near it; give --lammps-version"):
        find_lammps(headers)
    assert find_lammps(headers, version=20240829, sizes="bigbig").sizes_from == "--sizes"
    program = Program("lmp", 20240829, "smallsmall", "MPICH", "MPICH")
    found = find_lammps(headers, program=program)
    assert (found.version, found.sizes, found.version_from) == (20240829, "smallsmall", "lmp")


def test_contradictions_are_told(tmp_path: Path) -> None:
    root = installation(tmp_path)
    with pytest.raises(ValueError, match=r"20240829 by .*liblammps_mpi\.pc, but 20240830 by --lammps-version"):
        find_lammps(root, version=20240830)
    with pytest.raises(ValueError, match=r"bigbig by .*, but smallbig by --sizes"):
        find_lammps(root, sizes="smallbig")
    with pytest.raises(ValueError, match=r"20240829 by .*, but 20230802 by lmp"):
        find_lammps(root, program=Program("lmp", 20230802, None, "MPICH", "MPICH"))


def test_strings_of_before_gcc_5(tmp_path: Path) -> None:
    """Wheels for manylinux2014 have them."""
    code = "#include <string>\nnamespace LAMMPS_NS { void all(const std::string &) {} }\n"
    for old in (True, False):
        library = tmp_path / f"liblammps{old}.so"
        command = ["g++", "-shared", "-fPIC", f"-D_GLIBCXX_USE_CXX11_ABI={int(not old)}", "-x", "c++", "-"]
        subprocess.run([*command, "-o", str(library)], input=code, text=True, check=True)
        assert has_old_strings(library) == old


def test_mpi_by_folder_prefix_and_compiler(tmp_path: Path) -> None:
    headers = mpi_headers()
    compiler = written(tmp_path / "bin" / "mpi wrapper", f'#!/bin/sh\nexec g++ -I"{headers}" "$@"\n')
    compiler.chmod(0o755)
    for where in (headers, headers.parent, compiler):
        found = find_mpi(str(where))
        assert (found.headers, found.kind) == (headers, "MPICH")
        assert re.fullmatch(r"MPICH \d+\.\d+\.\S+", found.name)


def test_kinds_of_mpi(tmp_path: Path) -> None:
    numbers = zip(("MAJOR", "MINOR", "RELEASE"), (4, 1, 4), strict=True)
    texts = {
        "Open MPI": ("".join(f"#define OMPI_{part}_VERSION {number}\n" for part, number in numbers), "Open MPI 4.1.4"),
        "MPICH": ('#define MPICH_VERSION "3.4a2"\n#define I_MPI_VERSION "2021.9.0"\n', "Intel MPI 2021.9.0"),
        "MPI stubs of LAMMPS": ("#ifndef MPI_STUBS\n#define MPI_STUBS\n#endif\n", "MPI stubs of LAMMPS"),
    }
    for kind, (text, name) in texts.items():
        written(tmp_path / "mpi.h", text)
        found = find_mpi(str(tmp_path))
        assert (found.kind, found.name) == (kind, name)


def test_mpi_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"neither mpi\.h nor include/mpi\.h is in this folder"):
        find_mpi(str(tmp_path))
    with pytest.raises(ValueError, match="neither a folder nor a compiler"):
        find_mpi("no-such-compiler")
    with pytest.raises(ValueError, match=r"the compiler g\+\+ finds no mpi\.h: .*No such file"):
        find_mpi("g++")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match=r"mpicxx, .* are not in the PATH"):
        find_mpi()


def test_program_tells_its_build(tmp_path: Path) -> None:
    found = ask_program(find_program("lmp"))
    assert (found.version, found.sizes, found.mpi_kind) == (lammps_number(), "smallbig", "MPICH")
    silent = written(tmp_path / "lmp", "#!/bin/sh\necho error while loading shared libraries\n")
    silent.chmod(0o755)
    with pytest.raises(ValueError, match="does not print a version of LAMMPS, but: error while loading"):
        ask_program(str(silent))
    written(silent, "#!/bin/sh\necho 'Simulator - 29 Aug 2024'; echo; echo 'KSPACE MOLECULE'\n")
    with pytest.raises(ValueError, match="without the PLUGIN package"):
        ask_program(str(silent))


def command(folder: Path, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "variables", "told"),
    [
        (["--lammps-headers", "nowhere"], {}, r"no lammps\.h in nowhere, nor in its src, includes/lammps"),
        (["--lammps-headers", "lammps", "--sizes", "big"], {}, "--sizes big: must be one of smallbig, bigbig"),
        (["--lammps-headers", "lammps", "--lmp", "nolmp"], {}, "--lmp nolmp: no such program"),
        (
            ["--lammps-headers", "lammps"],
            {"CXX": "no-c++"},
            "no C.. compiler: CXX is 'no-c..', which is not in the PATH",
        ),
        # a real compiler, without a header of LAMMPS that the plugin needs
        (
            ["--lammps-headers", "lammps"],
            {},
            r"compiling failed: .*library\.h: No such file.* output is in \S+mlip-build",
        ),
    ],
)
def test_errors_are_one_line(tmp_path: Path, arguments: list[str], variables: dict[str, str], told: str) -> None:
    source_tree(tmp_path / "lammps")
    done = command(tmp_path, *arguments, "--mpi", mpi_headers(), **variables)
    assert done.returncode == 1
    assert re.fullmatch(f"mlip-build-lammps-plugin: error: {told}.*\n", done.stderr), done.stderr


def test_whole_build(tmp_path: Path, cases: dict[str, Atoms], vector_artifact: Path) -> None:
    """Into a clean folder, for headers laid out as in a source tree; forces are those of the packaged plugin."""
    tree = source_tree(tmp_path / "lammps")
    shutil.copytree(lammps_headers(), tree / "src", dirs_exist_ok=True)
    written(tree / "src" / "version.h", '#define LAMMPS_VERSION "22 Jul 2025"\n')
    lmp = find_program("lmp")
    done = command(tmp_path, "--lammps-headers", tree, "--mpi", mpi_headers(), "--lmp", lmp, "-o", "my plugin")
    assert done.returncode == 0, done.stdout + done.stderr
    plugin = tmp_path / "my plugin" / "mlipplugin.so"
    load = f"plugin load '{plugin}'"
    assert f"\n    {load}\n" in done.stdout
    assert f"export LAMMPS_PLUGIN_PATH='{plugin.parent}'" in done.stdout
    assert re.search(rf"^LAMMPS +{lammps_number()} \({re.escape(str(tree))}/src/version.h\)", done.stdout, re.MULTILINE)
    assert sorted(path.name for path in plugin.parent.iterdir()) == ["libmlip_lammps.so", "mlipplugin.so"]

    packaged = Setting("packaged", cases["bulk_water"], pair=mlip(vector_artifact))
    own = Setting("own", cases["bulk_water"], pair=f"plugin clear\n{load}\n{mlip(vector_artifact)}")
    states = evaluate(tmp_path, [packaged, own], ranks=2)
    np.testing.assert_array_equal(states["own"].forces, states["packaged"].forces)
    log = (tmp_path / "deck.log").read_text()
    assert "Loading plugin: machine-learned" in log  # it is this one that ran
    assert "Ignoring" not in log
