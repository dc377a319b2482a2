# SPDX-License-Identifier: MIT
"""``mlip-build-lammps-plugin``: pair_style mlip for a LAMMPS of one's own."""

from __future__ import annotations

import time
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from mlipkit.cli.common import DebugOption, console, one_command, writable_folder

if TYPE_CHECKING:
    from mlipkit.lammps_build import Lammps, Mpi, Program


def build_lammps_plugin(
    lammps_headers: Annotated[
        Path, typer.Option(help="Source tree, build folder or installation of LAMMPS, or its folder with lammps.h.")
    ],
    mpi: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER|COMPILER",
            help="MPI of that LAMMPS: folder of mpi.h, or compiler; by default mpicxx of the PATH.",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for the plugin; by default mlip-lammps-VERSION.")
    ] = None,
    lmp: Annotated[
        str | None, typer.Option(metavar="PROGRAM", help="That LAMMPS itself: compared with the rest, and tried.")
    ] = None,
    lammps_version: Annotated[
        int | None, typer.Option(metavar="YYYYMMDD", help="Where the headers do not tell.")
    ] = None,
    sizes: Annotated[
        str | None, typer.Option(metavar="smallbig|bigbig|smallsmall", help="Where the headers do not tell.")
    ] = None,
    debug: DebugOption = False,
) -> None:
    """Compile pair_style mlip for a LAMMPS of your own, with its headers and its MPI.

    The engine stays that of this installation of mlipkit. The compiler is CXX, or that of the PATH.
    """
    import mlipkit.lammps_build as build

    if sizes is not None and sizes not in build.SIZES:
        raise ValueError(f"--sizes {sizes}: must be one of {', '.join(build.SIZES)}")
    program = build.ask_program(lmp) if lmp is not None else None
    found_mpi = build.find_mpi(mpi)
    lammps = build.find_lammps(lammps_headers, lammps_version, sizes, program)
    _tell("LAMMPS", f"{lammps.version} ({lammps.version_from}), headers in {lammps.headers}")
    _tell("integers", f"{lammps.sizes} ({lammps.sizes_from})")
    if build.has_old_strings(lammps.library):
        _tell("strings", f"those of before GCC 5, as in {lammps.library}")
    _tell("MPI", f"{found_mpi.name}, mpi.h in {found_mpi.headers}")
    if program is not None:
        _tell("program", f"{program.path}, on {program.mpi}")
        _compare(program, found_mpi)
    folder = writable_folder(output or Path(f"mlip-lammps-{lammps.version}")).resolve()
    _tell("compiling", f"with {build.compiler()}, half a minute or so ...")
    start = time.perf_counter()
    plugin = build.compile_plugin(lammps, found_mpi, folder)
    _tell("compiled", f"{plugin} in {time.perf_counter() - start:.0f} s")
    _check_symbols(lammps, folder)
    if program is not None:
        build.try_plugin(program, plugin)
        _tell("tried", f"{program.path} knows pair_style mlip")
    print(f"\nIn the input, before pair_style:\n    plugin load {quote(str(plugin))}")
    print(f"or, for every run of this LAMMPS:\n    export LAMMPS_PLUGIN_PATH={quote(str(folder))}")


def _tell(what: str, text: str) -> None:
    console().print(f"{what:<10} {text}", markup=False, soft_wrap=True)


def _compare(program: Program, mpi: Mpi) -> None:
    if program.mpi_kind != mpi.kind:
        raise ValueError(
            f"{program.path} runs on {program.mpi}, but mpi.h in {mpi.headers} is of {mpi.name}: give --mpi with the "
            "folder or the compiler of the MPI that LAMMPS uses"
        )


def _check_symbols(lammps: Lammps, folder: Path) -> None:
    from mlipkit.lammps_build import missing_symbols

    missing = missing_symbols(folder, lammps.library) if lammps.library else None
    if missing is None:
        _tell("symbols", "not checked: no shared library of LAMMPS was found near the headers")
    elif missing:
        raise ValueError(
            f"{lammps.library} lacks {len(missing)} symbols that the plugin needs, the first is {missing[0]}: headers "
            "and library are of different builds"
        )
    else:
        _tell("symbols", f"all there in {lammps.library}")


def main() -> None:
    one_command("mlip-build-lammps-plugin", build_lammps_plugin)()


if __name__ == "__main__":
    main()
